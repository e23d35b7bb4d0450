/*
 * What POSIX calls cost, in plain C and POSIX: the same source linked with its own library OS, and
 * as an unmodified Linux program. Only the counters are exo4's.
 *
 *   posix WAY [OPERATION]...        reports posix.OPERATION.WAY; without operations: all
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo/abi/kinfo.h"
#include "libos/start/cpu.h"
#include "tests/lab/posix.h"

#define ROUNDS 64
#define WARM   40 /* calls of a page that others see, too, are patched after 32 */

static uint64_t ticks[ROUNDS], entries[ROUNDS];
const char *posix_self;

_Noreturn void posix_fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Of everybody, on the only CPU: the first nine counters are kinds of entries. */
static uint64_t entries_now(void)
{
    const volatile struct env_counts *c = (const volatile struct env_counts *)WINDOW_COUNTS;
    uint64_t sum = 0;

    for (unsigned i = 0; i < ENV_MAX; i++)
        sum += c[i].calls + c[i].links + c[i].transfers + c[i].foreign + c[i].fault_upcalls +
               c[i].faults + c[i].exception_upcalls + c[i].exceptions + c[i].interrupts;
    return sum;
}

static void nothing(void)
{
}

static void run_rounds(const struct operation *o)
{
    void (*volatile run)(void) = o->run; /* not to be inlined: an empty round calls, too */

    for (int i = -WARM; i < ROUNDS; i++) {
        if (o->before)
            o->before();
        uint64_t entered = entries_now(), begin = cpu_ticks();
        run();
        uint64_t end = cpu_ticks();
        if (i >= 0) {
            ticks[i] = end - begin;
            entries[i] = entries_now() - entered;
        }
        if (o->after)
            o->after();
    }
}

/* The round with the median count. */
static int median(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        int below = 0, same = 0;
        for (int other = 0; other < ROUNDS; other++) {
            below += ticks[other] < ticks[i];
            same += ticks[other] == ticks[i];
        }
        if (below <= ROUNDS / 2 && ROUNDS / 2 < below + same)
            return i;
    }
    return 0;
}

/* A function by itself, so that a trace finds where a result begins. */
__attribute__((noinline)) void lab_report(const char *way, const struct operation *o,
                                          uint64_t empty);
void lab_report(const char *way, const struct operation *o, uint64_t empty)
{
    uint64_t low = UINT64_MAX, high = 0;
    int agree = 0, at = median();

    for (int i = 0; i < ROUNDS; i++) {
        agree += ticks[i] == ticks[at];
        low = ticks[i] < low ? ticks[i] : low;
        high = ticks[i] > high ? ticks[i] : high;
    }
    printf("result posix.%s.%s total=%lu per=%u rounds=%d agree=%d min=%lu max=%lu counted=1 "
           "entries=%lu\n",
           o->name, way, ticks[at] - empty, o->per, ROUNDS, agree, low - empty, high - empty,
           entries[at]);
    fflush(stdout);
}

static void measure(const char *way, const struct operation *o, uint64_t empty)
{
    if (o->begin && !o->begin())
        posix_fail(o->name);
    run_rounds(o);
    lab_report(way, o, empty);
    if (o->end)
        o->end();
}

static bool is_wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return true;
    return count == 0;
}

static const struct operation *const lists[] = {call_operations, task_operations};

static bool is_known(const char *name)
{
    for (size_t list = 0; list < sizeof lists / sizeof lists[0]; list++)
        for (const struct operation *o = lists[list]; o->name; o++)
            if (!strcmp(o->name, name))
                return true;
    fprintf(stderr, "posix: there is no operation %s\n", name);
    return false;
}

int main(int argc, char **argv)
{
    const struct operation empty = {.run = nothing};

    if (argc == 2 && !strcmp(argv[1], "end"))
        return 0;
    if (argc < 2) {
        fprintf(stderr, "usage: posix WAY [OPERATION]...\n");
        return 64;
    }
    for (int i = 2; i < argc; i++)
        if (!is_known(argv[i]))
            return 64;
    posix_self = argv[0];
    run_rounds(&empty);
    const uint64_t price = ticks[median()];
    for (size_t list = 0; list < sizeof lists / sizeof lists[0]; list++)
        for (const struct operation *o = lists[list]; o->name; o++)
            if (is_wanted(o->name, argc - 2, argv + 2))
                measure(argv[1], o, price);
    printf("end\n");
    return 0;
}

/*
 * What a system call costs that does nothing: getppid, in plain C and POSIX. Built twice: linked
 * with its own library OS, and as an unmodified Linux program whose `syscall` instruction is
 * reflected. The first argument is the key to report under. Only the counters are exo4's.
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "exo/abi/kinfo.h"
#include "libos/start/cpu.h"

#define ROUNDS 64
#define WARM   16

static uint64_t ticks[ROUNDS], entries[ROUNDS];

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

/* With nothing between the stamps when `call` is false. */
static inline __attribute__((always_inline)) void run_rounds(int call)
{
    for (int i = -WARM; i < ROUNDS; i++) {
        uint64_t entered = entries_now(), begin = cpu_ticks();
        if (call)
            getppid();
        uint64_t end = cpu_ticks();
        if (i < 0)
            continue;
        ticks[i] = end - begin;
        entries[i] = entries_now() - entered;
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

int main(int argc, char **argv)
{
    uint64_t low = UINT64_MAX, high = 0;
    int agree = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: getppid KEY\n");
        return 64;
    }
    run_rounds(0);
    uint64_t empty = ticks[median()];
    run_rounds(1);
    int at = median();
    for (int i = 0; i < ROUNDS; i++) {
        agree += ticks[i] == ticks[at];
        low = ticks[i] < low ? ticks[i] : low;
        high = ticks[i] > high ? ticks[i] : high;
    }
    printf("result %s total=%lu per=1 rounds=%d agree=%d min=%lu max=%lu counted=1 entries=%lu\n",
           argv[1], ticks[at] - empty, ROUNDS, agree, low - empty, high - empty, entries[at]);
    printf("end\n");
    return 0;
}

/* Series of rounds: what an empty one costs, and the median's report. */
#include "libos/error.h"
#include "libos/log.h"
#include "libos/servers/program.h"
#include "tests/lab/lab.h"
#include "tests/lab/probe.h"

#define STATUS_FAILED 1

static struct lab_series series;

/* By insertion: the rounds are few. */
static void sort(struct lab_sample *at, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct lab_sample moved = at[i];
        uint32_t j = i;
        for (; j > 0 && at[j - 1].ticks > moved.ticks; j--)
            at[j] = at[j - 1];
        at[j] = moved;
    }
}

const volatile uint32_t *lab_ring_count(uint32_t which)
{
    for (uint32_t i = OBJECT_RINGS;; i++)
        if (book_object(i)->kind == CAP_RING)
            return (const volatile uint32_t *)&book_object(i)->counts[which];
}

const volatile uint32_t *lab_handled(void)
{
    return lab_ring_count(COUNT_HANDLED);
}

void lab_report_some(const char *key, struct lab_series *s, uint32_t rounds, uint64_t empty,
                     uint32_t per, uint32_t counted)
{
    uint32_t agree = 0;

    sort(s->rounds, rounds);
    const struct lab_sample *median = &s->rounds[rounds / 2];
    const uint64_t ticks = median->ticks;
    for (uint32_t i = 0; i < rounds; i++)
        if (s->rounds[i].ticks == ticks) {
            agree++;
            if (s->rounds[i].entries < median->entries) /* no interrupt before the first stamp */
                median = &s->rounds[i];
        }
    log_line("result %s total=%lu per=%u rounds=%u agree=%u min=%lu max=%lu counted=%u "
             "entries=%lu space_switches=%lu tlb_flushes=%lu",
             key, median->ticks - empty, per, rounds, agree, s->rounds[0].ticks - empty,
             s->rounds[rounds - 1].ticks - empty, counted, median->entries, median->space_switches,
             median->tlb_flushes);
}

void lab_report(const char *key, struct lab_series *s, uint64_t empty, uint32_t per,
                uint32_t counted)
{
    lab_report_some(key, s, LAB_ROUNDS, empty, per, counted);
}

uint64_t lab_median(struct lab_series *s)
{
    sort(s->rounds, LAB_ROUNDS);
    return s->rounds[LAB_ROUNDS / 2].ticks;
}

static void nothing(void *argument, uint32_t round)
{
    (void)argument, (void)round;
}

uint64_t lab_empty(void)
{
    lab_measure(&series, NULL, nothing, NULL);
    return lab_median(&series);
}

uint64_t lab_empty_probe(void)
{
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++)
        lab_keep(&series, i, probe_empty(), lab_counters());
    return lab_median(&series);
}

_Noreturn void lab_fail(const char *key, enum err e)
{
    program_fail(STATUS_FAILED, key, error_text(e));
}

struct lab_sample lab_counters(void)
{
    const struct env_counts c = book_cpu_counts(0);

    return (struct lab_sample){.entries = book_entries(&c),
                               .space_switches = c.space_switches,
                               .tlb_flushes = c.tlb_flushes};
}

/* Counters for each environment. */
#include "exo/env/counts.h"

#include "exo/base/string.h"

unsigned counts_cpus;
static struct env_counts *counts; /* [ENV_MAX][counts_cpus] */

void counts_init(struct env_counts *table, unsigned cpus)
{
    counts = table;
    counts_cpus = cpus;
}

struct env_counts *counts_at(uint32_t number, unsigned cpu)
{
    return &counts[number * counts_cpus + cpu];
}

/* A CPU whose caller went while it waited for the lock counts that here by itself. */
void counts_end(uint32_t number)
{
    for (unsigned cpu = 0; cpu < counts_cpus; cpu++) {
        uint64_t *from = (uint64_t *)counts_at(number, cpu);
        uint64_t *to = (uint64_t *)counts_at(0, cpu);
        for (unsigned i = 0; i < sizeof *counts / sizeof *to; i++)
            __atomic_fetch_add(&to[i], from[i], __ATOMIC_RELAXED);
        memset(from, 0, sizeof *counts);
    }
}

/* Earliest deadline first: of those with budget left, who must have it first. */
#include "libos/sched.h"

#define WHOLE 1000000u /* shares of the processor, in millionths, rounded up */

static uint64_t share(const struct sched_entity *e)
{
    return (e->budget * WHOLE + e->period - 1) / e->period;
}

static enum err admit(struct scheduler *s, struct sched_entity *e, uint64_t now)
{
    uint64_t promised = 0;

    if (!e->period || !e->budget || e->budget > e->period || e->budget > UINT64_MAX / WHOLE / 2)
        return ERR_BAD_ARG;
    for (const struct sched_entity *other = s->first; other; other = other->next)
        promised += other->budget * WHOLE / other->period;
    if (promised + share(e) > WHOLE + 1) /* thirds and the like add up to the whole */
        return ERR_IN_USE;
    e->deadline = now + e->period;
    e->left = e->budget;
    e->misses = 0;
    return ERR_OK;
}

/* A new period begins, and with it a new budget. Periods slept over are not made up for. */
static void refresh(struct sched_entity *e, uint64_t now)
{
    if (now < e->deadline)
        return;
    e->misses += e->ready && e->left;
    e->deadline += (now - e->deadline) / e->period * e->period + e->period;
    e->left = e->budget;
}

static void wake(struct scheduler *s, struct sched_entity *e, uint64_t now)
{
    (void)s;
    refresh(e, now);
}

static struct sched_entity *pick(struct scheduler *s, uint64_t now)
{
    struct sched_entity *best = NULL;

    for (struct sched_entity *e = s->first; e; e = e->next) {
        refresh(e, now);
        if (e->ready && e->left && (!best || e->deadline < best->deadline))
            best = e;
    }
    return best;
}

static void charge(struct scheduler *s, struct sched_entity *e, uint64_t used)
{
    (void)s;
    e->left -= used < e->left ? used : e->left;
}

void sched_edf(struct scheduler *s)
{
    *s = (struct scheduler){.admit = admit, .pick = pick, .charge = charge, .wake = wake};
}

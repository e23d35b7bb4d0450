/* Stride scheduling: who has had least for its tickets runs next. */
#include "libos/sched.h"

#define STRIDE_ONE 65536u /* of a single ticket; 2^64 of passes are 2^48 units of time and more */

/* Newcomers and those who wake begin with who ran last: time not wanted is not saved up. */
static void catch_up(struct scheduler *s, struct sched_entity *e, uint64_t now)
{
    (void)now;
    if (e->pass < s->pass)
        e->pass = s->pass;
}

static enum err admit(struct scheduler *s, struct sched_entity *e, uint64_t now)
{
    (void)now;
    e->pass = s->pass;
    return sched_check_tickets(e);
}

static struct sched_entity *pick(struct scheduler *s, uint64_t now)
{
    struct sched_entity *best = NULL;

    (void)now;
    for (struct sched_entity *e = s->first; e; e = e->next)
        if (e->ready && (!best || e->pass < best->pass))
            best = e;
    if (best)
        s->pass = best->pass;
    return best;
}

static void charge(struct scheduler *s, struct sched_entity *e, uint64_t used)
{
    (void)s;
    e->pass += used * (STRIDE_ONE / e->tickets) + used * (STRIDE_ONE % e->tickets) / e->tickets;
}

void sched_stride(struct scheduler *s)
{
    *s = (struct scheduler){.admit = admit, .pick = pick, .charge = charge, .wake = catch_up};
}

/* Lottery scheduling: each quantum goes to the holder of a ticket that is drawn. */
#include "libos/sched.h"

static enum err admit(struct scheduler *s, struct sched_entity *e, uint64_t now)
{
    (void)s, (void)now;
    return sched_check_tickets(e);
}

/* Marsaglia's xorshift64. */
static uint64_t draw(struct scheduler *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random;
}

static struct sched_entity *pick(struct scheduler *s, uint64_t now)
{
    uint64_t tickets = 0;

    (void)now;
    for (const struct sched_entity *e = s->first; e; e = e->next)
        tickets += e->ready ? e->tickets : 0;
    if (!tickets)
        return NULL;
    uint64_t winner = draw(s) % tickets;
    struct sched_entity *e = s->first;
    for (; !e->ready || winner >= e->tickets; e = e->next)
        winner -= e->ready ? e->tickets : 0;
    return e;
}

void sched_lottery(struct scheduler *s, uint64_t seed)
{
    *s = (struct scheduler){.admit = admit, .pick = pick};
    s->random = (seed + 1) * 0x9e3779b97f4a7c15; /* small seeds would draw alike at first */
    if (!s->random)
        s->random = 1;
}

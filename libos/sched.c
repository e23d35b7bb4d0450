/* What all schedulers share. */
#include "libos/sched.h"

enum err sched_check_tickets(const struct sched_entity *e)
{
    return e->tickets >= 1 && e->tickets <= SCHED_TICKETS_MAX ? ERR_OK : ERR_BAD_ARG;
}

enum err sched_add(struct scheduler *s, struct sched_entity *e, uint64_t now)
{
    enum err error = s->admit(s, e, now);

    if (error)
        return error;
    e->used = 0;
    e->next = NULL;
    struct sched_entity **at = &s->first;
    while (*at)
        at = &(*at)->next;
    *at = e;
    return ERR_OK;
}

void sched_remove(struct scheduler *s, struct sched_entity *e)
{
    for (struct sched_entity **at = &s->first; *at; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            return;
        }
}

void sched_set_ready(struct scheduler *s, struct sched_entity *e, bool ready, uint64_t now)
{
    if (ready && !e->ready && s->wake)
        s->wake(s, e, now);
    e->ready = ready;
}

void sched_charge(struct scheduler *s, struct sched_entity *e, uint64_t used)
{
    e->used += used;
    if (s->charge)
        s->charge(s, e, used);
}

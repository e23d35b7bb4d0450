/* Ready queues that hold just the threads that can run: Benno scheduling. */
#include "exo/env/ready.h"

#define QUEUED(link) LIST_ITEM(link, struct thread, queue)

void ready_put(struct cpu *c, struct thread *t, bool first)
{
    struct list *q = &c->ready[t->priority];

    t->state = THREAD_READY;
    list_insert(first ? q->next : q, &t->queue);
    c->ready_map[t->priority / 64] |= (uint64_t)1 << t->priority % 64;
}

void ready_take(struct cpu *c, struct thread *t)
{
    list_remove(&t->queue);
    if (list_is_empty(&c->ready[t->priority]))
        c->ready_map[t->priority / 64] &= ~((uint64_t)1 << t->priority % 64);
}

void ready_leave(struct cpu *c, struct thread *t, unsigned state)
{
    if (t->state == THREAD_READY)
        ready_take(c, t);
    else
        list_remove(&t->queue);
    t->state = (uint8_t)state;
}

void ready_release(struct cpu *c, struct thread *t)
{
    if (t->state == THREAD_READY)
        ready_take(c, t);
    t->state = THREAD_STOPPED;
}

struct thread *ready_best(struct cpu *c)
{
    for (unsigned i = PRIORITIES / 64; i-- > 0;)
        if (c->ready_map[i]) {
            unsigned p = i * 64 + 63 - (unsigned)__builtin_clzll(c->ready_map[i]);
            return QUEUED(c->ready[p].next);
        }
    return NULL;
}

const char *ready_check(const struct cpu *c)
{
    for (unsigned p = 0; p < PRIORITIES; p++) {
        const struct list *q = &c->ready[p];
        if (list_is_empty(q) == (c->ready_map[p / 64] >> p % 64 & 1))
            return "S2: ready_map disagrees with a queue";
        for (const struct list *l = q->next; l != q; l = l->next)
            if (QUEUED(l)->state != THREAD_READY)
                return "S1: a queued thread is not ready";
    }
    return NULL;
}

/*
 * Ready queues that threads stay in while they run, and when they begin to wait in an IPC: who
 * waits is taken out when the scheduler meets it (Liedtke's lazy scheduling). For one variant of
 * the kernel.
 *
 * Invariants:
 *   S1  each thread in THREAD_READY is in a ready queue; of the others only such that run or wait
 * in an IPC S2  bit p of ready_map is set when queue p has a thread
 */
#include "exo/env/ready.h"

#define QUEUED(link) LIST_ITEM(link, struct thread, queue)

static bool can_run(const struct thread *t)
{
    return t->state == THREAD_READY || t->state == THREAD_RUNNING;
}

/* Is its link in the list of a notification? */
static bool is_elsewhere(const struct thread *t)
{
    return t->state == THREAD_IN_NOTIFY || (t->ipc_cap && t->ipc_cap->kind == CAP_NOTIFICATION);
}

/* Who ran goes to the end when it yields; who waited keeps the place that it still has. */
void ready_put(struct cpu *c, struct thread *t, bool first)
{
    struct list *q = &c->ready[t->priority];
    bool yields = t->state == THREAD_RUNNING && !first;

    t->state = THREAD_READY;
    if (yields)
        list_remove(&t->queue);
    if (list_is_empty(&t->queue))
        list_insert(first ? q->next : q, &t->queue);
    c->ready_map[t->priority / 64] |= (uint64_t)1 << t->priority % 64;
}

void ready_take(struct cpu *c, struct thread *t)
{
    (void)c, (void)t; /* who runs stays */
}

void ready_leave(struct cpu *c, struct thread *t, unsigned state)
{
    (void)c;
    if (is_elsewhere(t) || (state != THREAD_IPC_SEND && state != THREAD_IPC_RECEIVE))
        list_remove(&t->queue);
    t->state = (uint8_t)state;
}

void ready_release(struct cpu *c, struct thread *t)
{
    (void)c;
    if (!is_elsewhere(t))
        list_remove(&t->queue);
    t->state = THREAD_STOPPED;
}

struct thread *ready_best(struct cpu *c)
{
    for (unsigned i = PRIORITIES / 64; i-- > 0;)
        while (c->ready_map[i]) {
            unsigned p = i * 64 + 63 - (unsigned)__builtin_clzll(c->ready_map[i]);
            struct list *q = &c->ready[p];
            while (!list_is_empty(q) && !can_run(QUEUED(q->next)))
                list_remove(q->next);
            if (!list_is_empty(q))
                return QUEUED(q->next);
            c->ready_map[i] &= ~((uint64_t)1 << p % 64);
        }
    return NULL;
}

const char *ready_check(const struct cpu *c)
{
    for (unsigned p = 0; p < PRIORITIES; p++) {
        const struct list *q = &c->ready[p];
        if (!list_is_empty(q) && !(c->ready_map[p / 64] >> p % 64 & 1))
            return "S2: ready_map misses a queue";
        for (const struct list *l = q->next; l != q; l = l->next)
            if (!can_run(QUEUED(l)) && QUEUED(l)->state != THREAD_IPC_SEND &&
                QUEUED(l)->state != THREAD_IPC_RECEIVE)
                return "S1: a queued thread neither can run nor waits in an IPC";
    }
    return NULL;
}

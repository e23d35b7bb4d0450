/* The end of waits for notifications, from any CPU. */
#include "exo/env/wait.h"

#include "exo/arch/irq.h"
#include "exo/base/assert.h"
#include "exo/env/sched.h"

void wait_end(struct thread *t, word_t error, word_t bits)
{
    list_remove(&t->queue);
    sched_clear_deadline(t);
    thread_reply(t, error, bits);
    sched_wake(t);
}

void wait_end_anywhere(struct thread *t, word_t error, word_t bits)
{
    struct cpu *c = cpu_number(t->cpu);

    if (c == cpu_this()) {
        wait_end(t, error, bits);
        return;
    }
    list_remove(&t->queue);
    t->awaited_bits = bits;
    t->judged_bits = 0;
    t->woken_error = error;
    t->woken_before = __atomic_load_n(&c->woken, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&c->woken, &t->woken_before, t, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    if (!t->woken_before) /* else it has been told, and has not looked yet */
        arch_cpu_kick(c->number);
}

void wait_end_told(void)
{
    struct cpu *c = cpu_this();

    if (!__atomic_load_n(&c->woken, __ATOMIC_RELAXED))
        return;
    struct thread *last = __atomic_exchange_n(&c->woken, NULL, __ATOMIC_ACQUIRE), *first = NULL;
    while (last) {
        struct thread *before = last->woken_before;
        last->woken_before = first;
        first = last;
        last = before;
    }
    for (struct thread *next; first; first = next) {
        next = first->woken_before;
        ASSERT(first->state == THREAD_IN_NOTIFY);
        wait_end(first, first->woken_error, first->awaited_bits);
    }
}

const char *wait_check(const struct cpu *c)
{
    for (const struct thread *t = c->woken; t; t = t->woken_before)
        if (t->cpu != c->number || t->state != THREAD_IN_NOTIFY || !list_is_empty(&t->queue))
            return "S6: who was woken from another CPU does not wait here";
    return NULL;
}

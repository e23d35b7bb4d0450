/* User threads. The assembly is uthread_switch() and the first step of a thread. */
#include "libos/uthread.h"

#include "libos/start/cpu.h"

#define STACK_MIN 1024u

/* Calls entry(t) on the stack that ends at `top`, when it is first switched to; returns its sp. */
vaddr_t uthread_frame(vaddr_t top, void (*entry)(struct uthread *), struct uthread *t);

/* Keeps the registers that a function must keep, leaves the stack pointer in *from, goes on at
 * `to`. */
void uthread_switch(vaddr_t *from, vaddr_t to);

static uint64_t now(const struct uthreads *set)
{
    return set->clock ? set->clock() : set->since + 1;
}

void uthreads_init(struct uthreads *set, struct scheduler *scheduler, uint64_t (*clock)(void))
{
    *set = (struct uthreads){.scheduler = scheduler, .clock = clock};
}

/* From the running thread, or from uthreads_run() when there is none, to whoever is next. */
static void reschedule(struct uthreads *set)
{
    struct uthread *old = set->current;
    uint64_t time = now(set);

    if (old)
        sched_charge(set->scheduler, &old->entity, time - set->since);
    struct uthread *next = (struct uthread *)set->scheduler->pick(set->scheduler, time);
    set->current = next;
    set->since = time;
    if (next != old)
        uthread_switch(old ? &old->sp : &set->home_sp, next ? next->sp : set->home_sp);
}

static void begin(struct uthread *t)
{
    struct uthreads *set = t->set;

    t->run(t->argument);
    sched_set_ready(set->scheduler, &t->entity, false, now(set));
    sched_remove(set->scheduler, &t->entity);
    set->count--;
    reschedule(set); /* never comes back */
}

enum err uthread_start(struct uthreads *set, struct uthread *t, void *stack, uint64_t bytes,
                       void (*run)(void *), void *argument)
{
    if (bytes < STACK_MIN)
        return ERR_BAD_ARG;
    enum err e = sched_add(set->scheduler, &t->entity, now(set));
    if (e)
        return e;
    t->set = set;
    t->run = run;
    t->argument = argument;
    t->sp = uthread_frame(((vaddr_t)stack + bytes) & ~(vaddr_t)15, begin, t);
    t->entity.ready = true;
    set->count++;
    return ERR_OK;
}

enum err uthreads_run(struct uthreads *set)
{
    reschedule(set);
    return set->count ? ERR_BAD_STATE : ERR_OK;
}

void uthread_yield(struct uthreads *set)
{
    reschedule(set);
}

void uthread_block(struct uthreads *set)
{
    sched_set_ready(set->scheduler, &set->current->entity, false, now(set));
    reschedule(set);
}

void uthread_wake(struct uthread *t)
{
    sched_set_ready(t->set->scheduler, &t->entity, true, now(t->set));
}

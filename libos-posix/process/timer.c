/* Timers of processes: firing them. */
#include "libos-posix/process/timer.h"

#include "libos-posix/base/clock.h"
#include "libos-posix/channel/event.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/process/signal.h"

static const unsigned interval_signals[3] = {SIGALRM, SIGVTALRM, SIGPROF};

/* Moves a moment on by whole periods behind `now`; returns how many it skipped. */
static uint64_t advance(uint64_t *next, uint64_t period, uint64_t now)
{
    if (!period) {
        *next = PORT_FOREVER;
        return 0;
    }
    uint64_t skipped = (now - *next) / period;
    *next += (skipped + 1) * period;
    return skipped;
}

/* What waits of an earlier expiration of the timer, or NULL. */
static struct signal_entry *waiting_of(const struct pending *pending, const struct timer *t)
{
    struct signal_entry *e = pending->first;

    while (e && (e->info.code != SI_TIMER || e->info.u.timer.id != t->id))
        e = e->next;
    return e;
}

/* One signal at a time waits for a timer: what expires meanwhile is counted in it. */
static void fire(struct process *p, struct timer *t, uint64_t now)
{
    uint64_t skipped = advance(&t->next_ns, t->period_ns, now);
    struct linux_siginfo info = {.number = (int32_t)t->number, .code = SI_TIMER};
    struct task *to = t->tid ? task_find(p->arena, t->tid) : NULL;

    if (to && to->process != p)
        to = NULL;
    struct signal_entry *before = waiting_of(to ? &to->pending : &p->pending, t);
    if (before)
        skipped += 1 + (uint64_t)before->info.u.timer.overrun;
    t->overrun = skipped > INT32_MAX ? INT32_MAX : (int32_t)skipped;
    info.u.timer.id = t->id;
    info.u.timer.overrun = t->overrun;
    info.u.timer.value = t->value;
    if (before)
        before->info = info;
    else if (t->number)
        signal_send(p, to, &info);
}

static uint64_t run_process(struct process *p, uint64_t now)
{
    uint64_t first = PORT_FOREVER;

    for (unsigned i = 0; i < 3; i++) {
        struct interval *v = &p->intervals[i];
        if (v->next <= now) {
            advance(&v->next, v->period, now);
            signal_raise(p, NULL, interval_signals[i], NULL);
        }
        first = v->next < first ? v->next : first;
    }
    for (struct timer *t = p->timers; t; t = t->next) {
        if (t->next_ns <= now)
            fire(p, t, now);
        first = t->next_ns < first ? t->next_ns : first;
    }
    return first;
}

uint64_t timer_run(struct arena *a)
{
    uint64_t now = port_monotonic_ns(), first = timerfd_run(a);
    const uint64_t net = inet_ops.run ? inet_ops.run(a) : PORT_FOREVER;

    first = net < first ? net : first;

    for (struct process *p = a->processes; p; p = p->next) {
        uint64_t next = p->ended ? PORT_FOREVER : run_process(p, now);
        first = next < first ? next : first;
    }
    return first;
}

void timer_changed(struct arena *a)
{
    if (port_has_keeper())
        port_wake(a->tasks[0]);
}

void timer_clock_moved(struct arena *a, int64_t by)
{
    timerfd_clock_moved(a, by);
    for (struct process *p = a->processes; p; p = p->next)
        for (struct timer *t = p->timers; t; t = t->next)
            if (t->is_real)
                t->next_ns = clock_moved(t->next_ns, by);
    timer_changed(a);
}

void timer_forget_all(struct process *p)
{
    while (p->timers) {
        struct timer *t = p->timers;
        p->timers = t->next;
        core_heap_free(&p->arena->heap, t, sizeof *t);
    }
    for (unsigned i = 0; i < 3; i++)
        p->intervals[i].next = PORT_FOREVER;
}

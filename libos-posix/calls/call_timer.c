/* Calls that set timers: alarm, setitimer, timer_create. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/process/timer.h"
#include "libos-posix/base/user.h"

#define INTERVALS 3u

struct linux_itimerval {
    struct linux_timeval period, left;
};

static uint64_t left_of(uint64_t next)
{
    uint64_t now = port_monotonic_ns();

    if (next == PORT_FOREVER)
        return 0;
    return next > now ? next - now : 1; /* it is armed: 0 would say that it is not */
}

static struct linux_timeval timeval_of(uint64_t ns)
{
    ns += 999; /* what is left is never said to be nothing */
    return (struct linux_timeval){(int64_t)(ns / NS_PER_SECOND),
                                  (int64_t)(ns % NS_PER_SECOND / 1000)};
}

static bool ns_of(const struct linux_timeval *t, uint64_t *out)
{
    if (t->seconds < 0 || t->microseconds < 0 || t->microseconds >= 1000000)
        return false;
    *out = clock_join(&(struct linux_timespec){t->seconds, t->microseconds * 1000});
    return true;
}

static uint64_t moment_after(uint64_t ns)
{
    uint64_t now = port_monotonic_ns();
    return !ns || ns > PORT_FOREVER - now ? PORT_FOREVER : now + ns;
}

/* Processor time is not counted apart, so all three run by the monotonic clock. */
long call_setitimer(struct process *p, word_t which, word_t new, word_t old)
{
    struct linux_itimerval given = {{0, 0}, {0, 0}};
    uint64_t period, left;

    if ((uint32_t)which >= INTERVALS)
        return -EINVAL;
    if (new &&USER_GET(p, &given, new))
        return -EFAULT;
    if (!ns_of(&given.period, &period) || !ns_of(&given.left, &left))
        return -EINVAL;
    struct interval *v = &p->intervals[(uint32_t)which];
    struct linux_itimerval before = {timeval_of(v->period), v->next == PORT_FOREVER
                                                                ? (struct linux_timeval){0, 0}
                                                                : timeval_of(left_of(v->next))};
    if (!v->period)
        before.period = (struct linux_timeval){0, 0};
    *v = (struct interval){moment_after(left), period};
    timer_changed(p->arena);
    return old ? USER_PUT(p, old, &before) : 0;
}

long call_getitimer(struct process *p, word_t which, word_t to)
{
    if ((uint32_t)which >= INTERVALS)
        return -EINVAL;
    const struct interval *v = &p->intervals[(uint32_t)which];
    struct linux_itimerval now = {{0, 0}, {0, 0}};
    if (v->period)
        now.period = timeval_of(v->period);
    if (v->next != PORT_FOREVER)
        now.left = timeval_of(left_of(v->next));
    return USER_PUT(p, to, &now);
}

long call_alarm(struct process *p, word_t seconds)
{
    struct interval *v = &p->intervals[0];
    uint64_t left = left_of(v->next);

    *v = (struct interval){moment_after((uint64_t)(uint32_t)seconds * NS_PER_SECOND), 0};
    timer_changed(p->arena);
    return (long)((left + NS_PER_SECOND - 1) / NS_PER_SECOND);
}

static struct timer *find(const struct process *p, word_t id)
{
    for (struct timer *t = p->timers; t; t = t->next)
        if (t->id == (int32_t)id)
            return t;
    return NULL;
}

static long check_event(struct process *p, const struct linux_sigevent *e)
{
    const struct task *t;

    switch (e->notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_THREAD_ID:
        t = task_find(p->arena, e->tid);
        if (!t || t->process != p)
            return -EINVAL;
        break;
    case SIGEV_SIGNAL:
        break;
    default:
        return -EINVAL;
    }
    return e->number >= 1 && e->number <= (int32_t)SIGNAL_COUNT ? 0 : -EINVAL;
}

long call_timer_create(struct process *p, word_t clock, word_t event, word_t to)
{
    struct linux_sigevent e = {.number = (int32_t)SIGALRM, .notify = SIGEV_SIGNAL};
    uint64_t now;
    int32_t id = 0;

    if (event && USER_GET(p, &e, event))
        return -EFAULT;
    if (clock_read(clock, &now) || check_event(p, &e))
        return -EINVAL;
    while (find(p, (word_t)id))
        id++;
    if (!event)
        e.value = (uint64_t)id;
    struct timer *t = core_heap_alloc(&p->arena->heap, sizeof *t);
    if (!t)
        return -EAGAIN;
    *t = (struct timer){
        .next = p->timers,
        .id = id,
        .clock = (int32_t)clock,
        .next_ns = PORT_FOREVER,
        .number = e.notify == SIGEV_NONE ? 0 : (unsigned)e.number,
        .tid = e.notify == SIGEV_THREAD_ID ? e.tid : 0,
        .value = e.value,
    };
    if (USER_PUT(p, to, &id)) {
        core_heap_free(&p->arena->heap, t, sizeof *t);
        return -EFAULT;
    }
    p->timers = t;
    return 0;
}

static struct linux_itimerspec spec_of(const struct timer *t)
{
    return (struct linux_itimerspec){clock_split(t->period_ns), clock_split(left_of(t->next_ns))};
}

long call_timer_settime(struct process *p, word_t id, word_t flags, word_t new, word_t old)
{
    struct linux_itimerspec given, before;
    struct timer *t = find(p, id);
    uint64_t now;

    if (!t)
        return -EINVAL;
    if (USER_GET(p, &given, new))
        return -EFAULT;
    if (!clock_is_valid(&given.left) || !clock_is_valid(&given.period))
        return -EINVAL;
    before = spec_of(t);
    uint64_t left = clock_join(&given.left);
    t->is_real = (flags & TIMER_ABSTIME) && t->clock == CLOCK_REALTIME;
    if (left && (flags & TIMER_ABSTIME) && !clock_read((word_t)t->clock, &now))
        left = left > now ? left - now : 1;
    t->next_ns = moment_after(left);
    t->period_ns = clock_join(&given.period);
    t->overrun = 0;
    timer_changed(p->arena);
    return old ? USER_PUT(p, old, &before) : 0;
}

long call_timer_gettime(struct process *p, word_t id, word_t to)
{
    const struct timer *t = find(p, id);
    if (!t)
        return -EINVAL;
    struct linux_itimerspec now = spec_of(t);
    return USER_PUT(p, to, &now);
}

long call_timer_getoverrun(struct process *p, word_t id)
{
    const struct timer *t = find(p, id);
    return t ? t->overrun : -EINVAL;
}

long call_timer_delete(struct process *p, word_t id)
{
    for (struct timer **at = &p->timers; *at; at = &(*at)->next) {
        struct timer *t = *at;
        if (t->id != (int32_t)id)
            continue;
        *at = t->next;
        core_heap_free(&p->arena->heap, t, sizeof *t);
        return 0;
    }
    return -EINVAL;
}

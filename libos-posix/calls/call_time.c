/* Calls about time. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/user.h"

#define SECONDS_MAX ((int64_t)(UINT64_MAX / NS_PER_SECOND / 2))

struct linux_timespec clock_split(uint64_t ns)
{
    return (struct linux_timespec){(int64_t)(ns / NS_PER_SECOND), (int64_t)(ns % NS_PER_SECOND)};
}

bool clock_is_valid(const struct linux_timespec *t)
{
    return t->seconds >= 0 && t->nanoseconds >= 0 && t->nanoseconds < NS_PER_SECOND;
}

uint64_t clock_join(const struct linux_timespec *t)
{
    if (t->seconds > SECONDS_MAX)
        return PORT_FOREVER;
    return (uint64_t)t->seconds * NS_PER_SECOND + (uint64_t)t->nanoseconds;
}

long clock_deadline(const struct linux_timespec *t, uint64_t *out)
{
    if (!clock_is_valid(t))
        return -EINVAL;
    uint64_t now = port_monotonic_ns(), length = clock_join(t);
    *out = length > PORT_FOREVER - now ? PORT_FOREVER : now + length;
    return 0;
}

/* Is it the number that a C library makes of the caller's process, or of one of its threads? */
static bool is_own(int clock)
{
    const struct process *p = process_current();
    int32_t whose = ~(clock >> 3);
    const struct task *t = clock & 4 && whose ? task_find(p->arena, whose) : NULL;

    if (clock >= 0 || (clock & 3) != 2)
        return false;
    return !whose || (clock & 4 ? t && t->process == p : whose == p->pid);
}

long clock_read(word_t clock, uint64_t *out)
{
    switch ((int)clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *out = port_real_ns();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *out = port_monotonic_ns();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
        *out = process_cpu_ns(process_current());
        return 0;
    default:
        *out = process_cpu_ns(process_current()); /* of others it is known at their end */
        return is_own((int)clock) ? 0 : -EINVAL;
    }
}

long call_clock_gettime(struct process *p, word_t clock, word_t to)
{
    uint64_t ns;
    long e = clock_read(clock, &ns);
    if (e)
        return e;
    struct linux_timespec t = clock_split(ns);
    return USER_PUT(p, to, &t);
}

long call_clock_getres(struct process *p, word_t clock, word_t to)
{
    uint64_t ns;
    long e = clock_read(clock, &ns);
    if (e || !to)
        return e;
    struct linux_timespec t = {0, 1};
    return USER_PUT(p, to, &t);
}

/* Sleeps until `deadline`; a signal ends it. What is left is told to who asks for it. */
static long sleep_until(struct process *p, uint64_t deadline, vaddr_t left)
{
    struct task *t = task_current();
    long e = 0;

    if (t->restarted)
        deadline = t->restart_deadline;
    t->restart_deadline = deadline;
    while (!e)
        e = task_sleep(t, &t->restart_deadline, deadline);
    if (e == -ETIMEDOUT)
        return 0;
    if (e == -RESTART && left) {
        uint64_t now = port_monotonic_ns();
        struct linux_timespec rest = clock_split(deadline > now ? deadline - now : 0);
        if (USER_PUT(p, left, &rest))
            return -EFAULT;
    }
    return e == -RESTART ? -RESTART_SAME_END : e;
}

long call_clock_nanosleep(struct process *p, word_t clock, word_t flags, word_t at, word_t left)
{
    struct linux_timespec t;
    uint64_t now, deadline;

    if ((int)clock == CLOCK_THREAD_CPUTIME_ID || clock_read(clock, &now))
        return -EINVAL;
    if (USER_GET(p, &t, at))
        return -EFAULT;
    if (!(flags & TIMER_ABSTIME)) {
        long e = clock_deadline(&t, &deadline);
        return e ? e : sleep_until(p, deadline, left);
    }
    if (!clock_is_valid(&t))
        return -EINVAL;
    uint64_t target = clock_join(&t), monotonic = port_monotonic_ns();
    uint64_t length = target > now ? target - now : 0;
    deadline = length > PORT_FOREVER - monotonic ? PORT_FOREVER : monotonic + length;
    long e = sleep_until(p, deadline, 0);
    return e == -RESTART_SAME_END ? -RESTART_NO_HANDLER : e;
}

long call_nanosleep(struct process *p, word_t at, word_t left)
{
    return call_clock_nanosleep(p, CLOCK_MONOTONIC, 0, at, left);
}

long call_gettimeofday(struct process *p, word_t to, word_t zone)
{
    uint64_t ns = port_real_ns();
    struct linux_timeval t = {(int64_t)(ns / NS_PER_SECOND), (int64_t)(ns % NS_PER_SECOND) / 1000};
    int32_t utc[2] = {0, 0};

    if (to && USER_PUT(p, to, &t))
        return -EFAULT;
    return zone ? USER_PUT(p, zone, &utc) : 0;
}

long call_time(struct process *p, word_t to)
{
    int64_t seconds = (int64_t)(port_real_ns() / NS_PER_SECOND);

    if (to && USER_PUT(p, to, &seconds))
        return -EFAULT;
    return seconds;
}

long call_times(struct process *p, word_t to)
{
    const uint64_t tick = NS_PER_SECOND / CLOCK_TICKS;
    struct linux_tms t = {.user = (int64_t)(process_cpu_ns(p) / tick),
                          .children_user = (int64_t)(p->children_ns / tick)};

    if (to && USER_PUT(p, to, &t))
        return -EFAULT;
    return (long)(port_monotonic_ns() / tick);
}

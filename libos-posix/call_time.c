/* Calls about time. */
#include "libos-posix/abi_errno.h"
#include "libos-posix/calls.h"
#include "libos-posix/clock.h"
#include "libos-posix/user.h"

#define SECONDS_MAX ((int64_t)(UINT64_MAX / NS_PER_SECOND / 2))

struct linux_timespec clock_split(uint64_t ns)
{
    return (struct linux_timespec){(int64_t)(ns / NS_PER_SECOND), (int64_t)(ns % NS_PER_SECOND)};
}

static bool is_valid(const struct linux_timespec *t)
{
    return t->seconds >= 0 && t->nanoseconds >= 0 && t->nanoseconds < NS_PER_SECOND;
}

static uint64_t join(const struct linux_timespec *t)
{
    if (t->seconds > SECONDS_MAX)
        return PORT_FOREVER;
    return (uint64_t)t->seconds * NS_PER_SECOND + (uint64_t)t->nanoseconds;
}

long clock_deadline(const struct linux_timespec *t, uint64_t *out)
{
    if (!is_valid(t))
        return -EINVAL;
    uint64_t now = port_monotonic_ns(), length = join(t);
    *out = length > PORT_FOREVER - now ? PORT_FOREVER : now + length;
    return 0;
}

static long clock_get(word_t clock, uint64_t *out)
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
        *out = port_cpu_ns();
        return 0;
    default:
        return -EINVAL;
    }
}

long call_clock_gettime(struct process *p, word_t clock, word_t to)
{
    uint64_t ns;
    long e = clock_get(clock, &ns);
    if (e)
        return e;
    struct linux_timespec t = clock_split(ns);
    return USER_PUT(p, to, &t);
}

long call_clock_getres(struct process *p, word_t clock, word_t to)
{
    uint64_t ns;
    long e = clock_get(clock, &ns);
    if (e || !to)
        return e;
    struct linux_timespec t = {0, 1};
    return USER_PUT(p, to, &t);
}

static void sleep_until(uint64_t deadline)
{
    while (port_monotonic_ns() < deadline)
        port_wait(deadline, false);
}

long call_clock_nanosleep(struct process *p, word_t clock, word_t flags, word_t at, word_t left)
{
    struct linux_timespec t;
    uint64_t now, deadline;

    (void)left; /* nothing interrupts a sleep */
    if ((int)clock == CLOCK_THREAD_CPUTIME_ID || clock_get(clock, &now))
        return -EINVAL;
    if (USER_GET(p, &t, at))
        return -EFAULT;
    if (!(flags & TIMER_ABSTIME)) {
        long e = clock_deadline(&t, &deadline);
        if (!e)
            sleep_until(deadline);
        return e;
    }
    if (!is_valid(&t))
        return -EINVAL;
    uint64_t target = join(&t), monotonic = port_monotonic_ns();
    uint64_t length = target > now ? target - now : 0;
    sleep_until(length > PORT_FOREVER - monotonic ? PORT_FOREVER : monotonic + length);
    return 0;
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
    struct linux_tms t = {.user = (int64_t)(port_cpu_ns() / tick)};

    if (to && USER_PUT(p, to, &t))
        return -EFAULT;
    return (long)(port_monotonic_ns() / tick);
}

/*
 * The vDSO: a shared object that the loader shows to programs (AT_SYSINFO_EHDR), whose functions
 * tell the time without a call, out of what the kernel shows everybody. It is an image of its own
 * (vdso.ld).
 */
#include "libos-posix/abi/errno.h"
#include "libos-posix/abi/process.h"
#include "libos-posix/base/arena.h"
#include "libos-posix/family/family.h"
#include "libos/clock.h"

#define NR_CLOCK_GETTIME 228
#define NR_CLOCK_GETRES  229
#define NS_PER_US        1000

#define VDSO(type) __attribute__((visibility("default"))) type

VDSO(int) __vdso_clock_gettime(int clock, struct linux_timespec *to);
VDSO(int) __vdso_clock_getres(int clock, struct linux_timespec *to);
VDSO(int) __vdso_gettimeofday(struct linux_timeval *to, int32_t *zone);
VDSO(int64_t) __vdso_time(int64_t *to);
VDSO(int) __vdso_getcpu(uint32_t *cpu, uint32_t *node);

static int call(long number, int clock, struct linux_timespec *to)
{
    long result = number;

    __asm__ volatile("syscall" : "+a"(result) : "D"(clock), "S"(to) : "rcx", "r11", "memory");
    return (int)result;
}

/* As arena_now() says: the arena of a family is at one place. */
static uint64_t real_ns(void)
{
    return clock_realtime_ns() + (uint64_t)((const struct arena *)FAMILY_CORE)->real_offset;
}

/* The clocks of clock_read() that are the same for all processes. */
static bool is_common(int clock)
{
    const uint32_t known = 1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC |
                           1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_REALTIME_COARSE |
                           1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME;

    return clock >= 0 && clock <= CLOCK_BOOTTIME && (known >> clock & 1);
}

int __vdso_clock_gettime(int clock, struct linux_timespec *to)
{
    if (!is_common(clock))
        return call(NR_CLOCK_GETTIME, clock, to);
    const bool is_real = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    const uint64_t ns = is_real ? real_ns() : clock_ns();

    to->seconds = (int64_t)(ns / CLOCK_NS_PER_S);
    to->nanoseconds = (int64_t)(ns % CLOCK_NS_PER_S);
    return 0;
}

int __vdso_clock_getres(int clock, struct linux_timespec *to)
{
    if (!is_common(clock))
        return call(NR_CLOCK_GETRES, clock, to);
    if (to)
        *to = (struct linux_timespec){0, 1};
    return 0;
}

int __vdso_gettimeofday(struct linux_timeval *to, int32_t *zone)
{
    const uint64_t ns = real_ns();

    if (to)
        *to = (struct linux_timeval){(int64_t)(ns / CLOCK_NS_PER_S),
                                     (int64_t)(ns % CLOCK_NS_PER_S) / NS_PER_US};
    if (zone)
        zone[0] = zone[1] = 0;
    return 0;
}

int64_t __vdso_time(int64_t *to)
{
    const int64_t seconds = (int64_t)(real_ns() / CLOCK_NS_PER_S);

    if (to)
        *to = seconds;
    return seconds;
}

/* As the call answers: there is no telling. */
int __vdso_getcpu(uint32_t *cpu, uint32_t *node)
{
    if (cpu)
        *cpu = 0;
    if (node)
        *node = 0;
    return 0;
}

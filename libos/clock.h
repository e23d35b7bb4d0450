/* Time, from the time-stamp counter and what the kernel measured about it. */
#pragma once

#include "exo/abi/kinfo.h"
#include "libos/start/cpu.h"

#define CLOCK_NS_PER_S  1000000000u
#define CLOCK_NS_PER_MS 1000000u

/* Ticks to nanoseconds and back; neither overflows below 2^63 ns. */
static inline uint64_t clock_ticks_to_ns(uint64_t ticks)
{
    uint64_t khz = KINFO->tsc_khz;

    return ticks / khz * CLOCK_NS_PER_MS + ticks % khz * CLOCK_NS_PER_MS / khz;
}

static inline uint64_t clock_ns_to_ticks(uint64_t ns)
{
    uint64_t khz = KINFO->tsc_khz;

    return ns / CLOCK_NS_PER_MS * khz + ns % CLOCK_NS_PER_MS * khz / CLOCK_NS_PER_MS;
}

/* Nanoseconds since the kernel read the real-time clock. */
static inline uint64_t clock_ns(void)
{
    return clock_ticks_to_ns(cpu_ticks() - KINFO->tsc_boot);
}

/* Nanoseconds since 1970. */
static inline uint64_t clock_realtime_ns(void)
{
    return KINFO->boot_realtime * CLOCK_NS_PER_S + clock_ns();
}

/* The time-stamp counter value `ns` from now, for notify_until(). */
static inline uint64_t clock_deadline(uint64_t ns)
{
    return cpu_ticks() + clock_ns_to_ticks(ns);
}

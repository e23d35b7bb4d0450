/* The port to libos, what is the same with a keeper and without: time, chance, the end. */
#include "libos-posix/port.h"
#include "libos-posix/port/port_libos.h"
#include "libos/book.h"
#include "libos/clock.h"
#include "libos/exit.h"

static uint64_t random_state;

uint64_t port_libos_ticks(uint64_t deadline_ns)
{
    return deadline_ns == PORT_FOREVER ? UINT64_MAX
                                       : KINFO->tsc_boot + clock_ns_to_ticks(deadline_ns);
}

uint64_t port_libos_ns(uint64_t ticks)
{
    return clock_ticks_to_ns(ticks);
}

uint64_t port_monotonic_ns(void)
{
    return clock_ns();
}

uint64_t port_real_ns(void)
{
    return clock_realtime_ns();
}

void port_set_fs(vaddr_t base)
{
    cpu_set_fs(base);
}

/* Where the CPU has no random numbers: SplitMix64 over the time of day and the time-stamp counter
 * of each request. It differs from run to run, but who knows the times can guess it. */
static uint64_t weak_random(void)
{
    random_state += (cpu_ticks() ^ clock_realtime_ns()) | 1;
    uint64_t x = random_state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

void port_entropy(void *bytes, size_t count)
{
    uint8_t *to = bytes;

    while (count) {
        uint64_t word;
        if (!cpu_random(&word))
            word = weak_random();
        for (unsigned i = 0; i < sizeof word && count; i++, count--, word >>= 8)
            *to++ = (uint8_t)word;
    }
}

_Noreturn void port_exit(int status)
{
    libos_exit(status);
}

/* Times of L4 X.2: the system clock in microseconds, periods, and points of that clock. */
#include "l4core/time.h"

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/arch/cpu.h"
#include "exo/entry/main.h"

uint64_t l4_clock(void)
{
    const struct kinfo *k = kinfo_get();
    uint64_t ticks = arch_ticks() - k->tsc_boot;

    return ticks / k->tsc_khz * 1000 + ticks % k->tsc_khz * 1000 / k->tsc_khz;
}

/* Not less: the clock has reached `micros` after so many. */
uint64_t l4_ticks(uint64_t micros)
{
    uint64_t khz = kinfo_get()->tsc_khz;

    return micros / 1000 * khz + (micros % 1000 * khz + 999) / 1000;
}

/* The clock's bits above the ten of the mantissa are the present ones, or those one higher, if the
 * lowest of them is not the parity that the point gives. */
static uint64_t clock_at(unsigned point, uint64_t now)
{
    unsigned exponent = TIME_POINT_EXPONENT(point);
    uint64_t high = now >> exponent >> 10;

    if ((high & 1) != TIME_POINT_PARITY(point))
        high++;
    return (high << 10 | TIME_MANTISSA(point)) << exponent;
}

uint64_t l4_deadline(unsigned time)
{
    if (time == TIME_NEVER)
        return FOREVER;
    if (time & TIME_POINT) {
        uint64_t now = l4_clock(), at = clock_at(time, now);
        return at > now ? kinfo_get()->tsc_boot + l4_ticks(at) : 0;
    }
    if (TIME_MANTISSA(time) == 0)
        return 0;
    return arch_ticks() + l4_ticks((uint64_t)TIME_MANTISSA(time) << TIME_EXPONENT(time));
}

bool l4_period(unsigned time, uint64_t *ticks)
{
    if ((time & TIME_POINT) || (time != TIME_NEVER && TIME_MANTISSA(time) == 0))
        return false;
    *ticks = time == TIME_NEVER ? FOREVER
                                : l4_ticks((uint64_t)TIME_MANTISSA(time) << TIME_EXPONENT(time));
    return true;
}

unsigned l4_time(uint64_t ticks)
{
    uint64_t khz = kinfo_get()->tsc_khz;
    unsigned exponent = 0;

    if (ticks == FOREVER)
        return TIME_NEVER;
    uint64_t micros = ticks / khz * 1000 + ticks % khz * 1000 / khz;
    while (micros >> exponent > TIME_MANTISSA(~0u))
        exponent++;
    return micros ? exponent << 10 | (unsigned)(micros >> exponent) : TIME_ZERO;
}

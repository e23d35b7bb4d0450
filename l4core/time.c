/* The system clock of L4 X.2, in microseconds, and periods as ticks. */
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

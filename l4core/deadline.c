/* Times of L4 X.2 in time-stamp ticks: periods, and points of the system clock. */
#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/arch/cpu.h"
#include "exo/entry/main.h"
#include "l4core/time.h"

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

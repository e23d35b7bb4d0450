/* The system clock of L4 X.2, in microseconds. */
#include "l4core/time.h"

#include "exo/abi/kinfo.h"
#include "exo/arch/cpu.h"
#include "exo/entry/main.h"

uint64_t l4_clock(void)
{
    const struct kinfo *k = kinfo_get();
    uint64_t ticks = arch_ticks() - k->tsc_boot;

    return ticks / k->tsc_khz * 1000 + ticks % k->tsc_khz * 1000 / k->tsc_khz;
}

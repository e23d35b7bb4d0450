/* Finding the other CPUs in the firmware's tables and starting them. ACPI 6.4, "Multiple APIC
 * Description Table"; Intel SDM volume 3, "Multiple-Processor Initialization". */
#include "exo/abi/kinfo.h"
#include "exo/arch/cpu.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/arch/x86_64/acpi.h"
#include "exo/arch/x86_64/x86.h"
#include "exo/base/string.h"
#include "exo/arch/upward.h"

#define MADT_RECORDS  44u
#define MADT_OVERRIDE 2

extern const char ap_start[], ap_start_end[];
extern uint64_t ap_stack;

static volatile unsigned arrived = 1; /* CPUs that run */

_Noreturn void arch_ap_main(void);

_Noreturn void arch_ap_main(void)
{
    struct arch_cpu *c = arch_cpu_number(arrived);

    arch_cpu_bind(c);
    arch_irq_enable();
    c->apic_id = apic_id();
    arrived = arrived + 1;
    cpu_main();
}

static void wait_ticks(uint64_t ticks)
{
    for (uint64_t start = arch_ticks(); arch_ticks() - start < ticks;)
        arch_relax();
}

/* True when the CPU with that APIC number came up. */
static bool start_one(unsigned id)
{
    unsigned before = arrived;

    ap_stack = (uintptr_t)arch_cpu_number(arrived)->stack;
    apic_send_init(id);
    wait_ticks(arch_tick_khz() / 5);
    for (unsigned try = 0; try < 2 && arrived == before; try++) {
        apic_send_start(id, AP_START >> 12);
        for (uint64_t start = arch_ticks();
             arrived == before && arch_ticks() - start < 100 * arch_tick_khz();)
            arch_relax();
    }
    return arrived != before;
}

/* What the firmware says of interrupt lines. */
static void lines_override(const uint8_t *madt, uint32_t bytes)
{
    for (uint32_t i = MADT_RECORDS; madt && i + 10 <= bytes && madt[i + 1] >= 2; i += madt[i + 1])
        if (madt[i] == MADT_OVERRIDE && madt[i + 1] >= 10)
            io_apic_override(madt[i + 3], madt[i + 4] | (uint32_t)madt[i + 5] << 8, madt[i + 8]);
}

unsigned arch_cpus_start(paddr_t rsdp)
{
    uint32_t bytes = 0;
    const uint8_t *madt = acpi_table(rsdp, "APIC", &bytes);

    arch_cpu_this()->apic_id = apic_id();
    memcpy(arch_phys(AP_START), ap_start, (size_t)(ap_start_end - ap_start));
    lines_override(madt, bytes);
    for (uint32_t i = MADT_RECORDS; madt && i + 8 <= bytes && madt[i + 1] >= 2; i += madt[i + 1]) {
        bool enabled = madt[i] == 0 && madt[i + 1] >= 8 && (madt[i + 4] & 1);

        if (!enabled || madt[i + 3] == arch_cpu_this()->apic_id || arrived >= CPU_MAX)
            continue;
        start_one(madt[i + 3]);
    }
    set_call_ways(arrived > 1);
    return arrived;
}

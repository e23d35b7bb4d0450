/* Finding the other CPUs in the firmware's tables and starting them. ACPI 6.4, "Multiple APIC
 * Description Table"; Intel SDM volume 3, "Multiple-Processor Initialization". */
#include "exo/abi/kinfo.h"
#include "exo/arch/cpu.h"
#include "exo/arch/irq.h"
#include "exo/arch/mmu.h"
#include "exo/arch/x86_64/x86.h"
#include "exo/base/string.h"
#include "exo/arch/upward.h"

#define TABLE_HEADER  36u
#define TABLE_BYTES   (1u << 20) /* a longer one is not believed */
#define MADT_RECORDS  44u
#define MEMORY_MAPPED ((paddr_t)64 << 30)

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

/* A table's bytes, or NULL when its address or length is absurd. */
static const uint8_t *table_at(paddr_t pa, uint32_t *bytes)
{
    if (pa == 0 || pa > MEMORY_MAPPED - TABLE_BYTES)
        return NULL;
    const uint8_t *t = arch_phys(pa);
    memcpy(bytes, t + 4, 4);
    return *bytes >= TABLE_HEADER && *bytes <= TABLE_BYTES ? t : NULL;
}

/* The APIC table, or NULL. `rsdp` is the physical address of the root pointer. */
static const uint8_t *find_madt(paddr_t rsdp, uint32_t *bytes)
{
    const uint8_t *root_pointer = arch_phys(rsdp);
    bool wide = root_pointer[15] >= 2;
    unsigned width = wide ? 8 : 4;
    paddr_t at = 0;
    uint32_t length;

    memcpy(&at, root_pointer + (wide ? 24 : 16), width);
    const uint8_t *root = table_at(at, &length);
    for (uint32_t i = TABLE_HEADER; root && i + width <= length; i += width) {
        at = 0;
        memcpy(&at, root + i, width);
        const uint8_t *t = table_at(at, bytes);
        if (t && memcmp(t, "APIC", 4) == 0)
            return t;
    }
    return NULL;
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

unsigned arch_cpus_start(paddr_t rsdp)
{
    uint32_t bytes = 0;
    const uint8_t *madt = rsdp && rsdp < MEMORY_MAPPED ? find_madt(rsdp, &bytes) : NULL;

    arch_cpu_this()->apic_id = apic_id();
    memcpy(arch_phys(AP_START), ap_start, (size_t)(ap_start_end - ap_start));
    for (uint32_t i = MADT_RECORDS; madt && i + 8 <= bytes && madt[i + 1] >= 2; i += madt[i + 1]) {
        bool enabled = madt[i] == 0 && madt[i + 1] >= 8 && (madt[i + 4] & 1);

        if (!enabled || madt[i + 3] == arch_cpu_this()->apic_id || arrived >= CPU_MAX)
            continue;
        start_one(madt[i + 3]);
    }
    return arrived;
}

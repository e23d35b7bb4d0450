/* The IOMMU: taking it into use, whose tables are whose, and what it stopped. */
#include "exo/arch/x86_64/vtd.h"

#include "exo/arch/irq.h"
#include "exo/arch/upward.h"
#include "exo/arch/x86_64/dmar.h"
#include "exo/base/assert.h"
#include "exo/base/print.h"

#define COMMAND_ROOT      ((uint32_t)1 << 30)
#define COMMAND_TRANSLATE ((uint32_t)1 << 31)

#define CAP_DOMAINS        7u /* 2^(4 + 2 n) numbers for domains */
#define CAP_WRITES_LAG     (1u << 4)
#define CAP_ABSENT         (1u << 7) /* absent entries are cached too */
#define CAP_LEVELS_3       (1u << 9)
#define CAP_LEVELS_4       (1u << 10)
#define CAP_FAULTS_AT(cap) ((unsigned)((cap) >> 24 & 0x3ff) * 16)
#define CAP_FAULTS(cap)    ((unsigned)((cap) >> 40 & 0xff) + 1)
#define CAP_DRAINS(cap)    ((unsigned)((cap) >> 54 & 3)) /* reads, writes on their way */
#define ECAP_QUEUE         (1u << 1)
#define ECAP_REMAP         (1u << 3)
#define ECAP_PASS          (1u << 6)

#define PRESENT        1u
#define CONTEXT_MUTE   (1u << 1)
#define CONTEXT_PASS   (2u << 2)
#define CONTEXT_DOMAIN 8u
#define DOMAIN_PASS    255u

#define ALL_CONTEXTS     0x11u /* invalidations */
#define ALL_ADDRESSES    0x12u
#define DOMAIN_ADDRESSES 0x22u
#define AT_DRAIN         6u
#define AT_DOMAIN        16u

#define FAULT_THERE    ((uint64_t)1 << 63)
#define FAULT_LOST     1u    /* of the fault status: there were more than records */
#define FAULT_MESSAGES 0x20u /* the first reason that is about a message */
#define FAULT_NUMBER   48u   /* of the message */

_Static_assert(IOMMU_DOMAIN_MAX < DOMAIN_PASS, "domains of devices leave one for the kernel's");

static uint64_t *root; /* [256][2], by bus; NULL: the IOMMU is not used */
static uint64_t capability;
static struct dmar dmar;

uint16_t remap_io_apic(void)
{
    return dmar.io_apic;
}

bool arch_iommu_serves(uint16_t requester)
{
    return !root || (requester < 256 && (dmar.served[requester / 8] >> requester % 8 & 1));
}

unsigned arch_iommu_levels(void)
{
    return capability & CAP_LEVELS_3 ? 3 : 4;
}

/* The two words for a device; NULL: its bus has no table, so that it is blocked. */
static uint64_t *context_of(uint16_t requester)
{
    uint64_t bus = root[2 * (requester >> 8)];

    return bus & PRESENT ? (uint64_t *)arch_phys(bus & ~(uint64_t)0xfff) + 2 * (requester & 0xff)
                         : NULL;
}

static void add_bus(unsigned bus)
{
    if (!(root[2 * bus] & PRESENT))
        vtd_put(&root[2 * bus], boot_frames(1) | PRESENT);
}

/* Changes what a device reaches: nothing in between. */
static void set_context(uint16_t requester, uint64_t low, uint64_t high)
{
    static const uint64_t forget[] = {ALL_CONTEXTS, 0, ALL_ADDRESSES | 3u << AT_DRAIN, 0};
    uint64_t *context = context_of(requester);

    vtd_put(&context[0], 0);
    vtd_put(&context[1], high);
    vtd_put(&context[0], low);
    vtd_invalidate(forget, 4);
}

static uint64_t context_high(unsigned domain, unsigned levels)
{
    return (uint64_t)domain << CONTEXT_DOMAIN | (levels - 2);
}

void arch_iommu_pass(uint16_t requester)
{
    if (!root)
        return;
    add_bus(requester >> 8);
    set_context(requester, CONTEXT_PASS | PRESENT,
                context_high(DOMAIN_PASS, capability & CAP_LEVELS_4 ? 4 : 3));
}

void arch_iommu_attach(uint16_t requester, uint16_t domain, paddr_t tables)
{
    ASSERT(domain > 0 && domain <= IOMMU_DOMAIN_MAX);
    set_context(requester, tables | PRESENT, context_high(domain, arch_iommu_levels()));
}

void arch_iommu_block(uint16_t requester)
{
    set_context(requester, 0, 0);
}

void arch_iommu_mute(uint16_t requester, bool mute)
{
    const uint64_t *context = context_of(requester);

    if (context)
        set_context(requester, (context[0] & ~(uint64_t)CONTEXT_MUTE) | (mute ? CONTEXT_MUTE : 0),
                    context[1]);
}

void arch_iommu_flush(uint16_t domain)
{
    const uint64_t words[] = {
        DOMAIN_ADDRESSES | CAP_DRAINS(capability) << AT_DRAIN | (uint64_t)domain << AT_DOMAIN, 0};

    vtd_invalidate(words, 2);
}

void arch_iommu_filled(uint16_t domain)
{
    if (capability & CAP_ABSENT)
        arch_iommu_flush(domain);
}

bool arch_iommu_fault(struct arch_iommu_fault *out)
{
    vtd_write32(VTD_FAULTS, FAULT_LOST);
    for (unsigned i = 0; i < CAP_FAULTS(capability); i++) {
        unsigned at = CAP_FAULTS_AT(capability) + 16 * i;
        uint64_t low = vtd_read64(at), high = vtd_read64(at + 8);
        if (!(high & FAULT_THERE))
            continue;
        out->requester = (uint16_t)high;
        out->reason = (uint8_t)(high >> 32);
        out->address = out->reason < FAULT_MESSAGES ? low & ~(uint64_t)0xfff : low >> FAULT_NUMBER;
        vtd_write64(at + 8, FAULT_THERE);
        return true;
    }
    return false;
}

/* NULL, or what the IOMMU lacks. */
static const char *find_lack(void)
{
    uint64_t extended = vtd_read64(VTD_ECAP);

    capability = vtd_read64(VTD_CAP);
    if (!(capability & (CAP_LEVELS_3 | CAP_LEVELS_4)))
        return "it has tables of neither 3 nor 4 levels";
    if ((capability & CAP_DOMAINS) < 2)
        return "it has too few domains";
    if (capability & CAP_WRITES_LAG)
        return "its tables would need flushing of write buffers";
    if (!(extended & ECAP_QUEUE) || !(extended & ECAP_PASS))
        return "it has no queued invalidation or no pass-through";
    return extended & ECAP_REMAP ? NULL : "it does not remap interrupts";
}

/* Its own interrupt is not remapped. */
static void start_faults(void (*faulted)(void))
{
    struct arch_msi message = arch_msi_local(faulted);

    vtd_write32(VTD_FAULT_DATA, message.data);
    vtd_write32(VTD_FAULT_WHERE, (uint32_t)message.address);
    vtd_write32(VTD_FAULT_MASK, 0);
}

enum arch_iommu arch_iommu_start(paddr_t rsdp, void (*faulted)(void))
{
    if (!dmar_read(rsdp, &dmar))
        return ARCH_IOMMU_NONE;
    if (!dmar.unusable) {
        vtd_map(dmar.base);
        dmar.unusable = find_lack();
    }
    if (dmar.unusable) {
        print("exo4: the IOMMU is not used: %s\n", dmar.unusable);
        return ARCH_IOMMU_NONE;
    }
    paddr_t frame = boot_frames(1);
    root = arch_phys(frame);
    add_bus(0);
    vtd_write64(VTD_ROOT, frame);
    vtd_command(COMMAND_ROOT);
    vtd_queue_start();
    remap_start();
    start_faults(faulted);
    vtd_command(COMMAND_TRANSLATE);
    return apic_stops_old_messages() ? ARCH_IOMMU_FULL : ARCH_IOMMU_DMA;
}

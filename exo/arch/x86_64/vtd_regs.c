/* The registers of the IOMMU. */
#include "exo/arch/io.h"
#include "exo/arch/x86_64/vtd.h"

static volatile uint8_t *regs;

void vtd_map(paddr_t base)
{
    regs = arch_map_device(base, VTD_BYTES);
}

uint32_t vtd_read32(unsigned at)
{
    return *(volatile uint32_t *)(regs + at);
}

uint64_t vtd_read64(unsigned at)
{
    return *(volatile uint64_t *)(regs + at);
}

void vtd_write32(unsigned at, uint32_t value)
{
    *(volatile uint32_t *)(regs + at) = value;
}

void vtd_write64(unsigned at, uint64_t value)
{
    *(volatile uint64_t *)(regs + at) = value;
}

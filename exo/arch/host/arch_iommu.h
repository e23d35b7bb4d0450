/* host: the inline half of exo/arch/iommu.h, for tables that a test walks. */
#pragma once

#define IOPTE_READ    ((iopte_t)1 << 0)
#define IOPTE_WRITE   ((iopte_t)1 << 1)
#define IOPTE_ADDRESS ((iopte_t)0x000ffffffffff000)

static inline iopte_t arch_iopte(paddr_t pa, rights_t rights)
{
    return pa | (rights & RIGHT_READ ? IOPTE_READ : 0) | (rights & RIGHT_WRITE ? IOPTE_WRITE : 0);
}

static inline bool arch_iopte_present(iopte_t e)
{
    return e & (IOPTE_READ | IOPTE_WRITE);
}

static inline paddr_t arch_iopte_address(iopte_t e)
{
    return e & IOPTE_ADDRESS;
}

static inline rights_t arch_iopte_rights(iopte_t e)
{
    return (e & IOPTE_READ ? RIGHT_READ : 0) | (e & IOPTE_WRITE ? RIGHT_WRITE : 0);
}

static inline void arch_iopte_write(iopte_t *e, iopte_t value)
{
    *e = value;
}

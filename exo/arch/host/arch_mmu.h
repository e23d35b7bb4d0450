/* host: the inline half of exo/arch/mmu.h. An entry is the frame's address and a few bits. As on
 * x86-64 whatever is mapped can be read; unlike there, execution is a bit and not its absence. */
#pragma once

#include "exo/abi/batch.h"

#include "exo/arch/host/machine.h"

#define PTE_PRESENT  ((pte_t)1 << 0)
#define PTE_WRITE    ((pte_t)1 << 1)
#define PTE_EXEC     ((pte_t)1 << 2)
#define PTE_READ_TO  ((pte_t)1 << 3) /* read through since the last look  */
#define PTE_WRITTEN  ((pte_t)1 << 4) /* written through since             */
#define PTE_LARGE    ((pte_t)1 << 5)
#define PTE_DEVICE   ((pte_t)1 << 6)
#define PTE_SHARE    ((pte_t)1 << 9)
#define PTE_FREE     ((pte_t)PAGE_NOTE_BITS)
#define PTE_ADDRESS  ((pte_t)0x000ffffffffff000)
#define PTE_MOST_BIT 52u /* rights that it may have, above the address */
#define PTE_MOST     ((pte_t)7 << PTE_MOST_BIT)
#define PTE_PLAIN    ((pte_t)1 << 55)
#define PTE_TYPE_BIT 56u /* enum memory_type */
#define PTE_TYPE     ((pte_t)7 << PTE_TYPE_BIT)

#define ARCH_CODE_FILL 0 /* there is no code */

static inline void *arch_phys(paddr_t pa)
{
    return host_memory(pa);
}

static inline paddr_t arch_phys_of(const void *p)
{
    return host_memory_address(p);
}

static inline void arch_clear(void *to, size_t bytes)
{
    __builtin_memset(to, 0, bytes);
}

static inline unsigned arch_mmu_index(vaddr_t va, unsigned level)
{
    return (unsigned)(va >> (3 + 9 * level)) & (MMU_ENTRIES - 1);
}

static inline pte_t arch_pte_protect(pte_t e, rights_t rights)
{
    return (e & ~(PTE_WRITE | PTE_EXEC)) | (rights & RIGHT_WRITE ? PTE_WRITE : 0) |
           (rights & RIGHT_EXEC ? PTE_EXEC : 0);
}

static inline pte_t arch_pte_limit(pte_t e, rights_t most)
{
    return (e & ~PTE_MOST) | (pte_t)most << PTE_MOST_BIT;
}

static inline rights_t arch_pte_most(pte_t e)
{
    return (rights_t)((e & PTE_MOST) >> PTE_MOST_BIT);
}

static inline pte_t arch_pte_page(paddr_t pa, rights_t rights, rights_t most)
{
    return arch_pte_limit(arch_pte_protect(pa | PTE_PRESENT, rights), most);
}

static inline pte_t arch_pte_behind(pte_t e, uint32_t n)
{
    return e + n * PAGE_SIZE;
}

static inline pte_t arch_pte_plain(void)
{
    return PTE_PLAIN;
}

static inline pte_t arch_pte_need(rights_t rights)
{
    return PTE_PRESENT | PTE_PLAIN | (pte_t)rights << PTE_MOST_BIT;
}

static inline void arch_pte_change(pte_t *e, pte_t set, pte_t clear)
{
    __atomic_or_fetch(e, set, __ATOMIC_RELAXED);
    __atomic_and_fetch(e, ~clear, __ATOMIC_RELAXED);
}

static inline pte_t arch_pte_large(pte_t e)
{
    return e | PTE_LARGE;
}

static inline pte_t arch_pte_device(pte_t e)
{
    return e | PTE_DEVICE;
}

static inline bool arch_pte_is_device(pte_t e)
{
    return e & PTE_DEVICE;
}

static inline bool arch_pte_is_memory(pte_t e)
{
    return (e & (PTE_PRESENT | PTE_DEVICE)) == PTE_PRESENT;
}

static inline bool arch_pte_is_default(pte_t e)
{
    return arch_pte_is_memory(e) && !(e & PTE_TYPE);
}

static inline bool arch_pte_takes_type(unsigned level, enum memory_type type)
{
    return level == 1 || (type != MEMORY_WRITE_THROUGH && type != MEMORY_WRITE_PROTECTED);
}

static inline pte_t arch_pte_typed(pte_t e, unsigned level, enum memory_type type)
{
    (void)level;
    return (e & ~PTE_TYPE) | (pte_t)type << PTE_TYPE_BIT;
}

static inline pte_t arch_pte_like(pte_t e, unsigned level, pte_t other, unsigned others)
{
    (void)level;
    (void)others;
    return (e & ~PTE_TYPE) | (other & PTE_TYPE);
}

static inline bool arch_pte_is_large(pte_t e)
{
    return e & PTE_LARGE;
}

static inline pte_t arch_pte_table(paddr_t pa)
{
    return pa | PTE_PRESENT | PTE_WRITE | PTE_EXEC;
}

static inline pte_t arch_pte_share(paddr_t pa, rights_t rights)
{
    return arch_pte_protect(arch_pte_table(pa), rights) | PTE_SHARE;
}

/* In an entry that maps memory the bit is the application's. */
static inline bool arch_pte_is_share(pte_t e)
{
    return (e & (PTE_PRESENT | PTE_LARGE | PTE_SHARE)) == (PTE_PRESENT | PTE_SHARE);
}

static inline bool arch_pte_leads(pte_t e)
{
    return (e & (PTE_PRESENT | PTE_LARGE | PTE_SHARE)) == PTE_PRESENT;
}

static inline bool arch_pte_present(pte_t e)
{
    return e & PTE_PRESENT;
}

static inline pte_t arch_pte_note(pte_t e, pte_t value)
{
    return (e & ~PTE_FREE) | (value & PTE_FREE);
}

static inline paddr_t arch_pte_address(pte_t e)
{
    return e & PTE_ADDRESS;
}

static inline rights_t arch_pte_rights(pte_t e)
{
    return RIGHT_READ | (e & PTE_WRITE ? RIGHT_WRITE : 0) | (e & PTE_EXEC ? RIGHT_EXEC : 0);
}

static inline rights_t arch_pte_used(pte_t *e)
{
    pte_t was = __atomic_fetch_and(e, ~(PTE_READ_TO | PTE_WRITTEN), __ATOMIC_RELAXED);

    return (was & PTE_READ_TO ? RIGHT_READ : 0) | (was & PTE_WRITTEN ? RIGHT_WRITE : 0);
}

static inline pte_t arch_pte_take(pte_t *e)
{
    return __atomic_exchange_n(e, 0, __ATOMIC_RELAXED);
}

static inline void arch_pte_use(pte_t *e, rights_t used)
{
    pte_t set = (used & RIGHT_READ ? PTE_READ_TO : 0) | (used & RIGHT_WRITE ? PTE_WRITTEN : 0);

    __atomic_or_fetch(e, set, __ATOMIC_RELAXED);
}

static inline void arch_mmu_switch(paddr_t root)
{
    host_root_load(root);
}

static inline paddr_t arch_mmu_current(void)
{
    return host_root();
}

static inline void arch_tlb_page(vaddr_t va)
{
    host_tlb_drop(va);
}

static inline void arch_tlb_all(void)
{
    host_tlb_drop_all();
}

static inline void arch_cache_drop(void)
{
    host.cache_drops++;
}

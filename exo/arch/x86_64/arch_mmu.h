/* x86-64: the inline half of exo/arch/mmu.h. Intel SDM volume 3, "4-Level Paging". */
#pragma once

#include "exo/abi/batch.h"

#define PHYS_BASE    0xffff800000000000u
#define KERNEL_BASE  0xffffffff80000000u
#define PTE_PRESENT  ((pte_t)1 << 0)
#define PTE_WRITE    ((pte_t)1 << 1)
#define PTE_USER     ((pte_t)1 << 2)
#define PTE_TYPE     ((pte_t)3 << 3) /* with PTE_PAT; an index of the page attribute table */
#define PTE_UNCACHED ((pte_t)3 << 3)
#define PTE_ACCESSED ((pte_t)1 << 5)
#define PTE_DIRTY    ((pte_t)1 << 6)
#define PTE_PAT      ((pte_t)1 << 7) /* in an entry of level 1 */
#define PTE_LARGE    ((pte_t)1 << 7) /* in one above           */
#define PTE_GLOBAL   ((pte_t)1 << 8)
#define PTE_SHARE    ((pte_t)1 << 9) /* of those that the CPU ignores */
#define PTE_FREE     ((pte_t)PAGE_NOTE_BITS)
#define PTE_MOST_BIT 52u /* of those that the CPU ignores */
#define PTE_MOST     ((pte_t)7 << PTE_MOST_BIT)
#define PTE_PLAIN    ((pte_t)1 << 55)
#define PTE_DEVICE   ((pte_t)1 << 56)
#define PTE_NX       ((pte_t)1 << 63)
#define PTE_ADDRESS  0x000ffffffffff000u

#define ARCH_CODE_FILL 0xcc /* int3, behind the code of a graft */

static inline void *arch_phys(paddr_t pa)
{
    return (void *)(pa + PHYS_BASE);
}

static inline paddr_t arch_phys_of(const void *p)
{
    uintptr_t va = (uintptr_t)p;

    return va >= KERNEL_BASE ? va - KERNEL_BASE : va - PHYS_BASE;
}

static inline void arch_clear(void *to, size_t bytes)
{
    size_t words = bytes / 8;

    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0) : "memory");
}

static inline unsigned arch_mmu_index(vaddr_t va, unsigned level)
{
    return (unsigned)(va >> (3 + 9 * level)) & (MMU_ENTRIES - 1);
}

/* The bits for rights that are a set of RIGHT_READ, RIGHT_WRITE and RIGHT_EXEC: one load. */
static inline pte_t arch_pte_of(rights_t rights)
{
    static const pte_t bits[] = {PTE_NX, PTE_NX, PTE_WRITE | PTE_NX, PTE_WRITE | PTE_NX,
                                 0,      0,      PTE_WRITE,          PTE_WRITE};

    return bits[rights];
}

static inline pte_t arch_pte_protect(pte_t e, rights_t rights)
{
    return (e & ~(PTE_WRITE | PTE_NX)) | arch_pte_of(rights);
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
    return pa | PTE_PRESENT | PTE_USER | arch_pte_of(rights) | (pte_t)most << PTE_MOST_BIT;
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
    if (!__builtin_constant_p(set) || set)
        __atomic_or_fetch(e, set, __ATOMIC_RELAXED);
    __atomic_and_fetch(e, ~clear, __ATOMIC_RELAXED);
}

static inline pte_t arch_pte_large(pte_t e)
{
    return e | PTE_LARGE;
}

static inline pte_t arch_pte_device(pte_t e)
{
    return e | PTE_DEVICE | PTE_UNCACHED;
}

static inline bool arch_pte_is_device(pte_t e)
{
    return e & PTE_DEVICE;
}

static inline bool arch_pte_is_default(pte_t e)
{
    return (e & (PTE_PRESENT | PTE_TYPE | PTE_PAT)) == PTE_PRESENT;
}

/* What has the default type is no device. */
static inline bool arch_pte_is_memory(pte_t e)
{
    if (__builtin_expect(arch_pte_is_default(e), 1))
        return true;
    return (e & (PTE_PRESENT | PTE_DEVICE)) == PTE_PRESENT;
}

static inline bool arch_pte_takes_type(unsigned level, enum memory_type type)
{
    return level == 1 || (type != MEMORY_WRITE_THROUGH && type != MEMORY_WRITE_PROTECTED);
}

static inline pte_t arch_pte_type_of(unsigned level)
{
    return level == 1 ? PTE_TYPE | PTE_PAT : PTE_TYPE;
}

/* The indices that arch_cpu_bind filled the table for. */
static inline pte_t arch_pte_typed(pte_t e, unsigned level, enum memory_type type)
{
    static const pte_t bits[] = {0, 3 << 3, 1 << 3, PTE_PAT | 3 << 3, PTE_PAT | 1 << 3, 2 << 3};
    pte_t wanted = type == MEMORY_DEFAULT && (e & PTE_DEVICE) ? PTE_UNCACHED : bits[type];

    return (e & ~arch_pte_type_of(level)) | wanted;
}

static inline pte_t arch_pte_like(pte_t e, unsigned level, pte_t other, unsigned others)
{
    pte_t same = arch_pte_type_of(level) & arch_pte_type_of(others);

    return (e & ~arch_pte_type_of(level)) | (other & same);
}

static inline bool arch_pte_is_large(pte_t e)
{
    return e & PTE_LARGE;
}

static inline pte_t arch_pte_table(paddr_t pa)
{
    return pa | PTE_PRESENT | PTE_USER | PTE_WRITE;
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
    return RIGHT_READ | (e & PTE_WRITE ? RIGHT_WRITE : 0) | (e & PTE_NX ? 0 : RIGHT_EXEC);
}

static inline rights_t arch_pte_used(pte_t *e)
{
    pte_t was = __atomic_fetch_and(e, ~(PTE_ACCESSED | PTE_DIRTY), __ATOMIC_RELAXED);

    return (was & PTE_ACCESSED ? RIGHT_READ : 0) | (was & PTE_DIRTY ? RIGHT_WRITE : 0);
}

static inline pte_t arch_pte_take(pte_t *e)
{
    return __atomic_exchange_n(e, 0, __ATOMIC_RELAXED);
}

static inline void arch_pte_use(pte_t *e, rights_t used)
{
    pte_t set = (used & RIGHT_READ ? PTE_ACCESSED : 0) | (used & RIGHT_WRITE ? PTE_DIRTY : 0);

    __atomic_or_fetch(e, set, __ATOMIC_RELAXED);
}

static inline void arch_mmu_switch(paddr_t root)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

static inline paddr_t arch_mmu_current(void)
{
    paddr_t root;
    __asm__ volatile("mov %%cr3, %0" : "=r"(root));
    return root;
}

static inline void arch_tlb_page(vaddr_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void arch_tlb_all(void)
{
    arch_mmu_switch(arch_mmu_current());
}

static inline void arch_cache_drop(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

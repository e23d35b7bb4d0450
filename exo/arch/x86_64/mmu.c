/* The kernel's part of every address space: all memory, the kernel, devices, and the window that
 * shows the book-keeping to users. */
#include "exo/arch/mmu.h"

#include "exo/abi/kinfo.h"
#include "exo/arch/io.h"
#include "exo/base/assert.h"
#include "exo/arch/upward.h"

#define DEVICE_SLOT  509u
#define DEVICE_BASE  ((vaddr_t)0xfffffe8000000000)
#define CODE_LAST    ((vaddr_t)0xffffffffc0000000) /* the last GiB, and the third last */
#define CODE_THIRD   ((vaddr_t)0xffffffff40000000)
#define USER_ENTRIES 256u

extern pte_t boot_tables[MMU_ENTRIES];

void arch_mmu_root_init(pte_t *root)
{
    for (unsigned i = USER_ENTRIES; i < MMU_ENTRIES; i++)
        root[i] = boot_tables[i];
}

paddr_t arch_link_page(void)
{
    extern char links_start[];

    return arch_phys_of(links_start);
}

paddr_t arch_mmu_kernel(void)
{
    return arch_phys_of(boot_tables);
}

/* The entry for `va` at `level` in the kernel's tables, making tables on the way from boot memory.
 */
static pte_t *kernel_entry(vaddr_t va, unsigned level, pte_t table_bits)
{
    pte_t *table = boot_tables;

    for (unsigned l = MMU_LEVELS; l > level; l--) {
        pte_t *e = &table[arch_mmu_index(va, l)];
        if (!(*e & PTE_PRESENT))
            *e = boot_frames(1) | table_bits;
        table = arch_phys(*e & PTE_ADDRESS);
    }
    return &table[arch_mmu_index(va, level)];
}

void arch_window_map(vaddr_t va, paddr_t pa, size_t bytes, rights_t rights)
{
    ASSERT(va % PAGE_SIZE == 0 && pa % PAGE_SIZE == 0);
    for (size_t at = 0; at < bytes; at += PAGE_SIZE) {
        pte_t *e = kernel_entry(va + at, 1, PTE_PRESENT | PTE_WRITE | PTE_USER);
        *e = (arch_pte_page(pa + at, rights, rights) & ~PTE_WRITE) | PTE_GLOBAL;
    }
}

void *arch_map_device(paddr_t base, size_t bytes)
{
    static vaddr_t next = DEVICE_BASE;
    vaddr_t start = next;
    paddr_t first = base & ~(PAGE_SIZE - 1);

    for (paddr_t pa = first; pa < base + bytes; pa += PAGE_SIZE, next += PAGE_SIZE) {
        pte_t *e = kernel_entry(next, 1, PTE_PRESENT | PTE_WRITE);
        *e = pa | PTE_PRESENT | PTE_WRITE | PTE_UNCACHED | PTE_NX | PTE_GLOBAL;
    }
    return (void *)(start + (base - first));
}

vaddr_t arch_code_address(uint32_t n)
{
    return n < MMU_ENTRIES ? CODE_LAST + n * MMU_CODE_BYTES
                           : CODE_THIRD + (n - MMU_ENTRIES) * MMU_CODE_BYTES;
}

/* Every root leads to these tables, which were made before there were any. */
static pte_t *code_entry(uint32_t n)
{
    ASSERT(n < MMU_CODE_SLOTS);
    return kernel_entry(arch_code_address(n), 2, PTE_PRESENT | PTE_WRITE);
}

void arch_code_map(uint32_t n, paddr_t table, paddr_t pa, uint32_t pages)
{
    pte_t *entries = arch_phys(table), *e = code_entry(n);

    ASSERT(!(*e & PTE_PRESENT) && pages <= MMU_ENTRIES);
    for (uint32_t i = 0; i < pages; i++)
        entries[i] = (pa + i * PAGE_SIZE) | PTE_PRESENT;
    __atomic_store_n(e, table | PTE_PRESENT, __ATOMIC_RELEASE);
}

void arch_code_unmap(uint32_t n)
{
    *code_entry(n) = 0;
}

/* After the other CPUs have started: no identity map any more, the kernel's text is read-only in
 * the map of all memory too, and nothing is executable there. */
void arch_mmu_seal(void)
{
    extern char text_start[];
    pte_t *large = kernel_entry((vaddr_t)(uintptr_t)arch_phys(arch_phys_of(text_start)), 2, 0);

    *large &= ~PTE_WRITE;
    boot_tables[0] = 0;
    boot_tables[USER_ENTRIES] |= PTE_NX;
    code_entry(0);
    code_entry(MMU_ENTRIES);
    arch_tlb_all();
}

/*
 * Address spaces: finding the entry that serves an address, and the user's memory as the kernel may
 * touch it: never at the user's addresses, only through a walk that checks rights.
 *
 * Locking: the caller holds the forest lock, or the entries cannot change for another reason that
 * it states.
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/mmu.h"

/* The entry that maps `va`'s page, or NULL when a table of the space's own is missing:
 * space_entry(root, va, 1), in line where a call's cost counts. */
static inline pte_t *space_leaf(pfn_t root, vaddr_t va)
{
    const pte_t *table = arch_phys((paddr_t)root << PAGE_BITS);
    pte_t e;

    e = table[arch_mmu_index(va, 4)];
    if (!arch_pte_present(e))
        return NULL;
    table = arch_phys(arch_pte_address(e));
    e = table[arch_mmu_index(va, 3)];
    if (!arch_pte_leads(e))
        return NULL;
    table = arch_phys(arch_pte_address(e));
    e = table[arch_mmu_index(va, 2)];
    if (!arch_pte_leads(e))
        return NULL;
    return (pte_t *)arch_phys(arch_pte_address(e)) + arch_mmu_index(va, 1);
}

/* The entry for `va` in the table of `level` under `root`, or NULL when a table is missing above
 * it, or a large page or another's table is there in its place. Level 4 is the root itself and
 * always there. */
pte_t *space_entry(pfn_t root, vaddr_t va, unsigned level);

/* The entry that maps a large page around `va`, and its level; or NULL. */
pte_t *space_large(pfn_t root, vaddr_t va, unsigned *level);

/* The lowest entry on the way to `va` that is the space's own, and its level: of level 1; or above
 * it one that does not lead on. */
pte_t *space_last(pfn_t root, vaddr_t va, unsigned *level);

/* Where the kernel sees the user's byte at `va`, if it is mapped with `need`, through tables of its
 * own or of others; else NULL. Good for the rest of its page. */
void *space_user(pfn_t root, vaddr_t va, rights_t need);

/* Copies from and to the user. False, and an unknown part copied, when a page lacks the right. */
bool space_copy_in(pfn_t root, void *to, vaddr_t from, size_t bytes);
bool space_copy_out(pfn_t root, vaddr_t to, const void *from, size_t bytes);

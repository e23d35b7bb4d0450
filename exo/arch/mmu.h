/*
 * What the kernel asks of an MMU with four levels of 512 entries. Nothing outside exo/arch/<cpu>/
 * knows how an entry looks.
 */
#pragma once

#include "exo/abi/types.h"

#define MMU_LEVELS  4u
#define MMU_ENTRIES 512u

/* Bytes of addresses that one entry of a table of `level` serves. */
#define MMU_SPAN(level) ((vaddr_t)PAGE_SIZE << 9 * ((level)-1))

typedef uint64_t pte_t; /* an entry as the CPU reads it */

/* Memory as the kernel sees it: all of it, writable, at one offset. */
static inline void *arch_phys(paddr_t pa);
static inline paddr_t arch_phys_of(const void *p);

/* Fills whole words of memory with zeroes, in the CPU's quickest way for a page or more. */
static inline void arch_clear(void *to, size_t bytes);

/* Index of `va` in a table of `level` (1 maps pages, 4 is the root). */
static inline unsigned arch_mmu_index(vaddr_t va, unsigned level);

/* Rights of a page, here and below, are a set of RIGHT_READ, RIGHT_WRITE and RIGHT_EXEC. */

/* An entry that maps page `pa` for the user with `rights`, and keeps that it may have `most` (no
 * fewer). x86-64: readable always. */
static inline pte_t arch_pte_page(paddr_t pa, rights_t rights, rights_t most);

/* The entry for the page `n` pages behind the one that `e` maps. */
static inline pte_t arch_pte_behind(pte_t e, uint32_t n);

/* A bit of an entry that the CPU does not look at; bindings/page.h says what it means. */
static inline pte_t arch_pte_plain(void);

/* The bits that an entry has if it is present and plain and may have `rights`. */
static inline pte_t arch_pte_need(rights_t rights);

/* Sets bits of an entry, then clears others; what the CPU notes of its use meanwhile stays. */
static inline void arch_pte_change(pte_t *e, pte_t set, pte_t clear);

/* The entry with other rights, or keeping another `most`; what the CPU noted of its use stays. */
static inline pte_t arch_pte_protect(pte_t e, rights_t rights);
static inline pte_t arch_pte_limit(pte_t e, rights_t most);
static inline rights_t arch_pte_most(pte_t e);

/* An entry that leads to the table at `pa`. */
static inline pte_t arch_pte_table(paddr_t pa);

/* The same for a table that another entry has: marked, and limited to `rights`. */
static inline pte_t arch_pte_share(paddr_t pa, rights_t rights);
static inline bool arch_pte_is_share(pte_t e);

/* The entry of level 1, for one of level 2 or 3 that maps all it serves from the same address on.
 */
static inline pte_t arch_pte_large(pte_t e);

/* Does an entry of level 2 or 3, if it is present, map memory and lead to no table? */
static inline bool arch_pte_is_large(pte_t e);

/* The entry of level 1 for a page of device registers: not cached. Does a present one show such a
 * page? Is one present, and shows memory (or leads to a table)? */
static inline pte_t arch_pte_device(pte_t e);
static inline bool arch_pte_is_device(pte_t e);
static inline bool arch_pte_is_memory(pte_t e);

/* How the CPU caches what an entry shows (decision 33). */
enum memory_type {
    MEMORY_DEFAULT, /* memory: written back; device registers: uncached                      */
    MEMORY_UNCACHED,
    MEMORY_WRITE_COMBINING,
    MEMORY_WRITE_THROUGH,
    MEMORY_WRITE_PROTECTED,
    MEMORY_UNCACHED_WEAK, /* uncached, but for where the firmware says write-combining        */
    MEMORY_TYPES
};

/* Is an entry of level 1 present, and shows memory of the default type? */
static inline bool arch_pte_is_default(pte_t e);

/* Can an entry of `level` that shows a page have that type? The entry with it. */
static inline bool arch_pte_takes_type(unsigned level, enum memory_type type);
static inline pte_t arch_pte_typed(pte_t e, unsigned level, enum memory_type type);

/* The entry with the type of `other`, of level `others`, which shows the same or more. */
static inline pte_t arch_pte_like(pte_t e, unsigned level, pte_t other, unsigned others);

/* Writes what this CPU has cached back, and drops it: a type has changed. */
static inline void arch_cache_drop(void);

/* Does an entry above level 1 lead to a table that is its own: neither absent, large nor a share?
 */
static inline bool arch_pte_leads(pte_t e);

static inline bool arch_pte_present(pte_t e);

/* The entry with the bits that are the application's as in `value` (exo/abi/batch.h). */
static inline pte_t arch_pte_note(pte_t e, pte_t value);
static inline paddr_t arch_pte_address(pte_t e);
static inline rights_t arch_pte_rights(pte_t e);

/* Rights used through the entry since the last look, as far as the CPU tells; forgets them. */
static inline rights_t arch_pte_used(pte_t *e);

/* Empties an entry; what it was, with all that was used through it until then. */
static inline pte_t arch_pte_take(pte_t *e);

/* As if `used` had been used through the entry. */
static inline void arch_pte_use(pte_t *e, rights_t used);

/* Fills the kernel's part of a zeroed root table. */
void arch_mmu_root_init(pte_t *root);

/* Makes `root` this CPU's address space. */
static inline void arch_mmu_switch(paddr_t root);
static inline paddr_t arch_mmu_current(void);

/* Forgets one page, or all the user's, on this CPU. */
static inline void arch_tlb_page(vaddr_t va);
static inline void arch_tlb_all(void);

/* Maps frames for all users at an address of the window, read-only, or executable too. Boot only.
 */
void arch_window_map(vaddr_t va, paddr_t pa, size_t bytes, rights_t rights);

/* Where the links of the L4 calls lie. */
paddr_t arch_link_page(void);

/* The root that maps no user memory. */
paddr_t arch_mmu_kernel(void);

/* Code that is made at run time, at slots of MMU_CODE_BYTES: where slot `n` runs; 0: this CPU's
 * folder runs none. */
#define MMU_CODE_BYTES ((size_t)2 << 20)
#define MMU_CODE_SLOTS 1024u
vaddr_t arch_code_address(uint32_t n);

/* Shows `pages` pages from `pa` on at slot `n`, to be executed and not written. `table`: a zeroed
 * frame, the CPU's until arch_code_unmap, which invalidates nothing. */
void arch_code_map(uint32_t n, paddr_t table, paddr_t pa, uint32_t pages);
void arch_code_unmap(uint32_t n);

/* Ends the set-up of the kernel's part: from now on its text is read-only everywhere, and nothing
 * else is executable but what arch_code_map shows. Boot only. */
void arch_mmu_seal(void);

#include <arch_mmu.h>

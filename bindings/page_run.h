/*
 * Runs: the ordinary entries of a batch, many to one page table, done in a tight loop.
 *
 * Each function does entries from the first on as long as they are ordinary, and returns how many
 * it did. It stops in front of the first one that is not: wrong, refused, of another page table, or
 * with bindings derived from it or to. What that one comes to is for the caller to find out.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/batch.h"
#include "exo/abi/cap.h"
#include "exo/arch/mmu.h"

struct page_run {
    const struct page_entry *entries; /* in the user's memory: they may change at any time */
    uint32_t count;
    vaddr_t base; /* first address that `table` serves                              */
    pte_t *table; /* of level 1                                                     */
};

#define TABLE_BYTES ((vaddr_t)1 << 21) /* what a table of level 1 serves */

/* Sets of RIGHT_* that a page can be bound with. */
#define PAGE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

/* Binds frames of `frames`, a CAP_FRAMES. */
uint32_t page_run_bind(const struct page_run *r, struct cap *frames);

/* Changes rights; nothing is invalidated. */
uint32_t page_run_protect(const struct page_run *r);

/* Unbinds; nothing is invalidated. */
uint32_t page_run_unbind(const struct page_run *r);

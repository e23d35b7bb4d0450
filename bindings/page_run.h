/*
 * Runs: pages side by side in one page table, done in tight loops while they are ordinary: not
 * bound yet for page_run_bind, plain (P3) for the others.
 *
 * Each function takes the entries from `at` on, `count` of them, which all lie in one table of
 * level
 * 1. It does them in order and returns how many it did; it stops in front of the first one that is
 * not ordinary. What that one comes to is for the caller to find out. Nothing is invalidated.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/arch/mmu.h"

/* Binds the frames from `pfn` on, which are all in the range of `frames`, a CAP_FRAMES, with
 * `rights` now and at most `most` later. */
uint32_t page_run_bind(pte_t *at, uint32_t count, struct cap *frames, pfn_t pfn, rights_t rights,
                       rights_t most);

/* Gives pages that may have them `rights`. */
uint32_t page_run_protect(pte_t *at, uint32_t count, rights_t rights);

/* Unbinds pages. Ends, too, in front of one that was not bound right after the one before it, since
 * a chain of siblings leaves the forest as a whole. */
uint32_t page_run_unbind(pte_t *at, uint32_t count);

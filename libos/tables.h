/*
 * This environment's page tables: making those that are missing, and reading the entries of level 1
 * in place. Each level-1 table is bound read-only in a window when it is made, so that asking which
 * frame lies at an address, or whether it was written to, is one load and no kernel call.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

#define TABLE_BITS 21u   /* a level-1 table serves 2 MiB */
#define TABLES_MAX 4096u /* level-1 tables: 8 GiB of addresses in use */

/* Finds the level-1 tables that exist from the start in [low, high). */
enum err tables_adopt(vaddr_t low, vaddr_t high);

/* Makes the level-1 table of `va`, and those above it, where they are missing.
 * NO_MEM: no frames are left, or there are TABLES_MAX. IN_USE: a large page, or a table shared from
 * elsewhere, is in their place. */
enum err tables_make(vaddr_t va);

/* The entry for `va`, as the CPU's MMU reads and marks it; 0 when it has no level-1 table. */
uint64_t tables_entry(vaddr_t va);

/* The entry that decides what is at `va`, whatever its size: of level 1, or above it of a large
 * page or a shared table, or an empty one. `*bytes`: what it serves. A walk of calls, not a load.
 */
enum err tables_walk(vaddr_t va, uint64_t *entry, uint64_t *bytes);

/* The level-1 table of `va`, to be read in place for as long as the program lives; NULL: there is
 * none. */
const volatile uint64_t *tables_at(vaddr_t va);
#define TABLE_INDEX(va) ((va) >> PAGE_BITS & 511)

/* Does `va` have a level-1 table?  First address behind those that the table of `va` serves. */
bool tables_exist(vaddr_t va);
vaddr_t tables_next(vaddr_t va);

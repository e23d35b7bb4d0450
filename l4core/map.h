/*
 * Map and grant items: bindings derived from bindings, or moved, by IPC; and taken back by Unmap.
 * exo/doc/decisions/0024-fpages.md says what happens where pages of different sizes meet.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/mmu.h"

struct env;
struct thread;

/* The entry of level `bottom` for `va` of `e`, with tables from its kernel memory on the way. NULL:
 * none left, or a large page or a share is in the way. */
pte_t *map_make_entry(struct env *e, vaddr_t va, unsigned bottom);

/* Performs one map or grant item (`header`, `fpage`) of `from` for `to`, whose acceptor is
 * `window`. False: it accepts none, or memory for page tables is lacking: message overflow. */
bool map_item(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window);

/* The Unmap call for one fpage of `t`'s space: takes the fpage's rights from what was mapped from
 * it, with `flush` from `t` itself too. Returns the fpage with the rights that were used since. */
word_t map_unmap(struct thread *t, word_t fpage, bool flush);

/* The same for the addresses [base, end) of a space; returns the rights that were used. */
rights_t unmap_range(struct env *e, vaddr_t base, vaddr_t end, rights_t taken, bool flush);

/* Is the page of `bytes` that `va` lies in one that is not mapped, granted, unmapped or mapped
 * over? */
bool map_is_reserved(const struct env *e, vaddr_t va, vaddr_t bytes);

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
struct regs;
struct thread;
struct unmap;

/* The entry of level `bottom` for `va` of `e`, with tables from its kernel memory on the way. NULL:
 * none left, or a large page or a share is in the way. */
pte_t *map_make_entry(struct env *e, vaddr_t va, unsigned bottom);

/* Performs what is left of one map or grant item (`header`, `fpage`) of `from` for `to`, whose
 * acceptor is `window`. 0; IPC_OVERFLOW: it accepts none, or memory for page tables is lacking; or
 * IPC_LEFT: the transfer is suspended when its budget is spent. */
word_t map_item(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window);

/* The Unmap call of `t`, with the control word and fpages of its message registers, which have the
 * rights used since in the end. When its budget is spent, `t` goes on with it before it next leaves
 * to the user (unmap_go_on, under the forest lock). */
void unmap_do(struct thread *t, struct regs *r);
void unmap_go_on(struct thread *t);

/* Takes rights from what was mapped from the pages [u->va, u->end) of `e`, and so on (struct
 * unmap), until that is done or the budget (suspend.h) is spent; u->va says how far it got. */
void unmap_some(struct env *e, struct unmap *u, uint32_t *budget);

/* Is the page of `bytes` that `va` lies in one that is not mapped, granted, unmapped or mapped
 * over? */
bool map_is_reserved(const struct env *e, vaddr_t va, vaddr_t bytes);

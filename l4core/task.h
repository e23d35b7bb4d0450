/*
 * What L4's control calls make from kernel memory: address spaces, threads and their UTCBs. Each
 * hangs in the forest by its own node, under the region that its memory came from (decision 20).
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/arch/mmu.h"

struct env;
struct thread;

/* The region that `e` has its kernel memory from, or NULL. */
struct cap *task_memory(const struct env *e);

/* A space in the ENV_FRAMES free frames from `base` on, with the same kernel memory. Pre: an
 * environment's number is free. */
struct env *task_make_space(struct cap *region, pfn_t base, uint16_t maker);

/* An inactive thread with global ID `id` in the L4_THREAD_FRAMES free frames from `base` on. */
struct thread *task_make_thread(struct cap *region, pfn_t base, struct env *e, word_t id);

/* Moves a thread that does not run, and has no UTCB in its space, to another one. */
void task_move(struct thread *t, struct env *to);

/* The entry for `va`, empty, with tables from the kernel memory of `e`. NULL, and no table was
 * made: there is too little, or something that is no page of the space's own is in the way. */
pte_t *task_entry(struct env *e, vaddr_t va);

/* Shows the UTCB of an inactive thread through its empty entry for `va`, and has the thread wait
 * for `pager` to start it. */
void task_activate(struct thread *t, pte_t *utcb, vaddr_t va, word_t pager);

/* Moves an active thread that task_make_thread made to another space, where `utcb` is the empty
 * entry for the address of its UTCB: what it waits for is cancelled, but for its start; its Unmap
 * is cut short; it keeps its IDs, registers and UTCB. `by_itself`: by a call of its own, whose
 * results its registers have. Else nothing has changed: as thread_move. */
int task_relocate(struct thread *t, struct env *to, pte_t *utcb, bool by_itself);

/* Ends a space that task_make_space made if it has no thread any more. */
void task_space_left(struct env *e);

/*
 * Unbinding in steps: a call that has looked at many pages derived from those that it unbinds is
 * entered again, after interrupts, and knows then which it had done.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/arch/mmu.h"

struct thread;

/* How many pages the call of `caller` with the run or entries `of` for `env` had unbound when it
 * was last entered, so that they need not be bound now; forgets it. */
uint32_t unbind_done(struct thread *caller, word_t of, slot_t env);

/* Ends what is derived from the binding `e`, for a call of `caller` that has looked at `*visits`
 * nodes. ERR_OK, or CALL_AGAIN: more is derived from it, and interrupts are due. */
int unbind_derived(pte_t *e, const struct thread *caller, uint32_t *visits);

/* The call `number` of `caller` with these arguments is entered again when it has unbound `done`
 * pages. Returns CALL_AGAIN. */
int unbind_again(struct thread *caller, word_t number, slot_t env, word_t of, word_t count,
                 uint32_t done);

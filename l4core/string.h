/*
 * String items, and transfers that are suspended on their account (decision 23). no_string.c stands
 * for all of it in a kernel without.
 *
 * Locking: the forest lock. All threads are of this CPU.
 */
#pragma once

#include "exo/abi/types.h"

struct thread;

#define TRANSFER_STEP 65536u /* bytes copied until interrupts are taken */

/* Copies what is left of the string item that the progress of `from` says is the current one, in a
 * message that ends before word `end`. 0, and the progress is at the next item; IPC_OVERFLOW; or
 * IPC_LEFT. */
word_t string_item(struct thread *from, struct thread *to, unsigned end);

/* The deadline of `t`, in THREAD_IPC_TRANSFER, passed. */
void string_timeout(struct thread *t);

/* Ends the suspended transfer of `t`, if there is one, with IPC_ABORTED for both sides, who then
 * can run. False: there is none. */
bool string_abort(struct thread *t);

/*
 * Leaving an IPC.
 *
 * Locking: the forest lock when a thread of another CPU takes part, and in what names it.
 */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* `t`, of this CPU, is in no IPC any more and runs on. */
void ipc_leave(struct thread *t);

/* `to`, of this CPU, has got what it waited for, from `from`; it is still to be woken (ipc_leave).
 */
void ipc_received(struct thread *to, const struct thread *from);

/* Ends the IPC of `t`, at home anywhere, with an error (which may have an
 * offset): it leaves the queue that it is in. */
void ipc_fail(struct thread *t, word_t code, unsigned phase);

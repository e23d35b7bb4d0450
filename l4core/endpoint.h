/*
 * IPC with what a capability names in place of a thread: endpoints, notifications, and who waits
 * for an answer (decision 27).
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"

struct thread;

/* Not inlined: they would crowd the registers of what IPC between threads goes through. */
#define ASIDE __attribute__((noinline))

/* `t` sends to `to` or receives from its ipc_from, of which one at least is named. */
ASIDE void endpoint_begin(struct thread *t, word_t to);

/* The send phase of `t`, to its ipc_via; the receive phase follows when it ends at once. */
ASIDE void endpoint_send(struct thread *t);

/* `to` has got the message that `from` sent to its ipc_via. Returns the name that `to` is told;
 * `from`, if it calls, waits for the answer from now on. */
ASIDE word_t endpoint_received(struct thread *to, struct thread *from);

/* The receive phase of `t`, on its home CPU, whose ipc_from is named. Has it got its message from a
 * notification (the one bound to it too, then for an open wait as well)? Else, the first who sends
 * to its endpoint, taken off the queue, or NULL; else, `t` waits, or fails. */
ASIDE bool endpoint_told(struct thread *t);
ASIDE struct thread *endpoint_sender(const struct thread *t);
ASIDE void endpoint_wait(struct thread *t);

/* `t` leaves the queue of an endpoint or a notification that it is in by its ipc_cap. */
ASIDE void endpoint_leave(struct thread *t);

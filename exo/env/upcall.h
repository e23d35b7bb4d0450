/* Upcalls: the kernel tells a thread of an event by continuing it elsewhere (utcb.h). */
#pragma once

#include "exo/abi/utcb.h"

struct thread;

/* Continues `t`, which is about to leave to the user, at its entry for `u`. False, and nothing
 * changed, when the entry is 0 or not the user's, or the class is masked. */
bool upcall_deliver(struct thread *t, enum upcall u, uint64_t vector, uint64_t error,
                    uint64_t address);

/* Lets event `u` (one of UPCALL_EVENTS) happen to `t`, of any CPU; a wait for a notification ends
 * with INTERRUPTED. It is delivered when `t` leaves to the user next, or when its mask allows.
 * False, and nothing changed, when `t` is dead or its entry is 0. Under the forest lock. */
bool upcall_post(struct thread *t, enum upcall u);

/* The same, for a thread of this CPU that waits for no notification. Needs no lock. */
bool upcall_post_here(struct thread *t, enum upcall u);

/* Puts `bits` into the `notified` of `t`, of any CPU, and posts UPCALL_NOTIFY. As upcall_post. */
bool upcall_notify(struct thread *t, uint64_t bits);

/* Is an event of `t`, of this CPU, pending and not masked? */
bool upcall_is_due(const struct thread *t);

/* Has the events of `t`, which runs here, looked at before it leaves. */
void upcall_poll(struct thread *t);

/* Delivers the first event that is due to `t`, which is about to leave to the user. */
void upcall_deliver_events(struct thread *t);

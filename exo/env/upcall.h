/* Upcalls: the kernel tells a thread of an event by continuing it elsewhere (utcb.h). */
#pragma once

#include "exo/abi/utcb.h"

struct thread;

/* Continues `t`, which is about to leave to the user, at its entry for `u`. False, and nothing
 * changed, when the entry is 0 or not the user's, or the class is masked. */
bool upcall_deliver(struct thread *t, enum upcall u, uint64_t vector, uint64_t error,
                    uint64_t address);

/* Lets `t`, on any CPU, take upcall `u` when it next leaves to the user; until then the bit in its
 * UTCB's `pending` is set. Nothing happens when the entry is 0. */
void upcall_post(struct thread *t, enum upcall u);

/* Delivers one posted upcall to `t`, which is about to leave to the user, if one can be. */
void upcall_deliver_posted(struct thread *t);

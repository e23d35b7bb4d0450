/* Upcalls: the kernel tells a thread of an event by continuing it elsewhere (utcb.h). */
#pragma once

#include "exo/abi/utcb.h"

struct thread;

/* Continues `t`, which is about to leave to the user, at its entry for `u`. False, and nothing
 * changed, when the entry is 0 or not the user's, or the class is masked. */
bool upcall_deliver(struct thread *t, enum upcall u, uint64_t vector, uint64_t error,
                    uint64_t address);

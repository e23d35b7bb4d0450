/*
 * The end of waits for notifications, from any CPU (decision 69). All functions but wait_end_told
 * under the forest lock.
 *
 * Invariant. wait_check() tests it for one CPU, and names it.
 *   S6  whoever is in `woken` of a CPU is at home there, in THREAD_IN_NOTIFY and among no waiters
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/env/cpu.h"
#include "exo/env/thread.h"

/* Ends the wait of `t`, in THREAD_IN_NOTIFY and at home on this CPU: it gets these. */
void wait_end(struct thread *t, word_t error, word_t bits);

/* The same for a thread of any CPU. On another one it is put among `woken`: its wait ends before
 * anything else is done there by mail or by who has waited for the forest lock, and nobody waits
 * for that. */
void wait_end_anywhere(struct thread *t, word_t error, word_t bits);

/* Ends the waits of this CPU's `woken`, in the order in which they were ended. Under no lock, or
 * under the forest lock. */
void wait_end_told(void);

const char *wait_check(const struct cpu *c);

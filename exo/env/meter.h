/*
 * Time of a thread's own, below the slice vector: a slice among its equals, a quantum in all, and
 * how long it may delay its preemption. Decision 30. All functions are for this CPU.
 *
 * Invariants. meter_check() tests them for one thread and names the broken one.
 *   T1  a thread is THREAD_ALONE if and only if one of the three is not the common case, or it
 *       has pages of code only
 *   T2  its guard is its priority, or above that its sensitive priority if it may delay
 */
#pragma once

#include "exo/abi/types.h"
#include "exo/env/thread.h"

struct cpu;

/* What a thread is to tell before it leaves to the user: bits of `due`. */
#define DUE_QUANTUM 1u /* its quantum is used up                   */
#define DUE_DELAY   2u /* it has delayed its preemption for too long */

/* A new thread: nothing is limited. */
void meter_init(struct thread *t);

/* Gives `t` a slice and a quantum anew (`times`), or a delay, or both. */
void meter_set(struct thread *t, const struct meter *m, bool times, bool delay);

/* Is one of the three not the common case? */
bool meter_is_limited(const struct thread *t);

/* Its priority has changed. */
void meter_set_guard(struct thread *t);

/* What is left of slice and quantum now, in ticks, or FOREVER. */
uint64_t meter_slice_left(const struct thread *t);
uint64_t meter_quantum_left(const struct thread *t);

/* `from` runs no more, `to` runs from now on; either may be NULL or not metered. */
void meter_switch(struct cpu *c, struct thread *from, struct thread *to);

/* c->meter_end has passed. */
void meter_tick(struct cpu *c, uint64_t now);

/* A position has ended: does the current thread go on before its equals? */
bool meter_keeps(struct cpu *c, uint64_t now);

/* `t`, the current thread, would be preempted by one between its priority and its guard: is that
 * delayed? The timer is to be set anew then. */
bool meter_delays(struct cpu *c, struct thread *t, uint64_t now);

const char *meter_check(const struct thread *t);

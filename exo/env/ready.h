/*
 * The ready queues of a CPU, one for each priority. ready.c: only threads that can run are queued
 * (Benno scheduling). ready_lazy.c stands for it in a variant of the kernel (decision 31).
 *
 * Invariants. ready_check() tests them for one CPU and names the broken one; for ready.c:
 *   S1  exactly the threads in THREAD_READY are in a ready queue
 *   S2  bit p of ready_map says whether queue p has a thread
 */
#pragma once

#include "exo/env/cpu.h"
#include "exo/env/thread.h"

/* `t` is ready, as the `first` or last of its priority. */
void ready_put(struct cpu *c, struct thread *t, bool first);

/* `t`, which is ready, is about to run. */
void ready_take(struct cpu *c, struct thread *t);

/* `t`, which may run, be ready, or wait among others, waits in `state` from now on. */
void ready_leave(struct cpu *c, struct thread *t, unsigned state);

/* `t`, in any state, is stopped; its place among the waiters of a notification is kept. */
void ready_release(struct cpu *c, struct thread *t);

/* The first thread of the highest priority, or NULL. */
struct thread *ready_best(struct cpu *c);

const char *ready_check(const struct cpu *c);

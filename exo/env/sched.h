/*
 * Who runs on this CPU: a slice's owner if it can, else the highest priority. All functions act on
 * threads whose home is this CPU.
 *
 * Invariants. sched_check() tests them all, with those of ready.h (S1, S2) and wait.h (S6), and
 * names the broken one.
 *   S3  sleepers are sorted by deadline, and timers by time
 *   S4  whoever runs the epilogue of its slice exists
 *   S5  the current thread, the sleepers and those with timers are at home here
 */
#pragma once

#include "exo/abi/types.h"

#include "exo/arch/mmu.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"

/* This CPU begins to run slices. Once. */
void sched_begin(void);

/* Makes a waiting or stopped thread ready. */
void sched_wake(struct thread *t);

/* Takes a thread off the processor or out of its queue, into a waiting `state`. */
void sched_block(struct thread *t, unsigned state);

/* Lets `t`, which must be ready, run next, before any priority. */
void sched_handoff(struct thread *t);

/* `t`, which is in no queue, is the current thread of this CPU, in its own space; that is
 * counted as so many transfers. False: the space was loaded. */
static inline __attribute__((always_inline)) bool sched_enter(struct thread *t, uint64_t transfers)
{
    CPU_SET_HALF(info.thread, t->number);
    t->state = THREAD_RUNNING;
    CPU_SET(current, t);
    struct env_counts *counts = t->counts;
    counts->transfers += transfers;
    struct env *e = t->env;
    if (__builtin_expect(CPU_IS(space, e), false))
        return false;
    CPU_SET(space, e);
    counts->space_switches++;
    arch_mmu_switch(e->tables);
    return true;
}

/* Makes `to` run on this CPU in place of `from`, which has been given a waiting state; both
 * are in no queue, without pending events, and of the same kind. Nothing else is considered; this
 * is an entry of the kernel. False: they share their space. Inline for those that must keep all
 * registers (upward.h). */
static inline __attribute__((always_inline)) bool sched_direct(struct thread *from,
                                                               struct thread *to)
{
    arch_thread_switch_like(&from->arch, &to->arch);
    return sched_enter(to, 1);
}

/* Sets the timer of `t` in place of what it was: at `at` its `notified` gets `bits`, and
 * UPCALL_NOTIFY is posted. FOREVER: never. Returns what it was set to. */
uint64_t sched_set_timer(struct thread *t, uint64_t at, uint64_t bits);

/* Sets the timer of this CPU for what comes next: the current thread's time has changed. */
void sched_arm(void);

/* The first of the most urgent threads that are ready on this CPU, or NULL. */
struct thread *sched_first_ready(void);

/* Has hook_alarm run on this CPU at `at`, or before. */
void sched_alarm(uint64_t at);

/* Would `t`, which waits for a notification, be chosen if it became ready now? For sure: that a
 * slice is in play, or somebody was handed the processor, that `t` has a deadline or is of another
 * kind than the current thread, or one of them is metered, is left to sched_wake and sched_leave.
 */
bool sched_would_run(const struct cpu *c, const struct thread *t);

/* In place of sched_wake, then, with `t` in no queue any more: it is the current thread, and the
 * one before, which has its reply, is ready, before its equals. */
void sched_preempt(struct cpu *c, struct thread *t);

/* Would `t`, which waits for a notification, be chosen if it became ready when `from`, the current
 * thread, begins to wait? For sure, as sched_would_run; threads with pages of code only may. */
bool sched_would_follow(const struct cpu *c, const struct thread *from, const struct thread *t);

/* In place of sched_block and sched_wake, then, with `t` in no queue any more: `from` waits for a
 * notification, and `t` is the current thread. */
void sched_follow(struct cpu *c, struct thread *from, struct thread *t);

/* Takes `t`, in any state, off the processor and out of the ready queues; it is stopped then, but
 * its place among the waiters of a notification is kept. */
void sched_release(struct thread *t);

/* Puts the current thread behind its equals. */
void sched_yield(void);

/* Wakes `t` when the time-stamp counter reaches `deadline`, in the way its state asks for. */
void sched_set_deadline(struct thread *t, uint64_t deadline);
void sched_clear_deadline(struct thread *t);

/* Before leaving to the user: makes the right thread current; waits when there is none. */
void sched_leave(void);

/* NULL when S1 to S5 hold on this CPU, else a sentence that begins with the broken one's name. */
const char *sched_check(void);

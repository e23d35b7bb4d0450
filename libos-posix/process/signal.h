/*
 * Signals of a process and its tasks: what is pending, and what their defaults do.
 *
 * Invariants. signal_check() tests them all and names the broken one.
 *   S1  every entry of a queue is of a signal in its set
 *   S2  of a signal below SIGNAL_QUEUED there is at most one entry
 *   S3  SIGKILL and SIGSTOP are never blocked, and SIGKILL never pends but for a task that borrows,
 *       which is called in by that (loan.h)
 *
 * Locking: the caller holds the arena's lock, but for signal_is_due.
 */
#pragma once

#include "libos-posix/process/task.h"

struct signal_entry {
    struct signal_entry *next;
    struct linux_siginfo info;
};

static inline uint64_t signal_bit(unsigned number)
{
    return (uint64_t)1 << (number - 1);
}

#define SIGNALS_UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

/* Must this task look at its signals: is one pending that is not blocked, or shall it stop or end?
 * Without the lock the answer may be late. */
static inline bool signal_is_due(const struct task *t)
{
    const struct process *p = t->process;
    uint64_t pending = t->pending.set | p->pending.set;

    return (pending & (~t->blocked | t->awaited)) || t->ending || p->ending || p->stopped;
}

/* Makes a signal pending for task `t`, or if NULL for any task of `p`. One that is ignored is
 * forgotten. 0; EAGAIN: too many are queued. Pre: 1 <= info->number <= SIGNAL_COUNT. */
long signal_send(struct process *p, struct task *t, const struct linux_siginfo *info);

/* The same with what kill() says in it; the kernel's own if `from` is NULL. */
void signal_raise(struct process *p, struct task *t, unsigned number, const struct process *from);

/* A fault: pending for the task, which cannot put it off. */
void signal_force(struct task *t, const struct linux_siginfo *info);

/* Takes a signal of `set` off what pends for the task or its process: its number, or 0. */
unsigned signal_take(struct task *t, uint64_t set, struct linux_siginfo *out);

/* Performs the defaults of all that is due: stops, ends (then it does not return). True: a handler
 * is to run next. */
bool signal_settle(struct task *t);

/* The same, and takes that signal off: its number, or 0. */
unsigned signal_next(struct task *t, struct linux_siginfo *out);

/* What posix_signal_take does (posix.h). */
struct posix_signal;
bool signal_deliver(struct task *t, struct posix_signal *out);

/* Forgets pending signals of `set`. */
void signal_forget(struct arena *a, struct pending *pending, uint64_t set);

/* After a change of a signal's action: if it is ignored now it pends no more. */
void signal_drop_ignored(struct process *p, unsigned number);

/* Sets the task's blocked signals. */
void signal_block(struct task *t, uint64_t set);

/* For the length of a call (sigsuspend, ppoll); afterwards it is as before. */
void signal_block_for_call(struct task *t, uint64_t set);

/* Is the process in a group that no other of its session could continue? */
bool signal_group_is_orphaned(const struct process *p);

/* NULL when S1 to S3 hold for all, else a sentence that begins with the broken invariant's name. */
const char *signal_check(const struct arena *a);

/*
 * Loans: a child of vfork borrows its parent's thread and memory until it runs another program or
 * ends (exo/doc/decisions/0062). It has a process and a task of its own, for which the thread acts
 * meanwhile; the lending task neither runs nor sleeps, and nobody but the borrower ends its wait.
 *
 * Invariants. loan_check() tests them all and names the broken one.
 *   O1  a process that borrows has one task, no areas, and a lender that has not ended
 *   O2  the task that it holds up is the lender's, and has a loan that names it
 *   O3  a task with a loan is held up by one process
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/process/task.h"
#include "libos-posix/way/way_trampoline.h"

/* What a task goes on with in its program. */
struct loan {
    uint8_t vectors[VECTORS_BYTES] __attribute__((aligned(16)));
    struct posix_regs regs;
    vaddr_t fs_base;
    struct process *borrower;
    int32_t pid;     /* of the borrower, which may be gone */
    uint64_t cpu_ns; /* port_cpu_ns() when it began */
};

/* The calling task lends all it has to `child`, the only task of a process that borrows, and the
 * calling thread acts for that from now on. ENOMEM: nothing has changed. Pre: its registers are
 * there, the child waits for it (vfork_waiter), and port_can_lend(). */
long loan_begin(struct task *self, struct task *child);

/* The calling task, which borrows, gets an environment of its own and goes on there, with the
 * registers that it has: without memory, for `program`, or if that is NULL with a copy of what it
 * has borrowed. Its lender goes on in its program, or waits for it without lending any more.
 * ENOMEM, EAGAIN: nothing has changed. */
long loan_leave(struct task *self, const struct node *program);

/* The borrower has ended: the calling thread acts for the lender again, which goes on in its
 * program. Pre: the caller has the lock as a task that is gone. */
_Noreturn void loan_end(struct task *lender);

/* Waits until the child of vfork has run another program, or has ended. Its memory may be its own
 * from the beginning, but programs rely on the order. */
void loan_wait(struct task *self, int32_t child);

/* The task is to end: who has borrowed from it, if anybody, is to leave with a copy. */
void loan_call_in(struct task *t);

/* Has the calling task been told so? */
bool loan_is_called_in(const struct task *t);

/* NULL when O1 to O3 hold, else a sentence that begins with the broken invariant's name. */
const char *loan_check(const struct arena *a);

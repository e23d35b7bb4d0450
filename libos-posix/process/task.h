/*
 * Tasks: the threads of all processes of a family, and how they sleep and wake one another.
 *
 * A task sleeps on a *channel*, the address of what it waits for; whoever changes that wakes all
 * who sleep on it, and those who wait for several things at once (poll). Sleepers look again. They
 * are found by their channel's hash.
 *
 * Invariants. task_check() tests them all and names the broken one.
 *   T1  a task is in the list of its process once, and the process counts them in task_count
 *   T2  tasks[i]->index is i; a task without a process, other than the keeper's, is free
 *   T3  the sleepers of a hash are linked both ways, in a ring; a task is in that of its channel's
 *       hash, once, while it has a channel and is not woken, and else in none
 *   T4  a process that has not ended has a task; one that has ended has none
 *
 * Locking: the caller holds the arena's lock, unless it says otherwise.
 */
#pragma once

#include "libos-posix/base/arena.h"
#include "libos-posix/base/clock.h"

/* What calls return inside of the core when a signal interrupted them. The ways turn them into
 * EINTR, or repeat the call: if the handler's action has SA_RESTART; if no handler ran; in any
 * case with RESTART_NO_HANDLER and RESTART_SAME_END only if none ran. */
#define RESTART            512 /* by SA_RESTART */
#define RESTART_NO_HANDLER 514
#define RESTART_SAME_END   516 /* and the deadline of the first time holds: restart_deadline */

static inline bool is_restart(long result)
{
    return result == -RESTART || result == -RESTART_NO_HANDLER || result == -RESTART_SAME_END;
}

/* Which futex. */
struct futex_key {
    const void *space; /* the process, or the node or pages that are shared */
    uint64_t offset;   /* in it */
};

struct loan;
struct task {
    struct process *process; /* NULL: free, or the keeper's */
    int32_t tid;
    uint32_t index;    /* in arena->tasks; never changes */
    struct task *next; /* in its process */
    struct port_task port;
    char name[COMMAND_BYTES]; /* prctl(PR_SET_NAME) */
    uint8_t policy;           /* SCHED_*; these four are kept, and have no effect  */
    bool policy_resets;       /* its children have the usual one, if it is of real time */
    int32_t priority;         /* of real time, 1 to 99; 0: none */
    uint64_t affinity;        /* a bit for each processor; 0: all */

    const void *channel;     /* what it sleeps on; NULL: it does not */
    struct sleep_link sleep; /* T3 */
    bool woken;
    bool wants_console;  /* in its next sleep, where there is no keeper */
    bool only_end_wakes; /* in its next sleep: no signal does but one that ends it */
    uint64_t
        until_real;  /* in its next sleep: it ends at this moment of the time of day; 0: not so */
    bool vfork_done; /* the child has called execve, or ended */
    uint64_t futex_offset; /* of what it waits for, if its channel is a futex's */
    uint32_t futex_bits;
    const struct process *lock_holder; /* while it waits for a record: who is in the way */

    bool ending;          /* it ends when it leaves the core */
    uint64_t blocked;     /* signals, bit signal - 1 */
    bool restore_blocked; /* when the call ends, `blocked_before` holds again (sigsuspend, ppoll) */
    uint64_t blocked_before;
    uint64_t awaited; /* signals that sigtimedwait waits for, blocked or not */
    struct pending pending;
    struct linux_stack stack;         /* the alternate stack */
    uint64_t fault_trap, fault_error; /* of the last fault, for the signal frame */
    vaddr_t fault_address;

    long call;                 /* number of the call that is being performed */
    word_t arguments[6];       /* of it */
    bool restarted;            /* it is performed again: */
    uint64_t restart_deadline; /* PORT_FOREVER or when it shall end */
    struct posix_regs *regs;   /* of the program, where the way has handed them over; else NULL */
    uint8_t *vectors;          /* likewise: the image of its vector registers, VECTORS_BYTES */

    struct loan *loan; /* a child of vfork runs on its thread; see loan.h. NULL: it runs itself */

    bool new_program; /* the call was execve, and has set `regs` */

    vaddr_t fs_base;
    vaddr_t clear_tid;   /* set_tid_address; 0: none */
    vaddr_t robust_list; /* 0: none */
};

/* The task that this thread performs calls for, and its process. Need no lock. */
static inline struct task *task_current(void)
{
    return port_self();
}
static inline struct process *process_current(void)
{
    return port_self()->process;
}

/* A task of `p`; its tid is `tid` if not 0, else a new one. NULL: no memory, or TASK_COUNT. */
struct task *task_create(struct arena *a, struct process *p, int32_t tid);

/* Takes back what task_create made. Pre: it never ran, or is ending. */
void task_free(struct task *t);

/* The task with that number, or NULL. */
struct task *task_find(const struct arena *a, int32_t tid);

/* A number that is no task's, process', group's nor session's. */
int32_t task_new_number(struct arena *a);

/* Sleeps on `channel` until task_wake, a signal that must be looked at, or `deadline`; the lock is
 * free meanwhile. 0; -RESTART: a signal; -ETIMEDOUT; -EDEADLK: nobody is there who could wake it.
 */
long task_sleep(struct task *t, const void *channel, uint64_t deadline);

/* The same for who waits for any of many files: woken by every task_wake_pollers. */
long task_sleep_poll(struct task *t, uint64_t deadline);

/* The time of day was set: who sleeps until a moment of it looks again when that is. */
void task_clock_moved(const struct arena *a);

/* Those who sleep on channels of the same hash as this one: a ring, oldest first. */
static inline struct sleep_link *task_sleepers(struct arena *a, const void *channel)
{
    const uint64_t golden = 0x9e3779b97f4a7c15; /* 2^64 by the golden ratio (Knuth) */

    return &a->sleepers[(uintptr_t)channel * golden >> (64 - SLEEP_BITS)];
}
static inline struct task *task_of_sleep(struct sleep_link *l)
{
    return (struct task *)((char *)l - offsetof(struct task, sleep));
}

/* Wakes one that sleeps. Pre: it has a channel, and is not woken. */
static inline void task_wake_one(struct task *t)
{
    t->sleep.next->prev = t->sleep.prev;
    t->sleep.prev->next = t->sleep.next;
    t->woken = true;
    port_wake(t);
}

/* One that sleeps goes on sleeping on another channel, behind those that are there. Pre: as of
 * task_wake_one. */
void task_move_sleeper(struct arena *a, struct task *t, const void *channel);

/* Takes a task out of the sleepers that will never wake, for its process is gone. */
void task_forget_sleep(struct task *t);

/* Makes T3 true again, whatever the lists are: whoever changed them is gone. */
void task_restore_sleepers(struct arena *a);

/* Wakes once more who should be awake: a process is gone that may have left that undone. */
void task_wake_again(struct arena *a);

/* Wakes all who sleep on `channel`. */
void task_wake(struct arena *a, const void *channel);

/* The same, and all who poll: for what poll can see. */
void task_wake_pollers(struct arena *a, const void *channel);

/* Makes a task look at its signals soon, wherever it is. */
void task_kick(struct task *t);

/* Ends the calling task: its futexes are given up, its number is cleared in the program's memory,
 * and with the last task the process ends with p->status. Gives the lock up. */
_Noreturn void task_end(struct task *t);

/* NULL when T1 to T4 hold, else a sentence that begins with the broken invariant's name. */
const char *task_check(const struct arena *a);

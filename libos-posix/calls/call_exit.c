/* The end of tasks and processes. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/process/futex.h"
#include "libos-posix/process/loan.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/user.h"

/* Without a keeper nobody else uses what the process has: it all ends at once. */
static _Noreturn void end_alone(struct task *t)
{
    int status = t->process->status;

    lock_release(t);
    port_exit(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

_Noreturn void task_end(struct task *t)
{
    struct process *p = t->process;
    struct arena *a = p->arena;
    struct task *waiter = p->lender ? p->vfork_waiter : NULL;
    const uint32_t zero = 0;
    bool last = p->task_count == 1;

    if (last && !port_has_keeper())
        end_alone(t);
    futex_give_up(t);
    if (t->clear_tid && !USER_PUT(p, t->clear_tid, &zero))
        futex_wake(a, futex_key_of(p, t->clear_tid), 1, FUTEX_ALL_BITS);
    task_free(t);
    task_wake(a, &p->tasks); /* execve waits to be alone */
    if (last)
        process_finish(p);
    if (waiter)
        loan_end(waiter);
    lock_release(t);
    if (last)
        port_process_end();
    port_thread_end();
}

long call_exit_group(struct process *p, word_t status)
{
    process_kill(p, ((int)status & 0xff) << 8);
    task_end(task_current());
}

/* The status of the last thread is the process'. */
long call_exit(struct process *p, word_t status)
{
    if (!p->ending && p->task_count == 1)
        p->status = ((int)status & 0xff) << 8;
    task_end(task_current());
}

/* Calls that make processes and threads. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/process/futex.h"
#include "libos-posix/process/loan.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/user.h"
#include "libos-posix/way/way_trampoline.h"

#define CLONE_VM             0x00000100u
#define CLONE_FS             0x00000200u
#define CLONE_FILES          0x00000400u
#define CLONE_SIGHAND        0x00000800u
#define CLONE_VFORK          0x00004000u
#define CLONE_THREAD         0x00010000u
#define CLONE_SYSVSEM        0x00040000u
#define CLONE_SETTLS         0x00080000u
#define CLONE_PARENT_SETTID  0x00100000u
#define CLONE_CHILD_CLEARTID 0x00200000u
#define CLONE_DETACHED       0x00400000u
#define CLONE_CHILD_SETTID   0x01000000u
#define CLONE_SIGNAL         0x000000ffu
#define VFORK_FLAGS          (CLONE_VM | CLONE_VFORK)
#define THREAD_FLAGS         (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NUMBER_FLAGS                                                                               \
    (CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID |              \
     CLONE_DETACHED | CLONE_SYSVSEM)

/* What clone asks for. */
struct birth {
    uint32_t flags;
    vaddr_t stack; /* 0: as the parent's */
    vaddr_t parent_tid, child_tid, tls;
};

/* What a task has of the one that made it, whichever process it is in. */
static void task_inherit(struct task *new, const struct task *from)
{
    for (unsigned i = 0; i < COMMAND_BYTES; i++)
        new->name[i] = from->name[i];
    new->blocked = from->blocked;
    new->fs_base = from->fs_base;
    new->call = from->call;
}

/* RLIMIT_NPROC counts the tasks of a user; it does not bind the superuser. */
static bool has_too_many(const struct process *p)
{
    uint64_t count = 0;

    for (const struct process *q = p->arena->processes; q; q = q->next)
        count += q->who.uid == p->who.uid ? q->task_count : 0;
    return p->who.uid && count >= p->limits[RLIMIT_NPROC].current;
}

static long start_thread(struct process *p, struct task *t, const struct birth *b)
{
    if (!t->regs)
        return -ENOSYS;
    long e = p->lender ? loan_leave(t, NULL) : 0; /* a thread outlives execve by others */
    if (e)
        return e;
    struct task *new = has_too_many(p) ? NULL : task_create(p->arena, p, 0);
    if (!new)
        return -EAGAIN;
    task_inherit(new, t);
    if (b->flags & CLONE_SETTLS)
        new->fs_base = b->tls;
    if (b->flags & CLONE_CHILD_CLEARTID)
        new->clear_tid = b->child_tid;
    int32_t tid = new->tid;
    if (b->flags & CLONE_PARENT_SETTID)
        e = USER_PUT(p, b->parent_tid, &tid);
    if (!e && (b->flags & CLONE_CHILD_SETTID))
        e = USER_PUT(p, b->child_tid, &tid);

    struct posix_regs regs = *t->regs;
    regs.rax = 0;
    if (b->stack)
        regs.rsp = b->stack;
    if (!e)
        e = port_thread_start(new, &regs, new->fs_base);
    if (e) {
        task_free(new);
        return e;
    }
    return tid;
}

/* The child's side: it has all that the parent had, and lives by what clone said of it. */
static long begin_child(const struct birth *b)
{
    struct task *t = task_current();

    if (b->flags & CLONE_SETTLS) {
        t->fs_base = b->tls;
        port_set_fs(b->tls);
    }
    if (b->flags & CLONE_CHILD_CLEARTID)
        t->clear_tid = b->child_tid;
    if (b->flags & CLONE_CHILD_SETTID)
        USER_PUT(t->process, b->child_tid, &t->tid); /* Linux ignores a bad address here, too */
    if (b->stack && t->regs)
        t->regs->rsp = b->stack;
    return 0;
}

static long fork_process(struct process *p, struct task *t, const struct birth *b)
{
    struct arena *a = p->arena;

    if (!port_has_keeper() || (b->stack && !t->regs))
        return -ENOSYS;
    const bool borrows = (b->flags & VFORK_FLAGS) == VFORK_FLAGS && t->regs && port_can_lend();
    struct process *child = has_too_many(p) ? NULL : process_create(a, p, borrows);
    struct task *first = child ? task_create(a, child, child->pid) : NULL;
    if (!first) {
        if (child)
            process_free(child);
        return -EAGAIN;
    }
    int32_t pid = child->pid;
    child->exit_signal = (int)(b->flags & CLONE_SIGNAL);
    task_inherit(first, t);
    first->stack = t->stack;
    first->regs = t->regs; /* its copy stands at the same address */
    first->vectors = t->vectors;
    if (b->flags & CLONE_VFORK) {
        t->vfork_done = false;
        child->vfork_waiter = t;
    }
    long side = b->flags & CLONE_PARENT_SETTID ? USER_PUT(p, b->parent_tid, &pid) : 0;
    if (!side)
        side = borrows ? loan_begin(t, first) : port_fork(first, NULL);
    if (side == 0 && !borrows)
        lock_take(task_current());
    if (side == 0)
        return begin_child(b);
    if (side < 0) {
        task_free(first);
        process_free(child);
        return side;
    }
    if (b->flags & CLONE_VFORK)
        loan_wait(t, pid);
    return pid;
}

/* Memory and files are shared by all of a process and by nobody else, so that only whole sets of
 * flags can be done: a thread, a process, and one that borrows the memory while its parent waits.
 */
long call_clone(struct process *p, word_t flags, word_t stack, word_t parent_tid, word_t child_tid,
                word_t tls)
{
    const struct birth b = {(uint32_t)flags, stack, parent_tid, child_tid, tls};
    uint32_t kind = b.flags & ~(NUMBER_FLAGS | CLONE_SIGNAL);

    if ((b.flags & CLONE_SIGNAL) > SIGNAL_COUNT || ((b.flags & CLONE_SETTLS) && tls >= USER_TOP))
        return -EINVAL;
    if ((kind & CLONE_THREAD) && !(kind & CLONE_SIGHAND))
        return -EINVAL;
    if ((kind & CLONE_SIGHAND) && !(kind & CLONE_VM))
        return -EINVAL;
    if (kind == THREAD_FLAGS)
        return start_thread(p, task_current(), &b);
    if (kind == 0 || kind == CLONE_VFORK || kind == VFORK_FLAGS)
        return fork_process(p, task_current(), &b);
    return -EINVAL;
}

long call_fork(struct process *p)
{
    return fork_process(p, task_current(), &(struct birth){.flags = SIGCHLD});
}

long call_vfork(struct process *p)
{
    return fork_process(p, task_current(), &(struct birth){.flags = SIGCHLD | VFORK_FLAGS});
}

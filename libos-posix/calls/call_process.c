/* Calls about the process itself: numbers, groups and sessions, thread state. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/task.h"
#include "libos-posix/channel/terminal.h"
#include "libos-posix/base/user.h"

long call_getpid(struct process *p)
{
    return p->pid;
}

long call_gettid(struct process *p)
{
    (void)p;
    return task_current()->tid;
}

long call_getppid(struct process *p)
{
    return p->parent_pid;
}

long call_getpgrp(struct process *p)
{
    return p->group;
}

static struct process *named(struct process *p, word_t pid)
{
    return (int32_t)pid ? process_find(p->arena, (int32_t)pid) : p;
}

long call_getpgid(struct process *p, word_t pid)
{
    const struct process *of = named(p, pid);
    return of ? of->group : -ESRCH;
}

long call_getsid(struct process *p, word_t pid)
{
    const struct process *of = named(p, pid);
    return of ? of->session : -ESRCH;
}

long call_setpgid(struct process *p, word_t pid, word_t group)
{
    struct process *of = named(p, pid);
    int32_t to = (int32_t)group;

    if (to < 0)
        return -EINVAL;
    if (!of || of->ended || (of != p && of->parent != p))
        return -ESRCH;
    to = to ? to : of->pid;
    if (of->session == of->pid || of->session != p->session)
        return -EPERM;
    if (of != p && of->executed)
        return -EACCES;
    if (to != of->pid && !process_group_exists(p->arena, to, p->session))
        return -EPERM;
    of->group = to;
    return 0;
}

long call_setsid(struct process *p)
{
    for (const struct process *q = p->arena->processes; q; q = q->next)
        if (q->group == p->pid)
            return -EPERM;
    p->session = p->group = p->pid;
    return p->pid;
}

long call_arch_prctl(struct process *p, word_t command, word_t value)
{
    struct task *t = task_current();

    switch ((uint32_t)command) {
    case ARCH_SET_FS:
        if (value >= USER_TOP)
            return -EPERM;
        t->fs_base = value;
        port_set_fs(value);
        return 0;
    case ARCH_GET_FS:
        return USER_PUT(p, value, &t->fs_base);
    case ARCH_SET_GS:
    case ARCH_GET_GS:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

long call_prctl(struct process *p, word_t command, word_t a2, word_t a3, word_t a4, word_t a5)
{
    struct task *t = task_current();
    char name[COMMAND_BYTES] = {0};
    const word_t dumpable = 1;

    (void)a3, (void)a4, (void)a5;
    switch ((int)command) {
    case PR_SET_NAME: /* longer names are cut */
        if (user_string(p, name, sizeof name, a2, 0) < 0)
            return -EFAULT;
        name[sizeof name - 1] = 0;
        memcpy(t->name, name, sizeof name);
        return 0;
    case PR_GET_NAME:
        return USER_PUT(p, a2, &t->name);
    case PR_GET_DUMPABLE:
        return (long)dumpable;
    case PR_SET_DUMPABLE:
        return a2 <= dumpable ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

long call_set_tid_address(struct process *p, word_t at)
{
    (void)p;
    task_current()->clear_tid = at;
    return task_current()->tid;
}

long call_rseq(struct process *p, word_t at, word_t bytes, word_t flags, word_t signature)
{
    (void)p, (void)at, (void)bytes, (void)flags, (void)signature;
    return -ENOSYS;
}

long call_clone3(struct process *p, word_t at, word_t bytes)
{
    (void)p, (void)at, (void)bytes;
    return -ENOSYS;
}

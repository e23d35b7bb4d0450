/* Calls about the process itself: identity, thread state, its end. */
#include "libos-posix/abi_errno.h"
#include "libos-posix/ask.h"
#include "libos-posix/calls.h"
#include "libos-posix/clock.h"
#include "libos-posix/mem.h"
#include "libos-posix/user.h"

long call_getpid(struct process *p)
{
    return ask_getpid(p);
}

long call_gettid(struct process *p)
{
    return p->pid;
}

long call_getpgrp(struct process *p)
{
    return p->pid;
}

/* The first process has no parent, as Linux says it of init. */
long call_getppid(struct process *p)
{
    return ask_getppid(p);
}

static bool is_self(const struct process *p, word_t pid)
{
    return !(int32_t)pid || (int32_t)pid == p->pid;
}

long call_getpgid(struct process *p, word_t pid)
{
    return is_self(p, pid) ? p->pid : -ESRCH;
}

long call_getsid(struct process *p, word_t pid)
{
    return is_self(p, pid) ? p->pid : -ESRCH;
}

long call_setpgid(struct process *p, word_t pid, word_t group)
{
    if ((int32_t)group < 0)
        return -EINVAL;
    if (!is_self(p, pid))
        return -ESRCH;
    return is_self(p, group) ? 0 : -EPERM;
}

/* One user, the superuser, without further groups. */
long call_getuid(struct process *p)
{
    return ask_getuid(p);
}

long call_getgid(struct process *p)
{
    return ask_getgid(p);
}

long call_geteuid(struct process *p)
{
    return ask_geteuid(p);
}

long call_getegid(struct process *p)
{
    return ask_getegid(p);
}

long call_getgroups(struct process *p, word_t capacity, word_t to)
{
    (void)p, (void)to;
    return (int32_t)capacity < 0 ? -EINVAL : 0;
}

long call_arch_prctl(struct process *p, word_t command, word_t value)
{
    switch ((uint32_t)command) {
    case ARCH_SET_FS:
        if (value >= USER_TOP)
            return -EPERM;
        p->fs_base = value;
        port_set_fs(value);
        return 0;
    case ARCH_GET_FS:
        return USER_PUT(p, value, &p->fs_base);
    case ARCH_SET_GS:
    case ARCH_GET_GS:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

long call_prctl(struct process *p, word_t command, word_t a2, word_t a3, word_t a4, word_t a5)
{
    char name[COMMAND_BYTES] = {0};
    const word_t dumpable = 1;

    (void)a3, (void)a4, (void)a5;
    switch ((int)command) {
    case PR_SET_NAME: /* longer names are cut */
        if (user_string(p, name, sizeof name, a2, 0) < 0)
            return -EFAULT;
        name[sizeof name - 1] = 0;
        memcpy(p->name, name, sizeof name);
        return 0;
    case PR_GET_NAME:
        return USER_PUT(p, a2, &p->name);
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
    p->clear_tid = at;
    return p->pid;
}

long call_set_robust_list(struct process *p, word_t head, word_t bytes)
{
    const word_t head_bytes = 24;

    (void)p, (void)head;
    return bytes == head_bytes ? 0 : -EINVAL;
}

/* When the wait is to end. Plain WAIT counts from now, WAIT_BITSET names a moment. */
static long futex_deadline(struct process *p, word_t operation, vaddr_t at, uint64_t *out)
{
    struct linux_timespec t;

    if (USER_GET(p, &t, at))
        return -EFAULT;
    long e = clock_deadline(&t, out); /* as if from now */
    if (e || (operation & FUTEX_COMMAND) == FUTEX_WAIT || *out == PORT_FOREVER)
        return e;
    uint64_t now = operation & FUTEX_REALTIME ? port_real_ns() : port_monotonic_ns();
    uint64_t moment = (uint64_t)t.seconds * NS_PER_SECOND + (uint64_t)t.nanoseconds;
    *out = port_monotonic_ns() + (moment > now ? moment - now : 0);
    return 0;
}

static long futex_wait(struct process *p, vaddr_t at, word_t operation, word_t expected,
                       vaddr_t timeout)
{
    uint64_t deadline;
    uint32_t value;

    if (timeout) {
        long e = futex_deadline(p, operation, timeout, &deadline);
        if (e)
            return e;
    }
    if (USER_GET(p, &value, at))
        return -EFAULT;
    if (value != (uint32_t)expected)
        return -EAGAIN;
    if (!timeout)
        return -EDEADLK;
    while (port_monotonic_ns() < deadline)
        port_wait(deadline, false);
    return -ETIMEDOUT;
}

long call_futex(struct process *p, word_t at, word_t operation, word_t value, word_t timeout,
                word_t at2, word_t value3)
{
    uint32_t present;

    (void)at2, (void)value3;
    if (at % sizeof present)
        return -EINVAL;
    switch (operation & FUTEX_COMMAND) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return futex_wait(p, at, operation, value, timeout);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
    case FUTEX_REQUEUE:
        return USER_GET(p, &present, at);
    default:
        return -ENOSYS;
    }
}

long call_sched_yield(struct process *p)
{
    (void)p;
    return 0;
}

/* One bit per processor; Linux answers with the bytes that it wrote. */
long call_sched_getaffinity(struct process *p, word_t pid, word_t bytes, word_t to)
{
    unsigned count = port_processors();
    uint64_t mask = count < 64 ? ((uint64_t)1 << count) - 1 : UINT64_MAX;

    if (!is_self(p, pid))
        return -ESRCH;
    if (bytes < sizeof mask || bytes % sizeof mask)
        return -EINVAL;
    return USER_PUT(p, to, &mask) ? -EFAULT : (long)sizeof mask;
}

long call_exit_group(struct process *p, word_t status)
{
    (void)p;
    port_exit((int)status & 0xff);
}

/* The last thread ends, so the program does. */
long call_exit(struct process *p, word_t status)
{
    return call_exit_group(p, status);
}

long call_wait4(struct process *p, word_t pid, word_t status, word_t options, word_t usage)
{
    (void)p, (void)pid, (void)status, (void)usage;
    const word_t known = 0xe0000000 | 0x0100000b; /* WNOHANG to __WCLONE */
    return (uint32_t)options & ~known ? -EINVAL : -ECHILD;
}

/* Calls about signals: actions, masks, waiting for them. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/user.h"
#include "libos-posix/way/way_trampoline.h"

static bool cannot_change(unsigned number)
{
    return number == SIGKILL || number == SIGSTOP;
}

long call_rt_sigaction(struct process *p, word_t number, word_t new, word_t old, word_t set_bytes)
{
    unsigned index = (uint32_t)number;
    struct linux_sigaction given, before;

    if (set_bytes != sizeof given.mask || !index || index > SIGNAL_COUNT)
        return -EINVAL;
    if (new &&cannot_change(index))
        return -EINVAL;
    if (new &&USER_GET(p, &given, new))
        return -EFAULT;
    before = p->action[index - 1];
    if (old && USER_PUT(p, old, &before))
        return -EFAULT;
    if (!new)
        return 0;

    given.mask &= ~SIGNALS_UNBLOCKABLE;
    p->action[index - 1] = given;
    signal_drop_ignored(p, index);
    return 0;
}

long call_rt_sigprocmask(struct process *p, word_t how, word_t new, word_t old, word_t set_bytes)
{
    struct task *t = task_current();
    uint64_t set = 0, before = t->blocked, after;

    if (set_bytes != sizeof set)
        return -EINVAL;
    if (new &&USER_GET(p, &set, new))
        return -EFAULT;
    if (old && USER_PUT(p, old, &before))
        return -EFAULT;
    if (!new)
        return 0;
    switch ((uint32_t)how) {
    case SIG_BLOCK:
        after = before | set;
        break;
    case SIG_UNBLOCK:
        after = before & ~set;
        break;
    case SIG_SETMASK:
        after = set;
        break;
    default:
        return -EINVAL;
    }
    signal_block(t, after);
    return 0;
}

long call_rt_sigpending(struct process *p, word_t to, word_t set_bytes)
{
    const struct task *t = task_current();
    uint64_t set = (t->pending.set | p->pending.set) & t->blocked;

    if (set_bytes > sizeof set)
        return -EINVAL;
    return user_write(p, to, &set, set_bytes);
}

/* Sleeps until a handler is to run, or the process ends. */
static long suspend(struct task *t)
{
    long e = task_sleep(t, &t->awaited, PORT_FOREVER);
    return e == -RESTART ? -RESTART_NO_HANDLER : e;
}

long call_rt_sigsuspend(struct process *p, word_t at, word_t set_bytes)
{
    uint64_t set;

    if (set_bytes != sizeof set)
        return -EINVAL;
    if (USER_GET(p, &set, at))
        return -EFAULT;
    signal_block_for_call(task_current(), set);
    return suspend(task_current());
}

long call_pause(struct process *p)
{
    (void)p;
    return suspend(task_current());
}

long call_rt_sigtimedwait(struct process *p, word_t at, word_t to, word_t timeout, word_t set_bytes)
{
    struct task *t = task_current();
    struct linux_siginfo info;
    struct linux_timespec limit;
    uint64_t set, deadline = PORT_FOREVER;

    if (set_bytes != sizeof set)
        return -EINVAL;
    if (USER_GET(p, &set, at) || (timeout && USER_GET(p, &limit, timeout)))
        return -EFAULT;
    long e = timeout ? clock_deadline(&limit, &deadline) : 0;
    if (e)
        return e;
    set &= ~SIGNALS_UNBLOCKABLE;
    unsigned number;
    while (!(number = signal_take(t, set, &info)) && !e) {
        t->awaited = set;
        e = task_sleep(t, &t->awaited, deadline);
        t->awaited = 0;
        if (e == -RESTART && ((t->pending.set | p->pending.set) & set))
            e = 0;
    }
    if (number)
        return to && USER_PUT(p, to, &info) ? -EFAULT : (long)number;
    return e == -RESTART ? -EINTR : e == -ETIMEDOUT ? -EAGAIN : e;
}

long call_sigaltstack(struct process *p, word_t new, word_t old)
{
    struct task *t = task_current();
    struct linux_stack given, before = t->stack;
    bool is_on =
        t->regs && !(before.flags & SS_DISABLE) && t->regs->rsp - before.base < before.bytes;

    if (is_on)
        before.flags |= SS_ONSTACK;
    if (new &&USER_GET(p, &given, new))
        return -EFAULT;
    if (old && USER_PUT(p, old, &before))
        return -EFAULT;
    if (!new)
        return 0;
    if (is_on)
        return -EPERM;
    given.flags &= ~SS_ONSTACK;
    if (given.flags & ~SS_DISABLE)
        return -EINVAL;
    if (!(given.flags & SS_DISABLE) && given.bytes < MINSIGSTKSZ)
        return -ENOMEM;
    t->stack = given.flags & SS_DISABLE ? (struct linux_stack){.flags = SS_DISABLE} : given;
    return 0;
}

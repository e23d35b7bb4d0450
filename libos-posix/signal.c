/* Signals: what is pending, what is blocked, and what the defaults do. */
#include "libos-posix/signal.h"

#include "libos-posix/abi_errno.h"
#include "libos-posix/calls.h"
#include "libos-posix/posix.h"
#include "libos-posix/user.h"

#define SA_RESETHAND 0x80000000u
#define SA_NODEFER   0x40000000u
#define EXIT_SIGNAL  128

static bool default_ignores(unsigned number)
{
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}

/* Nobody could continue the only process, so a stop is not made. */
static bool default_stops(unsigned number)
{
    return number >= SIGSTOP && number <= SIGTTOU;
}

static bool cannot_change(unsigned number)
{
    return number == SIGKILL || number == SIGSTOP;
}

void signal_raise(struct process *p, unsigned number)
{
    uint64_t handler = p->signals.action[number - 1].handler;

    bool by_default = handler == SIG_DFL && (default_ignores(number) || default_stops(number));
    if (handler == SIG_IGN || by_default)
        return;
    p->signals.pending |= signal_bit(number);
}

void signal_end_if_fatal(struct process *p)
{
    uint64_t now = p->signals.pending & ~p->signals.blocked;

    for (unsigned number = 1; now && number <= SIGNAL_COUNT; number++)
        if ((now & signal_bit(number)) && p->signals.action[number - 1].handler == SIG_DFL)
            port_exit(EXIT_SIGNAL + (int)number);
}

bool posix_signal_take(struct posix_signal *out)
{
    struct signal_state *s = &process_current()->signals;
    uint64_t now = s->pending & ~s->blocked;
    if (!now)
        return false;

    unsigned number = 1;
    while (!(now & signal_bit(number)))
        number++;
    struct linux_sigaction *action = &s->action[number - 1];
    s->pending &= ~signal_bit(number);
    *out = (struct posix_signal){number, *action, s->blocked, s->stack};
    s->blocked |= action->mask | (action->flags & SA_NODEFER ? 0 : signal_bit(number));
    s->blocked &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    if (action->flags & SA_RESETHAND)
        action->handler = SIG_DFL;
    return true;
}

void posix_signal_done(uint64_t old_mask)
{
    struct process *p = process_current();

    p->signals.blocked = old_mask & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    signal_end_if_fatal(p);
}

long call_rt_sigaction(struct process *p, word_t number, word_t new, word_t old, word_t set_bytes)
{
    unsigned index = (uint32_t)number;
    struct linux_sigaction given, before;

    if (set_bytes != sizeof p->signals.blocked || !index || index > SIGNAL_COUNT)
        return -EINVAL;
    if (new &&cannot_change(index))
        return -EINVAL;
    if (new &&USER_GET(p, &given, new))
        return -EFAULT;
    before = p->signals.action[index - 1];
    if (old && USER_PUT(p, old, &before))
        return -EFAULT;
    if (!new)
        return 0;

    p->signals.action[index - 1] = given;
    if (given.handler == SIG_IGN || (given.handler == SIG_DFL && default_ignores(index)))
        p->signals.pending &= ~signal_bit(index);
    return 0;
}

long call_rt_sigprocmask(struct process *p, word_t how, word_t new, word_t old, word_t set_bytes)
{
    uint64_t set, before = p->signals.blocked, after;

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
    p->signals.blocked = after & ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    return 0;
}

long call_rt_sigpending(struct process *p, word_t to, word_t set_bytes)
{
    uint64_t set = p->signals.pending & p->signals.blocked;

    if (set_bytes > sizeof set)
        return -EINVAL;
    return user_write(p, to, &set, set_bytes);
}

long call_sigaltstack(struct process *p, word_t new, word_t old)
{
    struct linux_stack given, before = p->signals.stack;

    if (new &&USER_GET(p, &given, new))
        return -EFAULT;
    if (old && USER_PUT(p, old, &before))
        return -EFAULT;
    if (!new)
        return 0;
    if (given.flags & ~SS_DISABLE)
        return -EINVAL;
    if (!(given.flags & SS_DISABLE) && given.bytes < MINSIGSTKSZ)
        return -ENOMEM;
    p->signals.stack = given;
    return 0;
}

static long raise_checked(struct process *p, word_t number)
{
    unsigned index = (uint32_t)number;

    if (index > SIGNAL_COUNT)
        return -EINVAL;
    if (index)
        signal_raise(p, index);
    return 0;
}

/* 0, -1 and the negated process group all mean the one process. */
long call_kill(struct process *p, word_t pid, word_t number)
{
    int32_t whom = (int32_t)pid;

    if (whom != p->pid && whom != 0 && whom != -1 && whom != -p->pid)
        return -ESRCH;
    return raise_checked(p, number);
}

long call_tkill(struct process *p, word_t tid, word_t number)
{
    if ((int32_t)tid <= 0)
        return -EINVAL;
    return (int32_t)tid == p->pid ? raise_checked(p, number) : -ESRCH;
}

long call_tgkill(struct process *p, word_t group, word_t tid, word_t number)
{
    if ((int32_t)group <= 0)
        return -EINVAL;
    return (int32_t)group == p->pid ? call_tkill(p, tid, number) : -ESRCH;
}

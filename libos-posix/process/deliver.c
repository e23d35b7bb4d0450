/* What the ways ask about signals: the next one that a handler is to get, faults, interruptions. */
#include "libos-posix/process/lock.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/signal.h"

bool posix_signal_take(struct posix_signal *out)
{
    struct task *t = task_current();
    struct process *p = t->process;

    if (!signal_is_due(t))
        return false;
    lock_take_of(t->process->arena, t);
    bool due = signal_settle(t);
    if (due) {
        out->old_mask = t->restore_blocked ? t->blocked_before : t->blocked;
        out->stack = t->stack;
        out->trap = t->fault_trap;
        out->error = t->fault_error;
        out->address = t->fault_address;
        t->restore_blocked = false;
        t->fault_trap = t->fault_error = t->fault_address = 0;
        out->number = signal_take(t, ~t->blocked, &out->info);
        struct linux_sigaction *action = &p->action[out->number - 1];
        out->action = *action;
        uint64_t self = action->flags & SA_NODEFER ? 0 : signal_bit(out->number);
        signal_block(t, t->blocked | action->mask | self);
        if (action->flags & SA_RESETHAND)
            action->handler = SIG_DFL;
    }
    lock_release_of(t->process->arena, t);
    return due;
}

void posix_signal_done(uint64_t old_mask)
{
    struct task *t = task_current();

    lock_take_of(t->process->arena, t);
    signal_block(t, old_mask);
    if (signal_is_due(t))
        signal_settle(t);
    lock_release_of(t->process->arena, t);
}

void posix_interrupt(void)
{
    struct task *t = task_current();

    if (!signal_is_due(t))
        return;
    lock_take_of(t->process->arena, t);
    signal_settle(t);
    lock_release_of(t->process->arena, t);
}

void posix_fault(const struct posix_fault *fault)
{
    struct task *t = task_current();
    struct linux_siginfo info = {.number = (int32_t)fault->number, .code = fault->code};

    info.u.fault.address = fault->address;
    lock_take_of(t->process->arena, t);
    t->fault_trap = fault->trap;
    t->fault_error = fault->error;
    t->fault_address = fault->address;
    signal_force(t, &info);
    signal_settle(t);
    lock_release_of(t->process->arena, t);
}

/* What the ways ask about signals: the next one that a handler is to get, faults, interruptions. */
#include "libos-posix/base/area.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/signal.h"

#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRERR  2
#define FAULT_WRITE 2u /* in the error code of a page fault */
#define FAULT_FETCH 16u

static rights_t fault_need(uint64_t error)
{
    return error & FAULT_WRITE ? RIGHT_WRITE : error & FAULT_FETCH ? RIGHT_EXEC : RIGHT_READ;
}

bool signal_deliver(struct task *t, struct posix_signal *out)
{
    struct process *p = t->process;

    out->number = signal_next(t, &out->info);
    if (out->number) {
        out->old_mask = t->restore_blocked ? t->blocked_before : t->blocked;
        out->stack = t->stack;
        out->trap = t->fault_trap;
        out->error = t->fault_error;
        out->address = t->fault_address;
        t->restore_blocked = false;
        t->fault_trap = t->fault_error = t->fault_address = 0;
        struct linux_sigaction *action = &p->action[out->number - 1];
        out->action = *action;
        uint64_t self = action->flags & SA_NODEFER ? 0 : signal_bit(out->number);
        signal_block(t, t->blocked | action->mask | self);
        if (action->flags & SA_RESETHAND)
            action->handler = SIG_DFL;
    }
    return out->number;
}

bool posix_signal_take(struct posix_signal *out)
{
    struct task *t = task_current();

    if (!signal_is_due(t))
        return false;
    lock_take_of(t->process->arena, t);
    const bool due = signal_deliver(t, out);
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

bool posix_fault_repair(struct posix_fault *fault)
{
    struct task *t = task_current();

    if (fault->number != SIGSEGV)
        return false;
    lock_take(t);
    const struct area *a = area_find(t->process, fault->address);
    const bool behind = a && a->behind && !(fault_need(fault->error) & ~a->wanted);
    const bool repaired = behind && area_repair(t->process, fault->address);
    lock_release(t);
    fault->code = !a ? SEGV_MAPERR : SEGV_ACCERR;
    if (behind) {
        fault->number = SIGBUS;
        fault->code = BUS_ADRERR;
    }
    return repaired;
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

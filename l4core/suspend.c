/* Transfers that are suspended, at missing pages and after long copies, and how they end. */
#include "l4core/suspend.h"

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/ipc.h"
#include "l4core/kernel_ipc.h"
#include "l4core/leave.h"
#include "l4core/map.h"
#include "l4core/time.h"

/* What one side of a suspended transfer does next. */
enum part {
    WAITS,  /* for the other */
    COPIES, /* before it next leaves to the user */
    ASKS    /* its pager, and then copies */
};

struct side {
    struct thread *thread, *partner;
    bool sends;
    enum part part;
};

static void suspend_here(void *argument)
{
    const struct side *s = argument;
    struct thread *t = s->thread;

    sched_clear_deadline(t);
    t->ipc_to = NULL;
    if (!t->transfer_with) {
        t->transfer_with = s->partner;
        t->transfer_sends = s->sends;
        t->transfer_from = t->ipc_from;
        t->transfer_timeouts = t->ipc_timeouts;
        t->transfer_virtual = t->ipc_virtual;
        t->transfer_via = t->ipc_via;
        t->transfer_kernel = t->ipc_kernel;
    }
    cpu_this()->choose = true;
    if (s->part == WAITS) {
        sched_block(t, THREAD_IPC_TRANSFER);
        return;
    }
    t->events = true;
    if (s->part == COPIES && t->state != THREAD_RUNNING && t->state != THREAD_READY)
        sched_wake(t);
}

/* `from` and `to` become the sides of a suspended transfer, if they are not yet: `mover` does
 * `part`, the other waits. */
static void suspend(struct thread *from, struct thread *to, const struct thread *mover,
                    enum part part)
{
    struct side sender = {from, to, true, mover == from ? part : WAITS};
    struct side receiver = {to, from, false, mover == to ? part : WAITS};

    cpu_call(from->cpu, suspend_here, &sender);
    cpu_call(to->cpu, suspend_here, &receiver);
}

bool transfer_may_pause(const struct thread *from, const struct thread *to)
{
    return !to->transfer_with || to->transfer_with == from;
}

word_t transfer_pause(struct thread *from, struct thread *to)
{
    suspend(from, to, from->state == THREAD_RUNNING ? from : to, COPIES);
    return IPC_LEFT;
}

/* The IPC that was suspended is what `t` is in again. */
static void resume(struct thread *t)
{
    t->transfer_with = NULL;
    t->ipc_kernel = t->transfer_kernel; /* who waited for a pager for it does so no more */
    t->ipc_from = t->transfer_from;
    t->ipc_timeouts = t->transfer_timeouts;
    t->ipc_virtual = t->transfer_virtual;
    t->ipc_via = t->transfer_via;
}

struct end {
    struct thread *thread, *sender;
    word_t error;
    bool only_at_fault; /* only if it waits for its pager                              */
    bool done;
};

static void fail_here(void *argument)
{
    struct end *e = argument;
    struct thread *t = e->thread;

    if (e->only_at_fault && t->ipc_kernel != IPC_PAGE_FAULT)
        return;
    resume(t);
    ipc_fail(t, e->error, t->transfer_sends ? IPC_SEND_PHASE : IPC_RECEIVE_PHASE);
    e->done = true;
}

static void fail_side(struct thread *t, word_t error)
{
    struct end e = {.thread = t, .error = error};

    cpu_call(t->cpu, fail_here, &e);
}

static uint64_t bytes_copied(const struct thread *t)
{
    return (t->transfer_sends ? t : t->transfer_with)->transfer.copied;
}

static void fail_both(struct thread *t, unsigned own, unsigned partners)
{
    uint64_t copied = bytes_copied(t);
    struct thread *p = t->transfer_with;

    fail_side(t, IPC_WITH_OFFSET(own, copied));
    fail_side(p, IPC_WITH_OFFSET(partners, copied));
}

static void receive_here(void *argument)
{
    const struct end *e = argument;

    resume(e->thread);
    ipc_received(e->thread, e->sender);
    ipc_leave(e->thread);
}

static void resume_here(void *argument)
{
    resume(argument);
}

/* All is copied. */
static void deliver(struct thread *from, struct thread *to)
{
    struct end e = {.thread = to, .sender = from};

    cpu_call(from->cpu, resume_here, from);
    cpu_call(to->cpu, receive_here, &e);
    ipc_receive_phase(from);
    ipc_hand_on(from, to);
}

static uint64_t fault_deadline(const struct thread *from, const struct thread *to)
{
    uint64_t send = l4_deadline(*thread_mr(from, TCR_XFER_TIMEOUTS) >> 16 & 0xffff);
    uint64_t receive = l4_deadline(*thread_mr(to, TCR_XFER_TIMEOUTS) & 0xffff);

    return send < receive ? send : receive;
}

struct fault {
    struct thread *thread;
    vaddr_t va;
    rights_t access;
    bool asks;
};

static void ask_here(void *argument)
{
    struct fault *f = argument;

    f->asks = kernel_transfer_fault(f->thread, f->va, f->access);
}

static void set_deadline_here(void *argument)
{
    struct thread *t = argument;

    sched_set_deadline(t, (t->transfer_sends ? t : t->transfer_with)->transfer.deadline);
}

word_t transfer_fault(struct thread *from, struct thread *to, struct thread *t, vaddr_t va,
                      rights_t access)
{
    struct thread *waiter = t == from ? to : from;
    uint64_t *deadline = &from->transfer.deadline;
    struct fault f = {t, va, access, false};

    if (*deadline == 0)
        *deadline = fault_deadline(from, to);
    suspend(from, to, t, ASKS);
    if (*deadline > arch_ticks())
        cpu_call(t->cpu, ask_here, &f);
    if (!f.asks)
        fail_both(t, IPC_XFER_TIMEOUT, IPC_PARTNER_XFER);
    else if (*deadline != FOREVER)
        cpu_call(waiter->cpu, set_deadline_here, waiter);
    return IPC_LEFT;
}

static void go_on(struct thread *t)
{
    struct thread *p = t->transfer_with;
    struct thread *from = t->transfer_sends ? t : p, *to = t->transfer_sends ? p : t;
    word_t error = ipc_transfer_items(from, to);

    if (error == 0)
        deliver(from, to);
    else if (error != IPC_LEFT) {
        fail_side(to, error);
        fail_side(from, error);
    }
}

void hook_go_on(struct thread *t)
{
    if (!forest_lock_for(t))
        return;
    if (t->transfer_with) /* else it ended while `t` waited for the lock */
        go_on(t);
    else if (t->unmap.count)
        unmap_go_on(t);
    ipc_look_again();
    forest_unlock();
}

void transfer_timeout(struct thread *t)
{
    uint64_t copied = bytes_copied(t);
    struct thread *p = t->transfer_with;
    struct end e = {
        .thread = p, .error = IPC_WITH_OFFSET(IPC_XFER_TIMEOUT, copied), .only_at_fault = true};

    cpu_call(p->cpu, fail_here, &e);
    if (e.done)
        fail_side(t, IPC_WITH_OFFSET(IPC_PARTNER_XFER, copied));
}

void transfer_abort(struct thread *t)
{
    if (t->transfer_with)
        fail_both(t, IPC_ABORTED, IPC_ABORTED);
}

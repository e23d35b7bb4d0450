/* How threads leave their IPC: with what they waited for, an error, or because they end. */
#include "l4core/leave.h"

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/endpoint.h"
#include "l4core/interrupt.h"
#include "l4core/ipc.h"
#include "l4core/partner.h"
#include "l4core/suspend.h"

void ipc_leave(struct thread *t)
{
    sched_clear_deadline(t);
    t->ipc_to = NULL;
    if (t->kind & THREAD_LINE)
        interrupt_acknowledged(t);
    else if (t->state == THREAD_IPC_SEND || t->state == THREAD_IPC_RECEIVE ||
             t->state == THREAD_IPC_TRANSFER)
        sched_wake(t);
}

/* What every IPC ends with. The fast path, by which `t` may have come, has not saved its rdi. */
void ipc_answer(struct thread *t, word_t from)
{
    thread_regs(t)->rsi = from;
    thread_regs(t)->rdi = t->utcb_va + UTCB_MR;
}

/* The kernel's IPC on behalf of `t` has no end. Who waits for a pager faults again, and then finds
 * that nobody serves it; a line waits on unless its handler is gone, and who is to be started
 * unless its pager is or the call is aborted; nothing else can be done over again, so that `t` is
 * halted. */
static void fail_kernel(struct thread *t, word_t code)
{
    unsigned kind = t->ipc_kernel;

    if ((kind == IPC_INTERRUPT && code != IPC_NO_PARTNER) ||
        (kind == IPC_START && code == IPC_OVERFLOW))
        return;
    t->ipc_kernel = IPC_OWN;
    if (kind == IPC_PAGE_FAULT || kind == IPC_PORT_FAULT) {
        ipc_leave(t);
        return;
    }
    sched_clear_deadline(t);
    t->ipc_to = NULL;
    sched_block(t, THREAD_STOPPED);
}

static void unlink_here(void *argument)
{
    struct thread *t = argument;

    list_remove(&t->send_link);
}

/* `t` is queued nowhere any more. */
static void leave_queue(struct thread *t)
{
    if (t->ipc_cap)
        endpoint_leave(t);
    else if (!list_is_empty(&t->send_link))
        cpu_call(t->ipc_to->cpu, unlink_here, t);
}

struct failure {
    struct thread *thread;
    word_t code;
    unsigned phase;
};

/* Who died in its IPC (a map took its UTCB away) is not told. */
static void fail_here(void *argument)
{
    const struct failure *f = argument;
    struct thread *t = f->thread;

    if (t->state == THREAD_DEAD)
        return;
    leave_queue(t);
    if (t->ipc_kernel) {
        fail_kernel(t, f->code);
        return;
    }
    *thread_mr(t, TCR_ERROR) = IPC_ERROR(f->code, f->phase);
    thread_regs(t)->r9 |= TAG_ERROR;
    ipc_answer(t, L4_NIL);
    ipc_leave(t);
}

void ipc_fail(struct thread *t, word_t code, unsigned phase)
{
    struct failure f = {t, code, phase};

    cpu_call(t->cpu, fail_here, &f);
}

void ipc_received(struct thread *to, struct thread *from)
{
    if (from->ipc_via)
        ipc_answer(to, endpoint_received(to, from));
    else if (!to->ipc_kernel)
        ipc_answer(to, ipc_name_for(to, ipc_originator(from)));
    to->ipc_kernel = IPC_OWN;
    sched_clear_deadline(to);
    if (from->ipc_virtual)
        ipc_propagated(from, to);
}

struct cancel {
    struct thread *thread;
    bool send, receive;
};

/* What the kernel does on behalf of a thread is given up without a trace: it goes on where its
 * registers say. */
static void cancel_here(void *argument)
{
    const struct cancel *c = argument;
    struct thread *t = c->thread;
    unsigned phase = t->state == THREAD_IPC_SEND ? IPC_SEND_PHASE : IPC_RECEIVE_PHASE;
    bool sends = c->send && t->state == THREAD_IPC_SEND;
    bool receives = c->receive && t->state == THREAD_IPC_RECEIVE;

    if (t->transfer_with) {
        if (t->transfer_sends ? c->send : c->receive)
            transfer_abort(t);
        return;
    }
    if (!sends && !receives)
        return;
    if (!t->ipc_kernel) {
        ipc_fail(t, IPC_CANCELLED, phase);
        return;
    }
    leave_queue(t);
    t->ipc_kernel = IPC_OWN;
    ipc_leave(t);
}

void ipc_cancel(struct thread *t, bool send, bool receive)
{
    struct cancel c = {t, send, receive};

    cpu_call(t->cpu, cancel_here, &c);
}

void hook_ipc_timeout(struct thread *t)
{
    if (t->state == THREAD_IPC_TRANSFER) {
        transfer_timeout(t);
        return;
    }
    ipc_fail(t, IPC_TIMEOUT, t->state == THREAD_IPC_SEND ? IPC_SEND_PHASE : IPC_RECEIVE_PHASE);
}

/* A thread that is not there any more, at all or under its local ID in a space. */
struct gone {
    const struct thread *thread;
    const struct env *env;
    bool wholly;
};

/* Does `w` wait for it alone? */
static bool waits_for(const struct thread *w, const struct gone *g)
{
    const struct thread *t = g->thread;

    if (w->state != THREAD_IPC_RECEIVE)
        return false;
    if (w->env == g->env && w->ipc_from == t->utcb_va + UTCB_MR)
        return true;
    return g->wholly &&
           (w->ipc_from == t->global_id || (L4_IS_REPLY(w->ipc_from) && w->ipc_server == t));
}

/* Those of this CPU to whom nobody will ever send, and those who wait to send in the name of who is
 * gone: in their own they may be whom their receiver waits for. */
static void fail_waiting_here(void *argument)
{
    const struct gone *g = argument;

    for (uint32_t n = 0; (n = thread_number_used(n + 1)) < THREAD_MAX;) {
        struct thread *w = thread_by_number(n);
        if (!w || w == g->thread || w->cpu != cpu_this()->number)
            continue;
        if (waits_for(w, g))
            ipc_fail(w, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
        else if (w->state == THREAD_IPC_SEND && w->ipc_virtual == g->thread->global_id)
            ipc_fail(w, IPC_NO_PARTNER, IPC_SEND_PHASE);
    }
}

static void fail_waiting(struct gone g)
{
    for (unsigned i = 0; i < cpu_count; i++)
        cpu_call(i, fail_waiting_here, &g);
}

void ipc_forget(struct thread *t)
{
    while (!list_is_empty(&t->senders)) {
        struct thread *s = LIST_ITEM(t->senders.next, struct thread, send_link);
        list_remove(&s->send_link);
        ipc_fail(s, IPC_NO_PARTNER, IPC_SEND_PHASE);
    }
    fail_waiting((struct gone){t, t->env, true});
}

/* Would the message of a sender that is queued go to another thread now? */
static bool goes_elsewhere(struct thread *s, struct thread *t)
{
    return !s->ipc_kernel && !s->ipc_via && !s->ipc_intended && ipc_redirect(s, t) != t;
}

static void fail_redirected_here(void *argument)
{
    struct thread *t = argument;
    struct list *next;

    for (struct list *l = t->senders.next; l != &t->senders; l = next) {
        struct thread *s = LIST_ITEM(l, struct thread, send_link);
        next = l->next;
        if (goes_elsewhere(s, t))
            ipc_fail(s, IPC_NO_PARTNER, IPC_SEND_PHASE);
    }
}

void ipc_left_space(struct thread *t, const struct env *left)
{
    fail_waiting((struct gone){t, left, false});
    cpu_call(t->cpu, fail_redirected_here, t);
}

void hook_thread_stopping(struct thread *t, bool dies)
{
    transfer_abort(t);
    leave_queue(t);
    t->ipc_kernel = IPC_OWN;
    t->ipc_to = NULL;
    if (dies)
        ipc_forget(t);
}

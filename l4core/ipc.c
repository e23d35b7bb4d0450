/* L4 IPC: the send phase and the receive phase. */
#include "l4core/ipc.h"

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/endpoint.h"
#include "l4core/interrupt.h"
#include "l4core/leave.h"
#include "l4core/lock.h"
#include "l4core/partner.h"
#include "l4core/remote.h"
#include "l4core/time.h"

static uint64_t deadline_of(word_t time)
{
    return time == TIME_NEVER ? FOREVER : l4_deadline((unsigned)time);
}

void ipc_wait_until(struct thread *t, unsigned state, uint64_t deadline)
{
    sched_block(t, state);
    if (deadline != FOREVER)
        sched_set_deadline(t, deadline);
}

static bool is_open(word_t from)
{
    return from == L4_ANY || from == L4_ANY_LOCAL;
}

/* Is the partner that `t` is to wait for not there: never, or gone while `t` was queued to send? */
static bool awaits_nobody(const struct thread *t)
{
    return !is_open(t->ipc_from) && !ipc_find(t, t->ipc_from);
}

static void wait_to_receive(struct thread *t)
{
    uint64_t deadline = deadline_of(t->ipc_timeouts & 0xffff);

    if (awaits_nobody(t))
        ipc_fail(t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    else if (deadline == 0)
        ipc_fail(t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    else
        ipc_wait_until(t, THREAD_IPC_RECEIVE, deadline);
}

/* One step of the receive phase of `t`, on its home CPU. Returns the thread whose send phase that
 * ended, and which now begins its own receive phase; NULL when there is none. */
static struct thread *receive_step(struct thread *t)
{
    if (t->state == THREAD_DEAD) /* its own message took its UTCB away */
        return NULL;
    sched_clear_deadline(t);
    if (t->ipc_from == L4_NIL) {
        ipc_leave(t);
        return NULL;
    }
    if ((t->kind & THREAD_NAMED) && list_is_empty(&t->senders))
        thread_set_unusual(t, THREAD_NAMED, false);
    bool named = L4_IS_NAMED(t->ipc_from);
    if ((named || (t->kind & THREAD_TOLD)) && endpoint_told(t))
        return NULL;
    struct thread *s = named ? endpoint_sender(t) : ipc_find_sender(t);
    if (!s) {
        if (named)
            endpoint_wait(t);
        else
            wait_to_receive(t);
        return NULL;
    }
    list_remove(&s->send_link);
    word_t error = ipc_transfer(s, t);
    if (error == IPC_LEFT)
        return NULL;
    if (error) {
        ipc_fail(t, error, IPC_RECEIVE_PHASE);
        ipc_fail(s, error, IPC_SEND_PHASE);
        return t->state == THREAD_IPC_RECEIVE ? t : NULL; /* who is to be started takes the next */
    }
    ipc_received(t, s);
    ipc_leave(t);
    return s;
}

void ipc_receive_phase(struct thread *t)
{
    while (t)
        t = ipc_at_home(t, receive_step);
}

/* `t`, which waits, takes what a queued sender has that it accepts now. */
static struct thread *look_again_step(struct thread *t)
{
    return t->state == THREAD_IPC_RECEIVE && ipc_find_sender(t) ? receive_step(t) : NULL;
}

void ipc_look_again(void)
{
    struct thread *t;

    while ((t = ipc_waits_anew()))
        ipc_receive_phase(ipc_at_home(t, look_again_step));
}

/* `t`, which runs and has sent to `p`, waits for a message that is not there yet, and `p` runs at
 * once: what the fast path does. False, and nothing done: something else is to be considered. */
static bool hand_over(struct thread *t, struct thread *p)
{
    struct cpu *c = cpu_this();
    bool waits = t->ipc_from != L4_NIL && (t->ipc_timeouts & 0xffff) == TIME_NEVER &&
                 list_is_empty(&t->senders) && !L4_IS_SLOT(t->ipc_from);

    waits = waits && (t->ipc_from == p->global_id || L4_IS_REPLY(t->ipc_from) || !awaits_nobody(t));
    if (!waits || p->readiness != c->awaits_message || c->choose || c->current != t ||
        t->state != THREAD_RUNNING)
        return false;
    t->state = THREAD_IPC_RECEIVE;
    p->ipc_to = NULL;
    arch_thread_switch_like(&t->arch, &p->arch);
    sched_enter(p, 0);
    return true;
}

void ipc_hand_on(const struct thread *t, struct thread *p)
{
    if (cpu_this()->current == t && t->state != THREAD_RUNNING && ipc_is_here(p))
        sched_handoff(p);
}

/* On the home CPU of `p`: `t` gives it its message, or is queued if it `waits`. Who sends by a
 * capability was led here by it. */
static word_t meet(struct thread *t, struct thread *p, bool waits)
{
    if (p->state == THREAD_IPC_RECEIVE &&
        (t->ipc_via || p->ipc_from == L4_ANY || ipc_accepts(p, t))) {
        word_t error = ipc_transfer(t, p);
        if (error == IPC_LEFT)
            return MEET_OVER;
        if (error) {
            ipc_fail(p, error, IPC_RECEIVE_PHASE);
            return error;
        }
        ipc_received(p, t);
        if (hand_over(t, p))
            return MEET_OVER;
        ipc_leave(p);
        return MEET_DONE;
    }
    if (interrupt_is_for(p, t)) /* an acknowledgement that is not due */
        return MEET_DONE;
    if (!waits)
        return IPC_TIMEOUT;
    t->ipc_to = p;
    list_insert(&p->senders, &t->send_link);
    if (t->ipc_virtual)
        thread_set_unusual(p, THREAD_NAMED, true);
    return MEET_WAITS;
}

/* The send phase of `t` to `p`; the receive phase follows when it ends at once. */
void ipc_send(struct thread *t, struct thread *p)
{
    uint64_t deadline = deadline_of(t->ipc_timeouts >> 16 & 0xffff);
    word_t result = ipc_meet_at_home(t, p, deadline != 0, meet);

    if (result == MEET_OVER)
        return;
    if (result == MEET_WAITS) {
        ipc_wait_until(t, THREAD_IPC_SEND, deadline);
        return;
    }
    if (result != MEET_DONE) {
        ipc_fail(t, result, IPC_SEND_PHASE);
        return;
    }
    ipc_receive_phase(t);
    ipc_hand_on(t, p);
}

static void ipc_phases(struct thread *t, word_t to, word_t from, word_t timeouts, bool named)
{
    t->ipc_from = from;
    t->ipc_timeouts = timeouts;
    t->ipc_via = 0;
    if (named)
        endpoint_begin(t, to);
    struct thread *p = to == L4_NIL ? NULL : ipc_find(t, to);
    if (p)
        p = ipc_route(t, p);
    bool propagates = p && (thread_regs(t)->r9 & TAG_PROPAGATED);
    t->ipc_virtual = propagates ? ipc_find_virtual(t, p) : 0;

    if (p)
        ipc_send(t, p);
    else if (to == L4_NIL)
        ipc_receive_phase(t);
    else if (t->ipc_via)
        endpoint_send(t);
    else
        ipc_fail(t, IPC_NO_PARTNER, IPC_SEND_PHASE);
}

/* Map items, propagation, redirection, local IDs and partners of other CPUs need the forest lock,
 * and who waits for it may lose its partner or its own life. So it is taken before anything is
 * looked at: when `t` sends items, names a capability, or has senders queued, which may bring some
 * or be of another CPU. */
void ipc_do(struct thread *t, word_t to, word_t from, word_t timeouts)
{
    word_t tag = thread_regs(t)->r9;
    bool named = L4_IS_NAMED(to) || L4_IS_NAMED(from);
    bool unusual = TAG_TYPED(tag) || (tag & TAG_PROPAGATED) || !list_is_empty(&t->senders) ||
                   (t->kind & (THREAD_REDIRECTED | THREAD_TOLD)) || named;
    bool locks = unusual || ipc_find_locks(t, to) || ipc_find_locks(t, from);

    if (!lock_ipc(t, locks))
        return;
    ipc_phases(t, to, from, timeouts, named);
    if (locks)
        ipc_look_again();
    lock_ipc_leave(locks);
}

bool ipc_call_locked(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word)
{
    struct thread *p = partner == L4_NIL ? NULL : ipc_find(t, partner);

    if (!p || p == t)
        return false;
    t->ipc_kernel = (uint8_t)kind;
    t->ipc_kernel_tag = tag;
    t->ipc_kernel_word = word;
    t->ipc_from = p->global_id;
    t->ipc_virtual = t->ipc_intended = t->ipc_via = 0;
    t->ipc_timeouts = 0;
    ipc_send(t, p);
    return true;
}

bool ipc_call_for(struct thread *t, word_t partner, unsigned kind, word_t tag, word_t word)
{
    bool locks = ipc_find_locks(t, partner) || !list_is_empty(&t->senders);

    if (locks && !forest_lock_for(t))
        return true; /* it does not run any more */
    bool called = ipc_call_locked(t, partner, kind, tag, word);
    if (!locks)
        return called;
    ipc_look_again();
    forest_unlock();
    return called;
}

void ipc_await(struct thread *t, unsigned kind, word_t from)
{
    sched_block(t, THREAD_IPC_RECEIVE);
    t->ipc_kernel = (uint8_t)kind;
    t->ipc_from = from;
    t->ipc_timeouts = 0;
    ipc_receive_phase(t);
    ipc_look_again();
}

static bool transfer_is_broken(const struct thread *t)
{
    const struct thread *p = t->transfer_with;

    if (!p)
        return t->state == THREAD_IPC_TRANSFER;
    return p->transfer_with != t || p->transfer_sends == t->transfer_sends ||
           (t->state == THREAD_IPC_TRANSFER) == (p->state == THREAD_IPC_TRANSFER);
}

const char *ipc_check(const struct thread *t)
{
    if (transfer_is_broken(t))
        return "I3: the sides of a suspended transfer disagree";
    for (const struct list *l = t->senders.next; l != &t->senders; l = l->next) {
        const struct thread *s = LIST_ITEM(l, struct thread, send_link);
        if (s->state != THREAD_IPC_SEND || s->ipc_to != t)
            return "I1: a queued sender does not send to this thread";
        if (t->state == THREAD_IPC_RECEIVE && ipc_accepts(t, s))
            return "I2: a thread waits although an acceptable sender is queued";
        if (s->ipc_virtual && !(t->kind & THREAD_NAMED))
            return "I4: a sender in another's name is queued, and who it sends to not marked";
    }
    return NULL;
}

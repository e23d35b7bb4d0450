/* IPC by endpoint, by notification, and by the right to reply. */
#include "l4core/endpoint.h"

#include "bindings/cap.h"
#include "bindings/endpoint.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "exo/abi/l4.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "l4core/ipc.h"
#include "l4core/leave.h"
#include "l4core/time.h"

/* The capability with that right that a slot's ID names for `t`, or NULL. */
static struct cap *find(const struct thread *t, word_t id, rights_t right)
{
    struct cap *c = id == L4_SLOT(L4_SLOT_OF(id)) ? cap_slot(t->env, L4_SLOT_OF(id)) : NULL;
    bool serves = c && (c->kind == CAP_ENDPOINT || c->kind == CAP_NOTIFICATION ||
                        (c->kind == CAP_SIGNAL && right == RIGHT_WRITE));

    return serves && c->rights & right ? c : NULL;
}

void endpoint_begin(struct thread *t, word_t to)
{
    t->ipc_via = L4_IS_NAMED(to) ? to : 0;
    if (L4_IS_REPLY(t->ipc_from)) /* only calls wait for those */
        t->ipc_from = L4_SLOT(SLOT_NONE);
}

void endpoint_leave(struct thread *t)
{
    list_remove(t->ipc_cap->kind == CAP_ENDPOINT ? &t->send_link : &t->queue);
    t->ipc_cap = NULL;
}

/* The first of a queue, which leaves it; NULL: there is none. */
static struct thread *take_first(struct list *queue)
{
    if (list_is_empty(queue))
        return NULL;
    struct thread *t = LIST_ITEM(queue->next, struct thread, send_link);
    endpoint_leave(t);
    return t;
}

static void wait_to_send(struct thread *t, struct cap *c, struct endpoint *e)
{
    uint64_t deadline = l4_deadline((unsigned)(t->ipc_timeouts >> 16 & 0xffff));

    if (deadline == 0) {
        ipc_fail(t, IPC_TIMEOUT, IPC_SEND_PHASE);
        return;
    }
    ipc_wait_until(t, THREAD_IPC_SEND, deadline);
    t->ipc_cap = c;
    list_insert(&e->senders, &t->send_link);
}

static void send_by(struct thread *t, struct cap *c)
{
    struct endpoint *e = frame_memory(c->base);

    t->ipc_badge = c->flags & CAP_BADGED ? c->badge : 0;
    t->ipc_to = take_first(&e->receivers);
    if (t->ipc_to)
        ipc_send(t, t->ipc_to);
    else
        wait_to_send(t, c, e);
}

static void raise_by(struct thread *t, const struct cap *c)
{
    bool given = TAG_UNTYPED(ipc_message_word(t, 0)) > 0;
    uint64_t bits = c->kind == CAP_SIGNAL ? c->badge : given ? ipc_message_word(t, 1) : 0;

    notification_raise(frame_memory(c->base), bits);
    ipc_receive_phase(t);
}

static void reply(struct thread *t)
{
    struct thread *p = thread_or_nobody(t->ipc_via >> 32);
    bool waits = p->state == THREAD_IPC_RECEIVE && p->ipc_from == t->ipc_via;

    if (waits && p->ipc_server->env == t->env) {
        t->ipc_to = p;
        ipc_send(t, p);
    } else {
        ipc_fail(t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    }
}

void endpoint_send(struct thread *t)
{
    if (L4_IS_REPLY(t->ipc_via)) {
        reply(t);
        return;
    }
    struct cap *c = find(t, t->ipc_via, RIGHT_WRITE);
    if (!c)
        ipc_fail(t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    else if (TAG_TYPED(ipc_message_word(t, 0)) && !(c->rights & RIGHT_GRANT))
        ipc_fail(t, IPC_OVERFLOW, IPC_SEND_PHASE);
    else if (c->kind == CAP_ENDPOINT)
        send_by(t, c);
    else
        raise_by(t, c);
}

word_t endpoint_received(struct thread *to, struct thread *from)
{
    if (L4_IS_REPLY(from->ipc_via))
        return to->ipc_via;
    thread_exo(to)->badge = from->ipc_badge;
    if (from->ipc_from != from->ipc_via)
        return L4_NIL;
    from->ipc_replies += L4_REPLY_STEP;
    from->ipc_from = from->ipc_reply;
    from->ipc_server = to;
    return from->ipc_reply;
}

/* `t`, of this CPU, has got a message from a notification, which it calls `name`. */
static void take_bits(struct thread *t, word_t name, uint64_t bits)
{
    thread_regs(t)->r9 = TAG_MAKE(0, 1, 0);
    thread_regs(t)->rax = bits;
    thread_exo(t)->badge = bits;
    ipc_answer(t, name);
    ipc_leave(t);
}

/* Does `t`, which receives or is about to, take what is bound to it? */
static bool takes_bound(const struct thread *t)
{
    const struct cap *c = L4_IS_SLOT(t->ipc_from) ? find(t, t->ipc_from, RIGHT_READ) : NULL;

    return !t->ipc_kernel && (t->ipc_from == L4_ANY || (c && c->kind == CAP_ENDPOINT));
}

/* The bits raised for `t` in the notification bound to it are taken out of that. */
static uint64_t bound_bits(const struct thread *t)
{
    const struct cap *c = (const struct cap *)(const void *)node_at(t->notify_node.parent);
    struct notification *n = c ? frame_memory(c->base) : NULL;
    uint64_t bits = n ? n->raised & t->bound_bits : 0;

    if (bits)
        n->raised &= ~bits;
    return bits;
}

static bool told_bound(struct thread *t)
{
    if (!(t->kind & THREAD_TOLD) || !takes_bound(t))
        return false;
    thread_set_unusual(t, THREAD_TOLD, false);
    uint64_t bits = bound_bits(t);
    if (bits)
        take_bits(t, L4_BOUND, bits);
    return bits != 0;
}

bool endpoint_told(struct thread *t)
{
    const struct cap *c = L4_IS_SLOT(t->ipc_from) ? find(t, t->ipc_from, RIGHT_READ) : NULL;
    struct notification *n = c && c->kind == CAP_NOTIFICATION ? frame_memory(c->base) : NULL;

    if (!n || !n->raised)
        return told_bound(t);
    uint64_t bits = n->raised;
    n->raised = 0;
    take_bits(t, t->ipc_from, bits);
    return true;
}

struct thread *endpoint_sender(const struct thread *t)
{
    const struct cap *c = L4_IS_SLOT(t->ipc_from) ? find(t, t->ipc_from, RIGHT_READ) : NULL;

    if (!c || c->kind != CAP_ENDPOINT)
        return NULL;
    return take_first(&((struct endpoint *)frame_memory(c->base))->senders);
}

static bool is_gone(const struct thread *t)
{
    if (L4_IS_REPLY(t->ipc_from))
        return !t->ipc_server || t->ipc_server->state == THREAD_DEAD;
    return !find(t, t->ipc_from, RIGHT_READ);
}

static void queue_to_receive(struct thread *t)
{
    t->ipc_cap = find(t, t->ipc_from, RIGHT_READ);
    if (t->ipc_cap->kind == CAP_ENDPOINT) {
        struct endpoint *e = frame_memory(t->ipc_cap->base);
        list_insert(&e->receivers, &t->send_link);
    } else {
        struct notification *n = frame_memory(t->ipc_cap->base);
        t->awaited_bits = 0;
        list_remove(&t->queue); /* a lazy ready queue */
        list_insert(&n->waiters, &t->queue);
    }
}

void endpoint_wait(struct thread *t)
{
    uint64_t deadline = l4_deadline((unsigned)(t->ipc_timeouts & 0xffff));

    if (is_gone(t) || deadline == 0) {
        ipc_fail(t, is_gone(t) ? IPC_NO_PARTNER : IPC_TIMEOUT, IPC_RECEIVE_PHASE);
        return;
    }
    ipc_wait_until(t, THREAD_IPC_RECEIVE, deadline);
    if (L4_IS_SLOT(t->ipc_from))
        queue_to_receive(t);
}

void hook_ipc_source_gone(struct thread *t)
{
    bool sends = t->state == THREAD_IPC_SEND;

    ipc_fail(t, IPC_NO_PARTNER, sends ? IPC_SEND_PHASE : IPC_RECEIVE_PHASE);
}

struct bits {
    struct thread *thread;
    uint64_t bits;
    bool taken;
};

static void notified_here(void *argument)
{
    const struct bits *b = argument;

    endpoint_leave(b->thread);
    take_bits(b->thread, b->thread->ipc_from, b->bits);
}

void hook_ipc_notified(struct thread *t, uint64_t bits)
{
    struct bits b = {.thread = t, .bits = bits};

    cpu_call(t->cpu, notified_here, &b);
}

static void bound_here(void *argument)
{
    struct bits *b = argument;
    struct thread *t = b->thread;

    b->taken = t->state == THREAD_IPC_RECEIVE && takes_bound(t);
    if (!b->taken)
        return;
    if (t->ipc_cap)
        endpoint_leave(t);
    take_bits(t, L4_BOUND, b->bits);
}

bool hook_ipc_bound(struct thread *t, uint64_t bits)
{
    struct bits b = {.thread = t, .bits = bits};

    if (t->state == THREAD_DEAD)
        return false;
    cpu_call(t->cpu, bound_here, &b);
    if (!b.taken)
        thread_set_unusual(t, THREAD_TOLD, true);
    return b.taken;
}

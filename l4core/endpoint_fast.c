/* The common IPC by endpoint: a call to a server that waits there, and its answer, with which it
 * waits there again. On one CPU, where capability tables need no lock. */
#include "bindings/cap.h"
#include "bindings/endpoint.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/mem/frame.h"
#include "l4core/fast.h"
#include "l4core/lock.h"

/* The capability with that right for an endpoint that `id` names for `t`, or NULL. */
static inline struct cap *find(const struct thread *t, word_t id, rights_t right)
{
    slot_t slot = L4_SLOT_OF(id);
    struct cap *c = id == L4_SLOT(slot) ? cap_find(t->env, slot, CAP_ENDPOINT) : NULL;

    return c && c->rights & right ? c : NULL;
}

static inline word_t call(struct cpu *c, struct thread *t, word_t to, word_t tag)
{
    const struct cap *cap = find(t, to, RIGHT_WRITE);
    const struct endpoint *e = cap ? frame_memory(cap->base) : NULL;

    if (!e)
        return judge_fast(c, t);
    if (list_is_empty(&e->receivers))
        return 0;
    struct thread *p = LIST_ITEM(e->receivers.next, struct thread, send_link);
    if (p->readiness != c->awaits_message)
        return 0;
    list_remove(&p->send_link);
    p->ipc_cap = NULL;
    thread_exo(p)->badge = cap->flags & CAP_BADGED ? cap->badge : 0;
    t->ipc_via = to;
    t->ipc_server = p;
    t->ipc_replies += L4_REPLY_STEP;
    t->ipc_from = t->ipc_reply;
    t->state = THREAD_IPC_RECEIVE;
    if (tag & TAG_LONG)
        fast_copy(t, p, tag);
    sched_direct(t, p);
    return t->ipc_from;
}

static inline word_t reply_wait(struct cpu *c, struct thread *t, word_t to, word_t from, word_t tag)
{
    struct thread *p = thread_or_nobody(to >> 32);
    struct cap *cap = find(t, from, RIGHT_READ);
    struct endpoint *e = cap ? frame_memory(cap->base) : NULL;

    if (p->readiness != c->awaits_message || p->ipc_from != to || p->ipc_server->env != t->env ||
        !e || !list_is_empty(&e->senders))
        return 0;
    t->ipc_cap = cap;
    t->ipc_from = from;
    t->state = THREAD_IPC_RECEIVE;
    list_insert(&e->receivers, &t->send_link);
    if (tag & TAG_LONG)
        fast_copy(t, p, tag);
    sched_direct(t, p);
    return p->ipc_via;
}

word_t endpoint_fast(void *sender)
{
    struct thread *t = sender;
    const struct regs *r = thread_regs(t);
    struct cpu *c = cpu_this();

    if (cpu_count != 1 || TIMEOUT_RECEIVE(r->r8) != TIME_NEVER || (r->r9 & TAG_UNUSUAL) ||
        !lock_try())
        return 0;
    word_t name = r->rsi == r->rdx      ? call(c, t, r->rsi, r->r9)
                  : L4_IS_REPLY(r->rsi) ? reply_wait(c, t, r->rsi, r->rdx, r->r9)
                                        : judge_fast(c, t);
    lock_leave();
    return name;
}

/* Calls: notifications. */
#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "exo/arch/cpu.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "exo/env/upcall.h"
#include "exo/env/wait.h"
#include "exo/mem/frame.h"

/* Does the graft that judges the waiting of `t`, if it is a quick one, let it have these bits? */
static inline bool lets_quickly(const struct graft *g, uint64_t raised)
{
    struct graft_wake_up context = {.raised = raised};

    return graft_run_quick(g, &context) != 0;
}

static __attribute__((noinline)) bool lets(struct graft *g, uint64_t raised)
{
    struct graft_wake_up context = {.raised = raised};

    return graft_run_quietly(g, &context, 1) != 0;
}

/* What of these bits a thread gets whose waiting a graft judges: all, or none. */
static uint64_t judged(const struct thread *t, uint64_t raised)
{
    if (!raised || !t->wake_node.parent)
        return raised;
    struct graft *g = graft_bound(&t->wake_node);
    return (g->quick ? lets_quickly(g, raised) : lets(g, raised)) ? raised : 0;
}

void notification_judge_again(const struct thread *t)
{
    if (t->state == THREAD_IN_NOTIFY && t->judged_bits)
        notification_raise(t->judged_at, 0);
}

void notification_judge_unbind(struct thread *t)
{
    node_unlink(&t->wake_node);
    notification_judge_again(t);
}

void notification_raise(struct notification *n, uint64_t bits)
{
    struct list *l, *next;

    n->raised |= bits;
    for (l = n->waiters.next; l != &n->waiters; l = next) {
        struct thread *t = LIST_ITEM(l, struct thread, queue);
        bool by_ipc = t->state == THREAD_IPC_RECEIVE;
        uint64_t got = by_ipc ? n->raised : n->raised & t->awaited_bits;
        next = l->next;
        if (!got && !by_ipc)
            got = judged(t, n->raised & t->judged_bits);
        if (!got)
            continue;
        n->raised &= ~got;
        if (by_ipc)
            hook_ipc_notified(t, got);
        else
            wait_end_anywhere(t, ERR_OK, got);
    }
    for (l = n->bound.next; l != &n->bound; l = l->next) {
        struct thread *t = LIST_ITEM(l, struct thread, bound_link);
        uint64_t got = n->raised & t->bound_bits;
        if (got && (upcall_notify(t, got) || hook_ipc_bound(t, got)))
            n->raised &= ~got;
    }
    graft_tell();
}

void notification_destroy(struct notification *n)
{
    while (!list_is_empty(&n->waiters))
        wait_end_anywhere(LIST_ITEM(n->waiters.next, struct thread, queue), ERR_BAD_STATE, 0);
}

int sys_notification_create(struct thread *caller, const struct sys_notification_create_args *a,
                            word_t *result)
{
    struct object_place p;
    enum err e = object_check(caller->env, a->region, a->base, 1, a->dst, true, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p, FRAME_NOTIFICATION, caller->env->number, CAP_NOTIFICATION);
    list_init(&((struct notification *)frame_memory(p.base))->waiters);
    list_init(&((struct notification *)frame_memory(p.base))->bound);
    return ERR_OK;
}

/* The common case: nobody but one thread waits, and that runs instead of the caller at once. */
static bool raise_and_switch(struct thread *caller, struct notification *n, uint64_t bits)
{
    struct cpu *c = cpu_this();
    struct list *first = n->waiters.next;
    struct thread *t = LIST_ITEM(first, struct thread, queue);

    if (first == &n->waiters || first->next != &n->waiters || !list_is_empty(&n->bound) ||
        !((n->raised | bits) & t->awaited_bits) || !sched_would_run(c, t))
        return false;
    n->raised |= bits;
    uint64_t got = n->raised & t->awaited_bits;
    n->raised &= ~got;
    list_remove(&t->queue);
    thread_regs(t)->rdx = got;
    thread_reply(caller, ERR_OK, 0);
    sched_preempt(c, t);
    return true;
}

int sys_notify(struct thread *caller, const struct sys_notify_args *a, word_t *result)
{
    struct cap *c;
    struct notification *n = cap_notification(caller->env, a->notification, &c);

    if (!a->bits)
        return ERR_BAD_ARG;
    if (!n)
        return ERR_BAD_CAP;
    if (!(c->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    if (raise_and_switch(caller, n, a->bits)) {
        *result = (word_t)caller;
        return CALL_PREEMPTED;
    }
    notification_raise(n, a->bits);
    return ERR_OK;
}

static enum err check_wait(const struct env *e, const struct sys_notify_wait_args *a,
                           struct notification **n)
{
    struct cap *c;

    *n = cap_notification(e, a->notification, &c);
    if (!a->bits)
        return ERR_BAD_ARG;
    if (!*n)
        return ERR_BAD_CAP;
    return c->rights & RIGHT_READ ? ERR_OK : ERR_NO_RIGHT;
}

static __attribute__((noinline)) bool lets_and_tells(struct graft *g, uint64_t raised)
{
    const bool is_let = lets(g, raised);

    graft_tell();
    return is_let;
}

void hook_notify_deferred(struct thread *t)
{
    volatile struct utcb_exo *x = thread_exo(t);
    const word_t bits = x->deferred_bits, slot = x->deferred;
    struct cap *c;

    x->deferred_bits = 0;
    struct notification *n = cap_notification(t->env, (slot_t)slot, &c);
    if (bits && n && (slot_t)slot == slot && c->rights & RIGHT_WRITE)
        notification_raise(n, bits);
}

/* Who is to get what the caller has deferred, if that is the plain case: it waits for all the bits,
 * alone, and runs as soon as the caller waits at `own`. Else NULL. */
static struct thread *follower(const struct thread *caller, const struct notification *own,
                               word_t bits, struct notification **n)
{
    const word_t slot = thread_exo(caller)->deferred;
    struct cap *c;

    *n = cap_notification(caller->env, (slot_t)slot, &c);
    if (!*n || *n == own || (slot_t)slot != slot || !(c->rights & RIGHT_WRITE))
        return NULL;
    struct list *first = (*n)->waiters.next;
    struct thread *t = LIST_ITEM(first, struct thread, queue);
    if (first == &(*n)->waiters || first->next != &(*n)->waiters ||
        ((*n)->raised | bits) & ~t->awaited_bits || !sched_would_follow(cpu_this(), caller, t))
        return NULL;
    return t;
}

static void begin_wait(struct thread *caller, struct notification *n,
                       const struct sys_notify_wait_args *a)
{
    const bool is_judged = caller->wake_node.parent != 0;

    caller->awaited_bits = is_judged ? 0 : a->bits;
    caller->judged_bits = is_judged ? a->bits : 0;
    caller->judged_at = n;
    list_insert(&n->waiters, &caller->queue);
    if (a->deadline != FOREVER)
        sched_set_deadline(caller, a->deadline);
}

/* The caller waits at `own`, and who gets what it has deferred runs instead. False: nothing has
 * changed. */
static bool wait_and_switch(struct thread *caller, struct notification *own,
                            const struct sys_notify_wait_args *a)
{
    volatile struct utcb_exo *x = thread_exo(caller);
    const word_t bits = x->deferred_bits;
    struct notification *n;
    struct thread *t = bits ? follower(caller, own, bits, &n) : NULL;

    if (!t)
        return false;
    x->deferred_bits = 0;
    thread_regs(t)->rdx = n->raised | bits;
    n->raised = 0;
    list_remove(&t->queue);
    sched_follow(cpu_this(), caller, t);
    begin_wait(caller, own, a);
    return true;
}

int sys_notify_wait(struct thread *caller, const struct sys_notify_wait_args *a, word_t *result)
{
    struct notification *n;
    enum err e = check_wait(caller->env, a, &n);

    if (e != ERR_OK)
        return (int)e;
    *result = n->raised & a->bits;
    if (caller->wake_node.parent && *result) {
        struct graft *g = graft_bound(&caller->wake_node);
        if (!(g->quick ? lets_quickly(g, *result) : lets_and_tells(g, *result)))
            *result = 0;
    }
    n->raised &= ~*result;
    if (*result)
        return ERR_OK;
    if (a->deadline <= arch_ticks())
        return ERR_TIMEOUT;
    if (upcall_is_due(caller)) {
        upcall_poll(caller);
        return ERR_INTERRUPTED;
    }
    if (wait_and_switch(caller, n, a)) {
        *result = (word_t)caller;
        return CALL_PREEMPTED;
    }
    sched_block(caller, THREAD_IN_NOTIFY);
    begin_wait(caller, n, a);
    return CALL_NO_REPLY;
}

void notification_unbind(struct thread *t)
{
    node_unlink(&t->notify_node);
    list_remove(&t->bound_link);
}

static enum err check_bind(const struct env *e, const struct sys_notify_bind_args *a,
                           struct cap **cap, struct thread **t)
{
    rights_t rights = 0;
    bool unbind = a->notification == SLOT_NONE;
    const struct notification *n = cap_notification(e, a->notification, cap);

    *t = cap_thread(e, a->thread, &rights);
    if (unbind != !a->bits)
        return ERR_BAD_ARG;
    if (!*t || (!unbind && !n))
        return ERR_BAD_CAP;
    if (!(rights & RIGHT_WRITE) || (n && !((*cap)->rights & RIGHT_READ)))
        return ERR_NO_RIGHT;
    if (unbind)
        return (*t)->notify_node.parent ? ERR_OK : ERR_NOT_BOUND;
    return (*t)->notify_node.parent ? ERR_IN_USE : ERR_OK;
}

int sys_notify_bind(struct thread *caller, const struct sys_notify_bind_args *a, word_t *result)
{
    struct cap *cap = NULL;
    struct thread *t;
    enum err e = check_bind(caller->env, a, &cap, &t);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    if (a->notification == SLOT_NONE) {
        notification_unbind(t);
        return ERR_OK;
    }
    struct notification *n = frame_memory(cap->base);
    node_link(&cap->node, &t->notify_node);
    t->bound_bits = a->bits;
    list_insert(&n->bound, &t->bound_link);
    notification_raise(n, 0);
    return ERR_OK;
}

/* Whom an ID names, how threads are told of each other, and whom they wait for. */
#include "l4core/partner.h"

#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"

_Static_assert(THREAD_MAX <= UINT16_MAX, "env_local has numbers of threads");

bool ipc_find_walks(word_t id)
{
    return L4_IS_LOCAL(id) && id != L4_NIL && id != L4_ANY_LOCAL;
}

bool ipc_find_locks(const struct thread *t, word_t id)
{
    if (L4_IS_LOCAL(id))
        return ipc_find_walks(id);
    const struct thread *p = thread_or_nobody(id >> 32);
    return p->global_id == id && (p->cpu != t->cpu || p->kind & THREAD_REDIRECTED);
}

struct thread *ipc_find(const struct thread *t, word_t id)
{
    if (L4_IS_LOCAL(id)) { /* the UTCB that it points to holds the global ID, as a claim */
        word_t claim = 0;
        space_copy_in(t->env->root, &claim, id + (vaddr_t)(TCR_GLOBAL_ID * 8), sizeof claim);
        struct thread *local = thread_by_number((uint32_t)(claim >> 32));
        bool good = local && local->env == t->env && local->utcb_va + UTCB_MR == id;
        if (!good || local->state == THREAD_DEAD)
            return NULL;
        *env_local(t->env, id) = (uint16_t)local->number;
        return local;
    }
    struct thread *p = thread_by_number((uint32_t)(id >> 32));
    return p && p->global_id == id && p->state != THREAD_DEAD ? p : NULL;
}

word_t ipc_name_for(const struct thread *t, const struct thread *other)
{
    return t->env == other->env ? other->utcb_va + UTCB_MR : other->global_id;
}

static struct thread *thread_of(word_t global_id)
{
    struct thread *v = thread_or_nobody(global_id >> 32);

    return v->global_id == global_id && v->state != THREAD_DEAD ? v : NULL;
}

const struct thread *ipc_originator(const struct thread *sender)
{
    const struct thread *v = sender->ipc_virtual ? thread_of(sender->ipc_virtual) : NULL;

    return v ? v : sender;
}

/* Is the redirector of `e` (NULL: of a line) in the space of `t`? */
static bool is_redirector(const struct thread *t, const struct env *e)
{
    const struct thread *r = e && e->redirector ? thread_of(e->redirector) : NULL;

    return r && r->env == t->env;
}

static bool may_name(const struct thread *t, const struct thread *v, const struct thread *p)
{
    return v->env == t->env || p->env == t->env || is_redirector(t, v->env) ||
           is_redirector(t, p->env);
}

word_t ipc_find_virtual(const struct thread *t, const struct thread *p)
{
    word_t id = *thread_mr(t, TCR_ACTUAL_SENDER);
    const struct thread *v = id == L4_NIL ? NULL : ipc_find(t, id);

    return v && v != t && may_name(t, v, p) ? v->global_id : 0;
}

/* Is `other` what `t` calls `id`? */
static bool is_named(const struct thread *t, word_t id, const struct thread *other)
{
    return id == other->global_id || (t->env == other->env && id == other->utcb_va + UTCB_MR);
}

struct answer {
    const struct thread *sender, *to;
};

/* The ID of a thread that waits anew though its partner's message is there; 0: none. */
static word_t waits_anew;

/* Its message is delivered when this one's delivery is over, so that chains of them take no stack.
 * For the same reason only one such thread is remembered; another waits as it did. */
static void await_answer(void *argument)
{
    const struct answer *a = argument;
    struct thread *v = thread_by_number((uint32_t)(a->sender->ipc_virtual >> 32));
    const word_t before = v->ipc_from;

    if (v->state != THREAD_IPC_RECEIVE || !v->env || !is_named(v, before, a->sender))
        return;
    v->ipc_from = a->to->global_id;
    if (!ipc_find_sender(v))
        return;
    if (waits_anew)
        v->ipc_from = before;
    else
        waits_anew = v->global_id;
}

struct thread *ipc_waits_anew(void)
{
    struct thread *t = waits_anew ? thread_of(waits_anew) : NULL;

    waits_anew = 0;
    return t;
}

void ipc_propagated(const struct thread *sender, const struct thread *to)
{
    const struct thread *v = ipc_originator(sender);
    struct answer a = {sender, to};

    if (v != sender)
        cpu_call(v->cpu, await_answer, &a);
}

struct thread *ipc_find_sender(const struct thread *t)
{
    for (struct list *l = t->senders.next; l != &t->senders; l = l->next) {
        struct thread *s = LIST_ITEM(l, struct thread, send_link);
        if (ipc_accepts(t, s))
            return s;
    }
    return NULL;
}

bool ipc_accepts(const struct thread *t, const struct thread *sender)
{
    word_t from = t->ipc_from;

    if (sender->ipc_virtual)
        sender = ipc_originator(sender);
    return from == L4_ANY || is_named(t, from, sender) ||
           (from == L4_ANY_LOCAL && t->env == sender->env);
}

void ipc_set_redirector(struct env *e, word_t redirector)
{
    e->redirector = redirector;
    thread_set_redirected(e);
}

struct thread *ipc_redirect(struct thread *t, struct thread *p)
{
    t->ipc_intended = 0;
    if (!(t->kind & THREAD_REDIRECTED) || !t->env->redirector || p->env == t->env)
        return p;
    struct thread *r = thread_of(t->env->redirector);
    if (!r || r->env == t->env || r->env == p->env)
        return r ? p : NULL;
    t->ipc_intended = p->global_id;
    return r;
}

/* Calls: endpoints, and badges of capabilities by which L4 IPC is done. */
#include "bindings/cap.h"
#include "bindings/endpoint.h"
#include "bindings/notification.h"
#include "exo/entry/handlers.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"

int sys_endpoint_create(struct thread *caller, const struct sys_endpoint_create_args *a,
                        word_t *result)
{
    struct object_place p;
    enum err e = object_check(caller->env, a->region, a->base, 1, a->dst, true, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p, FRAME_ENDPOINT, caller->env->number, CAP_ENDPOINT);
    struct endpoint *made = frame_memory(p.base);
    list_init(&made->senders);
    list_init(&made->receivers);
    return ERR_OK;
}

static bool takes_badge(const struct cap *c)
{
    return c && (c->kind == CAP_ENDPOINT || c->kind == CAP_NOTIFICATION) &&
           !(c->flags & CAP_BADGED);
}

static enum err check_badge(const struct env *e, const struct sys_cap_badge_args *a,
                            struct cap **src, struct cap **dst)
{
    rights_t env_rights = 0;
    const struct env *to = cap_env(e, a->env, &env_rights);

    *src = cap_slot(e, a->src);
    if (!a->badge || (a->rights & ~RIGHT_ALL) || (to && !cap_slot(to, a->dst)))
        return ERR_BAD_ARG;
    if (!to || !takes_badge(*src))
        return ERR_BAD_CAP;
    if ((a->rights & ~(rights_t)(*src)->rights) || !((*src)->rights & RIGHT_GRANT) ||
        !(env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    return cap_free_slot(to, a->dst, dst);
}

int sys_cap_badge(struct thread *caller, const struct sys_cap_badge_args *a, word_t *result)
{
    struct cap *src, *dst;
    enum err e = check_badge(caller->env, a, &src, &dst);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    enum cap_kind kind = src->kind == CAP_NOTIFICATION ? CAP_SIGNAL : CAP_ENDPOINT;
    cap_make(dst, src, kind, a->rights, src->base, 0, CAP_BADGED);
    dst->badge = a->badge;
    return ERR_OK;
}

/* Tells those of a queue, linked at `offset` in struct thread, that wait by `c`. */
static void tell(struct list *queue, size_t offset, const struct cap *c)
{
    struct list *next;

    for (struct list *l = queue->next; l != queue; l = next) {
        struct thread *t = (struct thread *)(void *)((char *)l - offset);
        next = l->next;
        if (t->ipc_cap == c)
            hook_ipc_source_gone(t);
    }
}

void endpoint_cap_gone(const struct cap *c)
{
    void *object = frame_memory(c->base);

    if (c->kind == CAP_ENDPOINT) {
        tell(&((struct endpoint *)object)->senders, offsetof(struct thread, send_link), c);
        tell(&((struct endpoint *)object)->receivers, offsetof(struct thread, send_link), c);
    } else {
        tell(&((struct notification *)object)->waiters, offsetof(struct thread, queue), c);
    }
}

static const char *check_queue(const struct endpoint *e, const struct list *queue, unsigned state,
                               rights_t right)
{
    for (const struct list *l = queue->next; l != queue; l = l->next) {
        const struct thread *t = LIST_ITEM(l, struct thread, send_link);
        const struct cap *c = t->ipc_cap;
        if (t->state != state)
            return "E2: a thread in an endpoint's queue does not wait there";
        if (!c || c->kind != CAP_ENDPOINT || frame_memory(c->base) != e || !(c->rights & right))
            return "E3: a thread is queued without a right to be";
    }
    return NULL;
}

const char *endpoint_check(const struct endpoint *e)
{
    const char *broken = check_queue(e, &e->senders, THREAD_IPC_SEND, RIGHT_WRITE);

    if (!broken)
        broken = check_queue(e, &e->receivers, THREAD_IPC_RECEIVE, RIGHT_READ);
    if (!broken && !list_is_empty(&e->senders) && !list_is_empty(&e->receivers))
        broken = "E4: senders and receivers wait at one endpoint";
    return broken;
}

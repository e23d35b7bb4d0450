/* Calls: binding grafts to places. */
#include "bindings/cap.h"
#include "bindings/disk_ring.h"
#include "bindings/env_place.h"
#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/place.h"
#include "bindings/ring.h"
#include "exo/entry/handlers.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"

/* The kind of capability that names a place's target; CAP_NONE: there is no such place. */
static enum cap_kind kind_of(uint32_t place)
{
    switch (place) {
    case GRAFT_HOOK_PACKET_FILTER:
    case GRAFT_HOOK_PACKET_HANDLER:
        return CAP_RING;
    case GRAFT_HOOK_WAKE_UP:
        return CAP_THREAD;
    case GRAFT_HOOK_IRQ:
        return CAP_IRQ;
    case GRAFT_HOOK_DISK_DONE:
        return CAP_DISK_RING;
    case GRAFT_HOOK_IPC:
    case GRAFT_HOOK_SLICE_END:
    case GRAFT_HOOK_RECLAIM:
    case GRAFT_HOOK_PAGE_FAULT:
    case GRAFT_HOOK_SYSTEM_CALL:
        return CAP_ENV;
    default:
        return CAP_NONE;
    }
}

/* The node in the target; NULL: it is in no state to have one. */
static struct node *node_of(const struct cap *target, uint32_t place)
{
    switch (place) {
    case GRAFT_HOOK_IPC:
    case GRAFT_HOOK_SLICE_END:
    case GRAFT_HOOK_RECLAIM:
    case GRAFT_HOOK_PAGE_FAULT:
    case GRAFT_HOOK_SYSTEM_CALL:
        return env_place(frame_memory(target->base), place);
    case GRAFT_HOOK_PACKET_FILTER:
        return &((struct ring *)frame_memory(target->base))->filter;
    case GRAFT_HOOK_PACKET_HANDLER:
        return &((struct ring *)frame_memory(target->base))->handler;
    case GRAFT_HOOK_WAKE_UP:
        return &((struct thread *)frame_memory(target->base))->wake_node;
    case GRAFT_HOOK_IRQ:
        return irq_place(target->base);
    default:
        return &((struct disk_ring *)frame_memory(target->base))->handler;
    }
}

struct bind_plan {
    struct cap *graft; /* NULL: none */
    struct cap *target;
    struct node *node;
};

/* A graft can let messages pass that a redirector would get. Who is redirected may not say so. */
static bool may_bind(const struct cap *target, uint32_t place)
{
    return target->rights & RIGHT_WRITE && (place != GRAFT_HOOK_IPC || target->flags & CAP_ORIGIN);
}

static enum err check_bind(const struct env *e, const struct sys_graft_bind_args *a,
                           struct bind_plan *p)
{
    enum cap_kind kind = kind_of(a->place);

    if (kind == CAP_NONE)
        return ERR_BAD_ARG;
    p->target = cap_find(e, a->target, kind);
    p->graft = cap_find(e, a->graft, CAP_GRAFT);
    if (!p->target || (a->graft != SLOT_NONE && !p->graft))
        return ERR_BAD_CAP;
    if (!may_bind(p->target, a->place))
        return ERR_NO_RIGHT;
    p->node = node_of(p->target, a->place);
    if (!p->node)
        return ERR_BAD_STATE;
    if (!p->graft)
        return p->node->parent ? ERR_OK : ERR_NOT_BOUND;
    const struct graft *g = frame_memory(p->graft->base);
    return g->program.hook == a->place && !g->is_ended ? ERR_OK : ERR_BAD_STATE;
}

int sys_graft_bind(struct thread *caller, const struct sys_graft_bind_args *a, word_t *result)
{
    struct bind_plan p;
    enum err e = check_bind(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    if (a->place == GRAFT_HOOK_PACKET_FILTER) {
        ring_set_filter(frame_memory(p.target->base), p.graft);
        return ERR_OK;
    }
    if (p.node->parent)
        node_unlink(p.node);
    if (p.graft)
        node_link(&p.graft->node, p.node);
    if (a->place == GRAFT_HOOK_WAKE_UP)
        notification_judge_again(frame_memory(p.target->base));
    if (kind_of(a->place) == CAP_ENV)
        env_place_changed(frame_memory(p.target->base));
    return ERR_OK;
}

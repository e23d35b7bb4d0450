/* Capabilities: finding them, making them, and copying them. */
#include "bindings/cap.h"

#include "bindings/guarantee.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/port.h"
#include "bindings/revoke.h"
#include "exo/base/assert.h"
#include "exo/entry/handlers.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"

enum err cap_free_slot(const struct env *e, slot_t slot, struct cap **out)
{
    *out = cap_slot(e, slot);
    if (!*out)
        return ERR_BAD_ARG;
    return (*out)->kind == CAP_NONE ? ERR_OK : ERR_IN_USE;
}

struct thread *cap_thread(const struct env *e, slot_t slot, rights_t *rights)
{
    const struct cap *c = cap_find(e, slot, CAP_THREAD);

    if (!c)
        return NULL;
    *rights = c->rights;
    return frame_memory(c->base);
}

struct notification *cap_notification(const struct env *e, slot_t slot, struct cap **cap)
{
    *cap = cap_find(e, slot, CAP_NOTIFICATION);
    return *cap ? frame_memory((*cap)->base) : NULL;
}

void cap_make(struct cap *slot, struct cap *parent, enum cap_kind kind, rights_t rights,
              uint32_t base, uint32_t count, unsigned flags)
{
    ASSERT(slot->kind == CAP_NONE);
    *slot = (struct cap){.kind = (uint8_t)kind,
                         .rights = (uint8_t)rights,
                         .flags = (uint16_t)flags,
                         .base = base,
                         .count = count};
    if (!parent)
        return;
    node_link(&parent->node, &slot->node);
    guarantee_cap_made(slot);
}

/* Is [base, base + count) inside the range of `c`? */
static bool in_range(const struct cap *c, uint32_t base, uint32_t count)
{
    return base >= c->base && base - c->base <= c->count && count <= c->count - (base - c->base);
}

enum err object_check(const struct env *e, slot_t region, pfn_t base, uint32_t count, slot_t dst,
                      bool want_dst, struct object_place *out)
{
    struct cap *r = cap_find(e, region, CAP_REGION), *d = want_dst ? cap_slot(e, dst) : NULL;

    if (want_dst && !d)
        return ERR_BAD_ARG;
    if (r && base != PFN_ANY && !in_range(r, base, count))
        return ERR_BAD_ARG;
    if (!r)
        return ERR_BAD_CAP;
    if (d && d->kind != CAP_NONE)
        return ERR_IN_USE;
    if (base != PFN_ANY && !frame_all_free(base, count))
        return ERR_IN_USE;
    if (base == PFN_ANY)
        base = frame_find(r->base, r->base + r->count, count);
    if (base == PFN_ANY)
        return ERR_NO_MEM;
    *out = (struct object_place){r, d, base, count};
    return ERR_OK;
}

void object_make(const struct object_place *p, enum frame_type type, uint16_t owner,
                 enum cap_kind kind)
{
    frame_take(p->base, p->count, type, owner, p->dst ? node_name(&p->dst->node) : 0);
    env_by_number[owner]->info->frames += p->count;
    if (p->dst)
        cap_make(p->dst, p->region, kind, RIGHT_ALL, p->base, p->count, CAP_ORIGIN);
}

static bool has_range(unsigned kind)
{
    return kind == CAP_REGION || kind == CAP_FRAMES || kind == CAP_CPU || kind == CAP_EXTENT ||
           kind == CAP_PORTS || kind == CAP_IRQ || kind == CAP_PCI || kind == CAP_WINDOW;
}

struct copy_plan {
    struct cap *src, *dst;
    rights_t rights;
    uint32_t base, count;
};

static enum err check_copy(const struct env *e, const struct sys_cap_copy_args *a,
                           struct copy_plan *plan)
{
    rights_t env_rights = 0;
    const struct env *to = cap_env(e, a->env, &env_rights);
    struct cap *src = cap_slot(e, a->src);
    bool known = src && src->kind != CAP_NONE;
    bool whole = a->base == 0 && a->count == 0;

    if (a->rights & ~RIGHT_ALL)
        return ERR_BAD_ARG;
    if (known && !whole &&
        (!has_range(src->kind) || !in_range(src, a->base, a->count) || !a->count))
        return ERR_BAD_ARG;
    if (to && !cap_slot(to, a->dst))
        return ERR_BAD_ARG;
    if (!to || !known)
        return ERR_BAD_CAP;
    if ((a->rights & ~(rights_t)src->rights) || !(src->rights & RIGHT_GRANT) ||
        !(env_rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    *plan = (struct copy_plan){.src = src,
                               .rights = a->rights,
                               .base = whole ? src->base : a->base,
                               .count = whole ? src->count : a->count};
    return cap_free_slot(to, a->dst, &plan->dst);
}

int sys_cap_copy(struct thread *caller, const struct sys_cap_copy_args *a, word_t *result)
{
    struct copy_plan p;
    enum err e = check_copy(caller->env, a, &p);

    (void)result;
    if (e == ERR_OK)
        cap_make(p.dst, p.src, p.src->kind, p.rights, p.base, p.count, 0);
    return (int)e;
}

/* Both take the derived away; deletion goes on with the capability itself. */
static int take_back(struct thread *caller, slot_t slot, bool itself)
{
    struct cap *c = cap_slot(caller->env, slot);

    if (!c)
        return ERR_BAD_ARG;
    if (c->kind == CAP_NONE)
        return ERR_BAD_CAP;
    return revoke(caller, &c->node, itself);
}

int sys_cap_delete(struct thread *caller, const struct sys_cap_delete_args *a, word_t *result)
{
    (void)result;
    return take_back(caller, a->slot, true);
}

int sys_cap_revoke(struct thread *caller, const struct sys_cap_revoke_args *a, word_t *result)
{
    (void)result;
    return take_back(caller, a->slot, false);
}

static const char *check_derived(const struct cap *c)
{
    const struct node *parent = node_at(c->node.parent);

    if (!parent || frame_of(frame_number(parent))->type != FRAME_CAPTABLE)
        return NULL;
    const struct cap *p = (const struct cap *)(const void *)parent;
    if (c->flags & CAP_ORIGIN)
        return NULL;
    if (c->rights & ~p->rights)
        return "C2: a derived capability has more rights";
    if (c->kind == CAP_WINDOW && p->kind == CAP_DEVICE)
        return NULL; /* its range is of another kind */
    return in_range(p, c->base, c->count) ? NULL : "C2: a derived capability reaches further";
}

static const char *check_slot(const struct cap *c)
{
    static const struct cap empty;

    if (c->kind == CAP_NONE && __builtin_memcmp(c, &empty, sizeof empty) != 0)
        return "C1: an empty slot is not empty";
    return c->kind ? check_derived(c) : NULL;
}

const char *cap_check(const struct env *e)
{
    const char *broken = port_check(e);

    for (slot_t s = 1; !broken && s < e->captable_count * CAPS_PER_FRAME; s++) {
        const struct cap *c = cap_slot(e, s);
        broken = c ? check_slot(c) : NULL;
    }
    for (unsigned i = 0; !broken && e->ports && i < CAPS_PER_FRAME; i++)
        broken = check_slot(&e->ports[i]);
    return broken;
}

/* Calls: trees. */
#include "bindings/cap.h"
#include "bindings/disk_ring.h"
#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/object.h"
#include "bindings/tree.h"
#include "exo/base/string.h"
#include "exo/entry/handlers.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

struct create_plan {
    struct object_place place;
    struct tree_load load;
    struct cap *above;
    struct tree *up; /* NULL: `above` is an extent */
};

static bool is_within(uint32_t first, uint32_t count, uint32_t base, uint32_t end)
{
    return first - base <= end && count <= end - (first - base);
}

/* Is what the load says possible at all? */
static bool is_good(const struct create_plan *p)
{
    const struct tree_load *l = &p->load;

    if (l->type == 0 || l->type >= TREE_TYPES || l->is_new > 1 || l->copies == 0 ||
        l->copies > TREE_COPIES)
        return false;
    if (!p->above)
        return true;
    if (!p->up)
        return l->first == 0 && l->count == 0 && p->above->count <= TREE_BLOCKS &&
               is_within(l->root, 1, p->above->base, p->above->count);
    return l->count > 0 && is_within(l->first, l->count, p->up->first, p->up->count) &&
           is_within(l->root, 1, p->up->first, p->up->count) && l->root - l->first >= l->count;
}

static bool is_free_part(const struct tree *up, const struct tree_load *l)
{
    for (uint32_t b = l->first; b - l->first < l->count; b++) {
        const struct tree_entry *e = tree_entry(up, b);
        if (e->state != TREE_FREE && e->state != TREE_LEFT)
            return false;
    }
    return tree_has_free(up, l->first, l->count);
}

/* May a tree be made of a part of `up`? */
static enum err check_part(struct tree *up, const struct tree_load *l)
{
    const struct tree_entry *root = tree_entry(up, l->root);
    const struct tree_part *p = tree_part_of(up, l->root);

    if (root->type != TREE_ROOT || !root->owner || root->busy || root->flags & TREE_LEAVING ||
        !tree_has_free(up, l->root, 1))
        return ERR_BAD_STATE;
    if (p)
        return p->tree || p->first != l->first || p->count != l->count ? ERR_IN_USE : ERR_OK;
    if (!is_free_part(up, l))
        return ERR_IN_USE;
    return tree_part_room(up, l->root) ? ERR_OK : ERR_NO_MEM;
}

/* Or of an extent? */
static enum err check_extent(const struct cap *extent)
{
    if (tree_covers(extent->base, extent->count) || disk_ring_is_busy(extent->base, extent->count))
        return ERR_IN_USE;
    return tree_has_room() ? ERR_OK : ERR_NO_MEM;
}

static enum err check_create(const struct env *e, const struct sys_tree_create_args *a,
                             struct create_plan *p)
{
    bool readable = space_copy_in(e->root, &p->load, a->load, sizeof p->load);
    struct cap *extent = cap_find(e, a->above, CAP_EXTENT), *tree = cap_find(e, a->above, CAP_TREE);

    p->above = extent ? extent : tree;
    p->up = tree ? frame_memory(tree->base) : NULL;
    bool good = !readable || is_good(p);
    uint32_t frames =
        readable && good && p->above ? TREE_FRAMES(tree ? 0 : extent->count, p->load.copies) : 1;
    enum err place = object_check(e, a->region, a->base, frames, a->dst, true, &p->place);

    if (!good || place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (!p->above || place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!readable)
        return ERR_BAD_USER;
    if (~p->above->rights & (RIGHT_READ | RIGHT_WRITE))
        return ERR_NO_RIGHT;
    enum err fits = p->up ? check_part(p->up, &p->load) : check_extent(p->above);
    return fits == ERR_OK ? place : fits;
}

int sys_tree_create(struct thread *caller, const struct sys_tree_create_args *a, word_t *result)
{
    struct create_plan p;
    enum err e = check_create(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_TREE, caller->env->number, CAP_TREE);
    tree_begin(frame_memory(p.place.base), p.above, p.up, &p.load);
    return ERR_OK;
}

struct template_plan {
    struct tree *tree;
    struct cap *graft;
    uint64_t parameters[TREE_PARAMETERS];
};

/* A type that blocks have keeps its template: else who gives it would say who owns what. */
static enum err check_template(const struct env *e, const struct sys_tree_template_args *a,
                               struct template_plan *p)
{
    const struct cap *tree = cap_find(e, a->tree, CAP_TREE);
    bool known = a->parameters == 0 ||
                 space_copy_in(e->root, p->parameters, a->parameters, sizeof p->parameters);

    p->graft = cap_find(e, a->graft, CAP_GRAFT);
    if (a->type == 0 || a->type >= TREE_TYPES)
        return ERR_BAD_ARG;
    if (!tree || !p->graft)
        return ERR_BAD_CAP;
    if (!known)
        return ERR_BAD_USER;
    if (!(tree->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    p->tree = frame_memory(tree->base);
    const struct graft *g = frame_memory(p->graft->base);
    if (g->program.hook != GRAFT_HOOK_OWNERSHIP)
        return ERR_BAD_STATE;
    return p->tree->given >> a->type & 1 && p->tree->typed[a->type] > 0 ? ERR_IN_USE : ERR_OK;
}

int sys_tree_template(struct thread *caller, const struct sys_tree_template_args *a, word_t *result)
{
    struct template_plan p = {0};
    enum err e = check_template(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    struct node *n = &p.tree->templates[a->type - 1];
    if (n->parent)
        node_unlink(n);
    node_link(&p.graft->node, n);
    memcpy(p.tree->parameters[a->type], p.parameters, sizeof p.parameters);
    p.tree->given |= 1u << a->type;
    return ERR_OK;
}

int sys_tree_release(struct thread *caller, const struct sys_tree_release_args *a, word_t *result)
{
    const struct cap *cap = cap_find(caller->env, a->tree, CAP_TREE);
    struct tree *t = cap ? frame_memory(cap->base) : NULL;

    (void)result;
    if (!t)
        return ERR_BAD_CAP;
    if (!tree_has(t, a->block, 1))
        return ERR_BAD_ARG;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    const struct tree_entry *e = tree_entry(t, a->block);
    if (!tree_is_loose(t, a->block) || e->busy || e->count)
        return ERR_BAD_STATE;
    tree_leave(t, a->block);
    return ERR_OK;
}

/* What is left and durable is free; who asks need not know of flushes. */
static struct tree_block tell(const struct tree *t, uint32_t block)
{
    const struct tree_entry *e = tree_entry(t, block);
    bool is_root = block == t->root;
    struct tree_block b = {.owner = e->owner ? t->base + e->owner - 1 : TREE_NOBODY,
                           .owns = e->count,
                           .type = is_root ? (uint8_t)t->root_type : e->type,
                           .state = e->state,
                           .busy = e->busy,
                           .flags = e->flags};

    if (e->state == TREE_LEFT && tree_is_durable(e->stamp))
        b.state = TREE_FREE;
    return b;
}

int sys_tree_read(struct thread *caller, const struct sys_tree_read_args *a, word_t *result)
{
    const struct cap *cap = cap_find(caller->env, a->tree, CAP_TREE);
    const struct tree *t = cap ? frame_memory(cap->base) : NULL;
    pfn_t root = caller->env->root;

    (void)result;
    if (!t)
        return ERR_BAD_CAP;
    if (a->count == 0 || a->count > TREE_READ_MAX || !tree_has(t, a->first, a->count))
        return ERR_BAD_ARG;
    if (!(cap->rights & RIGHT_READ))
        return ERR_NO_RIGHT;
    for (uint32_t i = 0; i < a->count; i++) {
        struct tree_block b = tell(t, a->first + i);
        if (!space_copy_out(root, a->blocks + i * sizeof b, &b, sizeof b))
            return ERR_BAD_USER;
    }
    return ERR_OK;
}

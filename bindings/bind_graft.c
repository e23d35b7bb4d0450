/* Calls: grafts. The object is copied before anything in it is believed. */
#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/node.h"
#include "bindings/object.h"
#include "bindings/revoke.h"
#include "exo/abi/batch.h"
#include "exo/entry/handlers.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"
#include "grafts/hook.h"

struct create_plan {
    struct object_place place;
    struct graft_load load;
    slot_t slots[GRAFT_MAX_MAPS];
    struct cap *maps[GRAFT_MAX_MAPS];
    struct cap *notification; /* NULL: none */
    pfn_t root;               /* of the caller's space */
    struct object_info *info;
};

static bool is_good(const struct graft_load *l)
{
    if (l->bytes == 0 || l->bytes > GRAFT_OBJECT_MAX)
        return false;
    if (l->frames &&
        (l->frames < GRAFT_FRAMES_LEAST(l->bytes) || l->frames > GRAFT_FRAMES(l->bytes)))
        return false;
    return l->map_count <= GRAFT_MAX_MAPS && hook_find(l->hook);
}

static uint32_t frames_of(const struct graft_load *l)
{
    return l->frames ? l->frames : GRAFT_FRAMES(l->bytes);
}

/* What the load names besides memory. */
static enum err check_named(const struct env *e, struct create_plan *p)
{
    const rights_t need = RIGHT_READ | RIGHT_WRITE;
    bool may = true;

    for (uint32_t i = 0; i < p->load.map_count; i++) {
        p->maps[i] = cap_find(e, p->slots[i], CAP_GRAFT_MAP);
        if (!p->maps[i])
            return ERR_BAD_CAP;
        may = may && (p->maps[i]->rights & need) == need;
    }
    if (p->load.notification != SLOT_NONE) {
        p->notification = cap_find(e, p->load.notification, CAP_NOTIFICATION);
        if (!p->notification)
            return ERR_BAD_CAP;
        may = may && p->notification->rights & RIGHT_WRITE;
    }
    return may ? ERR_OK : ERR_NO_RIGHT;
}

static enum err check_create(const struct env *e, const struct sys_graft_create_args *a,
                             struct create_plan *p)
{
    p->root = e->root;
    bool readable = space_copy_in(e->root, &p->load, a->load, sizeof p->load);
    bool good = !readable || is_good(&p->load);
    uint32_t count = readable && good ? frames_of(&p->load) : 1;
    enum err place = object_check(e, a->region, a->base, count, a->dst, true, &p->place);

    p->info = object_graft_free();
    p->notification = NULL;
    if (!good || place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!readable ||
        !space_copy_in(e->root, p->slots, p->load.maps, p->load.map_count * sizeof p->slots[0]))
        return ERR_BAD_USER;
    enum err named = check_named(e, p);
    if (named != ERR_OK)
        return named;
    if (!space_user(e->root, p->load.report, RIGHT_WRITE))
        return ERR_BAD_USER;
    return place == ERR_OK && !p->info ? ERR_NO_MEM : place;
}

/* Fills the graft in its frames, which are taken. */
static enum err build(const struct create_plan *p, struct graft *g, struct graft_report *report)
{
    uint8_t *copy = (uint8_t *)g + PAGE_SIZE;
    size_t pages = (p->load.bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    struct map_object *maps[GRAFT_MAX_MAPS];
    const struct graft_source s = {.copy = copy,
                                   .bytes = (uint32_t)p->load.bytes,
                                   .hook = p->load.hook,
                                   .work = copy + pages,
                                   .room = (size_t)p->place.count * PAGE_SIZE - PAGE_SIZE - pages,
                                   .maps = maps,
                                   .map_count = p->load.map_count};

    if (!space_copy_in(p->root, copy, p->load.object, p->load.bytes))
        return ERR_BAD_USER;
    for (uint32_t i = 0; i < s.map_count; i++)
        maps[i] = frame_memory(p->maps[i]->base);
    g->slot = (uint32_t)(p->info - object_table);
    return graft_build(g, &s, report) == GRAFT_ACCEPTED ? ERR_OK : ERR_BAD_GRAFT;
}

static void enter(const struct create_plan *p, struct graft *g, uint16_t owner)
{
    for (uint32_t i = 0; i < p->load.map_count; i++)
        node_link(&p->maps[i]->node, &g->maps[i]);
    if (p->notification)
        node_link(&p->notification->node, &g->tell);
    g->tell_bits = p->load.bits;
    object_begin(p->info, CAP_GRAFT, p->place.base, owner);
    p->info->keys = p->load.hook;
    p->info->state = (uint8_t)((g->code ? OBJECT_NATIVE : 0) | (g->is_masked ? OBJECT_MASKED : 0));
    p->info->counts[COUNT_STEPS] = g->program.steps;
    g->info = p->info;
}

/* Building needs the frames, so they are taken first and given back when the graft is refused. */
int sys_graft_create(struct thread *caller, const struct sys_graft_create_args *a, word_t *result)
{
    struct create_plan p;
    struct graft_report report;
    enum err e = check_create(caller->env, a, &p);

    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_GRAFT, caller->env->number, CAP_GRAFT);
    struct graft *g = frame_memory(p.place.base);
    e = build(&p, g, &report);
    if (e == ERR_OK) {
        enter(&p, g, caller->env->number);
        *result = report.steps;
        return ERR_OK;
    }
    cap_destroy(p.place.dst);
    bool told = e == ERR_BAD_USER || space_copy_out(p.root, p.load.report, &report, sizeof report);
    return (int)(told ? e : ERR_BAD_USER);
}

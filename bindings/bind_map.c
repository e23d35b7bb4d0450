/* Calls: maps of grafts. */
#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/node.h"
#include "exo/abi/batch.h"
#include "exo/arch/cpu.h"
#include "exo/base/string.h"
#include "exo/entry/handlers.h"
#include "exo/env/cpu.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

struct create_plan {
    struct object_place place;
    struct graft_map_load load;
    struct cap *frames, *notification; /* NULL: none */
};

static uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

static enum err check_named(const struct env *e, struct create_plan *p, uint64_t shared)
{
    const rights_t need = RIGHT_READ | RIGHT_WRITE;
    const struct graft_map_load *l = &p->load;
    bool may = true;

    p->frames = shared ? cap_find(e, l->frames, CAP_FRAMES) : NULL;
    p->notification = cap_find(e, l->notification, CAP_NOTIFICATION);
    if ((shared && !p->frames) || (l->notification != SLOT_NONE && !p->notification))
        return ERR_BAD_CAP;
    if (shared && p->frames->count < pages_of(shared))
        return ERR_BAD_ARG;
    if (p->frames)
        may = (p->frames->rights & need) == need;
    if (p->notification)
        may = may && p->notification->rights & RIGHT_WRITE;
    return may ? ERR_OK : ERR_NO_RIGHT;
}

static enum err check_create(const struct env *e, const struct sys_graft_map_create_args *a,
                             struct create_plan *p)
{
    struct graft_map_room room = {0, 0};
    bool readable = space_copy_in(e->root, &p->load, a->load, sizeof p->load);
    bool good = !readable || graft_map_measure(&p->load.def, cpu_count, &room);
    enum err place =
        object_check(e, a->region, a->base, 1 + pages_of(room.own), a->dst, true, &p->place);

    if (readable && room.shared == 0 && p->load.frames != SLOT_NONE)
        good = false;
    if (!good || place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!readable)
        return ERR_BAD_USER;
    enum err named = check_named(e, p, room.shared);
    return named == ERR_OK ? place : named;
}

int sys_graft_map_create(struct thread *caller, const struct sys_graft_map_create_args *a,
                         word_t *result)
{
    struct create_plan p;
    enum err e = check_create(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_GRAFT_MAP, caller->env->number, CAP_GRAFT_MAP);
    struct map_object *m = frame_memory(p.place.base);
    void *shared = p.frames ? frame_memory(p.frames->base) : NULL;
    graft_map_begin(&m->map, &p.load.def, cpu_count, arch_ticks(), (uint8_t *)m + PAGE_SIZE,
                    shared);
    m->bits = p.load.bits;
    if (p.frames)
        node_link(&p.frames->node, &m->values);
    if (p.notification)
        node_link(&p.notification->node, &m->wakes);
    return ERR_OK;
}

/* What the calls below have in common: the map, a right to it, and the key. */
struct map_plan {
    pfn_t root;
    struct map_object *object;
    struct graft_map *map;
    uint64_t key[GRAFT_MAX_KEY / 8];
};

static enum err check_map(const struct env *e, slot_t slot, rights_t need, vaddr_t key,
                          struct map_plan *p)
{
    const struct cap *c = cap_find(e, slot, CAP_GRAFT_MAP);

    if (!c)
        return ERR_BAD_CAP;
    if (!(c->rights & need))
        return ERR_NO_RIGHT;
    p->root = e->root;
    p->object = frame_memory(c->base);
    p->map = &p->object->map;
    return !key || space_copy_in(e->root, p->key, key, p->map->def.key_bytes) ? ERR_OK
                                                                              : ERR_BAD_USER;
}

int sys_graft_map_read(struct thread *caller, const struct sys_graft_map_read_args *a,
                       word_t *result)
{
    struct map_plan p;

    (void)result;
    if (a->cpu >= cpu_count)
        return ERR_BAD_ARG;
    enum err e = check_map(caller->env, a->map, RIGHT_READ, a->key, &p);
    if (e != ERR_OK)
        return (int)e;
    if (!a->key)
        return ERR_BAD_USER;
    const void *value = graft_map_lookup(p.map, p.key, a->cpu);
    if (!value)
        return ERR_NOT_BOUND;
    return space_copy_out(p.root, a->value, value, p.map->def.value_bytes) ? ERR_OK : ERR_BAD_USER;
}

/* The map's definition, if `slot` holds one. */
static const struct graft_map_def *def_of(const struct env *e, slot_t slot)
{
    const struct cap *c = cap_find(e, slot, CAP_GRAFT_MAP);

    return c ? &((const struct map_object *)frame_memory(c->base))->map.def : NULL;
}

static enum err error_of(enum graft_map_end end)
{
    switch (end) {
    case GRAFT_MAP_DONE:
        return ERR_OK;
    case GRAFT_MAP_NO_KEY:
        return ERR_NOT_BOUND;
    case GRAFT_MAP_FULL:
        return ERR_NO_MEM;
    case GRAFT_MAP_THERE:
        return ERR_IN_USE;
    default:
        return ERR_BAD_ARG;
    }
}

int sys_graft_map_write(struct thread *caller, const struct sys_graft_map_write_args *a,
                        word_t *result)
{
    struct map_plan p;

    (void)result;
    const struct graft_map_def *d = def_of(caller->env, a->map);
    if (a->cpu >= cpu_count || a->flags > GRAFT_MAP_PRESENT ||
        (d && (d->value_bytes == 0 || d->value_bytes > GRAFT_MAX_KEPT)))
        return ERR_BAD_ARG;
    enum err e = check_map(caller->env, a->map, RIGHT_WRITE, a->key, &p);
    if (e != ERR_OK)
        return (int)e;
    if (!a->key || !space_copy_in(p.root, p.object->scratch, a->value, p.map->def.value_bytes))
        return ERR_BAD_USER;
    return (int)error_of(graft_map_update(p.map, p.key, p.object->scratch, a->flags, a->cpu));
}

static bool can_delete(const struct graft_map_def *d)
{
    return d->type == GRAFT_MAP_HASH || d->type == GRAFT_MAP_LRU_HASH || d->type == GRAFT_MAP_LPM;
}

int sys_graft_map_delete(struct thread *caller, const struct sys_graft_map_delete_args *a,
                         word_t *result)
{
    const struct graft_map_def *d = def_of(caller->env, a->map);
    struct map_plan p;

    (void)result;
    if (d && !can_delete(d))
        return ERR_BAD_ARG;
    enum err e = check_map(caller->env, a->map, RIGHT_WRITE, a->key, &p);
    if (e != ERR_OK)
        return (int)e;
    return a->key ? (int)error_of(graft_map_delete(p.map, p.key)) : ERR_BAD_USER;
}

int sys_graft_map_next(struct thread *caller, const struct sys_graft_map_next_args *a,
                       word_t *result)
{
    struct map_plan p;
    uint64_t next[GRAFT_MAX_KEY / 8];
    enum err e = check_map(caller->env, a->map, RIGHT_READ, a->key, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    if (!graft_map_next(p.map, a->key ? p.key : NULL, next))
        return ERR_NOT_BOUND;
    return space_copy_out(p.root, a->next, next, p.map->def.key_bytes) ? ERR_OK : ERR_BAD_USER;
}

void map_end(struct map_object *m)
{
    if (m->values.parent)
        node_unlink(&m->values);
    if (m->wakes.parent)
        node_unlink(&m->wakes);
}

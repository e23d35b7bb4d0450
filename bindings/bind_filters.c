/* Calls: tables of filters. */
#include "bindings/cap.h"
#include "bindings/filters.h"
#include "bindings/flows.h"
#include "bindings/graft.h"
#include "bindings/object.h"
#include "exo/abi/graft.h"
#include "exo/entry/handlers.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

struct create_plan {
    struct object_place place;
    struct cap *ring;
};

static enum err check_create(const struct env *e, const struct sys_filters_create_args *a,
                             struct create_plan *p)
{
    if (a->count == 0 || a->count > FILTERS_MAX)
        return ERR_BAD_ARG;
    enum err place =
        object_check(e, a->region, a->base, FILTERS_FRAMES(a->count), a->dst, true, &p->place);
    if (place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    p->ring = cap_find(e, a->ring, CAP_RING);
    if (!p->ring || place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!(p->ring->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    const struct ring *r = frame_memory(p->ring->base);
    return ring_is_whole(r) ? place : ERR_BAD_STATE;
}

int sys_filters_create(struct thread *caller, const struct sys_filters_create_args *a,
                       word_t *result)
{
    struct create_plan p;
    enum err e = check_create(caller->env, a, &p);

    (void)result;
    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_FILTERS, caller->env->number, CAP_FILTERS);
    filters_begin(frame_memory(p.place.base), p.ring, a->count);
    return ERR_OK;
}

struct set_plan {
    struct filters *filters;
    struct filter_plan at[FILTERS_BATCH];
};

/* What the entries say, if they may. Errors: BAD_ARG, BAD_CAP, BAD_STATE in that order. */
static enum err check_entries(const struct env *e, const struct ring_filter *entries,
                              uint32_t count, struct set_plan *p)
{
    bool fit = true;

    for (uint32_t i = 0; i < count; i++)
        if (!key_is_good(&entries[i].key) || entries[i].tag > RING_TAG_MAX)
            return ERR_BAD_ARG;
    for (uint32_t i = 0; i < count; i++) {
        struct cap *graft = cap_find(e, entries[i].graft, CAP_GRAFT);
        if (entries[i].graft != SLOT_NONE && !graft)
            return ERR_BAD_CAP;
        const struct graft *g = graft ? frame_memory(graft->base) : NULL;
        fit = fit && (!g || (g->program.hook == GRAFT_HOOK_PACKET_FILTER && !g->is_ended));
        p->at[i] = (struct filter_plan){entries[i].key, graft, entries[i].tag};
    }
    return fit ? ERR_OK : ERR_BAD_STATE;
}

/* Has the ring's part of the card room? The filters that these take the place of do not count. */
static bool has_room(const struct flows *part, const struct filters *f, uint32_t first,
                     const struct ring_key *keys, uint32_t count)
{
    int64_t more = count, narrow = flows_narrow(part, keys, count);

    for (uint32_t i = first; i < first + count; i++) {
        more -= f->at[i].in_use;
        narrow -= f->at[i].in_use ? flows_narrow(part, &f->at[i].bound.key, 1) : 0;
    }
    return flows_fit(part, 0, more, narrow);
}

static enum err check_keys(const struct set_plan *p, uint32_t first, uint32_t count)
{
    const struct flows *part = flows_of_ring(p->filters->ring);
    struct ring_key keys[FILTERS_BATCH];

    for (uint32_t i = 0; i < count; i++)
        keys[i] = p->at[i].key;
    if (!flows_hold(part, keys, count))
        return ERR_NO_RIGHT;
    if (ring_keys_steal(p->filters->ring, keys, count))
        return ERR_IN_USE;
    return ring_keys_fit(keys, count) && has_room(part, p->filters, first, keys, count)
               ? ERR_OK
               : ERR_NO_MEM;
}

static enum err check_set(const struct env *e, const struct sys_filters_set_args *a,
                          struct set_plan *p)
{
    struct ring_filter entries[FILTERS_BATCH];
    const uint32_t count = a->entries ? a->count : 0;
    const struct cap *cap = cap_find(e, a->filters, CAP_FILTERS);

    if (a->count > FILTERS_BATCH)
        return ERR_BAD_ARG;
    if (!cap)
        return ERR_BAD_CAP;
    if (!(cap->rights & RIGHT_WRITE))
        return ERR_NO_RIGHT;
    p->filters = frame_memory(cap->base);
    if (a->first > p->filters->count || a->count > p->filters->count - a->first)
        return ERR_BAD_ARG;
    if (!space_copy_in(e->root, entries, a->entries, count * sizeof entries[0]))
        return ERR_BAD_USER;
    enum err told = check_entries(e, entries, count, p);
    if (told != ERR_OK)
        return told;
    return p->filters->ring ? check_keys(p, a->first, count) : ERR_BAD_STATE;
}

int sys_filters_set(struct thread *caller, const struct sys_filters_set_args *a, word_t *result)
{
    struct set_plan p;
    enum err e = check_set(caller->env, a, &p);

    (void)result;
    if (e == ERR_OK)
        filters_set(p.filters, a->first, a->count, a->entries ? p.at : NULL);
    return (int)e;
}

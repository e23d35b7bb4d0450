/* Maps of a graft that is being loaded: see maps.h. */
#include "libos-graft/maps.h"

#include "exo/abi/batch.h"
#include "exo/abi/graft_object.h"
#include "exo/abi/kinfo.h"
#include "grafts/map.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"

static uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

static bool is_same(const struct graft_map_def *a, const struct graft_map_def *b)
{
    return a->type == b->type && a->key_bytes == b->key_bytes && a->value_bytes == b->value_bytes &&
           a->entries == b->entries;
}

static void end_one(struct loader_map *m)
{
    if (m->slot != SLOT_NONE)
        slot_delete(m->slot);
    if (m->at)
        vm_unmap(m->at, (uint64_t)m->pages * PAGE_SIZE);
    if (m->frames != SLOT_NONE)
        region_give_frames(m->frames, m->first, m->pages);
}

/* Values and records where this program sees them, too. Frames that were its own before may hold
 * something. */
static enum err share(struct loader_map *m, uint64_t bytes)
{
    enum err e = region_frames(pages_of(bytes), &m->frames, &m->first);

    if (e != ERR_OK)
        return e;
    m->pages = pages_of(bytes);
    e = vm_map_frames(m->frames, m->first, m->pages, &m->at, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = vm_populate(m->at, (uint64_t)m->pages * PAGE_SIZE);
    if (e == ERR_OK)
        memset((void *)m->at, 0, (uint64_t)m->pages * PAGE_SIZE);
    return e;
}

static enum err make_one(struct loader_map *m)
{
    struct graft_map_room room;
    slot_t slot;
    pfn_t first;

    if (!graft_map_measure(&m->def, KINFO->cpu_count, &room))
        return ERR_BAD_ARG;
    enum err e = room.shared ? share(m, room.shared) : ERR_OK;
    if (e == ERR_OK)
        e = region_find(1 + pages_of(room.own), &first);
    if (e == ERR_OK)
        e = slot_take(&slot);
    if (e != ERR_OK)
        return e;
    const struct graft_map_load load = {
        .def = m->def, .frames = m->frames, .notification = SLOT_NONE};
    e = exo_graft_map_create(SLOT_MEMORY, first, slot, (vaddr_t)&load);
    if (e == ERR_OK)
        m->slot = slot;
    else
        slot_give(slot);
    return e;
}

/* What the only entries of array maps are at first; a map that is kept has its own. */
static enum err fill(struct loader_graft *g, const struct graft_parts *parts)
{
    struct graft_initial r;

    for (uint32_t at = 0; parts->initial_bytes - at >= sizeof r;) {
        memcpy(&r, parts->initial + at, sizeof r);
        at += (uint32_t)sizeof r;
        if (r.bytes > parts->initial_bytes - at || r.map >= g->map_count)
            return ERR_BAD_ARG;
        const struct loader_map *m = &g->maps[r.map];
        if (m->def.type != GRAFT_MAP_ARRAY || r.bytes > m->def.value_bytes)
            return ERR_BAD_ARG;
        if (!m->is_kept)
            memcpy((void *)m->at, parts->initial + at, r.bytes);
        const uint32_t left = parts->initial_bytes - at, step = (r.bytes + 7) / 8 * 8;
        at += step < left ? step : left;
    }
    return ERR_OK;
}

/* Global data, whose maps are named as their sections are (".data"), are the program's own and
 * begin as it says. */
static struct loader_map *like(struct loader_graft *old, const struct loader_map *m)
{
    struct loader_map *found =
        old && m->name[0] && m->name[0] != '.' ? loader_map_find(old, m->name) : NULL;

    return found && is_same(&found->def, &m->def) ? found : NULL;
}

enum err maps_make(struct loader_graft *g, const struct graft_parts *parts,
                   struct loader_graft *old)
{
    const char *name = parts->names;
    enum err e = ERR_OK;

    for (uint32_t i = 0; e == ERR_OK && i < parts->map_count; i++) {
        struct loader_map *m = &g->maps[g->map_count++];
        *m = (struct loader_map){
            .def = parts->maps[i], .slot = SLOT_NONE, .frames = SLOT_NONE, .at = 0};
        if (name) {
            const size_t length = strlen(name);
            memcpy(m->name, name, length < LOADER_NAME ? length : LOADER_NAME - 1);
            name += length + 1;
        }
        const struct loader_map *found = like(old, m);
        if (found) {
            *m = *found;
            m->is_kept = true;
        } else {
            e = make_one(m);
        }
    }
    return e == ERR_OK ? fill(g, parts) : e;
}

void maps_end(struct loader_graft *g)
{
    for (uint32_t i = 0; i < g->map_count; i++)
        if (!g->maps[i].is_kept)
            end_one(&g->maps[i]);
    g->map_count = 0;
}

static bool has(const struct loader_graft *g, slot_t slot)
{
    for (uint32_t i = 0; i < g->map_count; i++)
        if (g->maps[i].slot == slot)
            return true;
    return false;
}

void maps_inherit(struct loader_graft *g, struct loader_graft *old)
{
    for (uint32_t i = 0; i < old->map_count; i++)
        if (!has(g, old->maps[i].slot))
            end_one(&old->maps[i]);
    for (uint32_t i = 0; i < g->map_count; i++)
        g->maps[i].is_kept = false;
}

struct loader_map *loader_map_find(struct loader_graft *g, const char *name)
{
    for (uint32_t i = 0; i < g->map_count; i++)
        if (!strcmp(g->maps[i].name, name))
            return &g->maps[i];
    return NULL;
}

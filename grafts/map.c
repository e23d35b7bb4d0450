/* Maps: what all kinds have in common, and the way to each one's operations. */
#include "grafts/map_part.h"

#include "exo/base/string.h"

static const struct map_kind *const kinds[] = {
    [GRAFT_MAP_ARRAY] = &map_array_kind,   [GRAFT_MAP_HASH] = &map_hash_kind,
    [GRAFT_MAP_LRU_HASH] = &map_lru_kind,  [GRAFT_MAP_LPM] = &map_lpm_kind,
    [GRAFT_MAP_RINGBUF] = &map_ring_kind,  [GRAFT_MAP_PERCPU_ARRAY] = &map_percpu_kind,
    [GRAFT_MAP_WINDOW] = &map_window_kind,
};

bool graft_map_measure(const struct graft_map_def *d, uint32_t cpus, struct graft_map_room *room)
{
    bool known = d->type < sizeof kinds / sizeof kinds[0] && kinds[d->type];

    *room = (struct graft_map_room){0, 0};
    if (!known || d->key_bytes > GRAFT_MAX_KEY || d->value_bytes > GRAFT_MAX_MAP_VALUE ||
        d->entries == 0 || d->entries > GRAFT_MAX_ENTRIES || cpus == 0)
        return false;
    return kinds[d->type]->measure(d, cpus, room) && room->own <= GRAFT_MAX_MAP &&
           room->shared <= GRAFT_MAX_MAP;
}

void graft_map_begin(struct graft_map *m, const struct graft_map_def *d, uint32_t cpus,
                     uint64_t seed, void *own, void *shared)
{
    *m = (struct graft_map){.def = *d,
                            .value_stride = (uint32_t)map_round(d->value_bytes, 8),
                            .cpus = cpus,
                            .seed = seed,
                            .own = own,
                            .shared = shared};
    kinds[d->type]->begin(m);
}

void *graft_map_lookup(struct graft_map *m, const void *key, uint32_t cpu)
{
    return kinds[m->def.type]->lookup(m, key, cpu);
}

void *graft_map_peek(struct graft_map *m, const void *key, uint32_t cpu)
{
    const struct map_kind *k = kinds[m->def.type];

    return k->peek ? k->peek(m, key, cpu) : k->lookup(m, key, cpu);
}

enum graft_map_end graft_map_update(struct graft_map *m, const void *key, const void *value,
                                    uint64_t flags, uint32_t cpu)
{
    if (flags > GRAFT_MAP_PRESENT)
        return GRAFT_MAP_BAD;
    return kinds[m->def.type]->update(m, key, value, flags, cpu);
}

enum graft_map_end graft_map_delete(struct graft_map *m, const void *key)
{
    return kinds[m->def.type]->remove(m, key);
}

/* Of an array the keys are its indices. */
static bool next_index(const struct graft_map *m, const void *key, void *next)
{
    uint32_t index = 0;

    if (key) {
        memcpy(&index, key, sizeof index);
        index = index < m->def.entries ? index + 1 : 0;
    }
    if (index >= m->def.entries)
        return false;
    memcpy(next, &index, sizeof index);
    return true;
}

bool graft_map_next(const struct graft_map *m, const void *key, void *next)
{
    const struct map_kind *kind = kinds[m->def.type];

    if (m->def.key_bytes == 0)
        return false;
    if (!kind->find)
        return next_index(m, key, next);
    for (uint32_t n = key ? kind->find(m, key) + 1 : 1; n <= map_entry_count(m); n++) {
        const struct map_entry *e = map_entry_at(m, n);
        if (e->state == MAP_USED) {
            memcpy(next, map_entry_key(e), m->def.key_bytes);
            return true;
        }
    }
    return false;
}

void *graft_map_values(struct graft_map *m)
{
    return m->def.type == GRAFT_MAP_ARRAY || m->def.type == GRAFT_MAP_WINDOW ? m->shared : NULL;
}

const char *graft_map_check(const struct graft_map *m)
{
    return kinds[m->def.type]->check ? kinds[m->def.type]->check(m) : NULL;
}

uint32_t map_entry_count(const struct graft_map *m)
{
    return m->def.type == GRAFT_MAP_LPM ? 2 * m->def.entries : m->def.entries;
}

void map_free_all(struct graft_map *m)
{
    uint32_t count = map_entry_count(m);

    for (uint32_t n = 1; n <= count; n++)
        map_entry_at(m, n)->next = n < count ? n + 1 : 0;
    m->free = 1;
}

uint32_t map_take(struct graft_map *m, enum map_entry_state state)
{
    uint32_t number = m->free;
    struct map_entry *e = map_entry_at(m, number);

    m->free = e->next;
    *e = (struct map_entry){.state = state};
    m->used += state == MAP_USED;
    return number;
}

void map_give(struct graft_map *m, uint32_t number)
{
    struct map_entry *e = map_entry_at(m, number);

    m->used -= e->state == MAP_USED;
    *e = (struct map_entry){.next = m->free, .state = MAP_FREE};
    m->free = number;
}

/* Maps whose values lie in the owner's frames, by index: ARRAY, PERCPU_ARRAY and WINDOW. */
#include "grafts/map_part.h"

#include "exo/base/string.h"

#define CPU_ALIGN 64u /* no two CPUs share a cache line */

static bool measure_array(const struct graft_map_def *d, uint32_t cpus, struct graft_map_room *room)
{
    (void)cpus;
    room->shared = (uint64_t)d->entries * map_round(d->value_bytes, 8);
    return d->key_bytes == sizeof(uint32_t) && d->value_bytes > 0;
}

static bool measure_percpu(const struct graft_map_def *d, uint32_t cpus,
                           struct graft_map_room *room)
{
    bool good = measure_array(d, cpus, room);

    room->shared = map_round(room->shared, CPU_ALIGN) * cpus;
    return good;
}

static bool measure_window(const struct graft_map_def *d, uint32_t cpus,
                           struct graft_map_room *room)
{
    return measure_array(d, cpus, room) && d->entries == 1 && d->value_bytes % PAGE_SIZE == 0;
}

static void begin_array(struct graft_map *m)
{
    if (m->def.type == GRAFT_MAP_PERCPU_ARRAY)
        m->cpu_stride = (uint32_t)map_round((uint64_t)m->def.entries * m->value_stride, CPU_ALIGN);
}

static void *lookup_array(struct graft_map *m, const void *key, uint32_t cpu)
{
    uint32_t index;

    memcpy(&index, key, sizeof index);
    if (index >= m->def.entries)
        return NULL;
    return m->shared + (size_t)cpu * m->cpu_stride + (size_t)index * m->value_stride;
}

static enum graft_map_end update_array(struct graft_map *m, const void *key, const void *value,
                                       uint64_t flags, uint32_t cpu)
{
    void *at = lookup_array(m, key, cpu);

    if (!at)
        return GRAFT_MAP_FULL;
    if (flags == GRAFT_MAP_NEW)
        return GRAFT_MAP_THERE;
    memmove(at, value, m->def.value_bytes);
    return GRAFT_MAP_DONE;
}

static enum graft_map_end remove_array(struct graft_map *m, const void *key)
{
    (void)m, (void)key;
    return GRAFT_MAP_BAD;
}

const struct map_kind map_array_kind = {.measure = measure_array,
                                        .begin = begin_array,
                                        .lookup = lookup_array,
                                        .update = update_array,
                                        .remove = remove_array};
const struct map_kind map_percpu_kind = {.measure = measure_percpu,
                                         .begin = begin_array,
                                         .lookup = lookup_array,
                                         .update = update_array,
                                         .remove = remove_array};
const struct map_kind map_window_kind = {.measure = measure_window,
                                         .begin = begin_array,
                                         .lookup = lookup_array,
                                         .update = update_array,
                                         .remove = remove_array};

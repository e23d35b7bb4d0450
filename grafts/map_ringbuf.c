/*
 * Ring buffers in memory that their reader may write. What it says is its position; one that cannot
 * be is no room. Where the next record goes is known here alone, and how long a record is that is
 * given back need not be known: its head is changed by bits.
 */
#include "grafts/map_part.h"

#include "exo/base/string.h"

static bool measure_ring(const struct graft_map_def *d, uint32_t cpus, struct graft_map_room *room)
{
    (void)cpus;
    room->shared = (uint64_t)GRAFT_RING_DATA + d->entries;
    return d->key_bytes == 0 && d->value_bytes == 0 && d->entries >= PAGE_SIZE &&
           (d->entries & (d->entries - 1)) == 0;
}

static struct graft_ring *ring_of(const struct graft_map *m)
{
    return (struct graft_ring *)(void *)m->shared;
}

static void begin_ring(struct graft_map *m)
{
    ring_of(m)->consumer = ring_of(m)->producer = ring_of(m)->lost = 0;
}

static void *lookup_ring(struct graft_map *m, const void *key, uint32_t cpu)
{
    (void)m, (void)key, (void)cpu;
    return NULL;
}

static enum graft_map_end update_ring(struct graft_map *m, const void *key, const void *value,
                                      uint64_t flags, uint32_t cpu)
{
    (void)m, (void)key, (void)value, (void)flags, (void)cpu;
    return GRAFT_MAP_BAD;
}

static enum graft_map_end remove_ring(struct graft_map *m, const void *key)
{
    (void)m, (void)key;
    return GRAFT_MAP_BAD;
}

static uint64_t *head_at(const struct graft_map *m, uint64_t position)
{
    return (uint64_t *)(void *)(m->shared + GRAFT_RING_DATA + (position & (m->def.entries - 1)));
}

static void put_head(uint64_t *head, uint64_t value)
{
    __atomic_store_n(head, value, __ATOMIC_RELEASE);
}

void *graft_ring_reserve(struct graft_map *m, uint64_t bytes)
{
    struct graft_ring *r = ring_of(m);
    uint64_t size = m->def.entries, end = size - (m->producer & (size - 1)), skip = 0;
    uint64_t unread = m->producer - __atomic_load_n(&r->consumer, __ATOMIC_ACQUIRE);

    if (bytes == 0 || bytes > size - GRAFT_RING_HEAD)
        return NULL;
    uint64_t need = GRAFT_RING_HEAD + map_round(bytes, 8);
    if (need > end)
        skip = end;
    if (unread > size || skip + need > size - unread) {
        r->lost++;
        return NULL;
    }
    if (skip)
        put_head(head_at(m, m->producer), (skip - GRAFT_RING_HEAD) | GRAFT_RING_SKIP);
    uint64_t *head = head_at(m, m->producer + skip);
    put_head(head, bytes | GRAFT_RING_BUSY);
    m->producer += skip + need;
    __atomic_store_n(&r->producer, m->producer, __ATOMIC_RELEASE);
    return head + 1;
}

void graft_ring_submit(void *record)
{
    __atomic_fetch_and((uint64_t *)record - 1, ~(uint64_t)GRAFT_RING_BUSY, __ATOMIC_RELEASE);
}

/* The reader sees either a busy one or one to skip. */
void graft_ring_discard(void *record)
{
    __atomic_fetch_or((uint64_t *)record - 1, (uint64_t)GRAFT_RING_SKIP, __ATOMIC_RELAXED);
    graft_ring_submit(record);
}

enum graft_map_end graft_ring_output(struct graft_map *m, const void *from, uint64_t bytes)
{
    void *record = graft_ring_reserve(m, bytes);

    if (!record)
        return GRAFT_MAP_FULL;
    memcpy(record, from, bytes);
    graft_ring_submit(record);
    return GRAFT_MAP_DONE;
}

const struct map_kind map_ring_kind = {.measure = measure_ring,
                                       .begin = begin_ring,
                                       .lookup = lookup_ring,
                                       .update = update_ring,
                                       .remove = remove_ring};

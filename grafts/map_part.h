/* What the kinds of maps share: the operations of each, and how entries lie in memory. */
#pragma once

#include "grafts/map.h"

/* What the operations of a kind are; graft_map_* calls them. `find` may be given any key. */
struct map_kind {
    bool (*measure)(const struct graft_map_def *d, uint32_t cpus, struct graft_map_room *room);
    void (*begin)(struct graft_map *m);
    void *(*lookup)(struct graft_map *m, const void *key, uint32_t cpu);
    void *(*peek)(struct graft_map *m, const void *key, uint32_t cpu); /* NULL: as lookup */
    enum graft_map_end (*update)(struct graft_map *m, const void *key, const void *value,
                                 uint64_t flags, uint32_t cpu);
    enum graft_map_end (*remove)(struct graft_map *m, const void *key);
    uint32_t (*find)(const struct graft_map *m, const void *key); /* entry; 0: not there */
    const char *(*check)(const struct graft_map *m);
};

extern const struct map_kind map_array_kind, map_percpu_kind, map_window_kind, map_hash_kind,
    map_lru_kind, map_lpm_kind, map_ring_kind;

/* Entries are numbered from 1. Each begins with this; key and value follow at multiples of 8. */
struct map_entry {
    uint32_t next;  /* of its chain, or of the free ones; LPM: the child whose next bit is 0 */
    uint32_t other; /* HASH, LRU_HASH: the one used just before; LPM: the child for 1        */
    uint32_t newer; /* HASH, LRU_HASH: the one used just after; LPM: bits of its key         */
    uint32_t state; /* enum map_entry_state                                                  */
};
_Static_assert(sizeof(struct map_entry) == 16, "keys begin at multiples of 8");

enum map_entry_state {
    MAP_FREE,
    MAP_USED,
    MAP_FORK, /* LPM: no entry, but two go on below it */
};

static inline uint64_t map_round(uint64_t bytes, uint64_t to)
{
    return (bytes + to - 1) & ~(to - 1);
}

/* Where the entries begin, behind the heads of chains. */
static inline struct map_entry *map_entry_at(const struct graft_map *m, uint32_t number)
{
    size_t heads = map_round((uint64_t)m->buckets * sizeof(uint32_t), 8);

    return (struct map_entry *)(void *)(m->own + heads + (size_t)(number - 1) * m->entry_stride);
}

static inline uint8_t *map_entry_key(const struct map_entry *e)
{
    return (uint8_t *)(uintptr_t)(e + 1);
}

static inline uint8_t *map_entry_value(const struct graft_map *m, const struct map_entry *e)
{
    return map_entry_key(e) + map_round(m->def.key_bytes, 8);
}

/* Bytes of one entry. */
static inline uint64_t map_entry_bytes(const struct graft_map_def *d)
{
    return sizeof(struct map_entry) + map_round(d->key_bytes, 8) + map_round(d->value_bytes, 8);
}

/* Entries that are there, also such that nobody sees. */
uint32_t map_entry_count(const struct graft_map *m);

/* Makes a list of all entries, free. */
void map_free_all(struct graft_map *m);

/* Takes a free entry, or gives one back. Pre: there is one. */
uint32_t map_take(struct graft_map *m, enum map_entry_state state);
void map_give(struct graft_map *m, uint32_t number);

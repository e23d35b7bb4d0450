/*
 * Maps of grafts, in memory that the caller gives: `own`, which nobody else can write, and
 * `shared`, which the maps' owner may write at any time, so that nothing there is believed. No
 * allocation, no recursion; each operation takes bounded time.
 *
 * A pointer to a value stays good as long as the map: an entry that is deleted or makes room may be
 * another key's afterwards, but its memory stays a value of this map.
 *
 * Invariants. graft_map_check() tests them and names the broken one.
 *   M1  each entry is in use, and in the chain of its key's hash, or in the list of free ones
 *   M2  no chain is longer than MAP_CHAIN_MAX
 *   M3  the entries in use are in one list, the one used last first
 *   M4  each node of a tree is below a node with fewer bits, in which it agrees with it, or is free
 *   M5  `used` counts the entries in use
 *
 * Locking: the caller's.
 */
#pragma once

#include "exo/abi/graft_map.h"
#include "exo/abi/types.h"

#define MAP_CHAIN_MAX 16u /* entries of one hash; a map that is not attacked has no longer ones */

/* Bytes of the two kinds of memory. */
struct graft_map_room {
    uint64_t own, shared;
};

struct graft_map {
    struct graft_map_def def;
    uint32_t value_stride; /* from one value to the next                                  */
    uint32_t entry_stride; /* HASH, LRU_HASH, LPM: from one entry to the next             */
    uint32_t cpu_stride;   /* PERCPU_ARRAY: from one CPU's values to the next             */
    uint32_t cpus;
    uint32_t used;         /* entries                                                     */
    uint32_t free;         /* entry; 0: none                                              */
    uint32_t newest;       /* HASH, LRU_HASH: the entry used last; LPM: the root; 0: none */
    uint32_t oldest;       /* HASH, LRU_HASH                                              */
    uint32_t buckets;      /* HASH, LRU_HASH: a power of 2                                */
    uint64_t seed;         /* of the hash                                                 */
    uint64_t producer;     /* RINGBUF                                                     */
    uint8_t *own, *shared; /* NULL where the map needs none                               */
};

/* Says how much memory a map needs. False: it is no map that can be made. */
bool graft_map_measure(const struct graft_map_def *d, uint32_t cpus, struct graft_map_room *room);

/* Makes an empty map. Pre: graft_map_measure() said so; `own` is zeroed, both are aligned to 8. */
void graft_map_begin(struct graft_map *m, const struct graft_map_def *d, uint32_t cpus,
                     uint64_t seed, void *own, void *shared);

/* The value of a key, [key_bytes], for CPU `cpu`; NULL: there is none. */
void *graft_map_lookup(struct graft_map *m, const void *key, uint32_t cpu);

/* The same, which is no use of the entry: what makes room next stays what it was. */
void *graft_map_peek(struct graft_map *m, const void *key, uint32_t cpu);

/* Gives a key a value, [value_bytes]; either may lie in the map. `flags`: GRAFT_MAP_*. On any end
 * but GRAFT_MAP_DONE nothing has changed. */
enum graft_map_end graft_map_update(struct graft_map *m, const void *key, const void *value,
                                    uint64_t flags, uint32_t cpu);

/* The key that would lose its entry if `key` were given one now, written to `victim`; false: none.
 */
bool graft_map_displaces(const struct graft_map *m, const void *key, void *victim);

enum graft_map_end graft_map_delete(struct graft_map *m, const void *key);

/* Writes to `next` the key after `key`, or the first one when `key` is NULL or not there. False:
 * there is none. Who walks a map that does not change meets each key once. */
bool graft_map_next(const struct graft_map *m, const void *key, void *next);

/* The map's first value, for direct addressing: maps of type ARRAY and WINDOW; else NULL. */
void *graft_map_values(struct graft_map *m);

/* Ring buffers: room for a record, held until it is given back; NULL: there is none. */
void *graft_ring_reserve(struct graft_map *m, uint64_t bytes);
void graft_ring_submit(void *record);
void graft_ring_discard(void *record);
enum graft_map_end graft_ring_output(struct graft_map *m, const void *from, uint64_t bytes);

/* NULL when M1 to M5 hold, else a sentence that begins with the broken invariant's name. */
const char *graft_map_check(const struct graft_map *m);

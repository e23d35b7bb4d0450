/*
 * Maps: memory that a graft keeps from run to run and shares with its owner. An object defines
 * them in its section `.maps`, an array of these structs; a symbol names each.
 */
#pragma once

#include <stdint.h>

#define GRAFT_MAX_MAPS      64u
#define GRAFT_MAX_KEY       256u       /* bytes */
#define GRAFT_MAX_MAP_VALUE (1u << 26) /* bytes */

enum graft_map_type {
    GRAFT_MAP_ARRAY = 1, /* key: uint32_t, the index; no entry is ever missing         */
    GRAFT_MAP_HASH = 2,
    GRAFT_MAP_LRU_HASH = 3,     /* full: the entry that was not used for longest makes room    */
    GRAFT_MAP_LPM = 4,          /* key: uint32_t prefix length in bits, then the address       */
    GRAFT_MAP_RINGBUF = 5,      /* no key, no value; `entries` are bytes, a power of 2         */
    GRAFT_MAP_PERCPU_ARRAY = 6, /* as ARRAY, with an entry for each processor                  */
    GRAFT_MAP_WINDOW = 7,       /* one value: whole frames, shared with the owner's memory     */
};

/* Values and records begin at multiples of 8 bytes. */
struct graft_map_def {
    uint32_t type; /* enum graft_map_type */
    uint32_t key_bytes;
    uint32_t value_bytes;
    uint32_t entries;
};

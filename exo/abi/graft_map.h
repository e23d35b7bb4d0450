/*
 * Maps: memory that a graft keeps from run to run and shares with its owner. An object defines
 * them in its section `.maps`, an array of struct graft_map_def; a symbol names each.
 *
 * Values of ARRAY, PERCPU_ARRAY and WINDOW maps, and ring buffers, lie in frames that the owner can
 * bind too; the others' in the kernel's hands alone, and are reached by calls.
 */
#pragma once

#include <stdint.h>

#define GRAFT_MAX_MAPS      64u
#define GRAFT_MAX_KEY       256u       /* bytes */
#define GRAFT_MAX_MAP_VALUE (1u << 26) /* bytes */
#define GRAFT_MAX_KEPT      2048u      /* bytes of a value that lies in no frames of the owner's */
#define GRAFT_MAX_ENTRIES   (1u << 24) /* and bytes of a ring buffer */
#define GRAFT_MAX_MAP       (1u << 30) /* bytes of frames that one map needs of either kind */

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

/* Flags of an update. */
#define GRAFT_MAP_ANY     0u
#define GRAFT_MAP_NEW     1u /* the key must not be there */
#define GRAFT_MAP_PRESENT 2u /* the key must be there     */

/* What an update, a deletion or an output returns, in Linux's numbers. */
enum graft_map_end {
    GRAFT_MAP_DONE = 0,
    GRAFT_MAP_NO_KEY = -2, /* the key is not there                                    */
    GRAFT_MAP_FULL = -7,   /* no entry is left; or an array has no such index         */
    GRAFT_MAP_THERE = -17, /* the key is there                                        */
    GRAFT_MAP_BAD = -22,   /* flags or prefix length are none, or no such map does it */
};

/*
 * A ring buffer in memory: this page, and `entries` bytes behind it. Positions count bytes, run
 * freely and are taken modulo `entries`. At each lies a uint64_t head: the record's length in the
 * low 30 bits, and flags; the record follows, and the next head at a multiple of 8. Records are in
 * one piece: what is left at the end of the buffer is a record to skip.
 */
struct graft_ring {
    uint64_t consumer; /* owner: all before it has been read                    */
    uint64_t unused[7];
    uint64_t producer; /* kernel: a copy for the owner; all before it has heads */
    uint64_t lost;     /* kernel: records for which there was no room            */
};
#define GRAFT_RING_DATA   4096u /* bytes from the page to the first head */
#define GRAFT_RING_HEAD   8u
#define GRAFT_RING_LENGTH 0x3fffffffu
#define GRAFT_RING_SKIP   (1u << 30) /* it was discarded                         */
#define GRAFT_RING_BUSY   (1u << 31) /* it is still being written: wait          */

#define GRAFT_RING_NO_WAKE 1u /* flag of submit, discard and output: nobody is told */

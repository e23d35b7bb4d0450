/*
 * Book-keeping of page frames in chunks; no calls to the kernel, so that it runs anywhere.
 *
 * Invariants. frame_pool_check() tests them all and names the broken one.
 *   P1  chunks do not overlap and are not empty
 *   P2  a chunk's `free` is the number of its frames that are not marked used
 *   P3  no frame at or behind a chunk's `fresh` is used
 */
#pragma once

#include "exo/abi/types.h"

#define FRAME_CHUNK_MAX 4096u /* frames */
#define FRAME_CHUNKS    128u

struct frame_chunk {
    pfn_t first;
    uint32_t count; /* frames, at most FRAME_CHUNK_MAX                    */
    uint32_t free;
    uint32_t fresh; /* frames from here on were never used: they are zero */
    uint32_t hint;  /* no free frame below this index                     */
    slot_t slot;    /* CAP_FRAMES of the chunk                            */
    uint64_t used[FRAME_CHUNK_MAX / 64];
};

struct frame_pool {
    struct frame_chunk chunks[FRAME_CHUNKS];
    uint32_t chunk_count;
};

/* Adjacent frames of one chunk. */
struct frame_run {
    pfn_t first;
    uint32_t count;
    slot_t slot;
    bool zero; /* all of them are zero */
};

/* Adds frames, `zero` if all of them are. False: there are FRAME_CHUNKS, or `count` is out of
 * range. */
bool frame_pool_add(struct frame_pool *pool, pfn_t first, uint32_t count, slot_t slot, bool zero);

/* Takes up to `want` adjacent frames, at least one. False: none is free. */
bool frame_pool_take(struct frame_pool *pool, uint32_t want, struct frame_run *run);

/* Gives one frame back; its contents are what they are. False: it was not taken from here. */
bool frame_pool_give(struct frame_pool *pool, pfn_t frame);

/* The last chunk of which no frame is used, or NULL. */
const struct frame_chunk *frame_pool_idle(const struct frame_pool *pool);

/* The chunk of `slot` has only its first `keep` frames from now on, and none of them is used,
 * whatever they hold; 0: it is gone. False: there is no such chunk, or it has no more. */
bool frame_pool_cut(struct frame_pool *pool, slot_t slot, uint32_t keep);

/* The slot of the chunk that holds `frame`, or 0. */
slot_t frame_pool_slot(const struct frame_pool *pool, pfn_t frame);

/* NULL when P1 to P3 hold, else a sentence that begins with the broken invariant's name. */
const char *frame_pool_check(const struct frame_pool *pool);

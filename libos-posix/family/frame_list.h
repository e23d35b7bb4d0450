/*
 * The frames of a family's pool, in a list that all its processes change at once: by atomic
 * instructions, without a lock, so that whoever is stopped anywhere stops nobody else. No calls to
 * the kernel, so that it runs anywhere.
 *
 * A frame in use has a *mark*, which differs each time that it is taken. Who wants to give a frame
 * back reads the mark while it is still used for sure, then sees that it is not used any more, and
 * gives it by that mark: of several who see the same, one succeeds.
 *
 * Invariants. frame_list_check() tests them all, while nobody changes the list, and names the
 * broken one.
 *   L1  a frame behind `fresh` was never taken, and is not in the list
 *   L2  the list ends, and each frame in it is free and in it once
 *   L3  a frame before `fresh` is in the list or has a mark, but for those that whoever gave them
 *       was stopped in the middle of; `lost` says how many
 */
#pragma once

#include "exo/abi/types.h"

#define FRAME_LIST_USED  ((uint32_t)1 << 31) /* of a record: it is a mark                       */
#define FRAME_LIST_ARENA ((uint32_t)1 << 30) /* of a mark: it shows what all share              */
#define FRAME_LIST_MOST  ((uint32_t)1 << 29) /* frames                                          */

struct frame_list {
    uint64_t head;  /* changes << 32 | 1 + index of the frame given last; 0 below: none          */
    uint32_t fresh; /* frames from this index on were never taken: they are zero                 */
    uint32_t count;
    uint32_t used; /* frames that are taken; for people                                         */
    pfn_t first;
    uint32_t record[]; /* [count]: a mark; or, in the list, 1 + index of the next, 0: the last   */
};

/* Bytes of a list of `count` frames. */
static inline uint64_t frame_list_bytes(uint32_t count)
{
    return sizeof(struct frame_list) + (uint64_t)count * sizeof(uint32_t);
}

/* All frames are free and zero. Pre: the list is all zero; 0 < count <= FRAME_LIST_MOST. */
void frame_list_init(struct frame_list *list, pfn_t first, uint32_t count);

/* Takes frames: one that was given back, which holds what it held, or up to `want` adjacent ones
 * that are zero. Returns how many; 0: none is free. */
uint32_t frame_list_take(struct frame_list *list, uint32_t want, pfn_t *first, bool *zero);

/* Does the pool have this frame? */
static inline bool frame_list_has(const struct frame_list *list, pfn_t frame)
{
    return frame - list->first < list->count;
}

/* What is known of a frame of the pool: its mark, or something without FRAME_LIST_USED. */
static inline uint32_t frame_list_mark(const struct frame_list *list, pfn_t frame)
{
    return __atomic_load_n(&list->record[frame - list->first], __ATOMIC_ACQUIRE);
}

/* Says of a taken frame that it shows what all share. Pre: the caller took it. */
void frame_list_share(struct frame_list *list, pfn_t frame);

/* Gives a frame back that nobody uses. False: its mark is another by now, so that it was given
 * already. Pre: the pool has it. */
bool frame_list_give(struct frame_list *list, pfn_t frame, uint32_t mark);

/* NULL when L1 to L3 hold, else a sentence that begins with the broken invariant's name. */
const char *frame_list_check(const struct frame_list *list, uint32_t *lost);

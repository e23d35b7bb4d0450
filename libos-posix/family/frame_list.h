/*
 * The frames of a family's pool, and the set of those that are free, which all its processes change
 * at once: by atomic instructions, without a lock, so that whoever is stopped anywhere stops nobody
 * else. No calls to the kernel, so that it runs anywhere.
 *
 * The set has a bit for each frame, so that frames which were given one by one, in any order, are
 * taken side by side again. A second set says which of its words are worth a look.
 *
 * A frame in use has a *mark*, which differs each time that it is taken. Who wants to give a frame
 * back reads the mark while it is still used for sure, then sees that it is not used any more, and
 * gives it by that mark: of several who see the same, one succeeds.
 *
 * Invariants. frame_list_check() tests them all, while nobody changes the list, and names the
 * broken one.
 *   L1  a frame behind `fresh` was never taken, and is not in the set
 *   L2  a frame in the set has no mark
 *   L3  a frame before `fresh` is in the set or has a mark, but for those that whoever took or gave
 *       them was stopped in the middle of; `lost` says how many
 *   L4  a word of the set that has a frame is worth a look, as far as nobody was stopped
 */
#pragma once

#include "exo/abi/types.h"

#define FRAME_LIST_USED  ((uint32_t)1 << 31) /* of a record: it is a mark                       */
#define FRAME_LIST_ARENA ((uint32_t)1 << 30) /* of a mark: it shows what all share              */
#define FRAME_LIST_MOST  ((uint32_t)1 << 29) /* frames                                          */
#define FRAME_LIST_RUN   64u                 /* given frames that are taken at once             */

struct frame_list {
    uint32_t fresh; /* frames from this index on were never taken: they are zero                 */
    uint32_t count;
    uint32_t used; /* frames that are taken; for people, and to know where to look              */
    uint32_t last; /* word of the second set by which frames were found last                    */
    pfn_t first;
    uint32_t reserved;
    uint32_t record[]; /* [count]: a mark; of a free frame how often it was taken. At a multiple
                        * of 8 behind: uint64_t [count / 64], bits of the frames that are free, and
                        * [count / 4096], bits of the words of those                            */
};

/* Words of a set for `count` bits. */
static inline uint32_t frame_list_words(uint32_t count)
{
    return count / 64 + (count % 64 != 0);
}

/* Bytes of a list of `count` frames. */
static inline uint64_t frame_list_bytes(uint32_t count)
{
    const uint32_t words = frame_list_words(count);

    return sizeof(struct frame_list) + ((uint64_t)count + count % 2) * sizeof(uint32_t) +
           (words + frame_list_words(words)) * sizeof(uint64_t);
}

/* All frames are free and zero. Pre: the list is all zero; 0 < count <= FRAME_LIST_MOST. */
void frame_list_init(struct frame_list *list, pfn_t first, uint32_t count);

/* Takes up to `want` adjacent frames: some that were given back, FRAME_LIST_RUN at most, which hold
 * what they held, or else some that are zero. Returns how many; 0: none is free. */
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

/* Is a frame before `fresh`, of which frame_list_mark() was `mark`, neither free nor marked,
 * because somebody is taking it? Who is giving one is told apart. */
bool frame_list_is_astray(const struct frame_list *list, pfn_t frame, uint32_t mark);

/* Puts a frame back that was astray with this mark, unless whoever took it goes on. Pre: after it
 * was seen astray nobody alive was seen in the middle of taking. */
void frame_list_find(struct frame_list *list, pfn_t frame, uint32_t mark);

/* Makes L4 good. */
void frame_list_show(struct frame_list *list);

/* NULL when L1 to L4 hold, else a sentence that begins with the broken invariant's name. */
const char *frame_list_check(const struct frame_list *list, uint32_t *lost);

/*
 * Frames: the type and owner of each page of physical memory. The table itself is what users see
 * (kinfo.h, struct frame_info).
 *
 * Invariants. frame_check() tests them all and names the broken one.
 *   F1  a free or absent frame has no owner and no binding
 *   F2  a frame of any other type but FRAME_KERNEL, FRAME_CPU and FRAME_STALE has an owner
 *   F3  a frame's `first` is not behind it and has the same owner
 *   F4  the serial number in a free frame has been given out, or is 0
 *
 * Locking: the caller holds the forest lock.
 */
#pragma once

#include "exo/abi/kinfo.h"
#include "exo/abi/types.h"

/* `info` is the table from now on; no record of it is written, which frame_mark does: a table of
 * all memory is long. It stays the caller's memory and outlives the table. */
void frame_table_init(struct frame_info *info, pfn_t count);

/* Boot: gives [first, first + count) a type without an owner. */
void frame_mark(pfn_t first, uint32_t count, enum frame_type type);

/* Records in the table. */
pfn_t frame_count(void);

/* All records, in order. */
extern struct frame_info *frame_table;

/* Odd while types, owners or origins are being written. The window's, once there is one. */
extern uint32_t *frame_sequence;

/* The record of frame `n`. Pre: n < frame_count(). */
struct frame_info *frame_of(pfn_t n);

/* The record of the frame that begins at `pa`, without the division and multiplication. */
static inline struct frame_info *frame_at(paddr_t pa)
{
    return (struct frame_info *)(void *)((char *)frame_table +
                                         pa / (PAGE_SIZE / sizeof(struct frame_info)));
}

/* What lies in frame `n`, for the kernel. */
void *frame_memory(pfn_t n);

/* Frame number of an address in the kernel's map of memory. */
pfn_t frame_number(const void *memory);

/* Finds `count` adjacent free frames in [base, end), the lowest. PFN_ANY when there are none. */
pfn_t frame_find(pfn_t base, pfn_t end, uint32_t count);

/* The same, beginning at a multiple of 2^align and with colours of the set only. */
pfn_t frame_find_like(pfn_t base, pfn_t end, uint32_t count, uint32_t align, word_t colours);

/* The first frame of [first, end) that is not free, or `end`. Pre: end <= frame_count(). */
pfn_t frame_first_used(pfn_t first, pfn_t end);

/* Are [first, first + count) all free? */
bool frame_all_free(pfn_t first, uint32_t count);

/* A new environment has the number `owner`: nothing that an earlier one left is its own. */
void frame_owner_new(uint16_t owner);

/* Gives [first, first + count) to `owner` as one object of `type`, zeroed; but pages that the same
 * environment had before, and nobody since, hold what they held. Pre: all free. */
void frame_take(pfn_t first, uint32_t count, enum frame_type type, uint16_t owner, uint32_t origin);

/* Frees [first, first + count). Those that a reader of tables still shows become FRAME_STALE and
 * are freed by frame_unbound. */
void frame_give(pfn_t first, uint32_t count);

/* Counts one binding of a frame less. */
void frame_unbound(pfn_t n);

/* NULL when F1 to F4 hold, else a sentence that begins with the broken invariant's name. */
const char *frame_check(void);

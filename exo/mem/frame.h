/*
 * Frames: the type and owner of each page of physical memory. The table itself is what users see
 * (kinfo.h, struct frame_info).
 *
 * Invariants. frame_check() tests them all and names the broken one.
 *   F1  a free or absent frame has no owner and no binding
 *   F2  a frame of any other type but FRAME_KERNEL, FRAME_CPU and FRAME_STALE has an owner
 *   F3  a frame's `first` is not behind it and has the same owner
 *
 * Locking: the caller holds the forest lock.
 */
#pragma once

#include "exo/abi/kinfo.h"
#include "exo/abi/types.h"

/* Makes every frame absent. `info` stays the caller's memory and outlives the table. */
void frame_table_init(struct frame_info *info, pfn_t count);

/* Boot: gives [first, first + count) a type without an owner. */
void frame_mark(pfn_t first, uint32_t count, enum frame_type type);

/* Records in the table. */
pfn_t frame_count(void);

/* All records, in order. */
extern struct frame_info *frame_table;

/* The record of frame `n`. Pre: n < frame_count(). */
struct frame_info *frame_of(pfn_t n);

/* What lies in frame `n`, for the kernel. */
void *frame_memory(pfn_t n);

/* Frame number of an address in the kernel's map of memory. */
pfn_t frame_number(const void *memory);

/* Finds `count` adjacent free frames in [base, end), the lowest. PFN_ANY when there are none. */
pfn_t frame_find(pfn_t base, pfn_t end, uint32_t count);

/* Are [first, first + count) all free? */
bool frame_all_free(pfn_t first, uint32_t count);

/* Gives [first, first + count) to `owner` as one object of `type`, zeroed. Pre: all free. */
void frame_take(pfn_t first, uint32_t count, enum frame_type type, uint16_t owner, uint32_t origin);

/* Frees [first, first + count). Those that a reader of tables still shows become FRAME_STALE and
 * are freed by frame_unbound. */
void frame_give(pfn_t first, uint32_t count);

/* Counts one binding of a frame less. */
void frame_unbound(pfn_t n);

/* NULL when F1 to F3 hold, else a sentence that begins with the broken invariant's name. */
const char *frame_check(void);

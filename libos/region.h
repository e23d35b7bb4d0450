/*
 * The region in SLOT_MEMORY: which of its frames are free, read from the kernel's frame table, and
 * which parts are promised to other programs. Frames are always asked for by number, so that
 * nothing of this program ever lands in a promised part.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"

#define REGION_PROMISES_MAX 64u

/* Reads the region's range from the own capability table. BAD_CAP: SLOT_MEMORY holds no region. */
enum err region_init(void);

/* First of `count` adjacent frames that are free and not promised. NO_MEM. */
enum err region_find(uint32_t count, pfn_t *first);

/* The same number of frames as memory of this program, in a slot of their own. NO_MEM. */
enum err region_frames(uint32_t count, slot_t *slot, pfn_t *first);

/* Frees what region_frames() gave, or frames of another region, and the slot. */
void region_give_frames(slot_t slot, pfn_t first, uint32_t count);

/* Are frames fresh from region_frames() surely zero? The kernel clears frames when their owner
 * changes; those that this program had before and gave back hold what it left. */
bool region_is_clean(pfn_t first, uint32_t count);

/* The same as region_find() at a multiple of `count`, which is a power of two. NO_MEM. */
enum err region_find_aligned(uint32_t count, pfn_t *first);

/* Are `count` frames from `first` on in the region, free and not promised? */
bool region_has(pfn_t first, uint32_t count);

/* Frames [first, end). */
struct region_run {
    pfn_t first, end;
};

/* The longest run of frames neither used nor promised; empty: there are none. */
struct region_run region_longest(void);

/* Sets the highest `count` adjacent free frames aside for somebody else. NO_MEM. */
enum err region_promise(uint32_t count, pfn_t *first);

/* Sets these frames aside, wherever they are. NO_MEM. */
enum err region_withhold(pfn_t first, uint32_t count);

/* Takes the promise that began at `first` back. */
void region_release(pfn_t first);

/* Frames neither used nor promised. */
uint32_t region_free_count(void);

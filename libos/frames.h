/*
 * Frames for pages: taken from SLOT_MEMORY in chunks that grow, handed out singly, and kept when
 * they come back. A frame that was used holds what it held: `zero` in the run says which are clean.
 */
#pragma once

#include "exo/abi/error.h"
#include "libos/frame_pool.h"

/* Up to `want` adjacent frames, at least one. NO_MEM. */
enum err frames_take(uint32_t want, struct frame_run *run);

void frames_give(pfn_t first, uint32_t count);

/* The CAP_FRAMES slot to bind `frame` by; SLOT_NONE: it is not from here. */
slot_t frames_slot(pfn_t frame);

/* Frames that are kept for pages and not used. */
uint64_t frames_free_count(void);

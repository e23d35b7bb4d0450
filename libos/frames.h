/*
 * Frames for pages: taken from SLOT_MEMORY in chunks that grow, handed out singly, and kept when
 * they come back. A frame that was used holds what it held: `zero` in the run says which are clean.
 */
#pragma once

#include "exo/abi/error.h"
#include "libos/frame_pool.h"

/* Up to `want` adjacent frames, at least one. NO_MEM. On another CPU the kernel may take them
 * before they are used: then slot_lost_frames() says so, and others may be had. */
enum err frames_take(uint32_t want, struct frame_run *run);

void frames_give(pfn_t first, uint32_t count);

/* Where chunks come from instead of SLOT_MEMORY: up to *count adjacent frames, in a slot of their
 * own, that hold anything. NULL, as at first: SLOT_MEMORY. */
typedef enum err (*frames_source_fn)(uint32_t *count, slot_t *slot, pfn_t *first);
void frames_set_source(frames_source_fn source);

/* A fault handler needs a frame for the page at `va`, and there is none. The program gives up pages
 * of its own choice, by vm_unmap, but not this one; it uses no other module, for the fault may lie
 * in it. False: it has nothing more to give. NULL, as at first: the fault is not repaired. */
typedef bool (*frames_spare_fn)(vaddr_t va);
void frames_set_spare(frames_spare_fn spare);

/* May it be tried again? */
bool frames_spare(vaddr_t va);

/* The CAP_FRAMES slot to bind `frame` by; SLOT_NONE: it is not from here. */
slot_t frames_slot(pfn_t frame);

/* Frames that are kept for pages and not used. */
uint64_t frames_free_count(void);

/* Gives `count` frames or more back to SLOT_MEMORY, as far as there are chunks of which none is
 * used. Returns how many. */
uint64_t frames_surrender(uint64_t count);

/* The kernel took frames by `slot`: what it left there is free. False: the slot is not from here,
 * or that has been seen already. */
bool frames_lost(slot_t slot);

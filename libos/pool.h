/*
 * A pool of frames that several programs share, kept fair by a policy server
 * (libos/servers/policy.c): who runs short says so on a page of its own and rings; the server asks
 * others for frames, and rings back. Both sides' words are here.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"

/* What the server puts into a client's slots before it starts. */
#define POOL_REGION SLOT_FREE       /* CAP_REGION: the pool, the same for all                   */
#define POOL_BELL   (SLOT_FREE + 1) /* CAP_NOTIFICATION: the server's; `bit` of the page is ours */
#define POOL_REPLY  (SLOT_FREE + 2) /* CAP_NOTIFICATION: rung, bit 0, when a want was served     */
#define POOL_PAGE   (SLOT_FREE + 3) /* CAP_FRAMES: one frame, struct pool_page                   */

struct pool_page {
    uint64_t bit;   /* written by the server */
    uint64_t want;  /* frames that the client is short of; set to 0 when that was looked at */
    uint64_t given; /* written by the server: frames that were free when it rang back       */
};

/* From now on libos/frames.h takes from the pool; SLOT_MEMORY is for the rest. NOT_BOUND: this
 * program has no pool; errors of vm_map_frames. Pre: libos_setup(). */
enum err pool_attach(void);

/* Up to *count adjacent frames of the pool. An ask for frames that comes while the server is waited
 * for is answered from those that are kept and not used. NO_MEM: others hold no more than they are
 * entitled to. */
enum err pool_frames(uint32_t *count, slot_t *slot, pfn_t *first);

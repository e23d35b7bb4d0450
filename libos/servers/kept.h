/*
 * Frames that sigma0 gives by their physical address only, each once: boot modules, device memory.
 * They are shown at that address here.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* Shows frames [first, first + count) of `slot` with these rights, to be given from now on. NO_MEM;
 * errors of vm_map_frames. */
enum err kept_add(slot_t slot, pfn_t first, uint32_t count, rights_t rights);

/* Are these frames all of one such range, and not given yet? They are then; `*rights` are theirs.
 */
bool kept_take(pfn_t first, uint32_t count, rights_t *rights);

/* Frames that were taken and not given after all. */
void kept_give_back(pfn_t first, uint32_t count);

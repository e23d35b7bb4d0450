/* What guest tests of grafts share: maps and grafts out of the boot archive. */
#pragma once

#include "exo/abi/graft_map.h"
#include "exo/abi/types.h"

#define GRAFT_RIG_TOLD ((word_t)16) /* raised for records */

/* Once, first. False: there is no archive. */
bool graft_rig_begin(void);

/* A map whose values, or records, lie at *va, in so many pages; none and no `va` where they are the
 * kernel's. */
slot_t make_map(struct graft_map_def def, uint32_t pages, slot_t note, vaddr_t *va);

slot_t make_graft(const char *name, uint32_t hook, const slot_t *maps, uint32_t count);

/* How often it has run. */
uint64_t runs_of(slot_t graft);

/* OBJECT_NATIVE, OBJECT_MASKED and OBJECT_ABORTED. */
uint8_t state_of(slot_t graft);

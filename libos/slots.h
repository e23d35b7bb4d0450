/* Slots of this environment's capability table: which are free, and what the others hold. */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"

/* Shows the program its own capability table, and marks what is filled. Any error of page_bind. */
enum err slots_init(void);

/* A free slot; the table is extended from SLOT_MEMORY when it is full. NO_MEM. */
enum err slot_take(slot_t *slot);

/* `slot` is empty now, and may be taken again. */
void slot_give(slot_t slot);

/* Empties a slot by cap_delete, and gives it. What was made with it is gone afterwards. */
void slot_delete(slot_t slot);

/* What a slot holds, read from the kernel's table in place; NULL when it is empty or beyond the
 * tables that the book-keeping names (the first four frames: 512 slots). */
const volatile struct cap *slot_cap(slot_t slot);

/* Have the frames [first, first + count), which `slot` named, been taken from it? Never said of a
 * slot that slot_cap() does not see. */
bool slot_lost_frames(slot_t slot, pfn_t first, uint32_t count);

/*
 * Public records of rings and grafts (exo/abi/kinfo.h, struct object_info).
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"

/* [OBJECT_MAX], in the window. */
extern struct object_info *object_table;

/* Begins and ends a record's use. */
void object_begin(struct object_info *o, enum cap_kind kind, uint32_t frame, uint16_t owner);
void object_end(struct object_info *o);

/* A record for a graft that is not in use, or NULL. */
struct object_info *object_graft_free(void);

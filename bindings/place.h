/*
 * Places: where in the kernel a graft may be bound (exo/abi/graft_hooks.def), by a node of what the
 * place belongs to.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"

/* The node of an interrupt line's place; NULL: the line is the kernel's. */
struct node *irq_place(uint32_t line);

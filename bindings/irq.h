/*
 * Interrupt lines, for who listens to one otherwise than by a notification: as a thread with the
 * line's number (hook_line_fired).
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"

/* Has line `number` (below IRQ_LINES) arrive here from now on. False: it is the kernel's own, or
 * bound to a notification. */
bool irq_listen(uint32_t number);

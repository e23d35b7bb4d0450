/* Waiting that is counted, so that it can be taken from a figure: written in assembly, in a folder
 * for each CPU. */
#pragma once

#include "exo/abi/types.h"

#define WAIT_LOOP 6u /* instructions of a loop */

/* Waits until the counter at `counter` is `want`; returns how many loops it took, more than `limit`
 * when it gave up. Each loop reads a register of a device, which lets QEMU's devices work. */
uint64_t wait_loops(const volatile uint32_t *counter, uint32_t want, const volatile uint8_t *device,
                    uint64_t limit);

/* The same with the index of a used ring: packets that a card has received, or sent. */
uint64_t wait_used(const volatile uint16_t *index, uint16_t want, const volatile uint8_t *device,
                   uint64_t limit);

/* The control queue of a card of one's own: a command at a time, polled. */
#pragma once

#include "libos-net/card.h"

#define CARD_CONTROL_FRAMES (VIRTQ_FRAMES + 1) /* its queue, and the command */

/* Makes queue `number` the control queue, in memory of zeroes. Pre: agreed, not started. Errors of
 * virtio_pci_queue(). */
enum err card_control_open(struct card *c, uint16_t number, const struct device_memory *memory);

/* Has the card use so many pairs, and choose among them by itself. BAD_STATE: it refuses, or an
 * earlier command was not answered. TIMEOUT: this one is not. */
enum err card_control_pairs(struct card *c, uint16_t pairs);

/* A link on a packet ring of the kernel's card. */
#pragma once

#include "libos-net/link.h"
#include "libos-net/ring.h"

#define RING_LINK_BIT ((word_t)1) /* of the notification; others may raise the others */

struct ring_link {
    struct link link; /* first */
    struct ring ring;
    slot_t slot, frames, notification;
};

/* Makes the ring, which gets no packets before it has keys. NO_DEVICE: no network card. BAD_CAP:
 * the program was not given it. NO_MEM. */
enum err ring_link_open(struct ring_link *l);

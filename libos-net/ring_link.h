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

/* The same with `frames` more behind the ring's, for packets that lie ready (ring_link_send_from).
 */
enum err ring_link_open_more(struct ring_link *l, uint32_t frames);

/* As send and send_offload, of a packet in the ring's frames. Pre: there is room. */
void ring_link_send_from(struct ring_link *l, uint64_t offset, uint32_t length);
void ring_link_send_from_offload(struct ring_link *l, uint64_t offset, uint32_t length,
                                 uint32_t work);

/* Packets may come from now on whose checksum is not complete, where the card has such: before the
 * ring has keys. */
void ring_link_accept_partial(struct ring_link *l);

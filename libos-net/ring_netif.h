/*
 * lwIP's network interface on a packet ring.
 *
 * Receiving copies nothing: lwIP gets the ring's own buffers, and they are posted again when it
 * frees them. Only when lwIP holds so many that reception would stop are packets copied out.
 * Sending copies once, into the ring's frames: a slot names one piece of memory in them, and a
 * packet of lwIP is a chain of pieces that may lie anywhere (a file of the boot archive, too).
 */
#pragma once

#include "libos-net/lwip.h"
#include "libos-net/ring.h"

/* For netif_add, with the ring as `state`. The link address is the card's. */
err_t ring_netif_init(struct netif *netif);

/* The slot of the ring's capability, for telling the kernel of packets to send. */
void ring_netif_bind(slot_t ring);

/* Gives all received packets to lwIP. Returns how many there were. */
unsigned ring_netif_receive(struct netif *netif);

/* Tells the kernel of packets that lwIP has sent since the last time. */
void ring_netif_flush(struct netif *netif);

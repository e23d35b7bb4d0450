/*
 * lwIP's network interface on a link (link.h).
 *
 * Receiving copies nothing: lwIP gets the link's own buffers, and they go back when it frees them.
 * Only when it holds so many that reception would stop are packets copied out. Sending copies once,
 * into the link's room: a packet of lwIP is a chain of pieces that may lie anywhere (a file of the
 * boot archive, too).
 */
#pragma once

#include "libos-net/link.h"
#include "libos-net/lwip.h"

/* For netif_add, with the link as `state`. One interface a program. */
err_t link_netif_init(struct netif *netif);

/* Gives received packets to lwIP, at most LINK_TURN. Returns how many there were. */
unsigned link_netif_receive(struct netif *netif);

#define LINK_TURN 64u

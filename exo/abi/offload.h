/*
 * What a network card can do in the program's place: checksums, and cutting long TCP packets into
 * segments. A word says of one packet what is to be done, or was: the state of a ring's slot
 * (ring.h), and what a card of one's own is told (libos-net/card.h). 0: nothing.
 */
#pragma once

#include "exo/abi/types.h"

/* What a card offers, a set. */
#define NIC_CSUM     1u /* it completes checksums of packets sent                                 */
#define NIC_TSO4     2u /* it cuts TCP packets over IPv4 into segments; with NIC_CSUM only        */
#define NIC_RX_CSUM  4u /* it says of packets received that their checksum need not be tested */
#define NIC_OFFLOADS (NIC_CSUM | NIC_TSO4 | NIC_RX_CSUM)

/*
 * CSUM_PARTIAL: the field holds the sum of the pseudo header alone (not complemented), and lacks
 * that of all from the field's own header to the packet's end. To be sent: the card adds it. At a
 * buffer for reception: such packets may come as they are. Of a packet received: it is one, and
 * need not be tested; it must be completed, by whom it is sent, before it goes anywhere else.
 * CSUM_VALID: of a packet received: the card has tested the sum.
 */
#define CSUM_PARTIAL 4u
#define CSUM_VALID   8u

/* For a packet to send: sum from byte `start` on, which is below 256, and put the sum `offset`
 * bytes behind it, which is even and below 32 (TCP 16, UDP 6). */
#define CSUM_OFFLOAD(start, offset)                                                                \
    (CSUM_PARTIAL | (uint32_t)(offset) / 2u << 4 | (uint32_t)(start) << 8)
#define CSUM_START(work)  ((work) >> 8 & 0xffu)
#define CSUM_OFFSET(work) ((work) >> 3 & 0x1eu)

/* Besides, of TCP over IPv4: cut into segments of `mss` bytes of contents, TSO_MSS_MIN at least;
 * with its headers each is a packet that the link takes. `mss` 0: do not cut. */
#define TSO_OFFLOAD(mss) ((uint32_t)(mss) << 16)
#define TSO_MSS(work)    ((work) >> 16)
#define TSO_MSS_MIN      64u
#define TSO_PACKET_MAX                                                                             \
    65549u /* bytes before it is cut: an Ethernet header, and what IPv4 can say */

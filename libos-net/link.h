/*
 * What a program's network stands on: packets in and out of numbered buffers. A ring on the
 * kernel's card (ring_link.c) and a card of one's own (card_link.c) are links. One thread uses a
 * link.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/ring.h"

#define LINK_BUFFERS    256u /* numbers of buffers are below  */
#define LINK_PACKET_MAX RING_PACKET_MAX

struct link {
    uint8_t mac[6];
    uint16_t mtu;
    bool is_up;        /* as `wait` saw it last */
    uint32_t offloads; /* NIC_*: NIC_RX_CSUM only where whoever uses the link has asked for it   */
    uint32_t csum;     /* of the packet received last: CSUM_PARTIAL, CSUM_VALID or 0 (offload.h) */

    /* Takes the next packet that has arrived: the buffer is the caller's until give_back. */
    bool (*receive)(struct link *l, uint32_t *buffer, uint8_t **packet, uint32_t *length);
    void (*give_back)(struct link *l, uint32_t buffer);

    /* Are buffers for reception so few that none ought to be kept? */
    bool (*is_short)(const struct link *l);

    /* Room for the next packet to send, LINK_PACKET_MAX bytes; NULL while there is none. Then its
     * length: it may lie there until flush. */
    uint8_t *(*room)(struct link *l);
    void (*send)(struct link *l, uint32_t length);

    /* The same, with work for the card (offload.h), which is among the link's offloads. */
    void (*send_offload)(struct link *l, uint32_t length, uint32_t work);

    /* Sends what lies there. False: nothing did. */
    bool (*flush)(struct link *l);

    /* Waits for a packet, for bits that others raise, or until the link goes down or up, up to
     * `deadline` (time-stamp counter; 0: not at all; FOREVER). False: the time passed, or the link
     * is dead. */
    bool (*wait)(struct link *l, uint64_t deadline);
};

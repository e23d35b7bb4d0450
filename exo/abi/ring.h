/*
 * A ring: packets in and out of one environment, in its own frames. The first page is struct
 * ring_header; buffers lie anywhere in the same frames capability. Counters run freely and are
 * taken modulo RING_SLOTS; each has one writer. The kernel believes nothing here: every descriptor
 * is checked when it is taken, and a bad one is returned to its owner with RING_BAD.
 */
#pragma once

#include "exo/abi/types.h"

#define RING_SLOTS      64u
#define RING_PACKET_MAX 1514u /* bytes: Ethernet header and 1,500 bytes */

#define RING_DONE 1u /* kernel: packet received, or sent                        */
#define RING_BAD  2u /* kernel: offset or length outside the ring's frames      */

struct ring_slot {
    uint64_t offset; /* of the buffer, bytes from the beginning of the ring's frames; the buffer
                        may cross pages                                                        */
    uint32_t length; /* bytes: of the buffer when posted, of the packet when done              */
    uint32_t state;  /* RING_*; 0 when posted                                                  */
};

struct ring_header {
    uint32_t rx_posted;   /* user: buffers given for reception                                */
    uint32_t tx_posted;   /* user: packets given for sending                                  */
    uint32_t rx_done;     /* kernel: buffers filled (or refused), in order of posting         */
    uint32_t tx_done;     /* kernel: packets sent (or refused), in order of posting           */
    uint32_t rx_dropped;  /* kernel: packets lost because no buffer was posted                */
    uint32_t rx_filtered; /* kernel: packets that the filter was shown                        */
    uint64_t notify_bits; /* user: bits to raise when rx_done or tx_done moved                */
    struct ring_slot rx[RING_SLOTS];
    struct ring_slot tx[RING_SLOTS];
};
_Static_assert(sizeof(struct ring_header) <= PAGE_SIZE, "the header is one page");

/*
 * A ring: packets in and out of one environment, in its own frames. The first page is struct
 * ring_header; buffers lie anywhere in the same frames capability. Counters run freely and are
 * taken modulo RING_SLOTS; each has one writer. The kernel believes nothing here: every descriptor
 * is checked when it is taken, and a bad one is returned to its owner with RING_BAD.
 */
#pragma once

#include "exo/abi/offload.h"

#define RING_SLOTS      64u
#define RING_PACKET_MAX 1514u /* bytes: Ethernet header and 1,500 bytes; TSO_PACKET_MAX if cut */

#define RING_DONE 1u /* kernel: packet received, or sent                        */
#define RING_BAD                                                                                   \
    2u /* kernel: offset or length outside the ring's frames, a packet that is not the ring's to   \
          send, or an offload that the card has not or that is none       */

#define RING_TAG_SHIFT 8u
#define RING_TAG_MAX   0xffffffu

struct ring_slot {
    uint64_t offset; /* of the buffer, bytes from the beginning of the ring's frames; the buffer
                        may cross pages                                                        */
    uint32_t length; /* bytes: of the buffer when posted, of the packet when done              */
    uint32_t state;  /* when posted: what is asked of the card (offload.h), or 0. When done:
                        RING_*; of a packet received CSUM_*, and the tag of the filter of a table
                        that took it, shifted by RING_TAG_SHIFT, besides                      */
};

struct ring_header {
    uint32_t rx_posted;   /* user: buffers given for reception                                */
    uint32_t tx_posted;   /* user: packets given for sending                                  */
    uint32_t rx_done;     /* kernel: buffers filled (or refused), in order of posting         */
    uint32_t tx_done;     /* kernel: packets sent (or refused), in order of posting           */
    uint32_t rx_dropped;  /* kernel: packets lost because no buffer was posted                */
    uint32_t rx_filtered; /* kernel: packets that a key of the ring matched                   */
    uint64_t notify_bits; /* user: bits to raise when rx_done or tx_done moved                */
    struct ring_slot rx[RING_SLOTS];
    struct ring_slot tx[RING_SLOTS];
};
_Static_assert(sizeof(struct ring_header) <= PAGE_SIZE, "the header is one page");

/* Whose packet it is: "local" is this machine's side, whichever way the packet goes. Host byte
 * order. Of an ARP packet, the IPv4 addresses that it speaks of. */
struct ring_flow {
    uint32_t local, remote;           /* IPv4 addresses                                     */
    uint16_t local_port, remote_port; /* of TCP and UDP; later fragments have none          */
    uint16_t ethertype;
    uint8_t protocol; /* of IPv4                                                            */
    uint8_t unused;   /* 0                                                                  */
};
_Static_assert(sizeof(struct ring_flow) == 16, "a flow is two words");

/*
 * A key matches packets that have all fields in which `mask` has bits, and agree with `value` in
 * those bits. The more bits, the more specific. Each packet goes to the ring of the most specific
 * key that matches it, of equals to that bound first; a ring whose filter refuses it is passed
 * over.
 */
struct ring_key {
    struct ring_flow value; /* no bits that `mask` lacks                                      */
    struct ring_flow mask;
    uint32_t flags;  /* set of RING_KEY_*                                                     */
    uint32_t unused; /* 0                                                                     */
};

#define RING_KEYS      4u /* of one ring, at most                                                 */
#define RING_KEY_YIELD 1u /* other rings may bind more specific keys that match its packets */
#define RING_KEY_COPY  2u /* what it gets, the next one that matches gets, too */
#define RING_KEY_FLAGS (RING_KEY_YIELD | RING_KEY_COPY)

/* A filter of a table: it takes packets that its key matches and its graft, if it has one, lets
 * pass. */
struct ring_filter {
    struct ring_key key;
    uint32_t graft; /* slot of a CAP_GRAFT made for the packet-filter hook; SLOT_NONE: none       */
    uint32_t tag;   /* at most RING_TAG_MAX                                                    */
};

#define FILTERS_MAX   1024u /* of one table                                                      */
#define FILTERS_BATCH 16u   /* set in one call                                                   */
/* Frames of a table of `count` filters. */
#define FILTERS_FRAMES(count) (1u + (uint32_t)(count) / 32u)

/* For the whole card: bound keys, those of filters among them; different masks; and how many
 * filters and keys a packet is shown to before it is dropped. */
#define RING_KEYS_ALL   4096u
#define RING_KEYS_MASKS 64u
#define RING_KEYS_SHOWN 128u

/*
 * Where packets go that lie ready: a link (libos-net/link.h) with memory, the arena, out of which
 * it sends without a copy. On a ring of the kernel's card the arena lies behind the ring's own
 * buffers; for a card of one's own it is memory that the card may read. One thread uses an outlet.
 */
#pragma once

#include "libos-net/card_link.h"
#include "libos-net/ring_link.h"

struct outlet {
    struct link *link;
    uint8_t *arena;
    uint32_t arena_bytes;

    /* Sends `length` bytes of the arena from offset `at`, with all that was sent before it; *busy
     * is one more until the link has read them. False: there is no room now, and *busy is as it
     * was. Bytes before `at` may be changed: a card's header is there. */
    bool (*send_from)(struct outlet *o, uint32_t at, uint32_t length, uint32_t *busy);

    /* Takes note of what the link has read. */
    void (*collect)(struct outlet *o);
};

#define OUTLET_BEFORE VIRTIO_NET_HEADER_BYTES /* bytes before a packet that may be changed */

struct ring_outlet {
    struct outlet outlet; /* first */
    struct ring_link link;
    uint32_t collected;         /* free-running: send slots that were looked at */
    uint32_t *busy[RING_SLOTS]; /* of what is in a slot, or NULL                */
};

struct card_outlet {
    struct outlet outlet; /* first */
    struct card_link link;
    struct device_memory memory;
};

/* A ring on the kernel's card, with an arena of so many frames. Errors of ring_link_open(). */
enum err ring_outlet_open(struct ring_outlet *o, uint32_t frames);

/* With one TCP port of *address bound to it, or leased (ports_open_link, whose errors). */
enum err ring_outlet_open_port(struct ring_outlet *o, uint32_t frames, uint32_t *address,
                               uint16_t port);

/* The same on an open card's first pair. Errors of device_memory_make(). */
enum err card_outlet_open(struct card_outlet *o, struct card *card, uint32_t frames);

/*
 * A split virtqueue (virtio 1.1, "Split Virtqueues"), the driver's side. Pure logic over memory
 * that a device shares. The device is not trusted: what it writes is read once and checked, and the
 * driver's own book-keeping lies outside the shared memory.
 *
 * Invariants. virtq_check() tests them all and names the broken one.
 *   Q1  each descriptor is either on the free list or in one chain in flight, and only once
 *   Q2  free_count is the length of the free list
 *   Q3  in_flight is the number of chains
 *
 * Locking: the owner's. Nothing here blocks.
 */
#pragma once

#include "exo/abi/virtio.h"

/* One buffer of a chain. */
struct virtq_piece {
    paddr_t address;
    uint32_t length;
};

/* The driver's own record of a descriptor. */
struct virtq_record {
    uint16_t next;     /* in its chain, or in the free list; VIRTQ_END                     */
    uint16_t chained;  /* descriptors of the chain that begins here; 0: none begins here   */
    uint32_t writable; /* bytes of that chain that the device may write                    */
    uint32_t cookie;
};

#define VIRTQ_END 0xffffu

struct virtq {
    volatile struct virtq_desc *desc; /* written by the driver only */
    volatile struct virtq_avail *avail;
    const volatile struct virtq_used *used; /* written by the device */
    uint16_t size;                          /* descriptors in use; a power of two */
    uint16_t free;                          /* first of the free list, or VIRTQ_END */
    uint16_t free_count;
    uint16_t in_flight;
    uint16_t offered; /* free-running: chains ever offered; avail->index */
    uint16_t taken;   /* free-running: used entries ever taken           */
    struct virtq_record records[VIRTQ_MAX];
};

enum virtq_result {
    VIRTQ_EMPTY,  /* the device has finished no further chain                        */
    VIRTQ_TAKEN,  /* *out says which                                                 */
    VIRTQ_BROKEN, /* the device broke the contract; it must be reset, the queue made anew */
};

struct virtq_done {
    uint16_t head; /* of the chain */
    uint32_t cookie;
    uint32_t length; /* bytes that the device says it wrote; at most what it was given */
};

/* Makes an empty queue in `memory` (VIRTQ_FRAMES frames). The device does not run. */
void virtq_init(struct virtq *q, void *memory, uint16_t size);

/* Offers a chain of `readable` pieces and then `writable` ones. False when descriptors are short:
 * nothing has changed. Pre: at least one piece. */
bool virtq_offer(struct virtq *q, const struct virtq_piece *pieces, unsigned readable,
                 unsigned writable, uint32_t cookie);

/* Takes the next chain that the device has finished; its descriptors are free again. */
enum virtq_result virtq_take(struct virtq *q, struct virtq_done *out);

/* The same, but that the chain stays one in flight: the next call for this queue is to be
 * virtq_offer_again, which gives it to the device as it is. */
enum virtq_result virtq_look(struct virtq *q, struct virtq_done *out);
void virtq_offer_again(struct virtq *q, const struct virtq_done *done);

/* Whether the device is to interrupt for chains that it has finished; so it is at first. What it
 * finished before it learns of that it may keep to itself: look at the queue afterwards. */
void virtq_want_interrupt(struct virtq *q, bool wanted);

/* Whether the device wants to be told of chains offered since it last looked. */
bool virtq_wants_notify(const struct virtq *q);

/* Writes the cookies of all chains in flight; returns how many. Pre: room for `size`. */
unsigned virtq_cookies(const struct virtq *q, uint32_t *cookies);

/* NULL when Q1 to Q3 hold, else a sentence that begins with the broken invariant's name. */
const char *virtq_check(const struct virtq *q);

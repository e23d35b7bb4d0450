/*
 * A split virtqueue of a device of one's own (exo/abi/virtio.h). The owner fills descriptors as it
 * likes, most of them once and for ever, and names chains by their first descriptor. Nothing here
 * enters the kernel: the bell is a register of the device, bound into this address space.
 */
#pragma once

#include "exo/abi/virtio.h"

struct virtqueue {
    volatile struct virtq_desc *desc;
    volatile struct virtq_avail *avail;
    const volatile struct virtq_used *used; /* written by the device                          */
    volatile uint16_t *bell;
    uint16_t number;  /* of the queue                                             */
    uint16_t size;    /* descriptors; a power of two                              */
    uint16_t offered; /* free-running: chains offered                             */
    uint16_t pushed;  /* those of them that the device may see: avail->index      */
    uint16_t taken;   /* free-running: chains taken back                          */
};

/* An empty queue in `memory`, VIRTQ_FRAMES frames of zeroes. The device does not know it yet, and
 * will not interrupt for it. */
void virtqueue_init(struct virtqueue *q, void *memory, uint16_t size);

/* Offers the chain that begins at `head`; the device sees it at virtqueue_push(). Pre: it is
 * filled, and not in flight. */
static inline void virtqueue_offer(struct virtqueue *q, uint16_t head)
{
    q->avail->ring[q->offered & (q->size - 1u)] = head;
    q->offered++;
}

/* Shows the device what was offered, and rings the bell if it wants to hear it. */
static inline void virtqueue_push(struct virtqueue *q)
{
    if (q->pushed == q->offered)
        return;
    q->pushed = q->offered;
    __atomic_store_n(&q->avail->index, q->offered, __ATOMIC_RELEASE);
    /* Store of the index before load of the flags: the one order that x86 does not keep. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(q->used->flags & VIRTQ_USED_NO_NOTIFY))
        *q->bell = q->number;
}

/* Has the device finished a chain that was not taken back? */
static inline bool virtqueue_ready(const struct virtqueue *q)
{
    return __atomic_load_n(&q->used->index, __ATOMIC_ACQUIRE) != q->taken;
}

/* Takes the next chain that the device has finished: its head, below `size`, and the bytes that
 * were written, as the device says. False: there is none. */
static inline bool virtqueue_take(struct virtqueue *q, uint16_t *head, uint32_t *length)
{
    if (!virtqueue_ready(q))
        return false;
    *head = (uint16_t)(q->used->ring[q->taken & (q->size - 1u)].id & (q->size - 1u));
    *length = q->used->ring[q->taken & (q->size - 1u)].length;
    q->taken++;
    return true;
}

/* Chains offered and not taken back. */
static inline uint16_t virtqueue_in_flight(const struct virtqueue *q)
{
    return (uint16_t)(q->offered - q->taken);
}

/* Whether the device is to interrupt when it finishes a chain. True: one is finished already, for
 * which no interrupt may come. */
bool virtqueue_interrupt(struct virtqueue *q, bool wanted);

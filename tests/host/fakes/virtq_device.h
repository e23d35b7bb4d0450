/* Fake: the device's half of a virtqueue. */
#pragma once

#include "exo/io/virtq.h"

/* The device's half of a queue. */
struct fake_queue {
    uint8_t *memory;
    uint16_t size;
    uint16_t seen; /* avail entries looked at */
    uint16_t used;
};

static inline struct virtq_desc *desc_of(struct fake_queue *q)
{
    return (struct virtq_desc *)(q->memory + VIRTQ_AT_DESC);
}

static inline struct virtq_used *used_of(struct fake_queue *q)
{
    return (struct virtq_used *)(q->memory + VIRTQ_AT_USED);
}

/* The device takes the next chain offered; VIRTQ_END when there is none. */
static inline uint16_t device_next(struct fake_queue *q)
{
    const struct virtq_avail *avail = (struct virtq_avail *)(q->memory + VIRTQ_AT_AVAIL);

    if (avail->index == q->seen)
        return VIRTQ_END;
    return avail->ring[q->seen++ % q->size];
}

static inline void device_use(struct fake_queue *q, uint32_t id, uint32_t length)
{
    used_of(q)->ring[q->used % q->size].id = id;
    used_of(q)->ring[q->used % q->size].length = length;
    used_of(q)->index = ++q->used;
}

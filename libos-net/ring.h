/*
 * The owner's side of a packet ring (exo/abi/ring.h): buffers in the ring's own frames, given for
 * reception and taken for sending. Pure logic over that memory, for lwIP's driver and for programs
 * that want packets and no stack.
 *
 * Layout: the header's page, RING_RX_BUFFERS receive buffers, then RING_SLOTS send buffers, each
 * RING_BUFFER_BYTES long. Send slot i always uses send buffer i.
 *
 * One thread uses a ring at a time.
 */
#pragma once

#include "exo/abi/ring.h"

#define RING_BUFFER_BYTES 2048u
#define RING_RX_BUFFERS   192u /* more than slots: those that the owner still reads          */
#define RING_FRAMES       (1u + (RING_RX_BUFFERS + RING_SLOTS) * RING_BUFFER_BYTES / (uint32_t)PAGE_SIZE)

struct ring {
    volatile struct ring_header *header;
    uint8_t *memory;   /* of the frames, from the header on                    */
    uint32_t rx_taken; /* free-running: received packets taken                 */
    uint32_t rx_tag;   /* of the filter that took the packet received last, or 0 */
    uint32_t rx_state; /* of its slot (ring_csum)                              */
    uint32_t accepts;  /* state of buffers for reception when they are posted    */
    uint32_t kicked;   /* free-running: send slots that the kernel was told of */
    uint32_t spare_count;
    uint8_t spare[RING_RX_BUFFERS]; /* receive buffers that nobody uses                 */
    uint8_t rx_buffer[RING_SLOTS];  /* which receive buffer was posted in a slot        */
    uint32_t refused;               /* slots that came back RING_BAD: a bug of the owner */
};
_Static_assert(RING_RX_BUFFERS <= 256, "buffer numbers are bytes");

/* Begins with all slots free and as many receive buffers posted as there are slots. `memory` is
 * RING_FRAMES frames. */
void ring_begin(struct ring *r, void *memory, uint64_t notify_bits);

/* Packets whose checksum is not complete may come as they are (CSUM_PARTIAL of exo/abi/offload.h).
 * Before the ring has keys. */
void ring_accept_partial(struct ring *r);

uint8_t *ring_rx_memory(const struct ring *r, uint32_t buffer);

/* Takes the next received packet: its buffer is the caller's until ring_rx_free. */
bool ring_receive(struct ring *r, uint32_t *buffer, uint32_t *length);

/* Of the packet received last: CSUM_PARTIAL or CSUM_VALID (exo/abi/offload.h), or 0. */
static inline uint32_t ring_csum(const struct ring *r)
{
    return r->rx_state & (CSUM_PARTIAL | CSUM_VALID);
}

/* Gives a receive buffer back. It is posted as soon as a slot is free. */
void ring_rx_free(struct ring *r, uint32_t buffer);

/* Receive buffers that are not posted and that nobody reads. */
static inline uint32_t ring_spare(const struct ring *r)
{
    return r->spare_count;
}

/* The buffer of the next send slot, RING_PACKET_MAX bytes; NULL while all are in flight. */
uint8_t *ring_send_buffer(struct ring *r);

/* Posts that buffer with `length` bytes in it; the same with work for the card
 * (exo/abi/offload.h). */
void ring_send(struct ring *r, uint32_t length);
void ring_send_offload(struct ring *r, uint32_t length, uint32_t work);

/* Posts a packet that lies somewhere else in the ring's frames, `offset` bytes from their
 * beginning, in the place of that buffer. It stays as it is until the slot is done. */
void ring_send_from(struct ring *r, uint64_t offset, uint32_t length);
void ring_send_from_offload(struct ring *r, uint64_t offset, uint32_t length, uint32_t work);

/* Send slots posted that the kernel has not been told of (ring_kick), and that it was now. */
uint32_t ring_unkicked(const struct ring *r);
void ring_kicked(struct ring *r);

/* The owner's side of a packet ring. */
#include "libos-net/ring.h"

static uint32_t load(const volatile uint32_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void store(volatile uint32_t *counter, uint32_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

static uint64_t rx_offset(uint32_t buffer)
{
    return PAGE_SIZE + (uint64_t)buffer * RING_BUFFER_BYTES;
}

static uint64_t tx_offset(uint32_t slot)
{
    return rx_offset(RING_RX_BUFFERS) + (uint64_t)slot * RING_BUFFER_BYTES;
}

/* Posts spare receive buffers while slots are free. A slot is free when its last packet was taken.
 */
static void post_spares(struct ring *r)
{
    uint32_t posted = r->header->rx_posted;

    while (r->spare_count > 0 && posted - r->rx_taken < RING_SLOTS) {
        volatile struct ring_slot *slot = &r->header->rx[posted % RING_SLOTS];
        uint8_t buffer = r->spare[--r->spare_count];

        r->rx_buffer[posted % RING_SLOTS] = buffer;
        slot->offset = rx_offset(buffer);
        slot->length = RING_BUFFER_BYTES;
        slot->state = r->accepts;
        posted++;
    }
    store(&r->header->rx_posted, posted);
}

void ring_begin(struct ring *r, void *memory, uint64_t notify_bits)
{
    *r = (struct ring){.header = memory, .memory = memory, .spare_count = RING_RX_BUFFERS};
    for (size_t i = 0; i < sizeof *r->header; i++)
        ((volatile uint8_t *)memory)[i] = 0;
    for (uint32_t i = 0; i < RING_RX_BUFFERS; i++)
        r->spare[i] = (uint8_t)(RING_RX_BUFFERS - 1 - i);
    r->header->notify_bits = notify_bits;
    post_spares(r);
}

void ring_accept_partial(struct ring *r)
{
    r->accepts = CSUM_PARTIAL;
    for (uint32_t i = r->rx_taken; i != r->header->rx_posted; i++)
        r->header->rx[i % RING_SLOTS].state = r->accepts;
}

uint8_t *ring_rx_memory(const struct ring *r, uint32_t buffer)
{
    return r->memory + rx_offset(buffer);
}

bool ring_receive(struct ring *r, uint32_t *buffer, uint32_t *length)
{
    while (load(&r->header->rx_done) != r->rx_taken) {
        uint32_t at = r->rx_taken % RING_SLOTS;
        uint32_t state = r->header->rx[at].state;
        uint32_t bytes = r->header->rx[at].length;

        *buffer = r->rx_buffer[at];
        *length = bytes;
        r->rx_taken++;
        r->rx_tag = state >> RING_TAG_SHIFT;
        r->rx_state = state;
        if (state & RING_DONE && bytes <= RING_BUFFER_BYTES) {
            post_spares(r);
            return true;
        }
        r->refused++;
        ring_rx_free(r, *buffer);
    }
    return false;
}

void ring_rx_free(struct ring *r, uint32_t buffer)
{
    r->spare[r->spare_count++] = (uint8_t)buffer;
    post_spares(r);
}

uint8_t *ring_send_buffer(struct ring *r)
{
    uint32_t posted = r->header->tx_posted;

    if (posted - load(&r->header->tx_done) >= RING_SLOTS)
        return NULL;
    return r->memory + tx_offset(posted % RING_SLOTS);
}

static inline void post(struct ring *r, uint64_t offset, uint32_t length, uint32_t state)
{
    uint32_t posted = r->header->tx_posted;
    volatile struct ring_slot *slot = &r->header->tx[posted % RING_SLOTS];

    if (slot->state == RING_BAD)
        r->refused++;
    slot->offset = offset;
    slot->length = length;
    slot->state = state;
    store(&r->header->tx_posted, posted + 1);
}

void ring_send(struct ring *r, uint32_t length)
{
    ring_send_from(r, tx_offset(r->header->tx_posted % RING_SLOTS), length);
}

void ring_send_from(struct ring *r, uint64_t offset, uint32_t length)
{
    post(r, offset, length, 0);
}

void ring_send_offload(struct ring *r, uint32_t length, uint32_t work)
{
    post(r, tx_offset(r->header->tx_posted % RING_SLOTS), length, work);
}

void ring_send_from_offload(struct ring *r, uint64_t offset, uint32_t length, uint32_t work)
{
    post(r, offset, length, work);
}

uint32_t ring_unkicked(const struct ring *r)
{
    return r->header->tx_posted - r->kicked;
}

void ring_kicked(struct ring *r)
{
    r->kicked = r->header->tx_posted;
}

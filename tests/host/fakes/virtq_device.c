/* Fake: the device's half of a virtqueue. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/host/fakes/virtq_device.h"

struct virtq_desc *desc_of(struct fake_queue *q)
{
    return (struct virtq_desc *)(q->memory + VIRTQ_AT_DESC);
}

struct virtq_used *used_of(struct fake_queue *q)
{
    return (struct virtq_used *)(q->memory + VIRTQ_AT_USED);
}

uint8_t *device_reach(const struct fake_queue *q, const struct virtq_desc *d)
{
    return q->reach ? q->reach(d->address, d->length) : (uint8_t *)(uintptr_t)d->address;
}

uint16_t device_next(struct fake_queue *q)
{
    const struct virtq_avail *avail = (struct virtq_avail *)(q->memory + VIRTQ_AT_AVAIL);

    if (avail->index == q->seen)
        return FAKE_NONE;
    return avail->ring[q->seen++ % q->size];
}

void device_use(struct fake_queue *q, uint32_t id, uint32_t length)
{
    used_of(q)->ring[q->used % q->size].id = id;
    used_of(q)->ring[q->used % q->size].length = length;
    used_of(q)->index = ++q->used;
}

bool device_receives(struct fake_queue *q, uint8_t fill, uint32_t length)
{
    uint16_t head = device_next(q);

    if (head == FAKE_NONE)
        return false;
    const struct virtq_desc *d = &desc_of(q)[head];
    assert_int_equal(d->flags, VIRTQ_DESC_WRITE); /* written by the device, alone */
    assert_true(VIRTIO_NET_HEADER_BYTES + length <= d->length);
    memset(device_reach(q, d), 0, VIRTIO_NET_HEADER_BYTES);
    memset(device_reach(q, d) + VIRTIO_NET_HEADER_BYTES, fill, length);
    device_use(q, head, VIRTIO_NET_HEADER_BYTES + length);
    return true;
}

bool device_serves(struct fake_queue *q, struct fake_blocks *disk)
{
    uint16_t head = device_next(q);

    if (head == FAKE_NONE)
        return false;
    const struct virtq_desc *d = &desc_of(q)[head];
    uint32_t type, written = 1;
    uint64_t sector;
    assert_true(d->length == 16 && d->flags == VIRTQ_DESC_NEXT);
    memcpy(&type, device_reach(q, d), 4);
    memcpy(&sector, device_reach(q, d) + 8, 8);
    d = &desc_of(q)[d->next];
    if (type == VIRTIO_BLOCK_FLUSH) {
        assert_int_equal(sector, 0);
        disk->flushes++;
    } else {
        bool reads = type == VIRTIO_BLOCK_READ;
        uint8_t *data = device_reach(q, d), *blocks = disk->bytes[sector / 8];
        assert_true(reads || type == VIRTIO_BLOCK_WRITE);
        assert_true(sector % 8 == 0 && sector / 8 + d->length / DISK_BLOCK_BYTES <= FAKE_BLOCKS);
        assert_int_equal(d->flags, VIRTQ_DESC_NEXT | (reads ? VIRTQ_DESC_WRITE : 0));
        memcpy(reads ? data : blocks, reads ? blocks : data, d->length);
        written += reads ? d->length : 0;
        d = &desc_of(q)[d->next];
    }
    assert_true(d->length == 1 && d->flags == VIRTQ_DESC_WRITE);
    *device_reach(q, d) = disk->status;
    device_use(q, head, written + (uint32_t)disk->lie);
    return true;
}

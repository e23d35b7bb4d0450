/* Fake: the device's half of a virtqueue, and what network cards and disks do with theirs. */
#pragma once

#include "exo/abi/disk.h"
#include "exo/abi/virtio.h"

#define FAKE_NONE 0xffffu /* no chain */

/* The device's half of a queue. */
struct fake_queue {
    uint8_t *memory;
    uint16_t size;
    uint16_t seen; /* avail entries looked at */
    uint16_t used;
    /* What `length` bytes at an address are to the device; NULL: addresses are this process's. */
    uint8_t *(*reach)(uint64_t address, uint32_t length);
};

struct virtq_desc *desc_of(struct fake_queue *q);
struct virtq_used *used_of(struct fake_queue *q);

/* The memory that a descriptor names. */
uint8_t *device_reach(const struct fake_queue *q, const struct virtq_desc *d);

/* The device takes the next chain offered; FAKE_NONE when there is none. */
uint16_t device_next(struct fake_queue *q);
void device_use(struct fake_queue *q, uint32_t id, uint32_t length);

/* A network card puts a packet of `length` bytes `fill` into the next buffer. False: there is none.
 */
bool device_receives(struct fake_queue *q, uint8_t fill, uint32_t length);

#define FAKE_BLOCKS 16u

/* A disk, and how it answers. */
struct fake_blocks {
    unsigned flushes;
    uint8_t status; /* that it answers with           */
    int32_t lie;    /* added to the length it reports */
    uint8_t bytes[FAKE_BLOCKS][DISK_BLOCK_BYTES];
};

/* It does the next request, which must be made as the specification says: header, data, status,
 * each with its direction. False: there is none. */
bool device_serves(struct fake_queue *q, struct fake_blocks *disk);

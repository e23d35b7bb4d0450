/*
 * A disk of one's own (a dedicated virtio block device): requests of blocks of DISK_BLOCK_BYTES
 * (exo/abi/disk.h), waited for or not. Posting, pushing and asking do not enter the kernel;
 * opening, waiting and closing do. Buffers are pages of the drive; the disk reads and writes them
 * in place.
 *
 * One thread uses a drive at a time. A page belongs to the request from drive_post() until its
 * state is known. Requests in flight are done in any order.
 */
#pragma once

#include "exo/abi/disk.h"
#include "libos/virtio_pci.h"

#define DRIVE_REQUESTS 64u /* in flight */

struct drive {
    struct device device;
    struct virtio_pci pci;
    struct virtqueue queue; /* request i has descriptors 3 * i and those behind */
    struct device_memory queue_memory, request_memory, page_memory;
    uint32_t blocks; /* of the disk; those beyond UINT32_MAX are not used */
    uint32_t pages;  /* buffers                                               */
    bool read_only;
    bool cached;       /* writes are durable after a flush only            */
    uint32_t requests; /* that may be in flight; a power of two            */
    uint32_t posted;   /* free-running: the ticket of the next request     */
    struct {
        uint32_t written; /* bytes that the disk writes when it does as it was asked */
        uint32_t state;   /* 0: in flight; DISK_DONE, DISK_FAILED                    */
    } records[DRIVE_REQUESTS];
};

/* Takes device number `function` (virtio_pci_find) into this program's hands, and sets it going
 * with `pages` new pages for buffers. NO_DEVICE: it is no disk that this understands, or no IOMMU
 * is there to confine it. BAD_STATE: it does not obey. NO_MEM; errors of device_open(). After an
 * error nothing is left. */
enum err drive_open(struct drive *d, slot_t pci, uint32_t function, uint32_t pages);

/* Gives the device back, and all that it took. Requests in flight may be done or not. */
void drive_close(struct drive *d);

/* Of an open drive: page `page`, below d->pages. */
void *drive_page(const struct drive *d, uint32_t page);

/* Posts a request for `count` blocks from `block` on, into or from the pages from `page` on, and
 * says in *ticket how to ask for it; the disk begins at drive_push(). A flush has no blocks and no
 * page (0), and makes durable what is done by then. BAD_ARG: there are no such blocks or pages, or
 * more than DISK_COUNT_MAX. NO_RIGHT: the disk takes no writes. IN_USE: too many are in flight. */
enum err drive_post(struct drive *d, enum disk_op op, uint32_t block, uint32_t count, uint32_t page,
                    uint32_t *ticket);

void drive_push(struct drive *d);

/* What became of a request that is among the last d->requests posted: 0 while it is in flight, else
 * DISK_DONE or DISK_FAILED. What was in flight when the disk was stopped (device_is_stopped) is not
 * known here. */
uint32_t drive_state(struct drive *d, uint32_t ticket);

/* Pushes, and waits until a request has its state. BAD_STATE: the disk failed; or it gave up,
 * or was told of memory that it was not given, and is to be closed. Errors of device_wait(). */
enum err drive_wait(struct drive *d, uint32_t ticket);

/* Posted, pushed and waited for. Errors of these. */
enum err drive_read(struct drive *d, uint32_t block, uint32_t count, uint32_t page);
enum err drive_write(struct drive *d, uint32_t block, uint32_t count, uint32_t page);

/* Waits for all that was posted before, and makes it durable. */
enum err drive_flush(struct drive *d);

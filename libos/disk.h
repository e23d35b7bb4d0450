/*
 * Blocks of the disk for a library file system: requests over a disk ring of its own
 * (exo/abi/disk.h), waited for or not. Buffers are pages of the ring; the disk reads and writes
 * them in place.
 *
 * One thread uses a disk at a time. A page and its blocks belong to the request from disk_post()
 * until its state is known.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/disk.h"
#include "exo/abi/error.h"

struct disk {
    slot_t ring, frames, notification;
    pfn_t first;    /* the header's frame; those of the pages follow */
    uint32_t pages; /* buffers                                       */
    vaddr_t va;     /* of the header                                 */
};

/* Binds the blocks of `extent`, or of a tree (tree.h), to `pages` new pages. NO_MEM, NO_DEVICE;
 * BAD_CAP, NO_RIGHT: `extent` is none or without right. After an error nothing is left. */
enum err disk_open(struct disk *d, slot_t extent, uint32_t pages);

/* Gives everything back; requests in flight are done or stopped first. */
void disk_close(struct disk *d);

/* Page `page`, below d->pages. */
void *disk_page(const struct disk *d, uint32_t page);

/* Posts a request for `count` blocks from `block` on, into or from the pages from `page` on, and
 * says in *ticket how to ask for it. It begins at disk_kick(). BAD_ARG: the pages are not there.
 * IN_USE: DISK_SLOTS requests are posted and not all done. A flush has no blocks and no page: 0. */
enum err disk_post(struct disk *d, enum disk_op op, uint32_t block, uint32_t count, uint32_t page,
                   uint32_t *ticket);

/* Errors of the call disk_kick. */
enum err disk_kick(struct disk *d);

/* What became of a request that is among the last DISK_SLOTS posted: 0 while it is in flight, else
 * DISK_DONE, DISK_BAD, DISK_FAILED. */
uint32_t disk_state(const struct disk *d, uint32_t ticket);

/* Kicks, and waits until a request has its state. BAD_ARG: it was refused. BAD_STATE: the disk
 * failed, or the extent or the memory was taken back. With a tree also IN_USE: something else has
 * to be done, or durable, before (DISK_ORDER); BAD_GRAFT: the template refused the block
 * (DISK_MALFORMED); NO_RIGHT: it would own what is not free to it (DISK_OWNER). */
enum err disk_wait(struct disk *d, uint32_t ticket);

/* Posted, kicked and waited for. Errors of these. */
enum err disk_read(struct disk *d, uint32_t block, uint32_t count, uint32_t page);
enum err disk_write(struct disk *d, uint32_t block, uint32_t count, uint32_t page);
/* With a tree: one block, as one of that type. */
enum err disk_write_as(struct disk *d, uint32_t type, uint32_t block, uint32_t page);
enum err disk_flush(struct disk *d); /* makes all that was posted before durable */

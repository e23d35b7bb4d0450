/* Blocks of the disk as a backing store (libos/backing.h), over a disk ring of its own. */
#pragma once

#include "libos/backing.h"
#include "libos/disk.h"

struct backing_disk {
    struct backing backing;
    struct disk disk;
    uint32_t first; /* block 0 of the store is this block of the disk */
};

/* `blocks` blocks of the disk from `first` on, which the extent in slot `extent` holds with the
 * rights to read and to write. BAD_ARG: no blocks; errors of disk_open(). */
enum err backing_disk_init(struct backing_disk *b, slot_t extent, uint32_t first, uint32_t blocks);
void backing_disk_destroy(struct backing_disk *b);

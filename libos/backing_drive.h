/* Blocks of a disk of one's own (libos/drive.h) as a backing store (libos/backing.h). */
#pragma once

#include "libos/backing.h"
#include "libos/drive.h"

struct backing_drive {
    struct backing backing;
    struct drive *drive; /* the caller's; its page 0 is what pages go through */
    uint32_t first;      /* block 0 of the store is this block of the disk    */
};

/* `blocks` blocks of an open drive from `first` on. BAD_ARG: it has no such blocks, or no page.
 * NO_RIGHT: it takes no writes. */
enum err backing_drive_init(struct backing_drive *b, struct drive *drive, uint32_t first,
                            uint32_t blocks);

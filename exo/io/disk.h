/*
 * The disk as the kernel's other parts see it: reads and writes of whole blocks, to and from where
 * they lie, no policy. One disk is driven, in the shared form: its queue is the kernel's, and who
 * may touch which block is decided above.
 *
 * Locking: the caller of everything but disk_init holds the kernel lock that serialises devices;
 * the hooks are called with it. Nothing here blocks.
 */
#pragma once

#include "exo/abi/disk.h"

struct disk_request {
    enum disk_op op;
    uint32_t block, count; /* of DISK_BLOCK_BYTES; a flush: 0                              */
    paddr_t address;       /* of the buffer, which stays as it is until hook_disk_done     */
};

enum disk_result {
    DISK_RESULT_OK,
    DISK_RESULT_ERROR,  /* the disk says no, or broke its contract: nobody knows what it did  */
    DISK_RESULT_STOPPED /* disk_restart came in between; it may be asked again                */
};

/* Finds the disk and starts it; where there is none, or it cannot be driven, disk_present stays
 * false. Before user space starts; the memory of the queue is reserved here for ever. */
void disk_init(void);

bool disk_present(void);
uint32_t disk_blocks(void);   /* whole blocks; 0 when there was none at boot                 */
bool disk_read_only(void);    /* it takes no writes                                          */
bool disk_is_cached(void);    /* what is written is durable after a flush only               */
uint32_t disk_restarts(void); /* how often it was stopped and started again                  */

/* Gives a request to the disk without copying; `cookie` comes back once, by hook_disk_done. False
 * when the queue is full or there is no disk: nothing was taken. Pre: the blocks are the disk's, no
 * write to a disk that is read-only, no flush of one that is not cached. The disk may sleep until
 * disk_push. */
bool disk_submit(const struct disk_request *r, uint32_t cookie);

/* Tells the disk of what disk_submit gave it. */
void disk_push(void);

/* Takes what the disk has finished, by calling the hook: at the interrupt, and for who cannot wait
 * for it. At most one queue's length. */
void disk_poll(void);

/* Stops the disk and starts it again. On return it reads and writes no memory and no block that it
 * was given before, and every request in flight was reported by hook_disk_done. */
void disk_restart(void);

/* Decided by the layer above (exo/entry/hooks.def). The interrupt is passed on, so that whoever
 * owns the lock takes it and calls disk_poll. hook_disk_done calls nothing of the above. */
void hook_disk_interrupt(void);
void hook_disk_done(uint32_t cookie, unsigned result); /* enum disk_result */

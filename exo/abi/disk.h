/*
 * A disk ring: reads, writes and flushes of one environment, in its own frames. The first page is
 * struct disk_header; buffers lie anywhere in the same frames capability. Blocks are named by their
 * number on the disk. Counters run freely and are taken modulo DISK_SLOTS; each has one writer. The
 * kernel believes nothing here: every request is checked when it is taken.
 *
 * Requests of one ring may be done in any order; each slot's state tells. A flush is the exception:
 * it begins when all that was posted before it is done, and then makes it durable.
 *
 * With a ring that was made with a tree (tree.h) requests name the type of the blocks, too; what
 * would change who owns them in a way that it may not is refused, and leaves no trace.
 */
#pragma once

#include "exo/abi/types.h"

#define DISK_BLOCK_BYTES 4096u /* of each block, as large as a page                      */
#define DISK_ALIGN       512u  /* of a buffer, bytes                                     */
#define DISK_SLOTS       64u
#define DISK_COUNT_MAX   256u /* blocks of one request                                  */

enum disk_op {
    DISK_READ = 1,  /* disk to buffer; the extent needs RIGHT_READ                           */
    DISK_WRITE = 2, /* buffer to disk; the extent needs RIGHT_WRITE                          */
    DISK_FLUSH = 3  /* no buffer: block and count are 0; the extent needs RIGHT_WRITE        */
};

#define DISK_DONE   1u /* kernel: done                                                       */
#define DISK_BAD    2u /* kernel: refused: outside the extent or the frames, no right, ...   */
#define DISK_FAILED 3u /* kernel: the disk could not; what was to be written is undefined    */
/* With trees. Of a block that is written these come in this order; of those that it would own the
 * lowest that is not as it must be tells which of the last and the first it is. */
#define DISK_ORDER 4u /* kernel: refused: something else has to be done, or durable, before */
#define DISK_MALFORMED                                                                             \
    5u                /* kernel: refused: the template says that it is no block of its type,       \
                         or that it owns one twice, or too many; or there is no template   */
#define DISK_OWNER 6u /* kernel: refused: it would own what is not free to it              */

#define DISK_OF(op, type) ((uint32_t)(op) | (uint32_t)(type) << 16)

struct disk_slot {
    uint64_t offset; /* of the buffer, bytes from the beginning of the ring's frames          */
    uint32_t block;  /* first block                                                           */
    uint32_t count;  /* blocks, 1 to DISK_COUNT_MAX                                           */
    uint32_t op;     /* enum disk_op; with a tree: DISK_OF(enum disk_op, type)                */
    uint32_t state;  /* DISK_DONE, DISK_BAD, DISK_FAILED, ...; 0 when posted                  */
};

struct disk_header {
    uint32_t posted;      /* user: requests given                                               */
    uint32_t done;        /* kernel: all requests before this one have a state                  */
    uint64_t notify_bits; /* user: bits to raise when a request got its state                   */
    struct disk_slot slots[DISK_SLOTS];
};
_Static_assert(sizeof(struct disk_slot) == 24, "disk_slot layout");
_Static_assert(sizeof(struct disk_header) <= PAGE_SIZE, "the header is one page");

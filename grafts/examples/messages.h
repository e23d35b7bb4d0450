/* What a libOS and its grafts handler_copy and handler_blocks share: where the contents of
 * datagrams are put. Numbers in packets are big-endian. */
#pragma once

#include <stdint.h>

#define COPY_PORT   7001u
#define COPY_PLACES 8u    /* messages that are kept: number n at place n % COPY_PLACES */
#define COPY_MOST   1472u /* bytes of one that comes in one packet                 */
#define BLOCKS_PORT 7002u
#define BLOCKS      64u
#define BLOCK_BYTES 1024u

/* A value of a map. The owner reads messages up to `count` when a record has told it. */
struct copied {
    uint64_t count;   /* messages that were right */
    uint64_t refused; /* and those that were not  */
    uint32_t bytes[COPY_PLACES];
    uint8_t data[COPY_PLACES][2048];
};

/* Likewise: blocks of one whole, each where it belongs, in whatever order they come. */
struct blocks {
    uint64_t arrived; /* bit for each block that is there */
    uint64_t again;   /* blocks that had been there       */
    uint8_t data[BLOCKS][BLOCK_BYTES] __attribute__((aligned(4096)));
};

/* What a datagram for BLOCKS_PORT has behind its header. */
struct block_message {
    uint32_t number;
    uint8_t data[BLOCK_BYTES];
} __attribute__((packed));

/*
 * How a journal lies on the disk: jbd2's format, whose words are all big-endian.
 */
#pragma once

#include "libos-posix/ext2/volume.h"

#define LOG_MAGIC    0xc03b3998u
#define LOG_DESCRIBE 1u
#define LOG_COMMIT   2u
#define LOG_SUPER_V2 4u
#define LOG_REVOKE   5u

/* Words of the superblock; all words of a journal are big-endian. */
enum {
    SUPER_MAGIC,
    SUPER_TYPE,
    SUPER_BLOCK_BYTES = 3,
    SUPER_BLOCKS,
    SUPER_FIRST,
    SUPER_SEQUENCE, /* of the transaction that replaying begins with */
    SUPER_START,    /* its place; 0: there is none */
    SUPER_ERROR,
    SUPER_COMPAT,
    SUPER_INCOMPAT,
    SUPER_RO_COMPAT,
    SUPER_CHECKSUM_TYPE = 20,
    SUPER_FAST_BLOCKS,
    SUPER_CHECKSUM = 63
};

#define HEAD_BYTES  12u /* of a descriptor: magic, type, sequence */
#define TAG_BYTES   8u  /* block, flags */
#define UUID_BYTES  16u /* behind the first tag */
#define TAGS_MOST   ((BLOCK_BYTES - HEAD_BYTES - UUID_BYTES) / TAG_BYTES)
#define TAG_ESCAPED 1u /* the block began with LOG_MAGIC, and has 0 there in the log */
#define TAG_SAME    2u /* no UUID follows */
#define TAG_DELETED 4u
#define TAG_LAST    8u

/* Features of a log that a block says nothing about. */
#define LOG_REVOKES 0x01u
#define LOG_64BIT   0x02u
#define LOG_SUMS_V2 0x08u
#define LOG_SUMS_V3 0x10u

static inline uint32_t log_word_get(const uint8_t *block, unsigned index)
{
    const uint8_t *b = block + 4 * index;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline void log_word_set(uint8_t *block, unsigned index, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        block[4 * index + i] = (uint8_t)(value >> (24 - 8 * i));
}

/*
 * A small file system on a disk, as its libraries and the templates of its blocks know it. One
 * block of inodes is its root; large files have one block of pointers more. Several such file
 * systems share a disk through a volume block, which names the root of each.
 */
#pragma once

#include <stdint.h>

#define SMALL_BLOCK_BYTES 4096u

/* Types of blocks, in a file system's tree and in that of the volume. */
#define SMALL_INODES   1u
#define SMALL_POINTERS 2u
#define SMALL_VOLUME   1u

#define SMALL_VOLUME_MAGIC 0x6c6f7653u
#define SMALL_INODE_MAGIC  0x6f6e6953u

#define SMALL_ROOTS         32u
#define SMALL_INODE_COUNT   63u
#define SMALL_DIRECT        12u
#define SMALL_POINTER_COUNT 1024u

struct small_volume {
    uint32_t magic;
    uint32_t roots[SMALL_ROOTS]; /* blocks; 0: none */
    uint32_t rest[SMALL_BLOCK_BYTES / 4 - SMALL_ROOTS - 1];
};

struct small_inode {
    uint32_t bytes;
    uint32_t used;                 /* 0: it is nobody's, and names no block */
    uint32_t direct[SMALL_DIRECT]; /* blocks of data; 0: none               */
    uint32_t pointers;             /* a block of pointers; 0: none          */
    uint32_t unused;
};

struct small_inodes {
    uint32_t magic;
    uint32_t unused[15];
    struct small_inode inodes[SMALL_INODE_COUNT];
};

struct small_pointers {
    uint32_t to[SMALL_POINTER_COUNT]; /* blocks of data; 0: none */
};

_Static_assert(sizeof(struct small_volume) == SMALL_BLOCK_BYTES, "one block");
_Static_assert(sizeof(struct small_inodes) == SMALL_BLOCK_BYTES, "one block");
_Static_assert(sizeof(struct small_pointers) == SMALL_BLOCK_BYTES, "one block");

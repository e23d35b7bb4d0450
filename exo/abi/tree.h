/*
 * Trees: who owns which blocks of an extent, where the blocks that say so are of a format that only
 * a library knows. Grafts for the hook OWNERSHIP, one for each type of metadata block, tell the
 * kernel which blocks a block owns; no write changes more of that than it may.
 *
 * A tree is made of an extent, and of the block that all others hang on, its root. A tree that is
 * made of another one has for its root a block of type TREE_ROOT that the other tree owns, and
 * takes its blocks from a part of the other's free ones. Each block belongs to the tree in whose
 * part it lies; a root to its own tree. A disk ring made with a tree in place of an extent reads
 * and writes the tree's blocks; no ring made with an extent writes blocks of trees.
 *
 * Writes name the type of their blocks: DISK_OF(DISK_WRITE, type); 0 is data. A block of metadata
 * is written alone, and not before it is known: what is on the disk from before is read first.
 * Until all of that has been read nothing is known to be free. A free block may be written: then it
 * is taken, but not owned yet (loose), and whoever names it next owns it. Metadata is owned only
 * so, data also as soon as it is named. "Durable" is what the disk has done, and where it caches
 * writes, what was done before a flush that has ended, too.
 */
#pragma once

#include "exo/abi/types.h"

#define TREE_DATA       0u    /* types of blocks: data,                                         */
#define TREE_TYPES      16u   /* and from 1 on those of the tree's own templates                */
#define TREE_ROOT       255u  /* the root of another tree; before that is made it holds zeros   */
#define TREE_PARTS      32u   /* trees that are made of one                                     */
#define TREE_COPIES     16u   /* metadata writes on their way at a time, at most                */
#define TREE_RUNS       1024u /* calls of `owns` for one block, at most                     */
#define TREE_SET        8192u /* blocks that one block owns, at most                        */
#define TREE_BLOCKS     1048576u /* of a tree's extent, at most                                */
#define TREE_DEPTH      64u      /* above a block that takes one in that owns some, at most    */
#define TREE_NOBODY     0xffffffffu
#define TREE_PARAMETERS 4u

/* What is known of a block. */
enum tree_state {
    TREE_FREE,
    TREE_LEFT,  /* nobody's any more; free when that is durable                                */
    TREE_NEW,   /* taken; what lies there is not its owner's, who has to write it before he reads */
    TREE_OWNED, /* written                                                                     */
    TREE_UNREAD /* of metadata: on the disk from before; what it owns is not known             */
};

#define TREE_LEAVING                                                                               \
    1u /* flag: the last write of its owner, which may not have ended well, is without it */

struct tree_block {
    uint32_t owner; /* the block that owns it, or TREE_NOBODY                                  */
    uint32_t owns;  /* how many blocks it owns itself                                          */
    uint8_t type;
    uint8_t state; /* enum tree_state                                                          */
    uint8_t busy;  /* requests for it in the disk's hands                                      */
    uint8_t flags; /* set of TREE_LEAVING                                                      */
};
_Static_assert(sizeof(struct tree_block) == 12, "tree_block layout");
#define TREE_READ_MAX 256u /* blocks that tree_read tells of at a time                         */

struct tree_load {
    uint32_t root;   /* block                                                                    */
    uint32_t type;   /* of the root, in the new tree: 1 to TREE_TYPES - 1                        */
    uint32_t is_new; /* 1: nothing is on the disk; the root is to be written first, and to own
                        nothing. 0: the root is to be read first                               */
    uint32_t copies; /* 1 to TREE_COPIES: frames for metadata on its way                       */
    uint32_t first, count; /* of another tree: its part, of free blocks. Of an extent: 0, 0    */
};

/* Frames of a tree: of an extent of `blocks` blocks; of another tree, 0. */
#define TREE_ENTRY_BYTES 24u
#define TREE_FRAMES(blocks, copies)                                                                \
    (4u + (copies) + (uint32_t)(((uint64_t)(blocks)*TREE_ENTRY_BYTES + PAGE_SIZE - 1) / PAGE_SIZE))

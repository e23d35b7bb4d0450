/*
 * Trees: who owns which blocks of an extent (exo/abi/tree.h, decision 38).
 *
 * The first frame of a tree holds struct tree, the next ones the set that is being looked at, then
 * come the copies of metadata that is on its way. Behind them a tree that was made of an extent has
 * the table, one entry for each block, which it shares with all trees that are made of it.
 *
 * What the table says is what the disk may hold after a crash, or more: a block that a write in
 * flight adds is its owner's at once, one that it drops is so until the write is durable.
 *
 * Invariants. tree_check() tests those of one table and names the broken one.
 *   O1  a block that is free or left owns nothing, is owned by nobody, and no request is for it
 *   O2  each owned block is in its owner's list, which is as long as the owner's count says
 *   O3  data owns nothing; nor does what is not known yet, nor the root of a tree that is not there
 *   O4  a block and its owner are the same tree's, or it is that tree's root
 *   O5  a tree counts the blocks that it has to read, and those of each type
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/tree.h"
#include "exo/io/disk.h"
#include "grafts/tree_set.h"

#define TREES_MAX 16u /* that are made of extents */

struct tree_entry {
    uint32_t owner; /* 0: nobody; else 1 + place in the table                              */
    uint32_t next;  /* of its owner's blocks; likewise                                     */
    uint32_t child; /* the first block that it owns; likewise                              */
    uint32_t count; /* of those                                                            */
    uint32_t stamp; /* flushes begun when it was written last, or left                     */
    uint8_t type;
    uint8_t state; /* enum tree_state                                                      */
    uint8_t busy;  /* requests for it in the disk's hands                                  */
    uint8_t flags; /* set of TREE_LEAVING                                                  */
};
_Static_assert(sizeof(struct tree_entry) == TREE_ENTRY_BYTES, "the frames of a tree are ABI");

_Static_assert(TREE_RUNS * sizeof(struct tree_run) == 3 * PAGE_SIZE, "the frames are ABI");

/* Blocks that a tree gave to one that is made of it. */
struct tree_part {
    struct tree *tree; /* NULL: it is not there, and may be made again                     */
    uint32_t root;
    uint32_t first, count; /* 0: not in use. It is so until the root is free, and taken anew */
};

struct tree {
    struct node above; /* child of an extent's, or another tree's capability   */
    struct node templates[TREE_TYPES - 1]; /* [type - 1] child of a graft's; no parent: none */
    uint64_t parameters[TREE_TYPES][TREE_PARAMETERS];
    uint32_t typed[TREE_TYPES]; /* blocks of each type                             */
    uint32_t given;             /* bit per type: it has or had a template          */
    struct tree *up;            /* that it is made of; NULL: an extent             */
    struct tree_entry *table;   /* [blocks], of the blocks from `base` on          */
    uint32_t base, blocks;
    uint32_t first, count; /* its part                                        */
    uint32_t root, root_type;
    uint32_t unread; /* blocks whose state is TREE_UNREAD                */
    uint32_t born;   /* flushes begun when its first block may have been free */
    bool has_begun;  /* its root was written, or is from before          */
    uint16_t busy;   /* bit per copy                                     */
    uint32_t copies;
    uint32_t part_end; /* parts from here on are not in use                */
    struct tree_part parts[TREE_PARTS];
};
_Static_assert(offsetof(struct tree, above) == NODE_AT_ABOVE, "node offsets are ABI");
_Static_assert(offsetof(struct tree, templates) == NODE_AT_TYPES + sizeof(struct node), "likewise");
_Static_assert(sizeof(struct tree) <= PAGE_SIZE, "a tree begins with one frame");

/* What a disk ring remembers of a request that the disk has. */
struct tree_flight {
    struct disk_request request;
    paddr_t buffer; /* its owner's                                                        */
    uint32_t flush; /* a flush: its number                                                */
    uint32_t runs;  /* TREE_META: of its set                                              */
    uint8_t kind;   /* enum tree_kind                                                     */
    uint8_t copy;   /* TREE_META, TREE_FILL: which                                        */
    uint8_t type;
};

enum tree_kind {
    TREE_PLAIN, /* data, or a block of metadata that is known is read                     */
    TREE_META,  /* a block of metadata is written                                         */
    TREE_FILL   /* one that is not known is read                                          */
};

/*
 * Requests. Each is checked, given to the disk, and then taken; when it is done it lands. Nothing
 * of that changes what tree_request_check found meanwhile.
 */

#define TREE_WAITS 100u /* no copy is to be had now */

/* May it be? 0, TREE_WAITS, DISK_BAD, DISK_ORDER, DISK_MALFORMED or DISK_OWNER. Fills *f; what the
 * disk gets is f->request. Pre: it reads, and names no type, or writes; the buffer is the caller's.
 */
uint32_t tree_request_check(struct tree *t, const struct disk_request *q, uint32_t type,
                            struct tree_flight *f);

/* The disk has it. Pre: tree_request_check said 0, and nothing has happened since. */
void tree_request_take(struct tree *t, const struct tree_flight *f);

/* The disk has done it, or could not. Returns the slot's state. */
uint32_t tree_request_land(struct tree *t, const struct tree_flight *f, bool good);

/* Of what is on its way: reads what a template says of a block's contents. False: malformed. */
bool tree_set_find(struct tree *t, uint32_t block, uint32_t type, const uint8_t *contents,
                   struct tree_set *set);

/* For the helper `owns`. */
void tree_set_add(uint64_t first, uint64_t count, uint64_t type);

/* A flush begins, and has its number; and has ended well. */
uint32_t tree_flush_begin(void);
void tree_flush_end(uint32_t number);

/* Is what was done at `stamp` durable? And a stamp for what is done now. */
bool tree_is_durable(uint32_t stamp);
uint32_t tree_stamp(void);

/* Is there a tree that has one of these blocks? */
bool tree_covers(uint32_t first, uint32_t count);

bool tree_has_room(void);

/* Begins a zeroed tree of an extent, or of `up`. Pre: all was checked. */
void tree_begin(struct tree *t, struct cap *above, struct tree *up, const struct tree_load *load);

/* Ends it. What a tree in a part knew is forgotten; the part is the root's as long as that is
 * there. Pre: no ring has it, and no tree is made of it. */
void tree_end(struct tree *t);

struct tree_entry *tree_entry(const struct tree *t, uint32_t block);

/* Are these blocks in its part, and in none that it gave away? And: or its root? */
bool tree_has_free(const struct tree *t, uint32_t first, uint32_t count);
bool tree_has(const struct tree *t, uint32_t first, uint32_t count);

/* Is it taken and nobody's, its root's tree aside? */
bool tree_is_loose(const struct tree *t, uint32_t block);

/* The part whose root it is, or NULL. */
struct tree_part *tree_part_of(struct tree *t, uint32_t root);

/* The same, or where it may be entered; NULL: there is no room. */
struct tree_part *tree_part_room(struct tree *t, uint32_t root);

/* May it be taken now? DISK_ORDER: not yet; DISK_OWNER: it is not free. */
uint32_t tree_check_free(const struct tree *t, uint32_t block);

/* A block that is free is taken. And: one that no list has any more, or that is in none, is left.
 */
void tree_enter(struct tree *t, uint32_t block, uint32_t type, enum tree_state state);
void tree_leave(struct tree *t, uint32_t block);

/* NULL when O1 to O5 hold, else a sentence that begins with the broken one's name. Pre: the tree is
 * made of an extent. */
const char *tree_check(const struct tree *t);

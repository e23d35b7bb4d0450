/*
 * Blocks of a file system's metadata, as they are to be: a cache over an extent of the disk.
 *
 * Changed blocks wait here until a commit writes them; blocks that are not changed go when there
 * are many. Numbers count from the beginning of the extent. A block's bytes lie in the arena, where
 * the disk reads and writes them in place.
 *
 * Invariants. blocks_check() tests them and names the broken one.
 *   B1  each block is in the bucket of its number, once, and in the list by last use
 *   B2  the counts of blocks and of changed ones are right
 */
#pragma once

#include "exo/abi/types.h"

#define BLOCK_BYTES   4096u
#define BLOCK_BUCKETS 512u

struct block {
    uint64_t number;
    uint8_t *bytes;
    bool changed;
    struct block *hash_next;
    struct block *newer, *older; /* by last use */
};

struct blocks {
    unsigned disk;         /* of the port */
    uint64_t first, count; /* the extent */
    bool read_only;
    bool failed; /* the disk did: nothing is written any more */
    uint32_t cached, changed;
    struct block *newest, *oldest;
    struct block *bucket[BLOCK_BUCKETS];
};

/* NULL: no memory. */
struct blocks *blocks_create(unsigned disk, uint64_t first, uint64_t count, bool read_only);
void blocks_free(struct blocks *b);

/* The block, read if `read` is set, else with undefined contents if it is new. Valid until the
 * next call. NULL: the disk failed, it is behind the end, or no memory. */
struct block *blocks_get(struct blocks *b, uint64_t number, bool read);
void blocks_change(struct blocks *b, struct block *block);

/* Something else is written to the disk under this number: what is known of it is forgotten. */
void blocks_forget(struct blocks *b, uint64_t number);

/* The changed blocks in ascending order, at most `most`. Returns how many. */
size_t blocks_changed(const struct blocks *b, struct block **list, size_t most);

/* Writes changed blocks in place. */
bool blocks_write(struct blocks *b);

/* One page to or from a block, past the cache. */
struct blocks_move {
    uint64_t block;
    void *page; /* of the arena */
};
bool blocks_move(struct blocks *b, bool write, const struct blocks_move *list, size_t count);
bool blocks_flush(struct blocks *b);

const char *blocks_check(const struct blocks *b);

/* Memory of the arena for who works on blocks, zero; and a page that can be moved. NULL: none. */
void *blocks_memory(size_t bytes);
void blocks_memory_free(void *memory);
size_t blocks_memory_bytes(const void *memory); /* that were asked for */
void *blocks_page(void);
void blocks_page_free(void *page);
/* ns since 1970. */
uint64_t blocks_now(void);

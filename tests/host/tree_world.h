/*
 * A world for tests of trees: a disk that holds data, and libraries with rings on it. Blocks of
 * metadata are of a form that says straight what they own, so that tests can say anything.
 */
#pragma once

#include "bindings/tree.h"
#include "tests/host/fakes/disk.h"
#include "tests/host/kernel_world.h"

#define TW_FIRST 16u /* blocks of the extent */
#define TW_COUNT 96u
#define TW_PAGES 8u /* of a library's buffers */
#define TW_MAGIC 0x6174656du
#define TW_RUNS  8u
#define TW_META  1u /* types of such blocks: all that have a template */
#define TW_OTHER 2u

enum { TW_EXTENT = 40, TW_TREE, TW_GRAFT, TW_LIBRARIES = 60 };

struct tw_meta {
    uint32_t magic, result; /* of the template */
    struct tree_run runs[TW_RUNS];
};

/* A ring, two slots from TW_LIBRARIES on, made with a tree or an extent. */
struct tw_library {
    slot_t ring, frames;
    pfn_t memory;
};

/* A tree that tests begin with: its blocks, a library, and shorthands. */
#define ROOT  TW_FIRST
#define A     (TW_FIRST + 1)
#define B     (TW_FIRST + 2)
#define C     (TW_FIRST + 3)
#define D     (TW_FIRST + 4)
#define R     (TW_FIRST + 8) /* root of a part */
#define PART  (TW_FIRST + 40)
#define PARTS 20u
#define META  TW_META

#define WRITE(type, block, ...)                                                                    \
    tw_write(&tw_lib, type, block,                                                                 \
             sizeof(struct tree_run[]){__VA_ARGS__} / sizeof(struct tree_run),                     \
             (const struct tree_run[]){__VA_ARGS__})
#define EMPTY(type, block) tw_write(&tw_lib, type, block, 0, NULL)
#define IS(got, want)      assert_int_equal(got, want)

extern struct tw_library tw_lib;

/* Its root is written and durable: all else is free. */
int tw_set_up(void **state);
struct tree_load tw_new_tree(void);

/* Writes an empty block of metadata, and waits until it is durable. */
void tw_prepare(uint32_t type, uint32_t block);

uint8_t tw_state_of(uint32_t block);
uint32_t tw_owner_of(uint32_t block);

/* Blocks as the disk has them. */
extern uint8_t tw_image[FAKE_DISK_BLOCKS][DISK_BLOCK_BYTES];

/* How often the disk's list of requests has begun anew. */
extern unsigned tw_rounds;

/* Told of each request that the disk has done, before the kernel is. */
extern void (*tw_done)(const struct disk_request *r);

int tw_begin(void **state);
int tw_end(void **state);

/* Makes a tree, and gives it a template for both types; the call's error. */
int tw_tree(slot_t above, slot_t dst, struct tree_load load);
int tw_template(slot_t tree, uint32_t type, slot_t graft);

/* The graft that knows that form; the call's error. */
int tw_graft(slot_t dst);

/* One that tells so many runs of one block each, up to TREE_RUNS + 1, whatever the block. */
int tw_graft_of_runs(slot_t dst, uint32_t runs);

void tw_library(struct tw_library *l, unsigned number, slot_t tree);

/* Posts a request, whose buffer begins at page `page`, and returns its slot. tw_kick has the kernel
 * take what is posted. */
uint32_t tw_post(struct tw_library *l, uint32_t op, uint32_t block, uint32_t count, uint32_t page);
void tw_kick(struct tw_library *l);
uint32_t tw_state(const struct tw_library *l, uint32_t slot);

/* The disk does the oldest request in flight. */
void tw_finish(enum disk_result result);

/* Posts, kicks, has the disk do all, and returns the slot's state. */
uint32_t tw_do(struct tw_library *l, uint32_t op, uint32_t block, uint32_t count, uint32_t page);

/* Page `page` of the buffers. */
void *tw_page(const struct tw_library *l, uint32_t page);

/* Writes a block of metadata that says it owns those. */
uint32_t tw_write(struct tw_library *l, uint32_t type, uint32_t block, uint32_t runs,
                  const struct tree_run *run);

void tw_flush(struct tw_library *l);

/* What the kernel says of a block. */
struct tree_block tw_look(slot_t tree, uint32_t block);

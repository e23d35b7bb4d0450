/*
 * The core's own memory: blocks of power-of-two sizes, carved from the layout's core range.
 *
 * Freed blocks go to the list of their class, and serve that class again or, in parts, smaller
 * ones. Nothing is given back to the platform: a file system seldom shrinks.
 */
#pragma once

#include "exo/abi/types.h"

#define HEAP_CLASSES 14u          /* 32 bytes to 256 KiB */
#define HEAP_LEAST   ((size_t)32) /* bytes in a block of class 0; also the alignment */
#define HEAP_MOST    (HEAP_LEAST << (HEAP_CLASSES - 1))

struct heap_block {
    struct heap_block *next;
};

struct heap {
    vaddr_t low;    /* first byte of all                     */
    vaddr_t next;   /* first byte never handed out           */
    vaddr_t mapped; /* end of what the platform has given    */
    vaddr_t limit;  /* end of the core range                 */
    size_t in_use;  /* bytes in blocks that are handed out   */
    struct heap_block *free[HEAP_CLASSES];
};

/* Starts a heap in [low, high), of which [low, mapped) is mapped. */
void core_heap_init(struct heap *h, vaddr_t low, vaddr_t mapped, vaddr_t high);

/* Zeroed memory, or NULL when the platform gives no more. Pre: 0 < bytes <= HEAP_MOST. */
void *core_heap_alloc(struct heap *h, size_t bytes);

/* The same, which holds anything: for what is written before it is read. */
void *core_heap_take(struct heap *h, size_t bytes);

/* May files, and names of files, take so much more? Not when less than this part of all memory
 * would be left, without which no program could be started that removes some. Pre: as above. */
#define HEAP_KEPT_SHARE 8u
bool core_heap_has_for_files(const struct heap *h, size_t bytes);

/* Pre: `block` came from one of these with the same `bytes`. NULL is allowed. */
void core_heap_free(struct heap *h, void *block, size_t bytes);

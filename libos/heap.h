/*
 * Memory in pieces, on top of vm_map.
 *
 * Blocks carry their own and their lower neighbour's size, so that a freed block joins free
 * neighbours at once; free blocks hang in lists by size, four to each doubling. Spans of 1 MiB come
 * from vm_map; a large block is a mapping of its own and goes back when freed.
 *
 * Invariants. heap_check() tests them all and names the broken one.
 *   H1  the blocks of a span fill it, and each knows the size of the one before
 *   H2  no two free blocks are neighbours
 *   H3  a free block is in the list of its size, and a list holds free blocks only
 *
 * For one thread at a time.
 */
#pragma once

#include <stddef.h>

/* Memory of at least `bytes`, 16-byte aligned, or NULL. heap_alloc(0) is a block like any other. */
void *heap_alloc(size_t bytes);

/* The same, filled with zeroes; NULL also when count * bytes is more than there can be. */
void *heap_alloc_zero(size_t count, size_t bytes);

/* `old` made larger or smaller, perhaps elsewhere. NULL: no memory, and `old` is as it was. */
void *heap_resize(void *old, size_t bytes);

/* Pre: from one of the above, or NULL. A block that is not in use ends the program. */
void heap_free(void *block);

/* NULL when H1 to H3 hold, else a sentence that begins with the broken invariant's name. */
const char *heap_check(void);

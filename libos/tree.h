/*
 * Trees for library file systems (exo/abi/tree.h): making them, and finding blocks that are free.
 * Templates are given by exo_tree_template(); disk_open() takes a tree in place of an extent.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/error.h"
#include "exo/abi/tree.h"

/* Makes a tree of an extent or of another tree, from SLOT_MEMORY. Errors of tree_create. */
enum err tree_make(slot_t above, const struct tree_load *load, slot_t *tree);

/* What the kernel knows of a block. Errors of tree_read. */
enum err tree_look(slot_t tree, uint32_t block, struct tree_block *out);

/* The first block of [first, first + count) that is free. NOT_BOUND: there is none. Errors of
 * tree_read. */
enum err tree_find_free(slot_t tree, uint32_t first, uint32_t count, uint32_t *block);

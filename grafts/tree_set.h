/*
 * Which blocks a template (hook OWNERSHIP) says that a block of metadata owns: what the kernel
 * compares before a write, and `graft fsck` follows. Both read the same block alike.
 */
#pragma once

#include "exo/abi/tree.h"

/* Blocks side by side, of one type. */
struct tree_run {
    uint32_t first, count, type;
};

/* What a template told: in its order, and sorted by tree_set_close(). */
struct tree_set {
    struct tree_run *runs; /* [TREE_RUNS] */
    uint32_t count;
    uint32_t blocks; /* in all runs */
    bool is_broken;  /* it is no set, or too large */
};

/* One call of owns(). */
void tree_set_put(struct tree_set *s, uint64_t first, uint64_t count, uint64_t type);

/* The template has ended. False: it told too much, what no block can be, or a block twice. */
bool tree_set_close(struct tree_set *s);

/* Is the block in one of the set's runs? Pre: it was closed. */
bool tree_set_has(const struct tree_set *s, uint32_t block);

/*
 * The command `fsck`: trees (exo/abi/tree.h) in an image of a disk, followed from the root by their
 * templates, which run as the kernel runs them.
 *
 * A plan says what the image does not: one line each, `#` begins a remark.
 *
 *   tree FIRST COUNT root BLOCK TYPE    blocks of the disk that are the tree's; its root and the
 *                                       type of that. The first tree is made of the extent, others
 * of the one in whose part theirs lies type NUMBER FILE [P0 P1 P2 P3]      of the tree above: its
 * template, and parameters (0)
 *
 * A file's name counts from the plan's folder.
 */
#pragma once

#include "exo/abi/tree.h"
#include "grafts/tool/object.h"

#define FSCK_TREES 64u

struct fsck_type {
    char *path; /* NULL: there is no such type */
    struct object_file object;
    struct graft_program program;
    uint64_t parameters[TREE_PARAMETERS];
};

struct fsck_tree {
    unsigned line; /* of the plan */
    uint32_t first, count, root, root_type;
    uint32_t up; /* the tree that it is made of; of the first, itself */
    struct fsck_type types[TREE_TYPES];
    bool is_reached;
    uint32_t found[TREE_TYPES]; /* blocks by type */
};

struct fsck_plan {
    const char *path;
    uint32_t count;
    struct fsck_tree trees[FSCK_TREES];
};

/* Reads the plan, opens and checks its templates. False after a message. fsck_plan_close in either
 * case. */
bool fsck_plan_open(struct fsck_plan *p, const char *path);
void fsck_plan_close(struct fsck_plan *p);

/* The tree that a block of the first one's is, by the parts. */
uint32_t fsck_plan_tree(const struct fsck_plan *p, uint32_t block);

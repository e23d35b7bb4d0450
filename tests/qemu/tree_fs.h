/*
 * A small library file system over a tree (grafts/examples/small_fs.h): files of whole blocks, by
 * number. It keeps the order of writes that the kernel wants, and caches the block of inodes.
 */
#pragma once

#include "grafts/examples/small_fs.h"
#include "libos/disk.h"
#include "libos/tree.h"

struct tree_fs {
    slot_t tree;
    uint32_t root, first, count; /* blocks */
    struct disk disk;
    struct small_inodes *inodes;
    struct small_pointers *pointers; /* of the file that was looked at last */
};

/* Gives the templates of its blocks to a tree. */
enum err tree_fs_templates(slot_t tree, slot_t inodes, slot_t pointers);

enum err tree_fs_open(struct tree_fs *fs, slot_t tree, uint32_t root, uint32_t first,
                      uint32_t count);
void tree_fs_close(struct tree_fs *fs);

/* An empty one; and one that is there, all of whose metadata is read. */
enum err tree_fs_format(struct tree_fs *fs);
enum err tree_fs_mount(struct tree_fs *fs);

/* Adds a block that is filled with `value` at the end of a file. */
enum err tree_fs_append(struct tree_fs *fs, uint32_t file, uint64_t value);

/* Is that what block `index` of a file holds? */
bool tree_fs_holds(struct tree_fs *fs, uint32_t file, uint32_t index, uint64_t value);

/* Blocks of a file. */
uint32_t tree_fs_length(const struct tree_fs *fs, uint32_t file);

/* Which block of the disk is block `index` of a file; 0: it has none, or an error. */
uint32_t tree_fs_where(struct tree_fs *fs, uint32_t file, uint32_t index);

/* The file is empty. */
enum err tree_fs_truncate(struct tree_fs *fs, uint32_t file);

/* The last block of one file, which has pointers, becomes the last one of another, which has not.
 */
enum err tree_fs_move(struct tree_fs *fs, uint32_t from, uint32_t to);

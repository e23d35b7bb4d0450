/*
 * Nodes that stand for files on a disk: what node.h calls when a node has `stored`.
 *
 * A directory's names are in the tree once it is listed; changes of names are made on the disk
 * first. Attributes, and pages of contents, are written by the next commit of the mount. See
 * exo/doc/decisions/0046.
 *
 * Invariants. mount_check() tests them and names the broken one.
 *   M1  a node of a mount is in the bucket of its number, once
 *   M2  a node that has changed is in the list of those, and no other is
 *   M3  a page of the cache is in the bucket of its file and place, and in one list, by last use;
 *       the counts of pages and of changed ones are right
 */
#pragma once

#include "libos-posix/base/fs.h"
#include "libos-posix/file/node.h"

struct mount;
struct page;

struct stored {
    struct mount *mount;
    struct node *node;
    struct stored *hash_next;
    struct stored *changed_next, *changed_prev;
    uint64_t sectors;
    uint32_t pages; /* of it that are in the cache                     */
    bool shown;     /* its pages may be written without a call         */
    bool changed;   /* its attributes are others than the disk's       */
    bool listed;    /* directory: its names are in the tree            */
    bool orphan;    /* it has no name, but is open                     */
};

/* The mount of a node, or NULL. */
struct mount *mount_of(const struct node *n);

/* The node of an inode, made when it is first met. */
long stored_get(struct mount *m, uint64_t ino, struct node **out);

/* Gives a new node an inode near `dir`. ENOSPC, EIO, ENOMEM. */
long stored_make(struct arena *a, const struct node *dir, struct node *n);

/* Sees to it that all names of a directory are in the tree. */
long stored_list(struct arena *a, struct node *dir);

/* Changes of names, on the disk. */
long stored_link(struct node *dir, const char *name, size_t bytes, const struct node *n);
long stored_unlink(const struct entry *e);
/* `old` moves to `name` in `dir`, where `replaced` (or NULL) has stood. */
long stored_rename(const struct entry *old, struct node *dir, const char *name, size_t bytes,
                   const struct entry *replaced);

/* May its attributes be changed? EROFS; EIO: the disk failed. 0 for a file of RAM. */
long stored_check(const struct node *n);

/* Sectors of 512 bytes that it takes. */
uint64_t stored_sectors(const struct node *n);

/* The attributes are others now. */
void stored_change(struct node *n);

/* It has lost its last name, and is open. */
void stored_orphan(struct node *n);

/* Nothing holds a node that has no name: its inode goes. */
void stored_release(struct arena *a, struct node *n);

/* The node becomes one of RAM, without contents; the disk's file stays. */
void stored_detach(struct arena *a, struct node *n);

/* Writes all attributes that have changed. */
long stored_put_changed(struct mount *m);

/* As data_* in node.h; and whether `bytes` at `at` can be written, ENOSPC and EIO. */
long stored_read(struct node *n, uint64_t pos, struct io *io);
long stored_write(struct node *n, uint64_t pos, struct io *io);
long stored_resize(struct node *n, uint64_t size);
void *stored_page(struct node *n, uint64_t index);

/* Memory shows its pages to be written from now on; and no more. */
long stored_show(struct node *n, uint64_t from, uint64_t bytes);
void stored_hide(struct node *n);

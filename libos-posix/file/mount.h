/*
 * File systems that are joined to the tree, and what makes them durable.
 *
 * The root of a mounted one takes the place of the directory that it covers in the entry of that
 * one, so that whoever walks the tree meets no mounts.
 */
#pragma once

#include "libos-posix/file/blocks.h"
#include "libos-posix/file/stored.h"

#define FS_DEVICE   1u    /* st_dev of the file system of RAM: 0:1 */
#define DISK_MAJOR  254u  /* of those on disks: one from Linux's local range */
#define MOUNT_NODES 1024u /* buckets */
#define MOUNT_PAGES 4096u /* buckets */

/* A page of a file in the cache. */
struct page {
    struct node *node;
    uint64_t index;
    uint64_t block; /* 0: it has none yet */
    uint8_t *bytes;
    bool changed;
    struct page *hash_next;
    struct page *newer, *older;
};

struct mount {
    struct mount *next;
    enum fs_kind kind;
    struct fs *fs;
    struct blocks *blocks;
    struct node *root, *covered;
    uint32_t device; /* st_dev: DISK_MAJOR:device */
    bool read_only, no_exec, no_suid;
    bool broken;         /* what is known of it may be wrong: nothing is written any more */
    uint32_t busy;       /* changes that are being made: who ends then leaves it broken */
    uint32_t orphans;    /* nodes without a name that are open */
    uint32_t shown;      /* nodes whose pages may be written without a call */
    uint64_t changed_ns; /* when the first change after the last commit was; 0: none */
    uint32_t page_count, pages_changed, pages_most;
    struct stored *changed;
    struct page *newest, *oldest;
    char source[64], kind_name[8];
    struct stored *nodes[MOUNT_NODES];
    struct page *pages[MOUNT_PAGES];
};

const struct fs_ops *mount_ops(const struct mount *m);

/* Joins what is on blocks [first, first + count) of a disk at directory `at`; count 0: to its end.
 * ENODEV: no such kind; ENXIO: no such disk, or part of it; EBUSY: `at` is a root, or the blocks
 * are mounted; errors of fs_ops.open, with *why. */
struct mount_request {
    unsigned disk;
    uint64_t first, count;
    const char *kind, *source;
    bool read_only, no_exec, no_suid;
};
long mount_add(struct arena *a, const struct mount_request *r, struct node *at, const char **why);

/* EBUSY: files of it are open. EIO: what was not durable is lost. */
long mount_remove(struct arena *a, struct mount *m);

/* All that was done becomes durable. EIO: it did not, and never will. */
long mount_commit(struct mount *m);
long mount_commit_all(struct arena *a);

/* Around each change. EROFS; EIO: it is broken. */
long mount_begin(struct mount *m);
void mount_end(struct mount *m);

/* Something is to be committed. */
void mount_note(struct mount *m);

/* Between changes: commits if there is much, or for long. */
void mount_look(struct mount *m);
/* The same for all; the moment to look again, as port_monotonic_ns(). */
uint64_t mount_look_all(struct arena *a);

/* An error was ENOSPC, and a commit may have made room: try again. */
bool mount_try_again(struct mount *m, long error);

/* Who had the lock was ended: a volume that was being changed is not written any more. */
void mount_lost(struct arena *a);

/* The family ends: what can be made durable is, and no mount is left in use. */
void mount_end_all(struct arena *a);

/* Writes pages of files that have changed. stored_data.c */
bool mount_write_pages(struct mount *m);
/* Forgets all pages of a file from `index` on, or of all files. */
void mount_drop_pages(struct node *n, uint64_t index);

const char *mount_check(const struct arena *a);

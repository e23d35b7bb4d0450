/*
 * inotify: what happens to files and directories that somebody watches, as events in the order of
 * happening.
 *
 * A watch belongs to an inotify file and to a node, and goes with either. As long as there is none,
 * telling costs one look at the arena.
 *
 * Invariants. watch_check() tests them and names the broken one.
 *   W1  a watch is in its node's list and in its file's, and the arena counts all
 *   W2  numbers of watches are one watch's of their file, and so are nodes
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/file/file.h"
#include "libos-posix/file/node.h"

#define IN_ACCESS        0x1u
#define IN_MODIFY        0x2u
#define IN_ATTRIB        0x4u
#define IN_CLOSE_WRITE   0x8u
#define IN_CLOSE_NOWRITE 0x10u
#define IN_OPEN          0x20u
#define IN_MOVED_FROM    0x40u
#define IN_MOVED_TO      0x80u
#define IN_CREATE        0x100u
#define IN_DELETE        0x200u
#define IN_DELETE_SELF   0x400u
#define IN_MOVE_SELF     0x800u
#define IN_ALL_EVENTS    0xfffu
#define IN_UNMOUNT       0x2000u
#define IN_Q_OVERFLOW    0x4000u
#define IN_IGNORED       0x8000u
#define IN_ONLYDIR       0x01000000u
#define IN_DONT_FOLLOW   0x02000000u
#define IN_EXCL_UNLINK   0x04000000u
#define IN_MASK_CREATE   0x10000000u
#define IN_MASK_ADD      0x20000000u
#define IN_ISDIR         0x40000000u
#define IN_ONESHOT       0x80000000u

struct inotify;

struct watch {
    struct watch *of_node, *of_file; /* the next ones */
    struct inotify *file;
    struct node *node;
    int32_t number;
    uint32_t mask;
};

/* A new inotify file's buffer. NULL: no memory. */
struct inotify *inotify_create(struct arena *a);

/* Watches `n` for `mask`, or changes how it is watched: the watch's number. ENOSPC, EEXIST. */
long watch_add(struct arena *a, struct inotify *file, struct node *n, uint32_t mask);

/* EINVAL: the file has no such watch. */
long watch_remove(struct arena *a, struct inotify *file, int32_t number);

/* Bytes that a read would give in all. */
size_t inotify_waiting(const struct inotify *file);

void watch_tell_name(struct arena *a, const struct node *dir, const struct entry *e, uint32_t mask,
                     uint32_t cookie);
void watch_tell_node(struct arena *a, const struct node *n, uint32_t mask);
void watch_moved(struct arena *a, const struct node *n);
void watch_node_goes(struct arena *a, struct node *n);

/* `mask` happened to what the entry names, told to who watches the directory `dir`. */
static inline void watch_name(struct arena *a, const struct node *dir, const struct entry *e,
                              uint32_t mask, uint32_t cookie)
{
    if (a->watch_count)
        watch_tell_name(a, dir, e, mask, cookie);
}

/* The same, told to who watches the node or a directory in which it has a name. */
static inline void watch_node(struct arena *a, const struct node *n, uint32_t mask)
{
    if (a->watch_count)
        watch_tell_node(a, n, mask);
}

/* NULL when W1 and W2 hold, else a sentence that begins with the broken invariant's name. */
const char *watch_check(const struct arena *a);

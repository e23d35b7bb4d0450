/* Resolving a path to a node, as path_resolution(7) describes it. */
#pragma once

#include "libos-posix/base/arena.h"

#define WALK_FOLLOW (1u << 0) /* follow a symbolic link in the last part     */
#define WALK_EMPTY  (1u << 1) /* an empty path means the start itself        */

struct walk {
    struct node *dir;  /* where the last part stands, or would stand              */
    const char *name;  /* the last part; not ended by a zero                      */
    size_t bytes;      /* of it; 0 when the path ends in "/", "." or ".."         */
    struct node *node; /* what the path names; NULL when only the last part lacks */
    bool slash;        /* the path ends in a slash: only a directory will do      */
    unsigned links;    /* symbolic links followed so far                          */
    struct file *file; /* the path leads through /proc/PID/fd to this open file, or NULL */
};

/* Starts at `dirfd` (a descriptor, or AT_FDCWD) when `path` is not absolute. A missing last part
 * is no error: the caller sees node == NULL. `name` lives as long as the path and the tree.
 * ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG; EBADF: dirfd is not open. */
long path_walk(struct process *p, word_t dirfd, const char *path, unsigned how, struct walk *out);

/* The same by who knows the length. */
long path_walk_text(struct process *p, word_t dirfd, const char *path, size_t bytes, unsigned how,
                    struct walk *out);

/* The same from user memory, with ENOENT when nothing is named: for calls that need no parent. */
long path_node(struct process *p, word_t dirfd, vaddr_t path, unsigned how, struct node **out);

/* Writes the absolute path of directory `dir` with its zero; returns the bytes written. ENOENT:
 * it was removed; ERANGE: `capacity` is too small. */
long path_of(const struct arena *a, const struct node *dir, char *to, size_t capacity);

/* The same from another root; ENOENT also: `dir` is not below it. */
long path_below(const struct node *root, const struct node *dir, char *to, size_t capacity);

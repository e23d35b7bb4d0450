/*
 * Locks of files: flock's, which belong to an open file, and fcntl's records, which belong to a
 * process or (F_OFD_*) to an open file.
 *
 * Invariants. lockf_check() tests them and names the broken one.
 *   K1  a lock's range is not empty
 *   K2  locks of one kind that overlap have one owner, or are all shared
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/file/file.h"

struct record {
    struct record *next; /* of the node */
    const void *owner;   /* the process or the open file */
    int32_t pid;         /* of a process; else -1 */
    bool is_flock;
    bool exclusive;
    uint64_t start, end; /* bytes, [start, end) */
};

/* A process closes a file of this node: its records on it go. */
void lockf_process_closes(struct process *p, struct node *n);

/* An open file goes. */
void lockf_file_goes(struct arena *a, struct file *f);

/* NULL when K1 and K2 hold for a node, else a sentence with the broken invariant's name. */
const char *lockf_check(const struct node *n);

/* fcntl with F_GETLK and its kin. */
long lockf_fcntl(struct process *p, struct file *f, int command, vaddr_t at);

/*
 * Message queues of mq_open: named, of messages that are ordered by priority.
 *
 * Invariants. queue_check() tests them all and names the broken one.
 *   Q1  the messages of a queue are sorted: the greatest priority first, among equals the oldest
 *   Q2  a queue counts its messages and has at most as many as it may
 *   Q3  a queue without a name has an open file
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/file/file.h"

#define QUEUE_PRIORITIES   32768u
#define QUEUE_MESSAGE_MOST 131072u /* bytes in one message */

struct queue_message {
    struct queue_message *next;
    size_t bytes;
    uint32_t priority;
    uint8_t data[];
};

struct queue {
    struct queue *next; /* of all in the arena */
    struct node *node;  /* who owns it and what others may; it holds one `opens` of it */
    struct queue_message *first;
    uint64_t count, most; /* messages */
    uint64_t bytes_most;  /* in one of them */
    uint32_t files;       /* open files that name it */
    uint32_t receivers;   /* that sleep in mq_timedreceive */
    bool named;
    int32_t told_pid;    /* who wants to be told of a message in the empty queue; 0: nobody */
    uint32_t told_with;  /* the signal; 0: none */
    uint64_t told_value; /* that comes with it */
    char name[NAME_MAX + 1];
};

struct queue *queue_find(const struct arena *a, const char *name);

/* A queue with that name, which is free. ENOMEM; EMFILE: more than the caller may have. */
long queue_create(struct process *p, const char *name, uint32_t mode, uint64_t most,
                  uint64_t bytes_most, struct queue **out);

/* It has no name any more, and goes with its last file. */
void queue_unlink(struct arena *a, struct queue *q);

/* A message at its place. ENOMEM, EFAULT. Pre: there is room. */
long queue_put(struct process *p, struct queue *q, vaddr_t from, size_t bytes, uint32_t priority);

/* The process closes a descriptor of the queue: it is not told any more. */
void queue_process_closes(const struct process *p, struct file *f);

/* NULL when Q1 to Q3 hold, else a sentence that begins with the broken invariant's name. */
const char *queue_check(const struct arena *a);

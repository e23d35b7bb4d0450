/*
 * Contexts of Linux' asynchronous I/O. They are a process' own: neither its children nor what it
 * executes have them.
 *
 * Locking: the caller holds the arena's lock.
 */
#pragma once

#include "libos-posix/base/arena.h"

struct linux_iocb {
    uint64_t data;
    uint32_t key, rw_flags;
    uint16_t operation;
    int16_t priority;
    uint32_t fd;
    uint64_t base, bytes;
    int64_t at;
    uint64_t reserved;
    uint32_t flags, event_fd;
};
_Static_assert(sizeof(struct linux_iocb) == 64, "struct iocb");

struct linux_io_event {
    uint64_t data, iocb;
    int64_t result, result2;
};
_Static_assert(sizeof(struct linux_io_event) == 32, "struct io_event");

/* A result that nobody has fetched. */
struct aio_result {
    struct aio_result *next;
    struct linux_io_event event;
};

struct aio {
    struct aio *next; /* of the process */
    uint64_t id;      /* the address of its page */
    uint32_t most, count;
    struct aio_result *first, *last; /* not fetched */
};

/* The context with that number, or NULL. */
struct aio *aio_find(const struct process *p, uint64_t id);

/* Adds a result behind the others; takes the first. Pre, of the latter: there is one. */
void aio_add(struct aio *c, struct aio_result *r);
struct aio_result *aio_take(struct aio *c);

/* With the results that are not fetched. */
void aio_forget(struct process *p, struct aio *c);
void aio_forget_all(struct process *p);

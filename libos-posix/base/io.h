/* A transfer: where the bytes of a read go to, or those of a write come from. */
#pragma once

#include "libos-posix/base/arena.h"

struct io {
    const struct process *process; /* NULL: the parts are the core's own memory */
    const struct linux_iovec *parts;
    size_t part_count;
    size_t part;      /* the part that is being used    */
    size_t part_done; /* bytes of it that are done      */
    size_t left;      /* bytes of the whole not done yet */
};

/* One part: `one` keeps the description and must live as long as the io. */
void io_init_user(struct io *io, struct linux_iovec *one, const struct process *p, vaddr_t base,
                  size_t bytes);
void io_init_core(struct io *io, struct linux_iovec *one, void *base, size_t bytes);

/* Several parts. Pre: their sum fits a long. */
void io_init_parts(struct io *io, const struct process *p, const struct linux_iovec *parts,
                   size_t count);

/* Move at most `bytes` between core memory and the transfer. They return how many were moved,
 * which is less when the transfer is full, or -EFAULT when not even one could be. */
long io_put(struct io *io, const void *from, size_t bytes);
long io_get(struct io *io, void *to, size_t bytes);

/* Will io_get move the next `bytes` for certain? False as well if they lie in several parts. */
bool io_is_whole(const struct io *io, size_t bytes);

/* Like io_put, of zeros. */
long io_put_zeros(struct io *io, size_t bytes);

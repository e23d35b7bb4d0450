/* A transfer: where the bytes of a read go to, or those of a write come from. */
#pragma once

#include "libos-posix/base/area.h"
#include "libos-posix/base/mem.h"

struct io {
    struct process *process;        /* NULL: the parts are the core's own memory */
    vaddr_t at;                     /* of the part that is being used: what is not done yet */
    size_t here;                    /* bytes of it                                          */
    size_t left;                    /* bytes of the whole not done yet                      */
    const struct linux_iovec *next; /* further parts */
    size_t next_count;
};

/* One part. */
static inline void io_init_user(struct io *io, struct process *p, vaddr_t base, size_t bytes)
{
    *io = (struct io){.process = p, .at = base, .here = bytes, .left = bytes};
}
static inline void io_init_core(struct io *io, void *base, size_t bytes)
{
    io_init_user(io, NULL, (vaddr_t)base, bytes);
}

/* Several parts, which must live as long as the io. Pre: their sum fits a long. */
void io_init_parts(struct io *io, struct process *p, const struct linux_iovec *parts, size_t count);

/* Parts of the two below: moves that touch more than one part, or not all that is to be moved. */
long io_put_parts(struct io *io, const void *from, size_t bytes);
long io_get_parts(struct io *io, void *to, size_t bytes);
long io_put_zeros_parts(struct io *io, size_t bytes);

/* May the next `bytes` be moved at once? */
static inline bool io_is_flat(const struct io *io, size_t bytes, rights_t need)
{
    return bytes <= io->here && (!io->process || area_has(io->process, io->at, bytes, need));
}

static inline void io_advance(struct io *io, size_t bytes)
{
    io->at += bytes;
    io->here -= bytes;
    io->left -= bytes;
}

/* Move at most `bytes` between core memory and the transfer. They return how many were moved,
 * which is less when the transfer is full, or -EFAULT when not even one could be. */
static inline long io_put(struct io *io, const void *from, size_t bytes)
{
    if (!io->next_count && bytes > io->here)
        bytes = io->here;
    if (!io_is_flat(io, bytes, RIGHT_WRITE))
        return io_put_parts(io, from, bytes);
    mem_copy((void *)io->at, from, bytes);
    io_advance(io, bytes);
    return (long)bytes;
}

static inline long io_get(struct io *io, void *to, size_t bytes)
{
    if (!io->next_count && bytes > io->here)
        bytes = io->here;
    if (!io_is_flat(io, bytes, RIGHT_READ))
        return io_get_parts(io, to, bytes);
    mem_copy(to, (const void *)io->at, bytes);
    io_advance(io, bytes);
    return (long)bytes;
}

/* Will io_get move the next `bytes` for certain? False as well if they lie in several parts. */
static inline bool io_is_whole(const struct io *io, size_t bytes)
{
    return io_is_flat(io, bytes, RIGHT_READ);
}

/* Like io_put, of zeros. */
static inline long io_put_zeros(struct io *io, size_t bytes)
{
    if (!io->next_count && bytes > io->here)
        bytes = io->here;
    if (!io_is_flat(io, bytes, RIGHT_WRITE))
        return io_put_zeros_parts(io, bytes);
    mem_clear((void *)io->at, bytes);
    io_advance(io, bytes);
    return (long)bytes;
}

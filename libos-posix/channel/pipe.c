/* Pipes: a ring of bytes with a reading and a writing file. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/signal.h"

#define PIPE_BYTES        ((size_t)65536) /* as in Linux */
#define PIPE_ATOMIC_BYTES ((size_t)4096)  /* PIPE_BUF: so much is written at once or not at all */

struct pipe {
    uint32_t readers, writers;           /* open files */
    uint32_t readers_seen, writers_seen; /* how often one was opened: for who waits for it */
    size_t start;                        /* of what waits, in `ring` */
    size_t waiting;                      /* bytes */
    uint8_t *ring;                       /* PIPE_BYTES */
};

size_t pipe_waiting(const struct file *f)
{
    return ((const struct pipe *)f->buffer)->waiting;
}

static void pipe_free(struct arena *a, struct pipe *pipe)
{
    if (!pipe)
        return;
    core_heap_free(&a->heap, pipe->ring, PIPE_BYTES);
    core_heap_free(&a->heap, pipe, sizeof *pipe);
}

static struct pipe *pipe_alloc(struct arena *a)
{
    struct pipe *pipe = core_heap_alloc(&a->heap, sizeof *pipe);
    if (!pipe)
        return NULL;
    *pipe = (struct pipe){.readers = 1, .writers = 1};
    pipe->ring = core_heap_alloc(&a->heap, PIPE_BYTES);
    if (!pipe->ring) {
        pipe_free(a, pipe);
        return NULL;
    }
    return pipe;
}

long pipe_create(struct process *p, uint32_t flags, struct file **reader, struct file **writer)
{
    struct arena *a = p->arena;
    struct node *n = node_create(a, S_IFIFO | 0600);
    struct pipe *pipe = n ? pipe_alloc(a) : NULL;

    if (!pipe) {
        if (n)
            node_release(a, n);
        return -ENOMEM;
    }
    node_hold(n);
    *reader = file_create(a, FILE_PIPE_READ, n, flags | O_RDONLY);
    *writer = *reader ? file_create(a, FILE_PIPE_WRITE, n, flags | O_WRONLY) : NULL;
    if (*writer) {
        (*reader)->buffer = (*writer)->buffer = pipe;
        node_drop(a, n);
        return 0;
    }
    pipe_free(a, pipe);
    if (*reader)
        file_release(p, *reader);
    node_drop(a, n);
    return -ENOMEM;
}

/* Waits for the other end, unless that is not wanted. */
static long wait_for_change(const struct file *f)
{
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    return task_sleep(task_current(), f->buffer, PORT_FOREVER);
}

static long pipe_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct pipe *pipe = f->buffer;
    long done = 0;

    (void)position;
    while (!pipe->waiting) {
        if (!pipe->writers)
            return 0;
        long e = wait_for_change(f);
        if (e)
            return e;
    }
    while (pipe->waiting && io->left) {
        size_t n = PIPE_BYTES - pipe->start;
        if (n > pipe->waiting)
            n = pipe->waiting;
        long moved = io_put(io, pipe->ring + pipe->start, n);
        if (moved < 0)
            return done ? done : moved;
        pipe->start = (pipe->start + (size_t)moved) % PIPE_BYTES;
        pipe->waiting -= (size_t)moved;
        done += moved;
    }
    task_wake_pollers(p->arena, pipe);
    return done;
}

/* As much as fits. */
static long fill(struct process *p, struct pipe *pipe, struct io *io)
{
    long done = 0;

    while (io->left && pipe->waiting < PIPE_BYTES) {
        size_t end = (pipe->start + pipe->waiting) % PIPE_BYTES;
        size_t n = PIPE_BYTES - pipe->waiting; /* free in all; and before the ring ends: */
        if (n > PIPE_BYTES - end)
            n = PIPE_BYTES - end;
        long moved = io_get(io, pipe->ring + end, n);
        if (moved < 0)
            return done ? done : moved;
        pipe->waiting += (size_t)moved;
        done += moved;
    }
    task_wake_pollers(p->arena, pipe);
    return done;
}

static long pipe_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct pipe *pipe = f->buffer;
    long done = 0, e = 0;

    (void)position;
    while (io->left && !e) {
        size_t space = PIPE_BYTES - pipe->waiting;
        bool whole = io->left <= PIPE_ATOMIC_BYTES;
        if (!pipe->readers) {
            signal_raise(p, NULL, SIGPIPE, p);
            e = -EPIPE;
        } else if (!space || (whole && !done && space < io->left)) {
            e = wait_for_change(f);
        } else {
            long n = fill(p, pipe, io);
            e = n < 0 ? n : 0;
            done += n > 0 ? n : 0;
        }
    }
    return done ? done : e;
}

static uint16_t pipe_read_poll(const struct file *f)
{
    const struct pipe *pipe = f->buffer;
    return (uint16_t)((pipe->waiting ? POLLIN | POLLRDNORM : 0) | (pipe->writers ? 0 : POLLHUP));
}

static uint16_t pipe_write_poll(const struct file *f)
{
    const struct pipe *pipe = f->buffer;
    bool space = PIPE_BYTES - pipe->waiting >= PIPE_ATOMIC_BYTES;
    return (uint16_t)((space ? POLLOUT | POLLWRNORM : 0) | (pipe->readers ? 0 : POLLERR));
}

static uint16_t pipe_both_poll(const struct file *f)
{
    return pipe_read_poll(f) | pipe_write_poll(f);
}

/* A FIFO's pipe goes with its last file; what was in it is lost. */
static void leave(struct process *p, struct file *f, uint32_t readers, uint32_t writers)
{
    struct pipe *pipe = f->buffer;
    if (!pipe)
        return;
    pipe->readers -= readers;
    pipe->writers -= writers;
    task_wake_pollers(p->arena, pipe);
    if (pipe->readers || pipe->writers)
        return;
    if (f->node->pipe == pipe)
        f->node->pipe = NULL;
    pipe_free(p->arena, pipe);
}

static void pipe_read_close(struct process *p, struct file *f)
{
    leave(p, f, 1, 0);
}

static void pipe_write_close(struct process *p, struct file *f)
{
    leave(p, f, 0, 1);
}

static void pipe_both_close(struct process *p, struct file *f)
{
    leave(p, f, 1, 1);
}

/* The count of the other end's openings changes when it comes, even if it has gone since. */
static long wait_for_other(struct pipe *pipe, const uint32_t *there, const uint32_t *seen)
{
    uint32_t before = *seen;

    while (!*there && *seen == before) {
        long e = task_sleep(task_current(), pipe, PORT_FOREVER);
        if (e)
            return e;
    }
    return 0;
}

long pipe_open(struct process *p, struct file *f)
{
    struct node *n = f->node;
    bool reads = f->kind != FILE_PIPE_WRITE, writes = f->kind != FILE_PIPE_READ;

    if (!reads && (f->flags & O_NONBLOCK) && (!n->pipe || !n->pipe->readers))
        return -ENXIO;
    if (!n->pipe) {
        n->pipe = pipe_alloc(p->arena);
        if (!n->pipe)
            return -ENOMEM;
        n->pipe->readers = n->pipe->writers = 0;
    }
    struct pipe *pipe = f->buffer = n->pipe;
    pipe->readers += reads;
    pipe->writers += writes;
    pipe->readers_seen += reads;
    pipe->writers_seen += writes;
    task_wake_pollers(p->arena, pipe);
    if ((reads && writes) || (f->flags & O_NONBLOCK))
        return 0;
    return reads ? wait_for_other(pipe, &pipe->writers, &pipe->writers_seen)
                 : wait_for_other(pipe, &pipe->readers, &pipe->readers_seen);
}

const struct file_ops file_ops_pipe_read = {
    .read = pipe_read, .poll = pipe_read_poll, .close = pipe_read_close};
const struct file_ops file_ops_pipe_write = {
    .write = pipe_write, .poll = pipe_write_poll, .close = pipe_write_close};
const struct file_ops file_ops_pipe_both = {
    .read = pipe_read, .write = pipe_write, .poll = pipe_both_poll, .close = pipe_both_close};

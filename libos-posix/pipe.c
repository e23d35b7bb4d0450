/* Pipes: a ring of bytes with a reading and a writing file. */
#include "libos-posix/abi_errno.h"
#include "libos-posix/file.h"
#include "libos-posix/io.h"
#include "libos-posix/mem.h"
#include "libos-posix/node.h"
#include "libos-posix/signal.h"

/* A pipe has the size of the largest heap block, as in Linux 64 KiB. */
#define PIPE_BYTES        HEAP_MOST
#define PIPE_ATOMIC_BYTES ((size_t)4096) /* PIPE_BUF: so much is written at once or not at all */

struct pipe {
    bool has_reader, has_writer;
    size_t start;   /* of what waits, in `ring` */
    size_t waiting; /* bytes */
    uint8_t *ring;  /* PIPE_BYTES */
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
    *pipe = (struct pipe){.has_reader = true, .has_writer = true};
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

/* With one process and one thread nobody could end the wait, so a call that would wait for its
 * own process for ever is refused. */
static long would_wait(const struct file *f)
{
    return f->flags & O_NONBLOCK ? -EAGAIN : -EDEADLK;
}

static long pipe_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct pipe *pipe = f->buffer;
    long done = 0;

    (void)p, (void)position;
    if (!pipe->waiting)
        return pipe->has_writer ? would_wait(f) : 0;
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
    return done;
}

static long pipe_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct pipe *pipe = f->buffer;
    size_t space = PIPE_BYTES - pipe->waiting;
    long done = 0;

    (void)position;
    if (!pipe->has_reader) {
        signal_raise(p, SIGPIPE);
        return -EPIPE;
    }
    if (!space || (io->left <= PIPE_ATOMIC_BYTES && space < io->left))
        return would_wait(f);
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
    return done;
}

static uint16_t pipe_read_poll(const struct file *f)
{
    const struct pipe *pipe = f->buffer;
    return (uint16_t)((pipe->waiting ? POLLIN | POLLRDNORM : 0) | (pipe->has_writer ? 0 : POLLHUP));
}

static uint16_t pipe_write_poll(const struct file *f)
{
    const struct pipe *pipe = f->buffer;
    bool space = PIPE_BYTES - pipe->waiting >= PIPE_ATOMIC_BYTES;
    return (uint16_t)((space ? POLLOUT | POLLWRNORM : 0) | (pipe->has_reader ? 0 : POLLERR));
}

static void pipe_read_close(struct process *p, struct file *f)
{
    struct pipe *pipe = f->buffer;
    if (!pipe)
        return;
    pipe->has_reader = false;
    if (!pipe->has_writer)
        pipe_free(p->arena, pipe);
}

static void pipe_write_close(struct process *p, struct file *f)
{
    struct pipe *pipe = f->buffer;
    pipe->has_writer = false;
    if (!pipe->has_reader)
        pipe_free(p->arena, pipe);
}

const struct file_ops file_ops_pipe_read = {
    .read = pipe_read, .poll = pipe_read_poll, .close = pipe_read_close};
const struct file_ops file_ops_pipe_write = {
    .write = pipe_write, .poll = pipe_write_poll, .close = pipe_write_close};

/* Calls that move data through descriptors. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/io.h"
#include "libos-posix/file/node.h"
#include "libos-posix/base/user.h"

#define TRANSFER_MAX    ((size_t)0x7ffff000) /* bytes in one call, as in Linux */
#define SENDFILE_BUFFER ((size_t)16384)

/* Runs one transfer while the file is held, so that it cannot go away in the middle. */
static long transfer(struct process *p, word_t fd, struct io *io, uint64_t *at, bool write)
{
    struct file *f = file_get(p, fd);
    if (!f)
        return -EBADF;

    file_hold(f);
    long n = write ? file_write(p, f, io, at) : file_read(p, f, io, at);
    file_release(p, f);
    return n;
}

static long transfer_one(struct process *p, word_t fd, vaddr_t base, word_t bytes, uint64_t *at,
                         bool write)
{
    struct io io;

    io_init_user(&io, p, base, bytes < TRANSFER_MAX ? bytes : TRANSFER_MAX);
    return transfer(p, fd, &io, at, write);
}

long call_read(struct process *p, word_t fd, word_t base, word_t bytes)
{
    return transfer_one(p, fd, base, bytes, NULL, false);
}

long call_write(struct process *p, word_t fd, word_t base, word_t bytes)
{
    return transfer_one(p, fd, base, bytes, NULL, true);
}

long call_pread64(struct process *p, word_t fd, word_t base, word_t bytes, word_t at)
{
    if ((int64_t)at < 0)
        return -EINVAL;
    return transfer_one(p, fd, base, bytes, &at, false);
}

long call_pwrite64(struct process *p, word_t fd, word_t base, word_t bytes, word_t at)
{
    if ((int64_t)at < 0)
        return -EINVAL;
    return transfer_one(p, fd, base, bytes, &at, true);
}

/* Cuts the parts so that together they are at most TRANSFER_MAX. EINVAL: one is negative. */
static long parts_limit(struct linux_iovec *parts, size_t count)
{
    size_t left = TRANSFER_MAX;

    for (size_t i = 0; i < count; i++) {
        if ((int64_t)parts[i].bytes < 0)
            return -EINVAL;
        if (parts[i].bytes > left)
            parts[i].bytes = left;
        left -= parts[i].bytes;
    }
    return 0;
}

static long transfer_parts(struct process *p, word_t fd, vaddr_t vector, word_t count, uint64_t *at,
                           bool write)
{
    if (!file_get(p, fd))
        return -EBADF;
    if (count > IOV_MAX)
        return -EINVAL;
    if (!count)
        return 0;

    size_t bytes = count * sizeof(struct linux_iovec);
    struct linux_iovec *parts = core_heap_alloc(&p->arena->heap, bytes);
    if (!parts)
        return -ENOMEM;
    long n = user_read(p, parts, vector, bytes);
    if (!n)
        n = parts_limit(parts, count);
    if (!n) {
        struct io io;
        io_init_parts(&io, p, parts, count);
        n = transfer(p, fd, &io, at, write);
    }
    core_heap_free(&p->arena->heap, parts, bytes);
    return n;
}

long call_readv(struct process *p, word_t fd, word_t vector, word_t count)
{
    return transfer_parts(p, fd, vector, count, NULL, false);
}

long call_writev(struct process *p, word_t fd, word_t vector, word_t count)
{
    return transfer_parts(p, fd, vector, count, NULL, true);
}

/* Like readv and writev at a place; -1 is the file's own position, flags are advice that a file
 * system in RAM needs none of, but for those that must be known. */
static long transfer_at(struct process *p, word_t fd, vaddr_t vector, word_t count, word_t at,
                        word_t flags, bool write)
{
    const word_t advice = 0x7; /* RWF_HIPRI, RWF_DSYNC, RWF_SYNC */

    if (flags & ~advice)
        return -EOPNOTSUPP;
    if ((int64_t)at < -1)
        return -EINVAL;
    return transfer_parts(p, fd, vector, count, (int64_t)at == -1 ? NULL : &at, write);
}

long call_preadv2(struct process *p, word_t fd, word_t vector, word_t count, word_t at, word_t high,
                  word_t flags)
{
    (void)high; /* of 32-bit programs */
    return transfer_at(p, fd, vector, count, at, flags, false);
}

long call_pwritev2(struct process *p, word_t fd, word_t vector, word_t count, word_t at,
                   word_t high, word_t flags)
{
    (void)high;
    return transfer_at(p, fd, vector, count, at, flags, true);
}

long call_preadv(struct process *p, word_t fd, word_t vector, word_t count, word_t at)
{
    return (int64_t)at < 0 ? -EINVAL : transfer_at(p, fd, vector, count, at, 0, false);
}

long call_pwritev(struct process *p, word_t fd, word_t vector, word_t count, word_t at)
{
    return (int64_t)at < 0 ? -EINVAL : transfer_at(p, fd, vector, count, at, 0, true);
}

/* Copies through a buffer of the core. What was read but could not be written is read again next
 * time, since the position moves by what was written. */
static long copy_between(struct process *p, struct file *in, struct file *out, uint64_t *at,
                         uint64_t *to, size_t bytes, void *buffer)
{
    size_t done = 0;
    long n = 0;

    while (done < bytes) {
        struct io io;
        uint64_t from = *at;

        io_init_core(&io, buffer, bytes - done < SENDFILE_BUFFER ? bytes - done : SENDFILE_BUFFER);
        n = file_read(p, in, &io, &from);
        if (n <= 0)
            break;
        io_init_core(&io, buffer, (size_t)n);
        n = file_write(p, out, &io, to);
        if (n <= 0)
            break;
        *at += (uint64_t)n;
        done += (size_t)n;
    }
    return done ? (long)done : n;
}

long call_sendfile(struct process *p, word_t out_fd, word_t in_fd, word_t offset, word_t count)
{
    struct file *in = file_get(p, in_fd), *out = file_get(p, out_fd);
    if (!in || !out || !file_may_read(in) || !file_may_write(out))
        return -EBADF;
    if (!file_ops(in)->seekable || in->kind == FILE_DIRECTORY)
        return -EINVAL;

    uint64_t at = in->position;
    if (offset && USER_GET(p, &at, offset))
        return -EFAULT;
    if ((int64_t)at < 0)
        return -EINVAL;
    void *buffer = core_heap_alloc(&p->arena->heap, SENDFILE_BUFFER);
    if (!buffer)
        return -ENOMEM;

    long n =
        copy_between(p, in, out, &at, NULL, count < TRANSFER_MAX ? count : TRANSFER_MAX, buffer);
    core_heap_free(&p->arena->heap, buffer, SENDFILE_BUFFER);
    if (n > 0 && !offset)
        in->position = at;
    if (n > 0 && offset && USER_PUT(p, offset, &at))
        return -EFAULT;
    return n;
}

static long copy_ranges(struct process *p, struct file *in, struct file *out, uint64_t *from,
                        uint64_t *to, size_t bytes)
{
    if (in->node == out->node && *from < *to + bytes && *to < *from + bytes)
        return -EINVAL;
    void *buffer = core_heap_alloc(&p->arena->heap, SENDFILE_BUFFER);
    if (!buffer)
        return -ENOMEM;
    long n = copy_between(p, in, out, from, to, bytes, buffer);
    core_heap_free(&p->arena->heap, buffer, SENDFILE_BUFFER);
    return n;
}

long call_copy_file_range(struct process *p, word_t in_fd, word_t in_at, word_t out_fd,
                          word_t out_at, word_t count, word_t flags)
{
    struct file *in = file_get(p, in_fd), *out = file_get(p, out_fd);
    if (!in || !out || !file_may_read(in) || !file_may_write(out) || (out->flags & O_APPEND))
        return -EBADF;
    if (flags || in->kind != FILE_REGULAR || out->kind != FILE_REGULAR)
        return in->kind == FILE_DIRECTORY || out->kind == FILE_DIRECTORY ? -EISDIR : -EINVAL;

    uint64_t from = in->position, to = out->position;
    if ((in_at && USER_GET(p, &from, in_at)) || (out_at && USER_GET(p, &to, out_at)))
        return -EFAULT;
    if ((int64_t)from < 0 || (int64_t)to < 0)
        return -EINVAL;
    long n = copy_ranges(p, in, out, &from, &to, count < TRANSFER_MAX ? count : TRANSFER_MAX);
    if (n < 0)
        return n;
    if (!in_at)
        in->position = from;
    if (!out_at)
        out->position = to;
    if ((in_at && USER_PUT(p, in_at, &from)) || (out_at && USER_PUT(p, out_at, &to)))
        return -EFAULT;
    return n;
}

long call_lseek(struct process *p, word_t fd, word_t offset, word_t whence)
{
    struct file *f = file_get(p, fd);
    if (!f)
        return -EBADF;
    if (!file_ops(f)->seekable)
        return f->kind == FILE_PATH ? -EBADF : -ESPIPE;

    uint64_t size = f->kind == FILE_TEXT ? f->buffer_bytes : f->node->size, base;
    switch ((int)whence) {
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = f->position;
        break;
    case SEEK_END:
        base = size;
        break;
    case SEEK_DATA: /* a file is one piece of data with a hole at its end */
    case SEEK_HOLE:
        if (offset >= size)
            return -ENXIO;
        base = (int)whence == SEEK_DATA ? 0 : size - offset;
        break;
    default:
        return -EINVAL;
    }
    if ((int64_t)(base + offset) < 0)
        return -EINVAL;
    f->position = base + offset;
    return (long)f->position;
}

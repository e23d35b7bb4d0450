/* Calls of Linux' asynchronous I/O: what is submitted is done at once, and its result waits to be
 * fetched. */
#include "libos-posix/process/aio.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/user.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/process/task.h"
#include "libos-posix/port.h"

#define CONTEXT_MOST  0x10000u /* results that a context holds; Linux: /proc/sys/fs/aio-max-nr */
#define FLAG_EVENT_FD 1u

enum operation { READ, WRITE, FSYNC, FDSYNC, READ_PARTS = 7, WRITE_PARTS };

/* A context's number is the address of a page that libraries look into for results; since what is
 * there is not the mark that they know, they call. */
long call_io_setup(struct process *p, word_t most, word_t to)
{
    uint64_t id;

    if (USER_GET(p, &id, to))
        return -EFAULT;
    if (id || !(uint32_t)most)
        return -EINVAL;
    if ((uint32_t)most > CONTEXT_MOST)
        return -EAGAIN;
    long page = call_mmap(p, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                          (word_t)-1, 0);
    if (page < 0)
        return page;
    id = (uint64_t)page;
    struct aio *c = core_heap_alloc(&p->arena->heap, sizeof *c);
    long e = !c ? -ENOMEM : USER_PUT(p, to, &id);
    if (e) {
        if (c)
            core_heap_free(&p->arena->heap, c, sizeof *c);
        call_munmap(p, id, PAGE_SIZE);
        return e;
    }
    *c = (struct aio){.next = p->aio, .id = id, .most = (uint32_t)most};
    p->aio = c;
    return 0;
}

long call_io_destroy(struct process *p, word_t id)
{
    struct aio *c = aio_find(p, id);

    if (!c)
        return -EINVAL;
    task_wake(p->arena, c);
    aio_forget(p, c);
    call_munmap(p, id, PAGE_SIZE);
    return 0;
}

/* Where there are no positions (pipes, sockets) that of the request is not looked at. */
static long move(struct process *p, const struct linux_iocb *b)
{
    const word_t at = (word_t)b->at;
    long n = 0;

    switch (b->operation) {
    case READ:
        n = call_pread64(p, b->fd, b->base, b->bytes, at);
        return n == -ESPIPE ? call_read(p, b->fd, b->base, b->bytes) : n;
    case WRITE:
        n = call_pwrite64(p, b->fd, b->base, b->bytes, at);
        return n == -ESPIPE ? call_write(p, b->fd, b->base, b->bytes) : n;
    case READ_PARTS:
        n = call_preadv(p, b->fd, b->base, b->bytes, at);
        return n == -ESPIPE ? call_readv(p, b->fd, b->base, b->bytes) : n;
    case WRITE_PARTS:
        n = call_pwritev(p, b->fd, b->base, b->bytes, at);
        return n == -ESPIPE ? call_writev(p, b->fd, b->base, b->bytes) : n;
    case FSYNC:
        return call_fsync(p, b->fd);
    default:
        return call_fdatasync(p, b->fd);
    }
}

static bool is_known(unsigned operation)
{
    return operation <= FDSYNC || operation == READ_PARTS || operation == WRITE_PARTS;
}

/* Is it one that can be begun? What fails then is its result, and no error of the call. */
static long request_check(struct process *p, const struct linux_iocb *b)
{
    if (b->reserved || b->flags & ~FLAG_EVENT_FD || b->rw_flags || !is_known(b->operation))
        return -EINVAL;
    if (!file_get(p, b->fd))
        return -EBADF;
    if (b->flags & FLAG_EVENT_FD) {
        const struct file *f = file_get(p, b->event_fd);
        if (!f)
            return -EBADF;
        if (f->kind != FILE_COUNTER)
            return -EINVAL;
    }
    return 0;
}

static void event_fd_add(struct process *p, uint32_t fd)
{
    uint64_t one = 1;
    struct io io;
    struct file *f = file_get(p, fd);

    if (!f || f->kind != FILE_COUNTER)
        return; /* closed while the request was done */
    io_init_core(&io, &one, sizeof one);
    file_hold(f);
    file_write(p, f, &io, NULL);
    file_release(p, f);
}

/* One request. The context may go while it sleeps. */
static long submit_one(struct process *p, word_t id, vaddr_t from)
{
    struct linux_iocb b;
    struct aio *c = aio_find(p, id);

    if (!c)
        return -EINVAL;
    if (USER_GET(p, &b, from))
        return -EFAULT;
    long e = request_check(p, &b);
    if (e)
        return e;
    if (c->count >= c->most)
        return -EAGAIN;
    struct aio_result *r = core_heap_alloc(&p->arena->heap, sizeof *r);
    if (!r)
        return -EAGAIN;
    long n = move(p, &b);
    *r = (struct aio_result){.event = {b.data, from, is_restart(n) ? -EINTR : n, 0}};
    c = aio_find(p, id);
    if (!c) {
        core_heap_free(&p->arena->heap, r, sizeof *r);
        return -EINVAL;
    }
    aio_add(c, r);
    task_wake(p->arena, c);
    if (b.flags & FLAG_EVENT_FD)
        event_fd_add(p, b.event_fd);
    return 0;
}

long call_io_submit(struct process *p, word_t id, word_t count, word_t list)
{
    long done = 0;

    if ((int64_t)count < 0 || !aio_find(p, id))
        return -EINVAL;
    for (; (word_t)done < count; done++) {
        uint64_t from;
        long e = USER_GET(p, &from, list + (word_t)done * sizeof from) ? -EFAULT
                                                                       : submit_one(p, id, from);
        if (e)
            return done ? done : e;
    }
    return done;
}

/* All that is submitted is done, so there is nothing to stop. */
long call_io_cancel(struct process *p, word_t id, word_t request, word_t to)
{
    uint32_t key;

    (void)id;
    (void)to;
    if (USER_GET(p, &key, request + offsetof(struct linux_iocb, key)))
        return -EFAULT;
    return -EINVAL;
}

/* Hands over what is there. A result that cannot be written stays. */
static long results_put(struct process *p, struct aio *c, vaddr_t to, long done, long most)
{
    while (done < most && c->first) {
        if (USER_PUT(p, to + (size_t)done * sizeof(struct linux_io_event), &c->first->event))
            return done ? done : -EFAULT;
        core_heap_free(&p->arena->heap, aio_take(c), sizeof(struct aio_result));
        done++;
    }
    return done;
}

long call_io_getevents(struct process *p, word_t id, word_t least, word_t most, word_t to,
                       word_t timeout)
{
    uint64_t deadline = PORT_FOREVER;
    struct linux_timespec limit;
    long done = 0;

    if (timeout && USER_GET(p, &limit, timeout))
        return -EFAULT;
    if (timeout && clock_deadline(&limit, &deadline))
        return -EINVAL;
    if ((int64_t)least < 0 || (int64_t)most < (int64_t)least)
        return -EINVAL;
    for (;;) {
        struct aio *c = aio_find(p, id);
        if (!c)
            return done ? done : -EINVAL;
        done = results_put(p, c, to, done, (long)most);
        if (done < 0 || done >= (long)least || done == (long)most)
            return done;
        long e = task_sleep(task_current(), c, deadline);
        if (e == -ETIMEDOUT)
            return done;
        if (e)
            return done ? done : is_restart(e) ? -EINTR : e;
    }
}

/* Calls on descriptors themselves: duplicates, flags, terminal control, pipes. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/channel/async.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/file/file.h"
#include "libos-posix/file/lockf.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/process.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/pty.h"
#include "libos-posix/base/user.h"

#define SETTABLE_FLAGS (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/* Puts the file of `fd` at descriptor `to`, closing what is there. */
static long duplicate_to(struct process *p, struct file *f, word_t to, bool close_on_exec)
{
    uint32_t index = (uint32_t)to;

    if (index >= DESCRIPTOR_COUNT || index >= p->limits[RLIMIT_NOFILE].current)
        return -EBADF;
    file_hold(f);
    file_close(p, index); /* EBADF: nothing was there */
    file_set(p, index, f, close_on_exec);
    return (long)index;
}

static long duplicate_from(struct process *p, struct file *f, word_t least, bool close_on_exec)
{
    if ((uint32_t)least >= DESCRIPTOR_COUNT)
        return -EINVAL;
    file_hold(f);
    return file_install(p, f, (uint32_t)least, close_on_exec);
}

long call_dup(struct process *p, word_t fd)
{
    struct file *f = file_get(p, fd);
    return f ? duplicate_from(p, f, 0, false) : -EBADF;
}

long call_dup2(struct process *p, word_t fd, word_t to)
{
    struct file *f = file_get(p, fd);
    if (!f)
        return -EBADF;
    return (uint32_t)fd == (uint32_t)to ? (long)(uint32_t)to : duplicate_to(p, f, to, false);
}

long call_dup3(struct process *p, word_t fd, word_t to, word_t flags)
{
    struct file *f = file_get(p, fd);

    if ((flags & ~(word_t)O_CLOEXEC) || (uint32_t)fd == (uint32_t)to)
        return -EINVAL;
    return f ? duplicate_to(p, f, to, flags & O_CLOEXEC) : -EBADF;
}

/* ESRCH: there is no such process or group; EINVAL: a number that has no negative. */
static long set_owner(const struct process *p, struct file *f, int32_t owner)
{
    if (owner == INT32_MIN)
        return -EINVAL;
    if (owner > 0 && !process_find(p->arena, owner))
        return -ESRCH;
    if (owner < 0 && !process_group_exists(p->arena, -owner, p->session))
        return -ESRCH;
    f->owner = owner;
    return 0;
}

long call_fcntl(struct process *p, word_t fd, word_t command, word_t value)
{
    struct file *f = file_get(p, fd);
    if (!f)
        return -EBADF;

    struct descriptor *d = &p->descriptors[(uint32_t)fd];
    switch ((int)command) {
    case F_DUPFD:
        return duplicate_from(p, f, value, false);
    case F_DUPFD_CLOEXEC:
        return duplicate_from(p, f, value, true);
    case F_GETFD:
        return d->close_on_exec ? (long)FD_CLOEXEC : 0;
    case F_SETFD:
        d->close_on_exec = value & FD_CLOEXEC;
        return 0;
    case F_GETFL:
        return (long)f->flags;
    case F_SETFL:
        f->flags = (f->flags & ~SETTABLE_FLAGS) | ((uint32_t)value & SETTABLE_FLAGS);
        if (((uint32_t)value ^ f->flags) & O_ASYNC) /* files that are always ready do not have it */
            return async_set(p->arena, f, value & O_ASYNC) == -ENOMEM ? -ENOMEM : 0;
        return 0;
    case F_GETOWN:
        return f->owner;
    case F_SETOWN:
        return set_owner(p, f, (int32_t)value);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return lockf_fcntl(p, f, (int)command, value);
    default:
        return -EINVAL;
    }
}

/* How many bytes a read would find now. */
static long bytes_waiting(struct process *p, const struct file *f, vaddr_t to)
{
    int32_t count;

    if (f->kind == FILE_REGULAR && f->position <= f->node->size)
        count = (int32_t)(f->node->size - f->position);
    else if (f->kind == FILE_PIPE_READ || f->kind == FILE_PIPE_BOTH)
        count = (int32_t)pipe_waiting(f);
    else if (f->kind == FILE_INOTIFY)
        count = (int32_t)inotify_waiting(f->buffer);
    else if (f->kind == FILE_INET)
        count = (int32_t)inet_ops.waiting(f);
    else
        return -ENOTTY;
    return USER_PUT(p, to, &count);
}

static long device_ioctl(struct process *p, struct file *f, uint32_t request, vaddr_t argument)
{
    struct terminal *t = file_terminal(p, f);

    if (f->kind == FILE_PTY_MASTER)
        return pty_ioctl(p, f, request, argument);
    if ((f->kind == FILE_INET || f->kind == FILE_SOCKET) && inet_ops.control)
        return inet_ops.control(p, request, argument); /* interfaces are asked by any socket */
    return t ? terminal_ioctl(p, t, request, argument) : -ENOTTY;
}

long call_ioctl(struct process *p, word_t fd, word_t request, word_t argument)
{
    struct file *f = file_get(p, fd);
    int32_t on;

    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    switch ((uint32_t)request) {
    case FIOCLEX:
    case FIONCLEX:
        p->descriptors[(uint32_t)fd].close_on_exec = (uint32_t)request == FIOCLEX;
        return 0;
    case FIONBIO:
        if (USER_GET(p, &on, argument))
            return -EFAULT;
        f->flags = (f->flags & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0);
        return 0;
    case FIOASYNC:
        return USER_GET(p, &on, argument) ? -EFAULT : async_set(p->arena, f, on);
    case FIONREAD:
        if (!file_terminal(p, f) && f->kind != FILE_PTY_MASTER)
            return bytes_waiting(p, f, argument);
        return device_ioctl(p, f, FIONREAD, argument);
    default:
        return device_ioctl(p, f, (uint32_t)request, argument);
    }
}

long call_pipe2(struct process *p, word_t to, word_t flags)
{
    struct file *reader, *writer;

    if (flags & ~(word_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    long e = pipe_create(p, (uint32_t)flags & O_NONBLOCK, &reader, &writer);
    if (e)
        return e;

    long in = file_install(p, reader, 0, flags & O_CLOEXEC);
    if (in < 0) {
        file_release(p, writer);
        return in;
    }
    long out = file_install(p, writer, 0, flags & O_CLOEXEC);
    if (out >= 0) {
        int32_t both[2] = {(int32_t)in, (int32_t)out};
        e = USER_PUT(p, to, &both);
        if (!e)
            return 0;
        file_close(p, (word_t)out);
    }
    file_close(p, (word_t)in);
    return out < 0 ? out : e;
}

long call_pipe(struct process *p, word_t to)
{
    return call_pipe2(p, to, 0);
}

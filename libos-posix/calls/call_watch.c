/* Calls of inotify. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/file/access.h"
#include "libos-posix/file/path.h"
#include "libos-posix/file/stored.h"

static const word_t cwd = (word_t)AT_FDCWD;

long call_inotify_init1(struct process *p, word_t flags)
{
    if (flags & ~(word_t)(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    struct node *n = node_create(p->arena, 0600);
    struct file *f =
        n ? file_create(p->arena, FILE_INOTIFY, n, (uint32_t)flags & O_NONBLOCK) : NULL;
    struct inotify *i = f ? inotify_create(p->arena) : NULL;

    if (i) {
        f->buffer = i;
        return file_install(p, f, 0, flags & O_CLOEXEC);
    }
    if (f) {
        f->kind = FILE_PATH; /* it has nothing to close */
        file_release(p, f);
    } else if (n) {
        node_release(p->arena, n);
    }
    return -ENOMEM;
}

long call_inotify_init(struct process *p)
{
    return call_inotify_init1(p, 0);
}

static struct file *inotify_file(const struct process *p, word_t fd, long *e)
{
    struct file *f = file_get(p, fd);

    *e = !f ? -EBADF : f->kind != FILE_INOTIFY ? -EINVAL : 0;
    return f;
}

long call_inotify_add_watch(struct process *p, word_t fd, word_t path, word_t wanted)
{
    const uint32_t known = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR |
                           IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD |
                           IN_ISDIR | IN_ONESHOT;
    uint32_t mask = (uint32_t)wanted;
    struct node *n;
    long e;

    if (!(mask & known) || (mask & IN_MASK_ADD && mask & IN_MASK_CREATE))
        return -EINVAL;
    struct file *f = inotify_file(p, fd, &e);
    if (e)
        return e;
    e = path_node(p, cwd, path, mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW, &n);
    if (!e && mask & IN_ONLYDIR && !node_is(n, S_IFDIR))
        e = -ENOTDIR;
    if (!e)
        e = access_check(p, n, MAY_READ);
    if (!e && node_is(n, S_IFDIR))
        e = stored_list(p->arena, n); /* what has a name in it is known from now on */
    return e ? e : watch_add(p->arena, f->buffer, n, mask);
}

long call_inotify_rm_watch(struct process *p, word_t fd, word_t number)
{
    long e;
    struct file *f = inotify_file(p, fd, &e);

    return e ? e : watch_remove(p->arena, f->buffer, (int32_t)number);
}

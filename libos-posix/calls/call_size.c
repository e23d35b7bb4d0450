/* Calls that set a file's size, and that say how it will be used. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/file/access.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/file/file.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/process/signal.h"

/* Sets the size within the process' limit. */
static long resize(struct process *p, struct node *n, uint64_t bytes)
{
    if (bytes > n->size && bytes > p->limits[RLIMIT_FSIZE].current) {
        signal_raise(p, task_current(), SIGXFSZ, NULL);
        return -EFBIG;
    }
    access_written(p, n);
    watch_node(p->arena, n, IN_MODIFY);
    const long e = data_resize(p->arena, n, bytes);
    area_cut(p, n);
    return e;
}

long call_truncate(struct process *p, word_t path, word_t bytes)
{
    struct node *n;

    if ((int64_t)bytes < 0)
        return -EINVAL;
    long e = path_node(p, (word_t)AT_FDCWD, path, WALK_FOLLOW, &n);
    if (e)
        return e;
    if (node_is(n, S_IFDIR))
        return -EISDIR;
    if (!node_is(n, S_IFREG) || n->made_up)
        return -EINVAL;
    e = access_check(p, n, MAY_WRITE);
    if (e)
        return e;
    return n->running ? -ETXTBSY : resize(p, n, bytes);
}

long call_ftruncate(struct process *p, word_t fd, word_t bytes)
{
    struct file *f = file_get(p, fd);

    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    if ((int64_t)bytes < 0 || f->kind != FILE_REGULAR || !file_may_write(f))
        return -EINVAL;
    return resize(p, f->node, bytes);
}

long call_fadvise64(struct process *p, word_t fd, word_t offset, word_t bytes, word_t advice)
{
    const word_t advice_last = 5;
    struct file *f = file_get(p, fd);

    (void)offset;
    if (!f || f->kind == FILE_PATH)
        return -EBADF;
    if (f->kind == FILE_PIPE_READ || f->kind == FILE_PIPE_WRITE)
        return -ESPIPE;
    return (int64_t)bytes < 0 || advice > advice_last ? -EINVAL : 0;
}

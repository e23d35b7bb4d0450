/* Open files and descriptors. */
#include "libos-posix/file/file.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/file/access.h"
#include "libos-posix/channel/async.h"
#include "libos-posix/channel/event.h"
#include "libos-posix/base/io.h"
#include "libos-posix/file/lockf.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/proc.h"
#include "libos-posix/channel/pty.h"
#include "libos-posix/channel/queue.h"
#include "libos-posix/channel/watch.h"
#include "libos-posix/process/signal.h"

static long regular_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    long n = data_read(f->node, *position, io);
    if (n <= 0)
        return n;
    *position += (uint64_t)n;
    watch_node(p->arena, f->node, IN_ACCESS);
    return n;
}

static long regular_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    if (f->flags & O_APPEND)
        *position = f->node->size;
    if (*position >= p->limits[RLIMIT_FSIZE].current) {
        signal_raise(p, task_current(), SIGXFSZ, NULL);
        return -EFBIG;
    }
    if (io->left > p->limits[RLIMIT_FSIZE].current - *position)
        io->left = p->limits[RLIMIT_FSIZE].current - *position;

    long n = data_write(p->arena, f->node, *position, io);
    if (n <= 0)
        return n;
    access_written(p, f->node);
    watch_node(p->arena, f->node, IN_MODIFY);
    *position += (uint64_t)n;
    if (f->flags & O_DSYNC && mount_of(f->node))
        return mount_commit(mount_of(f->node)) ? -EIO : n;
    return n;
}

static const struct file_ops file_ops_regular = {
    .read = regular_read, .write = regular_write, .seekable = true};
static const struct file_ops file_ops_directory = {.seekable = true};
static const struct file_ops file_ops_path = {0};

static const struct file_ops *const all_ops[FILE_KINDS] = {
    [FILE_REGULAR] = &file_ops_regular,
    [FILE_DIRECTORY] = &file_ops_directory,
    [FILE_PATH] = &file_ops_path,
    [FILE_CONSOLE] = &file_ops_console,
    [FILE_NULL] = &file_ops_null,
    [FILE_ZERO] = &file_ops_zero,
    [FILE_FULL] = &file_ops_full,
    [FILE_RANDOM] = &file_ops_random,
    [FILE_TEXT] = &file_ops_text,
    [FILE_PIPE_READ] = &file_ops_pipe_read,
    [FILE_PIPE_WRITE] = &file_ops_pipe_write,
    [FILE_PIPE_BOTH] = &file_ops_pipe_both,
    [FILE_PTY_MASTER] = &file_ops_pty_master,
    [FILE_PTY_TERMINAL] = &file_ops_pty_terminal,
    [FILE_COUNTER] = &file_ops_counter,
    [FILE_SIGNAL] = &file_ops_signal,
    [FILE_EPOLL] = &file_ops_epoll,
    [FILE_SOCKET] = &file_ops_socket,
    [FILE_QUEUE] = &file_ops_queue,
    [FILE_INOTIFY] = &file_ops_inotify,
    [FILE_PROCESS] = &file_ops_process,
    [FILE_INET] = &file_ops_inet,
};

const struct file_ops *file_ops(const struct file *f)
{
    return all_ops[f->kind];
}

struct file *file_create(struct arena *a, enum file_kind kind, struct node *n, uint32_t flags)
{
    struct file *f = core_heap_take(&a->heap, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct file){.kind = kind, .flags = flags, .refs = 1, .node = n};
    node_hold(n);
    n->writers += kind == FILE_REGULAR && file_may_write(f);
    return f;
}

void file_end(struct process *p, struct file *f)
{
    lockf_file_goes(p->arena, f);
    if (f->watches)
        epoll_forget(p->arena, f);
    if (f->flags & O_ASYNC)
        async_forget(p->arena, f);
    if (file_ops(f)->close)
        file_ops(f)->close(p, f);
    if (f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY)
        watch_node(p->arena, f->node, file_may_write(f) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    f->node->writers -= f->kind == FILE_REGULAR && file_may_write(f);
    node_drop(p->arena, f->node);
    core_heap_free(&p->arena->heap, f, sizeof *f);
}

void file_set(struct process *p, unsigned fd, struct file *f, bool close_on_exec)
{
    while (p->descriptor_end <= fd)
        p->descriptors[p->descriptor_end++] = (struct descriptor){0};
    p->descriptors[fd] = (struct descriptor){f, close_on_exec};
}

long file_install(struct process *p, struct file *f, unsigned least, bool close_on_exec)
{
    uint64_t limit = p->limits[RLIMIT_NOFILE].current;
    const unsigned begin = least > p->descriptor_least ? least : p->descriptor_least;

    for (unsigned fd = begin; fd < DESCRIPTOR_COUNT && fd < limit; fd++) {
        if (fd < p->descriptor_end && p->descriptors[fd].file)
            continue;
        if (begin == p->descriptor_least)
            p->descriptor_least = fd + 1;
        file_set(p, fd, f, close_on_exec);
        return (long)fd;
    }
    file_release(p, f);
    return -EMFILE;
}

long file_close(struct process *p, word_t fd)
{
    struct file *f = file_get(p, fd);
    if (!f)
        return -EBADF;
    p->descriptors[(uint32_t)fd] = (struct descriptor){0};
    if ((uint32_t)fd < p->descriptor_least)
        p->descriptor_least = (uint32_t)fd;
    lockf_process_closes(p, f->node);
    queue_process_closes(p, f);
    file_release(p, f);
    return 0;
}

/* The whole text is made at once, so that reads in pieces fit together. */
static long text_fill(struct process *p, struct file *f)
{
    const size_t room = proc_room(f->node);

    f->buffer = core_heap_alloc(&p->arena->heap, room);
    if (!f->buffer)
        return -ENOMEM;
    f->buffer_bytes = proc_text(f->node, f->buffer, room);
    return 0;
}

static long kind_of(const struct node *n, uint32_t flags, enum file_kind *out)
{
    if (flags & O_PATH) {
        *out = FILE_PATH;
        return 0;
    }
    switch (n->mode & S_IFMT) {
    case S_IFREG:
        *out = n->made_up ? FILE_TEXT : FILE_REGULAR;
        return 0;
    case S_IFDIR:
        *out = FILE_DIRECTORY;
        return 0;
    case S_IFIFO:
        *out = (flags & O_ACCMODE) == O_RDONLY   ? FILE_PIPE_READ
               : (flags & O_ACCMODE) == O_WRONLY ? FILE_PIPE_WRITE
                                                 : FILE_PIPE_BOTH;
        return 0;
    case S_IFSOCK:
    case S_IFBLK: /* a disk: only to be mounted */
        return -ENXIO;
    case S_IFCHR:
        return device_kind(n, out) ? 0 : -ENODEV;
    default:
        return -ELOOP; /* a link that was not to be followed */
    }
}

long file_open_node(struct process *p, struct node *n, uint32_t flags, struct file **out)
{
    word_t fd;
    if (!(flags & O_PATH) && node_is(n, S_IFCHR) && device_is_descriptor(n, &fd)) {
        *out = file_get(p, fd);
        if (!*out)
            return -ENOENT;
        file_hold(*out);
        return 0;
    }

    enum file_kind kind;
    if (!(flags & O_PATH) && device_is_controlling(n)) {
        struct terminal *t = pty_of_session(p->arena, p->session);
        if (!t && p->arena->terminal->session != p->session)
            return -ENXIO;
        n = t ? pty_node(t) : n;
    }
    long e = kind_of(n, flags, &kind);
    if (e)
        return e;
    *out = file_create(p->arena, kind, n, flags);
    if (!*out)
        return -ENOMEM;
    if (kind == FILE_REGULAR || kind == FILE_DIRECTORY)
        watch_node(p->arena, n, IN_OPEN);
    if (node_is(n, S_IFIFO) && kind != FILE_PATH)
        e = pipe_open(p, *out);
    else if (kind == FILE_TEXT)
        e = text_fill(p, *out);
    else if (kind == FILE_PTY_MASTER)
        e = pty_open_master(p, *out);
    else if (kind == FILE_PTY_TERMINAL)
        e = pty_open_terminal(p, n, *out);
    if (e)
        file_release(p, *out);
    return e;
}

long file_read(struct process *p, struct file *f, struct io *io, uint64_t *at)
{
    if (!file_may_read(f))
        return -EBADF;
    if (f->kind == FILE_DIRECTORY)
        return -EISDIR;
    if (at && !file_ops(f)->seekable)
        return -ESPIPE;
    if (!file_ops(f)->read)
        return -EINVAL;
    if (!io->left)
        return 0;
    return file_ops(f)->read(p, f, io, at ? at : &f->position);
}

long file_write(struct process *p, struct file *f, struct io *io, uint64_t *at)
{
    if (!file_may_write(f))
        return -EBADF;
    if (at && !file_ops(f)->seekable)
        return -ESPIPE;
    if (!file_ops(f)->write)
        return -EINVAL;
    if (!io->left)
        return 0;
    return file_ops(f)->write(p, f, io, at ? at : &f->position);
}

struct terminal *file_terminal(const struct process *p, const struct file *f)
{
    if (f->kind == FILE_CONSOLE)
        return p->arena->terminal;
    return f->kind == FILE_PTY_TERMINAL ? f->buffer : NULL;
}

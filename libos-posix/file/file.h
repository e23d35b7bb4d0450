/*
 * Open files and the descriptors that name them.
 *
 * An open file (Linux: open file description) is a node, a position and flags; descriptors of any
 * process share it by `refs`. What reading and writing mean depends on its kind.
 */
#pragma once

#include "libos-posix/abi/file.h"
#include "libos-posix/base/arena.h"

struct io;

enum file_kind {
    FILE_REGULAR,
    FILE_DIRECTORY,
    FILE_PATH, /* opened with O_PATH: only names something */
    FILE_CONSOLE,
    FILE_NULL,
    FILE_ZERO,
    FILE_FULL,
    FILE_RANDOM,
    FILE_TEXT, /* made up when opened; file->buffer holds it */
    FILE_PIPE_READ,
    FILE_PIPE_WRITE,
    FILE_PIPE_BOTH, /* a FIFO that was opened for reading and writing */
    FILE_PTY_MASTER,
    FILE_PTY_TERMINAL,
    FILE_COUNTER, /* eventfd, timerfd */
    FILE_SIGNAL,  /* signalfd */
    FILE_EPOLL,
    FILE_SOCKET, /* AF_UNIX */
    FILE_INET,
    FILE_INOTIFY,
    FILE_PROCESS, /* pidfd: position is the pid, buffer_bytes when it was started */
    FILE_QUEUE,   /* of messages: mq_open */
    FILE_KINDS
};

struct file {
    enum file_kind kind;
    uint32_t flags;        /* O_ACCMODE and status flags */
    uint32_t refs;         /* descriptors, and calls that use it now */
    struct node *node;     /* never NULL; holds one `opens` of it */
    uint64_t position;     /* bytes; for a directory a cookie */
    void *buffer;          /* what the kind keeps: text, pipe, terminal */
    size_t buffer_bytes;   /* FILE_TEXT: length of the contents                     */
    struct watch *watches; /* by epoll files */
    int32_t owner;         /* F_SETOWN: who gets SIGIO; a process, less than 0 a group  */
    bool is_error_stream;  /* FILE_CONSOLE: first opened as descriptor 2            */
};

/* What a kind does. NULL: reading or writing is EINVAL (EISDIR for a directory). `position` is
 * moved by what was transferred; kinds without one ignore it. `poll` returns POLL* bits; NULL:
 * always ready. `tells`: whenever poll could give more than before epoll_tell is called.
 * `close` runs when the last reference goes. */
struct file_ops {
    long (*read)(struct process *p, struct file *f, struct io *io, uint64_t *position);
    long (*write)(struct process *p, struct file *f, struct io *io, uint64_t *position);
    uint16_t (*poll)(const struct file *f);
    void (*close)(struct process *p, struct file *f);
    bool seekable, tells;
};

const struct file_ops *file_ops(const struct file *f);

/* A file with one reference. NULL: no memory. */
struct file *file_create(struct arena *a, enum file_kind kind, struct node *n, uint32_t flags);

static inline void file_hold(struct file *f)
{
    f->refs++;
}

/* The last reference goes: file_release does that. */
void file_end(struct process *p, struct file *f);
static inline void file_release(struct process *p, struct file *f)
{
    if (!--f->refs)
        file_end(p, f);
}

/* The file of a descriptor, or NULL. Descriptors are C ints in Linux: upper bits are ignored. */
static inline struct file *file_get(const struct process *p, word_t fd)
{
    const uint32_t index = (uint32_t)fd;

    return index < p->descriptor_end ? p->descriptors[index].file : NULL;
}

/* What descriptor `fd`, less than DESCRIPTOR_COUNT, names from now on; what it named is the
 * caller's. */
void file_set(struct process *p, unsigned fd, struct file *f, bool close_on_exec);

/* Gives the lowest free descriptor from `least` on to `f` and takes the caller's reference over.
 * EMFILE: the reference is released. */
long file_install(struct process *p, struct file *f, unsigned least, bool close_on_exec);

/* EBADF. */
long file_close(struct process *p, word_t fd);

static inline bool file_may_read(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_WRONLY && f->kind != FILE_PATH;
}

static inline bool file_may_write(const struct file *f)
{
    const uint32_t mode = f->flags & O_ACCMODE;

    return (mode == O_WRONLY || mode == O_RDWR) && f->kind != FILE_PATH;
}

/* Opens node `n` as `flags` (O_*) say. ENODEV, ENXIO-like errors as of open(2); on success the
 * caller owns one reference. */
long file_open_node(struct process *p, struct node *n, uint32_t flags, struct file **out);

/* Read and write with all checks of descriptor and mode. `at` NULL: the file's own position. */
long file_read(struct process *p, struct file *f, struct io *io, uint64_t *at);
long file_write(struct process *p, struct file *f, struct io *io, uint64_t *at);

/* Adds /dev with the standard devices and /proc with what is known, where names are free.
 * ENOMEM. */
long device_populate(struct arena *a);
long proc_populate(struct arena *a);

/* The kind that a device node opens as; false: no such device. */
bool device_kind(const struct node *n, enum file_kind *out);

/* A disk of the port: which. */
bool device_is_disk(const struct node *n, unsigned *disk);

/* /dev/tty: the controlling terminal of who opens it. */
bool device_is_controlling(const struct node *n);

/* /dev/stdin, stdout and stderr open as another reference of descriptor 0, 1 or 2. */
bool device_is_descriptor(const struct node *n, word_t *fd);

/* Makes a pipe and its two files. ENOMEM. */
long pipe_create(struct process *p, uint32_t flags, struct file **reader, struct file **writer);

/* Joins a file of a FIFO to the pipe behind it, and waits for the other end as open(2) says.
 * ENOMEM; ENXIO: nobody reads, and it may not be waited for; -RESTART. */
long pipe_open(struct process *p, struct file *f);

/* Bytes that wait in the pipe of either end. */
size_t pipe_waiting(const struct file *f);

extern const struct file_ops file_ops_console, file_ops_null, file_ops_zero, file_ops_full;
extern const struct file_ops file_ops_random, file_ops_text, file_ops_pipe_read;
extern const struct file_ops file_ops_pipe_both, file_ops_pipe_write, file_ops_pty_master,
    file_ops_pty_terminal;
extern const struct file_ops file_ops_counter, file_ops_signal, file_ops_epoll, file_ops_socket,
    file_ops_queue, file_ops_inotify, file_ops_process, file_ops_inet;

/* The terminal of a file, or NULL. */
struct terminal *file_terminal(const struct process *p, const struct file *f);

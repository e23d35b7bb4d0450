/* The devices of /dev: console, null, zero, full, random numbers, and the standard streams. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/io.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/task.h"
#include "libos-posix/channel/terminal.h"
#include "libos-posix/file/unpack.h"

#define BOUNCE_BYTES ((size_t)4096)

/* Numbers as in Linux's list of allocated devices; the streams, links to /proc there, use a major
 * number from its local range. */
#define MAJOR_STREAM 60u
#define MAJOR_PTS    136u
#define MAJOR_DISK   254u /* a minor number in 16 is a whole disk */
#define DISK_MINORS  16u

static const struct device {
    const char *name;
    uint32_t major, minor;
    enum file_kind kind;
} devices[] = {
    {"null", 1, 3, FILE_NULL},
    {"zero", 1, 5, FILE_ZERO},
    {"full", 1, 7, FILE_FULL},
    {"random", 1, 8, FILE_RANDOM},
    {"urandom", 1, 9, FILE_RANDOM},
    {"tty", 5, 0, FILE_CONSOLE},
    {"ptmx", 5, 2, FILE_PTY_MASTER},
    {"console", 5, 1, FILE_CONSOLE},
    {"stdin", MAJOR_STREAM, 0, FILE_CONSOLE},
    {"stdout", MAJOR_STREAM, 1, FILE_CONSOLE},
    {"stderr", MAJOR_STREAM, 2, FILE_CONSOLE},
};

bool device_is_descriptor(const struct node *n, word_t *fd)
{
    *fd = n->minor;
    return n->major == MAJOR_STREAM && n->minor <= 2;
}

bool device_is_controlling(const struct node *n)
{
    return node_is(n, S_IFCHR) && n->major == 5 && n->minor == 0;
}

bool device_kind(const struct node *n, enum file_kind *out)
{
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        if (devices[i].major == n->major && devices[i].minor == n->minor) {
            *out = devices[i].kind;
            return true;
        }
    }
    *out = FILE_PTY_TERMINAL;
    return n->major == MAJOR_PTS;
}

bool device_is_disk(const struct node *n, unsigned *disk)
{
    struct port_disk known;

    *disk = n->minor / DISK_MINORS;
    return node_is(n, S_IFBLK) && n->major == MAJOR_DISK && n->minor % DISK_MINORS == 0 &&
           port_disk_get(*disk, &known);
}

/* Where the name is free. */
static long add(struct arena *a, struct node *dir, const char *name, uint32_t mode, uint32_t major,
                uint32_t minor)
{
    size_t bytes = 0;
    while (name[bytes])
        bytes++;
    if (entry_find(a, dir, name, bytes))
        return 0;
    struct node *n = node_create(a, mode);
    if (!n)
        return -ENOMEM;
    n->major = major;
    n->minor = minor;
    if (!entry_add(a, dir, name, bytes, n))
        return 0;
    node_release(a, n);
    return -ENOMEM;
}

/* Where shm_open makes its files. */
static long add_shared_memory(struct arena *a, const struct node *dir)
{
    if (entry_find(a, dir, "shm", 3))
        return 0;
    struct node *n = unpack_directory(a, "dev/shm", 7);
    if (!n)
        return -ENOMEM;
    n->mode = S_IFDIR | 01777;
    return 0;
}

long device_populate(struct arena *a)
{
    struct node *dir = unpack_directory(a, "dev", 3);
    struct port_disk disk;
    char name[] = "vda";
    long e = dir ? 0 : -ENOMEM;

    for (size_t i = 0; i < sizeof devices / sizeof devices[0] && !e; i++)
        e = add(a, dir, devices[i].name, S_IFCHR | 0666, devices[i].major, devices[i].minor);
    for (unsigned i = 0; i < PORT_DISKS && !e; i++, name[2]++)
        if (port_disk_get(i, &disk))
            e = add(a, dir, name, S_IFBLK | 0660, MAJOR_DISK, i * DISK_MINORS);
    return e ? e : add_shared_memory(a, dir);
}

/* Without a keeper the reader asks the platform itself, and may have to wait there. */
static long read_alone(struct file *f, struct io *io)
{
    struct task *t = task_current();
    char bytes[BOUNCE_BYTES];
    size_t most = io->left < sizeof bytes ? io->left : sizeof bytes;

    if (f->flags & O_NONBLOCK && !port_console_ready())
        return -EAGAIN;
    lock_release(t);
    size_t count = port_console_read(bytes, most);
    lock_take(t);
    return io_put(io, bytes, count);
}

static long console_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)position;
    return port_has_keeper() ? terminal_read(p, p->arena->terminal, f, io) : read_alone(f, io);
}

static long console_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)position;
    return terminal_write(p, p->arena->terminal, f, io);
}

static uint16_t console_poll(const struct file *f)
{
    (void)f;
    if (port_has_keeper())
        return terminal_poll(arena_get()->terminal);
    return (uint16_t)(POLLOUT | POLLWRNORM | (port_console_ready() ? POLLIN | POLLRDNORM : 0));
}

static long nothing_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)p, (void)f, (void)io, (void)position;
    return 0;
}

static long anything_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)p, (void)f, (void)position;
    return (long)io->left;
}

static long zeros_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)p, (void)f, (void)position;
    return io_put_zeros(io, io->left);
}

static long full_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)p, (void)f, (void)io, (void)position;
    return -ENOSPC;
}

static long random_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    char bytes[BOUNCE_BYTES];
    long done = 0;

    (void)p, (void)f, (void)position;
    while (io->left) {
        size_t most = io->left < sizeof bytes ? io->left : sizeof bytes;
        port_entropy(bytes, most);
        long n = io_put(io, bytes, most);
        if (n < 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

const struct file_ops file_ops_console = {
    .read = console_read, .write = console_write, .poll = console_poll};
const struct file_ops file_ops_null = {
    .read = nothing_read, .write = anything_write, .seekable = true};
const struct file_ops file_ops_zero = {
    .read = zeros_read, .write = anything_write, .seekable = true};
const struct file_ops file_ops_full = {.read = zeros_read, .write = full_write, .seekable = true};
const struct file_ops file_ops_random = {
    .read = random_read, .write = anything_write, .seekable = true};

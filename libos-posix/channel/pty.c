/* Pairs of a master and a terminal. */
#include "libos-posix/channel/pty.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/file/file.h"
#include "libos-posix/base/io.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/signal.h"
#include "libos-posix/base/text.h"
#include "libos-posix/file/unpack.h"
#include "libos-posix/base/user.h"

#define PTY_BYTES   ((size_t)8192) /* output that the master did not read yet */
#define MAJOR_PTS   136u
#define PIECE_BYTES ((size_t)256)

struct pty {
    struct terminal *terminal;
    struct node *node; /* /dev/pts/N; holds one `opens` of it */
    unsigned number;
    unsigned masters, slaves; /* open files */
    bool slave_seen;          /* the terminal was open once */
    bool locked;              /* unlockpt was not called yet */
    size_t first, waiting;
    char ring[PTY_BYTES];
};

static struct pty **table(struct arena *a)
{
    return a->ptys;
}

size_t pty_room(const struct terminal *t)
{
    return PTY_BYTES - t->pty->waiting;
}

bool pty_is_hung_up(const struct terminal *t)
{
    return !t->pty->masters;
}

void pty_put(struct terminal *t, const char *bytes, size_t count)
{
    struct pty *pty = t->pty;

    for (size_t i = 0; i < count && pty->waiting < PTY_BYTES; i++)
        pty->ring[(pty->first + pty->waiting++) % PTY_BYTES] = bytes[i];
    task_wake_pollers(arena_get(), pty);
}

long pty_wait_room(struct terminal *t, const struct file *f, size_t bytes)
{
    while (pty_room(t) < bytes) {
        if (pty_is_hung_up(t))
            return -EIO;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long e = task_sleep(task_current(), t->pty, PORT_FOREVER);
        if (e)
            return e;
    }
    return pty_is_hung_up(t) ? -EIO : 0;
}

struct terminal *pty_of_session(struct arena *a, int32_t session)
{
    for (unsigned i = 0; i < PTY_COUNT; i++)
        if (table(a)[i] && table(a)[i]->terminal->session == session)
            return table(a)[i]->terminal;
    return NULL;
}

static size_t name_of(unsigned number, char name[4])
{
    struct text t = {name, 0, 4};

    text_add_number(&t, number, 1, ' ');
    return t.bytes;
}

static void pty_free(struct arena *a, struct pty *pty)
{
    char name[4];
    struct node *dir = unpack_directory(a, "dev/pts", 7);
    struct entry *e = dir ? entry_find(a, dir, name, name_of(pty->number, name)) : NULL;

    if (e)
        entry_remove(a, e);
    if (pty->node)
        node_drop(a, pty->node);
    core_heap_free(&a->heap, pty->terminal, sizeof *pty->terminal);
    table(a)[pty->number] = NULL;
    core_heap_free(&a->heap, pty, sizeof *pty);
}

static void drop_if_unused(struct arena *a, struct pty *pty)
{
    if (!pty->masters && !pty->slaves)
        pty_free(a, pty);
}

static struct pty *pty_create(struct arena *a, unsigned number)
{
    char name[4];
    struct pty *pty = core_heap_alloc(&a->heap, sizeof *pty);
    struct node *dir = unpack_directory(a, "dev/pts", 7);

    if (!pty || !dir)
        return NULL;
    table(a)[number] = pty;
    pty->number = number;
    pty->locked = true;
    pty->terminal = terminal_create(a);
    struct node *n = pty->terminal ? node_create(a, S_IFCHR | 0620) : NULL;
    if (!n || entry_add(a, dir, name, name_of(number, name), n)) {
        if (n)
            node_release(a, n);
        pty_free(a, pty);
        return NULL;
    }
    n->major = MAJOR_PTS;
    n->minor = number;
    node_hold(n);
    pty->node = n;
    pty->terminal->pty = pty;
    return pty;
}

long pty_open_master(struct process *p, struct file *f)
{
    struct arena *a = p->arena;

    for (unsigned i = 0; i < PTY_COUNT; i++) {
        if (table(a)[i])
            continue;
        struct pty *pty = pty_create(a, i);
        if (!pty)
            return -ENOMEM;
        pty->masters = 1;
        f->buffer = pty;
        return 0;
    }
    return -ENOSPC;
}

long pty_open_terminal(struct process *p, const struct node *n, struct file *f)
{
    struct pty *pty = n->minor < PTY_COUNT ? table(p->arena)[n->minor] : NULL;

    if (!pty || pty->locked)
        return -EIO;
    struct terminal *t = pty->terminal;
    bool leads = p->session == p->pid && !pty_of_session(p->arena, p->session) &&
                 p->arena->terminal->session != p->session;
    if (leads && !t->session && !(f->flags & O_NOCTTY)) {
        t->session = p->session;
        t->foreground = p->group;
    }
    pty->slaves++;
    pty->slave_seen = true;
    f->buffer = t;
    return 0;
}

struct node *pty_node(const struct terminal *t)
{
    return t->pty->node;
}

static void terminal_closed(struct process *p, struct file *f)
{
    struct terminal *t = f->buffer;

    if (!t)
        return;
    t->pty->slaves--;
    task_wake_pollers(p->arena, t->pty);
    drop_if_unused(p->arena, t->pty);
}

/* The terminal has lost its other end: who uses it is told. */
static void master_closed(struct process *p, struct file *f)
{
    struct pty *pty = f->buffer;

    if (!pty)
        return;
    pty->masters--;
    struct terminal *t = pty->terminal;
    if (t->session) {
        struct process *leader = process_find(p->arena, t->session);
        if (leader && !leader->ended)
            signal_raise(leader, NULL, SIGHUP, NULL);
        if (t->foreground)
            terminal_signal_group(p->arena, t->foreground, SIGHUP);
    }
    task_wake_pollers(p->arena, t);
    task_wake_pollers(p->arena, pty);
    drop_if_unused(p->arena, pty);
}

static long master_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct pty *pty = f->buffer;
    long done = 0;

    (void)position;
    while (!pty->waiting) {
        if (pty->slave_seen && !pty->slaves)
            return -EIO;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long e = task_sleep(task_current(), pty, PORT_FOREVER);
        if (e)
            return e;
    }
    while (io->left && pty->waiting) {
        size_t n = PTY_BYTES - pty->first < pty->waiting ? PTY_BYTES - pty->first : pty->waiting;
        long moved = io_put(io, pty->ring + pty->first, n);
        if (moved < 0)
            return done ? done : moved;
        pty->first = (pty->first + (size_t)moved) % PTY_BYTES;
        pty->waiting -= (size_t)moved;
        done += moved;
    }
    task_wake_pollers(p->arena, pty);
    return done;
}

static long master_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct pty *pty = f->buffer;
    char bytes[PIECE_BYTES];
    long done = 0;

    (void)position;
    while (io->left) {
        struct io before = *io;
        long n = io_get(io, bytes, sizeof bytes);
        if (n < 0)
            return done ? done : n;
        long taken = terminal_input(pty->terminal, bytes, (size_t)n);
        done += taken;
        if (taken == n)
            continue;
        *io = before; /* what was not taken is read again */
        io_get(io, bytes, (size_t)taken);
        if (done || (f->flags & O_NONBLOCK))
            return done ? done : -EAGAIN;
        long e = task_sleep(task_current(), pty, PORT_FOREVER);
        if (e)
            return e;
    }
    (void)p;
    return done;
}

static uint16_t master_poll(const struct file *f)
{
    const struct pty *pty = f->buffer;
    bool over = pty->slave_seen && !pty->slaves;

    return (uint16_t)((pty->waiting ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM |
                      (over ? POLLHUP : 0));
}

long pty_ioctl(struct process *p, struct file *f, uint32_t request, vaddr_t at)
{
    struct pty *pty = f->buffer;
    int32_t number = (int32_t)pty->number, value = (int32_t)pty->waiting;

    switch (request) {
    case TIOCGPTN:
        return USER_PUT(p, at, &number);
    case TIOCSPTLCK:
        if (USER_GET(p, &value, at))
            return -EFAULT;
        pty->locked = value != 0;
        return 0;
    case FIONREAD:
        return USER_PUT(p, at, &value);
    case TIOCGPGRP: /* the master's side may always ask */
        return USER_PUT(p, at, &pty->terminal->foreground);
    default:
        return terminal_ioctl(p, pty->terminal, request, at);
    }
}

static long slave_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)position;
    return terminal_read(p, f->buffer, f, io);
}

static long slave_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)position;
    return terminal_write(p, f->buffer, f, io);
}

static uint16_t slave_poll(const struct file *f)
{
    return terminal_poll(f->buffer);
}

const struct file_ops file_ops_pty_master = {
    .read = master_read, .write = master_write, .poll = master_poll, .close = master_closed};
const struct file_ops file_ops_pty_terminal = {
    .read = slave_read, .write = slave_write, .poll = slave_poll, .close = terminal_closed};

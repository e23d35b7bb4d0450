/* Sockets: queues of messages, and what connects them. */
#include "libos-posix/channel/socket.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/signal.h"

#define QUEUE_BYTES ((size_t)212992) /* as Linux's default for a socket */
#define PIECE_BYTES ((size_t)16384)  /* of a stream in one message      */

static bool is_stream(const struct socket *s)
{
    return s->type == SOCK_STREAM;
}

struct socket *socket_create(struct process *p, uint32_t type)
{
    struct socket *s = core_heap_alloc(&p->arena->heap, sizeof *s);
    if (!s)
        return NULL;
    s->refs = 1;
    s->type = type;
    s->open = true;
    s->owner = (struct linux_ucred){p->pid, p->who.euid, p->who.egid};
    s->next = p->arena->sockets;
    p->arena->sockets = s;
    return s;
}

static void message_free(struct process *p, struct message *m)
{
    for (unsigned i = 0; i < m->file_count; i++)
        file_release(p, m->files[i]);
    core_heap_free(&p->arena->heap, m, m->size);
}

static void drop_messages(struct process *p, struct socket *s)
{
    while (s->first) {
        struct message *m = s->first;
        s->first = m->next;
        s->queued -= m->bytes - m->done;
        message_free(p, m);
    }
    s->last = NULL;
}

void socket_release(struct arena *a, struct socket *s)
{
    if (--s->refs)
        return;
    for (struct socket **at = &a->sockets; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    if (s->node)
        node_drop(a, s->node);
    core_heap_free(&a->heap, s, sizeof *s);
}

void socket_join(struct socket *a, struct socket *b)
{
    a->peer = b;
    b->peer = a;
    a->refs++;
    b->refs++;
    a->peer_owner = b->owner;
    b->peer_owner = a->owner;
}

/* The other end has gone: what it sent can still be read. */
static void lose_peer(struct arena *a, struct socket *s)
{
    struct socket *peer = s->peer;

    s->peer = NULL;
    s->peer_gone = s->type != SOCK_DGRAM;
    task_wake_pollers(a, s);
    if (peer)
        socket_release(a, peer);
}

static void shut(struct process *p, struct socket *s)
{
    struct arena *a = p->arena;

    s->open = false;
    while (s->pending) {
        struct socket *c = s->pending;
        s->pending = c->pending_next;
        shut(p, c);
        socket_release(a, c);
    }
    drop_messages(p, s);
    struct socket *peer = s->peer;
    if (peer && peer->peer == s)
        lose_peer(a, peer);
    s->peer = NULL;
    if (peer)
        socket_release(a, peer);
    task_wake_pollers(a, s);
}

static void socket_close(struct process *p, struct file *f)
{
    struct socket *s = f->buffer;

    if (!s)
        return;
    shut(p, s);
    socket_release(p->arena, s);
}

struct socket *socket_find(const struct arena *a, const struct socket_name *name,
                           const struct node *n, uint32_t type)
{
    for (struct socket *s = a->sockets; s; s = s->next) {
        bool same = n ? s->node == n
                      : !s->node && s->name.bytes && s->name.bytes == name->bytes &&
                            !memcmp(s->name.path, name->path, name->bytes);
        if (same && s->open && (!type || s->type == type))
            return s;
    }
    return NULL;
}

/* Can `s` be sent to: not for ever, and now? */
static long check_receiver(const struct socket *s)
{
    if (!s->open || s->read_shut)
        return s->type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
    return s->queued >= QUEUE_BYTES ? -EAGAIN : 0;
}

static long enqueue(struct process *p, const struct socket *from, struct socket *to, struct io *io,
                    size_t bytes, struct file **files, unsigned file_count)
{
    size_t size = sizeof(struct message) + bytes;
    struct message *m = core_heap_alloc(&p->arena->heap, size);
    if (!m)
        return -ENOMEM;
    m->size = size;
    m->from = (struct linux_ucred){p->pid, p->who.uid, p->who.gid};
    m->name = from->name;
    long n = bytes ? io_get(io, m->data, bytes) : 0;
    if (n < 0 || ((size_t)n < bytes && from->type != SOCK_STREAM)) {
        core_heap_free(&p->arena->heap, m, size);
        return -EFAULT;
    }
    m->bytes = (size_t)n;
    m->file_count = file_count;
    for (unsigned i = 0; i < file_count; i++)
        m->files[i] = files[i];
    if (to->last && to->first)
        to->last->next = m;
    else
        to->first = m;
    to->last = m;
    to->queued += m->bytes;
    task_wake_pollers(p->arena, to);
    return n;
}

static long wait_on(struct file *f, const struct socket *s, uint32_t flags)
{
    if ((f->flags & O_NONBLOCK) || (flags & MSG_DONTWAIT))
        return -EAGAIN;
    return task_sleep(task_current(), s, PORT_FOREVER);
}

/* Who may be sent to, as far as it can be said without waiting. */
static long find_receiver(const struct socket *s, struct socket **to)
{
    if (s->write_shut)
        return -EPIPE;
    if (!*to)
        *to = s->peer;
    if (*to)
        return 0;
    if (s->peer_gone)
        return -EPIPE;
    return s->type == SOCK_DGRAM ? -EDESTADDRREQ : -ENOTCONN;
}

long socket_send(struct process *p, struct file *f, struct io *io, struct socket *given,
                 uint32_t flags, struct file **files, unsigned file_count)
{
    struct socket *s = f->buffer;
    long done = 0, e = 0;
    bool once = !is_stream(s);

    if (once && io->left > QUEUE_BYTES)
        return -EMSGSIZE;
    do {
        struct socket *to = given;
        e = find_receiver(s, &to);
        if (!e)
            e = check_receiver(to);
        if (e == -EAGAIN) {
            e = wait_on(f, to, flags);
            continue;
        }
        if (e)
            break;
        size_t n = once || io->left < PIECE_BYTES ? io->left : PIECE_BYTES;
        long sent = enqueue(p, s, to, io, n, files, file_count);
        if (sent < 0) {
            e = sent;
            break;
        }
        file_count = 0; /* they went with the first piece */
        done += sent;
        if (once || !io->left)
            return done;
    } while (!e);
    if (e == -EPIPE && !done && !(flags & MSG_NOSIGNAL))
        signal_raise(p, NULL, SIGPIPE, p);
    return done ? done : e;
}

static void take_head(struct process *p, struct socket *s)
{
    struct message *m = s->first;

    s->first = m->next;
    if (!s->first)
        s->last = NULL;
    message_free(p, m);
}

/* What comes with a message goes to who reads its first byte. */
static void take_rest(struct message *m, struct received *out, bool peek)
{
    out->has_from = true;
    out->from = m->from;
    out->name = m->name;
    out->whole = m->bytes;
    if (peek)
        return;
    out->file_count = m->file_count;
    for (unsigned i = 0; i < m->file_count; i++)
        out->files[i] = m->files[i];
    m->file_count = 0;
}

/* Bytes of a stream: up to where other descriptors come along. */
static long take_stream(struct process *p, struct socket *s, struct io *io, bool peek,
                        struct received *out)
{
    long done = 0;

    for (struct message *m = s->first; m && io->left;) {
        struct message *next = m->next;
        if (done && m->file_count)
            break;
        if (!out->has_from || m->file_count)
            take_rest(m, out, peek);
        long n = io_put(io, m->data + m->done, m->bytes - m->done);
        if (n < 0)
            return done ? done : n;
        done += n;
        if (!peek) {
            m->done += (size_t)n;
            s->queued -= (size_t)n;
            if (m->done == m->bytes)
                take_head(p, s);
        }
        m = next;
    }
    return done;
}

static long take_packet(struct process *p, struct socket *s, struct io *io, bool peek,
                        struct received *out)
{
    struct message *m = s->first;
    size_t most = io->left < m->bytes ? io->left : m->bytes;
    long n = most ? io_put(io, m->data, most) : 0;

    if (n < 0)
        return n;
    take_rest(m, out, peek);
    out->truncated = most < m->bytes;
    if (!peek) {
        s->queued -= m->bytes;
        take_head(p, s);
    }
    return n;
}

long socket_receive(struct process *p, struct file *f, struct io *io, uint32_t flags,
                    struct received *out)
{
    struct socket *s = f->buffer;
    bool peek = flags & MSG_PEEK;
    long done = 0;

    *out = (struct received){0};
    if (s->listens || (s->type != SOCK_DGRAM && !s->peer && !s->peer_gone))
        return s->listens ? -EINVAL : -ENOTCONN;
    for (;;) {
        if (s->first) {
            long n =
                is_stream(s) ? take_stream(p, s, io, peek, out) : take_packet(p, s, io, peek, out);
            task_wake_pollers(p->arena, s); /* there is room again */
            if (n < 0)
                return done ? done : n;
            done += n;
            if (!is_stream(s) || !io->left || peek || !(flags & MSG_WAITALL) || out->file_count)
                return done;
            continue;
        }
        bool over = s->read_shut || s->peer_gone || (s->peer && s->peer->write_shut);
        if (over && (s->type != SOCK_DGRAM || s->read_shut))
            return done;
        long e = wait_on(f, s, flags);
        if (e)
            return done ? done : e;
    }
}

long socket_accept(struct process *p, struct file *f, struct socket **out)
{
    struct socket *s = f->buffer;

    (void)p;
    if (!s->listens)
        return -EINVAL;
    while (!s->pending) {
        long e = wait_on(f, s, 0);
        if (e)
            return e;
    }
    *out = s->pending;
    s->pending = (*out)->pending_next;
    (*out)->pending_next = NULL;
    s->pending_count--;
    task_wake_pollers(p->arena, s);
    return 0;
}

long socket_connect(struct process *p, struct file *f, struct socket *to)
{
    struct socket *s = f->buffer;

    if (s->peer && s->type != SOCK_DGRAM)
        return -EISCONN;
    if (s->listens)
        return -EINVAL;
    if (s->type == SOCK_DGRAM) {
        if (s->peer)
            socket_release(p->arena, s->peer);
        s->peer = to;
        to->refs++;
        return 0;
    }
    while (to->listens && to->open && to->pending_count > to->pending_most) {
        long e = wait_on(f, to, 0);
        if (e)
            return e;
    }
    if (!to->listens || !to->open)
        return -ECONNREFUSED;
    struct socket *server = socket_create(p, s->type);
    if (!server)
        return -ENOMEM;
    server->owner = to->owner;
    server->name = to->name;
    socket_join(s, server);
    struct socket **end = &to->pending;
    while (*end)
        end = &(*end)->pending_next;
    *end = server;
    to->pending_count++;
    task_wake_pollers(p->arena, to);
    return 0;
}

static uint16_t socket_poll(const struct file *f)
{
    const struct socket *s = f->buffer;
    bool over = s->peer_gone || (s->peer && s->peer->write_shut && s->type != SOCK_DGRAM);
    bool in = s->first || s->pending || s->read_shut || over;
    bool out = !s->listens && (!s->peer || s->peer->queued < QUEUE_BYTES);
    bool unconnected = s->type != SOCK_DGRAM && !s->peer && !s->listens && !s->peer_gone;

    return (uint16_t)((in ? POLLIN | POLLRDNORM : 0) | (out ? POLLOUT | POLLWRNORM : 0) |
                      (over ? POLLRDHUP : 0) | (s->peer_gone || unconnected ? POLLHUP : 0));
}

static long socket_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct received got;
    long n = socket_receive(p, f, io, 0, &got);

    (void)position;
    for (unsigned i = 0; i < got.file_count; i++)
        file_release(p, got.files[i]);
    return n;
}

static long socket_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    (void)position;
    return socket_send(p, f, io, NULL, 0, NULL, 0);
}

const char *socket_check(const struct arena *a)
{
    for (const struct socket *s = a->sockets; s; s = s->next) {
        size_t bytes = 0;
        for (const struct message *m = s->first; m; m = m->next)
            bytes += m->bytes - m->done;
        if (bytes != s->queued)
            return "U1: the bytes that wait at a socket are counted wrongly";
        if (s->type != SOCK_DGRAM && s->peer && s->peer->peer != s)
            return "U2: a socket's peer has another peer";
    }
    return NULL;
}

const struct file_ops file_ops_socket = {
    .read = socket_read, .write = socket_write, .poll = socket_poll, .close = socket_close};

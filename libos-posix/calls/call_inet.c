/* Calls on sockets of the Internet: what the program's memory has to do with them. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/base/user.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/socket.h"
#include "libos-posix/file/node.h"
#include "libos-posix/process/signal.h"

#define TYPE_MASK    15u
#define NAME_BYTES   128u /* struct sockaddr_storage */
#define FAMILY_BYTES 2u
#define CONTROL_MOST 1024u

/* A descriptor for a socket, which is taken over. */
static long install(struct process *p, void *socket, word_t flags)
{
    struct node *n = node_create(p->arena, S_IFSOCK | 0777);
    struct file *f =
        n ? file_create(p->arena, FILE_INET, n, O_RDWR | ((uint32_t)flags & O_NONBLOCK)) : NULL;

    if (!f) {
        if (n)
            node_release(p->arena, n);
        inet_ops.close(p->arena, socket);
        return -ENOMEM;
    }
    f->buffer = socket;
    inet_ops.opened(socket, f);
    return file_install(p, f, 0, flags & O_CLOEXEC);
}

long inet_socket(struct process *p, word_t domain, word_t type, word_t protocol)
{
    void *made;

    if ((uint32_t)type & ~(TYPE_MASK | O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    if (!inet_ops.create)
        return -EAFNOSUPPORT;
    const long e =
        inet_ops.create(p, (uint32_t)domain, (uint32_t)type & TYPE_MASK, (uint32_t)protocol, &made);
    return e ? e : install(p, made, type);
}

static long name_get(struct process *p, vaddr_t at, word_t bytes, struct inet_name *out)
{
    if (bytes > NAME_BYTES)
        return -EINVAL;
    out->bytes = bytes < INET_NAME ? bytes : INET_NAME;
    return user_read(p, out->address, at, out->bytes);
}

long inet_name_put(struct process *p, const struct inet_name *name, vaddr_t at, vaddr_t bytes_at)
{
    int32_t room, whole = (int32_t)name->bytes;

    if (USER_GET(p, &room, bytes_at))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    const size_t n = (size_t)(whole < room ? whole : room);
    return user_write(p, at, name->address, n) || USER_PUT(p, bytes_at, &whole) ? -EFAULT : 0;
}

long inet_bind(struct process *p, struct file *f, vaddr_t at, word_t bytes)
{
    struct inet_name name;
    const long e = name_get(p, at, bytes, &name);

    return e ? e : inet_ops.bind(p, f, &name);
}

long inet_connect(struct process *p, struct file *f, vaddr_t at, word_t bytes)
{
    struct inet_name name;
    long e = name_get(p, at, bytes, &name);

    if (e)
        return e;
    file_hold(f);
    e = inet_ops.connect(p, f, &name);
    file_release(p, f);
    return e;
}

long inet_accept(struct process *p, struct file *f, vaddr_t at, vaddr_t bytes_at, word_t flags)
{
    struct inet_name name = {0};
    void *made;

    file_hold(f);
    const long e = inet_ops.accept(f, &made);
    file_release(p, f);
    if (e)
        return e;
    const long fd = install(p, made, flags);
    if (fd < 0 || !at)
        return fd;
    inet_ops.name(file_get(p, (word_t)fd), true, &name);
    const long put = inet_name_put(p, &name, at, bytes_at);
    if (put)
        file_close(p, (word_t)fd);
    return put ? put : fd;
}

long inet_name_get(struct process *p, const struct file *f, bool peer, vaddr_t at, vaddr_t bytes_at)
{
    struct inet_name name;
    const long e = inet_ops.name(f, peer, &name);

    return e ? e : inet_name_put(p, &name, at, bytes_at);
}

long inet_setsockopt(struct process *p, struct file *f, word_t level, word_t option, vaddr_t at,
                     word_t bytes)
{
    uint8_t value[INET_OPTION];

    if ((int32_t)bytes < 0)
        return -EINVAL;
    const size_t n = (uint32_t)bytes < sizeof value ? (uint32_t)bytes : sizeof value;
    if (user_read(p, value, at, n))
        return -EFAULT;
    return inet_ops.option_set(f, (int)level, (int)option, value, n);
}

long inet_getsockopt(struct process *p, struct file *f, word_t level, word_t option, vaddr_t at,
                     vaddr_t bytes_at)
{
    uint8_t value[INET_OPTION];
    size_t bytes = 0;
    int32_t room;

    if (USER_GET(p, &room, bytes_at))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    const long e = inet_ops.option_get(f, (int)level, (int)option, value, &bytes);
    if (e)
        return e;
    const int32_t told = (int32_t)bytes < room ? (int32_t)bytes : room;
    return user_write(p, at, value, (size_t)told) || USER_PUT(p, bytes_at, &told) ? -EFAULT : 0;
}

static long sent(struct process *p, struct file *f, long n, uint32_t flags)
{
    file_release(p, f);
    if (n == -EPIPE && !(flags & MSG_NOSIGNAL))
        signal_raise(p, NULL, SIGPIPE, p);
    return n;
}

long inet_send(struct process *p, struct file *f, struct io *io, vaddr_t name, word_t name_bytes,
               uint32_t flags)
{
    struct inet_name to = {0};
    const long e = name ? name_get(p, name, name_bytes, &to) : 0;

    if (e)
        return e;
    file_hold(f);
    return sent(p, f, inet_ops.send(p, f, io, &to, flags), flags);
}

long inet_send_message(struct process *p, struct file *f, struct io *io, vaddr_t name,
                       word_t name_bytes, uint32_t flags, vaddr_t control, uint64_t control_bytes)
{
    struct inet_name to = {0};
    uint8_t bytes[CONTROL_MOST];
    const long e = name ? name_get(p, name, name_bytes, &to) : 0;

    if (e)
        return e;
    if (control_bytes > sizeof bytes)
        return -ENOBUFS;
    if (user_read(p, bytes, control, control_bytes))
        return -EFAULT;
    file_hold(f);
    return sent(p, f, inet_ops.send_message(p, f, io, &to, flags, bytes, control_bytes), flags);
}

long inet_receive(struct process *p, struct file *f, struct io *io, uint32_t flags,
                  struct inet_received *out)
{
    file_hold(f);
    const long n = inet_ops.receive(f, io, flags, out);
    file_release(p, f);
    return n;
}

long inet_recvfrom(struct process *p, struct file *f, struct io *io, uint32_t flags, vaddr_t name,
                   vaddr_t bytes_at)
{
    struct inet_received got;
    const long n = inet_receive(p, f, io, flags, &got);

    if (n < 0)
        return n;
    if (name && inet_name_put(p, &got.from, name, bytes_at))
        return -EFAULT;
    return got.truncated && (flags & MSG_TRUNC) ? (long)got.whole : n;
}

static long inet_read(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    struct inet_received got;

    (void)p, (void)position;
    return inet_ops.receive(f, io, 0, &got);
}

static long inet_write(struct process *p, struct file *f, struct io *io, uint64_t *position)
{
    const struct inet_name none = {0};
    const long n = inet_ops.send(p, f, io, &none, 0);

    (void)position;
    if (n == -EPIPE)
        signal_raise(p, NULL, SIGPIPE, p);
    return n;
}

static uint16_t inet_poll(const struct file *f)
{
    return inet_ops.poll(f);
}

static void inet_close(struct process *p, struct file *f)
{
    if (f->buffer)
        inet_ops.close(p->arena, f->buffer);
}

const struct file_ops file_ops_inet = {
    .read = inet_read, .write = inet_write, .poll = inet_poll, .close = inet_close, .tells = true};

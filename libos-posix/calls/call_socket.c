/* Calls on sockets: making, naming and connecting them. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/file/access.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/socket.h"
#include "libos-posix/channel/socket_name.h"
#include "libos-posix/process/task.h"
#include "libos-posix/base/user.h"

#define TYPE_MASK     15u
#define SOL_SOCKET    1
#define SO_REUSEADDR  2
#define SO_TYPE       3
#define SO_ERROR      4
#define SO_SNDBUF     7
#define SO_RCVBUF     8
#define SO_KEEPALIVE  9
#define SO_PASSCRED   16
#define SO_PEERCRED   17
#define SO_ACCEPTCONN 30
#define SO_DOMAIN     39
#define SHUT_MOST     2
#define BUFFER_BYTES  212992

/* A descriptor for a socket, whose reference is taken over. */
static long install(struct process *p, struct socket *s, word_t flags)
{
    struct node *n = node_create(p->arena, S_IFSOCK | 0777);
    struct file *f =
        n ? file_create(p->arena, FILE_SOCKET, n, O_RDWR | ((uint32_t)flags & O_NONBLOCK)) : NULL;

    if (!f) {
        if (n)
            node_release(p->arena, n);
        socket_release(p->arena, s);
        return -ENOMEM;
    }
    f->buffer = s;
    s->node_number = n->ino;
    return file_install(p, f, 0, flags & O_CLOEXEC);
}

static long check_kind(word_t family, word_t type, word_t protocol)
{
    uint32_t kind = (uint32_t)type & TYPE_MASK;

    if ((uint32_t)type & ~(TYPE_MASK | O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    if ((uint32_t)family != AF_UNIX)
        return -EAFNOSUPPORT;
    if ((uint32_t)protocol > 1)
        return -EPROTONOSUPPORT;
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM && kind != SOCK_SEQPACKET)
        return -EPROTONOSUPPORT;
    return 0;
}

long call_socket(struct process *p, word_t family, word_t type, word_t protocol)
{
    if ((uint32_t)family == AF_INET || (uint32_t)family == AF_INET6 ||
        (uint32_t)family == AF_NETLINK)
        return inet_socket(p, family, type, protocol);
    long e = check_kind(family, type, protocol);
    if (e)
        return e;
    struct socket *s = socket_create(p, (uint32_t)type & TYPE_MASK);
    return s ? install(p, s, type) : -ENOMEM;
}

long call_socketpair(struct process *p, word_t family, word_t type, word_t protocol, word_t to)
{
    long e = check_kind(family, type, protocol);
    if (e)
        return e;
    struct socket *a = socket_create(p, (uint32_t)type & TYPE_MASK);
    struct socket *b = a ? socket_create(p, (uint32_t)type & TYPE_MASK) : NULL;
    if (!b) {
        if (a)
            socket_release(p->arena, a);
        return -ENOMEM;
    }
    socket_join(a, b);
    long first = install(p, a, type);
    long second = first < 0 ? first : install(p, b, type);
    int32_t both[2] = {(int32_t)first, (int32_t)second};
    if (second >= 0 && !USER_PUT(p, to, &both))
        return 0;
    if (second >= 0)
        file_close(p, (word_t)second);
    if (first >= 0)
        file_close(p, (word_t)first);
    return second < 0 ? second : -EFAULT;
}

long call_bind(struct process *p, word_t fd, word_t at, word_t bytes)
{
    struct socket_name name;
    struct socket *s;
    struct file *f;
    long e = socket_get(p, fd, &f);

    if (!e && f->kind == FILE_INET)
        return inet_bind(p, f, at, bytes);
    if (!e)
        e = socket_name_read(p, at, bytes, &name);
    if (e)
        return e;
    s = f->buffer;
    if (s->name.bytes || !name.bytes)
        return -EINVAL;
    if (!name.path[0]) { /* an abstract name: in no directory */
        if (socket_find(p->arena, &name, NULL, 0))
            return -EADDRINUSE;
        s->name = name;
        return 0;
    }
    struct walk w;
    e = path_walk(p, (word_t)AT_FDCWD, name.path, 0, &w);
    if (e)
        return e;
    if (w.node || !w.bytes)
        return -EADDRINUSE;
    struct node *n = node_create(p->arena, S_IFSOCK | (0777 & ~p->umask));
    if (!n)
        return -ENOMEM;
    access_own(p, w.dir, n);
    e = access_add(p, w.dir);
    if (!e)
        e = entry_add(p->arena, w.dir, w.name, w.bytes, n);
    if (e) {
        node_release(p->arena, n);
        return e;
    }
    node_hold(n);
    s->node = n;
    s->name = name;
    return 0;
}

long call_listen(struct process *p, word_t fd, word_t backlog)
{
    const int most = 4096;
    struct file *f;
    long e = socket_get(p, fd, &f);
    if (e)
        return e;
    if (f->kind == FILE_INET)
        return inet_ops.listen(f, (int)backlog);
    struct socket *s = f->buffer;
    if (s->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    if (!s->name.bytes || s->peer)
        return -EINVAL;
    int wanted = (int)backlog;
    s->pending_most = (unsigned)(wanted < 0 || wanted > most ? most : wanted);
    s->listens = true;
    return 0;
}

long call_accept4(struct process *p, word_t fd, word_t at, word_t bytes_at, word_t flags)
{
    struct socket *s;
    struct file *f;

    if (flags & ~(word_t)(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    long e = socket_get(p, fd, &f);
    if (e)
        return e;
    if (f->kind == FILE_INET)
        return inet_accept(p, f, at, bytes_at, flags);
    file_hold(f);
    e = socket_accept(p, f, &s);
    file_release(p, f);
    if (e)
        return e;
    struct socket_name name = {0};
    if (s->peer)
        name = s->peer->name;
    long new = install(p, s, flags);
    if (new >= 0 && at && socket_name_write(p, &name, at, bytes_at)) {
        file_close(p, (word_t) new);
        return -EFAULT;
    }
    return new;
}

long call_accept(struct process *p, word_t fd, word_t at, word_t bytes_at)
{
    return call_accept4(p, fd, at, bytes_at, 0);
}

long call_connect(struct process *p, word_t fd, word_t at, word_t bytes)
{
    struct socket *to;
    struct file *f;
    long e = socket_get(p, fd, &f);

    if (!e && f->kind == FILE_INET)
        return inet_connect(p, f, at, bytes);
    if (!e)
        e = socket_resolve(p, at, bytes, ((struct socket *)f->buffer)->type, &to);
    if (e)
        return e;
    file_hold(f);
    to->refs++;
    e = socket_connect(p, f, to);
    socket_release(p->arena, to);
    file_release(p, f);
    return e;
}

long call_shutdown(struct process *p, word_t fd, word_t how)
{
    struct file *f;
    long e = socket_get(p, fd, &f);
    if (e)
        return e;
    if ((uint32_t)how > SHUT_MOST)
        return -EINVAL;
    if (f->kind == FILE_INET)
        return inet_ops.shutdown(f, (uint32_t)how);
    struct socket *s = f->buffer;
    if (!s->peer && !s->peer_gone)
        return -ENOTCONN;
    s->read_shut |= how != 1;
    s->write_shut |= how != 0;
    task_wake_pollers(p->arena, s);
    if (s->peer)
        task_wake_pollers(p->arena, s->peer);
    return 0;
}

long call_getsockname(struct process *p, word_t fd, word_t at, word_t bytes_at)
{
    struct file *f;
    long e = socket_get(p, fd, &f);

    if (!e && f->kind == FILE_INET)
        return inet_name_get(p, f, false, at, bytes_at);
    return e ? e : socket_name_write(p, &((struct socket *)f->buffer)->name, at, bytes_at);
}

long call_getpeername(struct process *p, word_t fd, word_t at, word_t bytes_at)
{
    struct file *f;
    long e = socket_get(p, fd, &f);
    if (e)
        return e;
    if (f->kind == FILE_INET)
        return inet_name_get(p, f, true, at, bytes_at);
    const struct socket *peer = ((struct socket *)f->buffer)->peer;
    return peer ? socket_name_write(p, &peer->name, at, bytes_at) : -ENOTCONN;
}

long call_setsockopt(struct process *p, word_t fd, word_t level, word_t option, word_t at,
                     word_t bytes)
{
    struct file *f;
    int32_t value;
    long e = socket_get(p, fd, &f);

    if (e)
        return e;
    if (f->kind == FILE_INET)
        return inet_setsockopt(p, f, level, option, at, bytes);
    if ((int)level != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (bytes < sizeof value)
        return -EINVAL;
    if (USER_GET(p, &value, at))
        return -EFAULT;
    struct socket *s = f->buffer;
    switch ((int)option) {
    case SO_PASSCRED:
        s->wants_credentials = value != 0;
        return 0;
    case SO_REUSEADDR: /* without effect on names of files */
    case SO_KEEPALIVE:
    case SO_SNDBUF:
    case SO_RCVBUF:
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static long option_get(const struct socket *s, int option, int32_t *out)
{
    switch (option) {
    case SO_TYPE:
        *out = (int32_t)s->type;
        return 0;
    case SO_DOMAIN:
        *out = (int32_t)AF_UNIX;
        return 0;
    case SO_ACCEPTCONN:
        *out = s->listens;
        return 0;
    case SO_PASSCRED:
        *out = s->wants_credentials;
        return 0;
    case SO_SNDBUF:
    case SO_RCVBUF:
        *out = BUFFER_BYTES;
        return 0;
    case SO_ERROR:
    case SO_REUSEADDR:
    case SO_KEEPALIVE:
        *out = 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

long call_getsockopt(struct process *p, word_t fd, word_t level, word_t option, word_t at,
                     word_t bytes_at)
{
    struct file *f;
    int32_t value, room;
    long e = socket_get(p, fd, &f);

    if (e)
        return e;
    if (f->kind == FILE_INET)
        return inet_getsockopt(p, f, level, option, at, bytes_at);
    if ((int)level != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (USER_GET(p, &room, bytes_at))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    const struct socket *s = f->buffer;
    const void *from = &value;
    size_t bytes = sizeof value;
    if ((int)option == SO_PEERCRED) {
        from = &s->peer_owner;
        bytes = sizeof s->peer_owner;
    } else if ((e = option_get(s, (int)option, &value)) != 0) {
        return e;
    }
    bytes = bytes < (size_t)room ? bytes : (size_t)room;
    int32_t told = (int32_t)bytes;
    return user_write(p, at, from, bytes) || USER_PUT(p, bytes_at, &told) ? -EFAULT : 0;
}

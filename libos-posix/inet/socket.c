/* Sockets of all kinds: making, naming and closing them. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/process.h"

#define PORT_FREE  1024 /* below them only the superuser binds */
#define KIND_ICMP  1u
#define KIND_ICMP6 58u

struct inet_socket *socket_make(uint16_t domain, uint8_t type)
{
    struct inet_socket *s = inet_take(sizeof *s);

    if (!s)
        return NULL;
    s->domain = domain;
    s->type = type;
    s->linger = -1;
    s->next = inet_sockets;
    inet_sockets = s;
    return s;
}

void socket_forget(struct inet_socket *s)
{
    for (struct inet_socket **at = &inet_sockets; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    core_heap_free(&arena_get()->heap, s, sizeof *s);
}

long socket_take_error(struct inet_socket *s)
{
    const int32_t e = s->error;

    s->error = 0;
    return -e;
}

struct ip_pcb *socket_pcb(const struct inet_socket *s)
{
    return s->tcp   ? (struct ip_pcb *)(void *)s->tcp
           : s->udp ? (struct ip_pcb *)(void *)s->udp
                    : (struct ip_pcb *)(void *)s->raw;
}

static long check_kind(const struct process *p, uint32_t domain, uint32_t type, uint32_t protocol)
{
    if (domain == AF_NETLINK)
        return netlink_check(type, protocol);
    if (domain != AF_INET && domain != AF_INET6)
        return -EAFNOSUPPORT;
    switch (type) {
    case SOCK_STREAM:
        return protocol && protocol != IP_PROTO_TCP ? -EPROTONOSUPPORT : 0;
    case SOCK_DGRAM:
        return protocol && protocol != IP_PROTO_UDP ? -EPROTONOSUPPORT : 0;
    case SOCK_RAW:
        if (p->who.euid)
            return -EPERM;
        return protocol == (domain == AF_INET ? KIND_ICMP : KIND_ICMP6) ? 0 : -EPROTONOSUPPORT;
    default:
        return -EPROTONOSUPPORT;
    }
}

static long create(struct process *p, uint32_t domain, uint32_t type, uint32_t protocol, void **out)
{
    long e = check_kind(p, domain, type, protocol);

    if (!e)
        e = stack_begin();
    if (e)
        return e;
    struct inet_socket *s = socket_make((uint16_t)domain, (uint8_t)type);
    if (!s)
        return -ENOMEM;
    s->protocol = (uint16_t)protocol;
    s->owner = p->who.euid;
    e = type == SOCK_STREAM    ? stream_create(s)
        : domain == AF_NETLINK ? netlink_create(s)
                               : datagram_create(s);
    if (e)
        socket_forget(s);
    *out = s;
    return e;
}

static void opened(void *socket, const struct file *f)
{
    ((struct inet_socket *)socket)->file = f;
}

static void let_go(struct arena *a, void *socket)
{
    struct inet_socket *s = socket;

    (void)a;
    if (s->type == SOCK_STREAM)
        stream_close(s);
    else
        datagram_close(s);
    socket_forget(s);
    stack_turn();
}

static long bind(struct process *p, struct file *f, const struct inet_name *name)
{
    struct inet_socket *s = f->buffer;
    ip_addr_t address;
    uint16_t port;

    if (s->domain == AF_NETLINK)
        return netlink_bind(p, s, name);
    const long e = name_read(s, name, &address, &port);
    if (e)
        return e;
    if (!ip_addr_isany(&address) && !ip_addr_ismulticast(&address) && !interface_has(&address))
        return -EADDRNOTAVAIL;
    if (port && port < PORT_FREE && p->who.euid)
        return -EACCES;
    if (s->domain == AF_INET6 && ip_addr_isany(&address) && !s->v6_only && s->type != SOCK_RAW)
        IP_SET_TYPE(&address, IPADDR_TYPE_ANY);
    if (port && !share_allows(s, &address, port))
        return -EADDRINUSE;
    return s->type == SOCK_STREAM ? stream_bind(s, &address, port)
                                  : datagram_bind(s, &address, port);
}

static long listen(struct file *f, int backlog)
{
    struct inet_socket *s = f->buffer;
    return s->type == SOCK_STREAM ? stream_listen(f, backlog) : -EOPNOTSUPP;
}

static long accept(struct file *f, void **out)
{
    struct inet_socket *s = f->buffer;
    return s->type == SOCK_STREAM ? stream_accept(f, out) : -EOPNOTSUPP;
}

/* To no address in particular means to this machine. */
static void to_this_machine(ip_addr_t *address)
{
    if (!ip_addr_isany(address))
        return;
    if (IP_IS_V4(address))
        ip_addr_set_loopback(false, address);
    else
        ip_addr_set_loopback(true, address);
}

static long connect(struct process *p, struct file *f, const struct inet_name *name)
{
    struct inet_socket *s = f->buffer;
    uint16_t port, family = 0;
    ip_addr_t address;

    if (s->domain == AF_NETLINK)
        return netlink_connect(p, s, name);
    if (name->bytes >= sizeof family)
        memcpy(&family, name->address, sizeof family);
    if (name->bytes >= sizeof family && !family && s->type != SOCK_STREAM)
        return datagram_connect(s, NULL, 0);
    long e = name_read(s, name, &address, &port);
    if (e)
        return e;
    to_this_machine(&address);
    return s->type == SOCK_STREAM ? stream_connect(f, &address, port)
                                  : datagram_connect(s, &address, port);
}

static long shutdown(struct file *f, unsigned how)
{
    struct inet_socket *s = f->buffer;

    if (s->type == SOCK_STREAM)
        return stream_shutdown(f, how);
    if (s->domain == AF_NETLINK)
        return -EOPNOTSUPP;
    if (s->state != STREAM_CONNECTED)
        return -ENOTCONN;
    s->read_shut |= how != 1;
    s->write_shut |= how != 0;
    inet_wake(s);
    return 0;
}

static long name(const struct file *f, bool peer, struct inet_name *out)
{
    const struct inet_socket *s = f->buffer;
    const bool connected =
        s->state == STREAM_CONNECTED || (s->state == STREAM_OVER && !ip_addr_isany_val(s->remote));

    if (s->domain == AF_NETLINK) {
        netlink_name(s, peer, out);
        return 0;
    }
    if (peer && !connected)
        return -ENOTCONN;
    if (peer)
        name_write(s, &s->remote, s->remote_port, out);
    else
        name_write(s, &s->local, s->local_port, out);
    return 0;
}

static long send(struct process *p, struct file *f, struct io *io, const struct inet_name *to,
                 uint32_t flags)
{
    struct inet_socket *s = f->buffer;
    ip_addr_t address;
    uint16_t port;

    if (s->type == SOCK_STREAM)
        return stream_send(f, io, flags);
    if (s->domain == AF_NETLINK)
        return netlink_send(p, s, io, to);
    if (!to->bytes)
        return datagram_send(f, io, NULL, 0);
    long e = name_read(s, to, &address, &port);
    if (e)
        return e;
    if (!port && s->udp)
        return -EINVAL;
    to_this_machine(&address);
    return datagram_send(f, io, &address, port);
}

static long receive(struct file *f, struct io *io, uint32_t flags, struct inet_received *out)
{
    struct inet_socket *s = f->buffer;

    out->truncated = false;
    out->whole = out->from.bytes = out->control_bytes = 0;
    if (flags & MSG_ERRQUEUE) /* errors are told by calls, and by SO_ERROR */
        return -EAGAIN;
    if (flags & MSG_OOB) /* urgent bytes are among the others */
        return s->type == SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
    return s->type == SOCK_STREAM ? stream_receive(f, io, flags)
                                  : datagram_receive(f, io, flags, out);
}

static size_t waiting(const struct file *f)
{
    const struct inet_socket *s = f->buffer;

    return s->type == SOCK_STREAM ? s->queued
           : s->first_packet      ? s->first_packet->bytes->tot_len
                                  : 0;
}

static uint16_t poll(const struct file *f)
{
    struct inet_socket *s = f->buffer;

    return s->type == SOCK_STREAM ? stream_poll(s) : datagram_poll(s);
}

const struct inet_ops inet_ops = {
    .create = create,
    .close = let_go,
    .opened = opened,
    .bind = bind,
    .listen = listen,
    .accept = accept,
    .connect = connect,
    .shutdown = shutdown,
    .name = name,
    .send = send,
    .send_message = message_send,
    .receive = receive,
    .option_set = option_set,
    .option_get = option_get,
    .control = control,
    .waiting = waiting,
    .poll = poll,
    .start = start_card,
    .has_address = start_has_address,
    .tell = start_tell,
    .run = stack_run,
    .is_busy = stack_is_busy,
    .check = stack_check,
    .table = table_text,
};

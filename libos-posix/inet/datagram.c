/* UDP and raw packets, and what comes back when they cannot be delivered. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/task.h"

#include <lwip/prot/icmp.h>
#include <lwip/prot/icmp6.h>
#include <lwip/prot/ip.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/udp.h>

#define QUEUE_BYTES   ((size_t)212992) /* as Linux's default */
#define DATAGRAM_MOST ((size_t)65507)

static void enqueue(struct inet_socket *s, struct pbuf *p, const ip_addr_t *from, uint16_t port)
{
    struct packet *packet = s->queued < s->queue_most ? inet_take(sizeof *packet) : NULL;

    if (!packet) {
        pbuf_free(p); /* as any packet on a full way */
        return;
    }
    *packet = (struct packet){.bytes = p, .from = *from, .port = port};
    if (s->first_packet)
        s->last_packet->next = packet;
    else
        s->first_packet = packet;
    s->last_packet = packet;
    s->queued += p->tot_len;
    inet_wake(s);
}

static void on_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    (void)pcb;
    enqueue(argument, p, from, port);
}

/* Others may want the packet, too. */
static u8_t on_raw(void *argument, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    struct inet_socket *s = argument;
    struct pbuf *copy = s->read_shut ? NULL : pbuf_clone(PBUF_RAW, PBUF_RAM, p);

    (void)pcb;
    if (copy && s->domain == AF_INET6) /* where the header is not the program's */
        pbuf_remove_header(copy, ip_current_header_tot_len());
    if (copy)
        enqueue(s, copy, from, 0);
    return 0;
}

long datagram_create(struct inet_socket *s)
{
    const uint8_t kind = s->domain == AF_INET  ? IPADDR_TYPE_V4
                         : s->type == SOCK_RAW ? IPADDR_TYPE_V6
                                               : IPADDR_TYPE_ANY;

    s->queue_most = QUEUE_BYTES;
    if (s->type == SOCK_RAW)
        s->raw = raw_new_ip_type(kind, (u8_t)s->protocol);
    else
        s->udp = udp_new_ip_type(kind);
    if (s->udp)
        udp_recv(s->udp, on_datagram, s);
    if (s->raw)
        raw_recv(s->raw, on_raw, s);
    return s->udp || s->raw ? 0 : -ENOMEM;
}

static struct pbuf *take_first(struct inet_socket *s)
{
    struct packet *packet = s->first_packet;
    struct pbuf *p = packet->bytes;

    s->first_packet = packet->next;
    s->queued -= p->tot_len;
    core_heap_free(&arena_get()->heap, packet, sizeof *packet);
    return p;
}

void datagram_close(struct inet_socket *s)
{
    if (s->udp)
        udp_remove(s->udp);
    if (s->raw)
        raw_remove(s->raw);
    while (s->first_packet)
        pbuf_free(take_first(s));
}

long datagram_bind(struct inet_socket *s, const ip_addr_t *address, uint16_t port)
{
    if (s->bound)
        return -EINVAL;
    const err_t e = s->udp ? udp_bind(s->udp, address, port) : raw_bind(s->raw, address);
    if (e != ERR_OK)
        return inet_error(e);
    s->bound = true;
    s->local = *address;
    s->local_port = s->udp ? s->udp->local_port : 0;
    return 0;
}

/* `address` NULL: no longer to one place. */
long datagram_connect(struct inet_socket *s, const ip_addr_t *address, uint16_t port)
{
    err_t e = ERR_OK;

    if (!address) {
        if (s->udp)
            udp_disconnect(s->udp);
        else
            raw_disconnect(s->raw);
        s->state = STREAM_NEW;
        return 0;
    }
    if (s->udp)
        e = udp_connect(s->udp, address, port);
    else
        e = raw_connect(s->raw, address);
    if (e != ERR_OK)
        return inet_error(e);
    s->state = STREAM_CONNECTED;
    s->remote = *address;
    s->remote_port = port;
    if (s->udp) {
        struct netif *way = ip_route(&s->udp->local_ip, address);
        const ip_addr_t *from = way ? ip_netif_get_local_ip(way, address) : NULL;
        s->local_port = s->udp->local_port;
        if (from && ip_addr_isany(&s->udp->local_ip))
            s->local = *from;
    }
    return 0;
}

/* `to` NULL: to whom it is connected. */
static err_t send_udp(struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *to, uint16_t port)
{
    udp_clear_flags(pcb, UDP_FLAGS_NOCHKSUM);
    if (card_sums(to ? to : &pcb->remote_ip, p->tot_len))
        udp_set_flags(pcb, UDP_FLAGS_NOCHKSUM);
    return to ? udp_sendto(pcb, p, to, port) : udp_send(pcb, p);
}

long datagram_send(struct file *f, struct io *io, const ip_addr_t *to, uint16_t port)
{
    struct inet_socket *s = f->buffer;
    const size_t bytes = io->left;

    if (s->error)
        return socket_take_error(s);
    if (s->write_shut)
        return -EPIPE;
    if (!to && s->state != STREAM_CONNECTED)
        return -EDESTADDRREQ;
    if (bytes > DATAGRAM_MOST)
        return -EMSGSIZE;
    struct pbuf *p = pbuf_alloc(s->udp ? PBUF_TRANSPORT : PBUF_IP, (u16_t)bytes, PBUF_RAM);
    if (!p)
        return -ENOMEM;
    long n = bytes ? io_get(io, p->payload, bytes) : 0;
    if (n < 0 || (size_t)n < bytes) {
        pbuf_free(p);
        return -EFAULT;
    }
    err_t e;
    if (s->udp)
        e = send_udp(s->udp, p, to, port);
    else
        e = to ? raw_sendto(s->raw, p, to) : raw_send(s->raw, p);
    pbuf_free(p);
    if (s->udp && !s->local_port)
        s->local_port = s->udp->local_port;
    stack_turn();
    return e == ERR_VAL ? -EACCES : e ? inet_error(e) : n;
}

static long hand_over(struct inet_socket *s, struct io *io, bool peek, struct inet_received *out)
{
    const struct packet *packet = s->first_packet;
    const struct pbuf *p = packet->bytes;
    const size_t most = io->left < p->tot_len ? io->left : p->tot_len;
    long done = 0;

    for (const struct pbuf *q = p; q && (size_t)done < most; q = q->next) {
        const size_t left = most - (size_t)done;
        const long n = io_put(io, q->payload, q->len < left ? q->len : left);
        if (n < 0)
            return n;
        done += n;
    }
    out->whole = p->tot_len;
    out->truncated = most < p->tot_len;
    name_write(s, &packet->from, packet->port, &out->from);
    if (!peek)
        pbuf_free(take_first(s));
    return done;
}

long datagram_receive(struct file *f, struct io *io, uint32_t flags, struct inet_received *out)
{
    struct inet_socket *s = f->buffer;
    const uint64_t deadline = inet_deadline(s->receive_ns);

    while (!s->first_packet) {
        stack_turn();
        if (s->first_packet)
            break;
        if (s->error)
            return socket_take_error(s);
        if (s->read_shut)
            return 0;
        const long e = inet_wait(f, flags, deadline);
        if (e)
            return e;
    }
    return hand_over(s, io, flags & MSG_PEEK, out);
}

uint16_t datagram_poll(const struct inet_socket *s)
{
    return (uint16_t)((s->first_packet || s->read_shut || s->error ? POLLIN | POLLRDNORM : 0) |
                      POLLOUT | POLLWRNORM | (s->error ? POLLERR : 0) |
                      (s->read_shut ? POLLRDHUP : 0) |
                      (s->read_shut && s->write_shut ? POLLHUP : 0));
}

/* Does it want to hear of a datagram between these ports, sent to `to`, that was returned? */
static bool hears_of(const struct inet_socket *s, uint16_t from_port, uint16_t to_port,
                     const ip_addr_t *to)
{
    if (!s->udp || s->udp->local_port != from_port)
        return false;
    if (s->state != STREAM_CONNECTED)
        return s->told_all;
    return s->udp->remote_port == to_port && ip_addr_cmp(&s->udp->remote_ip, to);
}

/* A datagram was returned: its sender is told by its next call. */
static void returned(uint16_t from_port, uint16_t to_port, const ip_addr_t *to, int32_t error)
{
    for (struct inet_socket *s = inet_sockets; s; s = s->next) {
        if (!hears_of(s, from_port, to_port, to))
            continue;
        s->error = error;
        inet_wake(s);
    }
}

/* IPv4's "destination unreachable", with the head of what was sent. */
static u8_t on_icmp(void *argument, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    uint8_t head[IP_HLEN_MAX + 8 + IP_HLEN_MAX + 4];
    const uint16_t bytes = pbuf_copy_partial(p, head, sizeof head, 0);
    const size_t outer = (size_t)(head[0] & 15) * 4;
    struct ip_hdr inner;
    uint16_t ports[2];
    ip_addr_t to;

    (void)argument, (void)pcb, (void)from;
    if (bytes < outer + 8 + IP_HLEN + sizeof ports || head[outer] != ICMP_DUR)
        return 0;
    memcpy(&inner, head + outer + 8, sizeof inner);
    const size_t at = outer + 8 + (size_t)IPH_HL(&inner) * 4;
    if (IPH_PROTO(&inner) != IP_PROTO_UDP || bytes < at + sizeof ports)
        return 0;
    memcpy(ports, head + at, sizeof ports);
    ip_addr_set_ip4_u32_val(to, inner.dest.addr);
    returned(lwip_ntohs(ports[0]), lwip_ntohs(ports[1]), &to,
             head[outer + 1] == ICMP_DUR_PORT ? ECONNREFUSED : EHOSTUNREACH);
    return 0;
}

#define IP6_HEAD 40u

/* The same of IPv6. */
static u8_t on_icmp6(void *argument, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    uint8_t head[8 + IP6_HEAD + 4];
    const uint16_t bytes = pbuf_copy_partial(p, head, sizeof head, ip_current_header_tot_len());
    uint16_t ports[2];
    ip_addr_t to = {.type = IPADDR_TYPE_V6};

    (void)argument, (void)pcb, (void)from;
    if (bytes < sizeof head || head[0] != ICMP6_TYPE_DUR || head[8 + 6] != IP_PROTO_UDP)
        return 0;
    memcpy(ip_2_ip6(&to)->addr, head + 8 + 24, 16);
    memcpy(ports, head + 8 + IP6_HEAD, sizeof ports);
    returned(lwip_ntohs(ports[0]), lwip_ntohs(ports[1]), &to,
             head[1] == ICMP6_DUR_PORT ? ECONNREFUSED : EHOSTUNREACH);
    return 0;
}

void datagram_watch(void)
{
    struct raw_pcb *four = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_ICMP);
    struct raw_pcb *six = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);

    if (four)
        raw_recv(four, on_icmp, NULL);
    if (six)
        raw_recv(six, on_icmp6, NULL);
}

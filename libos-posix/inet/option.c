/* Options of sockets. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/mem.h"

#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>

#define SOL_SOCKET  1
#define SOL_TCP     6
#define SOL_NETLINK 270

/* Of SOL_SOCKET */
#define SO_REUSEADDR     2
#define SO_TYPE          3
#define SO_ERROR         4
#define SO_DONTROUTE     5
#define SO_BROADCAST     6
#define SO_SNDBUF        7
#define SO_RCVBUF        8
#define SO_KEEPALIVE     9
#define SO_OOBINLINE     10
#define SO_PRIORITY      12
#define SO_LINGER        13
#define SO_REUSEPORT     15
#define SO_RCVTIMEO      20
#define SO_SNDTIMEO      21
#define SO_TIMESTAMP     29
#define SO_BINDTODEVICE  25
#define SO_BINDTOIFINDEX 62
#define SO_ACCEPTCONN    30
#define SO_PROTOCOL      38
#define SO_DOMAIN        39
#define SO_RCVTIMEO_NEW  66
#define SO_SNDTIMEO_NEW  67

/* Of SOL_TCP */
#define TCP_OPTION_NODELAY   1
#define TCP_OPTION_MAXSEG    2
#define TCP_OPTION_CORK      3
#define TCP_OPTION_KEEPIDLE  4
#define TCP_OPTION_KEEPINTVL 5
#define TCP_OPTION_KEEPCNT   6
#define TCP_OPTION_INFO      11
#define TCP_OPTION_QUICKACK  12

#define SECONDS_MOST 32767
#define COUNT_MOST   127
#define LEAST_SEND   2304
#define MOST_SEND    212992          /* Linux's most */
#define LEAST_BUFFER ((int32_t)2304) /* Linux's least */

struct linger_value {
    int32_t on, seconds;
};
struct timeval_value {
    int64_t seconds, microseconds;
};

/* What lwIP keeps of them at the connection, anew for a new one. */
void option_apply(struct inet_socket *s)
{
    struct ip_pcb *pcb = socket_pcb(s);

    if (!pcb)
        return;
    pcb->so_options =
        (u8_t)((s->reuse || s->reuse_port ? SOF_REUSEADDR : 0) |
               (s->broadcast ? SOF_BROADCAST : 0) | (s->keep_alive ? SOF_KEEPALIVE : 0) |
               (pcb->so_options & SOF_INHERITED & ~(SOF_REUSEADDR | SOF_KEEPALIVE)));
}

static long time_set(uint64_t *to, const void *value, size_t bytes)
{
    struct timeval_value t;
    const int64_t most = INT64_MAX / (int64_t)NS_PER_SECOND - 1;

    if (bytes < sizeof t)
        return -EINVAL;
    memcpy(&t, value, sizeof t);
    if (t.microseconds < 0 || t.microseconds >= 1000000)
        return -EDOM;
    if (t.seconds < 0 || t.seconds > most)
        t = (struct timeval_value){0, 0};
    *to = (uint64_t)t.seconds * NS_PER_SECOND + (uint64_t)t.microseconds * 1000;
    return 0;
}

static long linger_set(struct inet_socket *s, const void *value, size_t bytes)
{
    struct linger_value l;

    if (bytes < sizeof l)
        return -EINVAL;
    memcpy(&l, value, sizeof l);
    s->linger = l.on ? l.seconds : -1;
    return 0;
}

/* Packets of the socket go and come by one interface; NULL: by any. */
static long interface_set(struct inet_socket *s, const struct netif *n)
{
    if (s->tcp && s->state == STREAM_LISTENS)
        ((struct tcp_pcb_listen *)(void *)s->tcp)->netif_idx = n ? netif_get_index(n) : 0;
    else if (socket_pcb(s))
        socket_pcb(s)->netif_idx = n ? netif_get_index(n) : 0;
    return 0;
}

/* By its name; an empty one: by any. */
static long device_set(struct inet_socket *s, const void *value, size_t bytes)
{
    char name[INTERFACE_NAME] = {0};

    memcpy(name, value, bytes < sizeof name - 1 ? bytes : sizeof name - 1);
    const struct netif *n = name[0] ? interface_find(name) : NULL;
    return name[0] && !n ? -ENODEV : interface_set(s, n);
}

static long device_get(const struct inet_socket *s, void *value, size_t *bytes)
{
    const struct netif *n = socket_pcb(s) ? interface_at(socket_pcb(s)->netif_idx) : NULL;
    const char *name = n ? interface_name(n) : NULL;

    *bytes = 0;
    while (name && (*bytes == 0 || name[*bytes - 1])) {
        ((char *)value)[*bytes] = name[*bytes];
        ++*bytes;
    }
    return 0;
}

static long socket_set(struct inet_socket *s, int option, int32_t v)
{
    switch (option) {
    case SO_REUSEADDR:
        s->reuse = v != 0;
        break;
    case SO_REUSEPORT: /* who shares a port shares it until the end */
        s->reuse_port = s->bound ? s->reuse_port : v != 0;
        break;
    case SO_BROADCAST:
        s->broadcast = v != 0;
        break;
    case SO_KEEPALIVE:
        s->keep_alive = v != 0;
        break;
    case SO_BINDTOIFINDEX:
        if (v < 0)
            return -EINVAL;
        return v && !interface_at((uint32_t)v) ? -ENODEV
                                               : interface_set(s, interface_at((uint32_t)v));
    case SO_RCVBUF:
        s->queue_most = (size_t)(v < LEAST_BUFFER ? LEAST_BUFFER : v < INT32_MAX / 2 ? 2 * v : v);
        break;
    case SO_TIMESTAMP:
        if (s->domain != AF_NETLINK)
            s->wanted = (uint8_t)(v ? s->wanted | WANTS_TIME : s->wanted & ~WANTS_TIME);
        break;
    case SO_SNDBUF:
        v = v < LEAST_SEND ? LEAST_SEND : v < MOST_SEND ? v : MOST_SEND;
        if (s->type == SOCK_STREAM)
            stream_send_most(s, (uint32_t)v);
        break;
    case SO_OOBINLINE: /* urgent bytes are always among the others */
    case SO_DONTROUTE:
    case SO_PRIORITY:
        break;
    default:
        return -ENOPROTOOPT;
    }
    option_apply(s);
    return 0;
}

static long keep_set(struct inet_socket *s, int option, int32_t v)
{
    const int32_t most = option == TCP_OPTION_KEEPCNT ? COUNT_MOST : SECONDS_MOST;

    if (v < 1 || v > most)
        return -EINVAL;
    if (!s->tcp || s->state == STREAM_LISTENS)
        return 0;
    if (option == TCP_OPTION_KEEPIDLE)
        s->tcp->keep_idle = (u32_t)v * 1000;
    else if (option == TCP_OPTION_KEEPINTVL)
        s->tcp->keep_intvl = (u32_t)v * 1000;
    else
        s->tcp->keep_cnt = (u32_t)v;
    return 0;
}

static long tcp_set(struct inet_socket *s, int option, int32_t v)
{
    if (s->type != SOCK_STREAM)
        return -ENOPROTOOPT;
    switch (option) {
    case TCP_OPTION_NODELAY:
        s->no_delay = v != 0;
        stream_delay(s);
        return 0;
    case TCP_OPTION_CORK:
        s->corked = v != 0;
        if (!v && s->tcp && s->state == STREAM_CONNECTED) {
            tcp_output(s->tcp);
            stack_turn();
        }
        return 0;
    case TCP_OPTION_KEEPIDLE:
    case TCP_OPTION_KEEPINTVL:
    case TCP_OPTION_KEEPCNT:
        return keep_set(s, option, v);
    case TCP_OPTION_QUICKACK: /* a hint */
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

long option_set(struct file *f, int level, int option, const void *value, size_t bytes)
{
    struct inet_socket *s = f->buffer;
    int32_t v;

    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_RCVTIMEO_NEW))
        return time_set(&s->receive_ns, value, bytes);
    if (level == SOL_SOCKET && (option == SO_SNDTIMEO || option == SO_SNDTIMEO_NEW))
        return time_set(&s->send_ns, value, bytes);
    if (level == SOL_SOCKET && option == SO_LINGER)
        return linger_set(s, value, bytes);
    if (level == SOL_SOCKET && option == SO_BINDTODEVICE)
        return device_set(s, value, bytes);
    if (level == SOL_IP || level == SOL_IPV6)
        return option_ip_set(s, level, option, value, bytes);
    if (level == SOL_RAW || level == SOL_ICMPV6)
        return option_raw_set(s, level, option, value, bytes);
    if (bytes < sizeof v)
        return -EINVAL;
    memcpy(&v, value, sizeof v);
    switch (level) {
    case SOL_SOCKET:
        return socket_set(s, option, v);
    case SOL_NETLINK:
        return s->domain == AF_NETLINK ? netlink_option(option, bytes) : -ENOPROTOOPT;
    case SOL_TCP:
        return tcp_set(s, option, v);
    default:
        return -ENOPROTOOPT;
    }
}

static long socket_get_value(struct inet_socket *s, int option, int32_t *out)
{
    switch (option) {
    case SO_REUSEADDR:
        *out = s->reuse;
        return 0;
    case SO_TYPE:
        *out = s->type;
        return 0;
    case SO_ERROR:
        *out = s->error;
        s->error = 0;
        return 0;
    case SO_BROADCAST:
        *out = s->broadcast;
        return 0;
    case SO_KEEPALIVE:
        *out = s->keep_alive;
        return 0;
    case SO_TIMESTAMP:
        *out = (s->wanted & WANTS_TIME) != 0;
        return 0;
    case SO_SNDBUF: /* doubled, as Linux tells it */
        *out = (int32_t)(s->type == SOCK_STREAM ? 2 * s->send_most : MOST_SEND);
        return 0;
    case SO_REUSEPORT:
        *out = s->reuse_port;
        return 0;
    case SO_BINDTOIFINDEX:
        *out = socket_pcb(s) ? socket_pcb(s)->netif_idx : 0;
        return 0;
    case SO_RCVBUF:
        *out = (int32_t)(s->type == SOCK_STREAM ? TCP_WND : s->queue_most);
        return 0;
    case SO_ACCEPTCONN:
        *out = s->type == SOCK_STREAM && s->state == STREAM_LISTENS;
        return 0;
    case SO_DOMAIN:
        *out = s->domain;
        return 0;
    case SO_PROTOCOL:
        *out = s->type == SOCK_STREAM                             ? IP_PROTO_TCP
               : s->type == SOCK_DGRAM && s->domain != AF_NETLINK ? IP_PROTO_UDP
                                                                  : s->protocol;
        return 0;
    case SO_OOBINLINE:
    case SO_DONTROUTE:
    case SO_PRIORITY:
        *out = 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static long tcp_get(const struct inet_socket *s, int option, int32_t *out)
{
    const struct tcp_pcb *pcb = s->state == STREAM_LISTENS ? NULL : s->tcp;

    if (s->type != SOCK_STREAM)
        return -ENOPROTOOPT;
    switch (option) {
    case TCP_OPTION_NODELAY:
        *out = s->no_delay;
        return 0;
    case TCP_OPTION_CORK:
        *out = s->corked;
        return 0;
    case TCP_OPTION_MAXSEG:
        *out = pcb ? tcp_mss(pcb) : TCP_MSS;
        return 0;
    case TCP_OPTION_KEEPIDLE:
        *out = (int32_t)((pcb ? pcb->keep_idle : TCP_KEEPIDLE_DEFAULT) / 1000);
        return 0;
    case TCP_OPTION_KEEPINTVL:
        *out = (int32_t)((pcb ? pcb->keep_intvl : TCP_KEEPINTVL_DEFAULT) / 1000);
        return 0;
    case TCP_OPTION_KEEPCNT:
        *out = (int32_t)(pcb ? pcb->keep_cnt : TCP_KEEPCNT_DEFAULT);
        return 0;
    case TCP_OPTION_QUICKACK:
        *out = 1;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static long time_get(uint64_t ns, void *value, size_t *bytes)
{
    const struct timeval_value t = {(int64_t)(ns / NS_PER_SECOND),
                                    (int64_t)(ns % NS_PER_SECOND / 1000)};

    *bytes = sizeof t;
    memcpy(value, &t, sizeof t);
    return 0;
}

long option_get(struct file *f, int level, int option, void *value, size_t *bytes)
{
    struct inet_socket *s = f->buffer;
    int32_t v = 0;
    long e;

    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_RCVTIMEO_NEW))
        return time_get(s->receive_ns, value, bytes);
    if (level == SOL_SOCKET && (option == SO_SNDTIMEO || option == SO_SNDTIMEO_NEW))
        return time_get(s->send_ns, value, bytes);
    if (level == SOL_SOCKET && option == SO_LINGER) {
        const struct linger_value l = {s->linger >= 0, s->linger >= 0 ? s->linger : 0};
        *bytes = sizeof l;
        memcpy(value, &l, sizeof l);
        return 0;
    }
    if (level == SOL_SOCKET && option == SO_BINDTODEVICE)
        return device_get(s, value, bytes);
    if (level == SOL_TCP && option == TCP_OPTION_INFO && s->type == SOCK_STREAM) {
        *bytes = STREAM_INFO;
        stream_info(s, value);
        return 0;
    }
    switch (level) {
    case SOL_SOCKET:
        e = socket_get_value(s, option, &v);
        break;
    case SOL_TCP:
        e = tcp_get(s, option, &v);
        break;
    case SOL_IP:
    case SOL_IPV6:
        e = option_ip_get(s, level, option, &v);
        break;
    default:
        e = -ENOPROTOOPT;
    }
    *bytes = sizeof v;
    memcpy(value, &v, sizeof v);
    return e;
}

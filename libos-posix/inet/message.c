/* Control messages of sockets of the Internet: what comes along with a packet, and how one goes. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/mem.h"

#include <lwip/netif.h>

#define SOL_SOCKET 1

#define SCM_TIMESTAMP     29
#define CONTROL_TOS       1 /* IP_TOS, one byte; sent: also four */
#define CONTROL_TTL       2 /* IP_TTL */
#define CONTROL_PKTINFO   8
#define CONTROL6_OLD_INFO 2 /* IPV6_2292PKTINFO */
#define CONTROL6_OLD_HOPS 8
#define CONTROL6_INFO     50 /* IPV6_PKTINFO */
#define CONTROL6_HOPS     52
#define CONTROL6_CLASS    67

struct control_head {
    uint64_t bytes; /* with this head; the next one begins at a multiple of 8 */
    int32_t level, type;
};
_Static_assert(sizeof(struct control_head) == 16, "struct cmsghdr");

struct packet_info4 {
    int32_t interface;
    uint32_t local, address;
};
_Static_assert(sizeof(struct packet_info4) == 12, "struct in_pktinfo");

struct packet_info6 {
    uint8_t address[16];
    uint32_t interface;
};
_Static_assert(sizeof(struct packet_info6) == 20, "struct in6_pktinfo");

void message_note(struct packet_info *info)
{
    const struct netif *n = ip_current_input_netif();

    *info = (struct packet_info){.to = *ip_current_dest_addr(), .interface = netif_get_index(n)};
    ip_addr_copy(info->local, *netif_ip_addr4(n));
    if (ip_current_is_v6()) {
        info->hops = IP6H_HOPLIM(ip6_current_header());
        info->traffic_class = (uint8_t)IP6H_TC(ip6_current_header());
    } else {
        info->hops = IPH_TTL(ip4_current_header());
        info->traffic_class = IPH_TOS(ip4_current_header());
        if (interface_has(&info->to) && !ip4_addr_isbroadcast(ip_2_ip4(&info->to), n))
            info->local = info->to;
    }
    info->time_ns = arena_now();
}

static void add(struct inet_received *out, int level, int type, const void *data, size_t bytes)
{
    const struct control_head head = {sizeof head + bytes, level, type};
    uint8_t *at = out->control + out->control_bytes;
    const size_t whole = (head.bytes + 7) & ~(size_t)7;

    memset(at, 0, whole);
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, data, bytes);
    out->control_bytes += whole;
}

static void add_info(const struct inet_socket *s, const struct packet_info *info,
                     struct inet_received *out)
{
    struct packet_info6 six = {.address = {[10] = 0xff, [11] = 0xff}};
    struct packet_info4 four;

    if (s->domain == AF_INET) {
        four = (struct packet_info4){info->interface, ip_2_ip4(&info->local)->addr,
                                     ip_2_ip4(&info->to)->addr};
        add(out, SOL_IP, CONTROL_PKTINFO, &four, sizeof four);
        return;
    }
    six.interface = info->interface;
    if (IP_IS_V6_VAL(info->to))
        memcpy(six.address, ip_2_ip6(&info->to)->addr, sizeof six.address);
    else
        memcpy(six.address + 12, &ip_2_ip4(&info->to)->addr, 4);
    if (s->wanted & WANTS_INFO)
        add(out, SOL_IPV6, CONTROL6_INFO, &six, sizeof six);
    if (s->wanted & WANTS_OLD_INFO)
        add(out, SOL_IPV6, CONTROL6_OLD_INFO, &six, sizeof six);
}

void message_add(const struct inet_socket *s, const struct packet_info *info,
                 struct inet_received *out)
{
    const int32_t hops = info->hops, traffic_class = info->traffic_class;
    const int64_t time[2] = {(int64_t)(info->time_ns / NS_PER_SECOND),
                             (int64_t)(info->time_ns % NS_PER_SECOND / 1000)};
    const bool is_six = IP_IS_V6_VAL(info->to);

    if (s->wanted & WANTS_TIME)
        add(out, SOL_SOCKET, SCM_TIMESTAMP, time, sizeof time);
    if (s->wanted & (WANTS_INFO | WANTS_OLD_INFO))
        add_info(s, info, out);
    if (is_six != (s->domain == AF_INET6))
        return;
    if (s->wanted & WANTS_HOPS)
        add(out, is_six ? SOL_IPV6 : SOL_IP, is_six ? CONTROL6_HOPS : CONTROL_TTL, &hops,
            sizeof hops);
    if (s->wanted & WANTS_OLD_HOPS)
        add(out, SOL_IPV6, CONTROL6_OLD_HOPS, &hops, sizeof hops);
    if ((s->wanted & WANTS_CLASS) && is_six)
        add(out, SOL_IPV6, CONTROL6_CLASS, &traffic_class, sizeof traffic_class);
    else if (s->wanted & WANTS_CLASS)
        add(out, SOL_IP, CONTROL_TOS, &info->traffic_class, 1);
}

/* From where a packet is to go: an address of ours, and an interface. 0: as it comes. */
static long set_from(struct ip_pcb *pcb, const ip_addr_t *from, uint32_t interface)
{
    if (interface) {
        const struct netif *n = interface_at(interface);
        if (!n)
            return -ENODEV;
        pcb->netif_idx = netif_get_index(n);
    }
    if (ip_addr_isany(from))
        return 0;
    if (!interface_has(from))
        return -EINVAL;
    ip_addr_copy(pcb->local_ip, *from);
    return 0;
}

static long set_from4(struct ip_pcb *pcb, const uint8_t *data, size_t bytes)
{
    struct packet_info4 info;
    ip_addr_t from;

    if (bytes != sizeof info)
        return -EINVAL;
    memcpy(&info, data, sizeof info);
    ip_addr_set_ip4_u32_val(from, info.local);
    return set_from(pcb, &from, (uint32_t)info.interface);
}

static long set_from6(struct ip_pcb *pcb, const uint8_t *data, size_t bytes)
{
    ip_addr_t from = {.type = IPADDR_TYPE_V6};
    struct packet_info6 info;

    if (bytes < sizeof info)
        return -EINVAL;
    memcpy(&info, data, sizeof info);
    memcpy(ip_2_ip6(&from)->addr, info.address, sizeof info.address);
    if (ip6_addr_islinklocal(ip_2_ip6(&from)))
        ip6_addr_set_zone(ip_2_ip6(&from), (u8_t)info.interface);
    return set_from(pcb, &from, info.interface);
}

/* A number of four bytes; -1 leaves what there is. */
static long set_byte(u8_t *to, int32_t least, const uint8_t *data, size_t bytes)
{
    int32_t value;

    if (bytes < sizeof value)
        return -EINVAL;
    memcpy(&value, data, sizeof value);
    if (value == -1 && !least)
        return 0;
    if (value < least || value > UINT8_MAX)
        return -EINVAL;
    *to = (u8_t)value;
    return 0;
}

static long apply(struct ip_pcb *pcb, int32_t level, int32_t type, const uint8_t *data,
                  size_t bytes)
{
    const bool six = level == SOL_IPV6;

    if (level == SOL_SOCKET)
        return -EINVAL;
    if (level != SOL_IP && !six)
        return 0;
    if (type == (six ? CONTROL6_INFO : CONTROL_PKTINFO))
        return six ? set_from6(pcb, data, bytes) : set_from4(pcb, data, bytes);
    if (type == (six ? CONTROL6_HOPS : CONTROL_TTL))
        return set_byte(&pcb->ttl, six ? 0 : 1, data, bytes);
    if (type != (six ? CONTROL6_CLASS : CONTROL_TOS))
        return -EINVAL;
    if (!six && bytes == 1) {
        pcb->tos = data[0];
        return 0;
    }
    return set_byte(&pcb->tos, 0, data, bytes);
}

/* TCP heeds none of them but what every socket knows. */
static bool is_heeded(const struct inet_socket *s, int32_t level)
{
    return level == SOL_SOCKET || (s->type != SOCK_STREAM && s->domain != AF_NETLINK);
}

static long apply_all(struct inet_socket *s, struct ip_pcb *pcb, const uint8_t *control,
                      size_t bytes)
{
    struct control_head head;
    size_t at = 0;
    long e = 0;

    while (!e && bytes - at >= sizeof head) {
        memcpy(&head, control + at, sizeof head);
        if (head.bytes < sizeof head || head.bytes > bytes - at)
            return -EINVAL;
        if (is_heeded(s, head.level))
            e = apply(pcb, head.level, head.type, control + at + sizeof head,
                      head.bytes - sizeof head);
        const size_t step = (head.bytes + 7) & ~(size_t)7;
        if (step > bytes - at)
            break;
        at += step;
    }
    return e;
}

/* What is said of one packet is the connection's while it is sent. */
long message_send(struct process *p, struct file *f, struct io *io, const struct inet_name *to,
                  uint32_t flags, const uint8_t *control, size_t bytes)
{
    struct inet_socket *s = f->buffer;
    struct ip_pcb *pcb = socket_pcb(s), none = {0};
    const struct ip_pcb before = pcb ? *pcb : none;
    long n = apply_all(s, pcb && s->type != SOCK_STREAM ? pcb : &none, control, bytes);

    if (!n)
        n = inet_ops.send(p, f, io, to, flags);
    if (pcb && s->type != SOCK_STREAM) {
        pcb->local_ip = before.local_ip;
        pcb->netif_idx = before.netif_idx;
        pcb->tos = before.tos;
        pcb->ttl = before.ttl;
    }
    return n;
}

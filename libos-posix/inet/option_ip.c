/* Options of sockets at the levels of IP, IPv6 and ICMPv6. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"

#include <lwip/netif.h>

/* Of SOL_IP */
#define IP_TOS             1
#define IP_TTL             2
#define IP_PKTINFO         8
#define IP_RECVERR         11
#define IP_RECVTTL         12
#define IP_RECVTOS         13
#define IP_MULTICAST_IF    32
#define IP_MULTICAST_TTL   33
#define IP_MULTICAST_LOOP  34
#define IP_ADD_MEMBERSHIP  35
#define IP_DROP_MEMBERSHIP 36

/* Of SOL_IPV6 */
#define IPV6_2292PKTINFO    2 /* as RFC 2292 had them, which RFC 3542 replaces */
#define IPV6_2292HOPLIMIT   8
#define IPV6_MULTICAST_IF   17
#define IPV6_MULTICAST_HOPS 18
#define IPV6_MULTICAST_LOOP 19
#define IPV6_JOIN_GROUP     20
#define IPV6_LEAVE_GROUP    21
#define IPV6_UNICAST_HOPS   16
#define IPV6_RECVERR        25
#define IPV6_V6ONLY         26
#define IPV6_RECVPKTINFO    49
#define IPV6_RECVHOPLIMIT   51
#define IPV6_RECVTCLASS     66
#define IPV6_TCLASS         67

/* Of both */
#define MCAST_JOIN_GROUP  42
#define MCAST_LEAVE_GROUP 45

/* Of SOL_RAW and SOL_ICMPV6 */
#define IPV6_CHECKSUM 7
#define ICMP6_FILTER  1
#define CHECKSUM_AT   2 /* in a packet of ICMPv6 */

/* An option by what it is about, of either level. */
enum about {
    ABOUT_NOTHING,
    ABOUT_CLASS,
    ABOUT_HOPS,
    ABOUT_ERRORS,
    ABOUT_WANTED, /* + a bit of WANTS_* */
    ABOUT_GROUP_INTERFACE = ABOUT_WANTED + WANTS_ALL,
    ABOUT_GROUP_HOPS,
    ABOUT_GROUP_LOOP,
};

static unsigned about4(int option)
{
    switch (option) {
    case IP_TOS:
        return ABOUT_CLASS;
    case IP_TTL:
        return ABOUT_HOPS;
    case IP_RECVERR:
        return ABOUT_ERRORS;
    case IP_PKTINFO:
        return ABOUT_WANTED + WANTS_INFO;
    case IP_RECVTTL:
        return ABOUT_WANTED + WANTS_HOPS;
    case IP_RECVTOS:
        return ABOUT_WANTED + WANTS_CLASS;
    case IP_MULTICAST_IF:
        return ABOUT_GROUP_INTERFACE;
    case IP_MULTICAST_TTL:
        return ABOUT_GROUP_HOPS;
    case IP_MULTICAST_LOOP:
        return ABOUT_GROUP_LOOP;
    default:
        return ABOUT_NOTHING;
    }
}

static unsigned about6(int option)
{
    switch (option) {
    case IPV6_TCLASS:
        return ABOUT_CLASS;
    case IPV6_UNICAST_HOPS:
        return ABOUT_HOPS;
    case IPV6_RECVERR:
        return ABOUT_ERRORS;
    case IPV6_RECVPKTINFO:
        return ABOUT_WANTED + WANTS_INFO;
    case IPV6_RECVHOPLIMIT:
        return ABOUT_WANTED + WANTS_HOPS;
    case IPV6_2292PKTINFO:
        return ABOUT_WANTED + WANTS_OLD_INFO;
    case IPV6_2292HOPLIMIT:
        return ABOUT_WANTED + WANTS_OLD_HOPS;
    case IPV6_RECVTCLASS:
        return ABOUT_WANTED + WANTS_CLASS;
    case IPV6_MULTICAST_IF:
        return ABOUT_GROUP_INTERFACE;
    case IPV6_MULTICAST_HOPS:
        return ABOUT_GROUP_HOPS;
    case IPV6_MULTICAST_LOOP:
        return ABOUT_GROUP_LOOP;
    default:
        return ABOUT_NOTHING;
    }
}

static unsigned about(int level, int option)
{
    return level == SOL_IPV6 ? about6(option) : about4(option);
}

static long only_six_set(struct inet_socket *s, bool on)
{
    struct ip_pcb *pcb = socket_pcb(s);

    if (s->bound || s->state != STREAM_NEW || !pcb)
        return -EINVAL;
    s->v6_only = on;
    IP_SET_TYPE_VAL(pcb->local_ip, on ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
    IP_SET_TYPE_VAL(pcb->remote_ip, on ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
    return 0;
}

/* The byte of a packet's head that an option says; -1: as it was in the beginning. */
static long head_set(struct ip_pcb *pcb, unsigned what, int32_t v)
{
    const int32_t least = what == ABOUT_HOPS;

    if (v == -1)
        v = least ? IP_DEFAULT_TTL : 0;
    if (v < least || v > UINT8_MAX)
        return -EINVAL;
    if (pcb && what == ABOUT_CLASS)
        pcb->tos = (u8_t)v;
    else if (pcb)
        pcb->ttl = (u8_t)v;
    return 0;
}

static bool is_membership(int level, int option)
{
    return option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP ||
           (level == SOL_IPV6 ? option == IPV6_JOIN_GROUP || option == IPV6_LEAVE_GROUP
                              : option == IP_ADD_MEMBERSHIP || option == IP_DROP_MEMBERSHIP);
}

static long membership_set(struct inet_socket *s, int level, int option, const void *value,
                           size_t bytes)
{
    const bool joins = option == MCAST_JOIN_GROUP ||
                       option == (level == SOL_IPV6 ? IPV6_JOIN_GROUP : IP_ADD_MEMBERSHIP);
    ip_addr_t group;
    uint32_t interface;
    long e;

    if (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP)
        e = group_read(level == SOL_IPV6, value, bytes, &group, &interface);
    else if (level == SOL_IPV6)
        e = group_read6(value, bytes, &group, &interface);
    else
        e = group_read4(value, bytes, &group, &interface);
    if (e)
        return e;
    return joins ? group_join(s, &group, interface) : group_leave(s, &group, interface);
}

/* SOL_IP takes a number of one byte too. */
static long number_read(int level, const void *value, size_t bytes, int32_t *out)
{
    *out = 0;
    if (bytes >= sizeof *out)
        memcpy(out, value, sizeof *out);
    else if (level == SOL_IPV6)
        return -EINVAL;
    else if (bytes)
        *out = *(const uint8_t *)value;
    return 0;
}

long option_ip_set(struct inet_socket *s, int level, int option, const void *value, size_t bytes)
{
    const unsigned what = about(level, option);
    int32_t v;

    if ((level == SOL_IPV6 && s->domain != AF_INET6) || s->domain == AF_NETLINK)
        return -ENOPROTOOPT;
    if (is_membership(level, option))
        return membership_set(s, level, option, value, bytes);
    if (what == ABOUT_GROUP_INTERFACE)
        return group_interface_set(s, level == SOL_IPV6, value, bytes);
    const long e = number_read(level, value, bytes, &v);
    if (e)
        return e;
    if (level == SOL_IPV6 && option == IPV6_V6ONLY)
        return only_six_set(s, v != 0);
    switch (what) {
    case ABOUT_NOTHING:
        return -ENOPROTOOPT;
    case ABOUT_ERRORS:
        s->told_all = v != 0;
        return 0;
    case ABOUT_CLASS:
    case ABOUT_HOPS:
        return head_set(socket_pcb(s), what, v);
    case ABOUT_GROUP_HOPS:
        return group_hops_set(s, v);
    case ABOUT_GROUP_LOOP:
        return group_loop_set(s, v != 0);
    default: {
        const uint8_t bit = (uint8_t)(what - ABOUT_WANTED);
        s->wanted = (uint8_t)(v ? s->wanted | bit : s->wanted & ~bit);
        return 0;
    }
    }
}

long option_ip_get(const struct inet_socket *s, int level, int option, int32_t *out)
{
    const struct ip_pcb *pcb = socket_pcb(s);
    const unsigned what = about(level, option);

    if ((level == SOL_IPV6 && s->domain != AF_INET6) || s->domain == AF_NETLINK)
        return -ENOPROTOOPT;
    if (level == SOL_IPV6 && option == IPV6_V6ONLY) {
        *out = s->v6_only;
        return 0;
    }
    switch (what) {
    case ABOUT_NOTHING:
        return -ENOPROTOOPT;
    case ABOUT_ERRORS:
        *out = s->told_all;
        return 0;
    case ABOUT_CLASS:
        *out = pcb ? pcb->tos : 0;
        return 0;
    case ABOUT_HOPS:
        *out = pcb ? pcb->ttl : IP_DEFAULT_TTL;
        return 0;
    case ABOUT_GROUP_INTERFACE:
    case ABOUT_GROUP_HOPS:
    case ABOUT_GROUP_LOOP:
        return group_get(s, level == SOL_IPV6, what - ABOUT_GROUP_INTERFACE, out);
    default:
        *out = (s->wanted & (what - ABOUT_WANTED)) != 0;
        return 0;
    }
}

/* Raw sockets of ICMPv6: which kinds they do not want, and where the sum is, which cannot move. */
long option_raw_set(struct inet_socket *s, int level, int option, const void *value, size_t bytes)
{
    int32_t v;

    if (s->type != SOCK_RAW || s->domain != AF_INET6)
        return -ENOPROTOOPT;
    if (level == SOL_ICMPV6 && option == ICMP6_FILTER) {
        memcpy(s->refused, value, bytes < sizeof s->refused ? bytes : sizeof s->refused);
        return 0;
    }
    if (level != SOL_RAW || option != IPV6_CHECKSUM)
        return -ENOPROTOOPT;
    if (bytes < sizeof v)
        return -EINVAL;
    memcpy(&v, value, sizeof v);
    return v == CHECKSUM_AT ? 0 : -EINVAL;
}

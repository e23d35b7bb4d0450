/* Multicast: the groups that sockets have joined, and how packets to groups go. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"

#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <lwip/netif.h>
#include <lwip/timeouts.h>

#define GROUPS_MOST 20u /* of one socket, as Linux's igmp_max_memberships */

struct membership {
    struct membership *next;
    ip_addr_t group;
    struct netif *interface;
};

static unsigned memberships; /* of all sockets: reports are due while there are some */

/* struct ip_mreq, ip_mreqn, ipv6_mreq, group_req */
struct request4 {
    uint32_t group, address;
    int32_t interface;
};
#define REQUEST4_LEAST 8u
struct request6 {
    uint8_t group[16];
    uint32_t interface;
};
struct request {
    uint32_t interface, pad;
    uint8_t name[INET_NAME];
};
#define REQUEST_LEAST 136u /* with the whole of a struct sockaddr_storage */

static void on_time(void *argument)
{
    (void)argument;
    if (!memberships)
        return;
    igmp_tmr();
    mld6_tmr();
    sys_timeout(IGMP_TMR_INTERVAL, on_time, NULL);
}

/* The interface of an address, 0: none has it. */
static uint32_t index_of(uint32_t address)
{
    struct netif *n;

    for (uint32_t i = 1; (n = interface_at(i)) != NULL; i++)
        if (ip4_addr_get_u32(netif_ip4_addr(n)) == address)
            return i;
    return 0;
}

long group_read4(const void *value, size_t bytes, ip_addr_t *group, uint32_t *interface)
{
    struct request4 r = {0};

    if (bytes < REQUEST4_LEAST)
        return -EINVAL;
    memcpy(&r, value, bytes < sizeof r ? bytes : sizeof r);
    ip_addr_set_ip4_u32_val(*group, r.group);
    *interface = (uint32_t)r.interface;
    if (!ip_addr_ismulticast(group))
        return -EINVAL;
    if (r.interface || !r.address)
        return 0;
    *interface = index_of(r.address);
    return *interface ? 0 : -ENODEV;
}

long group_read6(const void *value, size_t bytes, ip_addr_t *group, uint32_t *interface)
{
    struct request6 r;

    if (bytes < sizeof r)
        return -EINVAL;
    memcpy(&r, value, sizeof r);
    *group = (ip_addr_t){.type = IPADDR_TYPE_V6};
    memcpy(ip_2_ip6(group)->addr, r.group, sizeof r.group);
    *interface = r.interface;
    return ip_addr_ismulticast(group) ? 0 : -EINVAL;
}

long group_read(bool six, const void *value, size_t bytes, ip_addr_t *group, uint32_t *interface)
{
    struct inet_socket as = {.domain = six ? AF_INET6 : AF_INET};
    struct inet_name name = {.bytes = INET_NAME};
    struct request r;
    uint16_t port;

    if (bytes < REQUEST_LEAST)
        return -EINVAL;
    memcpy(&r, value, sizeof r);
    memcpy(name.address, r.name, sizeof r.name);
    *interface = r.interface;
    const long e = name_read(&as, &name, group, &port);
    if (e)
        return -EADDRNOTAVAIL;
    return ip_addr_ismulticast(group) ? 0 : -EINVAL;
}

/* The interface that a group is meant to be on; 0: where most packets go. */
static struct netif *interface_for(uint32_t interface)
{
    return interface ? interface_at(interface) : netif_default;
}

static struct membership **find(struct inet_socket *s, const ip_addr_t *group,
                                const struct netif *n)
{
    struct membership **at = &s->groups;

    while (*at && (!ip_addr_cmp_zoneless(&(*at)->group, group) || (n && (*at)->interface != n)))
        at = &(*at)->next;
    return at;
}

static err_t join_at(struct netif *n, const ip_addr_t *group)
{
    return IP_IS_V4(group) ? igmp_joingroup_netif(n, ip_2_ip4(group))
                           : mld6_joingroup_netif(n, ip_2_ip6(group));
}

static void leave_at(struct netif *n, const ip_addr_t *group)
{
    if (IP_IS_V4(group))
        igmp_leavegroup_netif(n, ip_2_ip4(group));
    else
        mld6_leavegroup_netif(n, ip_2_ip6(group));
}

long group_join(struct inet_socket *s, const ip_addr_t *group, uint32_t interface)
{
    struct netif *n = interface_for(interface);
    unsigned count = 0;

    if (s->type == SOCK_STREAM)
        return -EPROTO;
    if (!n)
        return -ENODEV;
    if (*find(s, group, n))
        return -EADDRINUSE;
    for (const struct membership *m = s->groups; m; m = m->next)
        count++;
    if (count == GROUPS_MOST)
        return -ENOBUFS;
    struct membership *m = inet_take(sizeof *m);
    if (!m)
        return -ENOMEM;
    *m = (struct membership){s->groups, *group, n};
    if (IP_IS_V6(group))
        ip6_addr_assign_zone(ip_2_ip6(&m->group), IP6_MULTICAST, n);
    const err_t e = join_at(n, &m->group);
    if (e != ERR_OK) {
        core_heap_free(&arena_get()->heap, m, sizeof *m);
        return inet_error(e);
    }
    s->groups = m;
    if (!memberships++)
        sys_timeout(IGMP_TMR_INTERVAL, on_time, NULL);
    stack_turn();
    return 0;
}

static void end(struct membership **at)
{
    struct membership *m = *at;

    *at = m->next;
    leave_at(m->interface, &m->group);
    core_heap_free(&arena_get()->heap, m, sizeof *m);
    if (!--memberships)
        sys_untimeout(on_time, NULL);
}

long group_leave(struct inet_socket *s, const ip_addr_t *group, uint32_t interface)
{
    const struct netif *n = interface ? interface_at(interface) : NULL;

    if (s->type == SOCK_STREAM)
        return -EPROTO;
    if (interface && !n)
        return -ENODEV;
    struct membership **at = find(s, group, n);
    if (!*at)
        return -EADDRNOTAVAIL;
    end(at);
    stack_turn();
    return 0;
}

void group_leave_all(struct inet_socket *s)
{
    while (s->groups)
        end(&s->groups);
}

void group_begin(struct inet_socket *s)
{
    if (s->udp) {
        udp_set_multicast_ttl(s->udp, 1);
        udp_set_flags(s->udp, UDP_FLAGS_MULTICAST_LOOP);
    } else {
        raw_set_multicast_ttl(s->raw, 1);
        raw_set_flags(s->raw, RAW_FLAGS_MULTICAST_LOOP);
    }
}

long group_interface_set(struct inet_socket *s, bool six, const void *value, size_t bytes)
{
    struct request4 r = {0};
    uint32_t interface = 0;

    if (s->type == SOCK_STREAM)
        return six ? -ENOPROTOOPT : -EINVAL;
    if (bytes < sizeof interface)
        return -EINVAL;
    if (six) {
        memcpy(&interface, value, sizeof interface);
    } else {
        if (bytes >= REQUEST4_LEAST)
            memcpy(&r, value, bytes < sizeof r ? bytes : sizeof r);
        else
            memcpy(&r.address, value, sizeof r.address);
        interface = r.interface ? (uint32_t)r.interface : r.address ? index_of(r.address) : 0;
        if (!interface && r.address)
            return -EADDRNOTAVAIL;
    }
    if (interface && !interface_at(interface))
        return six ? -ENODEV : -EADDRNOTAVAIL;
    if (s->udp)
        udp_set_multicast_netif_index(s->udp, (u8_t)interface);
    else
        raw_set_multicast_netif_index(s->raw, (u8_t)interface);
    return 0;
}

long group_hops_set(struct inet_socket *s, int32_t hops)
{
    if (s->type == SOCK_STREAM || hops < -1 || hops > UINT8_MAX)
        return -EINVAL;
    if (s->udp)
        udp_set_multicast_ttl(s->udp, (u8_t)(hops < 0 ? 1 : hops));
    else
        raw_set_multicast_ttl(s->raw, (u8_t)(hops < 0 ? 1 : hops));
    return 0;
}

long group_loop_set(struct inet_socket *s, bool on)
{
    if (s->udp && on)
        udp_set_flags(s->udp, UDP_FLAGS_MULTICAST_LOOP);
    else if (s->udp)
        udp_clear_flags(s->udp, UDP_FLAGS_MULTICAST_LOOP);
    else if (s->raw && on)
        raw_set_flags(s->raw, RAW_FLAGS_MULTICAST_LOOP);
    else if (s->raw)
        raw_clear_flags(s->raw, RAW_FLAGS_MULTICAST_LOOP);
    return 0;
}

long group_get(const struct inet_socket *s, bool six, unsigned what, int32_t *out)
{
    const bool is_udp = s->udp;
    uint32_t interface = 0, hops = 1;
    bool loops = true;

    if (s->udp || s->raw) {
        interface =
            is_udp ? udp_get_multicast_netif_index(s->udp) : raw_get_multicast_netif_index(s->raw);
        hops = is_udp ? udp_get_multicast_ttl(s->udp) : raw_get_multicast_ttl(s->raw);
        loops = is_udp ? udp_is_flag_set(s->udp, UDP_FLAGS_MULTICAST_LOOP)
                       : raw_is_flag_set(s->raw, RAW_FLAGS_MULTICAST_LOOP);
    }
    if (what == GROUP_INTERFACE) {
        const struct netif *n = interface_at(interface);
        *out = six ? (int32_t)interface : n ? (int32_t)netif_ip4_addr(n)->addr : 0;
    } else {
        *out = what == GROUP_HOPS ? (int32_t)hops : loops;
    }
    return 0;
}

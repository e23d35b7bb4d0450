/* What netlink tells of: interfaces, their addresses, ways, and neighbours on the network. */
#include "libos-posix/inet/netlink.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/priv/nd6_priv.h>

/* Attributes of links */
#define IFLA_ADDRESS   1u
#define IFLA_BROADCAST 2u
#define IFLA_IFNAME    3u
#define IFLA_MTU       4u
#define IFLA_QDISC     6u
#define IFLA_TXQLEN    13u
#define IFLA_OPERSTATE 16u
#define IFLA_LINKMODE  17u
#define OPER_UNKNOWN   0u
#define OPER_DOWN      2u
#define OPER_UP        6u

/* of addresses */
#define IFA_ADDRESS     1u
#define IFA_LOCAL       2u
#define IFA_LABEL       3u
#define IFA_BROADCAST   4u
#define IFA_CACHEINFO   6u
#define IFA_FLAGS       8u
#define IFA_F_PERMANENT 0x80u

/* of ways */
#define RTA_DST         1u
#define RTA_OIF         4u
#define RTA_GATEWAY     5u
#define RTA_PRIORITY    6u
#define RTA_PREFSRC     7u
#define RTA_CACHEINFO   12u
#define RTA_TABLE       15u
#define SCOPE_ALL       0u
#define SCOPE_LINK      253u
#define SCOPE_HOST      254u
#define TABLE_MAIN      254u
#define TABLE_LOCAL     255u
#define PROTOCOL_KERNEL 2u
#define PROTOCOL_STATIC 4u
#define PROTOCOL_RA     9u
#define PROTOCOL_DHCP   16u
#define TYPE_UNICAST    1u
#define TYPE_LOCAL      2u
#define WAY_CLONED      0x200u
#define METRIC6_KERNEL  256u
#define METRIC6_RA      1024u

/* How long a way is kept, and what went wrong on it: for ever, and nothing. */
static const uint32_t cache_info[8];

/* of neighbours */
#define NDA_DST    1u
#define NDA_LLADDR 2u

#define PREFIX6 64u /* bits of a network: that of every address but the loop's */
#define BITS4   32u
#define BITS6   128u

static void tell_link(struct answer *a, const struct netif *n)
{
    static const uint8_t all[ETH_HWADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t none[ETH_HWADDR_LEN];
    const bool is_card = n == card_netif();
    const struct link_body body = {
        .kind = interface_kind(n), .index = netif_get_index(n), .flags = interface_flags(n)};
    const char *name = interface_name(n);
    const uint8_t state = !is_card ? OPER_UNKNOWN : netif_is_link_up(n) ? OPER_UP : OPER_DOWN;
    const uint8_t mode = 0;
    size_t bytes = 1;

    while (name[bytes - 1])
        bytes++;
    answer_begin(a, RTM_NEWLINK, &body, sizeof body);
    answer_add(a, IFLA_IFNAME, name, bytes);
    answer_add_number(a, IFLA_TXQLEN, 0);
    answer_add(a, IFLA_OPERSTATE, &state, sizeof state);
    answer_add(a, IFLA_LINKMODE, &mode, sizeof mode);
    answer_add_number(a, IFLA_MTU, interface_mtu(n));
    answer_add(a, IFLA_QDISC, "noqueue", sizeof "noqueue");
    answer_add(a, IFLA_ADDRESS, is_card ? n->hwaddr : none, ETH_HWADDR_LEN);
    answer_add(a, IFLA_BROADCAST, is_card ? all : none, ETH_HWADDR_LEN);
    answer_end(a);
}

static unsigned bits_of(uint32_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

/* Seconds that an address is good for, and preferred. */
static void add_lifetimes(struct answer *a, uint32_t valid, uint32_t preferred)
{
    const uint32_t times[4] = {preferred, valid, 0, 0};

    answer_add(a, IFA_CACHEINFO, times, sizeof times);
}

static void tell_address4(struct answer *a, const struct netif *n)
{
    const uint32_t address = ip4_addr_get_u32(netif_ip4_addr(n));
    const uint32_t mask = ip4_addr_get_u32(netif_ip4_netmask(n)), last = address | ~mask;
    const bool is_card = n == card_netif();
    const char *name = interface_name(n);
    const struct address_body body = {AF_INET, (uint8_t)bits_of(mask), IFA_F_PERMANENT,
                                      is_card ? SCOPE_ALL : SCOPE_HOST, netif_get_index(n)};
    size_t bytes = 1;

    if (!address)
        return;
    while (name[bytes - 1])
        bytes++;
    answer_begin(a, RTM_NEWADDR, &body, sizeof body);
    answer_add(a, IFA_ADDRESS, &address, sizeof address);
    answer_add(a, IFA_LOCAL, &address, sizeof address);
    if (is_card)
        answer_add(a, IFA_BROADCAST, &last, sizeof last);
    answer_add(a, IFA_LABEL, name, bytes);
    answer_add_number(a, IFA_FLAGS, IFA_F_PERMANENT);
    add_lifetimes(a, UINT32_MAX, UINT32_MAX);
    answer_end(a);
}

static void tell_address6(struct answer *a, const struct netif *n, unsigned i)
{
    const ip6_addr_t *address = netif_ip6_addr(n, i);
    const uint8_t flags = interface_flags6(n, i);
    const struct address_body body = {AF_INET6, interface_bits6(n), flags,
                                      interface_scope6(address), netif_get_index(n)};

    if (ip6_addr_isinvalid(netif_ip6_addr_state(n, i)))
        return;
    answer_begin(a, RTM_NEWADDR, &body, sizeof body);
    answer_add(a, IFA_ADDRESS, address->addr, sizeof address->addr);
    if (flags & IFA_F_PERMANENT)
        add_lifetimes(a, UINT32_MAX, UINT32_MAX);
    else
        add_lifetimes(a, netif_ip6_addr_valid_life(n, i), netif_ip6_addr_pref_life(n, i));
    answer_add_number(a, IFA_FLAGS, flags);
    answer_end(a);
}

/* A way of IPv4: to a network, directly or through a gateway (0: none). */
static void tell_way4(struct answer *a, const struct netif *n, uint32_t to, uint32_t mask,
                      uint32_t gateway)
{
    const uint32_t from = ip4_addr_get_u32(netif_ip4_addr(n));
    const uint8_t by_hand = netif_dhcp_data(n) ? PROTOCOL_DHCP : PROTOCOL_STATIC;
    const struct route_body body = {.family = AF_INET,
                                    .to_bits = (uint8_t)bits_of(mask),
                                    .table = TABLE_MAIN,
                                    .protocol = gateway ? by_hand : PROTOCOL_KERNEL,
                                    .scope = gateway ? SCOPE_ALL : SCOPE_LINK,
                                    .type = TYPE_UNICAST};

    answer_begin(a, RTM_NEWROUTE, &body, sizeof body);
    answer_add_number(a, RTA_TABLE, TABLE_MAIN);
    if (mask)
        answer_add(a, RTA_DST, &to, sizeof to);
    if (gateway)
        answer_add(a, RTA_GATEWAY, &gateway, sizeof gateway);
    else
        answer_add(a, RTA_PREFSRC, &from, sizeof from);
    answer_add_number(a, RTA_OIF, netif_get_index(n));
    answer_end(a);
}

static void tell_ways4(struct answer *a, const struct netif *n)
{
    const uint32_t address = ip4_addr_get_u32(netif_ip4_addr(n));
    const uint32_t mask = ip4_addr_get_u32(netif_ip4_netmask(n));
    const uint32_t gateway = ip4_addr_get_u32(netif_ip4_gw(n));

    if (n != card_netif() || !address)
        return;
    if (gateway)
        tell_way4(a, n, 0, 0, gateway);
    tell_way4(a, n, address & mask, mask, 0);
}

/* A way of IPv6; `to` NULL: to everywhere. */
static void tell_way6(struct answer *a, const struct netif *n, const ip6_addr_t *to, unsigned bits,
                      const ip6_addr_t *gateway)
{
    const struct route_body body = {.family = AF_INET6,
                                    .to_bits = (uint8_t)bits,
                                    .table = TABLE_MAIN,
                                    .protocol = gateway ? PROTOCOL_RA : PROTOCOL_KERNEL,
                                    .type = TYPE_UNICAST};

    answer_begin(a, RTM_NEWROUTE, &body, sizeof body);
    answer_add_number(a, RTA_TABLE, TABLE_MAIN);
    if (to)
        answer_add(a, RTA_DST, to->addr, sizeof to->addr);
    answer_add_number(a, RTA_PRIORITY, gateway ? METRIC6_RA : METRIC6_KERNEL);
    if (gateway)
        answer_add(a, RTA_GATEWAY, gateway->addr, sizeof gateway->addr);
    answer_add_number(a, RTA_OIF, netif_get_index(n));
    answer_add(a, RTA_CACHEINFO, cache_info, sizeof cache_info);
    answer_end(a);
}

static void tell_ways6(struct answer *a, const struct netif *n)
{
    const ip6_addr_t link = {.addr = {PP_HTONL(0xfe800000ul)}};
    const ip6_addr_t own = {.addr = {0, 0, 0, PP_HTONL(1ul)}};

    if (n != card_netif()) {
        tell_way6(a, n, &own, BITS6, NULL);
        return;
    }
    for (unsigned i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
        if (prefix_list[i].netif == n && prefix_list[i].invalidation_timer)
            tell_way6(a, n, &prefix_list[i].prefix, PREFIX6, NULL);
    tell_way6(a, n, &link, PREFIX6, NULL);
    for (unsigned i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (default_router_list[i].neighbor_entry &&
            default_router_list[i].neighbor_entry->netif == n)
            tell_way6(a, n, NULL, 0, &default_router_list[i].neighbor_entry->next_hop_address);
}

static void tell_neighbour(struct answer *a, uint8_t family, const struct netif *n, uint16_t state,
                           const void *address, size_t bytes, const uint8_t *hardware)
{
    const struct neighbour_body body = {
        .family = family, .index = netif_get_index(n), .state = state, .type = TYPE_UNICAST};

    answer_begin(a, RTM_NEWNEIGH, &body, sizeof body);
    answer_add(a, NDA_DST, address, bytes);
    if (hardware)
        answer_add(a, NDA_LLADDR, hardware, ETH_HWADDR_LEN);
    answer_end(a);
}

static void tell_neighbours(struct answer *a, uint8_t family)
{
    static const uint16_t states[] = {/* of lwIP: incomplete, reachable, stale, delay, probe */
                                      [ND6_INCOMPLETE] = 1,
                                      [ND6_REACHABLE] = 2,
                                      [ND6_STALE] = 4,
                                      [ND6_DELAY] = 8,
                                      [ND6_PROBE] = 16};
    struct eth_addr *hardware;
    ip4_addr_t *address;
    struct netif *n;

    for (size_t i = 0; family != AF_INET6 && i < ARP_TABLE_SIZE; i++)
        if (etharp_get_entry(i, &address, &n, &hardware))
            tell_neighbour(a, AF_INET, n, states[ND6_REACHABLE], &address->addr,
                           sizeof address->addr, hardware->addr);
    for (unsigned i = 0; family != AF_INET && i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        const struct nd6_neighbor_cache_entry *e = &neighbor_cache[i];
        if (e->state != ND6_NO_ENTRY)
            tell_neighbour(a, AF_INET6, e->netif, states[e->state], e->next_hop_address.addr,
                           sizeof e->next_hop_address.addr,
                           e->state == ND6_INCOMPLETE ? NULL : e->lladdr);
    }
}

static void tell_addresses(struct answer *a, const struct netif *n, uint8_t family)
{
    if (family != AF_INET6)
        tell_address4(a, n);
    for (unsigned i = 0; family != AF_INET && i < LWIP_IPV6_NUM_ADDRESSES; i++)
        tell_address6(a, n, i);
}

static void tell_ways(struct answer *a, const struct netif *n, uint8_t family)
{
    if (family != AF_INET6)
        tell_ways4(a, n);
    if (family != AF_INET)
        tell_ways6(a, n);
}

long netlink_dump(struct answer *a, uint16_t type, uint8_t family)
{
    struct netif *n;

    if (type == RTM_GETNEIGH) {
        tell_neighbours(a, family);
        return 0;
    }
    if (type != RTM_GETLINK && type != RTM_GETADDR && type != RTM_GETROUTE)
        return -EOPNOTSUPP;
    for (uint32_t i = 1; (n = interface_at(i)) != NULL; i++) {
        if (type == RTM_GETLINK)
            tell_link(a, n);
        else if (type == RTM_GETADDR)
            tell_addresses(a, n, family);
        else
            tell_ways(a, n, family);
    }
    return 0;
}

static long one_link(struct answer *a, const uint8_t *body, size_t bytes)
{
    struct link_body wanted;

    if (bytes < sizeof wanted)
        return -EINVAL;
    memcpy(&wanted, body, sizeof wanted);
    const char *name = attribute_find(body + sizeof wanted, bytes - sizeof wanted, IFLA_IFNAME, 1);
    if (wanted.index <= 0 && !name)
        return -EINVAL;
    const struct netif *n = NULL;
    if (wanted.index > 0) {
        n = interface_at((uint32_t)wanted.index);
    } else {
        char text[INTERFACE_NAME] = {0};
        const size_t room = (size_t)(body + bytes - (const uint8_t *)name);
        for (size_t i = 0; i < sizeof text - 1 && i < room && name[i]; i++)
            text[i] = name[i];
        n = interface_find(text);
    }
    if (!n)
        return -ENODEV;
    tell_link(a, n);
    return 0;
}

/* Through which gateway, or NULL: the neighbour itself. */
static const void *gateway_to(const struct netif *n, const ip_addr_t *to)
{
    if (n != card_netif())
        return NULL;
    if (IP_IS_V4_VAL(*to)) {
        const bool is_near = ip4_addr_netcmp(ip_2_ip4(to), netif_ip4_addr(n), netif_ip4_netmask(n));
        return is_near || ip4_addr_isany(netif_ip4_gw(n)) ? NULL : &netif_ip4_gw(n)->addr;
    }
    if (ip6_addr_islinklocal(ip_2_ip6(to)))
        return NULL;
    for (unsigned i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
        if (prefix_list[i].netif == n && ip6_addr_netcmp(ip_2_ip6(to), &prefix_list[i].prefix))
            return NULL;
    for (unsigned i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (default_router_list[i].neighbor_entry)
            return default_router_list[i].neighbor_entry->next_hop_address.addr;
    return NULL;
}

static long one_way(struct answer *a, const uint8_t *body, size_t bytes)
{
    struct route_body wanted;
    ip_addr_t to = {.type = IPADDR_TYPE_V4};

    if (bytes < sizeof wanted)
        return -EINVAL;
    memcpy(&wanted, body, sizeof wanted);
    const size_t length = wanted.family == AF_INET ? 4 : 16;
    const void *address =
        attribute_find(body + sizeof wanted, bytes - sizeof wanted, RTA_DST, length);
    if (!address || (wanted.family != AF_INET && wanted.family != AF_INET6))
        return -EINVAL;
    if (wanted.family == AF_INET6)
        to.type = IPADDR_TYPE_V6;
    memcpy(&to.u_addr, address, length);
    const bool is_own = !ip_addr_isany(&to) && interface_has(&to);
    struct netif *n = is_own ? interface_at(1) : ip_route(IP46_ADDR_ANY(to.type), &to);
    if (!n)
        return -ENETUNREACH;
    const ip_addr_t *from = is_own ? &to : ip_netif_get_local_ip(n, &to);
    const void *gateway = gateway_to(n, &to);
    const struct route_body answer = {.family = wanted.family,
                                      .to_bits = wanted.family == AF_INET ? BITS4 : BITS6,
                                      .table = is_own ? TABLE_LOCAL : TABLE_MAIN,
                                      .type = is_own ? TYPE_LOCAL : TYPE_UNICAST,
                                      .flags = WAY_CLONED};
    answer_begin(a, RTM_NEWROUTE, &answer, sizeof answer);
    answer_add_number(a, RTA_TABLE, answer.table);
    answer_add(a, RTA_DST, address, length);
    if (gateway)
        answer_add(a, RTA_GATEWAY, gateway, length);
    answer_add_number(a, RTA_OIF, netif_get_index(n));
    if (from)
        answer_add(a, RTA_PREFSRC, &from->u_addr, length);
    answer_add(a, RTA_CACHEINFO, cache_info, sizeof cache_info);
    answer_end(a);
    return 0;
}

long netlink_one(struct answer *a, uint16_t type, const uint8_t *body, size_t bytes)
{
    if (type == RTM_GETLINK)
        return one_link(a, body, bytes);
    return type == RTM_GETROUTE ? one_way(a, body, bytes) : -EOPNOTSUPP;
}

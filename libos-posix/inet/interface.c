/* Interfaces, as programs see them: the loop, and the card. */
#include "libos-posix/inet/inet.h"

#include <lwip/netif.h>

#define FLAG_UP        1u
#define FLAG_BROADCAST 2u
#define FLAG_LOOPBACK  8u
#define FLAG_RUNNING   64u
#define FLAG_MULTICAST 4096u
#define FLAG_LOWER_UP  0x10000u

#define HARDWARE_ETHERNET 1u
#define HARDWARE_LOOPBACK 772u
#define LOOPBACK_MTU      65536u
#define CARD_NAME         "eth0"

/* Of IPv6 addresses: where they are known, what may be wrong with them */
#define SCOPE_ALL        0u
#define SCOPE_SITE       200u
#define SCOPE_LINK       253u
#define SCOPE_HOST       254u
#define IFA_F_DADFAILED  0x08u
#define IFA_F_DEPRECATED 0x20u
#define IFA_F_TENTATIVE  0x40u
#define IFA_F_PERMANENT  0x80u
#define PREFIX6          64u /* bits of a network: that of every address but the loop's */
#define BITS6            128u

struct netif *interface_at(uint32_t index)
{
    return index && index < UINT8_MAX ? netif_get_by_index((u8_t)index) : NULL;
}

const char *interface_name(const struct netif *n)
{
    return n == card_netif() ? CARD_NAME : "lo";
}

struct netif *interface_find(const char *name)
{
    struct netif *n;

    NETIF_FOREACH(n)
    {
        const char *is = interface_name(n);
        size_t i = 0;
        while (is[i] && is[i] == name[i])
            i++;
        if (is[i] == name[i])
            return n;
    }
    return NULL;
}

uint32_t interface_flags(const struct netif *n)
{
    const bool is_card = n == card_netif();
    const bool runs = netif_is_link_up(n) || !is_card;

    return (netif_is_up(n) ? FLAG_UP : 0) | (runs ? FLAG_RUNNING | FLAG_LOWER_UP : 0) |
           (is_card ? FLAG_BROADCAST | FLAG_MULTICAST : FLAG_LOOPBACK);
}

uint32_t interface_mtu(const struct netif *n)
{
    return n == card_netif() ? n->mtu : LOOPBACK_MTU;
}

uint16_t interface_kind(const struct netif *n)
{
    return n == card_netif() ? HARDWARE_ETHERNET : HARDWARE_LOOPBACK;
}

bool interface_has(const ip_addr_t *address)
{
    struct netif *n;

    NETIF_FOREACH(n)
    {
        if (IP_IS_V4(address) && ip4_addr_cmp(ip_2_ip4(address), netif_ip4_addr(n)))
            return true;
        if (IP_IS_V4(address) && ip4_addr_isbroadcast(ip_2_ip4(address), n))
            return true;
        if (IP_IS_V6(address) && netif_get_ip6_addr_match(n, ip_2_ip6(address)) >= 0)
            return true;
    }
    return false;
}

uint8_t interface_scope6(const ip6_addr_t *address)
{
    return ip6_addr_isloopback(address)    ? SCOPE_HOST
           : ip6_addr_islinklocal(address) ? SCOPE_LINK
           : ip6_addr_issitelocal(address) ? SCOPE_SITE
                                           : SCOPE_ALL;
}

uint8_t interface_flags6(const struct netif *n, unsigned i)
{
    const uint8_t state = netif_ip6_addr_state(n, i);
    const bool is_static = netif_ip6_addr_isstatic(n, i);

    return (uint8_t)((is_static ? IFA_F_PERMANENT : 0) |
                     (ip6_addr_istentative(state) ? IFA_F_TENTATIVE : 0) |
                     (ip6_addr_isduplicated(state) ? IFA_F_DADFAILED | IFA_F_TENTATIVE : 0) |
                     (ip6_addr_isdeprecated(state) && !is_static ? IFA_F_DEPRECATED : 0));
}

uint8_t interface_bits6(const struct netif *n)
{
    return n == card_netif() ? PREFIX6 : BITS6;
}

/* What the loop is sent comes to it. */
static struct traffic loop_traffic;
static netif_output_fn loop_output;
static netif_output_ip6_fn loop_output6;

static void count(const struct pbuf *p)
{
    loop_traffic.sent++;
    loop_traffic.sent_bytes += p->tot_len;
    loop_traffic.received = loop_traffic.sent;
    loop_traffic.received_bytes = loop_traffic.sent_bytes;
}

static err_t output(struct netif *n, struct pbuf *p, const ip4_addr_t *to)
{
    count(p);
    return loop_output(n, p, to);
}

static err_t output6(struct netif *n, struct pbuf *p, const ip6_addr_t *to)
{
    count(p);
    return loop_output6(n, p, to);
}

void interface_watch(void)
{
    struct netif *loop = interface_at(1);

    loop_output = loop->output;
    loop_output6 = loop->output_ip6;
    loop->output = output;
    loop->output_ip6 = output6;
}

const struct traffic *interface_traffic(const struct netif *n)
{
    return n == card_netif() ? &card_traffic : &loop_traffic;
}

/* Addresses of sockets, as programs write them. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"

struct name4 {
    uint16_t family, port; /* the port, as on the wire */
    uint32_t address;
    uint8_t zero[8];
};
_Static_assert(sizeof(struct name4) == 16, "struct sockaddr_in");

struct name6 {
    uint16_t family, port;
    uint32_t flow;
    uint8_t address[16];
    uint32_t scope;
};
_Static_assert(sizeof(struct name6) == INET_NAME, "struct sockaddr_in6");

#define NAME6_LEAST 24u /* as RFC 2133 had it, without the scope */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static long read6(const struct inet_socket *s, const struct inet_name *name, ip_addr_t *address,
                  uint16_t *port)
{
    struct name6 n = {0};

    memcpy(&n, name->address, name->bytes < sizeof n ? name->bytes : sizeof n);
    *port = lwip_ntohs(n.port);
    if (!memcmp(n.address, mapped, sizeof mapped)) {
        uint32_t four;
        if (s->v6_only)
            return -ENETUNREACH;
        memcpy(&four, n.address + sizeof mapped, sizeof four);
        ip_addr_set_ip4_u32_val(*address, four);
        return 0;
    }
    *address = (ip_addr_t){.type = IPADDR_TYPE_V6};
    memcpy(ip_2_ip6(address)->addr, n.address, sizeof n.address);
    if (ip6_addr_islinklocal(ip_2_ip6(address)))
        ip6_addr_set_zone(ip_2_ip6(address), (u8_t)n.scope);
    return 0;
}

long name_read(const struct inet_socket *s, const struct inet_name *name, ip_addr_t *address,
               uint16_t *port)
{
    struct name4 n;
    uint16_t family;

    if (name->bytes < sizeof family)
        return -EINVAL;
    memcpy(&family, name->address, sizeof family);
    if (name->bytes < (s->domain == AF_INET ? sizeof n : NAME6_LEAST))
        return -EINVAL;
    if (family != s->domain)
        return -EAFNOSUPPORT;
    if (family == AF_INET6)
        return read6(s, name, address, port);
    memcpy(&n, name->address, sizeof n);
    *port = lwip_ntohs(n.port);
    ip_addr_set_ip4_u32_val(*address, n.address);
    return 0;
}

void name_write(const struct inet_socket *s, const ip_addr_t *address, uint16_t port,
                struct inet_name *out)
{
    struct name4 four = {AF_INET, lwip_htons(port), 0, {0}};
    struct name6 six = {.family = AF_INET6, .port = four.port};

    if (s->domain == AF_INET) {
        four.address = IP_IS_V4(address) ? ip4_addr_get_u32(ip_2_ip4(address)) : 0;
        out->bytes = sizeof four;
        memcpy(out->address, &four, sizeof four);
        return;
    }
    if (s->domain == AF_NETLINK) {
        netlink_name(s, true, out);
        return;
    }
    if (IP_IS_V4(address)) {
        const uint32_t a = ip4_addr_get_u32(ip_2_ip4(address));
        memcpy(six.address, mapped, sizeof mapped);
        memcpy(six.address + sizeof mapped, &a, sizeof a);
    } else if (IP_IS_V6(address)) {
        memcpy(six.address, ip_2_ip6(address)->addr, sizeof six.address);
        six.scope = ip6_addr_zone(ip_2_ip6(address));
    }
    out->bytes = sizeof six;
    memcpy(out->address, &six, sizeof six);
}

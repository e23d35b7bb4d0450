/* ioctl on sockets: what interfaces there are, and their addresses. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/base/user.h"

#include <lwip/netif.h>

#define SIOCGIFNAME    0x8910u
#define SIOCGIFCONF    0x8912u
#define SIOCGIFFLAGS   0x8913u
#define SIOCGIFADDR    0x8915u
#define SIOCGIFDSTADDR 0x8917u
#define SIOCGIFBRDADDR 0x8919u
#define SIOCGIFNETMASK 0x891bu
#define SIOCGIFMETRIC  0x891du
#define SIOCGIFMTU     0x8921u
#define SIOCGIFHWADDR  0x8927u
#define SIOCGIFINDEX   0x8933u
#define SIOCGIFTXQLEN  0x8942u
#define SIOCATMARK     0x8905u

#define NAME_BYTES INTERFACE_NAME

struct interface_request {
    char name[NAME_BYTES];
    union {
        uint8_t bytes[24];
        int32_t number;
        uint16_t flags;
        struct {
            uint16_t family, port;
            uint32_t address;
        } name;
    } value;
};
_Static_assert(sizeof(struct interface_request) == 40, "struct ifreq");

struct interface_list {
    int32_t bytes, pad;
    uint64_t at;
};

static void set_name(struct interface_request *r, const struct netif *n)
{
    const char *from = interface_name(n);

    memset(r->name, 0, sizeof r->name);
    for (size_t i = 0; from[i]; i++)
        r->name[i] = from[i];
}

static void set_address(struct interface_request *r, uint32_t address)
{
    memset(&r->value, 0, sizeof r->value);
    r->value.name.family = AF_INET;
    r->value.name.address = address;
}

/* The list of those that have an address; without room, how long it would be. */
static long list(struct process *p, vaddr_t at)
{
    struct interface_list l;
    const struct netif *n;
    int32_t done = 0;

    if (USER_GET(p, &l, at))
        return -EFAULT;
    NETIF_FOREACH(n)
    {
        struct interface_request r;
        if (ip4_addr_isany(netif_ip4_addr(n)))
            continue;
        set_name(&r, n);
        set_address(&r, ip4_addr_get_u32(netif_ip4_addr(n)));
        if (l.at && l.bytes - done < (int32_t)sizeof r)
            break;
        if (l.at && USER_PUT(p, l.at + (uint64_t)done, &r))
            return -EFAULT;
        done += (int32_t)sizeof r;
    }
    l.bytes = done;
    return USER_PUT(p, at, &l);
}

/* What is known of interface `n`. */
static long describe(struct interface_request *r, uint32_t request, const struct netif *n)
{
    const uint32_t address = ip4_addr_get_u32(netif_ip4_addr(n));
    const uint32_t mask = ip4_addr_get_u32(netif_ip4_netmask(n));
    const bool is_card = n == card_netif();

    switch (request) {
    case SIOCGIFFLAGS:
        r->value.flags = (uint16_t)interface_flags(n);
        return 0;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
        set_address(r, address);
        return address ? 0 : -EADDRNOTAVAIL;
    case SIOCGIFBRDADDR:
        set_address(r, is_card ? address | ~mask : 0);
        return address ? 0 : -EADDRNOTAVAIL;
    case SIOCGIFNETMASK:
        set_address(r, mask);
        return address ? 0 : -EADDRNOTAVAIL;
    case SIOCGIFMETRIC:
    case SIOCGIFTXQLEN:
        r->value.number = 0;
        return 0;
    case SIOCGIFMTU:
        r->value.number = (int32_t)interface_mtu(n);
        return 0;
    case SIOCGIFINDEX:
        r->value.number = netif_get_index(n);
        return 0;
    case SIOCGIFHWADDR:
        memset(&r->value, 0, sizeof r->value);
        r->value.flags = interface_kind(n);
        memcpy(r->value.bytes + 2, n->hwaddr, is_card ? sizeof n->hwaddr : 0);
        return 0;
    default:
        return -ENOTTY;
    }
}

long control(struct process *p, uint32_t request, vaddr_t argument)
{
    struct interface_request r;
    const struct netif *n;
    int32_t none = 0;

    if (stack_begin())
        return -ENOMEM;
    if (request == SIOCGIFCONF)
        return list(p, argument);
    if (request == SIOCATMARK)
        return USER_PUT(p, argument, &none);
    if (request < SIOCGIFNAME || request > SIOCGIFTXQLEN)
        return -ENOTTY;
    if (USER_GET(p, &r, argument))
        return -EFAULT;
    if (request == SIOCGIFNAME) {
        n = interface_at((uint32_t)r.value.number);
        if (n)
            set_name(&r, n);
        return n ? USER_PUT(p, argument, &r) : -ENODEV;
    }
    r.name[NAME_BYTES - 1] = 0;
    n = interface_find(r.name);
    const long e = n ? describe(&r, request, n) : -ENODEV;
    return e ? e : USER_PUT(p, argument, &r);
}

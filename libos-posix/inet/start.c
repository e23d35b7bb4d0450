/* The card's address, and the files that tell programs of it. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/io.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/unpack.h"

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/netif.h>

#define BITS_MOST   32u
#define TEXT_BYTES  256u
#define ETC         "etc"
#define LOCAL_NAMES "127.0.0.1\tlocalhost\n::1\tlocalhost\n"

/* A number of one or more digits, up to `most`; false: there is none. */
static bool read_number(const char **at, uint32_t most, uint32_t *out)
{
    const char *from = *at;

    for (*out = 0; **at >= '0' && **at <= '9' && *out <= most; (*at)++)
        *out = *out * 10 + (uint32_t)(**at - '0');
    return *at != from && *out <= most;
}

static bool read_address(const char **at, ip4_addr_t *out)
{
    uint8_t part[4];

    for (unsigned i = 0; i < 4; i++) {
        uint32_t n;
        if ((i && *(*at)++ != '.') || !read_number(at, UINT8_MAX, &n))
            return false;
        part[i] = (uint8_t)n;
    }
    memcpy(out, part, sizeof part);
    return true;
}

/* As inet_ops.start says. */
static long set_address(const char *text)
{
    ip4_addr_t address, mask, gateway = {0};
    ip_addr_t names;
    uint32_t bits;

    if (!read_address(&text, &address) || *text++ != '/' || !read_number(&text, BITS_MOST, &bits))
        return -EINVAL;
    if (*text == ',' && (text++, !read_address(&text, &gateway)))
        return -EINVAL;
    if (*text == ',') {
        text++;
        names.type = IPADDR_TYPE_V4;
        if (!read_address(&text, ip_2_ip4(&names)))
            return -EINVAL;
        dns_setserver(0, &names);
    }
    if (*text)
        return -EINVAL;
    mask.addr = bits ? lwip_htonl(UINT32_MAX << (BITS_MOST - bits)) : 0;
    netif_set_addr(card_netif(), &address, &mask, &gateway);
    return 0;
}

static bool is_dhcp(const char *text)
{
    return !memcmp(text, "dhcp", 4) && !text[4];
}

long start_card(const char *address)
{
    size_t bytes = 0;
    long e = stack_begin();

    if (e)
        return e;
    if (!card_begin())
        return -ENODEV;
    while (address[bytes])
        bytes++;
    if (bytes != 4 || !is_dhcp(address))
        return set_address(address);
    e = inet_error(dhcp_start(card_netif()));
    stack_turn();
    return e;
}

bool start_has_address(void)
{
    return !ip4_addr_isany(netif_ip4_addr(card_netif()));
}

/* A file of the root, if there is none of that name. */
static long write_file(struct arena *a, const char *name, const char *text, size_t bytes)
{
    struct node *etc = unpack_directory(a, ETC, sizeof ETC - 1);
    size_t name_bytes = 0;
    struct io io;

    while (name[name_bytes])
        name_bytes++;
    if (!etc)
        return -ENOMEM;
    if (entry_find(a, etc, name, name_bytes))
        return 0;
    struct node *n = node_create(a, S_IFREG | 0644);
    if (!n)
        return -ENOMEM;
    long e = entry_add(a, etc, name, name_bytes, n);
    if (e) {
        node_release(a, n);
        return e;
    }
    io_init_core(&io, (void *)(uintptr_t)text, bytes);
    return data_write(a, n, 0, &io) == (long)bytes ? 0 : -ENOMEM;
}

/* The name servers that are known, as resolv.conf has them. */
static size_t resolver_text(char *text)
{
    static const char word[] = "nameserver ";
    size_t at = 0;

    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++) {
        const ip_addr_t *server = dns_getserver(i);
        if (ip_addr_isany(server))
            continue;
        memcpy(text + at, word, sizeof word - 1);
        at += sizeof word - 1;
        ipaddr_ntoa_r(server, text + at, (int)(TEXT_BYTES - 1 - at));
        while (text[at])
            at++;
        text[at++] = '\n';
    }
    return at;
}

long start_tell(struct arena *a)
{
    char text[TEXT_BYTES];
    const size_t bytes = resolver_text(text);
    long e = bytes ? write_file(a, "resolv.conf", text, bytes) : 0;

    return e ? e : write_file(a, "hosts", LOCAL_NAMES, sizeof LOCAL_NAMES - 1);
}

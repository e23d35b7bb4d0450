/* Flows and keys: reading the headers of packets, and comparing what they say with keys. */
#include "bindings/flow.h"

#include "exo/base/string.h"

#include "exo/abi/offload.h"

#define AT_TYPE       12u
#define AT_PAYLOAD    14u
#define AT_FROM_MAC   6u
#define TYPE_IPV4     0x0800u
#define TYPE_ARP      0x0806u
#define IPV4_LEAST    20u
#define IPV4_FRAGMENT 6u
#define IPV4_OFFSET   0x1fffu /* of the fragment word */
#define IPV4_MORE     0x2000u
#define IPV4_PROTOCOL 9u
#define IPV4_FROM     12u
#define IPV4_TO       16u
#define PROTOCOL_TCP  6u
#define PROTOCOL_UDP  17u
#define ARP_BYTES     28u
#define ARP_FROM_MAC  8u
#define ARP_FROM      14u
#define ARP_TO        24u
#define WORDS         2u
_Static_assert(AT_PAYLOAD + ARP_BYTES <= FLOW_HEADERS, "an ARP packet is looked at whole");

static uint16_t read16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)read16(p) << 16 | read16(p + 2);
}

static void put_addresses(struct flow *f, uint32_t from, uint32_t to, bool sent)
{
    f->value.local = sent ? from : to;
    f->value.remote = sent ? to : from;
    f->has.local = f->has.remote = UINT32_MAX;
}

static void read_ports(struct flow *f, const uint8_t *p, uint32_t bytes, bool sent)
{
    if (bytes < 4)
        return;
    uint16_t from = read16(p), to = read16(p + 2);
    f->value.local_port = sent ? from : to;
    f->value.remote_port = sent ? to : from;
    f->has.local_port = f->has.remote_port = UINT16_MAX;
}

static void read_ipv4(struct flow *f, const uint8_t *p, uint32_t bytes, bool sent)
{
    if (bytes < IPV4_LEAST)
        return;
    uint8_t version_words = p[0];
    uint32_t header = (version_words & 15u) * 4u;
    if (version_words >> 4 != 4 || header < IPV4_LEAST)
        return;
    uint8_t protocol = p[IPV4_PROTOCOL];
    f->value.protocol = protocol;
    f->has.protocol = UINT8_MAX;
    put_addresses(f, read32(p + IPV4_FROM), read32(p + IPV4_TO), sent);
    bool first = !(read16(p + IPV4_FRAGMENT) & IPV4_OFFSET);
    bool ports = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
    if (first && ports && header <= bytes)
        read_ports(f, p + header, bytes - header, sent);
}

struct flow flow_read(const uint8_t *packet, uint32_t bytes, bool sent)
{
    struct flow f = {.has = {.ethertype = UINT16_MAX}};

    if (bytes < AT_PAYLOAD)
        return (struct flow){.has = {0}};
    f.value.ethertype = read16(packet + AT_TYPE);
    const uint8_t *payload = packet + AT_PAYLOAD;
    uint32_t rest = bytes - AT_PAYLOAD;
    if (f.value.ethertype == TYPE_IPV4)
        read_ipv4(&f, payload, rest, sent);
    if (f.value.ethertype == TYPE_ARP && rest >= ARP_BYTES)
        put_addresses(&f, read32(payload + ARP_FROM), read32(payload + ARP_TO), sent);
    return f;
}

#define PORTS_BYTES  4u
#define TCP_AT_WORDS 12u /* of TCP's header: its length in words, in the upper half */
#define TCP_AT_SUM   16u
#define TCP_LEAST    20u

static uint32_t ipv4_header(const uint8_t *payload)
{
    return (payload[0] & 15u) * 4u;
}

uint32_t flow_judged(const uint8_t *packet, uint32_t bytes)
{
    const uint16_t type = bytes < AT_PAYLOAD ? 0 : read16(packet + AT_TYPE);

    if (type == TYPE_ARP)
        return AT_PAYLOAD + ARP_BYTES;
    if (type != TYPE_IPV4 || bytes < AT_PAYLOAD + IPV4_LEAST)
        return AT_PAYLOAD;
    return AT_PAYLOAD + ipv4_header(packet + AT_PAYLOAD) + PORTS_BYTES;
}

/* Bytes of all headers of TCP over IPv4 without options that is no fragment; 0: it is not that. */
static uint32_t tcp_heads(const uint8_t *packet, uint32_t bytes, uint32_t start)
{
    const uint8_t *payload = packet + AT_PAYLOAD;

    if (start != AT_PAYLOAD + IPV4_LEAST || bytes <= start + TCP_AT_WORDS ||
        read16(packet + AT_TYPE) != TYPE_IPV4 || payload[0] != (4u << 4 | IPV4_LEAST / 4u) ||
        payload[IPV4_PROTOCOL] != PROTOCOL_TCP ||
        (read16(payload + IPV4_FRAGMENT) & (IPV4_OFFSET | IPV4_MORE)))
        return 0;
    const uint32_t header = (packet[start + TCP_AT_WORDS] >> 4) * 4u;
    return header < TCP_LEAST ? 0 : start + header;
}

uint32_t flow_offload(const uint8_t *packet, uint32_t bytes, uint32_t length, uint32_t work,
                      uint32_t most)
{
    const uint32_t start = CSUM_START(work), offset = CSUM_OFFSET(work), mss = TSO_MSS(work);

    if (start < AT_PAYLOAD || start + offset < flow_judged(packet, bytes) ||
        start + offset + 2 > length)
        return 0;
    if (!mss)
        return 1;
    const uint32_t heads = offset == TCP_AT_SUM ? tcp_heads(packet, bytes, start) : 0;
    return heads && heads < length && mss >= TSO_MSS_MIN && heads + mss <= most ? heads : 0;
}

static bool same_mac(const uint8_t *p, const uint8_t mac[6])
{
    uint32_t first[2];
    uint16_t last[2];

    /* The compiler's own: of so few bytes, memcpy may be left a call. */
    memcpy(&first[0], p, sizeof first[0]);
    memcpy(&first[1], mac, sizeof first[1]);
    memcpy(&last[0], p + sizeof first[0], sizeof last[0]);
    memcpy(&last[1], mac + sizeof first[0], sizeof last[1]);
    return first[0] == first[1] && last[0] == last[1];
}

bool flow_bears_mac(const uint8_t *packet, uint32_t bytes, const uint8_t mac[6])
{
    if (bytes < AT_PAYLOAD || !same_mac(packet + AT_FROM_MAC, mac))
        return false;
    if (read16(packet + AT_TYPE) != TYPE_ARP)
        return true;
    return bytes >= AT_PAYLOAD + ARP_BYTES && same_mac(packet + AT_PAYLOAD + ARP_FROM_MAC, mac);
}

/* A flow as words, so that no field can be forgotten in a comparison. */
struct words {
    uint64_t w[WORDS];
};
_Static_assert(sizeof(struct words) == sizeof(struct ring_flow), "all fields are in the words");

static struct words words_of(const struct ring_flow *f)
{
    struct words to;

    memcpy(&to, f, sizeof to);
    return to;
}

bool key_is_good(const struct ring_key *k)
{
    struct words value = words_of(&k->value), mask = words_of(&k->mask);

    for (unsigned i = 0; i < WORDS; i++)
        if (value.w[i] & ~mask.w[i])
            return false;
    return k->mask.unused == 0 && k->unused == 0 && !(k->flags & ~RING_KEY_FLAGS);
}

bool key_matches(const struct ring_key *k, const struct flow *f)
{
    struct words value = words_of(&k->value), mask = words_of(&k->mask);
    struct words packet = words_of(&f->value), has = words_of(&f->has);

    for (unsigned i = 0; i < WORDS; i++)
        if ((mask.w[i] & ~has.w[i]) || ((value.w[i] ^ packet.w[i]) & mask.w[i]))
            return false;
    return true;
}

bool key_overlaps(const struct ring_key *a, const struct ring_key *b)
{
    struct words va = words_of(&a->value), ma = words_of(&a->mask);
    struct words vb = words_of(&b->value), mb = words_of(&b->mask);

    for (unsigned i = 0; i < WORDS; i++)
        if ((va.w[i] ^ vb.w[i]) & ma.w[i] & mb.w[i])
            return false;
    return true;
}

bool key_is_inside(const struct ring_key *k, const struct ring_key *of)
{
    struct words vk = words_of(&k->value), mk = words_of(&k->mask);
    struct words vo = words_of(&of->value), mo = words_of(&of->mask);

    for (unsigned i = 0; i < WORDS; i++)
        if ((mo.w[i] & ~mk.w[i]) || ((vk.w[i] ^ vo.w[i]) & mo.w[i]))
            return false;
    return !(of->flags & ~k->flags);
}

unsigned key_bits(const struct ring_key *k)
{
    struct words mask = words_of(&k->mask);
    unsigned count = 0;

    for (unsigned i = 0; i < WORDS; i++)
        for (uint64_t rest = mask.w[i]; rest; rest &= rest - 1)
            count++;
    return count;
}

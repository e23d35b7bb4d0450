/*
 * A packet filter for a web server: of what the keys of its ring match, takes ARP, ICMP, and TCP
 * segments to port 80 or 8080. Whose address it is, the keys say.
 *
 * Each part of the packet is read only behind a comparison with data_end: that is what the
 * checker wants to see. Fragments other than the first have no port, so they are not taken.
 */
#include "grafts/include/graft_helpers.h"

#define ETHERNET_IPV4 0x0800u
#define ETHERNET_ARP  0x0806u
#define IP_ICMP       1u
#define IP_TCP        6u
#define IP_OFFSET     0x1fffu /* bits of the fragment word that hold the offset */

struct ethernet {
    uint8_t to[6], from[6];
    uint16_t type;
};

struct ipv4 {
    uint8_t version_words; /* version in the high four bits, header length in words in the low */
    uint8_t service;
    uint16_t length, id, fragment;
    uint8_t time_to_live, protocol;
    uint16_t checksum;
    uint32_t from, to;
} __attribute__((packed));

struct tcp {
    uint16_t from, to;
};

uint64_t filter_http(const struct graft_packet *packet);

static inline uint16_t host16(uint16_t x)
{
    return __builtin_bswap16(x); /* eBPF little-endian; packets are big-endian */
}

GRAFT(packet_filter) uint64_t filter_http(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;

    const struct ethernet *frame = (const void *)data;
    if ((const uint8_t *)(frame + 1) > end)
        return 0;
    if (host16(frame->type) == ETHERNET_ARP)
        return 1;
    if (host16(frame->type) != ETHERNET_IPV4)
        return 0;

    const struct ipv4 *ip = (const void *)(frame + 1);
    if ((const uint8_t *)(ip + 1) > end)
        return 0;
    if (ip->version_words >> 4 != 4)
        return 0;
    if (ip->protocol == IP_ICMP)
        return 1;
    if (ip->protocol != IP_TCP || (host16(ip->fragment) & IP_OFFSET) != 0)
        return 0;

    uint32_t header = (ip->version_words & 15u) * 4u;
    if (header < sizeof *ip)
        return 0;
    const struct tcp *tcp = (const void *)((const uint8_t *)ip + header);
    if ((const uint8_t *)(tcp + 1) > end)
        return 0;
    return host16(tcp->to) == 80 || host16(tcp->to) == 8080;
}

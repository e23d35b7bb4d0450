/* What a packet of TCP over IPv4 over Ethernet begins with, and checksums (RFC 1071). Multi-byte
 * fields are as on the wire; net16 and net32 turn them round. */
#pragma once

#include "exo/abi/types.h"
#include "exo/abi/checksum.h"
#include "libos/string.h"

struct tcp_head {
    uint8_t to[6], from[6];
    uint16_t type;
    uint8_t version, service; /* of IP, with the header's words in the lower half        */
    uint16_t length, id, fragment;
    uint8_t time_to_live, protocol;
    uint16_t ip_sum;
    uint32_t source, target;
    uint16_t source_port, target_port;
    uint32_t sequence, acknowledged;
    uint8_t words; /* of TCP's header, in the upper half */
    uint8_t flags;
    uint16_t window, sum, urgent;
} __attribute__((packed));

#define ETHERNET_BYTES 14u
#define IP_BYTES       20u /* without options */
#define TCP_BYTES      20u
#define HEADS_BYTES    (ETHERNET_BYTES + IP_BYTES + TCP_BYTES)
#define SEGMENT_MOST   1460u /* bytes of contents in one packet */
_Static_assert(sizeof(struct tcp_head) == HEADS_BYTES, "as on the wire");

#define TYPE_IPV4     0x0800u
#define IP_PLAIN      0x45u   /* version 4, no options           */
#define IP_WHOLE      0x4000u /* not to be fragmented            */
#define IP_IN_PIECES  0x3fffu /* more fragments follow; offset   */
#define PROTOCOL_ICMP 1u
#define PROTOCOL_TCP  6u

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u

static inline uint16_t net16(uint32_t x)
{
    return __builtin_bswap16((uint16_t)x);
}

static inline uint32_t net32(uint32_t x)
{
    return __builtin_bswap32(x);
}

static inline uint64_t net64(uint64_t x)
{
    return __builtin_bswap64(x);
}

/* sum_add as a call. Numbers as they are on the wire may be added, too. */
uint64_t sum_bytes(const void *bytes, size_t count, uint64_t sum);

static inline bool is_mac(const uint8_t *a, const uint8_t *b)
{
    uint32_t first[2];
    uint16_t last[2];

    __builtin_memcpy(&first[0], a, 4);
    __builtin_memcpy(&first[1], b, 4);
    __builtin_memcpy(&last[0], a + 4, 2);
    __builtin_memcpy(&last[1], b + 4, 2);
    return first[0] == first[1] && last[0] == last[1];
}

/* Is `a` before `b` in the circle of sequence numbers? */
static inline bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* Checksums that are left to the card. */
#include "libos-net/offload.h"

#include "exo/abi/checksum.h"

#define AT_TYPE       12u
#define AT_IP         14u
#define IPV4_LEAST    20u
#define IPV4_LENGTH   2u
#define IPV4_FRAGMENT 6u
#define IPV4_PIECES   0x3fffu /* more follow; offset */
#define IPV4_PROTOCOL 9u
#define IPV4_FROM     12u
#define IPV6_BYTES    40u
#define IPV6_LENGTH   4u
#define IPV6_NEXT     6u
#define IPV6_FROM     8u
#define TCP           6u
#define UDP           17u
#define TCP_AT_SUM    16u
#define TCP_LEAST     20u
#define UDP_AT_SUM    6u
#define UDP_LEAST     8u

#define IPV4 __builtin_bswap16(0x0800)
#define IPV6 __builtin_bswap16(0x86dd)

static uint16_t load16(const uint8_t *at)
{
    uint16_t x;

    __builtin_memcpy(&x, at, sizeof x);
    return x;
}

/* Where TCP or UDP lies in a frame, and what its pseudo header is made of. */
struct transport {
    uint32_t start; /* offset in the frame                        */
    uint32_t bytes; /* header and contents, as IP's header says   */
    uint32_t addresses, address_bytes;
    uint8_t protocol;
};

static bool find_ipv4(const uint8_t *frame, struct transport *t)
{
    const uint8_t *ip = frame + AT_IP;
    const uint32_t header = (ip[0] & 15u) * 4u, all = __builtin_bswap16(load16(ip + IPV4_LENGTH));

    if (ip[0] >> 4 != 4 || header < IPV4_LEAST || all < header ||
        (__builtin_bswap16(load16(ip + IPV4_FRAGMENT)) & IPV4_PIECES))
        return false;
    *t = (struct transport){AT_IP + header, all - header, AT_IP + IPV4_FROM, 8, ip[IPV4_PROTOCOL]};
    return true;
}

/* False: it is something else, a fragment, or not all there. */
static bool find_transport(const uint8_t *frame, uint32_t length, struct transport *t)
{
    const uint16_t type = length < AT_IP + IPV4_LEAST ? 0 : load16(frame + AT_TYPE);

    if (type == IPV6 && length >= AT_IP + IPV6_BYTES)
        *t = (struct transport){AT_IP + IPV6_BYTES,
                                __builtin_bswap16(load16(frame + AT_IP + IPV6_LENGTH)),
                                AT_IP + IPV6_FROM, 32, frame[AT_IP + IPV6_NEXT]};
    else if (type != IPV4 || !find_ipv4(frame, t))
        return false;
    return (t->protocol == TCP ? t->bytes >= TCP_LEAST
                               : t->protocol == UDP && t->bytes >= UDP_LEAST) &&
           t->start + t->bytes <= length;
}

uint32_t offload_begin(uint8_t *frame, uint32_t length)
{
    struct transport t;

    if (!find_transport(frame, length, &t))
        return 0;
    const uint32_t offset = t.protocol == TCP ? TCP_AT_SUM : UDP_AT_SUM;
    uint8_t *field = frame + t.start + offset;
    if (load16(field))
        return 0;
    uint64_t sum = (uint32_t)t.protocol << 8; /* as it lies in memory, behind a zero */
    sum += __builtin_bswap16((uint16_t)t.bytes);
    for (uint32_t i = 0; i < t.address_bytes; i += sizeof(uint32_t)) {
        uint32_t word;
        __builtin_memcpy(&word, frame + t.addresses + i, sizeof word);
        sum += word;
    }
    const uint16_t folded = sum_fold(sum);
    __builtin_memcpy(field, &folded, sizeof folded);
    return CSUM_OFFLOAD(t.start, offset);
}

bool offload_is_tested(const uint8_t *frame, uint32_t length)
{
    struct transport t;

    return find_transport(frame, length, &t);
}

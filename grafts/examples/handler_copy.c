/*
 * A packet handler that copies and checks in one pass: the contents of datagrams for one port are
 * put where the owner reads them, and are summed while they are. What has a wrong checksum is
 * dropped; of what is right a record tells how many there are now. Others are the ring's.
 */
#include "grafts/examples/messages.h"
#include "grafts/examples/udp.h"
#include "grafts/include/graft_helpers.h"

#define CHUNK 64u /* bytes that are copied at once */
#define RIGHT 0xffffu

volatile struct copied copied; /* a map of one entry */
RING_BUFFER(told, 4096);

uint64_t handler_copy(const struct graft_packet *packet);

/* The sum of what the checksum covers besides the contents. */
static inline uint64_t head_sum(const struct udp_packet *p)
{
    return (uint64_t)p->from[0] + p->from[1] + p->to[0] + p->to[1] + graft_host16(UDP_PROTOCOL) +
           p->bytes + p->from_port + p->to_port + p->bytes + p->checksum;
}

static inline uint64_t fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* Copies the contents to a place, and adds them to the sum; not RIGHT where the packet has less. */
static inline uint64_t take(const uint8_t *from, const uint8_t *end, uint32_t bytes, uint8_t *to,
                            uint64_t sum)
{
    uint32_t at = 0;

    for (; at < COPY_MOST && at + CHUNK <= bytes; at += CHUNK) {
        if (from + at + CHUNK > end)
            return 0;
        sum = copy_checksum(to + at, CHUNK, from + at, CHUNK, sum);
    }
    for (uint32_t i = 0; i < CHUNK && at + i < bytes; i++) {
        if (from + at + i + 1 > end)
            return 0;
        const uint8_t byte = from[at + i];
        to[at + i] = byte;
        sum += (uint64_t)byte << (i % 2 * 8);
    }
    return fold(sum);
}

GRAFT(packet_handler) uint64_t handler_copy(const struct graft_packet *packet)
{
    const struct udp_packet *p = (const struct udp_packet *)packet->data;
    const uint8_t *end = (const uint8_t *)packet->data_end;

    if ((const uint8_t *)(p + 1) > end)
        return GRAFT_PASS;
    if (p->type != graft_host16(UDP_TYPE_IPV4) || p->head != UDP_HEAD ||
        p->protocol != UDP_PROTOCOL || p->to_port != graft_host16(COPY_PORT))
        return GRAFT_PASS;
    if (p->fragment & graft_host16(UDP_OFFSET | UDP_MORE) || !p->checksum)
        return GRAFT_PASS;
    const uint32_t bytes = graft_host16(p->bytes) - 8u, place = copied.count % COPY_PLACES;
    if (bytes > COPY_MOST)
        return GRAFT_DROP;
    if (take((const uint8_t *)(p + 1), end, bytes, (uint8_t *)copied.data[place], head_sum(p)) !=
        RIGHT) {
        copied.refused++;
        return GRAFT_DROP;
    }
    copied.bytes[place] = bytes;
    const uint64_t count = ++copied.count;
    ringbuf_output(&told, &count, sizeof count, 0);
    return GRAFT_CONSUME;
}

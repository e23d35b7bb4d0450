/*
 * A packet handler that works without its owner: to each answer about a link address it asks the
 * next question, in the same packet, until there were ROUNDS. Then the owner finds the sender's
 * link address in the ring buffer, and is told.
 */
#include "grafts/include/graft_helpers.h"

#define ROUNDS       8u
#define ETHERNET_ARP 0x0806u
#define ARP_BYTES    42u
#define ARP_REQUEST  1u
#define ARP_REPLY    2u

struct arp {
    uint8_t to[6], from[6];
    uint16_t type;
    uint16_t hardware, protocol;
    uint8_t lengths[2];
    uint16_t operation;
    uint8_t sender[10], target[10]; /* link and IPv4 address */
} __attribute__((packed));
_Static_assert(sizeof(struct arp) == ARP_BYTES, "Ethernet and ARP");

MAP(probes, GRAFT_MAP_ARRAY, uint32_t, uint64_t, 1);
RING_BUFFER(found, 4096);

uint64_t handler_probe(const struct graft_packet *packet);

/* The answer becomes a question of the one who got it to the one who sent it. */
static inline void turn(struct arp *p)
{
    for (unsigned i = 0; i < sizeof p->to; i++) {
        uint8_t to = p->to[i];
        p->to[i] = p->from[i];
        p->from[i] = to;
    }
    for (unsigned i = 0; i < sizeof p->sender; i++) {
        uint8_t target = p->target[i];
        p->target[i] = p->sender[i];
        p->sender[i] = target;
    }
    p->operation = graft_host16(ARP_REQUEST);
}

GRAFT(packet_handler) uint64_t handler_probe(const struct graft_packet *packet)
{
    struct arp *p = (struct arp *)packet->data;
    uint32_t key = 0;

    if ((const uint8_t *)(p + 1) > (const uint8_t *)packet->data_end)
        return GRAFT_PASS;
    if (p->type != graft_host16(ETHERNET_ARP) || p->operation != graft_host16(ARP_REPLY))
        return GRAFT_PASS;
    uint64_t *count = map_lookup_elem(&probes, &key);
    if (!count)
        return GRAFT_PASS;
    *count += 1;
    if (*count >= ROUNDS) {
        ringbuf_output(&found, p->from, sizeof p->from, 0);
        return GRAFT_CONSUME;
    }
    turn(p);
    return GRAFT_ANSWER_OF(ARP_BYTES);
}

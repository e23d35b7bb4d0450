/*
 * A packet handler that vectors: each datagram for one port says which block of a whole it has, and
 * is put where that belongs, whatever came before it. The owner is told when all are there. Others
 * are the ring's.
 */
#include "grafts/examples/messages.h"
#include "grafts/examples/udp.h"
#include "grafts/include/graft_helpers.h"

volatile struct blocks blocks; /* a map of one entry */
RING_BUFFER(whole, 4096);

uint64_t handler_blocks(const struct graft_packet *packet);

GRAFT(packet_handler) uint64_t handler_blocks(const struct graft_packet *packet)
{
    const struct udp_packet *p = (const struct udp_packet *)packet->data;
    const struct block_message *m = (const struct block_message *)(p + 1);
    const uint8_t *end = (const uint8_t *)packet->data_end;

    if ((const uint8_t *)(p + 1) > end)
        return GRAFT_PASS;
    if (p->type != graft_host16(UDP_TYPE_IPV4) || p->head != UDP_HEAD ||
        p->protocol != UDP_PROTOCOL || p->to_port != graft_host16(BLOCKS_PORT))
        return GRAFT_PASS;
    if (p->fragment & graft_host16(UDP_OFFSET | UDP_MORE))
        return GRAFT_PASS;
    if ((const uint8_t *)(m + 1) > end || graft_host32(m->number) >= BLOCKS)
        return GRAFT_DROP;
    const uint64_t number = graft_host32(m->number), bit = (uint64_t)1 << number;
    if (blocks.arrived & bit) {
        blocks.again++;
        return GRAFT_CONSUME;
    }
    copy_checksum((uint8_t *)blocks.data[number], BLOCK_BYTES, m->data, BLOCK_BYTES, 0);
    blocks.arrived |= bit;
    if (blocks.arrived == ~(uint64_t)0)
        ringbuf_output(&whole, &number, sizeof number, 0);
    return GRAFT_CONSUME;
}

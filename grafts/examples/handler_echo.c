/*
 * A packet handler that is a UDP echo server: what comes to port 7 goes back from where it came, in
 * the same packet. Checksums stay as they are, for the same words are summed. What it does not
 * understand goes to the ring; what comes from an echo server would go round for ever.
 */
#include "grafts/examples/udp.h"
#include "grafts/include/graft_helpers.h"

uint64_t handler_echo(const struct graft_packet *packet);

static inline void swap(uint16_t *a, uint16_t *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t was = a[i];
        a[i] = b[i];
        b[i] = was;
    }
}

GRAFT(packet_handler) uint64_t handler_echo(const struct graft_packet *packet)
{
    struct udp_packet *p = (struct udp_packet *)packet->data;
    const uint16_t port = graft_host16(UDP_PORT_ECHO);

    if ((const uint8_t *)(p + 1) > (const uint8_t *)packet->data_end)
        return GRAFT_PASS;
    if (p->type != graft_host16(UDP_TYPE_IPV4) || p->head != UDP_HEAD ||
        p->protocol != UDP_PROTOCOL || p->to_port != port)
        return GRAFT_PASS;
    if (p->fragment & graft_host16(UDP_OFFSET | UDP_MORE))
        return GRAFT_PASS;
    if (p->from_port == port)
        return GRAFT_DROP;
    swap(p->to_mac, p->from_mac, 3);
    swap(p->from, p->to, 2);
    swap(&p->from_port, &p->to_port, 1);
    return GRAFT_ANSWER;
}

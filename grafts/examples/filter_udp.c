/* A packet filter that takes UDP datagrams for one port, whatever options their headers have. Later
 * fragments have no port, and are not taken. */
#include "grafts/examples/udp.h"
#include "grafts/include/graft_helpers.h"

#define HEADER_LEAST 5u /* words */

uint64_t filter_udp(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t filter_udp(const struct graft_packet *packet)
{
    const struct udp_packet *p = (const struct udp_packet *)packet->data;
    const uint8_t *end = (const uint8_t *)packet->data_end;

    if ((const uint8_t *)(p + 1) > end)
        return 0;
    if (p->type != graft_host16(UDP_TYPE_IPV4) || p->protocol != UDP_PROTOCOL)
        return 0;
    if (p->fragment & graft_host16(UDP_OFFSET))
        return 0;
    if (p->head == UDP_HEAD)
        return p->to_port == graft_host16(UDP_PORT_ECHO);
    if (p->head >> 4 != 4 || (p->head & 15u) < HEADER_LEAST)
        return 0;
    const uint16_t *ports = (const uint16_t *)((const uint8_t *)&p->head + (p->head & 15u) * 4u);
    if ((const uint8_t *)(ports + 2) > end)
        return 0;
    return ports[1] == graft_host16(UDP_PORT_ECHO);
}

/* A packet filter that takes every packet: the smallest graft. */
#include "grafts/include/graft_helpers.h"

uint64_t filter_all(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t filter_all(const struct graft_packet *packet)
{
    (void)packet;
    return 1;
}

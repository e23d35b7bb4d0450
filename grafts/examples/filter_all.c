/* A packet filter that takes every packet: the smallest graft. */
#include "exo/abi/graft.h"

uint64_t filter_all(const struct graft_packet *packet);

__attribute__((section("filter"))) uint64_t filter_all(const struct graft_packet *packet)
{
    (void)packet;
    return 1;
}

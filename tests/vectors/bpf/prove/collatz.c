/* Proved with fuel: nobody knows how often this loop turns. */
#include "grafts/include/graft_helpers.h"

uint64_t collatz(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t collatz(const struct graft_packet *packet)
{
    uint64_t n = packet->length | 1, turns = 0;

    while (n != 1) {
        n = n & 1 ? 3 * n + 1 : n / 2;
        turns++;
    }
    return turns;
}

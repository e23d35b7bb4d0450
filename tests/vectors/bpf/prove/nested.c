/* Proved: loops in a loop: a window of 4 bytes is looked for in 60. */
#include "grafts/include/graft_helpers.h"

uint64_t nested(const struct graft_packet *packet);

static const uint8_t wanted[4] = {'e', 'x', 'o', '4'};

GRAFT(packet_filter) uint64_t nested(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint32_t found = 0;

    if (data + 64 > end)
        return 0;
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t same = 0;
#pragma clang loop unroll(disable)
        for (uint32_t k = 0; k < 4; k++)
            same += data[i + k] == wanted[k];
        found += same == 4;
    }
    return found;
}

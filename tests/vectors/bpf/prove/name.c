/* Proved: labels of a name in a DNS question: lengths and bytes, hashed, until the empty label. */
#include "grafts/include/graft_helpers.h"

uint64_t name(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t name(const struct graft_packet *packet)
{
    const uint8_t *at = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint32_t hash = 5381, left = 0;

    if (at + 54 > end)
        return 0;
    at += 54;
#pragma clang loop unroll(disable)
    for (uint32_t i = 0; i < 64; i++) {
        if (at + 1 > end)
            return 0;
        uint8_t c = *at++;
        if (left == 0) {
            if (c == 0)
                return hash;
            if (c > 63)
                return 0;
            left = c;
        } else {
            left--;
        }
        hash = hash * 33 + c;
    }
    return 0;
}

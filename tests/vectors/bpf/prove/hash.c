/* Proved: 32 lookups in a table of 64 slots that lies in a window, with linear probing. */
#include "grafts/include/graft_helpers.h"

struct slot {
    uint32_t key, value;
};

static struct slot slots[64];

uint64_t hash(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t hash(const struct graft_packet *packet)
{
    uint64_t sum = packet->nic;

    for (uint32_t k = 1; k <= 32; k++) {
        uint32_t h = k * 2654435761u >> 26;
        for (uint32_t n = 0; n < 64; n++) {
            struct slot *s = &slots[(h + n) & 63];
            __asm__ volatile("" : "+r"(s)); /* the owner may have filled it */
            if (s->key == k) {
                sum += s->value;
                break;
            }
            if (s->key == 0)
                break;
        }
    }
    return sum;
}

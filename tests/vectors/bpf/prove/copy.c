/* Proved: bytes of the packet are copied to the stack, one by one, and read again. */
#include "grafts/include/graft_helpers.h"

uint64_t copy(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t copy(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint8_t kept[64] = {0};
    uint32_t total = 0;

    if (data + 64 > end)
        return 0;
    for (uint32_t i = 0; i < 64; i++) {
        kept[i] = data[63 - i];
        __asm__ volatile("" ::: "memory");
    }
    for (uint32_t i = 0; i < 64; i += 8)
        total += kept[(i + kept[0]) & 63];
    return total;
}

/* Proved: a sum of 64 words of a packet, by an index that ends at equality. */
#include "grafts/include/graft_helpers.h"

uint64_t sum(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t sum(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint32_t total = 0;

    if (data + 256 > end)
        return 0;
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t word = *(const uint32_t *)(const void *)(data + i * 4);
        __asm__ volatile("" : "+r"(word));
        total += word;
    }
    return total;
}

/* Proved: 512 bytes of the packet are copied to a map's value, eight at a time, and summed. */
#include "grafts/include/graft_helpers.h"

MAP(kept, GRAFT_MAP_HASH, uint32_t, uint64_t[64], 4);

uint64_t block(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t block(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint32_t key = packet->nic;
    uint64_t sum = 0;

    if (data + 512 > end)
        return 0;
    uint64_t *to = map_lookup_elem(&kept, &key);
    if (!to)
        return 0;
    const uint64_t *from = (const uint64_t *)(const void *)data;
    for (uint32_t i = 0; i < 64; i++) {
        to[i] = from[i];
        sum += from[i];
    }
    return sum;
}

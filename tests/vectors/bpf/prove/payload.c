/* Proved: the checksum of up to 1,500 bytes by a pointer that moves to the packet's end; the bound
 * is the packet's greatest length. */
#include "grafts/include/graft_helpers.h"

uint64_t payload(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t payload(const struct graft_packet *packet)
{
    const uint8_t *at = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint64_t total = 0;

    for (uint32_t i = 0; i < 750 && at + 2 <= end; i++) {
        total += *(const uint16_t *)(const void *)at;
        at += 2;
    }
    total = (total & 0xffff) + (total >> 16);
    return (total & 0xffff) + (total >> 16);
}

/* Proved: a flag that says whether a pointer may be used, through another decision and a loop. */
#include "grafts/include/graft_helpers.h"

uint64_t flags(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t flags(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint32_t has_ports = 0, total = packet->nic;

    if (data + 34 > end)
        return 0;
    if (data[23] == 17 && data + 42 <= end)
        has_ports = 1;
#pragma clang loop unroll(disable)
    for (uint32_t i = 14; i < 34; i++) {
        total += data[i];
        __asm__ volatile("" : "+r"(total), "+r"(has_ports));
    }
    if (has_ports)
        total += *(const uint16_t *)(const void *)(data + 36);
    return total;
}

/* Proved: functions that are called in a loop, and global data. */
#include "grafts/include/graft_helpers.h"

uint64_t calls(const struct graft_packet *packet);

static uint64_t total;
static const uint32_t weights[8] = {1, 2, 3, 5, 8, 13, 21, 34};

__attribute__((noinline)) static uint64_t weigh(const uint8_t *at, uint32_t i)
{
    uint64_t part[2] = {at[0], at[1]};

    __asm__ volatile("" : : "r"(part) : "memory");
    return part[i & 1] * weights[i & 7];
}

GRAFT(packet_filter) uint64_t calls(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;

    if (data + 32 > end)
        return 0;
    for (uint32_t i = 0; i < 16; i++)
        total += weigh(data + 2 * i, i);
    return total;
}

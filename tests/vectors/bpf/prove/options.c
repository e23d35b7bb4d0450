/* Proved: options of a TCP header: kinds with lengths that the packet says, up to 40 bytes. */
#include "grafts/include/graft_helpers.h"

#define OPTION_END     0
#define OPTION_NOTHING 1
#define OPTION_WINDOW  3

uint64_t options(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t options(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;

    if (data + 14 + 20 + 20 > end || data[14] != 0x45 || data[23] != 6)
        return 0;
    const uint8_t *tcp = data + 34;
    uint32_t bytes = (uint32_t)(tcp[12] >> 4) * 4;
    if (bytes < 20)
        return 0;
    for (uint32_t at = 20; at < bytes;) {
        const uint8_t *option = tcp + at;
        if (option + 1 > end || option[0] == OPTION_END)
            return 0;
        if (option[0] == OPTION_NOTHING) {
            at++;
            continue;
        }
        if (option + 3 > end || option[1] < 2)
            return 0;
        if (option[0] == OPTION_WINDOW)
            return option[2];
        at += option[1];
    }
    return 0;
}

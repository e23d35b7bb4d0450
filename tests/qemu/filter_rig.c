/* Many filters for tests and experiments. */
#include "tests/qemu/filter_rig.h"

#include "exo/abi/batch.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/string.h"
#include "tests/lab/graft_object.h"

#define UDP          17u
#define AT_MAC       6u
#define AT_TYPE      12u
#define AT_FROM_PORT 34u
#define AT_TO_PORT   36u
#define FRAMES       10u /* of such a graft */

/* eBPF, RFC 9669. */
#define LOAD_LONG  0x79
#define LOAD_HALF  0x69
#define COPY       0xbf
#define ADD        0x07
#define SET        0xb7
#define JUMP_ABOVE 0x2d
#define JUMP_NE    0x55
#define EXIT       0x95

uint16_t filter_port(uint32_t number)
{
    return (uint16_t)(number * 40503u + 4242u);
}

struct ring_key filter_key(uint16_t port)
{
    return (struct ring_key){.value = {.local_port = port, .protocol = UDP},
                             .mask = {.local_port = UINT16_MAX, .protocol = UINT8_MAX}};
}

enum err filter_graft(uint16_t port, slot_t slot, struct graft_report *report)
{
    const struct lab_insn code[] = {
        {LOAD_LONG, 2 | 1 << 4, offsetof(struct graft_packet, data), 0},
        {LOAD_LONG, 3 | 1 << 4, offsetof(struct graft_packet, data_end), 0},
        {COPY, 4 | 2 << 4, 0, 0},
        {ADD, 4, 0, AT_TO_PORT + 2},
        {SET, 0, 0, 0},
        {JUMP_ABOVE, 4 | 3 << 4, 3, 0},
        {LOAD_HALF, 4 | 2 << 4, AT_TO_PORT, 0},
        {JUMP_NE, 4, 1, __builtin_bswap16(port)},
        {SET, 0, 0, 1},
        {EXIT, 0, 0, 0},
    };
    const uint32_t count = sizeof code / sizeof code[0];
    pfn_t frame = PFN_ANY;
    size_t bytes;

    memcpy(lab_code, code, sizeof code);
    const void *at = lab_object(count, 0, &bytes);
    const struct graft_load l = {.object = (vaddr_t)at,
                                 .bytes = bytes,
                                 .report = (vaddr_t)report,
                                 .hook = GRAFT_HOOK_PACKET_FILTER,
                                 .frames = FRAMES};
    enum err e = region_find(FRAMES, &frame);
    return e == ERR_OK ? exo_graft_create(SLOT_MEMORY, frame, slot, (vaddr_t)&l) : e;
}

void filter_packet(uint8_t *packet, const uint8_t mac[6], uint16_t port)
{
    static const uint8_t head[] = {8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, UDP};

    memset(packet, 0, FILTER_PACKET);
    memset(packet, 0xff, AT_MAC);
    memcpy(packet + AT_MAC, mac, 6);
    memcpy(packet + AT_TYPE, head, sizeof head);
    packet[AT_FROM_PORT + 1] = 1;
    packet[AT_TO_PORT] = (uint8_t)(port >> 8);
    packet[AT_TO_PORT + 1] = (uint8_t)port;
}

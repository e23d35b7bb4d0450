/* Proved: records of a ring buffer that every path gives back, in a loop over ports. */
#include "grafts/include/graft_helpers.h"

struct seen {
    uint32_t from;
    uint16_t port, index;
};

RING_BUFFER(log, 4096);
MAP(wanted, GRAFT_MAP_HASH, uint32_t, uint32_t, 64);

uint64_t records(const struct graft_packet *packet);

GRAFT(packet_filter) uint64_t records(const struct graft_packet *packet)
{
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint8_t *end = (const uint8_t *)(uintptr_t)packet->data_end;
    uint64_t logged = 0;

    if (data + 64 > end)
        return 0;
#pragma clang loop unroll(disable)
    for (uint16_t i = 0; i < 8; i++) {
        struct seen *s = ringbuf_reserve(&log, sizeof *s, 0);
        if (!s)
            break;
        s->from = *(const uint32_t *)(const void *)(data + 26);
        s->port = data[36 + i];
        s->index = i;
        uint32_t key = s->port;
        const uint32_t *level = map_lookup_elem(&wanted, &key);
        if (!level || *level > i) {
            ringbuf_discard(s, 0);
            continue;
        }
        ringbuf_submit(s, 0);
        logged++;
    }
    return logged;
}

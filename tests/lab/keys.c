/* Experiment: finding whose packet it is, with one key bound to the card and with as many as there
 * can be, all for ports. Counted is a kick that refuses a packet from a port that is nobody's. */
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/lab/lab.h"
#include "tests/qemu/rig.h"

#define RINGS        63u /* beside the one that sends */
#define FIRST_PORT   2000u
#define PACKET_BYTES 60u

static struct lab_series series;

static void bind_ports(slot_t ring, uint32_t port, uint32_t count)
{
    struct ring_key keys[RING_KEYS];

    for (uint32_t i = 0; i < count; i++)
        keys[i] = (struct ring_key){.value = {.local_port = (uint16_t)(port + i), .protocol = 17},
                                    .mask = {.local_port = UINT16_MAX, .protocol = UINT8_MAX}};
    enum err e = exo_ring_keys(ring, (vaddr_t)keys, count);
    if (e)
        lab_fail("graft.filters", e);
}

/* A datagram from port 1. */
static void post_strange(void *argument, uint32_t round)
{
    static const uint8_t head[] = {8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};
    struct rig *r = argument;
    uint8_t *p = ring_send_buffer(&r->ring);

    (void)round;
    memset(p, 0, PACKET_BYTES);
    memcpy(p + 6, KINFO->nic_mac, 6);
    memcpy(p + 12, head, sizeof head);
    p[35] = 1;
    ring_send(&r->ring, PACKET_BYTES);
}

static void kick(void *argument, uint32_t round)
{
    (void)round;
    exo_ring_kick(((struct rig *)argument)->slot);
}

void lab_keys(struct rig *r, uint64_t empty)
{
    bind_ports(r->slot, FIRST_PORT, 1);
    lab_measure(&series, post_strange, kick, r);
    lab_report("graft.filters.1", &series, empty, 1, 1);
    for (uint32_t i = 0; i < RINGS; i++) {
        slot_t slot;
        pfn_t frame;
        if (slot_take(&slot) || region_find(1, &frame) ||
            exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, r->frames, SLOT_NONE, slot))
            lab_fail("graft.filters", ERR_NO_MEM);
        bind_ports(slot, FIRST_PORT + (1 + i) * RING_KEYS, RING_KEYS);
    }
    lab_measure(&series, post_strange, kick, r);
    lab_report("graft.filters.253", &series, empty, 1, 1);
}

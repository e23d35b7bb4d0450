/* What tests of packet rings share. */
#include "tests/qemu/rig.h"

#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"

#define PATIENCE ((uint64_t)500 * CLOCK_NS_PER_MS)

slot_t new_slot(void)
{
    slot_t slot = SLOT_NONE;

    slot_take(&slot);
    return slot;
}

slot_t weaker(slot_t src, rights_t rights, uint32_t base, uint32_t count)
{
    slot_t slot = new_slot();

    return exo_cap_copy(SLOT_ENV, slot, src, rights, base, count) == ERR_OK ? slot : SLOT_NONE;
}

pfn_t free_frame(void)
{
    pfn_t frame = 0;

    region_find(1, &frame);
    return frame;
}

enum err rig_create_by(const struct rig *r, slot_t nic)
{
    return exo_ring_create(nic, SLOT_MEMORY, free_frame(), r->frames, r->notification, r->slot);
}

enum err rig_create(const struct rig *r)
{
    return rig_create_by(r, SLOT_NIC);
}

void rig_prepare(struct rig *r)
{
    pfn_t first;
    vaddr_t va = 0;

    r->slot = new_slot();
    notify_new(&r->notification);
    region_frames(RING_FRAMES, &r->frames, &first);
    vm_map_frames(r->frames, first, RING_FRAMES, &va, RIGHT_READ | RIGHT_WRITE);
    vm_populate(va, RING_FRAMES * PAGE_SIZE);
    ring_begin(&r->ring, (void *)va, RIG_BIT);
}

static void put_address(uint8_t *p, uint32_t address)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(address >> (24 - 8 * i));
}

void rig_question(uint8_t *packet, const uint8_t mac[6], uint32_t address, uint32_t asked)
{
    static const uint8_t request[RIG_PACKET - 12] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};

    memset(packet, 0xff, 6);
    memcpy(packet + 6, mac, 6);
    memcpy(packet + 12, request, sizeof request);
    memcpy(packet + RIG_ARP_FROM, mac, 6);
    put_address(packet + 28, address);
    put_address(packet + 38, asked);
}

uint8_t *rig_ask(struct rig *r, uint32_t address)
{
    uint8_t *p = ring_send_buffer(&r->ring);

    rig_question(p, KINFO->nic_mac, address, RIG_GATEWAY);
    ring_send(&r->ring, RIG_PACKET);
    return p;
}

bool rig_hears(struct rig *r)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    uint32_t buffer, length;

    do {
        while (ring_receive(&r->ring, &buffer, &length)) {
            const uint8_t *p = ring_rx_memory(&r->ring, buffer);
            bool reply =
                length >= RIG_PACKET && p[12] == 8 && p[13] == 6 && p[21] == 2 && p[31] == 2;
            ring_rx_free(&r->ring, buffer);
            if (reply)
                return true;
        }
    } while (notify_until(r->notification, RIG_BIT, deadline, NULL) == ERR_OK);
    return false;
}

bool rig_ask_and_hear(struct rig *r)
{
    rig_ask(r, RIG_ADDRESS);
    return exo_ring_kick(r->slot) == ERR_OK && rig_hears(r);
}

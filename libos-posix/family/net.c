/* The network card of a family. */
#include "libos-posix/family/net.h"

#include "exo/abi/kinfo.h"
#include "libos-net/offload.h"
#include "libos-net/ring.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/member.h"
#include "libos-posix/port.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"

#define KICK_AT (RING_SLOTS / 2) /* packets that may wait for a flush */

/* Behind the ring's frames, for all. */
struct family_net {
    struct ring ring;
};
_Static_assert(sizeof(struct family_net) <= PAGE_SIZE, "one page");

static struct ring *ring(void)
{
    return &((struct family_net *)FAMILY->net)->ring;
}

static enum err make_ring(slot_t frames, vaddr_t va)
{
    struct ring *r = &((struct family_net *)(va + RING_FRAMES * PAGE_SIZE))->ring;
    struct ring_key all = {.flags = RING_KEY_YIELD};
    pfn_t frame;

    memset((void *)va, 0, (RING_FRAMES + 1) * PAGE_SIZE);
    ring_begin(r, (void *)va, KEEPER_WAKE);
    if (KINFO->nic_offloads & NIC_RX_CSUM)
        ring_accept_partial(r);
    enum err e = slot_take(&keeper_ring);
    if (e == ERR_OK)
        e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, frames, keeper_notification(),
                            keeper_ring);
    return e ? e : exo_ring_keys(keeper_ring, (vaddr_t)&all, 1);
}

enum err keeper_net_begin(void)
{
    slot_t frames;
    pfn_t first;
    vaddr_t va;

    if (!slot_cap(SLOT_NIC) || !KINFO->nic_mtu)
        return ERR_NO_DEVICE;
    enum err e = region_frames(RING_FRAMES + 1, &frames, &first);
    if (e == ERR_OK)
        e = keeper_show(frames, first, RING_FRAMES + 1, RIGHT_READ | RIGHT_WRITE, &va);
    if (e == ERR_OK)
        e = make_ring(frames, va);
    if (e == ERR_OK)
        FAMILY->net = va + RING_FRAMES * PAGE_SIZE;
    return e;
}

bool port_net_get(struct port_net *out)
{
    out->mtu = KINFO->nic_mtu;
    out->sums = KINFO->nic_offloads & NIC_CSUM;
    memcpy(out->mac, KINFO->nic_mac, sizeof out->mac);
    return FAMILY->net;
}

bool port_net_receive(uint32_t *buffer, const uint8_t **bytes, uint32_t *length, bool *is_tested)
{
    if (!ring_receive(ring(), buffer, length))
        return false;
    *bytes = ring_rx_memory(ring(), *buffer);
    *is_tested = ring_csum(ring()) && offload_is_tested(*bytes, *length);
    return true;
}

void port_net_free(uint32_t buffer)
{
    ring_rx_free(ring(), buffer);
}

void port_net_flush(void)
{
    const slot_t slot = member_place()->member == TASK_NONE ? keeper_ring : FAMILY_SLOT_NET;

    if (ring_unkicked(ring()) && exo_ring_kick(slot) == ERR_OK)
        ring_kicked(ring());
}

uint8_t *port_net_room(void)
{
    uint8_t *room = ring_send_buffer(ring());

    if (room)
        return room;
    port_net_flush();
    return ring_send_buffer(ring());
}

void port_net_send(uint32_t length)
{
    struct ring *r = ring();
    const bool sums = KINFO->nic_offloads & NIC_CSUM;

    ring_send_offload(r, length, sums ? offload_begin(ring_send_buffer(r), length) : 0);
    if (ring_unkicked(ring()) >= KICK_AT)
        port_net_flush();
}

/* A link on a packet ring of the kernel's card. */
#include "libos-net/ring_link.h"

#include "exo/abi/kinfo.h"
#include "libos/notify.h"
#include "libos/string.h"
#include "libos/vm.h"

#define KICK_AT (RING_SLOTS / 2) /* packets that may wait for flush */

static struct ring *ring_of(struct link *l)
{
    return &((struct ring_link *)l)->ring;
}

static bool receive(struct link *l, uint32_t *buffer, uint8_t **packet, uint32_t *length)
{
    if (!ring_receive(ring_of(l), buffer, length))
        return false;
    *packet = ring_rx_memory(ring_of(l), *buffer);
    if (__builtin_expect(l->offloads & NIC_RX_CSUM, 0))
        l->csum = ring_csum(ring_of(l));
    return true;
}

static void give_back(struct link *l, uint32_t buffer)
{
    ring_rx_free(ring_of(l), buffer);
}

static bool is_short(const struct link *l)
{
    const struct ring *r = &((const struct ring_link *)l)->ring;

    return r->header->rx_posted - r->header->rx_done + ring_spare(r) < RING_SLOTS / 2;
}

static void kick(struct link *l)
{
    if (exo_ring_kick(((struct ring_link *)l)->slot) == ERR_OK)
        ring_kicked(ring_of(l));
}

static bool flush(struct link *l)
{
    bool any = ring_unkicked(ring_of(l)) > 0;

    if (any)
        kick(l);
    return any;
}

static uint8_t *room(struct link *l)
{
    uint8_t *packet = ring_send_buffer(ring_of(l));

    if (packet)
        return packet;
    ring_want_room(ring_of(l));
    kick(l);
    return ring_send_buffer(ring_of(l));
}

static void kick_at_times(struct link *l)
{
    if (ring_unkicked(ring_of(l)) >= KICK_AT)
        flush(l);
}

static void send(struct link *l, uint32_t length)
{
    ring_send(ring_of(l), length);
    kick_at_times(l);
}

static void send_offload(struct link *l, uint32_t length, uint32_t work)
{
    ring_send_offload(ring_of(l), length, work);
    kick_at_times(l);
}

void ring_link_send_from(struct ring_link *l, uint64_t offset, uint32_t length)
{
    ring_send_from(&l->ring, offset, length);
    kick_at_times(&l->link);
}

void ring_link_send_from_offload(struct ring_link *l, uint64_t offset, uint32_t length,
                                 uint32_t work)
{
    ring_send_from_offload(&l->ring, offset, length, work);
    kick_at_times(&l->link);
}

void ring_link_accept_partial(struct ring_link *l)
{
    l->link.offloads = KINFO->nic_offloads;
    if (l->link.offloads & NIC_RX_CSUM)
        ring_accept_partial(&l->ring);
}

static bool wait(struct link *l, uint64_t deadline)
{
    const slot_t notification = ((struct ring_link *)l)->notification;
    bool woken = true;

    if (ring_sleep(ring_of(l)))
        woken = exo_notify_wait(notification, ~(word_t)0, deadline) == ERR_OK;
    ring_wake(ring_of(l));
    return woken;
}

/* The frame is looked for last: taking a slot, or touching memory for the first time, may take
 * frames too. */
enum err ring_link_open_by(struct ring_link *l, slot_t nic, uint32_t frames)
{
    pfn_t first, frame;
    vaddr_t va = 0;

    *l = (struct ring_link){.link = {.mtu = KINFO->nic_mtu,
                                     .is_up = true,
                                     .offloads = KINFO->nic_offloads & ~NIC_RX_CSUM,
                                     .receive = receive,
                                     .give_back = give_back,
                                     .is_short = is_short,
                                     .room = room,
                                     .send = send,
                                     .send_offload = send_offload,
                                     .flush = flush,
                                     .wait = wait}};
    memcpy(l->link.mac, KINFO->nic_mac, sizeof l->link.mac);
    enum err e = notify_new(&l->notification);
    if (e == ERR_OK)
        e = region_frames(RING_FRAMES + frames, &l->frames, &first);
    if (e == ERR_OK)
        e = vm_map_frames(l->frames, first, RING_FRAMES + frames, &va, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = slot_take(&l->slot);
    if (e)
        return e;
    ring_begin(&l->ring, (void *)va, RING_LINK_BIT);
    ring_be_quiet(&l->ring);
    ring_wake(&l->ring);
    e = region_find(1, &frame);
    return e ? e : exo_ring_create(nic, SLOT_MEMORY, frame, l->frames, l->notification, l->slot);
}

enum err ring_link_open_more(struct ring_link *l, uint32_t frames)
{
    return ring_link_open_by(l, SLOT_NIC, frames);
}

enum err ring_link_open(struct ring_link *l)
{
    return ring_link_open_more(l, 0);
}

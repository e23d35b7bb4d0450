/* Packets that lie ready, sent by a ring or by a card. */
#include "libos-net/direct/outlet.h"

static struct ring_outlet *ring_of(struct outlet *o)
{
    return (struct ring_outlet *)o;
}

static void ring_collect(struct outlet *o)
{
    struct ring_outlet *r = ring_of(o);
    const uint32_t done = __atomic_load_n(&r->link.ring.header->tx_done, __ATOMIC_ACQUIRE);

    for (; r->collected != done; r->collected++) {
        uint32_t **busy = &r->busy[r->collected % RING_SLOTS];
        if (*busy)
            --**busy;
        *busy = NULL;
    }
}

static bool ring_send_from_arena(struct outlet *o, uint32_t at, uint32_t length, uint32_t *busy)
{
    struct ring_outlet *r = ring_of(o);
    struct ring *ring = &r->link.ring;

    if (!o->link->room(o->link))
        return false;
    ring_collect(o); /* the slot is free, so what was in it is */
    r->busy[ring->header->tx_posted % RING_SLOTS] = busy;
    ++*busy;
    ring_link_send_from(&r->link, RING_FRAMES * (uint64_t)PAGE_SIZE + at, length);
    return true;
}

enum err ring_outlet_open(struct ring_outlet *o, uint32_t frames)
{
    *o = (struct ring_outlet){.outlet = {.send_from = ring_send_from_arena,
                                         .collect = ring_collect,
                                         .arena_bytes = frames * (uint32_t)PAGE_SIZE}};
    enum err e = ring_link_open_more(&o->link, frames);
    if (e == ERR_OK)
        ring_link_accept_partial(&o->link);
    o->outlet.link = &o->link.link;
    o->outlet.arena = o->link.ring.memory + RING_FRAMES * PAGE_SIZE;
    return e;
}

static bool card_send_from_arena(struct outlet *o, uint32_t at, uint32_t length, uint32_t *busy)
{
    struct card_outlet *c = (struct card_outlet *)o;
    uint16_t buffer;

    if (!card_take(c->link.pair, &buffer)) {
        o->link->flush(o->link);
        if (!card_take(c->link.pair, &buffer))
            return false;
    }
    card_send_from(c->link.pair, buffer, &c->memory, at, length, busy);
    card_link_sent(&c->link);
    return true;
}

/* The card's packets come back when it is shown some. */
static void card_collect(struct outlet *o)
{
    card_reclaim(((struct card_outlet *)o)->link.pair);
}

enum err card_outlet_open(struct card_outlet *o, struct card *card, uint32_t frames)
{
    *o = (struct card_outlet){.outlet = {.send_from = card_send_from_arena,
                                         .collect = card_collect,
                                         .arena_bytes = frames * (uint32_t)PAGE_SIZE}};
    card_link_open(&o->link, &card->pairs[0]);
    o->outlet.link = &o->link.link;
    enum err e = device_memory_make(&card->device, frames, &o->memory);
    o->outlet.arena = (uint8_t *)o->memory.va;
    return e;
}

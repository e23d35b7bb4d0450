/* A link on a card of one's own. */
#include "libos-net/card_link.h"

#include "libos/string.h"

#define PUSH_AT 32u /* packets that may wait for flush */

_Static_assert(LINK_PACKET_MAX == CARD_PACKET_MAX && LINK_BUFFERS >= CARD_BUFFERS, "cards fit");

static struct card_link *link_of(struct link *l)
{
    return (struct card_link *)l;
}

static bool receive(struct link *l, uint32_t *buffer, uint8_t **packet, uint32_t *length)
{
    uint16_t number;

    if (!card_receive(link_of(l)->pair, &number, length))
        return false;
    *buffer = number;
    if (__builtin_expect(l->offloads & NIC_RX_CSUM, 0))
        l->csum = card_csum(link_of(l)->pair, number);
    *packet = card_packet(link_of(l)->pair, number);
    return true;
}

static void give_back(struct link *l, uint32_t buffer)
{
    card_free(link_of(l)->pair, (uint16_t)buffer);
}

static bool is_short(const struct link *l)
{
    const struct card_pair *pair = ((const struct card_link *)l)->pair;

    return virtqueue_in_flight(&pair->rx) < pair->count / 4;
}

static bool flush(struct link *l)
{
    bool any = link_of(l)->unpushed > 0;

    card_push(link_of(l)->pair);
    link_of(l)->unpushed = 0;
    return any;
}

static uint8_t *room(struct link *l)
{
    struct card_link *c = link_of(l);

    if (!c->has_next)
        c->has_next = card_take(c->pair, &c->next);
    if (!c->has_next) {
        flush(l);
        c->has_next = card_take(c->pair, &c->next);
    }
    return c->has_next ? card_packet(c->pair, c->next) : NULL;
}

static void send(struct link *l, uint32_t length)
{
    struct card_link *c = link_of(l);

    card_send(c->pair, c->next, length);
    c->has_next = false;
    card_link_sent(c);
}

static void send_offload(struct link *l, uint32_t length, uint32_t work)
{
    struct card_link *c = link_of(l);

    card_send_offload(c->pair, c->next, length, work);
    c->has_next = false;
    card_link_sent(c);
}

void card_link_sent(struct card_link *l)
{
    if (++l->unpushed >= PUSH_AT)
        flush(&l->link);
}

static bool wait(struct link *l, uint64_t deadline)
{
    struct card_pair *pair = link_of(l)->pair;
    bool waited = deadline && card_wait(pair, deadline) == ERR_OK;

    l->is_up = pair->is_up;
    return waited;
}

void card_link_open(struct card_link *l, struct card_pair *pair)
{
    *l = (struct card_link){.link = {.mtu = pair->card->mtu,
                                     .is_up = true,
                                     .offloads = pair->card->offloads,
                                     .receive = receive,
                                     .give_back = give_back,
                                     .is_short = is_short,
                                     .room = room,
                                     .send = send,
                                     .send_offload = send_offload,
                                     .flush = flush,
                                     .wait = wait},
                            .pair = pair};
    memcpy(l->link.mac, pair->card->mac, sizeof l->link.mac);
}

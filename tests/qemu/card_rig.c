/* What tests of a card of one's own share. */
#include "tests/qemu/card_rig.h"

#include "libos/clock.h"
#include "libos/string.h"
#include "tests/qemu/rig.h"

#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)

unsigned card_ask(struct card *c, unsigned count)
{
    unsigned asked = 0;
    uint16_t buffer;

    for (; asked < count && card_take(c, &buffer); asked++) {
        rig_question(card_packet(c, buffer), c->mac, RIG_ADDRESS, RIG_GATEWAY);
        card_send(c, buffer, RIG_PACKET);
    }
    card_push(c);
    return asked;
}

/* An ARP reply to this card. */
static bool is_answer(const struct card *c, const uint8_t *p, uint32_t length)
{
    return length >= RIG_PACKET && memcmp(p, c->mac, sizeof c->mac) == 0 && p[12] == 8 &&
           p[13] == 6 && p[21] == 2;
}

unsigned card_hear(struct card *c, unsigned count)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    unsigned heard = 0;
    uint16_t buffer;
    uint32_t length;

    while (heard < count && cpu_ticks() < deadline) {
        while (card_receive(c, &buffer, &length)) {
            heard += is_answer(c, card_packet(c, buffer), length);
            card_free(c, buffer);
        }
        card_push(c);
    }
    return heard;
}

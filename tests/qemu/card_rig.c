/* What tests of a card of one's own share. */
#include "tests/qemu/card_rig.h"

#include "libos/book.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/string.h"
#include "tests/qemu/rig.h"

#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)

uint64_t card_entries(void)
{
    const struct env_counts c = book_env_counts((uint32_t)book_utcb()->env);

    return book_entries(&c) - c.interrupts;
}

bool card_was_silent(struct card *c)
{
    return notify_until(c->device.notification, ~(word_t)0, 0, NULL) == ERR_TIMEOUT;
}

unsigned card_ask(struct card_pair *p, unsigned count)
{
    unsigned asked = 0;
    uint16_t buffer;

    for (; asked < count && card_take(p, &buffer); asked++) {
        rig_question(card_packet(p, buffer), p->card->mac, RIG_ADDRESS, RIG_GATEWAY);
        card_send(p, buffer, RIG_PACKET);
    }
    card_push(p);
    return asked;
}

/* An ARP reply to this card. */
static bool is_answer(const struct card *c, const uint8_t *p, uint32_t length)
{
    return length >= RIG_PACKET && memcmp(p, c->mac, sizeof c->mac) == 0 && p[12] == 8 &&
           p[13] == 6 && p[21] == 2;
}

unsigned card_hear(struct card_pair *p, unsigned count)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    unsigned heard = 0;
    uint16_t buffer;
    uint32_t length;

    while (heard < count && cpu_ticks() < deadline) {
        while (card_receive(p, &buffer, &length)) {
            heard += is_answer(p->card, card_packet(p, buffer), length);
            card_free(p, buffer);
        }
        card_push(p);
    }
    return heard;
}

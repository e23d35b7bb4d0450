/*
 * A UDP echo server on a network card of its own: `udp_echo [ADDRESS]`, 10.0.2.15 when none is
 * given; port 7. It answers ARP and ping, too. No kernel and no stack stand between: packets are
 * answered where the card put them. It polls while packets come, and sleeps when none did for a
 * while.
 */
#include "libos-net/card.h"
#include "libos-net/address.h"
#include "libos-net/answer.h"

#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"

#define ADDRESS    0x0a00020fu
#define PORT       7u
#define IDLE_POLLS 10000u /* looks without a packet before it sleeps */

/* Answers all packets that are there. False: there were none. */
static bool serve(struct card_pair *pair, const struct answer_host *me)
{
    uint16_t buffer;
    uint32_t length;
    bool any = false;

    for (; card_receive(pair, &buffer, &length); any = true) {
        uint32_t answer = answer_make(me, card_packet(pair, buffer), length);
        if (answer)
            card_send(pair, buffer, answer);
        else
            card_free(pair, buffer);
    }
    card_push(pair);
    return any;
}

static enum err serve_for_ever(struct card_pair *pair, const struct answer_host *me)
{
    enum err e = ERR_OK;
    uint32_t idle = 0;

    while (e == ERR_OK) {
        idle = serve(pair, me) ? 0 : idle + 1;
        if (idle == IDLE_POLLS) {
            e = card_wait(pair, DEVICE_FOREVER);
            idle = 0;
        }
    }
    return e;
}

int main(int argc, char **argv)
{
    struct answer_host me = {.port = PORT, .address = ADDRESS};
    static struct card card;

    if (libos_setup())
        return 1;
    if (argc > 1)
        me.address = address_read(argv[1]);
    if (argc > 2 || !me.address) {
        log_error_line("use: udp_echo [ADDRESS]; such as 10.0.2.15");
        return 2;
    }
    if (card_open_any(&card, "udp_echo", 0))
        return 1;
    for (unsigned i = 0; i < sizeof me.mac; i++)
        me.mac[i] = card.mac[i];
    log_line("udp_echo: port %u, on a card of its own", PORT);
    enum err e = serve_for_ever(&card.pairs[0], &me);
    log_error_line("udp_echo: the card ended: %s", error_text(e));
    card_close(&card);
    return 1;
}

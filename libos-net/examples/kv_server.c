/*
 * A key-value store on bare packets: memcached's binary protocol over UDP. `kv_server [PORT]
 * [ADDRESS] [card]`; port 11211 when none is given, address 10.0.2.15. It answers ARP and ping,
 * too. Of an address on the kernel's card only the port is taken; with `card` the whole of a second
 * card is its own.
 */
#include "libos-net/address.h"
#include "libos-net/card_link.h"
#include "libos-net/examples/kv_serve.h"
#include "libos-net/keys.h"
#include "libos-net/ring_link.h"

#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/string.h"

#define ADDRESS    "10.0.2.15"
#define PORT       11211u
#define IDLE_LOOKS 10000u /* at a card, before it sleeps */

static struct kv kv;

static enum err open_link(bool own, uint32_t address, uint16_t port, struct link **l)
{
    static struct card card;
    static struct card_link on_card;
    static struct ring_link on_ring;
    enum err e;

    if (own) {
        *l = &on_card.link;
        e = card_open_any(&card, "kv_server");
        if (e == ERR_OK)
            card_link_open(&on_card, &card.pairs[0]);
        return e;
    }
    *l = &on_ring.link;
    e = ring_link_open(&on_ring);
    return e == ERR_OK ? keys_bind_port(on_ring.slot, address, KEYS_UDP, port) : e;
}

static int fail(const char *what, enum err e)
{
    log_error_line("kv_server: %s: %s", what, error_text(e));
    return 1;
}

int main(int argc, char **argv)
{
    struct link *l = NULL;
    bool own = argc > 1 && !strcmp(argv[argc - 1], "card");
    argc -= own;
    struct answer_host me = {.port = argc > 1 ? address_read_port(argv[1]) : PORT,
                             .address = address_read(argc > 2 ? argv[2] : ADDRESS)};
    enum err e = libos_setup();

    if (e)
        return fail("setting up", e);
    if (!me.port || !me.address || argc > 3) {
        log_error_line("use: kv_server [PORT] [ADDRESS] [card]; such as 11211 10.0.2.15");
        return 2;
    }
    e = open_link(own, me.address, me.port, &l);
    if (e)
        return fail("the network", e);
    memcpy(me.mac, l->mac, sizeof me.mac);
    log_line("kv_server: port %u%s", me.port, own ? ", on a card of its own" : "");
    for (uint32_t looks = 0;; looks++) {
        if (kv_serve(&kv, &me, l))
            looks = 0;
        else if (looks >= (own ? IDLE_LOOKS : 0) && !l->wait(l, DEVICE_FOREVER))
            return fail("the card ended", ERR_BAD_STATE);
    }
}

/*
 * A key-value store on bare packets: memcached's binary protocol over UDP. `kv_server [PORT]
 * [ADDRESS] [card | graft]`; port 11211 when none is given, address 10.0.2.15. It answers ARP and
 * ping, too. Of an address on the kernel's card only the port is taken; with `card` the whole of a
 * second card is its own; with `graft` the kernel answers GETs of what is there, and this program
 * the rest.
 */
#include "libos-net/address.h"
#include "libos-net/card_link.h"
#include "libos-net/examples/kv_kernel.h"
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

enum form { RING, CARD, GRAFT };
static const char *const form_names[] = {"", "card", "graft"};
static const char *const endings[] = {"", ", on a card of its own", ", GETs by the kernel"};

static struct ring_link on_ring; /* unless it is on a card */

/* The last argument, if it says one. */
static enum form form_of(int argc, char **argv)
{
    for (int f = CARD; f <= GRAFT; f++)
        if (argc > 1 && !strcmp(argv[argc - 1], form_names[f]))
            return (enum form)f;
    return RING;
}

static enum err open_table(struct kv **kv, slot_t *map, enum form form)
{
    static struct kv own;

    *kv = &own;
    return form == GRAFT ? kv_kernel_table(kv, map) : ERR_OK;
}

static enum err open_handler(struct kv *kv, slot_t map, const struct answer_host *me, slot_t ring)
{
    struct archive archive;
    enum err e = archive_map(&archive);

    return e == ERR_OK ? kv_kernel_bind(kv, map, me, &archive, ring) : e;
}

static enum err open_link(enum form form, uint32_t address, uint16_t port, struct link **l)
{
    static struct card card;
    static struct card_link on_card;
    enum err e;

    if (form == CARD) {
        *l = &on_card.link;
        e = card_open_any(&card, "kv_server", 0);
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
    const enum form form = form_of(argc, argv);
    struct kv *kv = NULL;
    slot_t map = SLOT_NONE;
    argc -= form != RING;
    struct answer_host me = {.port = argc > 1 ? address_read_port(argv[1]) : PORT,
                             .address = address_read(argc > 2 ? argv[2] : ADDRESS)};
    enum err e = libos_setup();

    if (e)
        return fail("setting up", e);
    if (!me.port || !me.address || argc > 3) {
        log_error_line("use: kv_server [PORT] [ADDRESS] [card | graft]; such as 11211 10.0.2.15");
        return 2;
    }
    e = open_table(&kv, &map, form);
    if (e)
        return fail("memory for the table", e);
    e = open_link(form, me.address, me.port, &l);
    if (e)
        return fail("the network", e);
    memcpy(me.mac, l->mac, sizeof me.mac);
    e = form == GRAFT ? open_handler(kv, map, &me, on_ring.slot) : ERR_OK;
    if (e)
        return fail("the packet handler", e);
    log_line("kv_server: port %u%s", me.port, endings[form]);
    for (uint32_t looks = 0;; looks++) {
        if (kv_serve(kv, &me, l))
            looks = 0;
        else if (looks >= (form == CARD ? IDLE_LOOKS : 0) && !l->wait(l, DEVICE_FOREVER))
            return fail("the card ended", ERR_BAD_STATE);
    }
}

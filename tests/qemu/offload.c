/* Checksums and segments by the card, on a tap in a network of the test's own: what leaves is whole
 * when it arrives, a long packet in segments; what comes without a sum is told of, or completed;
 * and who asks for what cannot be has the damage alone. On a ring of the kernel's card; as `card`
 * on one of one's own. */
#include "exo/abi/kinfo.h"
#include "libos-net/card_link.h"
#include "libos-net/offload.h"
#include "libos-net/ring_link.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/string.h"
#include "tests/qemu/tap.h"

#define PATIENCE    ((uint64_t)5000 * CLOCK_NS_PER_MS)
#define OWN_KIND    0x88b5u
#define REPORT      1u
#define SEND        2u
#define IP          14u
#define AT_TCP      34u /* or UDP */
#define TCP         6u
#define UDP         17u
#define TCP_HEADS   54u
#define LONG        60000u /* bytes of contents */
#define MSS         1460u
#define LONG_FRAMES 17u
#define BEFORE      64u /* of the long packet's memory: a card's header */
#define FIRST       0x1000u
#define ALL         NIC_OFFLOADS

static struct ring_link on_ring;
static struct card card;
static struct card_link on_card;
static struct device_memory card_memory;
static struct link *net;
static uint8_t *long_room;
static bool own; /* the card is */
static uint32_t busy;

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static uint32_t sum(const uint8_t *at, uint32_t bytes, uint32_t from)
{
    for (uint32_t i = 0; i < bytes; i++)
        from += (uint32_t)at[i] << (i % 2 ? 0 : 8);
    while (from >> 16)
        from = (from & 0xffff) + (from >> 16);
    return from;
}

/* A frame of so many bytes of contents, whose sum is missing. Its length. */
static uint32_t lay(uint8_t *p, uint8_t protocol, uint32_t contents)
{
    static const uint8_t ip[20] = {0x45, 0, 0,  0,  0, 0, 0x40, 0,  64, 0,
                                   0,    0, 10, 77, 0, 2, 10,   77, 0,  1};
    const uint32_t heads = protocol == TCP ? 20 : 8;

    memset(p, 0xff, 6);
    memcpy(p + 6, net->mac, 6);
    put16(p + 12, 0x0800);
    memcpy(p + IP, ip, sizeof ip);
    put16(p + IP + 2, 20 + heads + contents);
    p[IP + 9] = protocol;
    put16(p + IP + 10, 0xffff - sum(p + IP, 20, 0));
    memset(p + AT_TCP, 0, heads);
    put16(p + AT_TCP, 7);
    put16(p + AT_TCP + 2, 7);
    put16(p + AT_TCP + 4, protocol == TCP ? 0 : heads + contents);
    if (protocol == TCP) {
        put16(p + AT_TCP + 6, FIRST);
        p[AT_TCP + 12] = 5 << 4;
        p[AT_TCP + 13] = 0x10;
    }
    for (uint32_t i = 0; i < contents; i++)
        p[AT_TCP + heads + i] = (uint8_t)((FIRST + i) * 7 + ((FIRST + i) >> 8));
    return AT_TCP + heads + contents;
}

static void send_long(uint32_t length, uint32_t work)
{
    uint16_t buffer;

    if (!own) {
        net->room(net);
        ring_link_send_from_offload(&on_ring, RING_FRAMES * PAGE_SIZE + BEFORE, length, work);
        return;
    }
    if (card_take(on_card.pair, &buffer))
        card_send_from_offload(on_card.pair, buffer, &card_memory, BEFORE, length, work, &busy);
    card_link_sent(&on_card);
}

/* What came of TCP and UDP since the last time, as the other side judges it. */
struct report {
    uint32_t good, bad, contents, longest;
};

/* Of packets received: by kind, how the card or the kernel has marked them, and whether their sums
 * are whole. */
static struct heard {
    uint32_t partial, valid, unmarked, whole, halves;
} heard;

static void hear(const uint8_t *p, uint32_t length)
{
    if (get16(p + 12) != 0x0800 || length < AT_TCP + 20 || (p[IP + 9] != TCP && p[IP + 9] != UDP))
        return;
    const uint32_t bytes = get16(p + IP + 2) - 20;
    const uint32_t half = sum(p + IP + 12, 8, p[IP + 9] + bytes);
    const uint8_t *field = p + AT_TCP + (p[IP + 9] == TCP ? 16 : 6);

    heard.partial += net->csum == CSUM_PARTIAL;
    heard.valid += net->csum == CSUM_VALID;
    heard.unmarked += net->csum == 0;
    heard.whole += sum(p + AT_TCP, bytes, half) == 0xffff;
    heard.halves += get16(field) == half;
}

/* Asks for something, and takes what comes until the answer. */
static bool ask(uint32_t what, struct report *report)
{
    static uint8_t number;
    const uint64_t limit = clock_deadline(PATIENCE);
    uint32_t buffer, length;
    uint8_t *p = net->room(net);
    bool answered = false;

    memset(p, 0, 60);
    memset(p, 0xff, 6);
    memcpy(p + 6, net->mac, 6);
    put16(p + 12, OWN_KIND);
    p[14] = (uint8_t)what;
    p[15] = ++number;
    net->send(net, 60);
    net->flush(net);
    while (!answered && cpu_ticks() < limit) {
        while (net->receive(net, &buffer, &p, &length)) {
            hear(p, length);
            answered |= get16(p + 12) == OWN_KIND && p[14] == what && p[15] == number;
            if (answered && report)
                *report =
                    (struct report){get32(p + 16), get32(p + 20), get32(p + 24), get32(p + 28)};
            net->give_back(net, buffer);
        }
        net->wait(net, clock_deadline(CLOCK_NS_PER_MS));
    }
    return answered;
}

static struct report ask_report(void)
{
    struct report r = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};

    ask(REPORT, &r);
    return r;
}

/* Sends a short packet, with work that the library finds. */
static void send_short(uint8_t protocol, uint32_t contents)
{
    uint8_t *p = net->room(net);
    const uint32_t length = lay(p, protocol, contents);
    const uint32_t work = offload_begin(p, length);

    net->send_offload(net, length, work);
}

static void test_sums(void)
{
    uint8_t *p;
    uint32_t length;

    ask_report();
    for (uint32_t i = 0; i < 50; i++) {
        send_short(UDP, i * 29);
        net->flush(net);
    }
    struct report r = ask_report();
    tap_ok(r.good == 50 && r.bad == 0,
           "50 datagrams of 0 to 1,421 bytes get their sums from the card");
    for (uint32_t i = 1; i <= 5; i++) {
        send_short(TCP, i * 292);
        r = ask_report();
        if (r.good != 1 || r.bad || r.contents != i * 292)
            break;
    }
    tap_ok(r.good == 1 && r.contents == 1460, "so do segments of TCP, up to the longest");
    p = net->room(net);
    length = lay(p, UDP, 100);
    put16(p + AT_TCP + 6, 0xffff - sum(p + AT_TCP, 108, sum(p + IP + 12, 8, UDP + 108)));
    net->send(net, length);
    p = net->room(net);
    net->send(net, lay(p, UDP, 100));
    r = ask_report();
    tap_ok(r.good == 1 && r.bad == 1, "without work a packet is as it was, whole or not");
}

static void test_segments(void)
{
    const uint32_t length = lay(long_room, TCP, LONG);
    const uint32_t work = offload_begin(long_room, length);
    struct report r;

    tap_is(work, CSUM_OFFLOAD(AT_TCP, 16),
           "the library leaves the sum of 60,000 bytes to the card");
    send_long(length, work | TSO_OFFLOAD(MSS));
    r = ask_report();
    tap_is(r.good, (LONG + MSS - 1) / MSS,
           "60,000 bytes arrive in 42 segments, each with its sums");
    tap_ok(r.bad == 0 && r.contents == LONG, "in order and whole");
    tap_is(r.longest, TCP_HEADS + MSS, "none longer than the link takes");
    send_long(length, work | TSO_OFFLOAD(536));
    send_short(TCP, 100);
    r = ask_report();
    tap_ok(r.contents == LONG + 100 && r.longest == TCP_HEADS + 536, "and shorter ones if asked");
}

static uint32_t state_of_last(void)
{
    const volatile struct ring_header *h = on_ring.ring.header;

    return h->tx[(h->tx_posted - 1) % RING_SLOTS].state;
}

/* Work that the kernel refuses: what the card would change is what was judged, or lies outside. */
static void test_refusals(void)
{
    static const struct {
        const char *what;
        uint32_t length, work;
    } rows[] = {
        {"a sum in place of the sender's address", 200, CSUM_OFFLOAD(IP, 12)},
        {"a sum in place of the ports", 200, CSUM_OFFLOAD(AT_TCP, 2)},
        {"a sum behind the packet", 200, CSUM_OFFLOAD(190, 10)},
        {"a sum that begins in the Ethernet header", 200, CSUM_OFFLOAD(12, 30)},
        {"segments of no bytes", 60054, CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(0)},
        {"segments of one byte", 60054, CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(1)},
        {"segments that no link takes", 60054, CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(1461)},
        {"a giant's length", TSO_PACKET_MAX + 1, CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(MSS)},
        {"a length beyond the ring", UINT32_MAX, CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(MSS)},
        {"segments without a sum", 60054, TSO_OFFLOAD(MSS)},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lay(long_room, TCP, LONG);
        send_long(rows[i].length, rows[i].work);
        net->flush(net);
        tap_is(state_of_last(), RING_BAD, rows[i].what);
    }
}

/* What damages the own packets only. */
static void test_own_damage(void)
{
    static const uint32_t works[] = {CSUM_OFFLOAD(AT_TCP, 30), CSUM_OFFLOAD(200, 0),
                                     CSUM_OFFLOAD(60, 16),
                                     CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(64)};

    for (unsigned i = 0; i < sizeof works / sizeof works[0]; i++) {
        uint8_t *p = net->room(net);
        net->send_offload(net, lay(p, TCP, 900), works[i]);
    }
    if (own) { /* nobody judges them: they are the card's to drop */
        static const uint32_t lies[] = {CSUM_OFFLOAD(255, 30), CSUM_OFFLOAD(0, 0),
                                        CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(1),
                                        CSUM_OFFLOAD(AT_TCP, 16) | TSO_OFFLOAD(UINT16_MAX)};
        for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            uint8_t *p = net->room(net);
            net->send_offload(net, lay(p, TCP, 100), lies[i]);
        }
    }
    ask_report();
    send_short(TCP, 1000);
    const struct report r = ask_report();
    tap_ok(r.good == 1 && r.bad == 0, "who gets sums in wrong places has the damage alone");
}

/* Four packets: TCP and UDP, without and with their sums. */
static void test_reception(bool accepts, const char *what)
{
    heard = (struct heard){0};
    tap_ok(ask(SEND, NULL), what);
    if (accepts) {
        tap_ok(heard.partial == 2 && heard.halves == 2, "two of four are marked, and have no sum");
        tap_is(heard.whole, 2, "the two others are whole");
    } else {
        tap_ok(heard.whole == 4 && heard.halves == 0, "all four have their sums");
        tap_is(heard.partial, 0, "and none is marked as without");
    }
}

static bool open_ring(bool accepts)
{
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    enum err e = ring_link_open_more(&on_ring, LONG_FRAMES);

    if (e == ERR_OK && accepts)
        ring_link_accept_partial(&on_ring);
    if (e == ERR_OK)
        e = exo_ring_keys(on_ring.slot, (vaddr_t)&all, 1);
    net = &on_ring.link;
    long_room = on_ring.ring.memory + RING_FRAMES * PAGE_SIZE + BEFORE;
    tap_is(KINFO->nic_offloads, ALL, "the kernel's card has all offloads");
    return tap_is(e, ERR_OK,
                  accepts ? "a ring that takes packets without sums" : "a ring that does not");
}

static bool open_card(bool accepts)
{
    uint32_t function = 0;
    enum err e = virtio_pci_find(VIRTIO_NET, 0, &function);

    if (e == ERR_OK)
        e = card_open_accepting(&card, SLOT_PCI, function, 1, accepts ? NIC_RX_CSUM : 0);
    if (e == ERR_OK)
        card_link_open(&on_card, &card.pairs[0]);
    if (e == ERR_OK)
        e = device_memory_make(&card.device, LONG_FRAMES, &card_memory);
    net = &on_card.link;
    long_room = (uint8_t *)card_memory.va + BEFORE;
    tap_is(card.offloads, accepts ? ALL : ALL & ~NIC_RX_CSUM,
           "the card has all offloads that are wanted");
    return tap_is(e, ERR_OK,
                  accepts ? "a card that is asked for packets without sums" : "one that is not");
}

static void close_link(void)
{
    if (!own) {
        exo_cap_delete(on_ring.slot);
        return;
    }
    card_close(&card);
    device_memory_free(&card_memory);
}

int main(int argc, char **argv)
{
    own = argc > 1 && !strcmp(argv[1], "card");
    if (libos_setup() || !(own ? open_card(true) : open_ring(true)))
        return tap_done();
    test_sums();
    test_segments();
    if (!own)
        test_refusals();
    test_own_damage();
    test_reception(true, "packets come, some without a sum");
    close_link();
    if (!(own ? open_card(false) : open_ring(false)))
        return tap_done();
    test_reception(false, "they come to who does not know of that");
    close_link();
    return tap_done();
}

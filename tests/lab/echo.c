/*
 * A UDP echo by both forms of a network card, per packet, 16 in flight: on a card of one's own
 * (udp.echo.dedicated) and on a ring of the kernel's card (udp.echo.ring). The two cards are on one
 * wire, and each serves as the other's client; what the client does is not counted.
 *
 * The dedicated form is counted from the first look at packets that are there to the bell. The
 * kernel's card, which is the client there, may interrupt meanwhile. In the shared form the kernel
 * works whenever the card interrupts, so that is counted from the client's bell until it has the
 * answers; from it is taken what was spent waiting, which is counted by loops. What the card says
 * of the answers the kernel takes in the next round. How many interrupts the card needs for its
 * packets is its own business: a handler's rounds count when there was one.
 */
#include "exo/abi/graft.h"
#include "libos-net/card.h"
#include "libos-net/answer.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/lab/graft_object.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/lab.h"
#include "tests/lab/load.h"
#include "tests/lab/wait.h"
#include "tests/lab/wire.h"

#define IN_FLIGHT    16u
#define ANSWERS      8u /* in flight where a graft answers: it has room for so many */
#define LINGER       2000u
#define PACKET_BYTES 60u /* 18 of data: the shortest there are */
#define HEAD_BYTES   42u /* without them                           */
#define PROTOCOL_AT  23u /* in a packet */
#define PORT_AT      36u
#define IP_TCP       6u
#define IP_UDP       17u
#define HTTP_PORT    80u
#define CARD_ADDRESS 0x0a000210u
#define AGAIN_MOST   20000u    /* rounds that are not counted */
#define PATIENCE     10000000u /* looks at a counter */

/* What is waited for. */
#define SENT    "udp.echo: packets from the ring"
#define ARRIVED "udp.echo: packets to the ring"

static struct card card;
static struct card_pair *const pair = &card.pairs[0];
static struct rig rig;
static struct answer_host card_host = {.port = 7, .address = CARD_ADDRESS};
static struct answer_host ring_host = {.port = 7, .address = RIG_ADDRESS};
static uint8_t to_card[PACKET_BYTES], to_ring[IN_FLIGHT][WIRE_PACKET];
static struct lab_series series;
static struct archive archive;
static uint64_t empty; /* what a round costs that does nothing */

/* A datagram of 18 bytes of zeroes from port 4660 of one to the echo port of the other. */
static void make_packet(uint8_t *p, const struct answer_host *from, const struct answer_host *to)
{
    static const uint8_t head[] = {8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};
    static const uint8_t ports[] = {0x12, 0x34, 0, 7, 0, 26};
    uint32_t sum = 0;

    memcpy(p, to->mac, 6);
    memcpy(p + 6, from->mac, 6);
    memcpy(p + 12, head, sizeof head);
    for (unsigned i = 0; i < 4; i++) {
        p[26 + i] = (uint8_t)(from->address >> (24 - 8 * i));
        p[30 + i] = (uint8_t)(to->address >> (24 - 8 * i));
    }
    memcpy(p + 34, ports, sizeof ports);
    for (unsigned i = 14; i < 34; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    sum = ~((sum & 0xffff) + (sum >> 16));
    p[24] = (uint8_t)(sum >> 8);
    p[25] = (uint8_t)sum;
}

uint64_t wire_wait(const volatile uint32_t *counter, uint32_t want, const char *what)
{
    uint64_t loops = wait_loops(counter, want, card.pci.common + VIRTIO_AT_STATUS, PATIENCE);

    if (loops > PATIENCE)
        lab_fail(what, ERR_TIMEOUT);
    return loops * WAIT_LOOP;
}

/* Until so many packets have come to the card. */
static uint64_t wait_for_card(uint16_t want)
{
    uint64_t loops =
        wait_used(&pair->rx.used->index, want, card.pci.common + VIRTIO_AT_STATUS, PATIENCE);

    if (loops > PATIENCE)
        lab_fail(SENT, ERR_TIMEOUT);
    return loops * WAIT_LOOP;
}

/* Waits until the device has finished with all but `left` of what a queue of the card was given. */
static void wait_for_queue(const struct virtqueue *q, uint16_t left)
{
    const char *what =
        q == &pair->rx ? "udp.echo: packets for the card" : "udp.echo: packets from it";

    for (uint64_t i = 0; (uint16_t)(q->offered - q->used->index) > left; i++)
        if (virtio_pci_is_broken(&card.pci) || i > PATIENCE)
            lab_fail(what, ERR_TIMEOUT);
}

/* The ring's packets so far are sent, and `count` more have come to it; they are dropped. */
static void settle_ring(uint32_t count)
{
    const volatile struct ring_header *h = rig.ring.header;
    uint32_t buffer, length;

    for (uint64_t i = 0; h->tx_done != h->tx_posted; i++)
        if (exo_ring_kick(rig.slot) || i > PATIENCE)
            lab_fail(SENT, ERR_TIMEOUT);
    wire_wait(&h->rx_done, rig.ring.rx_taken + count, ARRIVED);
    while (ring_receive(&rig.ring, &buffer, &length))
        ring_rx_free(&rig.ring, buffer);
}

/* Client of the card: 16 packets lie in its memory, and all is quiet. The ring has got `answers`
 * before. */
static void ring_asks(uint32_t answers)
{
    settle_ring(answers);
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        memcpy(ring_send_buffer(&rig.ring), to_card, PACKET_BYTES);
        ring_send(&rig.ring, PACKET_BYTES);
    }
    exo_ring_kick(rig.slot);
    wait_for_queue(&pair->rx, (uint16_t)(virtqueue_in_flight(&pair->rx) - IN_FLIGHT));
    wait_for_queue(&pair->tx, 0);
    settle_ring(0);
}

/* What libos-net/examples/udp_echo.c does. */
static void card_answers(void)
{
    uint16_t buffer;
    uint32_t length;

    while (card_receive(pair, &buffer, &length)) {
        uint32_t answer = answer_make(&card_host, card_packet(pair, buffer), length);
        if (answer)
            card_send(pair, buffer, answer);
        else
            card_free(pair, buffer);
    }
    card_push(pair);
}

/* The same on the ring. */
static void ring_answers(void)
{
    uint32_t buffer, length;

    while (ring_receive(&rig.ring, &buffer, &length)) {
        uint8_t *packet = ring_rx_memory(&rig.ring, buffer);
        uint32_t answer = answer_make(&ring_host, packet, length);
        if (answer) {
            memcpy(ring_send_buffer(&rig.ring), packet, answer);
            ring_send(&rig.ring, answer);
        }
        ring_rx_free(&rig.ring, buffer);
    }
    exo_ring_kick(rig.slot);
}

void wire_lay(const uint8_t *packets, uint32_t bytes, uint32_t count)
{
    uint16_t buffer;

    wait_for_queue(&pair->tx, 0);
    card_push(pair);
    for (uint32_t i = 0; i < count; i++) {
        card_take(pair, &buffer);
        memcpy(card_packet(pair, buffer), packets + (size_t)i * WIRE_PACKET, bytes);
        card_send(pair, buffer, bytes);
    }
}

void wire_lay_one(void)
{
    wire_lay(to_ring[0], PACKET_BYTES, 1);
}

void wire_turn(void)
{
    (void)virtio_pci_is_broken(&card.pci);
}

bool wire_take(void)
{
    uint16_t buffer;
    uint32_t length;

    if (!card_receive(pair, &buffer, &length))
        return false;
    card_free(pair, buffer);
    return true;
}

bool wire_answer(void)
{
    const uint32_t before = rig.ring.rx_taken;

    ring_answers();
    return rig.ring.rx_taken != before;
}

void wire_push(void)
{
    virtqueue_push(&pair->tx);
}

void wire_head(uint8_t *packet)
{
    memcpy(packet, to_ring[0], HEAD_BYTES);
}

/* The card takes so many answers back, and lays new questions ready. */
static void card_prepares(uint32_t answers, uint32_t questions)
{
    uint16_t buffer;
    uint32_t length;

    wait_for_queue(&pair->rx, (uint16_t)(virtqueue_in_flight(&pair->rx) - answers));
    wait_for_queue(&pair->tx, 0);
    while (card_receive(pair, &buffer, &length))
        card_free(pair, buffer);
    wire_lay(to_ring[0], PACKET_BYTES, questions);
}

/* A round in which the client's card interrupted for an answer is run again. */
static void measure_card(void)
{
    uint32_t again = 0;

    ring_asks(0);
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS && again < AGAIN_MOST;) {
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        card_answers();
        uint64_t ticks = lab_stamp() - begin;
        bool quiet = lab_counters().entries == before.entries;
        if (quiet)
            lab_keep(&series, i++, ticks, before);
        again += !quiet;
        ring_asks(IN_FLIGHT);
    }
    if (again == AGAIN_MOST)
        lab_fail("udp.echo.dedicated", ERR_TIMEOUT);
}

static void measure_ring(void)
{
    const volatile struct ring_header *h = rig.ring.header;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        card_prepares(i ? IN_FLIGHT : 0, IN_FLIGHT);
        const uint16_t came = pair->rx.used->index;
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp(), waited = 0;
        virtqueue_push(&pair->tx);
        waited += wire_wait(&h->rx_done, rig.ring.rx_taken + IN_FLIGHT, ARRIVED);
        ring_answers();
        waited += wait_for_card((uint16_t)(came + IN_FLIGHT));
        lab_keep(&series, i, lab_stamp() - begin - waited, before);
    }
}

/* The ring receives, and nobody answers; a round with another interrupt is run again. */
static void measure_receiving(void)
{
    const volatile struct ring_header *h = rig.ring.header;
    uint32_t again = 0;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS && again < AGAIN_MOST;) {
        card_prepares(0, IN_FLIGHT);
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        virtqueue_push(&pair->tx);
        uint64_t waited = wire_wait(&h->rx_done, rig.ring.rx_taken + IN_FLIGHT, ARRIVED);
        uint64_t ticks = lab_stamp() - begin - waited;
        bool quiet = lab_counters().entries == before.entries + 1;
        if (quiet)
            lab_keep(&series, i++, ticks, before);
        again += !quiet;
        settle_ring(IN_FLIGHT);
    }
    if (again == AGAIN_MOST)
        lab_fail("udp.receive", ERR_TIMEOUT);
}

/* What a graft adds to a packet that it lets through. */
static void with_graft(const char *key, slot_t graft, uint32_t hook, uint64_t bare)
{
    lab_bind(key, graft, rig.slot, hook);
    measure_receiving();
    lab_report(key, &series, bare, IN_FLIGHT, IN_FLIGHT);
    lab_bind(key, SLOT_NONE, rig.slot, hook);
    slot_delete(graft);
}

/* As if they were for a web server; what its filter would not take never comes. */
static void make_segments(uint8_t protocol, uint16_t port)
{
    for (uint32_t i = 0; i < IN_FLIGHT; i++) {
        to_ring[i][PROTOCOL_AT] = protocol;
        to_ring[i][PORT_AT] = (uint8_t)(port >> 8);
        to_ring[i][PORT_AT + 1] = (uint8_t)port;
    }
}

static void measure_grafts(void)
{
    measure_receiving();
    const uint64_t bare = lab_median(&series);
    with_graft("graft.empty.packet_filter", lab_constant(GRAFT_HOOK_PACKET_FILTER, 1),
               GRAFT_HOOK_PACKET_FILTER, bare);
    with_graft("graft.filter.udp",
               lab_graft(&archive, ".exo4/filter_udp.o", GRAFT_HOOK_PACKET_FILTER, SLOT_NONE),
               GRAFT_HOOK_PACKET_FILTER, bare);
    make_segments(IP_TCP, HTTP_PORT);
    with_graft("graft.filter.http",
               lab_graft(&archive, ".exo4/filter_http.o", GRAFT_HOOK_PACKET_FILTER, SLOT_NONE),
               GRAFT_HOOK_PACKET_FILTER, bare);
    make_segments(IP_UDP, ring_host.port);
    with_graft("graft.empty.packet_handler", lab_constant(GRAFT_HOOK_PACKET_HANDLER, GRAFT_PASS),
               GRAFT_HOOK_PACKET_HANDLER, bare);
}

/* What a filter with a program of its own adds: one, and one of a thousand. */
static void measure_programs(void)
{
    measure_receiving();
    const uint64_t bare = lab_median(&series);

    lab_programs_begin(&rig, ring_host.port);
    measure_receiving();
    lab_report("graft.filters.programs.1", &series, bare, IN_FLIGHT, IN_FLIGHT);
    lab_programs_many();
    measure_receiving();
    lab_report("graft.filters.programs.1000", &series, bare, IN_FLIGHT, IN_FLIGHT);
}

/*
 * A handler answers. What the card says of the answers is taken with the packets of the next round:
 * a round counts when one interrupt brought all. What is waited for is
 * settled before the bell, because the packets may be there before the next instruction.
 */
static void measure_handler(void)
{
    static const char key[] = "udp.echo.graft";
    slot_t graft =
        lab_graft(&archive, ".exo4/handler_echo.o", GRAFT_HOOK_PACKET_HANDLER, SLOT_NONE);
    const volatile uint32_t *count = lab_handled();
    uint32_t again = 0;

    lab_bind(key, graft, rig.slot, GRAFT_HOOK_PACKET_HANDLER);
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS && again < AGAIN_MOST;) {
        card_prepares(i + again ? ANSWERS : 0, ANSWERS);
        const uint32_t want = *count + ANSWERS;
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        virtqueue_push(&pair->tx);
        uint64_t waited = wire_wait(count, want, ARRIVED);
        waited +=
            wait_loops(count, want + 1, card.pci.common + VIRTIO_AT_STATUS, LINGER) * WAIT_LOOP;
        uint64_t ticks = lab_stamp() - begin - waited;
        bool usual = lab_counters().entries == before.entries + 1;
        if (usual)
            lab_keep(&series, i++, ticks, before);
        again += !usual;
    }
    if (again == AGAIN_MOST)
        lab_fail(key, ERR_TIMEOUT);
    card_prepares(ANSWERS, 0);
    lab_report(key, &series, empty, ANSWERS, ANSWERS);
    lab_bind(key, SLOT_NONE, rig.slot, GRAFT_HOOK_PACKET_HANDLER);
    slot_delete(graft);
}

static void open_both(void)
{
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    uint32_t function = 0;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = virtio_pci_find(VIRTIO_NET, 0, &function);
    if (e == ERR_OK)
        e = card_open(&card, SLOT_PCI, function);
    if (e == ERR_OK) {
        rig_prepare(&rig);
        e = rig_create(&rig);
    }
    if (e == ERR_OK)
        e = exo_ring_keys(rig.slot, (vaddr_t)&all, 1);
    if (e)
        lab_fail("udp.echo", e);
    ring_be_quiet(&rig.ring);
    memcpy(card_host.mac, card.mac, sizeof card.mac);
    memcpy(ring_host.mac, KINFO->nic_mac, sizeof ring_host.mac);
    make_packet(to_card, &ring_host, &card_host);
    for (uint32_t i = 0; i < IN_FLIGHT; i++)
        make_packet(to_ring[i], &card_host, &ring_host);
}

static void measure_own(void)
{
    measure_card();
    lab_report("udp.echo.dedicated", &series, empty, IN_FLIGHT, IN_FLIGHT);
    card_answers(); /* to the last questions */
    settle_ring(IN_FLIGHT);
}

static void measure_shared(void)
{
    measure_ring();
    lab_report("udp.echo.ring", &series, empty, IN_FLIGHT, IN_FLIGHT);
    card_prepares(IN_FLIGHT, 0);
}

static void measure_keys(void)
{
    lab_keys(&rig, empty);
}

static void measure_contents(void)
{
    lab_contents(&archive, rig.slot);
}

static void measure_load(void)
{
    lab_load(&archive, &rig);
}

static const struct group {
    const char *name;
    void (*run)(void);
    bool alone; /* in a boot of its own */
} groups[] = {{"card", measure_own, false},          {"ring", measure_shared, false},
              {"handler", measure_handler, false},   {"filters", measure_grafts, false},
              {"contents", measure_contents, false}, {"programs", measure_programs, false},
              {"keys", measure_keys, false},         {"load", measure_load, true}};

static bool is_wanted(const struct group *g, const char *name)
{
    return name ? !strcmp(name, g->name) : !g->alone;
}

/* All, or the one that is named. */
int main(int argc, char **argv)
{
    empty = lab_empty();
    open_both();
    if (archive_map(&archive))
        lab_fail("udp.echo", ERR_BAD_STATE);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (is_wanted(&groups[i], argc > 1 ? argv[1] : NULL)) {
            log_line("group %s", groups[i].name);
            groups[i].run();
        }
    log_line("end");
    return 0;
}

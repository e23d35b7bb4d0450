/* What tests of a card of several pairs share. */
#include "tests/qemu/queues_rig.h"

#include "libos/clock.h"
#include "libos/string.h"
#include "libos/thread.h"

#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)

#define AT_KIND   12u /* of an Ethernet frame */
#define AT_OWN    14u /* of the peer's own kind: flows, packets, first port, number */
#define AT_FROM   34u /* of a datagram: its ports */
#define AT_TO     36u
#define AT_NUMBER 42u /* of the round, and of the packet in its flow */
#define AT_COUNT  44u
#define OWN_KIND  0x88b5u
#define IPV4      0x0800u
#define DATAGRAM  46u
#define REQUEST   60u

/* Each is written by who serves the pair, or, while nothing is under way, by the main thread. */
static struct pair_notes {
    uint16_t packets[FLOWS_MAX];
    uint32_t disorder, heard, ends, bounced;
    bool rests, resting;     /* it is to; its server has seen that */
    uint8_t wanted[REQUEST]; /* a packet to send, of `wanted_length` bytes */
    uint32_t wanted_length;
} notes[FLOWS_PAIRS];

static struct card *card;
static uint16_t round, flow_count, each;
static struct thread second;
static volatile bool over;

static uint16_t word_at(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_word(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put_head(uint8_t *packet, const uint8_t mac[6], unsigned kind)
{
    memset(packet, 0, REQUEST);
    memset(packet, 0xff, 6);
    memcpy(packet + 6, mac, 6);
    put_word(packet + AT_KIND, kind);
}

uint32_t flows_request(uint8_t *packet, const uint8_t mac[6], uint16_t flows, uint16_t packets,
                       uint16_t number)
{
    put_head(packet, mac, OWN_KIND);
    put_word(packet + AT_OWN, flows);
    put_word(packet + AT_OWN + 2, packets);
    put_word(packet + AT_OWN + 4, FLOWS_FIRST_PORT);
    put_word(packet + AT_OWN + 6, number);
    return REQUEST;
}

uint32_t flows_datagram(uint8_t *packet, const uint8_t mac[6], uint16_t port)
{
    static const uint8_t ip[20] = {
        0x45, 0, 0, DATAGRAM - 14, 0, 0, 0, 0, 64, 17, 0x65, 0x2d, 10, 77, 0, 2, 10, 77, 0, 1};

    put_head(packet, mac, IPV4);
    memcpy(packet + 14, ip, sizeof ip);
    put_word(packet + AT_FROM, port);
    put_word(packet + AT_TO, FLOWS_PORT);
    put_word(packet + 38, DATAGRAM - AT_FROM);
    return DATAGRAM;
}

/* A packet of a round, the round's end, or a datagram of this test's that came back. */
static void note(struct pair_notes *n, const uint8_t *packet, uint32_t length)
{
    unsigned flow = word_at(packet + AT_FROM) - FLOWS_FIRST_PORT;

    if (word_at(packet + AT_KIND) == OWN_KIND) {
        n->ends += word_at(packet + AT_OWN + 6) == round;
        return;
    }
    if (length < DATAGRAM || word_at(packet + AT_KIND) != IPV4)
        return;
    if (word_at(packet + AT_FROM) == FLOWS_PORT) {
        n->bounced = word_at(packet + AT_TO);
        return;
    }
    if (flow >= FLOWS_MAX)
        return;
    n->disorder +=
        word_at(packet + AT_NUMBER) != round || word_at(packet + AT_COUNT) != n->packets[flow];
    n->packets[flow]++;
    __atomic_store_n(&n->heard, n->heard + 1, __ATOMIC_RELEASE);
}

static void serve(struct card_pair *p)
{
    struct pair_notes *n = &notes[p->number];
    uint32_t length = __atomic_load_n(&n->wanted_length, __ATOMIC_ACQUIRE);
    uint16_t buffer;

    if (length && card_take(p, &buffer)) {
        memcpy(card_packet(p, buffer), n->wanted, length);
        card_send(p, buffer, length);
        n->wanted_length = 0;
    }
    bool rests = __atomic_load_n(&n->rests, __ATOMIC_ACQUIRE);
    __atomic_store_n(&n->resting, rests, __ATOMIC_RELEASE);
    if (!rests)
        while (card_receive(p, &buffer, &length)) {
            note(n, card_packet(p, buffer), length);
            card_free(p, buffer);
        }
    card_push(p);
}

/* Those of CPU number `cpu`. */
static void serve_cpu(uint32_t cpu)
{
    for (uint32_t i = cpu; i < FLOWS_PAIRS; i += KINFO->cpu_count)
        serve(&card->pairs[i]);
}

static void serve_second(void *argument)
{
    (void)argument;
    while (!over)
        serve_cpu(1);
}

void flows_begin(struct card *c)
{
    card = c;
    over = false;
    memset(notes, 0, sizeof notes);
    if (KINFO->cpu_count > 1)
        thread_run(&second, serve_second, NULL, 1, THREAD_PRIORITY);
}

void flows_end(void)
{
    over = true;
    if (KINFO->cpu_count > 1)
        thread_join(&second);
}

/* Has the server of pair `by` send what stands in its notes. */
static void send(unsigned by, uint32_t length)
{
    __atomic_store_n(&notes[by].wanted_length, length, __ATOMIC_RELEASE);
}

void flows_ask(unsigned by, uint16_t flows, uint16_t packets)
{
    for (unsigned i = 0; i < FLOWS_PAIRS; i++) {
        memset(notes[i].packets, 0, sizeof notes[i].packets);
        notes[i].disorder = notes[i].heard = notes[i].ends = 0;
    }
    round++;
    flow_count = flows;
    each = packets;
    send(by, flows_request(notes[by].wanted, card->mac, flows, packets, round));
}

void flows_rest(unsigned pair, bool rests)
{
    __atomic_store_n(&notes[pair].rests, rests, __ATOMIC_RELEASE);
    while (__atomic_load_n(&notes[pair].resting, __ATOMIC_ACQUIRE) != rests)
        serve_cpu(0);
}

uint32_t flows_heard(unsigned pair)
{
    return __atomic_load_n(&notes[pair].heard, __ATOMIC_ACQUIRE);
}

bool flows_ended(unsigned pair)
{
    return __atomic_load_n(&notes[pair].ends, __ATOMIC_ACQUIRE) > 0;
}

static bool all_is_here(uint32_t packets)
{
    uint32_t heard = 0;
    bool ended = false;

    for (unsigned i = 0; i < FLOWS_PAIRS; i++) {
        heard += flows_heard(i);
        ended |= flows_ended(i);
    }
    return heard >= packets && ended;
}

void flows_serve(void)
{
    serve_cpu(0);
}

void flows_hear(uint32_t packets)
{
    const uint64_t deadline = clock_deadline(PATIENCE);

    while (!all_is_here(packets) && cpu_ticks() < deadline)
        serve_cpu(0);
}

void flows_round(unsigned by, uint16_t flows, uint16_t packets)
{
    flows_ask(by, flows, packets);
    flows_hear((uint32_t)flows * packets);
}

unsigned flows_wrong(const uint16_t *pairs)
{
    unsigned wrong = 0;

    for (unsigned flow = 0; flow < flow_count; flow++)
        for (unsigned i = 0; i < FLOWS_PAIRS; i++)
            wrong += notes[i].packets[flow] != (i == pairs[flow] ? each : 0);
    for (unsigned i = 0; i < FLOWS_PAIRS; i++)
        wrong += notes[i].disorder;
    return wrong;
}

unsigned flows_bounce(unsigned by, uint16_t port)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    unsigned back = FLOWS_PAIRS;

    send(by, flows_datagram(notes[by].wanted, card->mac, port));
    while (back == FLOWS_PAIRS && cpu_ticks() < deadline) {
        serve_cpu(0);
        for (unsigned i = 0; i < FLOWS_PAIRS; i++)
            if (__atomic_load_n(&notes[i].bounced, __ATOMIC_ACQUIRE) == port)
                back = i;
    }
    return back;
}

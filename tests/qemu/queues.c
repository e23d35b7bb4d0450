/* A card of several pairs, steered: each packet of many flows comes by the pair that hash and table
 * name, in order, without an entry into the kernel; the table can be changed; who waits for a pair
 * is woken by that one alone; and a pair that is not served harms no other for good. */
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/thread.h"
#include "tests/qemu/card_rig.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/queues_rig.h"
#include "tests/qemu/tap.h"

#define FLOWS    64u
#define PACKETS  8u /* of each flow, in a round */
#define ROUNDS   4u
#define TABLE    128u
#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)
#define MANY     120u /* of each of four flows: more than a pair has buffers */

static struct card card;
static uint16_t table[TABLE];
static struct card_steering steering = {.hash_types = VIRTIO_NET_HASH_IPV4 | VIRTIO_NET_HASH_UDP4,
                                        .table_length = TABLE,
                                        .key_bytes = RSS_KEY_BYTES,
                                        .key = rss_key,
                                        .table = table};

/* Pairs turn by turn, `step` on from entry to entry. */
static enum err steer(unsigned first, unsigned step)
{
    for (unsigned i = 0; i < TABLE; i++)
        table[i] = (uint16_t)((first + i * step) % FLOWS_PAIRS);
    return card_steer(&card, &steering);
}

/* Flows of the last round that did not come as they should. */
static unsigned wrong_flows(bool ports)
{
    struct rss_flow flow = {.from = FLOWS_HOST, .to = FLOWS_GUEST, .to_port = FLOWS_PORT};
    uint16_t pairs[FLOWS];

    for (unsigned i = 0; i < FLOWS; i++) {
        flow.from_port = (uint16_t)(FLOWS_FIRST_PORT + i);
        pairs[i] = rss_pair(&steering, &flow, ports);
    }
    return flows_wrong(pairs);
}

static unsigned pairs_used(void)
{
    unsigned used = 0;

    for (unsigned i = 0; i < FLOWS_PAIRS; i++)
        used += flows_heard(i) > 0;
    return used;
}

static void test_refusals(uint32_t function)
{
    tap_is(card_open_pairs(&card, SLOT_PCI, function, 0), ERR_BAD_ARG, "no pair is no card");
    tap_is(card_open_pairs(&card, SLOT_PCI, function, CARD_PAIRS_MAX + 1), ERR_BAD_ARG,
           "nor are more than there can be");
    tap_is(card_open_pairs(&card, SLOT_PCI, function, FLOWS_PAIRS + 1), ERR_NO_DEVICE,
           "more pairs than the card has are not to be had");
    tap_is(card_open(&card, SLOT_PCI, function), ERR_OK, "one of them is");
    tap_is(steer(0, 0), ERR_NO_DEVICE, "and then there is nothing to steer");
    card_close(&card);
}

static void refuses(struct card_steering s, const char *what)
{
    tap_is(card_steer(&card, &s), ERR_BAD_ARG, what);
}

static void test_steering_refused(void)
{
    static const uint16_t large[CARD_TABLE_MAX * 2];
    struct card_steering s = steering;

    s.table = large;
    s.table_length = 0;
    refuses(s, "an empty table is refused");
    s.table_length = 96;
    refuses(s, "one whose length is no power of two");
    s.table_length = (uint16_t)(2 * card.table_most);
    refuses(s, "one that is longer than the card's");
    s = steering;
    s.key_bytes = (uint8_t)(card.key_most + 1);
    refuses(s, "a key that is longer than the card's");
    s.key_bytes = 0;
    refuses(s, "none");
    s = steering;
    s.unclassified = FLOWS_PAIRS;
    refuses(s, "a pair that is not there, for what is not hashed");
    s = steering;
    s.hash_types = (uint32_t)1 << 31;
    refuses(s, "a hash that the card does not know");
    table[TABLE - 1] = FLOWS_PAIRS;
    refuses(steering, "a pair that is not there, in the table");
}

/* Without a table the answers come by the pair that asked. */
static void test_automatic(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < 2 * FLOWS_PAIRS; i++)
        wrong += flows_bounce(i % FLOWS_PAIRS, (uint16_t)(2000 + i)) != i % FLOWS_PAIRS;
    tap_is(wrong, 0, "unsteered, an answer comes by the pair that asked");
}

static void test_flows(void)
{
    unsigned wrong = 0, used = FLOWS_PAIRS, ended = 0;

    tap_is(steer(0, 1), ERR_OK, "the card takes a table");
    uint64_t entries = card_entries();
    for (unsigned i = 0; i < ROUNDS; i++) {
        flows_round(i % FLOWS_PAIRS, FLOWS, PACKETS);
        wrong += wrong_flows(true);
        used = pairs_used() < used ? pairs_used() : used;
        ended += flows_ended(steering.unclassified);
    }
    entries = card_entries() - entries;
    tap_is(wrong, 0, "64 flows come by the pairs that hash and table name, whole and in order");
    tap_is(used, FLOWS_PAIRS, "all pairs are used");
    tap_is(ended, ROUNDS, "what is not hashed comes by the pair for that, asked by any");
    tap_is((long)entries, 0, "and the kernel was not entered once for them");
    tap_ok(card_was_silent(&card), "nor did the card interrupt");
}

static void test_changes(void)
{
    steering.unclassified = 3;
    tap_is(steer(2, 0), ERR_OK, "the table is changed");
    flows_round(1, FLOWS, PACKETS);
    tap_ok(wrong_flows(true) == 0 && pairs_used() == 1 && flows_heard(2) == FLOWS * PACKETS,
           "and all flows come by one pair");
    tap_ok(flows_ended(3), "the others by the pair that is for them now");
    steering.unclassified = 0;
    steering.table_length = 4;
    tap_is(steer(3, 3), ERR_OK, "a shorter table");
    flows_round(1, FLOWS, PACKETS);
    tap_ok(wrong_flows(true) == 0 && pairs_used() == FLOWS_PAIRS, "is used as it is");
    steering.table_length = TABLE;
    steering.hash_types = VIRTIO_NET_HASH_IPV4;
    tap_is(steer(0, 1), ERR_OK, "a hash of addresses alone");
    flows_round(1, FLOWS, PACKETS);
    tap_ok(wrong_flows(false) == 0 && pairs_used() == 1, "keeps the flows of two hosts together");
    steering.hash_types |= VIRTIO_NET_HASH_UDP4;
}

/* Has the card filled all buffers that it has of a pair? */
static bool is_dry(const struct card_pair *p)
{
    return (uint16_t)(p->rx.used->index - p->rx.taken) == virtqueue_in_flight(&p->rx);
}

/* Pair 3 rests until it has no buffers and more has come; then everything comes. */
static void test_dry(void)
{
    static const uint16_t last[4] = {3, 3, 3, 3};
    const uint64_t limit = clock_deadline(PATIENCE);

    steer(3, 0);
    flows_rest(3, true);
    flows_ask(0, 4, MANY);
    while (!is_dry(&card.pairs[3]) && cpu_ticks() < limit)
        flows_serve();
    tap_ok(is_dry(&card.pairs[3]) && flows_heard(3) == 0,
           "a pair rests, while more comes for it than it has buffers");
    flows_rest(3, false);
    flows_hear(4 * MANY);
    tap_is(flows_wrong(last), 0, "all of it comes when the pair is served again, in order");
    steer(0, 1);
    flows_round(2, FLOWS, PACKETS);
    tap_is(wrong_flows(true), 0, "and no other pair waits for anything");
}

static volatile uint64_t woken[FLOWS_PAIRS];
static volatile bool leave;

/* Owns a pair: sleeps until something comes by it. */
static void sleep_for_pair(void *argument)
{
    struct card_pair *p = argument;
    uint16_t buffer;
    uint32_t length;

    card_here(p);
    while (card_wait(p, DEVICE_FOREVER) == ERR_OK && !leave) {
        woken[p->number]++;
        while (card_receive(p, &buffer, &length))
            card_free(p, buffer);
        card_push(p);
    }
}

/* The main thread asks by pair 0; the owners of the others sleep. */
static void ask_for(unsigned pair)
{
    struct card_pair *p = &card.pairs[0];
    uint16_t buffer;

    steer(pair, 0);
    if (card_take(p, &buffer))
        card_send(p, buffer, flows_request(card_packet(p, buffer), card.mac, 1, 1, 0));
    card_push(p);
}

static void test_sleepers(void)
{
    struct thread owner[FLOWS_PAIRS];
    bool alone = true;
    word_t bits = 0;

    for (unsigned i = 1; i < FLOWS_PAIRS; i++) {
        thread_run(&owner[i], sleep_for_pair, &card.pairs[i], i % KINFO->cpu_count,
                   THREAD_PRIORITY);
        bits |= card_bits_free(&card.pairs[i]);
    }
    guest_sleep(5000);
    for (unsigned i = 1; i < FLOWS_PAIRS; i++) {
        ask_for(i);
        alone &= guest_await(&woken[i], 1) == 1;
        for (unsigned j = i + 1; j < FLOWS_PAIRS; j++)
            alone &= woken[j] == 0;
    }
    alone &= woken[1] == 1 && woken[2] == 1 && woken[3] == 1;
    tap_ok(alone, "a packet wakes the owner of its pair, and no other");
    leave = true;
    exo_notify(card.device.notification, bits);
    for (unsigned i = 1; i < FLOWS_PAIRS; i++)
        thread_join(&owner[i]);
    tap_ok(true, "a bit of its own ends each one's waiting");
}

static void test_again(uint32_t function)
{
    card_close(&card);
    tap_is(card_open_pairs(&card, SLOT_PCI, function, FLOWS_PAIRS), ERR_OK, "it is opened anew");
    flows_begin(&card);
    tap_is(flows_bounce(1, 3000), 1, "and steers by itself again");
    flows_end();
    card_close(&card);
}

int main(void)
{
    uint32_t function = 0;

    guest_begin();
    tap_is(virtio_pci_find(VIRTIO_NET, 0, &function), ERR_OK, "there is a card for a program");
    test_refusals(function);
    if (!tap_is(card_open_pairs(&card, SLOT_PCI, function, FLOWS_PAIRS), ERR_OK, "four pairs are"))
        return tap_done();
    test_steering_refused();
    flows_begin(&card);
    test_automatic();
    test_flows();
    test_changes();
    test_dry();
    flows_end();
    test_sleepers();
    test_again(function);
    return tap_done();
}

/* What a ring's owner asks of the card: sums and segments are passed on, lies are refused to who
 * tells them; and packets that came without a sum, for who knows that and who does not. */
#include "tests/host/ring_world.h"

#define IP      14u
#define TCP     (IP + 20u)
#define TCP_SUM CSUM_OFFLOAD(TCP, 16)
#define UDP_SUM CSUM_OFFLOAD(TCP, 6)
#define AT      PAGE_SIZE /* of packets in the ring's memory */
#define SEGMENT 1446u     /* with 54 bytes of headers, 14 short of the longest packet */

static uint8_t *at(uint64_t offset)
{
    return memory[10] + offset;
}

static void put16(uint64_t offset, unsigned value)
{
    at(offset)[0] = (uint8_t)(value >> 8);
    at(offset)[1] = (uint8_t)value;
}

/* A packet of TCP or UDP over IPv4, whose header has so many words. */
static void lay(unsigned words, uint8_t protocol)
{
    memset(at(AT), 0, 2 * PAGE_SIZE);
    put16(AT + 12, 0x0800);
    at(AT)[IP] = (uint8_t)(0x40 | words);
    at(AT)[IP + 9] = protocol;
    at(AT)[IP + words * 4 + 12] = 5 << 4;
}

/* Posts a packet with work for the card. What became of it. */
static uint32_t becomes(uint32_t length, uint32_t work)
{
    const uint32_t slot = header(0)->tx_posted++ % RING_SLOTS;
    const unsigned given = card.given;

    header(0)->tx[slot] = (struct ring_slot){AT, length, work};
    assert_int_equal(ring_take(ring(0)), 1);
    assert_null(ring_check(ring(0)));
    if (card.given == given)
        return header(0)->tx[slot].state;
    assert_int_equal(card.given, given + 1);
    card_finishes();
    assert_int_equal(header(0)->tx[slot].state, RING_DONE);
    return RING_DONE;
}

static int with_offloads(void **state)
{
    fresh(state);
    card.offloads = NIC_CSUM | NIC_TSO4;
    lay(5, 6);
    return 0;
}

static void a_sum_is_passed_on(void **state)
{
    (void)state;
    assert_int_equal(becomes(600, TCP_SUM), RING_DONE);
    assert_int_equal(card.work[0], TCP_SUM);
    assert_int_equal(card.heads[0].length + card.packets[0].length, 600);
    lay(5, 17);
    assert_int_equal(becomes(60, UDP_SUM), RING_DONE);
    assert_int_equal(card.work[1], UDP_SUM);
    lay(7, 6); /* with options */
    assert_int_equal(becomes(600, CSUM_OFFLOAD(TCP + 8, 16)), RING_DONE);
    put16(AT + 12, 0x86dd); /* nothing of IPv6 is judged */
    assert_int_equal(becomes(600, CSUM_OFFLOAD(IP + 40, 16)), RING_DONE);
    assert_int_equal(becomes(600, 0), RING_DONE);
    assert_int_equal(card.work[4], 0);
    assert_int_equal(becomes(600, RING_DONE), RING_DONE); /* as an old slot has it */
    assert_int_equal(card.work[5], 0);
}

static void a_long_packet_is_passed_on_whole(void **state)
{
    (void)state;
    const uint32_t work = TCP_SUM | TSO_OFFLOAD(SEGMENT);

    assert_int_equal(becomes(2 * PAGE_SIZE, work), RING_DONE);
    assert_int_equal(card.work[0], work);
    assert_int_equal(card.heads_bytes[0], TCP + 20);
    assert_int_equal(card.heads[0].length, FLOW_HEADERS);
    assert_int_equal(card.packets[0].length, 2 * PAGE_SIZE - FLOW_HEADERS);
    assert_int_equal(card.packets[0].address, 11 * PAGE_SIZE + FLOW_HEADERS);
    at(AT)[TCP + 12] = 15 << 4;
    assert_int_equal(becomes(2 * PAGE_SIZE, TCP_SUM | TSO_OFFLOAD(TSO_MSS_MIN)), RING_DONE);
    assert_int_equal(card.heads_bytes[1], TCP + 60);
    assert_int_equal(becomes(2 * PAGE_SIZE, TCP_SUM | TSO_OFFLOAD(1514 - TCP - 60)), RING_DONE);
}

static void what_the_card_has_not_is_refused(void **state)
{
    (void)state;
    card.offloads = NIC_CSUM;
    assert_int_equal(becomes(600, TCP_SUM | TSO_OFFLOAD(500)), RING_BAD);
    assert_int_equal(becomes(600, TCP_SUM), RING_DONE);
    card.offloads = NIC_TSO4;
    assert_int_equal(becomes(600, TCP_SUM | TSO_OFFLOAD(500)), RING_BAD);
    card.offloads = 0;
    assert_int_equal(becomes(600, TCP_SUM), RING_BAD);
    assert_int_equal(becomes(600, 0), RING_DONE);
    assert_int_equal(card.given, 2);
}

/* Each place where the card's sum would change what was judged, or lie outside. */
static void a_sum_in_the_wrong_place_is_refused(void **state)
{
    (void)state;
    for (unsigned start = 0; start < 256; start++)
        for (unsigned offset = 0; offset < 32; offset += 2) {
            const bool good = start >= IP && start + offset >= TCP + 4 && start + offset + 2 <= 100;
            assert_int_equal(becomes(100, CSUM_OFFLOAD(start, offset)),
                             good ? RING_DONE : RING_BAD);
            card.given = card.finished = 0;
        }
    lay(15, 6); /* the longest header: no ports are among the bytes that are looked at */
    assert_int_equal(becomes(200, CSUM_OFFLOAD(IP + 60, 2)), RING_BAD);
    lay(5, 0);
    put16(AT + 12, 0x0806);
    assert_int_equal(becomes(60, CSUM_OFFLOAD(IP, 26)), RING_BAD); /* ARP: who it is for */
    assert_int_equal(becomes(60, CSUM_OFFLOAD(IP, 28)), RING_DONE);
    put16(AT + 12, 0x1234);
    assert_int_equal(becomes(60, CSUM_OFFLOAD(IP, 0)), RING_DONE);
    assert_int_equal(becomes(60, CSUM_OFFLOAD(12, 2)), RING_BAD);
    assert_int_equal(becomes(20, CSUM_OFFLOAD(IP, 4)), RING_DONE);
    assert_int_equal(becomes(19, CSUM_OFFLOAD(IP, 4)), RING_BAD);
}

static void what_cannot_be_cut_is_refused(void **state)
{
    (void)state;
    const uint32_t work = TCP_SUM | TSO_OFFLOAD(SEGMENT);

    assert_int_equal(becomes(4000, TCP_SUM), RING_BAD); /* long, and not to be cut */
    assert_int_equal(becomes(4000, TCP_SUM | TSO_OFFLOAD(TSO_MSS_MIN - 1)), RING_BAD);
    assert_int_equal(becomes(4000, TCP_SUM | TSO_OFFLOAD(1)), RING_BAD);
    assert_int_equal(becomes(4000, TCP_SUM | TSO_OFFLOAD(1514 - TCP - 19)), RING_BAD);
    assert_int_equal(becomes(4000, TCP_SUM | TSO_OFFLOAD(UINT16_MAX)), RING_BAD);
    assert_int_equal(becomes(4000, TSO_OFFLOAD(SEGMENT)), RING_BAD); /* no sum: no work */
    assert_int_equal(becomes(4000, UDP_SUM | TSO_OFFLOAD(SEGMENT)), RING_BAD);
    assert_int_equal(becomes(4000, CSUM_OFFLOAD(TCP + 4, 16) | TSO_OFFLOAD(SEGMENT)), RING_BAD);
    assert_int_equal(becomes(TCP + 20, work), RING_BAD); /* nothing behind the headers */
    assert_int_equal(becomes(TSO_PACKET_MAX + 1, work), RING_BAD);
    assert_int_equal(becomes(UINT32_MAX, work), RING_BAD);
    assert_int_equal(becomes(3 * PAGE_SIZE + 1, work), RING_BAD); /* beyond the ring's frames */
    at(AT)[TCP + 12] = 4 << 4;
    assert_int_equal(becomes(4000, work), RING_BAD); /* a TCP header too short */
    lay(5, 17);
    assert_int_equal(becomes(4000, work), RING_BAD);
    lay(5, 6);
    put16(AT + IP + 6, 0x2000); /* a fragment, and a later one */
    assert_int_equal(becomes(4000, work), RING_BAD);
    put16(AT + IP + 6, 1);
    assert_int_equal(becomes(4000, work), RING_BAD);
    lay(6, 6);
    assert_int_equal(becomes(4000, CSUM_OFFLOAD(TCP + 4, 16) | TSO_OFFLOAD(SEGMENT)), RING_BAD);
    lay(5, 6);
    put16(AT + 12, 0x86dd);
    assert_int_equal(becomes(4000, work), RING_BAD);
    assert_int_equal(card.given, 0);
    lay(5, 6);
    assert_int_equal(becomes(4000, work), RING_DONE); /* the liar has only its own damage */
}

/* The owner changes a packet while it is taken: what was judged is a copy, and so is the word. */
static void a_full_card_is_asked_again(void **state)
{
    (void)state;
    card.room = 0;
    header(0)->tx[0] = (struct ring_slot){AT, 600, TCP_SUM};
    header(0)->tx_posted = 1;
    assert_int_equal(ring_take(ring(0)), 0);
    card.room = 1;
    ring_serve_card();
    assert_int_equal(card.given, 1);
    assert_int_equal(card.work[0], TCP_SUM);
    card_finishes();
}

#define PARTIAL ((struct nic_csum){.start = 34, .offset = 16})

/* A packet of random bytes comes, of which the card says that. */
static uint8_t came[101];

static uint8_t came_at(unsigned i)
{
    return (uint8_t)(7 * i + 1);
}

static void comes(struct nic_csum *csum)
{
    for (unsigned i = 0; i < sizeof came; i++)
        came[i] = came_at(i);
    hook_nic_received(came, sizeof came, csum);
    ring_settle();
}

/* Is the sum that comes()'s packet has in memory the whole one? */
static bool is_whole(const uint8_t *p)
{
    uint32_t sum = 0;

    for (unsigned i = 34; i < sizeof came; i++)
        if (i != 50 && i != 51)
            sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    sum += (uint32_t)came_at(50) << 8 | came_at(51); /* what stood there */
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ((uint32_t)p[50] << 8 | p[51]) == (~sum & 0xffff);
}

static void post(unsigned i, uint32_t state)
{
    header(i)->rx[header(i)->rx_posted++ % RING_SLOTS] = (struct ring_slot){AT, 2048, state};
}

static uint32_t state_of(unsigned i)
{
    return header(i)->rx[(header(i)->rx_done - 1) % RING_SLOTS].state;
}

static void who_knows_of_missing_sums_gets_them_so(void **state)
{
    (void)state;
    struct nic_csum partial = PARTIAL, valid = {.is_valid = true};

    ring_set_filter(ring(0), NULL);
    post(0, CSUM_PARTIAL);
    comes(&partial);
    assert_int_equal(state_of(0), RING_DONE | CSUM_PARTIAL);
    assert_memory_equal(at(AT), came, sizeof came);
    assert_int_equal(at(AT)[50], came_at(50));
    post(0, 0);
    comes(&valid);
    assert_int_equal(state_of(0), RING_DONE | CSUM_VALID);
    post(0, CSUM_PARTIAL);
    comes(NULL);
    assert_int_equal(state_of(0), RING_DONE);
}

static void for_others_the_sum_is_completed(void **state)
{
    (void)state;
    struct nic_csum partial = PARTIAL;

    ring_set_filter(ring(0), NULL);
    post(0, 0);
    comes(&partial);
    assert_int_equal(state_of(0), RING_DONE | CSUM_VALID);
    assert_true(is_whole(at(AT)));
    post(0, RING_DONE | CSUM_VALID); /* no words of an owner that knows */
    partial = PARTIAL;
    comes(&partial);
    assert_true(is_whole(at(AT)));
}

/* Two get one packet: each as it wants it. */
static void copies_are_each_as_wanted(void **state)
{
    (void)state;
    struct nic_csum partial = PARTIAL;
    const struct ring_key copy = {.flags = RING_KEY_YIELD | RING_KEY_COPY};

    make(1, 255);
    ring_set_filter(ring(0), NULL);
    ring_set_filter(ring(1), NULL);
    ring_set_keys(ring(0), &copy, 1);
    ring_set_keys(ring(1), &wild, 1); /* behind the other's */
    post(0, CSUM_PARTIAL);
    post(1, 0);
    comes(&partial);
    assert_int_equal(state_of(0), RING_DONE | CSUM_PARTIAL);
    assert_int_equal(state_of(1), RING_DONE | CSUM_VALID);
    assert_false(is_whole(at(AT)));
    assert_true(is_whole(memory[14] + AT));
    partial = PARTIAL;
    post(0, 0);
    post(1, 0);
    comes(&partial); /* completed once, for both */
    assert_true(is_whole(at(AT)) && is_whole(memory[14] + AT));
    drop(1);
}

/* What a handler reads is whole, whatever its ring accepts. */
static void a_handler_sees_whole_sums(void **state)
{
    (void)state;
    struct nic_csum partial = PARTIAL;
    struct graft *g = (struct graft *)(void *)memory[51];

    ring_set_filter(ring(0), NULL);
    caps[CAP_GRAFT_0 + 1] = (struct cap){.kind = CAP_GRAFT, .base = 51, .count = 1};
    g->program.hook = GRAFT_HOOK_PACKET_HANDLER;
    g->program.fuel = GRAFT_PASS;
    node_link(&caps[CAP_GRAFT_0 + 1].node, &ring(0)->handler);
    post(0, CSUM_PARTIAL);
    comes(&partial);
    assert_int_equal(handled, 1);
    assert_true(is_whole(at(AT)));
    assert_int_equal(state_of(0), RING_DONE);
}

int main(void)
{
#define ON_CARD(test) cmocka_unit_test_setup_teardown(test, with_offloads, end)
    const struct CMUnitTest tests[] = {
        ON_CARD(a_sum_is_passed_on),
        ON_CARD(a_long_packet_is_passed_on_whole),
        ON_CARD(what_the_card_has_not_is_refused),
        ON_CARD(a_sum_in_the_wrong_place_is_refused),
        ON_CARD(what_cannot_be_cut_is_refused),
        ON_CARD(a_full_card_is_asked_again),
        ON_CARD(who_knows_of_missing_sums_gets_them_so),
        ON_CARD(for_others_the_sum_is_completed),
        ON_CARD(copies_are_each_as_wanted),
        ON_CARD(a_handler_sees_whole_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

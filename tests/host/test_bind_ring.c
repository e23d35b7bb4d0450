/* The kernel's side of packet rings: packets in and out of an owner's frames, what owners may not
 * do, and that no frame leaves while the card reads it. */
#include "tests/host/ring_world.h"

static void a_packet_lands_in_the_posted_buffer(void **state)
{
    (void)state;
    post_rx(0, PAGE_SIZE + 4000, 1514); /* crosses a page */
    arrives(1, 1514);
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(header(0)->rx[0].state, RING_DONE);
    assert_int_equal(header(0)->rx[0].length, 1514);
    const uint8_t *at = memory[10] + PAGE_SIZE + 4000;
    assert_int_equal(at[0], 1);
    assert_int_equal(at[1513], 1);
    assert_int_equal(at[1514], 0);
    assert_int_equal(raised, BITS);
}

static void packets_of_others_do_not_show(void **state)
{
    (void)state;
    post_rx(0, PAGE_SIZE, 1514);
    arrives(2, 60);
    assert_int_equal(header(0)->rx_done, 0);
    assert_int_equal(header(0)->rx_filtered, 1);
    assert_int_equal(memory[11][0], 0);
    assert_int_equal(raises, 0);
}

static void without_a_buffer_packets_are_dropped_and_counted(void **state)
{
    (void)state;
    arrives(1, 60);
    assert_int_equal(header(0)->rx_dropped, 1);
    header(0)->rx_posted = RING_SLOTS + 1; /* ahead of its slots: no news */
    arrives(1, 60);
    header(0)->rx_posted = 0xfffffff0u;
    arrives(1, 60);
    assert_int_equal(header(0)->rx_dropped, 3);
    assert_int_equal(header(0)->rx_done, 0);
    assert_int_equal(raises, 0);
}

static void bad_receive_buffers_go_back_and_the_next_is_used(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        uint32_t length;
    } bad[] = {
        {4 * PAGE_SIZE, 60},     {4 * PAGE_SIZE - 1513, 1514}, {UINT64_MAX, 60},
        {UINT64_MAX - 30, 1514}, {PAGE_SIZE, 0xffffffff},      {PAGE_SIZE, 59},
        {1ull << 63, 60},
    };
    const unsigned count = sizeof bad / sizeof bad[0];

    for (unsigned i = 0; i < count; i++)
        post_rx(0, bad[i].offset, bad[i].length);
    post_rx(0, 4 * PAGE_SIZE - 60, 60); /* the last bytes are good */
    arrives(1, 60);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(header(0)->rx[i].state, RING_BAD);
    assert_int_equal(header(0)->rx[count].state, RING_DONE);
    assert_int_equal(header(0)->rx_done, count + 1);
    assert_int_equal(memory[13][PAGE_SIZE - 1], 1);
    assert_int_equal(memory[14][0], 0);
    assert_int_equal(header(0)->rx_dropped, 0);
}

static void packets_are_sent_from_the_owners_frames(void **state)
{
    (void)state;
    post_tx(0, PAGE_SIZE + 10, 100);
    post_tx(0, 4 * PAGE_SIZE - 1514, 1514);
    assert_int_equal(ring_take(ring(0)), 2);
    assert_int_equal(card.packets[0].address, 11 * PAGE_SIZE + 10 + FLOW_HEADERS);
    assert_int_equal(card.packets[0].length, 100 - FLOW_HEADERS);
    assert_int_equal(card.packets[1].address, 14 * PAGE_SIZE - 1514 + FLOW_HEADERS);
    assert_int_equal(card.heads[0].address / PAGE_SIZE, 0); /* the ring's own frame */
    assert_int_equal(card.heads[1].address - card.heads[0].address, FLOW_HEADERS);
    assert_int_equal(card.flushes, 1);
    assert_int_equal(header(0)->tx_done, 0);
    assert_int_equal(ring_take(ring(0)), 0);
    card_finishes();
    assert_int_equal(header(0)->tx_done, 1);
    assert_int_equal(header(0)->tx[0].state, RING_DONE);
    assert_int_equal(raised, BITS);
}

static void bad_packets_are_refused_in_their_turn(void **state)
{
    (void)state;
    post_tx(0, PAGE_SIZE, 60);
    post_tx(0, PAGE_SIZE, 13);
    post_tx(0, PAGE_SIZE, 1515);
    post_tx(0, 4 * PAGE_SIZE - 59, 60);
    post_tx(0, UINT64_MAX - 10, 60);
    assert_int_equal(ring_take(ring(0)), 5);
    assert_int_equal(card.given, 1);
    assert_int_equal(header(0)->tx_done, 0); /* the good one before them is not sent yet */
    card_finishes();
    assert_int_equal(header(0)->tx_done, 5);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(header(0)->tx[i].state, RING_BAD);
}

static void the_card_may_finish_in_any_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        post_tx(0, PAGE_SIZE, 60);
    ring_take(ring(0));
    hook_nic_sent(card.cookies[2]);
    hook_nic_sent(card.cookies[1]);
    assert_int_equal(header(0)->tx_done, 0);
    hook_nic_sent(card.cookies[0]);
    assert_int_equal(header(0)->tx_done, 3);
    card.finished = 3;
}

static void counters_that_lie_send_nothing(void **state)
{
    (void)state;
    static const uint32_t lies[] = {RING_SLOTS + 1, 1000, 0x80000000u, 0xffffffffu};

    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        header(0)->tx_posted = lies[i];
        assert_int_equal(ring_take(ring(0)), 0);
    }
    header(0)->tx_posted = 0;
    post_tx(0, PAGE_SIZE, 60);
    assert_int_equal(ring_take(ring(0)), 1);
    header(0)->tx_posted = 0; /* less than was taken */
    assert_int_equal(ring_take(ring(0)), 0);
    header(0)->tx_done = 99; /* the kernel's own copy counts */
    card_finishes();
    assert_int_equal(header(0)->tx_done, 1);
    assert_int_equal(card.given, 1);
}

static void slots_in_flight_are_not_taken_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RING_SLOTS; i++)
        post_tx(0, PAGE_SIZE, 60);
    assert_int_equal(ring_take(ring(0)), RING_SLOTS);
    post_tx(0, PAGE_SIZE, 60);
    assert_int_equal(ring_take(ring(0)), 0);
    card_finishes();
    assert_int_equal(ring_take(ring(0)), 1);
}

static void waiting_packets_follow_when_the_card_has_room(void **state)
{
    (void)state;
    const struct ring_key shared = {.flags = RING_KEY_COPY};

    make(1, 2);
    ring_set_keys(ring(0), &shared, 1);
    ring_set_keys(ring(1), &wild, 1); /* behind it */
    card.room = 3;
    for (unsigned i = 0; i < 5; i++) {
        post_tx(0, PAGE_SIZE, 60);
        post_tx(1, PAGE_SIZE, 60);
    }
    assert_int_equal(ring_take(ring(0)), 3);
    assert_int_equal(ring_take(ring(1)), 0);
    card.eager = true;
    for (unsigned i = 0; i < 10; i++)
        ring_serve_card();
    assert_int_equal(header(0)->tx_done, 5);
    assert_int_equal(header(1)->tx_done, 5);
    drop(1);
}

static void memory_goes_only_after_the_card_let_go(void **state)
{
    (void)state;
    struct ring *r = ring(0);

    post_tx(0, PAGE_SIZE, 60);
    post_tx(0, PAGE_SIZE, 60);
    ring_take(r);
    ring_drop(r, &r->memory); /* the card does not finish by itself: it is stopped */
    assert_int_equal(card.restarts, 1);
    assert_int_equal(r->in_flight, 0);
    assert_int_equal(r->memory.parent, 0);
    arrives(1, 60); /* dead: receives nothing */
    assert_int_equal(header(0)->rx_dropped + header(0)->rx_done, 0);
}

static void a_card_that_finishes_is_not_stopped(void **state)
{
    (void)state;
    post_tx(0, PAGE_SIZE, 60);
    ring_take(ring(0));
    card.eager = true;
    ring_drop(ring(0), &ring(0)->memory);
    assert_int_equal(card.restarts, 0);
    assert_int_equal(header(0)->tx_done, 1);
}

static void lost_bindings_silence_the_ring(void **state)
{
    (void)state;
    struct ring *r = ring(0);

    post_rx(0, PAGE_SIZE, 1514);
    post_rx(0, PAGE_SIZE, 1514);
    ring_drop(r, &r->notify);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(raises, 0);
    assert_int_equal(record(0)->counts[COUNT_RECEIVED], 1);
    assert_int_equal(record(0)->filter, 50);
    assert_int_equal(records[OBJECT_GRAFTS].counts[COUNT_RUNS], 1);
    ring_drop(r, &r->filter);
    arrives(1, 60); /* not everything, but nothing */
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(record(0)->state, OBJECT_FILTER_LOST);
    assert_int_equal(record(0)->counts[COUNT_MATCHED], 2);
    ring_set_filter(r, &caps[CAP_GRAFT_0]);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 2);
    assert_int_equal(record(0)->state, 0);
    assert_int_equal(record(0)->keys, 1);
    ring_drop(r, &r->memory);
    assert_int_equal(record(0)->state, OBJECT_DEAD);
    assert_int_equal(record(0)->keys, 0);
    assert_int_equal(record(0)->sequence % 2, 0);
}

static void the_table_of_rings_is_finite(void **state)
{
    (void)state;
    static struct ring many[RINGS_MAX];
    struct cap frames = {.kind = CAP_FRAMES, .base = 10, .count = 4};
    unsigned count = 0;

    memset(many, 0, sizeof many);
    caps[60] = frames;
    for (; ring_has_room(); count++)
        ring_begin(&many[count], &caps[60], NULL);
    assert_int_equal(count, RINGS_MAX - 1);
    while (count)
        ring_destroy(&many[--count]);
    assert_int_equal(caps[60].node.child, 0);
    assert_true(ring_has_room());
}

/* Ring 0's handler is the graft in frame 55, which returns `verdict`. */
static void make_handler(uint64_t verdict)
{
    struct graft *g = (struct graft *)(void *)memory[55];

    caps[CAP_GRAFT_0 + 5] = (struct cap){.kind = CAP_GRAFT, .base = 55, .count = 1};
    g->program.hook = GRAFT_HOOK_PACKET_HANDLER;
    g->program.fuel = (int64_t)verdict;
    if (!ring(0)->handler.parent)
        node_link(&caps[CAP_GRAFT_0 + 5].node, &ring(0)->handler);
}

static void a_handler_decides_what_becomes_of_a_packet(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        post_rx(0, PAGE_SIZE, 1514);
    make_handler(GRAFT_DROP);
    arrives(1, 60);
    arrives(2, 60); /* the filter does not take it: it is not the handler's either */
    assert_int_equal(handled, 1);
    assert_int_equal(header(0)->rx_done, 0);
    assert_int_equal(record(0)->counts[COUNT_HANDLED], 0);
    make_handler(GRAFT_CONSUME);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 0);
    assert_int_equal(record(0)->counts[COUNT_HANDLED], 1);
    make_handler(GRAFT_PASS);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 1);
    make_handler(77); /* no verdict */
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 2);
    struct ring_key copy = {.flags = RING_KEY_COPY};
    ring_set_keys(ring(0), &copy, 1); /* others would see what it did */
    make_handler(GRAFT_DROP);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 3);
    assert_int_equal(handled, 4);
}

/* The fake card's address is all zeroes, at 6 in a packet. */
static void answers_are_what_the_ring_might_send(void **state)
{
    uint8_t packet[60] = {1};

    (void)state;
    make_handler(GRAFT_ANSWER);
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    assert_int_equal(answers, 1);
    assert_int_equal(answer_bytes, 60);
    make_handler(GRAFT_ANSWER_OF(42));
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    assert_int_equal(answer_bytes, 42);
    make_handler(GRAFT_ANSWER_OF(61)); /* longer than the packet */
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    assert_int_equal(answer_bytes, 60);
    make_handler(GRAFT_ANSWER_OF(NIC_PACKET_MIN - 1));
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    assert_int_equal(answers, 3);
    make_handler(GRAFT_ANSWER);
    packet[6] = 1; /* from another card */
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    assert_int_equal(answers, 3);
    packet[6] = 0;
    make(1, 2);
    ring_set_keys(ring(0), &wild, 1); /* behind another's, whose filter refuses it */
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    assert_int_equal(record(0)->counts[COUNT_HANDLED], 6);
    assert_int_equal(answers, 3);
    drop(1);
    answers_full = true;
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    assert_int_equal(answers, 3);
    assert_int_equal(header(0)->rx_done, 0);
    hook_nic_sent(GRAFT_ANSWER_COOKIE | 7);
    assert_int_equal(answers_sent, 1);
}

/* A packet of 60 bytes, of which [from, to) of the answer is stored beside. */
static void stores(uint32_t from, uint32_t to, uint64_t verdict)
{
    uint8_t packet[60];

    memset(packet, 0x3c, sizeof packet);
    memset(packet + 6, 0, 6);
    packet[0] = 1;
    memset(answer_room, 0xee, sizeof answer_room);
    stores_from = from;
    stores_to = to;
    make_handler(verdict);
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    stores_to = 0;
}

static void an_answer_is_the_packets_beginning_and_what_was_stored(void **state)
{
    (void)state;
    stores(60, NIC_PACKET_MAX, GRAFT_ANSWER);
    assert_int_equal(answers, 1);
    assert_int_equal(answer_bytes, NIC_PACKET_MAX);
    assert_int_equal(answer_room[59], 0x3c);
    assert_int_equal(answer_room[60], STORED);
    assert_int_equal(answer_room[NIC_PACKET_MAX], 0xee);
    stores(42, 45, GRAFT_ANSWER); /* shorter than the packet */
    assert_int_equal(answer_bytes, 45);
    assert_int_equal(answer_room[41], 0x3c);
    assert_int_equal(answer_room[42], STORED);
    stores(42, 100, GRAFT_ANSWER_OF(80));
    assert_int_equal(answer_bytes, 80);
    stores(42, 100, GRAFT_ANSWER_OF(101));
    assert_int_equal(answer_bytes, 100);
    stores(42, 100, GRAFT_ANSWER_OF(20)); /* less than is the packet's */
    assert_int_equal(answer_bytes, 20);
    assert_int_equal(answer_room[20], 0xee);
    assert_int_equal(answers, 5);
    stores(61, 100, GRAFT_ANSWER); /* nobody wrote byte 60 */
    stores(61, 100, GRAFT_ANSWER_OF(61));
    assert_int_equal(answers, 5);
    stores(61, 100, GRAFT_ANSWER_OF(60)); /* which is not needed */
    assert_int_equal(answers, 6);
    stores(0, 13, GRAFT_ANSWER); /* no packet */
    assert_int_equal(answers, 6);
    stores(6, 60, GRAFT_ANSWER); /* from another card, by what is stored */
    assert_int_equal(answers, 6);
    assert_int_equal(header(0)->rx_done, 0);
}

/* The fake asks at each run whether anything is left. */
static void what_was_stored_is_forgotten(void **state)
{
    (void)state;
    post_rx(0, PAGE_SIZE, 1514);
    stores(60, 100, GRAFT_PASS);
    assert_int_equal(header(0)->rx[0].length, 60);
    stores(60, 100, GRAFT_CONSUME);
    stores(60, 100, GRAFT_DROP);
    assert_int_equal(answers, 0);
    stores(0, 0, GRAFT_ANSWER);
    assert_int_equal(answers, 1);
    assert_int_equal(answer_bytes, 60);
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    struct ring good = *ring(0);

    ring(0)->tx_done = 1;
    assert_memory_equal(ring_check(ring(0)), "G1", 2);
    *ring(0) = good;
    ring(0)->tx_taken = 1;
    assert_memory_equal(ring_check(ring(0)), "G2", 2);
    *ring(0) = good;
    ring(0)->tx_taken = ring(0)->in_flight = 1;
    ring(0)->memory.parent = 0;
    assert_memory_equal(ring_check(ring(0)), "G3", 2);
    *ring(0) = good;
    ring(0)->memory.parent = 0; /* but a key */
    assert_memory_equal(ring_check(ring(0)), "G3", 2);
    *ring(0) = good;
    make(1, 255);
    ring(1)->keys[0].bits = 1;
    assert_memory_equal(ring_check(ring(1)), "G4", 2);
    ring(1)->keys[0].bits = 0;
    ring(1)->keys[0].key.mask.local = 1;
    assert_memory_equal(ring_check(ring(1)), "G4", 2);
    drop(1);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fresh, end)
    const struct CMUnitTest tests[] = {
        T(a_packet_lands_in_the_posted_buffer),
        T(packets_of_others_do_not_show),
        T(without_a_buffer_packets_are_dropped_and_counted),
        T(bad_receive_buffers_go_back_and_the_next_is_used),
        T(packets_are_sent_from_the_owners_frames),
        T(bad_packets_are_refused_in_their_turn),
        T(the_card_may_finish_in_any_order),
        T(counters_that_lie_send_nothing),
        T(slots_in_flight_are_not_taken_again),
        T(waiting_packets_follow_when_the_card_has_room),
        T(memory_goes_only_after_the_card_let_go),
        T(a_card_that_finishes_is_not_stopped),
        T(lost_bindings_silence_the_ring),
        T(the_table_of_rings_is_finite),
        T(a_handler_decides_what_becomes_of_a_packet),
        T(answers_are_what_the_ring_might_send),
        T(an_answer_is_the_packets_beginning_and_what_was_stored),
        T(what_was_stored_is_forgotten),
        T(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

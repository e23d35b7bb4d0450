/* Keys of packet rings: whose packet it is where keys overlap, and that nobody sends in another's
 * name or changes a packet after it was judged. */
#include "tests/host/ring_world.h"

static void the_earlier_binding_wins(void **state)
{
    (void)state;
    make(1, 255);
    make(2, 7);
    for (unsigned i = 0; i < 3; i++)
        for (unsigned n = 0; n < 4; n++)
            post_rx(i, PAGE_SIZE, 1514);
    arrives(1, 60);
    arrives(7, 60);
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(header(1)->rx_done, 1);
    assert_int_equal(header(2)->rx_done, 0);
    assert_int_equal(header(2)->rx_filtered, 0);

    ring_set_keys(ring(1), &wild, 1); /* bound anew: it is the latest now */
    arrives(7, 60);
    assert_int_equal(header(2)->rx_done, 1);
    drop(1);
    drop(2);
}

/* An address is in the packet at 26 (from) and 30 (to). */
static void put_ipv4(uint8_t *p, uint8_t from, uint8_t to)
{
    memset(p, 0, 60);
    p[12] = 8;
    p[14] = 0x45;
    p[29] = from;
    p[33] = to;
}

static struct ring_key for_address(uint8_t address, uint32_t flags)
{
    return (struct ring_key){
        .value = {.local = address}, .mask = {.local = UINT32_MAX}, .flags = flags};
}

static uint32_t fate_of(unsigned i, uint8_t from)
{
    uint32_t at = header(i)->tx_posted % RING_SLOTS;

    put_ipv4(memory[11 + 4 * i], from, 9);
    post_tx(i, PAGE_SIZE, 60);
    ring_take(ring(i));
    while (card.finished < card.given)
        card_finishes();
    return header(i)->tx[at].state;
}

static void nobody_sends_in_anothers_name(void **state)
{
    (void)state;
    struct ring_key mine = for_address(1, 0), yours = for_address(2, 0);

    make(1, 255);
    assert_int_equal(fate_of(0, 2), RING_DONE); /* it has what is nobody's */
    ring_set_keys(ring(0), &mine, 1);
    ring_set_keys(ring(1), &yours, 1);
    assert_int_equal(fate_of(0, 1), RING_DONE);
    assert_int_equal(fate_of(0, 2), RING_BAD);
    assert_int_equal(fate_of(0, 3), RING_BAD);
    assert_int_equal(fate_of(1, 1), RING_BAD);
    ring_set_keys(ring(1), &wild, 1);
    assert_int_equal(fate_of(1, 1), RING_BAD);
    assert_int_equal(fate_of(1, 3), RING_DONE);
    memory[11][6] = 1; /* not the card's link address */
    post_tx(0, PAGE_SIZE, 60);
    ring_take(ring(0));
    assert_int_equal(header(0)->tx_done, header(0)->tx_posted);
    assert_int_equal(header(0)->tx[(header(0)->tx_posted - 1) % RING_SLOTS].state, RING_BAD);
    drop(1);
}

static void what_was_judged_is_what_is_sent(void **state)
{
    (void)state;
    struct ring_key mine = for_address(1, 0);

    ring_set_keys(ring(0), &mine, 1);
    put_ipv4(memory[11], 1, 9);
    post_tx(0, PAGE_SIZE, 60);
    ring_take(ring(0));
    put_ipv4(memory[11], 2, 9); /* too late */
    const struct nic_segment *head = &card.heads[0];
    assert_int_equal(head->length, FLOW_HEADERS);
    assert_int_equal(((const uint8_t *)memory)[head->address + 29], 1);
    assert_int_equal(card.packets[0].address, 11 * PAGE_SIZE + FLOW_HEADERS);
    card_finishes();
}

static void arrives_for(uint8_t to)
{
    uint8_t p[60];

    put_ipv4(p, 9, to);
    hook_nic_received(p, sizeof p, NULL);
    ring_settle();
}

static void the_most_specific_key_wins(void **state)
{
    (void)state;
    struct ring_key mine = for_address(1, 0), shared = for_address(1, RING_KEY_COPY);

    ring_set_filter(ring(0), NULL);
    make(1, 255);
    for (unsigned i = 0; i < 2; i++)
        for (unsigned n = 0; n < 4; n++)
            post_rx(i, PAGE_SIZE, 1514);
    ring_set_keys(ring(1), &mine, 1);
    arrives_for(1);
    assert_int_equal(header(1)->rx_done, 1);
    assert_int_equal(header(0)->rx_done, 0);
    arrives_for(2);
    assert_int_equal(header(1)->rx_done, 1);
    assert_int_equal(header(0)->rx_done, 1);
    ring_set_keys(ring(1), &shared, 1);
    arrives_for(1);
    assert_int_equal(header(1)->rx_done, 2);
    assert_int_equal(header(0)->rx_done, 2);
    drop(1);
}

static void a_ring_gets_a_packet_once(void **state)
{
    (void)state;
    const struct ring_key both[] = {for_address(1, RING_KEY_COPY), {.flags = RING_KEY_COPY}};

    ring_set_filter(ring(0), NULL);
    ring_set_keys(ring(0), both, 2);
    post_rx(0, PAGE_SIZE, 1514);
    post_rx(0, PAGE_SIZE, 1514);
    arrives_for(1);
    assert_int_equal(header(0)->rx_done, 1);
}

static void only_who_yields_loses_packets(void **state)
{
    (void)state;
    struct ring_key mine = for_address(1, 0), yielding = for_address(1, RING_KEY_YIELD);
    struct ring_key part = mine, other = for_address(2, 0);

    part.mask.protocol = UINT8_MAX;
    make(1, 255);
    ring_set_keys(ring(0), &mine, 1);
    assert_true(ring_keys_steal(ring(1), &part, 1));
    assert_false(ring_keys_steal(ring(0), &part, 1)); /* from himself */
    assert_false(ring_keys_steal(ring(1), &mine, 1)); /* an equal one takes nothing */
    assert_false(ring_keys_steal(ring(1), &other, 1));
    assert_false(ring_keys_steal(ring(1), &wild, 1));
    const struct ring_key two[] = {wild, part};
    assert_true(ring_keys_steal(ring(1), two, 2));
    ring_set_keys(ring(0), &yielding, 1);
    assert_false(ring_keys_steal(ring(1), &part, 1));
    drop(1);
}

#define PLENTY 24u /* rings, with all keys that they can have */

static struct ring crowd[PLENTY];

static uint32_t lot(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

/* Few masks, few values: many keys match, several with the same mask. */
static struct ring_key any_key(uint64_t *seed)
{
    static const struct ring_flow masks[] = {
        {.local = UINT32_MAX},
        {.local_port = UINT16_MAX},
        {.local = UINT32_MAX, .local_port = UINT16_MAX},
        {.ethertype = UINT16_MAX},
        {.remote_port = UINT16_MAX},
        {.local = 0xffffff00},
        {0},
    };
    struct ring_key k = {.mask = masks[lot(seed, sizeof masks / sizeof masks[0])],
                         .flags = RING_KEY_YIELD | RING_KEY_COPY};

    k.value.local = k.mask.local & (0x0a000000 + lot(seed, 3) * 128);
    k.value.local_port = k.mask.local_port & (uint16_t)lot(seed, 3);
    k.value.remote_port = k.mask.remote_port & (uint16_t)lot(seed, 3);
    k.value.ethertype = k.mask.ethertype & (uint16_t)(0x0800 + lot(seed, 2) * 6);
    return k;
}

/* The search finds the keys that match, and all of them, in the order in which a list of all, most
 * specific first, of equals the earlier bound, has them. */
static void expect_order(const struct flow *f)
{
    const struct ring_bound *last = NULL;
    unsigned found = 0, matching = 0;

    assert_ptr_equal(ring_bound_first(f), ring_bound_next(NULL, f));
    for (struct ring_bound *b = NULL; (b = ring_bound_next(b, f)) != NULL; last = b, found++) {
        assert_true(key_matches(&b->key, f));
        if (last)
            assert_true(last->bits > b->bits ||
                        (last->bits == b->bits && last->serial < b->serial));
    }
    for (unsigned i = 0; i < PLENTY; i++)
        for (unsigned k = 0; k < crowd[i].key_count; k++)
            matching += key_matches(&crowd[i].keys[k].key, f);
    for (unsigned k = 0; k < ring(0)->key_count; k++)
        matching += key_matches(&ring(0)->keys[k].key, f);
    assert_int_equal(found, matching);
}

static void the_search_finds_what_a_list_would(void **state)
{
    uint64_t seed = 5;

    (void)state;
    memset(crowd, 0, sizeof crowd);
    caps[60] = (struct cap){.kind = CAP_FRAMES, .base = 10, .count = 4};
    for (unsigned i = 0; i < PLENTY; i++)
        ring_begin(&crowd[i], &caps[60], NULL);
    for (unsigned round = 0; round < 3000; round++) {
        struct ring_key keys[RING_KEYS];
        uint32_t count = lot(&seed, RING_KEYS + 1), i = lot(&seed, PLENTY);
        for (uint32_t k = 0; k < count; k++)
            keys[k] = any_key(&seed);
        ring_set_keys(&crowd[i], keys, count);
        assert_null(ring_keys_check(&crowd[i]));
        struct flow f = {.value = {.local = 0x0a000000 + lot(&seed, 3) * 128,
                                   .local_port = (uint16_t)lot(&seed, 3),
                                   .remote_port = (uint16_t)lot(&seed, 3),
                                   .ethertype = 0x0800},
                         .has = {.local = UINT32_MAX, .ethertype = UINT16_MAX}};
        if (lot(&seed, 2))
            f.has.local_port = f.has.remote_port = UINT16_MAX;
        else
            f.value.local_port = f.value.remote_port = 0;
        expect_order(&f);
    }
    for (unsigned i = 0; i < PLENTY; i++)
        ring_destroy(&crowd[i]);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fresh, end)
    const struct CMUnitTest tests[] = {
        T(the_earlier_binding_wins),           T(nobody_sends_in_anothers_name),
        T(what_was_judged_is_what_is_sent),    T(the_most_specific_key_wins),
        T(a_ring_gets_a_packet_once),          T(only_who_yields_loses_packets),
        T(the_search_finds_what_a_list_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

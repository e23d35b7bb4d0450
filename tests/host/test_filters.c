/* Tables of filters: a thousand keys and programs of one ring, whose packets they take and no
 * others, and what becomes of them when something goes. The object and the search; the calls are
 * booted. */
#include "tests/host/ring_world.h"

#include "bindings/filters.h"

#define MANY  1000u
#define TABLE 60u /* cap of its ring; the table lies in a memory of its own */
#define UDP   17u
#define SOME  48u /* packets that are looked for */

/* Nodes of these tables are named like those of `memory`, from which they are far enough away. */
static _Alignas(4096) uint8_t far_memory[4][FILTERS_FRAMES(FILTERS_MAX) * PAGE_SIZE];

static struct filters *table(unsigned i)
{
    return (struct filters *)(void *)far_memory[i];
}

static struct filters *make_table(unsigned i, unsigned of_ring, uint32_t count)
{
    struct cap *c = &caps[TABLE + i];

    memset(far_memory[i], 0, sizeof far_memory[i]);
    *c = (struct cap){.kind = CAP_RING, .base = of_ring, .count = 1};
    filters_begin(table(i), c, count);
    return table(i);
}

static struct ring_key for_port(uint16_t port, uint32_t flags)
{
    return (struct ring_key){.value = {.local_port = port, .protocol = UDP},
                             .mask = {.local_port = UINT16_MAX, .protocol = UINT8_MAX},
                             .flags = flags};
}

static bool has_room(const struct ring_key *k)
{
    return ring_keys_fit(k, 1);
}

static void set_one(struct filters *f, uint32_t at, struct ring_key key, struct cap *graft,
                    uint32_t tag)
{
    const struct filter_plan plan = {key, graft, tag};

    assert_true(has_room(&key));
    filters_set(f, at, 1, &plan);
    assert_null(filters_check(f));
}

static void empty_one(struct filters *f, uint32_t at)
{
    filters_set(f, at, 1, NULL);
    assert_null(filters_check(f));
}

/* A datagram whose first byte is what "grafts" look for. */
static void arrives_at(uint16_t port, uint8_t kind)
{
    uint8_t p[60] = {kind};

    p[12] = 8;
    p[14] = 0x45;
    p[23] = UDP;
    p[36] = (uint8_t)(port >> 8);
    p[37] = (uint8_t)port;
    hook_nic_received(p, sizeof p, NULL);
    ring_settle();
}

/* The tag of the packet that a ring got for it; -1: it got none. */
static long tag_for(unsigned i, uint16_t port, uint8_t kind)
{
    uint32_t before = header(i)->rx_done;

    post_rx(i, PAGE_SIZE, 1514);
    arrives_at(port, kind);
    if (header(i)->rx_done == before)
        return header(i)->rx_posted--, -1;
    assert_int_equal(header(i)->rx_done, before + 1);
    uint32_t state = header(i)->rx[before % RING_SLOTS].state;
    assert_int_equal(state & 0xff, RING_DONE);
    return state >> RING_TAG_SHIFT;
}

static uint16_t port_of(uint32_t i)
{
    return (uint16_t)(i * 40503u + 7); /* each another */
}

static struct filters *make_many(void)
{
    struct filters *f = make_table(0, 0, MANY);

    ring_set_filter(ring(0), NULL);
    ring_set_keys(ring(0), NULL, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        const struct filter_plan plan = {for_port(port_of(i), 0), NULL, i + 1};
        filters_set(f, i, 1, &plan);
    }
    assert_null(filters_check(f));
    assert_int_equal(record(0)->keys, MANY);
    return f;
}

static void a_thousand_take_each_its_own(void **state)
{
    struct filters *f = make_many();
    uint64_t seed = 3;

    (void)state;
    for (unsigned n = 0; n < SOME; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t i = (uint32_t)(seed >> 33) % MANY;
        assert_int_equal(tag_for(0, port_of(i), 0), i + 1);
        assert_int_equal(tag_for(0, port_of(i + MANY), 0), -1);
        empty_one(f, i);
        assert_int_equal(tag_for(0, port_of(i), 0), -1);
        set_one(f, i, for_port(port_of(i), 0), NULL, i + 1);
    }
    filters_destroy(f);
    assert_int_equal(caps[TABLE].node.child, 0);
    assert_int_equal(record(0)->keys, 0);
    assert_int_equal(tag_for(0, port_of(1), 0), -1);
}

/* Only the graft runs whose filter's key matches. */
static void a_graft_refuses_for_its_filter_alone(void **state)
{
    struct filters *f = make_table(0, 0, 8);
    struct cap *graft = &caps[CAP_GRAFT_0]; /* takes 1 */
    const uint64_t *runs = &records[OBJECT_GRAFTS].counts[COUNT_RUNS];

    (void)state;
    ring_set_filter(ring(0), NULL);
    ring_set_keys(ring(0), NULL, 0);
    for (uint32_t i = 0; i < 7; i++)
        set_one(f, i, for_port((uint16_t)i, 0), graft, i + 1);
    assert_int_equal(tag_for(0, 3, 1), 4);
    assert_int_equal(tag_for(0, 3, 2), -1);
    assert_int_equal(*runs, 2);
    assert_int_equal(tag_for(0, 9, 1), -1);
    assert_int_equal(*runs, 2);
    set_one(f, 7, for_port(3, 0), NULL, 8); /* what the first refuses */
    assert_int_equal(tag_for(0, 3, 1), 4);
    assert_int_equal(tag_for(0, 3, 2), 8);
    filters_destroy(f);
    assert_int_equal(graft->node.child, 0);
}

/* A filter without the graft that it had takes nothing, and keeps its key from others. */
static void who_loses_its_graft_takes_nothing(void **state)
{
    struct filters *f = make_table(0, 0, 2);

    (void)state;
    ring_set_filter(ring(0), NULL);
    ring_set_keys(ring(0), NULL, 0);
    set_one(f, 0, for_port(3, 0), &caps[CAP_GRAFT_0], 1);
    filters_drop(f, &f->at[0].graft);
    assert_null(filters_check(f));
    assert_int_equal(tag_for(0, 3, 1), -1);
    struct ring_key narrow = for_port(3, 0);
    narrow.mask.local = UINT32_MAX;
    make(1, 255);
    assert_true(ring_keys_steal(ring(1), &narrow, 1));
    set_one(f, 0, for_port(3, 0), NULL, 2);
    assert_int_equal(tag_for(0, 3, 1), 2);
    filters_destroy(f);
    drop(1);
}

static void filters_keep_the_rule(void **state)
{
    struct filters *f = make_table(0, 0, 4), *g;
    struct ring_key one = for_port(5, 0), part = one, wide = {.mask = {.protocol = UINT8_MAX}};

    (void)state;
    part.mask.remote_port = UINT16_MAX;
    wide.value.protocol = UDP;
    make(1, 255);
    g = make_table(1, 1, 4);
    ring_set_filter(ring(0), NULL);
    ring_set_filter(ring(1), NULL);
    ring_set_keys(ring(0), NULL, 0);
    ring_set_keys(ring(1), NULL, 0);
    set_one(f, 0, one, NULL, 1);
    assert_true(ring_keys_steal(ring(1), &part, 1));
    assert_false(ring_keys_steal(ring(0), &part, 1));
    assert_false(ring_keys_steal(ring(1), &one, 1));
    set_one(g, 0, one, NULL, 2);  /* later */
    set_one(g, 1, wide, NULL, 3); /* less specific */
    assert_int_equal(tag_for(0, 5, 0), 1);
    assert_int_equal(tag_for(1, 6, 0), 3);
    empty_one(f, 0);
    assert_int_equal(tag_for(1, 5, 0), 2);
    assert_true(ring_keys_steal(ring(0), &part, 1));
    struct ring_key other = for_port(6, 0); /* lies in `wide`, though not with all its bits */
    other.mask.protocol = 0xf0;
    other.value.protocol = UDP & 0xf0;
    assert_true(ring_keys_steal(ring(0), &other, 1));
    assert_false(ring_keys_steal(ring(1), &other, 1)); /* who has `wide` */
    other.value.protocol = 0x20;
    assert_false(ring_keys_steal(ring(0), &other, 1));
    filters_destroy(f);
    filters_destroy(g);
    drop(1);
}

/* Sending, too, is by all keys. */
static void who_would_hear_the_answer_may_ask(void **state)
{
    struct filters *f = make_many();
    struct flow flow = {.value = {.local_port = port_of(MANY - 1), .protocol = UDP},
                        .has = {.local_port = UINT16_MAX, .protocol = UINT8_MAX}};

    (void)state;
    make(1, 255);
    ring_set_keys(ring(1), NULL, 0);
    assert_true(ring_may_send(ring(0), &flow));
    assert_false(ring_may_send(ring(1), &flow));
    flow.value.local_port = port_of(MANY);
    assert_false(ring_may_send(ring(0), &flow));
    filters_destroy(f);
    drop(1);
}

/* The memory goes, and with it the filters of all tables. */
static void without_memory_there_are_no_filters(void **state)
{
    struct filters *f, *g;

    (void)state;
    make(1, 255);
    ring_set_keys(ring(1), NULL, 0);
    f = make_table(0, 1, 2);
    g = make_table(1, 1, 2);
    set_one(f, 0, for_port(1, 0), &caps[CAP_GRAFT_0], 1);
    set_one(g, 1, for_port(2, 0), NULL, 2);
    assert_int_equal(record(1)->keys, 2);
    ring_drop(ring(1), &ring(1)->memory);
    assert_null(ring_check(ring(1)));
    assert_int_equal(record(1)->keys, 0);
    assert_null(f->ring);
    assert_null(g->ring);
    assert_null(filters_check(f));
    assert_int_equal(tag_for(0, 2, 1), 0); /* the other ring has all that is nobody's */
    filters_drop(f, &f->node);             /* and then the ring's capability */
    filters_destroy(f);
    filters_destroy(g);
    drop(1);
}

/* The ring's capability goes, and its memory stays: the tables made with it are empty and dead. */
static void without_its_capability_a_table_is_dead(void **state)
{
    struct filters *f, *g;

    (void)state;
    make(1, 255);
    ring_set_keys(ring(1), NULL, 0);
    f = make_table(0, 1, 2);
    g = make_table(1, 1, 2);
    set_one(f, 0, for_port(1, 0), NULL, 1);
    set_one(g, 0, for_port(2, 0), NULL, 2);
    filters_drop(f, &f->node);
    assert_null(f->ring);
    assert_false(f->at[0].in_use);
    assert_int_equal(f->node.parent, 0);
    assert_int_equal(record(1)->keys, 1);
    assert_int_equal(tag_for(0, 1, 1), 0);
    assert_int_equal(tag_for(1, 2, 1), 2);
    filters_destroy(f);
    filters_destroy(g);
    drop(1);
}

/* Keys of one hash are told apart: by their values, and by their masks where values are the same.
 */
static void keys_of_one_hash_are_told_apart(void **state)
{
    struct filters *f[3];
    struct ring_key narrow = for_port(0, 0);
    uint32_t n = 0;

    (void)state;
    make(1, 255);
    ring_set_keys(ring(0), NULL, 0);
    ring_set_keys(ring(1), NULL, 0);
    for (unsigned t = 0; t < 3; t++) {
        f[t] = make_table(t, 0, FILTERS_MAX);
        for (uint32_t i = 0; i < FILTERS_MAX; i++, n++) {
            struct filter_plan plan = {for_port((uint16_t)n, 0), NULL, 0};
            if (n) /* the first alone asks for nothing more */
                plan.key.mask.remote_port = UINT16_MAX;
            filters_set(f[t], i, 1, &plan);
        }
    }
    struct flow flow = {.value.protocol = UDP, .has = {.local_port = 65535, .protocol = 255}};
    narrow.mask.ethertype = UINT16_MAX;
    for (uint32_t port = 1; port < 0x10000; port++) {
        flow.value.local_port = narrow.value.local_port = (uint16_t)port;
        assert_null(ring_bound_first(&flow)); /* it has no remote port */
        assert_false(ring_keys_steal(ring(1), &narrow, 1));
    }
    flow.value.local_port = narrow.value.local_port = 0;
    assert_non_null(ring_bound_first(&flow));
    assert_true(ring_keys_steal(ring(1), &narrow, 1));
    for (unsigned t = 0; t < 3; t++)
        filters_destroy(f[t]);
    drop(1);
}

/* What a packet lacks is not zero. */
static void a_packet_without_address_matches_no_address(void **state)
{
    struct filters *f = make_table(0, 0, 1);
    struct flow flow = {.has = {.ethertype = UINT16_MAX}};

    (void)state;
    ring_set_keys(ring(0), NULL, 0);
    set_one(f, 0, (struct ring_key){.mask = {.local = UINT32_MAX}}, NULL, 1);
    assert_null(ring_bound_first(&flow));
    flow.has.local = UINT32_MAX;
    assert_ptr_equal(ring_bound_first(&flow), &f->at[0].bound);
    filters_destroy(f);
}

/* Nobody's filters make others' packets slow: keys, masks and hashes have bounds. */
static void there_are_bounds(void **state)
{
    struct filters *f = make_table(0, 0, FILTERS_MAX);
    struct ring_key k = for_port(1, 0), fresh;
    uint32_t n = 0, masks = 1; /* the ring's own key has one */

    (void)state;
    for (; n < FILTERS_MAX && has_room(&k); n++)
        set_one(f, n, k, NULL, 0);
    assert_int_equal(n, 128); /* of one hash */
    filters_set(f, 0, n, NULL);
    for (; masks < RING_KEYS_MASKS; masks++) {
        fresh = (struct ring_key){.mask = {.remote = masks}};
        set_one(f, masks, fresh, NULL, 0);
    }
    assert_true(has_room(&fresh));
    fresh.mask.remote = masks;
    assert_false(has_room(&fresh));
    const struct ring_key twice[] = {fresh, fresh};
    empty_one(f, 1);
    assert_true(ring_keys_fit(twice, 2)); /* of one new mask */
    filters_destroy(f);
}

static void the_card_has_room_for_so_many(void **state)
{
    struct filters *f[4];
    struct ring_key last[FILTERS_BATCH + 1];
    const uint32_t room = RING_KEYS_ALL - FILTERS_BATCH;

    (void)state;
    ring_set_keys(ring(0), NULL, 0);
    for (unsigned t = 0; t < 4; t++)
        f[t] = make_table(t, 0, FILTERS_MAX);
    for (uint32_t n = 0; n < room; n++) {
        const struct filter_plan plan = {for_port((uint16_t)n, 0), NULL, 0};
        assert_true(has_room(&plan.key));
        filters_set(f[n / FILTERS_MAX], n % FILTERS_MAX, 1, &plan);
    }
    for (unsigned i = 0; i <= FILTERS_BATCH; i++)
        last[i] = for_port((uint16_t)(room + i), 0);
    assert_true(ring_keys_fit(last, FILTERS_BATCH));
    assert_false(ring_keys_fit(last, FILTERS_BATCH + 1));
    empty_one(f[1], 5);
    assert_true(ring_keys_fit(last, FILTERS_BATCH + 1));
    for (unsigned t = 0; t < 4; t++)
        filters_destroy(f[t]);
}

/* A packet is shown to so many filters and then to none. */
static void a_packet_is_not_shown_for_ever(void **state)
{
    struct filters *f = make_table(0, 0, FILTERS_MAX);
    const uint64_t *runs = &records[OBJECT_GRAFTS].counts[COUNT_RUNS];

    (void)state;
    ring_set_filter(ring(0), NULL);
    ring_set_keys(ring(0), NULL, 0);
    for (uint32_t i = 0; i < 2 * RING_KEYS_SHOWN; i++) {
        struct ring_key k = for_port(1, 0);
        if (i >= RING_KEYS_SHOWN)
            k.mask.protocol = k.value.protocol = 0;
        set_one(f, i, k, i == RING_KEYS_SHOWN ? NULL : &caps[CAP_GRAFT_0], 0);
    }
    assert_int_equal(tag_for(0, 1, 9), -1);
    assert_int_equal(*runs, RING_KEYS_SHOWN);
    empty_one(f, 0);
    assert_int_equal(tag_for(0, 1, 9), 0);
    filters_destroy(f);
}

static void check_names_the_broken_invariant(void **state)
{
    struct filters *f = make_table(0, 0, 2);

    (void)state;
    set_one(f, 0, for_port(1, 0), NULL, 0);
    f->at[0].bound.ring = ring(1);
    assert_memory_equal(filters_check(f), "Y1", 2);
    f->at[0].bound.ring = ring(0);
    f->at[1].graft.parent = 1;
    assert_memory_equal(filters_check(f), "Y1", 2);
    f->at[1].graft.parent = 0;
    f->used = 2;
    assert_memory_equal(filters_check(f), "Y2", 2);
    f->used = 1;
    ring(0)->filter_count = 0;
    assert_memory_equal(filters_check(f), "Y2", 2);
    ring(0)->filter_count = 1;
    f->at[0].bound.bits--;
    assert_memory_equal(filters_check(f), "G4", 2);
    f->at[0].bound.bits++;
    f->at[0].bound.ring = f->ring = NULL;
    assert_memory_equal(filters_check(f), "Y3", 2);
    f->at[0].bound.ring = f->ring = ring(0);
    filters_destroy(f);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fresh, end)
    const struct CMUnitTest tests[] = {
        T(a_thousand_take_each_its_own),
        T(a_graft_refuses_for_its_filter_alone),
        T(who_loses_its_graft_takes_nothing),
        T(filters_keep_the_rule),
        T(who_would_hear_the_answer_may_ask),
        T(without_memory_there_are_no_filters),
        T(without_its_capability_a_table_is_dead),
        T(keys_of_one_hash_are_told_apart),
        T(a_packet_without_address_matches_no_address),
        T(there_are_bounds),
        T(the_card_has_room_for_so_many),
        T(a_packet_is_not_shown_for_ever),
        T(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Parts of the network card: what ends with what, and the invariants. */
#include "tests/host/flows_world.h"

static void with_the_part_go_keys_and_smaller_parts(void **state)
{
    const struct flows_load small = {.count = 1, .rings = 1, .bound = 3, .keys = {for_port(53)}};
    const uint32_t free = world_free();

    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(BOSS(cap_copy, SLOT_ENV, PART + 1, PART, RIGHT_ALL, 0, 0));
    OK(make_part(PART + 1, PART + 2, small));
    OK(make_ring(0, PART + 1));
    OK(make_ring(1, PART + 2));
    OK(bind(0, for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    OK(BOSS(filters_create, RING + 1, REGION, PFN_ANY, 20, TABLE));
    OK(fill(TABLE, 0, 3, for_port(53)));
    assert_true(hears(1, 53));
    OK(BOSS(cap_revoke, PART)); /* which stays */
    assert_int_equal(cap_slot(world.root, PART + 2)->kind, CAP_NONE);
    assert_int_equal(part_in(PART)->rings, 4);
    assert_int_equal(part_in(PART)->bound, 8);
    assert_false(hears(1, 53));
    assert_false(hears(0, 0));
    assert_int_equal(fate(0, ADDRESS, 0), RING_BAD);
    assert_int_equal(bind(0, for_arp(RING_KEY_COPY | RING_KEY_YIELD)), ERR_BAD_STATE);
    assert_int_equal(fill(TABLE, 0, 1, for_port(53)), ERR_BAD_STATE);
    assert_int_equal(BOSS(filters_create, RING, REGION, PFN_ANY, 20, FREE), ERR_BAD_STATE);
    OK(BOSS(cap_delete, RING));
    OK(BOSS(cap_delete, RING + 1));
    OK(make_ring(2, PART)); /* the next one has it */
    OK(bind(2, for_port(53)));
    assert_true(hears(2, 53));
    for (slot_t s = PART; s < TABLE + 1; s++)
        if (cap_slot(world.root, s)->kind)
            OK(BOSS(cap_delete, s));
    assert_int_equal(world_free(), free);
}

/* The card itself is such a binding, too. */
static void with_the_card_go_its_rings_keys(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, PART, SLOT_NIC, RW | RIGHT_GRANT, 0, 0));
    OK(make_ring(0, PART));
    OK(bind(0, for_port(53)));
    assert_true(hears(0, 53));
    OK(BOSS(cap_delete, PART));
    assert_false(hears(0, 53));
    assert_int_equal(bind(0, for_port(53)), ERR_BAD_STATE);
}

/* So much hangs on one part that taking it back needs several entries: parts, each with a copy. */
static void it_is_taken_back_in_steps(void **state)
{
    const struct flows_load small = {.count = 1, .rings = 0, .bound = 0, .keys = {for_port(53)}};
    struct party p;

    (void)state;
    party_make(&p, 30);
    give(p.env, 20, REGION, RIGHT_ALL);
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    give(p.env, 21, PART, RIGHT_ALL);
    for (unsigned i = 0; i < 1 + 2 * MANY / CAPS_PER_FRAME; i++)
        OK(BOSS(env_extend, p.env, REGION, PFN_ANY));
    memcpy(memory_of(p.t, PARTY_MEMORY), &small, sizeof small);
    const uint32_t free = world_free();
    for (slot_t s = CAPS_PER_FRAME; s < CAPS_PER_FRAME + 2 * MANY; s += 2) {
        OK(CALL(p.t, flows_create, 21, 20, PFN_ANY, PARTY_MEMORY, s));
        OK(CALL(p.t, cap_copy, SLOT_ENV, s + 1, s, RIGHT_ALL, 0, 0));
    }
    OK(make_ring(0, PART));
    OK(bind(0, for_port(53)));
    OK(BOSS(cap_revoke, PART));
    assert_true(world.entries > 1);
    assert_int_equal(cap_slot(world.root, PART)->node.child, 0);
    assert_false(hears(0, 53));
    assert_int_equal(world_free(), free - FRAMES - 1);
}

/* A stranger has a copy, gives a smaller part of it to another, and dies. */
static void a_part_ends_with_who_gave_it(void **state)
{
    const struct flows_load l = load_of(53);
    struct party a, b;

    (void)state;
    party_make(&a, 30);
    party_make(&b, 40);
    OK(make_part(SLOT_NIC, PART, l));
    give(a.env, 20, PART, RIGHT_ALL);
    give(a.env, 21, REGION, RIGHT_ALL);
    give(a.env, 22, b.env, RIGHT_ALL);
    memcpy(memory_of(a.t, PARTY_MEMORY), &l, sizeof l);
    OK(CALL(a.t, flows_create, 20, 21, PFN_ANY, PARTY_MEMORY, 23));
    OK(CALL(a.t, cap_copy, 22, 20, 23, RIGHT_ALL, 0, 0));
    give(b.env, 21, REGION, RIGHT_ALL);
    make_frames(MEMORY, FRAMES);
    give(b.env, 22, MEMORY, RIGHT_ALL);
    OK(CALL(b.t, ring_create, 20, 21, PFN_ANY, 22, SLOT_NONE, 23));
    const struct ring_key key = for_port(53);
    memcpy(memory_of(b.t, PARTY_MEMORY), &key, sizeof key);
    OK(CALL(b.t, ring_keys, 23, PARTY_MEMORY, 1));
    assert_true(hears(0, 53));
    assert_int_equal(part_in(PART)->rings, 0);
    OK(BOSS(cap_delete, a.env));
    assert_false(hears(0, 53));
    assert_int_equal(cap_slot(b.e, 20)->kind, CAP_NONE);
    assert_int_equal(CALL(b.t, ring_keys, 23, PARTY_MEMORY, 1), ERR_BAD_STATE);
    assert_int_equal(part_in(PART)->rings, 4);
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(make_part(PART, PART + 1, load_of(53)));
    OK(make_ring(0, PART + 1));
    OK(bind(0, for_port(53)));
    struct flows *f = part_in(PART + 1), good = *f;
    assert_null(flows_check(f));
    f->keys[0] = for_port(54);
    assert_memory_equal(flows_check(f), "L1", 2);
    assert_memory_equal(hook_check(), "L1", 2);
    f->of = NULL;
    assert_memory_equal(flows_check(f), "L2", 2);
    *f = good;
    f->rings = 0;
    assert_memory_equal(flows_check(f), "L3", 2);
    *f = good;
    f->bound = 0;
    assert_memory_equal(flows_check(f), "L3", 2);
    *f = good;
    OK(BOSS(filters_create, RING, REGION, PFN_ANY, 20, TABLE));
    OK(fill(TABLE, 0, 1, for_port(53)));
    struct filters *t = frame_memory(cap_slot(world.root, TABLE)->base);
    t->at[0].bound.key.value.local_port++;
    assert_memory_equal(flows_check(f), "L2", 2);
    t->at[0].bound.key.value.local_port--;
    assert_null(hook_check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(with_the_part_go_keys_and_smaller_parts),
        WORLD_TEST(with_the_card_go_its_rings_keys),
        WORLD_TEST(it_is_taken_back_in_steps),
        WORLD_TEST(a_part_ends_with_who_gave_it),
        WORLD_TEST(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

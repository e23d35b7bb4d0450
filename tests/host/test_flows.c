/* Parts of the network card: the errors of their calls, what rings that were made by one may bind
 * and send, and what each may use up. */
#include "tests/host/flows_world.h"

#define BAD_LOAD(error, change)                                                                    \
    do {                                                                                           \
        struct flows_load l = load_of(53);                                                         \
        change;                                                                                    \
        put(LOAD, &l, sizeof l);                                                                   \
        REFUSED(error, world.boss, flows_create, PART, REGION, PFN_ANY, LOAD, FREE);               \
    } while (0)

static void a_part_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(make_part(SLOT_NIC, PART, load_of(53)));
    BAD_LOAD(ERR_BAD_ARG, l.count = 0);
    BAD_LOAD(ERR_BAD_ARG, l.count = FLOWS_KEYS + 1);
    BAD_LOAD(ERR_BAD_ARG, l.keys[1].unused = 1);
    BAD_LOAD(ERR_BAD_ARG, l.keys[1].mask.local = 1);
    BAD_LOAD(ERR_BAD_ARG, l.keys[1].flags |= 4);
    BAD_LOAD(ERR_NO_RIGHT, l.keys[0] = for_port(54));
    BAD_LOAD(ERR_NO_RIGHT, l.keys[0].mask.local_port = l.keys[0].value.local_port = 0);
    BAD_LOAD(ERR_NO_RIGHT, l.keys[1].flags = RING_KEY_COPY);
    BAD_LOAD(ERR_NO_MEM, l.rings = 5);
    BAD_LOAD(ERR_NO_MEM, l.bound = 9);
    BAD_LOAD(ERR_NO_MEM, l.narrow = 3);
    BAD_LOAD(ERR_NO_MEM, l.keys[0].mask.remote = UINT32_MAX); /* another mask, and two more */
    BAD_LOAD(ERR_NO_MEM, l.narrow = UINT32_MAX);
    BAD_LOAD(ERR_NO_MEM, l.rings = UINT32_MAX);
    const struct flows_load l = load_of(53);
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_BAD_ARG, b, flows_create, PART, REGION, 0, LOAD, FREE);
    REFUSED(ERR_BAD_ARG, b, flows_create, PART, REGION, PFN_ANY, LOAD, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, flows_create, REGION, REGION, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_BAD_CAP, b, flows_create, PART, PART, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_BAD_USER, b, flows_create, PART, REGION, PFN_ANY, 8, FREE);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_READ | RIGHT_GRANT, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, flows_create, WEAK, REGION, PFN_ANY, LOAD, FREE);
    OK(BOSS(cap_delete, WEAK));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_READ | RIGHT_WRITE, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, flows_create, WEAK, REGION, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_IN_USE, b, flows_create, PART, REGION, PFN_ANY, LOAD, WEAK);
    REFUSED(ERR_IN_USE, b, flows_create, PART, REGION, cap_slot(world.root, PART)->base, LOAD,
            FREE);
}

static void what_a_part_is_can_be_read(void **state)
{
    struct flows_load l = load_of(53), got;

    (void)state;
    OK(make_part(SLOT_NIC, PART, l));
    struct flows_load small = {.count = 1, .rings = 1, .bound = 3, .keys = {for_port(53)}};
    OK(make_part(PART, PART + 1, small));
    OK(BOSS(flows_read, PART, LOAD));
    assert_true(space_copy_in(world.root->root, &got, LOAD, sizeof got));
    l.rings -= small.rings;
    l.bound -= small.bound;
    assert_memory_equal(&got, &l, sizeof l);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_WRITE, 0, 0));
    REFUSED(ERR_NO_RIGHT, world.boss, flows_read, WEAK, LOAD);
    REFUSED(ERR_BAD_CAP, world.boss, flows_read, SLOT_NIC, LOAD);
    REFUSED(ERR_BAD_USER, world.boss, flows_read, PART, 8);
}

static void keys_lie_inside_the_part(void **state)
{
    struct ring_key narrow = for_port(53), wide = for_port(53), other = for_port(53);

    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_READ, 0, 0));
    make_frames(MEMORY + 3, FRAMES);
    REFUSED(ERR_NO_RIGHT, world.boss, ring_create, WEAK, REGION, PFN_ANY, MEMORY + 3, SLOT_NONE,
            FREE);
    OK(make_ring(0, PART));
    assert_int_equal(bind(0, for_port(54)), ERR_NO_RIGHT);
    wide.mask.local = wide.value.local = 0;
    assert_int_equal(bind(0, wide), ERR_NO_RIGHT);
    other.value.local++;
    assert_int_equal(bind(0, other), ERR_NO_RIGHT);
    assert_int_equal(bind(0, for_arp(RING_KEY_YIELD)), ERR_NO_RIGHT); /* it would keep it */
    assert_int_equal(bind_two(0, for_port(53), for_port(54)), ERR_NO_RIGHT);
    assert_false(hears(0, 53));
    narrow.value.remote = PEER;
    narrow.mask.remote = UINT32_MAX;
    narrow.flags = RING_KEY_YIELD;
    OK(bind(0, narrow));
    assert_true(hears(0, 53));
    OK(bind_two(0, for_port(53), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    assert_true(hears(0, 53));
    assert_true(hears(0, 0));
    assert_false(hears(0, 54));
    OK(BOSS(filters_create, RING, REGION, PFN_ANY, 20, TABLE));
    assert_int_equal(fill(TABLE, 0, 1, for_port(54)), ERR_NO_RIGHT);
    OK(fill(TABLE, 0, 1, for_port(53)));
    assert_int_equal(fill(TABLE, 0, 1, for_arp(0)), ERR_NO_RIGHT);
}

static void what_is_sent_is_its_own(void **state)
{
    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(make_ring(0, PART));
    sent = 0;
    assert_int_equal(fate(0, ADDRESS, 53), RING_BAD); /* no key yet */
    OK(bind_two(0, for_port(53), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    assert_int_equal(fate(0, ADDRESS, 53), RING_DONE);
    assert_int_equal(fate(0, ADDRESS, 0), RING_DONE);
    assert_int_equal(fate(0, ADDRESS, 54), RING_BAD);
    assert_int_equal(fate(0, ADDRESS + 1, 53), RING_BAD);
    assert_int_equal(fate(0, ADDRESS + 1, 0), RING_BAD);
    assert_int_equal(sent, 2);
}

/* Two parts of strangers, and who has the rest. */
static void parts_stand_side_by_side(void **state)
{
    const struct ring_key rest = {.flags = RING_KEY_YIELD};

    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(make_part(SLOT_NIC, PART + 1, load_of(54)));
    OK(make_ring(0, PART));
    OK(make_ring(1, PART + 1));
    OK(make_ring(2, SLOT_NIC));
    OK(bind(2, rest));
    OK(bind_two(0, for_port(53), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    OK(bind_two(1, for_port(54), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    assert_true(hears(0, 53));
    assert_false(hears(1, 53));
    assert_true(hears(1, 54));
    assert_true(hears(2, 55));
    assert_false(hears(2, 53));
    for (unsigned i = 0; i < 3; i++)
        assert_true(hears(i, 0)); /* all hear ARP */
    assert_int_equal(fate(2, ADDRESS, 53), RING_BAD);
    assert_int_equal(fate(2, ADDRESS, 55), RING_DONE);
    assert_int_equal(fate(1, ADDRESS, 53), RING_BAD);
    OK(bind(2, for_arp(0))); /* the whole card's owner keeps to the rule, too */
    OK(bind(0, for_port(53)));
    struct ring_key part = for_port(53);
    part.mask.remote = UINT32_MAX;
    assert_int_equal(bind(2, part), ERR_IN_USE);
    OK(BOSS(cap_delete, PART));
    OK(bind(2, part));
}

/* Masks are what the card has least of: those of other masks than the part's count. */
static void keys_of_other_masks_are_bounded(void **state)
{
    struct flows_load l = load_of(53), small = {.count = 1, .rings = 1, .bound = 4};
    struct ring_key near = for_port(53), port = for_port(53);

    (void)state;
    near.flags = port.flags = RING_KEY_YIELD;
    near.mask.remote = UINT32_MAX;
    near.value.remote = PEER;
    port.mask.remote_port = UINT16_MAX;
    OK(make_part(SLOT_NIC, PART, l));
    OK(make_ring(0, PART));
    OK(make_ring(1, PART));
    OK(bind_two(0, near, port));
    OK(bind_two(0, port, near)); /* in place of those */
    assert_int_equal(bind(1, near), ERR_NO_MEM);
    OK(BOSS(filters_create, RING + 1, REGION, PFN_ANY, 20, TABLE));
    assert_int_equal(fill(TABLE, 0, 1, near), ERR_NO_MEM);
    OK(bind(0, near));
    OK(fill(TABLE, 0, 1, near));
    OK(fill(TABLE, 0, 1, port));
    assert_int_equal(fill(TABLE, 1, 1, port), ERR_NO_MEM);
    small.keys[0] = near;
    assert_int_equal(make_part(PART, PART + 1, small), ERR_NO_MEM);
    OK(BOSS(ring_keys, RING, 0, 0));
    OK(make_part(PART, PART + 1, small)); /* in whose rings it counts no more */
    assert_int_equal(part_in(PART)->narrow, 1);
    OK(make_ring(2, PART + 1));
    OK(bind_two(2, near, near));
    near.mask.remote_port = UINT16_MAX;
    assert_int_equal(bind(2, near), ERR_NO_MEM);
    OK(BOSS(cap_delete, PART + 1));
    assert_int_equal(part_in(PART)->narrow, 2);
}

static void each_part_has_its_bounds(void **state)
{
    struct flows_load l = load_of(53), small = {.count = 1, .keys = {for_port(53)}};

    (void)state;
    l.rings = 2;
    l.bound = 5;
    OK(make_part(SLOT_NIC, PART, l));
    OK(make_ring(0, PART));
    OK(make_ring(1, PART));
    make_frames(MEMORY + 2, FRAMES);
    REFUSED(ERR_NO_MEM, world.boss, ring_create, PART, REGION, PFN_ANY, MEMORY + 2, SLOT_NONE,
            RING + 2);
    OK(bind_two(0, for_port(53), for_port(53)));
    OK(BOSS(filters_create, RING + 1, REGION, PFN_ANY, 20, TABLE));
    assert_int_equal(fill(TABLE, 0, 4, for_port(53)), ERR_NO_MEM);
    OK(fill(TABLE, 0, 3, for_port(53)));
    OK(fill(TABLE, 0, 3, for_port(53))); /* in place of those */
    assert_int_equal(fill(TABLE, 1, 3, for_port(53)), ERR_NO_MEM);
    OK(bind_two(0, for_port(53), for_port(53)));
    assert_int_equal(bind(1, for_port(53)), ERR_NO_MEM);
    OK(bind(0, for_port(53)));
    OK(bind(1, for_port(53)));
    assert_int_equal(make_part(PART, PART + 1, small), ERR_OK); /* that gets nothing */
    small.rings = 1;
    assert_int_equal(make_part(PART, PART + 2, small), ERR_NO_MEM);
    OK(BOSS(cap_delete, RING));
    OK(make_part(PART, PART + 2, small));
    OK(BOSS(cap_delete, MEMORY));
    make_frames(MEMORY, FRAMES);
    assert_int_equal(BOSS(ring_create, PART, REGION, PFN_ANY, MEMORY, SLOT_NONE, RING),
                     ERR_NO_MEM); /* given on */
    OK(BOSS(cap_delete, PART + 2));
    OK(BOSS(ring_create, PART, REGION, PFN_ANY, MEMORY, SLOT_NONE, RING));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_part_that_is_refused_changes_nothing),
        WORLD_TEST(what_a_part_is_can_be_read),
        WORLD_TEST(keys_lie_inside_the_part),
        WORLD_TEST(what_is_sent_is_its_own),
        WORLD_TEST(parts_stand_side_by_side),
        WORLD_TEST(keys_of_other_masks_are_bounded),
        WORLD_TEST(each_part_has_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

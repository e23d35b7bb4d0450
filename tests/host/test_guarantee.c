/* Guarantees: what is counted, who is bound by them on which way, and what ends them. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/guarantee.h"
#include "bindings/revoke.h"
#include "exo/abi/revoke.h"
#include "tests/host/kernel_ipc.h"

#define MINE  6u /* p's slot: a part of PART */
#define SMALL 7u /* p's slots: memory that it made */
#define LARGE 8u
#define DST   50u
#define COPY  51u /* boss's: a copy of PART, which p's memory does not come from */
#define PART  52u
#define BELOW 53u /* boss's: derived from PART; p's region comes from it */
#define SOON  (host.ticks + 1000)

static struct party p, q;

static int guarantee(uint32_t kind, uint32_t count)
{
    return BOSS(revoke_guarantee, p.env, PART, kind, count);
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(cap_copy, SLOT_ENV, PART, REGION, RIGHT_ALL, world.base + world.count - 400, 400));
    OK(BOSS(cap_copy, SLOT_ENV, BELOW, PART, RIGHT_ALL, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, COPY, PART, RIGHT_ALL, 0, 0));
    give(p.env, MINE, BELOW, RIGHT_ALL);
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 10, SMALL));
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 100, LARGE));
    return 0;
}

static uint32_t held(uint32_t kind)
{
    return p.e->guarantee[kind].held;
}

static void ask_and_wait(slot_t cap, uint32_t kind, uint32_t count)
{
    OK(BOSS(revoke_ask, cap, p.e->number, kind, count, SOON, SLOT_NONE));
    pass_time(1000);
    for (unsigned i = 0; p.e->ask.from; i++) {
        assert_true(i < 1000);
        pass_time(1);
    }
}

static void only_the_maker_guarantees_and_for_what_it_may_grant(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, DST, p.env, RIGHT_ALL, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, DST + 4, PART, RIGHT_READ | RIGHT_WRITE, 0, 0));
    REFUSED(ERR_BAD_ARG, b, revoke_guarantee, p.env, PART, 0, 1);
    REFUSED(ERR_BAD_ARG, b, revoke_guarantee, p.env, PART, REVOKE_KIND_COUNT, 1);
    REFUSED(ERR_BAD_CAP, b, revoke_guarantee, PART, PART, REVOKE_FRAMES, 1);
    REFUSED(ERR_BAD_CAP, b, revoke_guarantee, p.env, DST + 8, REVOKE_FRAMES, 1);
    REFUSED(ERR_NO_RIGHT, b, revoke_guarantee, DST, PART, REVOKE_FRAMES, 1);
    REFUSED(ERR_NO_RIGHT, b, revoke_guarantee, p.env, DST + 4, REVOKE_FRAMES, 1);
    REFUSED(ERR_NO_RIGHT, p.t, revoke_guarantee, SLOT_ENV, MINE, REVOKE_FRAMES, 1000);
}

static void what_comes_and_goes_is_counted(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 20));
    assert_int_equal(held(REVOKE_FRAMES), 110);
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 5, 30));
    OK(CALL(p.t, frames_find, MINE, (word_t)UINT32_MAX << 32, 2, 0, ~(word_t)0, 31));
    assert_int_equal(held(REVOKE_FRAMES), 117);
    OK(CALL(p.t, cap_copy, SLOT_ENV, 32, 30, RIGHT_READ, 0, 0)); /* no object */
    OK(CALL(p.t, cap_delete, 30));
    assert_int_equal(held(REVOKE_FRAMES), 112);
    ask_and_wait(PART, REVOKE_FRAMES, 50);
    assert_int_equal(held(REVOKE_FRAMES), 62);
    OK(BOSS(cap_copy, p.env, 33, REGION, RIGHT_ALL, 0, 0));
    OK(CALL(p.t, frames_alloc, 33, PFN_ANY, 7, 34)); /* from elsewhere */
    assert_int_equal(held(REVOKE_FRAMES), 62);
    OK(guarantee(REVOKE_FRAMES, 0));
    assert_int_equal(cap_slot(p.e, SMALL)->flags, CAP_ORIGIN);
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 5, 35));
    assert_int_equal(held(REVOKE_FRAMES), 0);
}

static void another_promise_counts_anew(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 20));
    OK(BOSS(cap_copy, p.env, 33, COPY, RIGHT_ALL, 0, 0));
    OK(CALL(p.t, frames_alloc, 33, PFN_ANY, 7, 34));
    OK(BOSS(revoke_guarantee, p.env, COPY, REVOKE_FRAMES, 5));
    assert_int_equal(held(REVOKE_FRAMES), 7);
    assert_int_equal(cap_slot(p.e, SMALL)->flags, CAP_ORIGIN);
    OK(BOSS(revoke_guarantee, p.env, BELOW, REVOKE_FRAMES, 5));
    assert_int_equal(held(REVOKE_FRAMES), 110);
}

static void an_ask_leaves_the_minimum(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 20));
    OK(BOSS(revoke_ask, BELOW, p.e->number, REVOKE_FRAMES, 1000, SOON, SLOT_NONE));
    assert_int_equal(world.result, 90);
    pass_time(1000);
    pass_time(1);
    assert_int_equal(p.e->ask.from, 0);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 10);
    assert_int_equal(cap_slot(p.e, SMALL)->count, 10);
    assert_int_equal(BOSS(revoke_ask, PART, p.e->number, REVOKE_FRAMES, 1, SOON, SLOT_NONE),
                     ERR_BAD_STATE);
}

static void an_ask_that_is_open_leaves_what_is_guaranteed_later(void **state)
{
    (void)state;
    OK(BOSS(revoke_ask, PART, p.e->number, REVOKE_FRAMES, 105, SOON, SLOT_NONE));
    OK(guarantee(REVOKE_FRAMES, 20));
    pass_time(1000);
    pass_time(1);
    pass_time(1);
    assert_int_equal(p.e->ask.from, 0);
    assert_int_equal(held(REVOKE_FRAMES), 20);
}

static void who_gives_up_while_it_is_taken_from_keeps_the_minimum(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 20));
    OK(BOSS(revoke_ask, PART, p.e->number, REVOKE_FRAMES, 90, SOON, SLOT_NONE));
    OK(CALL(p.t, cap_delete, SMALL));
    make_tables(p.env, PARTY_MEMORY + 1200 * PAGE_SIZE);
    make_tables(p.env, PARTY_MEMORY + 600 * PAGE_SIZE);
    pfn_t large = cap_slot(p.e, LARGE)->base;
    for (uint32_t i = 0; i < 1000; i++) {
        const struct page_entry e = {PARTY_MEMORY + (520 + i) * PAGE_SIZE, large + i % 100, RW};
        put_entries(p.t, PARTY_MEMORY, &e, 1);
        OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 1));
    }
    pass_time(1000); /* 80 of LARGE are due, and being taken */
    assert_int_equal(p.e->ask.victim, 1 + LARGE);
    OK(guarantee(REVOKE_FRAMES, 60));
    while (p.e->ask.from)
        pass_time(1);
    assert_int_equal(held(REVOKE_FRAMES), 60);
}

static void revoking_the_giver_takes_all_but_what_is_guaranteed(void **state)
{
    (void)state;
    static const slot_t ways[] = {PART, BELOW};

    OK(guarantee(REVOKE_FRAMES, 101));
    give(q.env, MINE, BELOW, RIGHT_ALL); /* between the two in the order of taking */
    OK(CALL(q.t, frames_alloc, MINE, PFN_ANY, 9, SMALL));
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 5, 30)); /* 115 */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(BOSS(cap_revoke, ways[i]), ERR_BAD_STATE);
        assert_in_range(held(REVOKE_FRAMES), 101, 110);
        assert_int_equal(cap_slot(p.e, LARGE)->count, 100);
        assert_int_equal(cap_slot(p.e, MINE)->kind, CAP_REGION);
    }
    assert_int_equal(cap_slot(p.e, 30)->kind, CAP_NONE);    /* above the minimum */
    assert_int_equal(cap_slot(q.e, SMALL)->kind, CAP_NONE); /* the neighbour had no promise */
    assert_int_equal(cap_slot(world.root, COPY)->kind, CAP_NONE);
    assert_int_equal(BOSS(cap_delete, BELOW), ERR_BAD_STATE);
    assert_int_equal(cap_slot(world.root, BELOW)->kind, CAP_REGION);
    OK(guarantee(REVOKE_FRAMES, 0)); /* withdrawn first */
    OK(BOSS(cap_delete, BELOW));
    assert_int_equal(cap_slot(p.e, LARGE)->kind, CAP_NONE);
}

static void bindings_of_what_is_guaranteed_stay(void **state)
{
    (void)state;
    const struct page_entry e = {PARTY_MEMORY + 8 * PAGE_SIZE, cap_slot(p.e, LARGE)->base, RW};

    put_entries(p.t, PARTY_MEMORY, &e, 1);
    OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 1));
    OK(guarantee(REVOKE_FRAMES, 100));
    assert_int_equal(BOSS(cap_revoke, PART), ERR_BAD_STATE);
    assert_true(arch_pte_present(*entry_of(p.e, e.va)));
    assert_int_equal(held(REVOKE_FRAMES), 100);
}

static void who_stands_above_is_not_bound(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 100));
    ask_and_wait(REGION, REVOKE_FRAMES, 50);
    assert_int_equal(held(REVOKE_FRAMES), 60);
    OK(BOSS(cap_revoke, REGION));
    assert_int_equal(cap_slot(world.root, PART)->kind, CAP_NONE);
}

static void the_environment_itself_may_give_up_all(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 110));
    OK(CALL(p.t, cap_delete, LARGE));
    OK(CALL(p.t, cap_revoke, MINE));
    assert_int_equal(held(REVOKE_FRAMES), 0);
}

static void the_end_of_the_environment_ends_it(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 110));
    OK(BOSS(cap_delete, p.thread)); /* its last thread: it is no more, but an object */
    env_end(p.e, 0, 0, 0);
    OK(BOSS(cap_revoke, PART));
    assert_int_equal(cap_slot(p.e, LARGE)->kind, CAP_NONE);
}

static void with_its_maker_goes_what_the_maker_promised(void **state)
{
    (void)state;
    rights_t rights = cap_slot(world.root, SLOT_IRQ)->rights;

    OK(BOSS(cap_copy, q.env, SLOT_IRQ, SLOT_IRQ, rights, 4, 4));
    give(q.env, 40, PART, RIGHT_ALL); /* q makes an environment of its own */
    OK(CALL(q.t, env_create, 40, PFN_ANY, 30));
    word_t number = world.result;
    OK(CALL(q.t, cap_copy, 30, SLOT_IRQ, SLOT_IRQ, rights, 0, 0));
    OK(CALL(q.t, revoke_guarantee, 30, SLOT_IRQ, REVOKE_IRQS, 4));
    assert_int_equal(CALL(q.t, cap_delete, SLOT_IRQ), ERR_BAD_STATE);
    OK(BOSS(cap_delete, q.env));
    assert_null(env_by_number[number]);
}

static void a_slice_is_not_unbound_below_the_minimum(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, DST, SLOT_CPU, RIGHT_ALL, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, COPY + 4, SLOT_CPU, RIGHT_ALL, 0, 0));
    for (uint32_t i = 10; i < 14; i++)
        OK(BOSS(slice_bind, DST, 0, i, p.thread));
    OK(BOSS(revoke_guarantee, p.env, DST, REVOKE_SLICES, 3));
    OK(BOSS(slice_bind, COPY + 4, 0, 10, SLOT_NONE));
    REFUSED(ERR_BAD_STATE, world.boss, slice_bind, COPY + 4, 0, 11, SLOT_NONE); /* a cousin */
    REFUSED(ERR_BAD_STATE, world.boss, slice_bind, DST, 0, 11, SLOT_NONE);
    assert_int_equal(BOSS(cap_revoke, DST), ERR_BAD_STATE);
    assert_ptr_equal(cpu_number(0)->slices[11], p.t);
    OK(BOSS(slice_bind, SLOT_CPU, 0, 11, SLOT_NONE)); /* above the one that promised */
    OK(BOSS(cap_delete, p.thread));
    assert_null(cpu_number(0)->slices[12]);
    OK(BOSS(cap_delete, DST));
}

static void ranges_are_guaranteed_too(void **state)
{
    (void)state;
    OK(BOSS(revoke_guarantee, p.env, SLOT_IRQ, REVOKE_IRQS, 3));
    OK(BOSS(cap_copy, p.env, SLOT_IRQ, SLOT_IRQ, cap_slot(world.root, SLOT_IRQ)->rights, 4, 5));
    assert_int_equal(held(REVOKE_IRQS), 5);
    ask_and_wait(SLOT_IRQ, REVOKE_IRQS, 100);
    assert_int_equal(cap_slot(p.e, SLOT_IRQ)->count, 3);
    assert_int_equal(BOSS(cap_revoke, SLOT_IRQ), ERR_BAD_STATE);
    assert_int_equal(cap_slot(p.e, SLOT_IRQ)->count, 3);
    OK(BOSS(revoke_guarantee, p.env, SLOT_IRQ, REVOKE_IRQS, 0));
    OK(BOSS(cap_revoke, SLOT_IRQ));
    assert_int_equal(cap_slot(p.e, SLOT_IRQ)->kind, CAP_NONE);
}

static void counting_many_slots_is_preempted(void **state)
{
    (void)state;
    for (unsigned i = 1; i < CAPTABLE_FRAMES; i++)
        OK(BOSS(env_extend, p.env, REGION, PFN_ANY));
    OK(guarantee(REVOKE_FRAMES, 1));
    assert_true(world.entries > 1);
    assert_int_equal(held(REVOKE_FRAMES), 110);
    OK(guarantee(REVOKE_FRAMES, 0));
    assert_true(world.entries > 1);
    assert_int_equal(cap_slot(p.e, SMALL)->flags, CAP_ORIGIN);
}

static void the_check_names_what_is_broken(void **state)
{
    (void)state;
    OK(guarantee(REVOKE_FRAMES, 1));
    p.e->guarantee[REVOKE_FRAMES].held++;
    assert_memory_equal(guarantee_check(p.e), "R1", 2);
    p.e->guarantee[REVOKE_FRAMES].held--;
    cap_slot(world.root, PART)->flags &= (uint16_t)~CAP_NAMED;
    assert_memory_equal(guarantee_check(p.e), "R2", 2);
    cap_slot(world.root, PART)->flags |= CAP_NAMED;
    assert_null(guarantee_check(p.e));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_maker_guarantees_and_for_what_it_may_grant),
        TEST(what_comes_and_goes_is_counted),
        TEST(another_promise_counts_anew),
        TEST(an_ask_leaves_the_minimum),
        TEST(an_ask_that_is_open_leaves_what_is_guaranteed_later),
        TEST(who_gives_up_while_it_is_taken_from_keeps_the_minimum),
        TEST(revoking_the_giver_takes_all_but_what_is_guaranteed),
        TEST(bindings_of_what_is_guaranteed_stay),
        TEST(who_stands_above_is_not_bound),
        TEST(the_environment_itself_may_give_up_all),
        TEST(the_end_of_the_environment_ends_it),
        TEST(with_its_maker_goes_what_the_maker_promised),
        TEST(a_slice_is_not_unbound_below_the_minimum),
        TEST(ranges_are_guaranteed_too),
        TEST(counting_many_slots_is_preempted),
        TEST(the_check_names_what_is_broken),
    };
    return cmocka_run_group_tests_name("bindings/guarantee", tests, NULL, NULL);
}

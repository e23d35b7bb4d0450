/* Visible revocation: who may ask, what counts, what is taken and in which order, what stays. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "exo/abi/revoke.h"
#include "exo/arch/irq.h"

#include <string.h>

#define MINE     6u /* p's slot: a part of REGION */
#define SMALL    7u /* p's slots: memory that it made */
#define MIDDLE   8u
#define LARGE    9u
#define DST      50u
#define NO_GRANT 51u
#define OTHER    52u
#define PART     53u /* the part of REGION that p has */
#define SOON     (host.ticks + 1000)

static struct party p, q;
static pfn_t small, middle, large;

static pfn_t alloc(slot_t slot, uint32_t count)
{
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, count, slot));
    return (pfn_t)world.result;
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(cap_copy, SLOT_ENV, PART, REGION, RIGHT_ALL, world.base + world.count - 400, 400));
    give(p.env, MINE, PART, RIGHT_ALL);
    OK(BOSS(cap_copy, SLOT_ENV, NO_GRANT, PART, RIGHT_READ | RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, OTHER, REGION, RIGHT_ALL, 0, 0));
    small = alloc(SMALL, 4);
    middle = alloc(MIDDLE, 10);
    large = alloc(LARGE, 100);
    memset(p.t->utcb + UTCB_EXO, 0, sizeof(struct utcb_exo)); /* what the last test left there */
    return 0;
}

static int ask(uint32_t kind, uint32_t count)
{
    return BOSS(revoke_ask, PART, p.e->number, kind, count, SOON);
}

static int take(slot_t dst)
{
    return BOSS(revoke_take, PART, p.e->number, dst);
}

static void pass_deadline(void)
{
    host.ticks += 1000;
}

static volatile struct utcb_exo *told(void)
{
    return thread_exo(p.t);
}

static void a_refused_ask_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    word_t n = p.e->number, far = REVOKE_PATIENCE_SECONDS * arch_tick_khz() * 1000 + 1;

    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, 0, REVOKE_FRAMES, 1, SOON);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, ENV_MAX, REVOKE_FRAMES, 1, SOON);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, b->env->number, REVOKE_FRAMES, 1, SOON);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, 0, 1, SOON);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_KIND_COUNT, 1, SOON);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_FRAMES, 0, SOON);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, host.ticks);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, host.ticks + far);
    REFUSED(ERR_BAD_CAP, b, revoke_ask, DST, n, REVOKE_FRAMES, 1, SOON);
    REFUSED(ERR_BAD_CAP, b, revoke_ask, SLOT_NONE, n, REVOKE_FRAMES, 1, SOON);
    REFUSED(ERR_NO_RIGHT, b, revoke_ask, NO_GRANT, n, REVOKE_FRAMES, 1, SOON);
    REFUSED(ERR_NOT_BOUND, b, revoke_ask, OTHER, n, REVOKE_FRAMES, 1, SOON); /* a cousin */
    REFUSED(ERR_NOT_BOUND, b, revoke_ask, PART, q.e->number, REVOKE_FRAMES, 1, SOON);
    for (unsigned kind = 1; kind < REVOKE_KIND_COUNT; kind++) /* of the first of all */
        REFUSED(ERR_NOT_BOUND, p.t, revoke_ask, MINE, world.root->number, kind, 1, SOON);
    for (unsigned kind = REVOKE_SLICES; kind < REVOKE_KIND_COUNT; kind++)
        REFUSED(ERR_NOT_BOUND, b, revoke_ask, PART, n, kind, 1, SOON);
    OK(BOSS(revoke_guarantee, p.env, REVOKE_FRAMES, 114));
    REFUSED(ERR_BAD_STATE, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, SOON);
    OK(BOSS(revoke_guarantee, p.env, REVOKE_FRAMES, 0));
    OK(ask(REVOKE_FRAMES, 1));
    REFUSED(ERR_IN_USE, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, SOON);
}

static void a_refused_take_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    word_t n = p.e->number;

    REFUSED(ERR_NOT_BOUND, b, revoke_take, PART, n, SLOT_NONE);
    OK(ask(REVOKE_FRAMES, 1));
    REFUSED(ERR_BAD_ARG, b, revoke_take, PART, 0, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_take, PART, b->env->number, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_take, PART, n, CAP_SLOTS);
    REFUSED(ERR_BAD_CAP, b, revoke_take, DST, n, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, revoke_take, SLOT_CPU, n, DST);
    REFUSED(ERR_NOT_BOUND, b, revoke_take, OTHER, n, SLOT_NONE);
    REFUSED(ERR_NOT_BOUND, b, revoke_take, PART, q.e->number, SLOT_NONE);
    REFUSED(ERR_IN_USE, b, revoke_take, PART, n, SLOT_CPU);
    REFUSED(ERR_BAD_STATE, b, revoke_take, PART, n, SLOT_NONE);
}

static void only_the_maker_guarantees(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, DST, p.env, RIGHT_ALL, 0, 0));
    REFUSED(ERR_BAD_ARG, world.boss, revoke_guarantee, p.env, 0, 1);
    REFUSED(ERR_BAD_ARG, world.boss, revoke_guarantee, p.env, REVOKE_KIND_COUNT, 1);
    REFUSED(ERR_BAD_CAP, world.boss, revoke_guarantee, PART, REVOKE_FRAMES, 1);
    REFUSED(ERR_NO_RIGHT, world.boss, revoke_guarantee, DST, REVOKE_FRAMES, 1);
    REFUSED(ERR_NO_RIGHT, p.t, revoke_guarantee, SLOT_ENV, REVOKE_FRAMES, 1000);
}

static void an_ask_is_told_and_met_in_time(void **state)
{
    (void)state;
    uint64_t deadline = SOON;

    told()->entry[UPCALL_REVOKE] = 0x410000;
    told()->stack[UPCALL_CLASS_EVENT] = 0x520000;
    OK(ask(REVOKE_FRAMES, 10));
    assert_int_equal(world.result, 10);
    assert_int_equal(told()->revoke_kind, REVOKE_FRAMES);
    assert_int_equal(told()->revoke_count, 10);
    assert_int_equal(told()->revoke_deadline, deadline);
    world_run(p.t);
    assert_true(told()->pending >> UPCALL_REVOKE & 1 || thread_regs(p.t)->rip == 0x410000);
    OK(CALL(p.t, cap_delete, MIDDLE));
    OK(take(DST));
    assert_int_equal(world.result, 0);
    assert_int_equal(told()->repossessed_count, 0);
    assert_int_equal(cap_slot(world.root, DST)->kind, CAP_NONE);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 100);
    assert_int_equal(take(SLOT_NONE), ERR_NOT_BOUND); /* closed */
}

static void what_was_given_is_not_taken_again(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 14));
    OK(CALL(p.t, cap_delete, MIDDLE)); /* 10 of 14 */
    pass_deadline();
    OK(take(SLOT_NONE));
    assert_int_equal(world.result, 0);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 96); /* a tail of the highest */
    assert_int_equal(cap_slot(p.e, SMALL)->count, 4);
    assert_int_equal(told()->repossessed_count, 1);
    assert_int_equal(told()->repossessed[0], REPOSSESSED(REVOKE_FRAMES, LARGE));
    assert_int_equal(frame_of(large + 96)->type, FRAME_FREE);
    assert_int_equal(frame_of(large + 95)->type, FRAME_MEMORY);
}

static void what_it_would_rather_lose_goes_first(void **state)
{
    (void)state;
    told()->prefer_count = 3;
    told()->prefer[0] = REPOSSESSED(REVOKE_SLICES, MIDDLE); /* another kind */
    told()->prefer[1] = REPOSSESSED(REVOKE_FRAMES, MINE);   /* no frames */
    told()->prefer[2] = REPOSSESSED(REVOKE_FRAMES, SMALL);
    OK(ask(REVOKE_FRAMES, 6));
    pass_deadline();
    OK(take(DST));
    assert_int_equal(world.result, 2);
    assert_int_equal(cap_slot(p.e, SMALL)->kind, CAP_NONE);
    const struct cap *got = cap_slot(world.root, DST);
    assert_int_equal(got->kind, CAP_FRAMES);
    assert_int_equal(got->base, small);
    assert_int_equal(got->count, 4);
    assert_int_equal(frame_of(small)->owner, world.root->number);
    assert_int_equal(take(DST), ERR_IN_USE);
    OK(take(DST + 4));
    assert_int_equal(world.result, 0);
    assert_int_equal(cap_slot(world.root, DST + 4)->base, large + 98);
    assert_int_equal(told()->repossessed_count, 2);
}

static void frames_of_a_deaf_one_go_with_their_bindings_and_the_books_are_right(void **state)
{
    (void)state;
    uint32_t frames = p.e->info->frames, free = world_free();
    const struct page_entry e[] = {{PARTY_MEMORY + 8 * PAGE_SIZE, large, RW},
                                   {PARTY_MEMORY + 9 * PAGE_SIZE, large + 99, RW}};

    told()->mask = ~(uint64_t)0;
    told()->prefer_count = ~(uint64_t)0; /* whatever it says */
    told()->repossessed_count = ~(uint64_t)0;
    put_entries(p.t, PARTY_MEMORY, e, 2);
    OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 2));
    OK(ask(REVOKE_FRAMES, 1000)); /* all there is */
    assert_int_equal(world.result, 114);
    pass_deadline();
    OK(take(SLOT_NONE));
    assert_int_equal(world.result, 14);
    assert_int_equal(*entry_of(p.e, e[0].va), 0);
    assert_int_equal(*entry_of(p.e, e[1].va), 0);
    OK(take(SLOT_NONE));
    OK(take(SLOT_NONE));
    assert_int_equal(world.result, 0);
    assert_int_equal(p.e->info->frames, frames - 114);
    assert_int_equal(world_free(), free + 114);
    assert_int_equal(p.e->info->state, ENV_ALIVE);
    OK(CALL(p.t, null, 0));
}

static void the_guarantee_stays(void **state)
{
    (void)state;
    OK(BOSS(revoke_guarantee, p.env, REVOKE_FRAMES, 20));
    OK(ask(REVOKE_FRAMES, 1000));
    assert_int_equal(world.result, 94);
    pass_deadline();
    while (world.result > 0)
        OK(take(SLOT_NONE));
    assert_int_equal(cap_slot(p.e, LARGE)->count, 6);
    assert_int_equal(cap_slot(p.e, MIDDLE)->count, 10);
    assert_int_equal(cap_slot(p.e, SMALL)->count, 4);
    assert_int_equal(ask(REVOKE_FRAMES, 1), ERR_BAD_STATE);
}

static void a_large_take_is_preempted_and_ends(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 50));
    make_tables(p.env, PARTY_MEMORY + 600 * PAGE_SIZE);
    for (uint32_t i = 0; i < 500; i++) {
        const struct page_entry e = {PARTY_MEMORY + (520 + i) * PAGE_SIZE, large + i % 100, RW};
        put_entries(p.t, PARTY_MEMORY, &e, 1);
        OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 1));
    }
    pass_deadline();
    OK(take(SLOT_NONE));
    assert_int_equal(world.result, 0);
    assert_true(world.entries > 1);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 50);
    assert_int_equal(frame_of(large)->bindings, 0);
}

static void an_ask_that_nobody_followed_up_can_be_replaced(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 10));
    assert_int_equal(BOSS(revoke_ask, REGION, p.e->number, REVOKE_FRAMES, 1, SOON), ERR_IN_USE);
    pass_deadline();
    OK(BOSS(revoke_ask, REGION, p.e->number, REVOKE_FRAMES, 1, SOON)); /* an ancestor of PART */
    assert_int_equal(take(SLOT_NONE), ERR_NOT_BOUND);
    pass_deadline();
    OK(BOSS(revoke_take, REGION, p.e->number, SLOT_NONE));
    assert_int_equal(cap_slot(p.e, LARGE)->count, 99);
}

static void slices_go_from_the_highest_position(void **state)
{
    (void)state;
    for (uint32_t i = 10; i < 20; i++)
        OK(BOSS(slice_bind, SLOT_CPU, 0, i, p.thread));
    OK(BOSS(slice_bind, SLOT_CPU, 0, 30, q.thread));
    OK(BOSS(revoke_ask, SLOT_CPU, p.e->number, REVOKE_SLICES, 3, SOON));
    OK(BOSS(slice_bind, SLOT_CPU, 0, 10, SLOT_NONE));
    assert_int_equal(BOSS(revoke_take, SLOT_CPU, p.e->number, SLOT_NONE), ERR_BAD_STATE);
    pass_deadline();
    OK(BOSS(revoke_take, SLOT_CPU, p.e->number, SLOT_NONE));
    assert_int_equal(world.result, 1);
    OK(BOSS(revoke_take, SLOT_CPU, p.e->number, SLOT_NONE));
    assert_int_equal(world.result, 0);
    const struct cpu *c = cpu_number(0);
    assert_null(c->slices[10]);
    assert_ptr_equal(c->slices[17], p.t);
    assert_null(c->slices[18]);
    assert_null(c->slices[19]);
    assert_ptr_equal(c->slices[30], q.t); /* the neighbour's */
    assert_int_equal(told()->repossessed[0], REPOSSESSED(REVOKE_SLICES, 19));
    assert_int_equal(told()->repossessed[1], REPOSSESSED(REVOKE_SLICES, 18));
}

static void blocks_of_an_extent_are_given_up_from_its_end(void **state)
{
    (void)state;
    struct cap *disk = cap_slot(world.root, SLOT_DISK);
    uint32_t blocks = disk->count;

    disk->count = 1000; /* a disk that the machine does not have */
    OK(BOSS(cap_copy, p.env, SLOT_DISK, SLOT_DISK, RIGHT_ALL & disk->rights, 100, 50));
    OK(CALL(p.t, cap_copy, SLOT_ENV, 30, SLOT_DISK, RIGHT_READ, 120,
            5)); /* counts with its origin */
    OK(BOSS(revoke_ask, SLOT_DISK, p.e->number, REVOKE_EXTENTS, 10, SOON));
    assert_int_equal(world.result, 10);
    pass_deadline();
    OK(BOSS(revoke_take, SLOT_DISK, p.e->number, SLOT_NONE));
    assert_int_equal(world.result, 0);
    assert_int_equal(cap_slot(p.e, SLOT_DISK)->base, 100);
    assert_int_equal(cap_slot(p.e, SLOT_DISK)->count, 40);
    assert_int_equal(cap_slot(p.e, 30)->kind, CAP_NONE);
    OK(BOSS(revoke_ask, SLOT_DISK, p.e->number, REVOKE_EXTENTS, 1000, SOON));
    pass_deadline();
    OK(BOSS(revoke_take, SLOT_DISK, p.e->number, SLOT_NONE));
    assert_int_equal(cap_slot(p.e, SLOT_DISK)->kind, CAP_NONE);
    assert_int_equal(told()->repossessed_count, 2);
    disk->count = blocks;
}

static void one_that_has_no_thread_left_is_taken_from_too(void **state)
{
    (void)state;
    struct env *e = make_env(40);

    OK(BOSS(cap_copy, SLOT_ENV, 41, REGION, RIGHT_ALL, world.base, 1));
    assert_int_equal(BOSS(revoke_ask, PART, e->number, REVOKE_FRAMES, 1, SOON), ERR_NOT_BOUND);
    OK(ask(REVOKE_FRAMES, 100));
    OK(BOSS(cap_delete, p.thread));
    pass_deadline();
    OK(take(SLOT_NONE));
    assert_int_equal(world.result, 0);
    assert_int_equal(cap_slot(p.e, LARGE)->kind, CAP_NONE);
}

static void an_environment_that_ends_meanwhile_is_no_address_any_more(void **state)
{
    (void)state;
    word_t n = p.e->number;

    OK(ask(REVOKE_FRAMES, 1));
    OK(BOSS(cap_delete, p.env));
    assert_int_equal(BOSS(revoke_take, PART, n, SLOT_NONE), ERR_BAD_ARG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_ask_changes_nothing),
        TEST(a_refused_take_changes_nothing),
        TEST(only_the_maker_guarantees),
        TEST(an_ask_is_told_and_met_in_time),
        TEST(what_was_given_is_not_taken_again),
        TEST(what_it_would_rather_lose_goes_first),
        TEST(frames_of_a_deaf_one_go_with_their_bindings_and_the_books_are_right),
        TEST(the_guarantee_stays),
        TEST(a_large_take_is_preempted_and_ends),
        TEST(an_ask_that_nobody_followed_up_can_be_replaced),
        TEST(slices_go_from_the_highest_position),
        TEST(blocks_of_an_extent_are_given_up_from_its_end),
        TEST(one_that_has_no_thread_left_is_taken_from_too),
        TEST(an_environment_that_ends_meanwhile_is_no_address_any_more),
    };
    return cmocka_run_group_tests_name("bindings/revocation", tests, NULL, NULL);
}

/* Taking back in steps: what goes between two looks for interrupts is bounded, and callers that go
 * with what they take leave nothing behind. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "tests/host/kernel_ipc.h"

#define LEAVES 513u /* at most, that go before interrupts are let in */

static struct party p;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    return 0;
}

static const struct cap *cap(slot_t slot)
{
    return cap_slot(world.root, slot);
}

static void copy(slot_t dst, slot_t src, rights_t rights)
{
    OK(BOSS(cap_copy, SLOT_ENV, dst, src, rights, 0, 0));
}

/* A table for many capabilities: slots 128 to 128 + 1023. */
static void extend(slot_t env)
{
    for (unsigned i = 0; i < 8; i++)
        OK(BOSS(env_extend, env, REGION, PFN_ANY));
}

static unsigned caps_in(const struct env *e, slot_t first, unsigned count)
{
    unsigned n = 0;

    for (slot_t i = 0; i < count; i++)
        n += cap_slot(e, first + i)->kind != CAP_NONE;
    return n;
}

static void a_long_revocation_lets_interrupts_in_and_is_entered_again(void **state)
{
    (void)state;
    extend(p.env);
    copy(40, REGION, RIGHT_ALL);
    for (slot_t i = 0; i < 600; i++)
        give(p.env, CAPS_PER_FRAME + i, 40, RIGHT_READ);
    const word_t reg[SYS_MAX_ARGS] = {40};
    assert_int_equal(world_enter(world.boss, SYS_cap_revoke, reg), BLOCKED);
    assert_in_range(caps_in(p.e, CAPS_PER_FRAME, 600), 600 - LEAVES, 599);
    OK(CALL(p.t, null, 0)); /* others run in between */
    OK(BOSS(cap_revoke, 40));
    assert_in_range(world.entries, 2, 4);
    assert_int_equal(cap(40)->kind, CAP_REGION);
    assert_int_equal(caps_in(p.e, CAPS_PER_FRAME, 600), 0);
}

static void a_deep_chain_goes_leaf_by_leaf(void **state)
{
    (void)state;
    extend(SLOT_ENV);
    slot_t first = world.root->captable_count - 8, at = first * CAPS_PER_FRAME;

    copy(at, REGION, RIGHT_ALL);
    for (slot_t i = 0; i < 1000; i++)
        copy(at + i + 1, at + i, RIGHT_ALL);
    assert_null(forest_check(&cap(SLOT_MEMORY)->node, 1u << 20));
    assert_string_equal(forest_check(&cap(SLOT_MEMORY)->node, 1000),
                        "D1: the tree has more nodes than there can be");
    OK(BOSS(cap_delete, at + 700));
    assert_int_equal(world.entries,
                     1); /* of a chain it goes back up, and not down again for each */
    assert_int_equal(cap(at + 699)->kind, CAP_REGION);
    OK(BOSS(cap_delete, at));
    assert_int_equal(world.entries, 2);
    assert_int_equal(cap(at)->kind, CAP_NONE);
}

/* However the derived lies, deep, broad or in objects: between two looks for interrupts no more
 * goes than the bound, and always something. */
static void each_step_of_a_revocation_is_bounded(void **state)
{
    (void)state;
    extend(p.env);
    copy(40, REGION, RIGHT_ALL);
    give(p.env, CAPS_PER_FRAME, 40, RIGHT_ALL);
    for (slot_t i = 1; i < 1000; i++) /* chains of 50, side by side */
        OK(CALL(p.t, cap_copy, SLOT_ENV, CAPS_PER_FRAME + i, CAPS_PER_FRAME + (i % 50 ? i - 1 : 0),
                RIGHT_ALL));
    const word_t reg[SYS_MAX_ARGS] = {40};
    unsigned left = 1000, steps = 0;
    while (left > 0) {
        world_enter(world.boss, SYS_cap_revoke, reg);
        unsigned now = caps_in(p.e, CAPS_PER_FRAME, 1000);
        assert_in_range(left - now, 1, LEAVES);
        left = now;
        steps++;
    }
    assert_in_range(steps, 2, 20);
}

/* A thread of the party's env whose frame, UTCB and more are made from the party's own region; all
 * goes when that is deleted. `extra`: capabilities beside, so that it takes several rounds. */
static struct thread *stand_on_region(slot_t extra)
{
    const vaddr_t utcb = PARTY_MEMORY + 8 * PAGE_SIZE;

    extend(p.env);
    give(p.env, SLOT_MEMORY, REGION, RIGHT_ALL);
    OK(CALL(p.t, frames_alloc, SLOT_MEMORY, PFN_ANY, 1, 30));
    const struct page_entry entry = {utcb, (pfn_t)world.result, RW};
    for (slot_t i = 0; i < extra / 2; i++)
        OK(CALL(p.t, cap_copy, SLOT_ENV, CAPS_PER_FRAME + i, SLOT_MEMORY, RIGHT_READ));
    put_entries(p.t, PARTY_MEMORY, &entry, 1);
    OK(CALL(p.t, page_bind, SLOT_ENV, 30, PARTY_MEMORY, 1));
    OK(CALL(p.t, thread_create, SLOT_ENV, SLOT_MEMORY, PFN_ANY, utcb, 0, 31));
    struct thread *t = thread_by_number((uint32_t)(world.result >> 32));
    OK(CALL(p.t, thread_start, 31, 0x400000, 0x500000, 0));
    for (slot_t i = extra / 2; i < extra; i++)
        OK(CALL(p.t, cap_copy, SLOT_ENV, CAPS_PER_FRAME + i, SLOT_MEMORY, RIGHT_READ));
    return t;
}

static void a_caller_may_delete_what_it_stands_on(void **state)
{
    (void)state;
    struct thread *t = stand_on_region(0);
    pfn_t frame = frame_number(t);

    assert_int_equal(CALL(t, cap_delete, SLOT_MEMORY), BLOCKED);
    assert_int_equal(frame_of(frame)->type, FRAME_FREE);
    assert_int_equal(cap_slot(p.e, SLOT_MEMORY)->kind, CAP_NONE);
    assert_ptr_not_equal(cpu_this()->current, t);
}

/* The timer comes until nothing is left over. */
static unsigned go_on(void)
{
    unsigned steps = 0;

    while (cpu_this()->alarm != FOREVER && steps++ < 100)
        pass_time(1);
    assert_true(steps < 100);
    return steps;
}

static void what_is_left_when_the_caller_has_gone_follows_in_steps(void **state)
{
    (void)state;
    struct thread *t = stand_on_region(600); /* it goes in the middle */
    pfn_t frame = frame_number(t);

    assert_int_equal(CALL(t, cap_delete, SLOT_MEMORY), BLOCKED);
    assert_true(caps_in(p.e, CAPS_PER_FRAME, 600) > 0);
    assert_in_range(go_on(), 1, 10);
    assert_int_equal(caps_in(p.e, CAPS_PER_FRAME, 600), 0);
    assert_int_equal(frame_of(frame)->type, FRAME_FREE);
    assert_int_equal(cap_slot(p.e, SLOT_MEMORY)->kind, CAP_NONE);
}

/* The UTCB is the youngest and goes first, hundreds of steps before the rest. */
static void a_caller_that_loses_its_utcb_first_leaves_nothing_undone(void **state)
{
    (void)state;
    const vaddr_t utcb = PARTY_MEMORY + 9 * PAGE_SIZE;

    extend(p.env);
    give(p.env, SLOT_MEMORY, REGION, RIGHT_ALL);
    for (slot_t i = 0; i < 600; i++)
        OK(CALL(p.t, cap_copy, SLOT_ENV, CAPS_PER_FRAME + i, SLOT_MEMORY, RIGHT_READ));
    OK(CALL(p.t, frames_alloc, SLOT_MEMORY, PFN_ANY, 1, 30));
    const struct page_entry entry = {utcb, (pfn_t)world.result, RW};
    put_entries(p.t, PARTY_MEMORY, &entry, 1);
    OK(CALL(p.t, page_bind, SLOT_ENV, 30, PARTY_MEMORY, 1));
    struct thread *t = make_thread(p.env, 40, utcb);
    OK(BOSS(thread_start, 40, 0x400000, 0x500000, 0));
    assert_int_equal(CALL(t, cap_delete, SLOT_MEMORY), BLOCKED);
    assert_int_equal(t->state, THREAD_DEAD);
    assert_in_range(go_on(), 1, 10);
    assert_int_equal(cap_slot(p.e, SLOT_MEMORY)->kind, CAP_NONE);
}

/* Somebody else takes the rest before the alarm does: it finds nothing, and no other capability. */
static void what_is_left_may_be_taken_by_others(void **state)
{
    (void)state;
    struct thread *t = stand_on_region(600);

    assert_int_equal(CALL(t, cap_delete, SLOT_MEMORY), BLOCKED);
    OK(CALL(p.t, cap_delete, SLOT_MEMORY));
    give(p.env, SLOT_MEMORY, REGION, RIGHT_ALL);
    go_on();
    assert_int_equal(cap_slot(p.e, SLOT_MEMORY)->kind, CAP_REGION);
}

static void a_thread_may_delete_itself(void **state)
{
    (void)state;
    struct thread *t = stand_on_region(0);
    pfn_t frame = frame_number(t);

    assert_int_equal(CALL(t, cap_delete, 31), BLOCKED);
    assert_int_equal(frame_of(frame)->type, FRAME_FREE);
    assert_int_equal(cap_slot(p.e, SLOT_MEMORY)->kind, CAP_REGION);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_long_revocation_lets_interrupts_in_and_is_entered_again),
        TEST(a_deep_chain_goes_leaf_by_leaf),
        TEST(each_step_of_a_revocation_is_bounded),
        TEST(a_caller_may_delete_what_it_stands_on),
        TEST(what_is_left_when_the_caller_has_gone_follows_in_steps),
        TEST(a_caller_that_loses_its_utcb_first_leaves_nothing_undone),
        TEST(what_is_left_may_be_taken_by_others),
        TEST(a_thread_may_delete_itself),
    };
    return cmocka_run_group_tests_name("bindings/steps", tests, NULL, NULL);
}

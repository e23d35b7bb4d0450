/* The derivation forest: copying capabilities, taking them back, and what goes with them. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "exo/entry/handlers.h"
#include "exo/env/sched.h"

#include <string.h>

#define STEPS 256u

static struct party p, q;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
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

static void a_refused_copy_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    uint32_t base = world.base, end = world.base + world.count;

    copy(40, REGION, RIGHT_ALL & ~RIGHT_GRANT);
    copy(41, REGION, RIGHT_READ | RIGHT_GRANT);
    copy(42, p.env, RIGHT_ALL & ~RIGHT_WRITE);
    OK(BOSS(cap_copy, SLOT_ENV, 43, REGION, RIGHT_ALL, base + 8, 8));
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, REGION, RIGHT_ALL << 1, 0, 0);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, REGION, 1u << 31, 0, 0);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, p.env, RIGHT_READ, p.e->frame, 0);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, p.env, RIGHT_READ, 0, 1);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, REGION, RIGHT_READ, base - 1, 1);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, REGION, RIGHT_READ, end, 1);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, REGION, RIGHT_READ, end - 1, 2);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, REGION, RIGHT_READ, base + 1, 0xffffffff);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, 43, RIGHT_READ, base + 7, 2);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, 43, RIGHT_READ, base + 8, 9);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 50, REGION, RIGHT_READ, base, 0);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, SLOT_NONE, REGION, RIGHT_READ, 0, 0);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, CAPS_PER_FRAME, REGION, RIGHT_READ, 0, 0);
    REFUSED(ERR_BAD_ARG, t, cap_copy, SLOT_ENV, 0xffffffff, REGION, RIGHT_READ, 0, 0);
    REFUSED(ERR_BAD_CAP, t, cap_copy, REGION, 50, REGION, RIGHT_READ, 0, 0);
    REFUSED(ERR_BAD_CAP, t, cap_copy, SLOT_NONE, 50, REGION, RIGHT_READ, 0, 0);
    REFUSED(ERR_BAD_CAP, t, cap_copy, SLOT_ENV, 50, 51, RIGHT_READ, 0, 0);
    REFUSED(ERR_BAD_CAP, t, cap_copy, SLOT_ENV, 50, SLOT_NONE, RIGHT_READ, 0, 0);
    REFUSED(ERR_NO_RIGHT, t, cap_copy, SLOT_ENV, 50, 41, RIGHT_WRITE, 0, 0);
    REFUSED(ERR_NO_RIGHT, t, cap_copy, SLOT_ENV, 50, 40, RIGHT_READ, 0, 0);
    REFUSED(ERR_NO_RIGHT, t, cap_copy, 42, 50, REGION, RIGHT_READ, 0, 0);
    REFUSED(ERR_IN_USE, t, cap_copy, SLOT_ENV, 40, REGION, RIGHT_READ, 0, 0);
}

static void a_copy_is_a_child_with_what_was_asked_for(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, 40, REGION, RIGHT_READ | RIGHT_GRANT, world.base + 3, 4));
    assert_int_equal(cap(40)->kind, CAP_REGION);
    assert_int_equal(cap(40)->rights, RIGHT_READ | RIGHT_GRANT);
    assert_int_equal(cap(40)->base, world.base + 3);
    assert_int_equal(cap(40)->count, 4);
    assert_int_equal(cap(40)->flags, 0);
    assert_int_equal(cap(40)->node.parent, node_name(&cap(REGION)->node));
    copy(41, 40, 0);
    assert_int_equal(cap(41)->rights, 0);
    assert_int_equal(cap(41)->base, world.base + 3);
    assert_int_equal(cap(41)->count, 4);
    OK(BOSS(cap_copy, SLOT_ENV, 42, 40, RIGHT_READ, world.base + 6, 1));
    assert_int_equal(cap(42)->count, 1);
    OK(BOSS(cap_copy, SLOT_ENV, 43, p.frames, RIGHT_READ, p.pfn + 1, 2)); /* frames and CPUs too */
    assert_int_equal(cap(43)->base, p.pfn + 1);
    OK(BOSS(cap_copy, SLOT_ENV, 44, SLOT_CPU, RIGHT_READ, 0, 1));
    assert_int_equal(cap(44)->count, 1);
}

static void a_slot_that_is_empty_or_none_cannot_be_taken_back(void **state)
{
    (void)state;
    static const slot_t none[] = {SLOT_NONE, CAPS_PER_FRAME, CAP_SLOTS, 0xffffffff};

    for (unsigned i = 0; i < 4; i++) {
        REFUSED(ERR_BAD_ARG, world.boss, cap_delete, none[i]);
        REFUSED(ERR_BAD_ARG, world.boss, cap_revoke, none[i]);
    }
    REFUSED(ERR_BAD_CAP, world.boss, cap_delete, 50);
    REFUSED(ERR_BAD_CAP, world.boss, cap_revoke, 50);
}

/* 40 -> 41 -> 42, 40 -> 43, 41 -> 44 */
static void make_tree(void)
{
    copy(40, REGION, RIGHT_ALL);
    copy(41, 40, RIGHT_ALL);
    copy(42, 41, RIGHT_ALL);
    copy(43, 40, RIGHT_ALL);
    copy(44, 41, RIGHT_ALL);
}

/* The slots from 40 on that are filled, one bit each. */
static unsigned filled(void)
{
    unsigned bits = 0;

    for (slot_t s = 40; s < 56; s++)
        bits |= (unsigned)(cap(s)->kind != CAP_NONE) << (s - 40);
    return bits;
}

static void deleting_takes_the_derived_and_leaves_the_others(void **state)
{
    (void)state;
    make_tree();
    OK(BOSS(cap_delete, 41));
    assert_int_equal(filled(), 1 << 0 | 1 << 3);
    OK(BOSS(cap_delete, 43));
    assert_int_equal(filled(), 1 << 0);
    OK(BOSS(cap_delete, 40));
    assert_int_equal(filled(), 0);
    assert_int_equal(cap(REGION)->kind, CAP_REGION);
}

static void what_boot_made_can_be_deleted_by_its_owner(void **state)
{
    (void)state;
    struct cap *c = cap_slot(world.root, SLOT_MACHINE), saved = *c;

    copy(40, SLOT_MACHINE, RIGHT_READ);
    OK(BOSS(cap_delete, SLOT_MACHINE));
    assert_int_equal(c->kind, CAP_NONE);
    assert_int_equal(cap(40)->kind, CAP_NONE);
    *c = saved; /* for the tests after this one */
}

static void revoking_keeps_the_capability_itself(void **state)
{
    (void)state;
    make_tree();
    OK(BOSS(cap_revoke, 41));
    assert_int_equal(filled(), 1 << 0 | 1 << 1 | 1 << 3);
    OK(BOSS(cap_revoke, 40));
    assert_int_equal(filled(), 1 << 0);
    OK(BOSS(cap_revoke, 40));
    assert_int_equal(filled(), 1 << 0);
}

static void revoking_an_environment_keeps_what_is_in_it(void **state)
{
    (void)state;
    copy(40, p.env, RIGHT_ALL);
    OK(BOSS(cap_revoke, p.env));
    assert_int_equal(filled(), 0);
    assert_int_equal(cap_slot(p.e, SLOT_ENV)->kind, CAP_NONE); /* derived from it */
    assert_int_equal(p.t->state, THREAD_READY);
    assert_non_null(space_user(p.e->root, PARTY_MEMORY, RW));
}

static void what_was_derived_for_others_goes_too(void **state)
{
    (void)state;
    copy(40, REGION, RIGHT_ALL);
    give(p.env, 5, 40, RIGHT_ALL);
    OK(CALL(p.t, cap_copy, SLOT_ENV, 6, 5, RIGHT_READ));
    OK(CALL(p.t, frames_alloc, 5, PFN_ANY, 4, 7));
    pfn_t pfn = (pfn_t)world.result;
    assert_int_equal(frame_of(pfn)->owner, p.e->number);
    OK(BOSS(cap_delete, 40));
    for (slot_t s = 5; s < 8; s++)
        assert_int_equal(cap_slot(p.e, s)->kind, CAP_NONE);
    assert_int_equal(frame_of(pfn)->type, FRAME_FREE);
}

/* `t` makes an environment inside its own and fills it. */
static struct env *nest(struct thread *t, slot_t region, slot_t env)
{
    OK(CALL(t, env_create, region, PFN_ANY, env));
    struct env *e = env_by_number[world.result];
    OK(CALL(t, env_extend, env, region, PFN_ANY));
    for (uint32_t level = 3; level; level--)
        OK(CALL(t, table_create, env, region, PFN_ANY, PARTY_UTCB, level));
    OK(CALL(t, frames_alloc, region, PFN_ANY, 2, env + 1));
    const struct page_entry entries[2] = {{PARTY_UTCB, (pfn_t)world.result, RW},
                                          {PARTY_MEMORY, (pfn_t)world.result + 1, RW}};
    put_entries(t, PARTY_MEMORY, entries, 2);
    OK(CALL(t, page_bind, env, env + 1, PARTY_MEMORY, 2));
    OK(CALL(t, thread_create, env, region, PFN_ANY, PARTY_UTCB, 0, env + 2));
    OK(CALL(t, thread_start, env + 2, 0x400000, 0x500000, 0));
    OK(CALL(t, cap_copy, env, SLOT_ENV, env, RIGHT_ALL));
    OK(CALL(t, cap_copy, env, SLOT_MEMORY, region, RIGHT_ALL));
    OK(CALL(t, cap_copy, env, CAPS_PER_FRAME + 5, region, RIGHT_READ));
    return e;
}

static void environments_nest_and_end_with_the_outermost(void **state)
{
    (void)state;
    give(p.env, SLOT_MEMORY, REGION, RIGHT_ALL);
    struct thread *t = p.t;
    uint32_t before = world_free();

    for (unsigned depth = 0; depth < 8; depth++) {
        struct env *e = nest(t, SLOT_MEMORY, 30);
        t = LIST_ITEM(e->threads.next, struct thread, env_link);
        assert_int_equal(e->info->parent, depth ? e->number - 1 : p.e->number);
    }
    assert_true(world_free() < before);
    world_run(t); /* its space is loaded when it goes */
    world_run(world.boss);
    uint32_t thread_frame = frame_number(p.t);
    OK(BOSS(cap_delete, p.env));
    assert_int_equal(frame_of(thread_frame)->type, FRAME_FREE);
    assert_int_equal(cap(p.thread)->kind, CAP_NONE);
    assert_null(env_by_number[q.e->number + 1]);
    OK(BOSS(cap_delete, p.frames));
    assert_int_equal(world.root->info->state, ENV_ALIVE);
}

static void a_capability_table_goes_with_the_region_that_it_came_from(void **state)
{
    (void)state;
    slot_t far = CAPS_PER_FRAME + 3;

    copy(40, REGION, RIGHT_ALL);
    OK(BOSS(env_extend, p.env, 40, PFN_ANY));
    assert_int_equal(world.result, CAPS_PER_FRAME);
    assert_int_equal(p.e->info->captables[1], frame_number(p.e->captables[1]));
    give(p.env, far, REGION, RIGHT_ALL);
    OK(CALL(p.t, frames_alloc, far, PFN_ANY, 1, far + 1));
    pfn_t pfn = (pfn_t)world.result;
    uint32_t frames = p.e->info->frames;
    OK(BOSS(cap_delete, 40));
    assert_int_equal(frame_of(pfn)->type, FRAME_FREE);
    assert_int_equal(p.e->info->frames, frames - 2);
    assert_int_equal(p.e->info->captables[1], 0);
    REFUSED(ERR_BAD_ARG, p.t, cap_delete, far);
    OK(BOSS(env_extend, p.env, REGION, PFN_ANY));
    assert_int_equal(world.result, 2 * CAPS_PER_FRAME);
    give(p.env, 2 * CAPS_PER_FRAME, REGION, RIGHT_READ);
}

static void page_tables_go_with_their_region_and_the_pages_in_them(void **state)
{
    (void)state;
    vaddr_t va = (vaddr_t)1 << 40;

    copy(40, REGION, RIGHT_ALL);
    OK(BOSS(table_create, p.env, REGION, PFN_ANY, va, 3));
    OK(BOSS(table_create, p.env, 40, PFN_ANY, va, 2));
    OK(BOSS(table_create, p.env, REGION, PFN_ANY, va, 1));
    bind_page(p.env, p.frames, p.pfn + 1, va, RW);
    world_run(p.t);
    OK(BOSS(cap_delete, 40));
    assert_null(space_entry(p.e->root, va, 1));
    assert_non_null(space_entry(p.e->root, va, 3));
    assert_int_equal(frame_of(p.pfn + 1)->bindings, 1);
}

/* A table for many capabilities: slots 128 to 128 + 1023. */
static void extend(slot_t env)
{
    for (unsigned i = 0; i < 8; i++)
        OK(BOSS(env_extend, env, REGION, PFN_ANY));
}

static void a_long_revocation_stops_after_256_steps_and_is_entered_again(void **state)
{
    (void)state;
    extend(p.env);
    copy(40, REGION, RIGHT_ALL);
    for (slot_t i = 0; i < 600; i++)
        give(p.env, CAPS_PER_FRAME + i, 40, RIGHT_READ);
    const word_t reg[SYS_MAX_ARGS] = {40};
    assert_int_equal(world_enter(world.boss, SYS_cap_revoke, reg), BLOCKED);
    unsigned left = 0;
    for (slot_t i = 0; i < 600; i++)
        left += cap_slot(p.e, CAPS_PER_FRAME + i)->kind != CAP_NONE;
    assert_int_equal(left, 600 - STEPS);
    OK(CALL(p.t, null, 0)); /* others run in between */
    OK(BOSS(cap_revoke, 40));
    assert_int_equal(world.entries, 2);
    assert_int_equal(cap(40)->kind, CAP_REGION);
    for (slot_t i = 0; i < 600; i++)
        assert_int_equal(cap_slot(p.e, CAPS_PER_FRAME + i)->kind, CAP_NONE);
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
    OK(BOSS(cap_delete, at + 500));
    assert_int_equal(world.entries, 2);
    assert_int_equal(cap(at + 499)->kind, CAP_REGION);
    OK(BOSS(cap_delete, at));
    assert_int_equal(cap(at)->kind, CAP_NONE);
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

static void what_is_left_when_the_caller_has_gone_is_done_at_once(void **state)
{
    (void)state;
    struct thread *t = stand_on_region(600); /* it goes in the middle */
    pfn_t frame = frame_number(t);

    assert_int_equal(CALL(t, cap_delete, SLOT_MEMORY), BLOCKED);
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
    assert_int_equal(cap_slot(p.e, SLOT_MEMORY)->kind, CAP_NONE);
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

/* True when `sentence` begins with that invariant's name. */
static bool names(const char *sentence, const char *name)
{
    return sentence && strncmp(sentence, name, strlen(name)) == 0;
}

static void the_check_of_the_forest_names_each_broken_invariant(void **state)
{
    (void)state;
    make_tree();
    struct cap *c[5];
    for (slot_t i = 0; i < 5; i++)
        c[i] = cap_slot(world.root, 40 + i);
    const struct node *root = &cap(SLOT_MEMORY)->node;
    struct node saved[5];
    for (unsigned i = 0; i < 5; i++)
        saved[i] = c[i]->node;

    assert_null(forest_check(root, 10000));
    c[2]->node.parent = node_name(&c[0]->node); /* 42 claims 40, hangs under 41 */
    assert_true(names(forest_check(root, 10000), "D1"));
    c[2]->node = saved[2];
    c[2]->node.parent = node_name(&c[3]->node);
    assert_true(names(forest_check(root, 10000), "D1"));
    c[2]->node = saved[2];
    c[2]->node.parent = 0;
    assert_true(names(forest_check(root, 10000), "D1"));
    c[2]->node = saved[2];
    c[1]->node.prev = 0; /* 43 is its elder */
    assert_true(names(forest_check(root, 10000), "D1"));
    c[1]->node = saved[1];
    c[3]->node.prev = node_name(&c[1]->node); /* the first child of 40 */
    assert_true(names(forest_check(root, 10000), "D1"));
    c[3]->node = saved[3];
    c[2]->node.child = node_name(&c[0]->node); /* a circle */
    assert_true(names(forest_check(root, 10000), "D1"));
    c[2]->node = saved[2];
    assert_null(forest_check(root, 10000));
    struct node lone = {.next = node_name(&c[0]->node)};
    assert_true(names(forest_check(&lone, 10000), "D2"));
}

static void the_check_of_capabilities_names_each_broken_invariant(void **state)
{
    (void)state;
    copy(40, REGION, RIGHT_READ | RIGHT_GRANT);
    struct cap *c = cap_slot(world.root, 40), *empty = cap_slot(world.root, 50);

    assert_null(cap_check(world.root));
    empty->count = 1;
    assert_true(names(cap_check(world.root), "C1"));
    empty->count = 0;
    c->count++;
    assert_true(names(cap_check(world.root), "C2"));
    c->count--;
    c->base--;
    assert_true(names(cap_check(world.root), "C2"));
    c->base++;
    copy(41, 40, RIGHT_READ);
    struct cap *derived = cap_slot(world.root, 41);
    derived->rights |= RIGHT_WRITE;
    assert_true(names(cap_check(world.root), "C2"));
    derived->rights = RIGHT_READ;
    assert_null(cap_check(world.root));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_copy_changes_nothing),
        TEST(a_copy_is_a_child_with_what_was_asked_for),
        TEST(a_slot_that_is_empty_or_none_cannot_be_taken_back),
        TEST(deleting_takes_the_derived_and_leaves_the_others),
        TEST(what_boot_made_can_be_deleted_by_its_owner),
        TEST(revoking_keeps_the_capability_itself),
        TEST(revoking_an_environment_keeps_what_is_in_it),
        TEST(what_was_derived_for_others_goes_too),
        TEST(environments_nest_and_end_with_the_outermost),
        TEST(a_capability_table_goes_with_the_region_that_it_came_from),
        TEST(page_tables_go_with_their_region_and_the_pages_in_them),
        TEST(a_long_revocation_stops_after_256_steps_and_is_entered_again),
        TEST(a_deep_chain_goes_leaf_by_leaf),
        TEST(a_caller_may_delete_what_it_stands_on),
        TEST(what_is_left_when_the_caller_has_gone_is_done_at_once),
        TEST(a_caller_that_loses_its_utcb_first_leaves_nothing_undone),
        TEST(a_thread_may_delete_itself),
        TEST(the_check_of_the_forest_names_each_broken_invariant),
        TEST(the_check_of_capabilities_names_each_broken_invariant),
    };
    return cmocka_run_group_tests_name("bindings/forest", tests, NULL, NULL);
}

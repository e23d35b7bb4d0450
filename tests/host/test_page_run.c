/* Runs of pages: what each error leaves behind, runs against batches page by page, what is plain.
 */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/abi/l4.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES   40u
#define READONLY 41u
#define WEAK     42u /* the party's env without RIGHT_WRITE */
#define NODATA   43u /* FRAMES without RIGHT_READ            */
#define PAGES    600u
#define TABLE    ((vaddr_t)1 << 21)
#define FREE_VA  ((vaddr_t)0x30000000) /* the first page of a table */
#define HOLE     ((vaddr_t)0x20000000) /* no table */

static struct party p, q;
static pfn_t pfn;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    pfn = make_frames(FRAMES, PAGES);
    OK(BOSS(cap_copy, SLOT_ENV, READONLY, FRAMES, RIGHT_READ | RIGHT_GRANT, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, NODATA, FRAMES, RIGHT_EXEC, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_ALL & ~RIGHT_WRITE, 0, 0));
    make_tables(p.env, FREE_VA);
    make_tables(p.env, FREE_VA + TABLE);
    return 0;
}

static int bind(vaddr_t va, uint32_t count, pfn_t first, rights_t rights)
{
    return BOSS(page_bind_run, p.env, FRAMES, PAGE_RUN(va, count), RUN_FRAMES(first, rights));
}

static int protect(vaddr_t va, uint32_t count, rights_t rights)
{
    return BOSS(page_protect_run, p.env, PAGE_RUN(va, count), rights);
}

static int unbind(vaddr_t va, uint32_t count)
{
    return BOSS(page_unbind_run, p.env, PAGE_RUN(va, count));
}

static pte_t entry(uint32_t page)
{
    return *entry_of(p.e, FREE_VA + page * PAGE_SIZE);
}

static bool is_bound(uint32_t page)
{
    return arch_pte_present(entry(page));
}

static bool is_plain(uint32_t page)
{
    return entry(page) & arch_pte_plain();
}

static void a_refused_bind_changes_nothing(void **state)
{
    (void)state;
    const struct {
        word_t run, what;
        slot_t env, frames;
        int error;
    } rows[] = {
        {PAGE_RUN(FREE_VA, 0), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, BATCH_MAX + 1), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(USER_TOP, 1), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(USER_TOP - PAGE_SIZE, 2), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(-PAGE_SIZE, 1), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, 0), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RIGHTS_LATER(RW)), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW | RIGHT_GRANT), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW | 1u << 31), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 2), RUN_FRAMES(pfn, RW | PAGE_LARGE), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn - 1, RW), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn + PAGES, RW), p.env, FRAMES, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW), FRAMES, FRAMES, ERR_BAD_CAP},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW), SLOT_NONE, FRAMES, ERR_BAD_CAP},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW), p.env, REGION, ERR_BAD_CAP},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW), p.env, SLOT_NONE, ERR_BAD_CAP},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW), p.env, CAP_SLOTS, ERR_BAD_CAP},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW), WEAK, FRAMES, ERR_NO_RIGHT},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RW), p.env, READONLY, ERR_NO_RIGHT},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RIGHT_READ | RIGHTS_LATER(RIGHT_WRITE)), p.env,
         READONLY, ERR_NO_RIGHT},
        {PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RIGHT_EXEC), p.env, NODATA, ERR_NO_RIGHT},
        {PAGE_RUN(HOLE, 1), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_NO_TABLE},
        {PAGE_RUN(USER_TOP - PAGE_SIZE, 1), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_NO_TABLE},
        {PAGE_RUN(PARTY_MEMORY, 4), RUN_FRAMES(pfn, RW), p.env, FRAMES, ERR_IN_USE},
    };

    OK(bind(FREE_VA + PAGE_SIZE, 1, pfn, RW)); /* its table is the one found last */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        REFUSED(rows[i].error, world.boss, page_bind_run, rows[i].env, rows[i].frames, rows[i].run,
                rows[i].what);
}

static void a_refused_protect_or_unbind_changes_nothing(void **state)
{
    (void)state;
    OK(BOSS(page_bind_run, p.env, READONLY, PAGE_RUN(FREE_VA, 1), RUN_FRAMES(pfn, RIGHT_READ)));
    const struct {
        word_t run;
        rights_t rights; /* 0: page_unbind_run, too */
        slot_t env;
        int error;
    } rows[] = {
        {PAGE_RUN(FREE_VA, 0), RIGHT_READ, p.env, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, BATCH_MAX + 1), RIGHT_READ, p.env, ERR_BAD_ARG},
        {PAGE_RUN(USER_TOP, 1), RIGHT_READ, p.env, ERR_BAD_ARG},
        {PAGE_RUN(FREE_VA, 1), RIGHT_READ, FRAMES, ERR_BAD_CAP},
        {PAGE_RUN(FREE_VA, 1), RIGHT_READ, WEAK, ERR_NO_RIGHT},
        {PAGE_RUN(HOLE, 1), RIGHT_READ, p.env, ERR_NO_TABLE},
        {PAGE_RUN(FREE_VA + PAGE_SIZE, 1), RIGHT_READ, p.env, ERR_NOT_BOUND},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        REFUSED(rows[i].error, world.boss, page_protect_run, rows[i].env, rows[i].run,
                rows[i].rights);
        REFUSED(rows[i].error, world.boss, page_unbind_run, rows[i].env, rows[i].run);
    }
    REFUSED(ERR_BAD_ARG, world.boss, page_protect_run, p.env, PAGE_RUN(FREE_VA, 1), 0);
    REFUSED(ERR_BAD_ARG, world.boss, page_protect_run, p.env, PAGE_RUN(FREE_VA, 1), RIGHT_GRANT);
    REFUSED(ERR_NO_RIGHT, world.boss, page_protect_run, p.env, PAGE_RUN(FREE_VA, 1), RW);
    REFUSED(ERR_NO_RIGHT, world.boss, page_protect_run, p.env, PAGE_RUN(FREE_VA, 1), RIGHT_EXEC);
}

static void a_run_crosses_tables(void **state)
{
    (void)state;
    const uint32_t from = 500, count = 40;
    vaddr_t va = FREE_VA + from * PAGE_SIZE;

    OK(bind(va, count, pfn + 7, RIGHT_READ | RIGHTS_LATER(RW)));
    assert_int_equal(world.result, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(arch_pte_address(entry(from + i)) >> PAGE_BITS, pfn + 7 + i);
        assert_int_equal(arch_pte_rights(entry(from + i)), RIGHT_READ);
    }
    OK(protect(va, count, RW));
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(arch_pte_rights(entry(from + i)), RW);
    OK(unbind(va, count));
    assert_int_equal(world.result, count);
    for (uint32_t i = 0; i < count; i++)
        assert_false(is_bound(from + i));
}

/* Wherever the bad page lies in its group, those before it are done and no other. */
static void pages_before_a_bad_one_stay_done(void **state)
{
    (void)state;
    for (uint32_t bad = 0; bad < 40; bad++) {
        vaddr_t at = FREE_VA + bad * PAGE_SIZE;
        OK(bind(at, 1, pfn + 500, RW));
        assert_int_equal(bind(FREE_VA, 40, pfn, RIGHT_READ | RIGHTS_LATER(RW)), ERR_IN_USE);
        assert_int_equal(world.result, bad);
        OK(unbind(at, 1));
        assert_int_equal(protect(FREE_VA, 40, RW), ERR_NOT_BOUND);
        assert_int_equal(world.result, bad);
        assert_int_equal(unbind(FREE_VA, 40), ERR_NOT_BOUND);
        assert_int_equal(world.result, bad);
        for (uint32_t i = 0; i < 40; i++)
            assert_false(is_bound(i));
    }
    assert_int_equal(bind(FREE_VA, 40, pfn + PAGES - 21, RW), ERR_BAD_ARG);
    assert_int_equal(world.result, 21); /* the frames' range ends there */
    assert_int_equal(unbind(FREE_VA + 510 * PAGE_SIZE, 3), ERR_NOT_BOUND);
}

/* Bound in an order of their own, other capabilities' among them: chains of siblings of any shape.
 */
static void pages_are_unbound_in_whatever_order_they_were_bound(void **state)
{
    (void)state;
    srand(17);
    for (unsigned round = 0; round < 40; round++) {
        uint32_t bound = 0;
        for (unsigned i = 0; i < 60; i++) {
            uint32_t page = (uint32_t)rand() % 64, count = 1 + (uint32_t)rand() % 20;
            vaddr_t va = FREE_VA + page * PAGE_SIZE;
            slot_t slot = rand() % 4 ? FRAMES : READONLY;
            BOSS(page_bind_run, p.env, slot, PAGE_RUN(va, count),
                 RUN_FRAMES(pfn + page, RIGHT_READ));
            if (rand() % 3 == 0)
                unbind(FREE_VA + (uint32_t)rand() % 64 * PAGE_SIZE, 1 + (uint32_t)rand() % 40);
        }
        for (uint32_t i = 0; i < 84; i++)
            bound += is_bound(i);
        for (uint32_t i = 0; i < 84; i++)
            if (is_bound(i)) {
                unbind(FREE_VA + i * PAGE_SIZE, 84 - i);
                assert_true(world.result > 0);
                bound -= (uint32_t)world.result;
            }
        assert_int_equal(bound, 0);
    }
}

static void a_page_is_plain_until_something_is_derived_from_it(void **state)
{
    (void)state;
    OK(bind(FREE_VA, 20, pfn, RW));
    assert_true(is_plain(3) && is_plain(4));
    assert_true(map_all(p.t, q.t, ITEM_MAP, (FREE_VA + 4 * PAGE_SIZE) | PAGE_BITS << 4 | 7,
                        (PARTY_MEMORY + 8 * PAGE_SIZE) | PAGE_BITS << 4));
    assert_true(is_plain(3) && !is_plain(4));
    pte_t *mapped = entry_of(q.e, PARTY_MEMORY + 8 * PAGE_SIZE);
    assert_false(*mapped & arch_pte_plain());
    world_run(q.t); /* its translations are cached now */

    OK(protect(FREE_VA, 20, RIGHT_READ));
    assert_int_equal(arch_pte_rights(*mapped), RIGHT_READ);
    OK(protect(FREE_VA, 20, RW));
    assert_int_equal(arch_pte_rights(*mapped), RIGHT_READ);
    assert_int_equal(BOSS(page_protect_run, q.env, PAGE_RUN(PARTY_MEMORY + 8 * PAGE_SIZE, 1), RW),
                     ERR_NO_RIGHT);
    OK(unbind(FREE_VA, 20));
    assert_false(arch_pte_present(*mapped));

    OK(bind(FREE_VA, 1, pfn, RW)); /* a new page is plain again, one that holds a UTCB is not */
    assert_true(is_plain(0));
    assert_false(*entry_of(p.e, PARTY_UTCB) & arch_pte_plain());
    OK(BOSS(page_bind_run, p.env, p.env, PAGE_RUN(FREE_VA + PAGE_SIZE, 1),
            RUN_FRAMES(p.e->root, RIGHT_READ)));
    assert_false(is_plain(1)); /* nor is a table */
}

/* The frame that a reader of tables still shows is freed when the last page of it goes. */
static void a_table_that_is_gone_is_free_when_its_reader_unbinds_it(void **state)
{
    (void)state;
    struct env *gone = make_env(60);
    pfn_t table = gone->root;

    OK(BOSS(page_bind_run, p.env, SLOT_INSPECT, PAGE_RUN(FREE_VA, 2),
            RUN_FRAMES(table, RIGHT_READ)));
    OK(BOSS(cap_delete, 60));
    assert_int_equal(frame_of(table)->type, FRAME_STALE);
    OK(unbind(FREE_VA, 2));
    assert_int_equal(frame_of(table)->type, FRAME_FREE);
    assert_int_equal(frame_of(table + 1)->type, FRAME_FREE);
}

/* Tables go while the environment's last one is remembered, and others come in their place. */
static void a_table_that_goes_is_not_remembered(void **state)
{
    (void)state;
    struct cap *r = cap_slot(world.root, REGION);
    pfn_t base = frame_find(r->base, r->base + r->count, 3 * TABLE_FRAMES);

    OK(BOSS(cap_copy, SLOT_ENV, 61, REGION, RIGHT_ALL, base, 3 * TABLE_FRAMES));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned level = 3; level > 0; level--)
            BOSS(table_create, p.env, 61, PFN_ANY, HOLE << 12, level);
        OK(bind(HOLE << 12, 1, pfn, RW));
        OK(bind((HOLE << 12) + PAGE_SIZE, 1, pfn, RW));
        OK(BOSS(cap_revoke, 61));
        assert_int_equal(bind((HOLE << 12) + PAGE_SIZE, 1, pfn, RW), ERR_NO_TABLE);
    }
}

static void what_is_changed_is_flushed_once(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 2; n++) {
        unsigned long before = host.mmu[0].pages + host.mmu[0].alls;
        OK(CALL(p.t, page_protect_run, SLOT_ENV, PAGE_RUN(PARTY_MEMORY, n), RIGHT_READ));
        assert_int_equal(host.mmu[0].pages + host.mmu[0].alls, before + 1);
        OK(CALL(p.t, page_unbind_run, SLOT_ENV, PAGE_RUN(PARTY_MEMORY, n)));
        assert_int_equal(host.mmu[0].pages + host.mmu[0].alls, before + 2);
        bind_page(p.env, p.frames, p.pfn + 1, PARTY_MEMORY, RW);
    }
}

static void a_large_page_is_a_run_of_one(void **state)
{
    (void)state;
    OK(BOSS(cap_delete, FRAMES));
    OK(BOSS(frames_find, REGION, FRAME_RANGE_ALL, LARGE_PAGES, 9, FRAME_COLOURS_ALL, FRAMES));
    pfn_t first = cap_slot(world.root, FRAMES)->base;
    OK(bind(FREE_VA + 2 * TABLE, 1, first, RIGHT_READ | RIGHTS_LATER(RW) | PAGE_LARGE));
    OK(protect(FREE_VA + 2 * TABLE, 1, RW));
    assert_int_equal(protect(FREE_VA + 2 * TABLE, 2, RW), ERR_NO_TABLE);
    assert_int_equal(world.result, 1);
    OK(unbind(FREE_VA + 2 * TABLE, 1));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_bind_changes_nothing),
        TEST(a_refused_protect_or_unbind_changes_nothing),
        TEST(a_run_crosses_tables),
        TEST(pages_before_a_bad_one_stay_done),
        TEST(pages_are_unbound_in_whatever_order_they_were_bound),
        TEST(a_page_is_plain_until_something_is_derived_from_it),
        TEST(a_table_that_is_gone_is_free_when_its_reader_unbinds_it),
        TEST(a_table_that_goes_is_not_remembered),
        TEST(what_is_changed_is_flushed_once),
        TEST(a_large_page_is_a_run_of_one),
    };
    return cmocka_run_group_tests_name("bindings/page_run", tests, NULL, NULL);
}

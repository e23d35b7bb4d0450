/* Large pages: bound, protected, unbound, revoked, and what each refusal leaves behind. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/abi/l4.h"

#include <string.h>

#define FRAMES   40u
#define READONLY 41u
#define WEAK     42u /* the party's env without RIGHT_WRITE */
#define LARGE_RW (RW | PAGE_LARGE)
#define VA       ((vaddr_t)0x20000000)
#define END      (VA + LARGE_SIZE)

static struct party p;
static pfn_t pfn;

static int set_up(void **state)
{
    world_begin(state);
    OK(BOSS(frames_find, REGION, FRAME_RANGE_ALL, LARGE_PAGES, 9, FRAME_COLOURS_ALL, FRAMES));
    pfn = (pfn_t)world.result;
    party_make(&p, 20);
    OK(BOSS(cap_copy, SLOT_ENV, READONLY, FRAMES, RIGHT_READ | RIGHT_GRANT, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_ALL & ~RIGHT_WRITE, 0, 0));
    for (uint32_t level = 3; level >= 2; level--) {
        int e = BOSS(table_create, p.env, REGION, PFN_ANY, VA, level);
        assert_true(e == ERR_OK || e == ERR_IN_USE);
    }
    return 0;
}

static void put(vaddr_t va, pfn_t frame, uint32_t rights)
{
    const struct page_entry e = {va, frame, rights};

    put_entries(world.boss, SCRATCH, &e, 1);
}

static void bind_large(void)
{
    put(VA, pfn, LARGE_RW);
    OK(BOSS(page_bind, p.env, FRAMES, SCRATCH, 1));
}

static bool can(vaddr_t va, rights_t rights)
{
    return space_user(p.e->root, va, rights) != NULL;
}

static void a_large_page_is_its_frames_in_order(void **state)
{
    (void)state;
    bind_large();
    for (pfn_t i = 0; i < LARGE_PAGES; i++) {
        assert_ptr_equal(space_user(p.e->root, VA + i * PAGE_SIZE + 9, RW),
                         (char *)frame_memory(pfn + i) + 9);
        assert_int_equal(frame_of(pfn + i)->bindings, 1);
    }
    assert_false(can(VA, RIGHT_EXEC));
    assert_false(can(VA - PAGE_SIZE, RIGHT_READ));
    assert_false(can(END, RIGHT_READ));
    OK(BOSS(cap_delete, p.env));
    assert_int_equal(frame_of(pfn + 511)->bindings, 0);
}

static void it_is_protected_and_unbound_as_one(void **state)
{
    (void)state;
    bind_large();
    put(VA, 0, RIGHT_READ);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_true(can(END - 1, RIGHT_READ));
    assert_false(can(END - 1, RIGHT_WRITE));
    put(VA, 0, RIGHT_EXEC);
    REFUSED(ERR_NO_RIGHT, world.boss, page_protect, p.env, SCRATCH, 1);
    put(VA + PAGE_SIZE, 0, RIGHT_READ);
    REFUSED(ERR_NO_TABLE, world.boss, page_protect, p.env, SCRATCH, 1);
    REFUSED(ERR_NO_TABLE, world.boss, page_unbind, p.env, SCRATCH, 1);
    put(VA, 0, 0);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_false(can(VA, RIGHT_READ));
    assert_int_equal(frame_of(pfn)->bindings + frame_of(pfn + 511)->bindings, 0);
    bind_large();
}

static void a_refused_bind_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    const struct {
        struct page_entry entry;
        slot_t env, frames;
        int error;
    } rows[] = {
        {{VA + PAGE_SIZE, pfn, LARGE_RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{USER_TOP + PAGE_SIZE - LARGE_SIZE, pfn, LARGE_RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{VA, pfn + 1, LARGE_RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{VA, pfn + LARGE_PAGES, LARGE_RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{VA, pfn - LARGE_PAGES, LARGE_RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{VA, 0, LARGE_RW}, p.env, p.frames, ERR_BAD_ARG}, /* fewer frames than a large page */
        {{VA, pfn, PAGE_LARGE}, p.env, FRAMES, ERR_BAD_ARG},
        {{VA, pfn, LARGE_RW | RIGHT_GRANT}, p.env, FRAMES, ERR_BAD_ARG},
        {{VA, p.e->root & ~511u, LARGE_RW},
         p.env,
         p.env,
         ERR_BAD_ARG}, /* tables are not shown so */
        {{VA & ~(HUGE_SIZE - 1), 0, RW | PAGE_HUGE}, p.env, FRAMES, ERR_BAD_ARG}, /* too few */
        {{VA, pfn, LARGE_RW | PAGE_HUGE}, p.env, FRAMES, ERR_BAD_ARG},            /* which? */
        {{VA, pfn, LARGE_RW}, p.env, READONLY, ERR_NO_RIGHT},
        {{VA, pfn, LARGE_RW}, WEAK, FRAMES, ERR_NO_RIGHT},
        {{(vaddr_t)1 << 46, pfn, LARGE_RW}, p.env, FRAMES, ERR_NO_TABLE},
        {{PARTY_UTCB, pfn, LARGE_RW}, p.env, FRAMES, ERR_IN_USE}, /* a table is there */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_entries(t, SCRATCH, &rows[i].entry, 1);
        REFUSED(rows[i].error, t, page_bind, rows[i].env, rows[i].frames, SCRATCH, 1);
    }
    bind_large();
    put(VA, pfn, LARGE_RW);
    REFUSED(ERR_IN_USE, t, page_bind, p.env, FRAMES, SCRATCH, 1);
    put(VA, pfn, RW);
    REFUSED(ERR_IN_USE, t, page_bind, p.env, FRAMES, SCRATCH, 1);
    put(VA + PAGE_SIZE, pfn, RW);
    REFUSED(ERR_NO_TABLE, t, page_bind, p.env, FRAMES, SCRATCH, 1);
    REFUSED(ERR_IN_USE, t, table_create, p.env, REGION, PFN_ANY, VA, 1);
    REFUSED(ERR_NOT_BOUND, t, thread_create, p.env, REGION, PFN_ANY, VA, 0, 60);
}

static void it_goes_with_its_frames(void **state)
{
    (void)state;
    bind_large();
    OK(BOSS(cap_delete, FRAMES));
    assert_false(can(VA, RIGHT_READ));
    assert_int_equal(frame_of(pfn)->type, FRAME_FREE);
    assert_int_equal(frame_of(pfn + 511)->type, FRAME_FREE);
}

#define ALL  (FPAGE_READ | FPAGE_WRITE | FPAGE_EXEC)
#define ONE  (PAGE_BITS << 4)
#define FULL (21u << 4)

static struct party q;

static void make_receiver(void)
{
    party_make(&q, 24);
    OK(BOSS(env_kmem, q.env, REGION));
    bind_large();
}

static bool shows(vaddr_t va, pfn_t frame, rights_t rights)
{
    return space_user(q.e->root, va, rights) == frame_memory(frame);
}

/* As one where all of it is meant and it fits, else in pages; what they are derived from is the
 * large page in either case. */
static void a_map_item_maps_it_whole_or_in_pages(void **state)
{
    (void)state;
    unsigned level;

    make_receiver();
    assert_true(map_all(p.t, q.t, ITEM_MAP, VA | FULL | ALL, END | FULL));
    assert_non_null(space_large(q.e->root, END, &level));
    assert_int_equal(level, 2);
    assert_true(shows(END + 7 * PAGE_SIZE, pfn + 7, RW));
    assert_int_equal(frame_of(pfn + 511)->bindings, 2);
    world_check();
    assert_true(map_all(p.t, q.t, ITEM_MAP, (VA + 3 * PAGE_SIZE) | ONE | FPAGE_READ,
                        (VA + 5 * PAGE_SIZE) | ONE)); /* a part */
    assert_true(shows(VA + 5 * PAGE_SIZE, pfn + 3, RIGHT_READ));
    assert_false(shows(VA + 5 * PAGE_SIZE, pfn + 3, RIGHT_WRITE));
    assert_int_equal(frame_of(pfn + 3)->bindings, 3);
    assert_true(map_all(p.t, q.t, ITEM_MAP, VA | FULL | ALL, VA | FULL)); /* pages are there */
    assert_null(space_large(q.e->root, VA, &level));
    assert_true(shows(VA + 5 * PAGE_SIZE, pfn + 5, RW));
    assert_true(shows(VA + 511 * PAGE_SIZE, pfn + 511, RW));
    world_check();
    put(VA, 0, RIGHT_READ);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_false(shows(VA + PAGE_SIZE, pfn + 1, RIGHT_WRITE));
    assert_false(shows(END + PAGE_SIZE, pfn + 1, RIGHT_WRITE));
    assert_true(shows(END + PAGE_SIZE, pfn + 1, RIGHT_READ));
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_int_equal(frame_of(pfn)->bindings + frame_of(pfn + 511)->bindings, 0);
}

static void a_map_item_replaces_it_as_a_whole(void **state)
{
    (void)state;
    const word_t rw = FPAGE_READ | FPAGE_WRITE;

    make_receiver();
    assert_true(map_all(q.t, p.t, ITEM_MAP, PARTY_MEMORY | ONE | rw, VA | ONE)); /* is skipped */
    assert_true(can(VA, RW));
    assert_true(can(VA + PAGE_SIZE, RW));
    assert_int_equal(frame_of(q.pfn + 1)->bindings, 1);
    assert_true(map_all(p.t, q.t, ITEM_MAP, VA | FULL | FPAGE_READ, END | FULL));
    assert_true(map_all(p.t, q.t, ITEM_MAP, VA | FULL | rw, END | FULL)); /* again, for more */
    assert_true(shows(END, pfn, RW));
    assert_int_equal(frame_of(pfn)->bindings, 2);
    OK(BOSS(cap_copy, SLOT_ENV, 50, FRAMES, RIGHT_ALL, 0, 0));
    put(END, pfn, LARGE_RW);
    OK(BOSS(page_bind, p.env, 50, SCRATCH, 1)); /* another page of p that shows the same */
    assert_true(map_all(p.t, q.t, ITEM_MAP, END | FULL | rw, END | FULL));
    world_check();
}

static void a_grant_moves_it_whole_and_never_a_part(void **state)
{
    (void)state;
    make_receiver();
    assert_true(map_all(p.t, q.t, ITEM_GRANT, (VA + PAGE_SIZE) | ONE | ALL, PARTY_MEMORY | ONE));
    assert_true(can(VA + PAGE_SIZE, RW)); /* stays */
    assert_int_equal(frame_of(pfn + 1)->bindings, 1);
    assert_true(map_all(p.t, q.t, ITEM_MAP, (VA + 2 * PAGE_SIZE) | ONE | ALL, VA | ONE));
    world_check();
    assert_true(map_all(p.t, q.t, ITEM_GRANT, VA | FULL | ALL, END | FULL));
    world_check();
    assert_false(can(VA, RIGHT_READ));
    assert_true(shows(END + 7 * PAGE_SIZE, pfn + 7, RW));
    assert_true(shows(VA, pfn + 2, RW)); /* derived from it before, and still is */
    unmap_all(q.t, END | FULL | ALL, false);
    assert_false(shows(VA, pfn + 2, RIGHT_READ));
    assert_int_equal(frame_of(pfn + 2)->bindings, 1);
    world_check();
}

static void unmap_of_a_part_takes_all_of_it(void **state)
{
    (void)state;
    make_receiver();
    assert_true(map_all(p.t, q.t, ITEM_MAP, (VA + PAGE_SIZE) | ONE | ALL, VA | ONE));
    assert_true(map_all(p.t, q.t, ITEM_MAP, VA | FULL | ALL, END | FULL));
    unmap_all(p.t, (VA + 9 * PAGE_SIZE) | ONE | FPAGE_WRITE, false);
    assert_false(shows(END, pfn, RIGHT_WRITE));
    assert_true(shows(END, pfn, RIGHT_READ) && can(VA, RW));
    unmap_all(p.t, (VA + 9 * PAGE_SIZE) | ONE | ALL, false);
    assert_false(shows(VA, pfn + 1, RIGHT_READ));
    assert_false(shows(END, pfn, RIGHT_READ));
    assert_true(can(VA, RW));
    world_check();
    unmap_all(p.t, (VA + 9 * PAGE_SIZE) | ONE | ALL, true);
    assert_false(can(VA, RIGHT_READ));
    assert_int_equal(frame_of(pfn)->bindings, 0);
    world_check();
}

/* Entries that lie in a large page are read there. */
static void a_batch_may_lie_in_one(void **state)
{
    (void)state;
    const struct page_entry self = {VA, 0, 0};

    bind_large();
    put_entries(p.t, VA + 7 * PAGE_SIZE - 8, &self, 1); /* in two of its pages */
    OK(CALL(p.t, page_unbind, SLOT_ENV, VA + 7 * PAGE_SIZE - 8, 1));
    assert_false(can(VA, RIGHT_READ));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_large_page_is_its_frames_in_order),
        TEST(it_is_protected_and_unbound_as_one),
        TEST(a_refused_bind_changes_nothing),
        TEST(it_goes_with_its_frames),
        TEST(a_map_item_maps_it_whole_or_in_pages),
        TEST(a_map_item_replaces_it_as_a_whole),
        TEST(a_grant_moves_it_whole_and_never_a_part),
        TEST(unmap_of_a_part_takes_all_of_it),
        TEST(a_batch_may_lie_in_one),
    };
    return cmocka_run_group_tests_name("bindings/page_large", tests, NULL, NULL);
}

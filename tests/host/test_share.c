/* Tables shared between spaces: what is seen through a share, who may change it, and every way in
 * which it ends. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/abi/l4.h"

#define WEAK  60u                               /* p's env without RIGHT_GRANT */
#define PLAIN 61u                               /* q's env without RIGHT_WRITE */
#define NOW   62u                               /* p's env, without RIGHT_WRITE */
#define PART  63u                               /* a region that tables are made from */
#define BASE  (PARTY_UTCB & ~(MMU_SPAN(2) - 1)) /* what p's table of level 1 serves */
#define VA    ((vaddr_t)0x40000000)             /* where q sees it: 1 GiB on */
#define PAGE  (PARTY_MEMORY - BASE)             /* p's pages, in the table */

static struct party p, q;

/* p has pages in a table; q has all but a table at VA. */
static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(table_create, q.env, REGION, PFN_ANY, VA, 2));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_ALL & ~RIGHT_GRANT, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, PLAIN, q.env, RIGHT_ALL & ~RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, NOW, p.env, RIGHT_ALL & ~RIGHT_WRITE, 0, 0));
    return 0;
}

static void share(rights_t rights)
{
    OK(BOSS(table_share, p.env, BASE, q.env, VA, 1, rights));
}

static bool sees(const struct party *who, vaddr_t va, rights_t rights)
{
    return space_user(who->e->root, va, rights) != NULL;
}

static void put(vaddr_t va, pfn_t pfn, rights_t rights)
{
    const struct page_entry e = {va, pfn, rights};

    put_entries(world.boss, SCRATCH, &e, 1);
}

static void a_share_shows_what_is_bound(void **state)
{
    (void)state;
    share(RW);
    for (unsigned i = 0; i < PARTY_PAGES; i++)
        assert_ptr_equal(space_user(q.e->root, VA + PAGE + i * PAGE_SIZE + 5, RW),
                         memory_of(p.t, PARTY_MEMORY + i * PAGE_SIZE + 5));
    assert_false(sees(&q, VA + PAGE + PARTY_PAGES * PAGE_SIZE, RIGHT_READ));
    assert_int_equal(frame_of(p.pfn + 1)->bindings, 1);
    assert_int_equal(q.e->info->frames, 5 + 9 + 1 + 3); /* env, tables, thread, one table more */
    /* What changes afterwards, too. */
    put(PARTY_MEMORY, 0, RIGHT_READ);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_true(sees(&q, VA + PAGE, RIGHT_READ));
    assert_false(sees(&q, VA + PAGE, RIGHT_WRITE));
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_false(sees(&q, VA + PAGE, RIGHT_READ));
    bind_page(p.env, p.frames, p.pfn + 2, PARTY_MEMORY, RW);
    assert_ptr_equal(space_user(q.e->root, VA + PAGE, RW), frame_memory(p.pfn + 2));
}

static void the_upper_entry_limits_rights(void **state)
{
    (void)state;
    share(RIGHT_READ);
    assert_true(sees(&q, VA + PAGE, RIGHT_READ));
    assert_false(sees(&q, VA + PAGE, RIGHT_WRITE));
    assert_true(sees(&p, PARTY_MEMORY, RW));
    bind_page(p.env, p.frames, p.pfn + 1, PARTY_MEMORY + 8 * PAGE_SIZE, RIGHT_EXEC);
    assert_true(sees(&p, PARTY_MEMORY + 8 * PAGE_SIZE, RIGHT_EXEC));
    assert_false(sees(&q, VA + PAGE + 8 * PAGE_SIZE, RIGHT_EXEC));
    /* Shared on, it allows no more. */
    REFUSED(ERR_NO_RIGHT, world.boss, table_share, q.env, VA, p.env, BASE + MMU_SPAN(2), 1, RW);
    OK(BOSS(table_share, q.env, VA, p.env, BASE + MMU_SPAN(2), 1, RIGHT_READ));
    assert_true(sees(&p, PARTY_MEMORY + MMU_SPAN(2), RIGHT_READ));
    assert_false(sees(&p, PARTY_MEMORY + MMU_SPAN(2), RIGHT_WRITE));
    assert_true(p.e->lends == 2 && p.e->borrows == 1 && q.e->borrows == 1);
}

/* Memory that the kernel reads for q may lie there, memory that it writes only with the right. */
static void calls_read_through_a_share(void **state)
{
    (void)state;
    const struct page_entry e = {PARTY_MEMORY + PAGE_SIZE, 0, 0};

    put_entries(p.t, PARTY_MEMORY, &e, 1);
    share(RIGHT_READ);
    OK(CALL(q.t, page_unbind, SLOT_ENV, VA + PAGE, 1)); /* q's page of the same address */
    assert_false(sees(&q, PARTY_MEMORY + PAGE_SIZE, RIGHT_READ));
    assert_true(sees(&p, PARTY_MEMORY + PAGE_SIZE, RIGHT_READ));
    assert_false(space_copy_out(q.e->root, VA + PAGE, &e, sizeof e));
}

static void only_the_owner_changes_it(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    share(RWX);
    put(VA + PAGE, q.pfn, RW);
    REFUSED(ERR_NO_TABLE, b, page_bind, q.env, q.frames, SCRATCH, 1);
    REFUSED(ERR_NO_TABLE, b, page_protect, q.env, SCRATCH, 1);
    REFUSED(ERR_NO_TABLE, b, page_unbind, q.env, SCRATCH, 1);
    put(VA, q.pfn, RW); /* its first address is no large page's */
    REFUSED(ERR_NO_TABLE, b, page_unbind, q.env, SCRATCH, 1);
    REFUSED(ERR_IN_USE, b, table_create, q.env, REGION, PFN_ANY, VA, 1);
    REFUSED(ERR_NOT_BOUND, b, thread_create, q.env, REGION, PFN_ANY, VA + PAGE, 0, 50);
    /* Neither from it nor into it. */
    const word_t one = PAGE_BITS << 4, rw = FPAGE_READ | FPAGE_WRITE;
    assert_true(map_all(q.t, p.t, ITEM_MAP, (VA + PAGE) | one | rw, PARTY_MEMORY | one));
    assert_int_equal(arch_pte_address(*entry_of(p.e, PARTY_MEMORY)) >> PAGE_BITS, p.pfn + 1);
    assert_true(map_all(p.t, q.t, ITEM_MAP, PARTY_MEMORY | one | rw, (VA + PAGE) | one));
    assert_int_equal(frame_of(p.pfn + 1)->bindings, 1); /* it was skipped */
    world_check();
}

/* A gigabyte's worth, with a share inside: nobody but the owners change anything. */
static void shares_nest(void **state)
{
    (void)state;
    const vaddr_t giga = (vaddr_t)0x80000000, inner = giga + 3 * MMU_SPAN(2);

    share(RIGHT_READ); /* at VA of q; now all of VA's gigabyte to p */
    OK(BOSS(table_share, q.env, VA, p.env, giga, 2, RW));
    assert_true(sees(&p, giga + PAGE, RIGHT_READ));
    assert_false(sees(&p, giga + PAGE, RIGHT_WRITE));
    REFUSED(ERR_NO_TABLE, world.boss, table_create, p.env, REGION, PFN_ANY, inner, 1);
    REFUSED(ERR_NO_TABLE, world.boss, table_share, p.env, giga, q.env, VA + MMU_SPAN(2), 1, RW);
    REFUSED(ERR_NO_TABLE, world.boss, table_share, p.env, BASE, p.env, inner, 1, RW);
    REFUSED(ERR_NO_TABLE, world.boss, table_unshare, p.env, giga, 1);
    const word_t one = PAGE_BITS << 4, rw = FPAGE_READ | FPAGE_WRITE;
    assert_true(map_all(q.t, p.t, ITEM_MAP, PARTY_MEMORY | one | rw, inner | one));
    assert_int_equal(frame_of(q.pfn + 1)->bindings, 1); /* it was skipped */
    unmap_all(p.t, inner | 30u << 4 | rw, false);       /* passes over */
    assert_true(sees(&p, giga + PAGE, RIGHT_READ));
    OK(BOSS(table_unshare, q.env, VA, 1));
    assert_false(sees(&p, giga + PAGE, RIGHT_READ));
    OK(BOSS(cap_delete, p.env));
    assert_int_equal(q.e->lends, 0);
}

static void a_refused_share_changes_nothing(void **state)
{
    (void)state;
    const vaddr_t top = USER_TOP + PAGE_SIZE - MMU_SPAN(2);
    const struct {
        slot_t from;
        vaddr_t from_va;
        slot_t to;
        vaddr_t to_va;
        uint32_t level;
        rights_t rights;
        int error;
    } rows[] = {
        {p.env, BASE, q.env, VA, 0, RW, ERR_BAD_ARG},
        {p.env, BASE, q.env, VA, 3, RW, ERR_BAD_ARG},
        {p.env, BASE + PAGE_SIZE, q.env, VA, 1, RW, ERR_BAD_ARG},
        {p.env, BASE, q.env, VA + PAGE_SIZE, 1, RW, ERR_BAD_ARG},
        {p.env, 0, q.env, VA + MMU_SPAN(2), 2, RW, ERR_BAD_ARG},
        {p.env, BASE, q.env, top, 1, RW, ERR_BAD_ARG},
        {p.env, top, q.env, VA, 1, RW, ERR_BAD_ARG},
        {p.env, BASE, q.env, (vaddr_t)1 << 47, 1, RW, ERR_BAD_ARG},
        {p.env, BASE, q.env, VA, 1, 0, ERR_BAD_ARG},
        {p.env, BASE, q.env, VA, 1, RIGHT_GRANT, ERR_BAD_ARG},
        {p.frames, BASE, q.env, VA, 1, RW, ERR_BAD_CAP},
        {p.env, BASE, q.thread, VA, 1, RW, ERR_BAD_CAP},
        {WEAK, BASE, q.env, VA, 1, RW, ERR_NO_RIGHT},
        {NOW, BASE, q.env, VA, 1, RW, ERR_NO_RIGHT},
        {p.env, BASE, PLAIN, VA, 1, RW, ERR_NO_RIGHT},
        {p.env, BASE + MMU_SPAN(2), q.env, VA, 1, RW, ERR_NO_TABLE},
        {p.env, BASE, q.env, (vaddr_t)1 << 46, 1, RW, ERR_NO_TABLE},
        {p.env, BASE, q.env, BASE, 1, RW, ERR_IN_USE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world.step = (unsigned)i;
        REFUSED(rows[i].error, world.boss, table_share, rows[i].from, rows[i].from_va, rows[i].to,
                rows[i].to_va, rows[i].level, rows[i].rights);
    }
    share(RW);
    REFUSED(ERR_IN_USE, world.boss, table_share, p.env, BASE, q.env, VA, 1, RW);
    REFUSED(ERR_BAD_ARG, world.boss, table_unshare, q.env, VA, 0);
    REFUSED(ERR_BAD_ARG, world.boss, table_unshare, q.env, VA + PAGE_SIZE, 1);
    REFUSED(ERR_BAD_CAP, world.boss, table_unshare, q.frames, VA, 1);
    REFUSED(ERR_NO_RIGHT, world.boss, table_unshare, PLAIN, VA, 1);
    REFUSED(ERR_NO_TABLE, world.boss, table_unshare, q.env, VA + MMU_SPAN(2), 1);
    OK(BOSS(table_share, NOW, BASE, q.env, VA + MMU_SPAN(2), 1, RIGHT_READ));
}

static void it_is_taken_back_from_either_end(void **state)
{
    (void)state;
    share(RW);
    OK(BOSS(table_share, q.env, VA, q.env, VA + MMU_SPAN(2), 1, RW));
    OK(BOSS(table_unshare, q.env, VA, 1)); /* and with it what was made from it */
    assert_false(sees(&q, VA + PAGE, RIGHT_READ));
    assert_false(sees(&q, VA + MMU_SPAN(2) + PAGE, RIGHT_READ));
    assert_true(sees(&p, PARTY_MEMORY, RW));
    share(RW);
    OK(BOSS(table_share, p.env, BASE, p.env, BASE + MMU_SPAN(2), 1, RW)); /* in its own space */
    OK(BOSS(table_unshare, p.env, BASE, 1));
    assert_false(sees(&q, VA + PAGE, RIGHT_READ));
    assert_false(sees(&p, PARTY_MEMORY + MMU_SPAN(2), RIGHT_READ));
    assert_true(sees(&p, PARTY_MEMORY, RW));
    OK(BOSS(table_unshare, p.env, BASE, 1)); /* none is left: nothing to do */
}

/* More shares than one step takes. */
static void taking_many_is_cut_into_steps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 511; i++)
        OK(BOSS(table_share, p.env, BASE, q.env, VA + i * MMU_SPAN(2), 1, RW));
    OK(BOSS(table_unshare, p.env, BASE, 1));
    assert_true(world.entries > 1);
    assert_true(p.e->lends == 0 && q.e->borrows == 0);
}

static void it_ends_with_either_space(void **state)
{
    (void)state;
    share(RW);
    OK(BOSS(cap_delete, q.env));
    assert_true(sees(&p, PARTY_MEMORY, RW));
    assert_int_equal(p.e->lends, 0);
    party_make(&q, 30);
    OK(BOSS(table_create, q.env, REGION, PFN_ANY, VA, 2));
    share(RW);
    OK(BOSS(cap_delete, p.env));
    assert_false(sees(&q, VA + PAGE, RIGHT_READ));
    assert_int_equal(q.e->borrows, 0);
    OK(BOSS(table_create, q.env, REGION, PFN_ANY, VA, 1)); /* the place is free */
}

static void it_goes_with_what_the_table_was_made_from(void **state)
{
    (void)state;
    const vaddr_t va = BASE + 5 * MMU_SPAN(2);
    pfn_t part = frame_find(world.base, world.base + world.count, TABLE_FRAMES);

    OK(BOSS(cap_copy, SLOT_ENV, PART, REGION, RIGHT_ALL, part, TABLE_FRAMES));
    OK(BOSS(table_create, p.env, PART, PFN_ANY, va, 1));
    bind_page(p.env, p.frames, p.pfn + 1, va, RW);
    OK(BOSS(table_share, p.env, va, q.env, VA, 1, RW));
    OK(BOSS(cap_delete, PART));
    assert_false(sees(&q, VA, RIGHT_READ));
    assert_int_equal(frame_of(part)->type, FRAME_FREE);
    assert_int_equal(frame_of(p.pfn + 1)->bindings, 1);
}

static void unmap_takes_it_as_a_whole(void **state)
{
    (void)state;
    const word_t all = FPAGE_READ | FPAGE_WRITE | FPAGE_EXEC, bits = 21u << 4;

    share(RW);
    unmap_all(q.t, (VA + PAGE) | 12u << 4 | all, true);
    assert_true(sees(&q, VA + PAGE, RW));
    unmap_all(q.t, VA | bits | all, false); /* what was made from it: nothing */
    assert_true(sees(&q, VA + PAGE, RW));
    unmap_all(q.t, VA | bits, true); /* no right is named */
    assert_true(sees(&q, VA + PAGE, RW));
    unmap_all(q.t, VA | bits | all, true);
    assert_false(sees(&q, VA + PAGE, RIGHT_READ));
    world_check();
    share(RW);
    unmap_all(p.t, PARTY_MEMORY | 12u << 4 | FPAGE_WRITE, false); /* a part: nothing */
    assert_true(sees(&q, VA + PAGE, RW));
    unmap_all(p.t, BASE | bits | FPAGE_WRITE, false);
    assert_false(sees(&q, VA + PAGE, RIGHT_READ));
    assert_true(sees(&p, PARTY_MEMORY, RW));
    world_check();
    share(RW);
    unmap_all(p.t, PARTY_MEMORY | 12u << 4 | all, true); /* an entry of the table goes for all */
    assert_false(sees(&q, VA + PAGE, RIGHT_READ));
    assert_true(sees(&q, VA + PAGE + PAGE_SIZE, RW));
}

/* q runs on another CPU and has everything in its translation cache; after each call none of it may
 * be old (W5). */
static void no_cpu_keeps_what_a_share_showed(void **state)
{
    (void)state;
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    share(RW);
    OK(BOSS(thread_stop, q.thread));
    OK(BOSS(thread_place, q.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_start, q.thread, 0x400000, 0x500000, 0));
    world_run(q.t);
    assert_ptr_equal(cpu_number(1)->space, q.e);
    put(PARTY_MEMORY, 0, RIGHT_READ);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    OK(BOSS(table_unshare, p.env, BASE, 1));
    share(RW);
    OK(BOSS(table_unshare, q.env, VA, 1));
    share(RW);
    unmap_all(p.t, (PARTY_MEMORY + PAGE_SIZE) | 12u << 4 | FPAGE_WRITE, true);
    world_check();
    OK(BOSS(cap_delete, p.frames)); /* p ends, and its pages go */
    assert_false(sees(&q, VA + PAGE + 2 * PAGE_SIZE, RIGHT_READ));
    OK(BOSS(cap_delete, q.thread));
    cap_slot(world.root, SLOT_CPU)->count = 1;
    cpu_number(1)->current = NULL;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_share_shows_what_is_bound),
        TEST(the_upper_entry_limits_rights),
        TEST(calls_read_through_a_share),
        TEST(only_the_owner_changes_it),
        TEST(shares_nest),
        TEST(a_refused_share_changes_nothing),
        TEST(it_is_taken_back_from_either_end),
        TEST(taking_many_is_cut_into_steps),
        TEST(it_ends_with_either_space),
        TEST(it_goes_with_what_the_table_was_made_from),
        TEST(unmap_takes_it_as_a_whole),
        TEST(no_cpu_keeps_what_a_share_showed),
    };
    return cmocka_run_group_tests_name("bindings/share", tests, NULL, NULL);
}

/* Map items and Unmap: sizes, windows, rights, memory for tables, and what goes with a mapping. */
#include "tests/host/map_world.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"

#define NEVER TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define KMEM  41u

static void an_fpage_into_a_window_of_its_size_maps_all_of_it(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE, 14, RIGHTS), fpage(TARGET, 14, 0)));
    assert_int_equal(run_at(TARGET, 0), 4);
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RW);
    assert_ptr_equal(node_at(entry_node(entry_of(taker.e, TARGET))->parent),
                     entry_node(entry_of(giver.e, SOURCE)));
}

static void a_small_fpage_lands_in_a_large_window_where_its_base_says(void **state)
{
    (void)state;
    vaddr_t place = 5 * PAGE_SIZE; /* rounded down to the fpage's size: 4 pages */

    assert_true(map(place, fpage(SOURCE, 14, RIGHTS), fpage(TARGET, 18, 0)));
    assert_int_equal(run_at(TARGET + 4 * PAGE_SIZE, 0), 4);
    assert_int_equal(run_at(TARGET, 0), 0);
    assert_true(map(TARGET + 0x123000, fpage(SOURCE, 12, RIGHTS), COMPLETE));
    assert_int_equal(run_at(TARGET + 0x123000, 0), 1);
}

static void of_a_large_fpage_the_part_at_its_base_fills_a_small_window(void **state)
{
    (void)state;
    assert_true(map(9 * PAGE_SIZE, fpage(SOURCE, 18, RIGHTS), fpage(TARGET, 13, 0)));
    assert_int_equal(run_at(TARGET, 8), 2);
}

static void the_base_of_an_fpage_is_rounded_down_to_its_size(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE + PAGE_SIZE, 13, RIGHTS), fpage(TARGET + PAGE_SIZE, 13, 0)));
    assert_int_equal(run_at(TARGET, 0), 2);
}

static void rights_are_those_that_both_have(void **state)
{
    (void)state;
    const struct page_entry less = {SOURCE + PAGE_SIZE, 0, RIGHT_READ};

    put_entries(world.boss, SCRATCH, &less, 1);
    OK(BOSS(page_protect, giver.env, SCRATCH, 1));
    assert_true(map(0, fpage(SOURCE, 13, RIGHTS), fpage(TARGET, 13, 0)));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RW);
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET + PAGE_SIZE)), RIGHT_READ);
    assert_true(map(0, fpage(SOURCE + 2 * PAGE_SIZE, 12, FPAGE_EXEC),
                    fpage(TARGET + 2 * PAGE_SIZE, 12, 0)));
    assert_int_equal(run_at(TARGET + 2 * PAGE_SIZE, 2), 0); /* nothing is left of x */
    assert_true(map(0, fpage(SOURCE, 12, 0), fpage(TARGET + 3 * PAGE_SIZE, 12, 0)));
    assert_int_equal(run_at(TARGET + 3 * PAGE_SIZE, 0), 0);
}

static void the_same_page_again_extends_rights_and_never_takes(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE, 12, FPAGE_READ), fpage(TARGET, 12, 0)));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RIGHT_READ);
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RW);
    assert_true(map(0, fpage(SOURCE, 12, FPAGE_READ), fpage(TARGET, 12, 0)));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RW);
    assert_int_equal(frame_of(pfn)->bindings, 2);
}

static void the_same_frame_from_elsewhere_gives_no_rights_that_its_parent_lacks(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, KMEM, FRAMES, RIGHT_READ, 0, 0));
    bind_page(taker.env, KMEM, pfn, TARGET, RIGHT_READ);
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RIGHT_READ);
}

static void another_page_takes_the_place_of_the_old_one_and_its_children(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_true(map_all(taker.t, giver.t, ITEM_MAP, fpage(TARGET, 12, RIGHTS),
                        fpage(SOURCE + PAGES * PAGE_SIZE, 12, 0)));
    world_run(taker.t);
    assert_true(map(0, fpage(SOURCE + PAGE_SIZE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_int_equal(run_at(TARGET, 1), 1);
    assert_false(arch_pte_present(*entry_of(giver.e, SOURCE + PAGES * PAGE_SIZE)));
    assert_int_equal(frame_of(pfn)->bindings, 1);
}

/* The taker's page came from the giver's; it maps something over its own page's ancestor. */
static void mapping_over_an_ancestor_of_the_source_leaves_neither(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_true(
        map_all(taker.t, giver.t, ITEM_MAP, fpage(PARTY_MEMORY, 12, RIGHTS), fpage(SOURCE, 12, 0)));
    world_check();
    assert_false(arch_pte_present(*entry_of(taker.e, TARGET)));
    assert_int_equal(arch_pte_address(*entry_of(giver.e, SOURCE)) >> PAGE_BITS, taker.pfn + 1);
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_true(
        map_all(taker.t, giver.t, ITEM_MAP, fpage(TARGET, 12, RIGHTS), fpage(SOURCE, 12, 0)));
    world_check();
}

static void holes_are_skipped_and_utcbs_neither_given_nor_covered(void **state)
{
    (void)state;
    const struct page_entry hole = {SOURCE + PAGE_SIZE, 0, 0};

    put_entries(world.boss, SCRATCH, &hole, 1);
    OK(BOSS(page_unbind, giver.env, SCRATCH, 1));
    assert_true(map(0, fpage(SOURCE, 14, RIGHTS), fpage(TARGET, 14, 0)));
    assert_int_equal(run_at(TARGET, 0), 1);
    assert_int_equal(run_at(TARGET + 2 * PAGE_SIZE, 2), 2);
    assert_true(map(0, fpage(PARTY_UTCB, 12, RIGHTS), fpage(TARGET + 8 * PAGE_SIZE, 12, 0)));
    assert_false(arch_pte_present(*entry_of(taker.e, TARGET + 8 * PAGE_SIZE)));
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(PARTY_UTCB, 12, 0)));
    assert_int_equal(arch_pte_address(*entry_of(taker.e, PARTY_UTCB)) >> PAGE_BITS, taker.pfn);
    assert_int_equal(taker.t->state, THREAD_READY);
}

static void tables_come_from_the_memory_that_the_receiver_named_or_it_overflows(void **state)
{
    (void)state;
    uint32_t frames = taker.e->info->frames;

    assert_false(map(FAR, fpage(SOURCE, 12, RIGHTS), COMPLETE));
    OK(BOSS(cap_copy, SLOT_ENV, KMEM, REGION, RIGHT_ALL, frame_find(pfn, WORLD_FRAMES, 8), 8));
    OK(BOSS(env_kmem, taker.env, KMEM));
    assert_false(map(FAR, fpage(SOURCE, 12, RIGHTS), COMPLETE)); /* 8 frames make two tables */
    assert_int_equal(taker.e->info->frames, frames + 2 * TABLE_FRAMES);
    OK(BOSS(cap_delete, KMEM)); /* takes the tables, and the name of the memory */
    assert_int_equal(taker.e->info->frames, frames);
    OK(BOSS(env_kmem, taker.env, REGION));
    assert_true(map(FAR, fpage(SOURCE, 12, RIGHTS), COMPLETE));
    assert_int_equal(run_at(FAR, 0), 1);
    assert_int_equal(taker.e->info->frames, frames + 3 * TABLE_FRAMES);
}

static void windows_that_take_nothing_overflow_and_nil_fpages_map_nothing(void **state)
{
    (void)state;
    assert_false(map(0, fpage(SOURCE, 12, RIGHTS), 0));
    assert_false(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 11, 0)));
    assert_false(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 48, 0)));
    assert_false(map(0, fpage(SOURCE, 12, RIGHTS), fpage((vaddr_t)1 << 47, 12, 0)));
    assert_true(map(0, 0, COMPLETE));
    assert_true(map(0, fpage(SOURCE, 11, RIGHTS), COMPLETE)); /* smaller than a page */
    assert_true(map(0, fpage((vaddr_t)1 << 48, 12, RIGHTS), COMPLETE));
    assert_true(map(0, fpage(FAR, 39, RIGHTS), fpage(0, 39, 0))); /* nothing is there */
    assert_true(map(USER_TOP, fpage(SOURCE, 12, RIGHTS), COMPLETE));
    assert_int_equal(frame_of(pfn)->bindings, 1);
}

/* From a space with pages at both its ends into one that has memory for tables. */
static void the_complete_space_is_one_fpage(void **state)
{
    (void)state;
    static const vaddr_t far[] = {PAGE_SIZE, FAR, 3 * FAR + 0x40200000, USER_TOP - PAGE_SIZE};

    OK(BOSS(env_kmem, taker.env, REGION));
    for (unsigned i = 0; i < 4; i++) {
        make_tables(giver.env, far[i]);
        bind_page(giver.env, FRAMES, pfn + i, far[i], RW);
    }
    assert_true(map(0, COMPLETE | RIGHTS, COMPLETE));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(run_at(far[i], i), 1);
    assert_int_equal(run_at(SOURCE, 0), PAGES);
    assert_int_equal(arch_pte_address(*entry_of(taker.e, PARTY_UTCB)) >> PAGE_BITS, taker.pfn);
    assert_int_equal(arch_pte_address(*entry_of(taker.e, PARTY_MEMORY)) >> PAGE_BITS,
                     giver.pfn + 1);
    assert_int_equal(frame_of(giver.pfn)->bindings, 1); /* its UTCB went nowhere */
    assert_true(map_all(giver.t, giver.t, ITEM_MAP, COMPLETE | RIGHTS, COMPLETE)); /* onto itself */
    world_check();
    assert_int_equal(frame_of(pfn)->bindings, 4);
}

/* The Unmap call of p for one fpage; returns the status word. */
static word_t unmap(word_t page, bool flush)
{
    thread_regs(giver.t)->rdx = flush ? 64 : 0;
    set_mr(giver.t, 0, page);
    world_run(giver.t);
    thread_regs(giver.t)->rdx = flush ? 64 : 0;
    l4_enter(giver.t, LINK_UNMAP);
    world_run(giver.t); /* to its end */
    return get_mr(giver.t, 0);
}

static void an_ipc_maps_every_item_of_its_message(void **state)
{
    (void)state;
    set_mr(taker.t, 0, 0);
    *thread_mr(taker.t, TCR_BR0) = fpage(TARGET, 18, 0);
    ipc(taker.t, L4_NIL, L4_ANY, NEVER);
    set_mr(giver.t, 0, TAG_MAKE(1, 6, 4)); /* items behind the words that registers hold */
    for (unsigned i = 1; i <= 6; i++)
        set_mr(giver.t, i, i);
    set_mr(giver.t, 7, 0 | ITEM_MAP | 1);
    set_mr(giver.t, 8, fpage(SOURCE, 12, RIGHTS));
    set_mr(giver.t, 9, (3 * PAGE_SIZE) | ITEM_MAP);
    set_mr(giver.t, 10, fpage(SOURCE + 3 * PAGE_SIZE, 12, FPAGE_READ));
    ipc(giver.t, taker.t->global_id, L4_NIL, NEVER);
    assert_received(taker.t, giver.t->global_id);
    assert_int_equal(get_mr(taker.t, 10), fpage(SOURCE + 3 * PAGE_SIZE, 12, FPAGE_READ));
    assert_int_equal(run_at(TARGET, 0), 1);
    assert_int_equal(run_at(TARGET + 3 * PAGE_SIZE, 3), 1);
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET + 3 * PAGE_SIZE)), RIGHT_READ);
}

static void items_that_are_not_taken_are_an_overflow_for_both(void **state)
{
    (void)state;
    static const word_t headers[] = {0x6 /* a string, in part */, 0 /* a string */, 0xc, 0xe};

    *thread_mr(taker.t, TCR_BR0) = COMPLETE;
    for (unsigned i = 0; i < 4; i++) {
        ipc(taker.t, L4_NIL, L4_ANY, NEVER);
        set_mr(giver.t, 0, TAG_MAKE(1, 0, 2));
        set_mr(giver.t, 1, headers[i]);
        set_mr(giver.t, 2, fpage(SOURCE, 12, RIGHTS));
        ipc(giver.t, taker.t->global_id, L4_ANY, NEVER);
        assert_failed(giver.t, IPC_OVERFLOW, IPC_SEND_PHASE);
        assert_failed(taker.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
    }
    *thread_mr(taker.t, TCR_BR0) = 0;
    ipc(taker.t, L4_NIL, L4_ANY, NEVER);
    set_mr(giver.t, 0, TAG_MAKE(1, 0, 2));
    set_mr(giver.t, 1, ITEM_MAP);
    ipc(giver.t, taker.t->global_id, L4_ANY, NEVER);
    assert_failed(taker.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
}

static void unmap_takes_from_the_derived_and_flush_from_oneself_too(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE, 14, RIGHTS), fpage(TARGET, 14, 0)));
    world_run(taker.t);
    unmap(fpage(SOURCE, 12, FPAGE_WRITE), false);
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RIGHT_READ);
    assert_int_equal(arch_pte_rights(*entry_of(giver.e, SOURCE)), RW);
    unmap(fpage(SOURCE, 12, FPAGE_WRITE), true);
    assert_int_equal(arch_pte_rights(*entry_of(giver.e, SOURCE)), RIGHT_READ);
    unmap(fpage(SOURCE + PAGE_SIZE, 12, FPAGE_ALL), false);
    assert_int_equal(run_at(TARGET, 0), 1);
    assert_true(arch_pte_present(*entry_of(giver.e, SOURCE + PAGE_SIZE)));
    unmap(fpage(SOURCE, 14, FPAGE_ALL), true);
    assert_int_equal(run_at(TARGET + 2 * PAGE_SIZE, 2), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_false(arch_pte_present(*entry_of(giver.e, SOURCE + i * PAGE_SIZE)));
    assert_true(arch_pte_present(*entry_of(giver.e, SOURCE + 4 * PAGE_SIZE)));
}

static void unmap_tells_the_rights_used_and_forgets_them(void **state)
{
    (void)state;
    *entry_of(giver.e, SOURCE) |= PTE_READ_TO;
    *entry_of(giver.e, SOURCE + PAGE_SIZE) |= PTE_WRITTEN;
    assert_int_equal(unmap(fpage(SOURCE, 13, 0), false), fpage(SOURCE, 13, RIGHTS));
    assert_int_equal(unmap(fpage(SOURCE, 13, 0), false), fpage(SOURCE, 13, 0));
    assert_int_equal(unmap(fpage(SOURCE, 11, FPAGE_ALL), true), fpage(SOURCE, 11, 0));
    assert_true(arch_pte_present(*entry_of(giver.e, SOURCE)));
}

static pte_t *q_entry(vaddr_t va)
{
    return entry_of(taker.e, va);
}

/* The giver's page is mapped to the taker, and from there to a further page of the taker. */
static void status_is_that_of_all_that_was_mapped_from_a_page(void **state)
{
    (void)state;
    vaddr_t below = TARGET + 8 * PAGE_SIZE;

    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_true(
        map_all(taker.t, taker.t, ITEM_MAP, fpage(TARGET, 12, RIGHTS), fpage(below, 12, 0)));
    *q_entry(below) |= PTE_WRITTEN;
    *q_entry(TARGET) |= PTE_READ_TO;
    assert_int_equal(unmap(fpage(SOURCE, 12, 0), false), fpage(SOURCE, 12, RIGHTS));
    assert_int_equal(unmap(fpage(SOURCE, 12, 0), false), fpage(SOURCE, 12, 0));
    assert_false(*q_entry(below) & PTE_WRITTEN);
    /* Who looks nearer to the leaf forgets for itself, not for who mapped it the page. */
    *q_entry(below) |= PTE_WRITTEN;
    assert_int_equal(unmap_all(taker.t, fpage(below, 12, 0), false), fpage(below, 12, FPAGE_WRITE));
    assert_int_equal(unmap_all(taker.t, fpage(below, 12, 0), false), fpage(below, 12, 0));
    assert_int_equal(unmap_all(taker.t, fpage(below, 12, FPAGE_ALL), true), fpage(below, 12, 0));
    assert_int_equal(unmap(fpage(SOURCE, 12, 0), false), fpage(SOURCE, 12, FPAGE_WRITE));
    world_check();
}

/* What goes by any way, and was used, is told of by what it was mapped from. */
static void status_of_what_is_gone_is_told_by_where_it_came_from(void **state)
{
    (void)state;
    vaddr_t below = TARGET + 8 * PAGE_SIZE;

    for (unsigned way = 0; way < 4; way++) {
        assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
        assert_true(
            map_all(taker.t, taker.t, ITEM_MAP, fpage(TARGET, 12, RIGHTS), fpage(below, 12, 0)));
        *q_entry(below) |= PTE_WRITTEN;
        *q_entry(TARGET) |= PTE_READ_TO;
        if (way == 0) { /* its owner unbinds it, and what is below it goes */
            const struct page_entry entry = {TARGET, 0, 0};
            put_entries(world.boss, SCRATCH, &entry, 1);
            OK(BOSS(page_unbind, taker.env, SCRATCH, 1));
        } else if (way == 1) { /* the leaf first */
            const struct page_entry entries[] = {{below, 0, 0}, {TARGET, 0, 0}};
            put_entries(world.boss, SCRATCH, entries, 2);
            OK(BOSS(page_unbind, taker.env, SCRATCH, 2));
        } else if (way == 2) { /* it flushes all */
            unmap_all(taker.t, fpage(TARGET, 18, FPAGE_ALL), true);
        } else { /* with its page table */
            OK(BOSS(cap_delete, taker.env));
        }
        assert_int_equal(unmap(fpage(SOURCE, 12, 0), false), fpage(SOURCE, 12, RIGHTS));
        assert_int_equal(unmap(fpage(SOURCE, 12, 0), false), fpage(SOURCE, 12, 0));
        world_check();
    }
}

static void unmap_of_the_complete_space_leaves_the_utcb(void **state)
{
    (void)state;
    static const vaddr_t far[] = {PAGE_SIZE, FAR - PAGE_SIZE, FAR, 3 * FAR + 0x40200000,
                                  USER_TOP - PAGE_SIZE};

    for (unsigned i = 0; i < 5; i++) {
        make_tables(giver.env, far[i]);
        bind_page(giver.env, FRAMES, pfn, far[i], RW);
    }
    assert_true(map(0, fpage(SOURCE, 18, RIGHTS), fpage(TARGET, 18, 0)));
    unmap(COMPLETE | FPAGE_ALL, true);
    for (unsigned i = 0; i < 5; i++)
        assert_false(arch_pte_present(*entry_of(giver.e, far[i])));
    assert_int_equal(run_at(TARGET, 0), 0);
    assert_false(arch_pte_present(*entry_of(giver.e, PARTY_MEMORY)));
    assert_true(arch_pte_present(*entry_of(giver.e, PARTY_UTCB)));
    assert_int_not_equal(giver.t->state, THREAD_DEAD);
}

static void unmap_takes_as_many_fpages_as_its_control_word_says(void **state)
{
    (void)state;
    world_run(giver.t);
    for (unsigned i = 0; i < 10; i++)
        set_mr(giver.t, i, fpage(SOURCE + i * PAGE_SIZE, 12, FPAGE_ALL));
    thread_regs(giver.t)->rdx = 64 | 8;
    l4_enter(giver.t, LINK_UNMAP);
    for (unsigned i = 0; i < 9; i++) {
        assert_false(arch_pte_present(*entry_of(giver.e, SOURCE + i * PAGE_SIZE)));
        assert_int_equal(get_mr(giver.t, i), fpage(SOURCE + i * PAGE_SIZE, 12, 0));
    }
    assert_true(arch_pte_present(*entry_of(giver.e, SOURCE + 9 * PAGE_SIZE)));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, map_set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_fpage_into_a_window_of_its_size_maps_all_of_it),
        TEST(a_small_fpage_lands_in_a_large_window_where_its_base_says),
        TEST(of_a_large_fpage_the_part_at_its_base_fills_a_small_window),
        TEST(the_base_of_an_fpage_is_rounded_down_to_its_size),
        TEST(rights_are_those_that_both_have),
        TEST(the_same_page_again_extends_rights_and_never_takes),
        TEST(the_same_frame_from_elsewhere_gives_no_rights_that_its_parent_lacks),
        TEST(another_page_takes_the_place_of_the_old_one_and_its_children),
        TEST(mapping_over_an_ancestor_of_the_source_leaves_neither),
        TEST(holes_are_skipped_and_utcbs_neither_given_nor_covered),
        TEST(tables_come_from_the_memory_that_the_receiver_named_or_it_overflows),
        TEST(windows_that_take_nothing_overflow_and_nil_fpages_map_nothing),
        TEST(the_complete_space_is_one_fpage),
        TEST(an_ipc_maps_every_item_of_its_message),
        TEST(items_that_are_not_taken_are_an_overflow_for_both),
        TEST(unmap_takes_from_the_derived_and_flush_from_oneself_too),
        TEST(unmap_tells_the_rights_used_and_forgets_them),
        TEST(status_is_that_of_all_that_was_mapped_from_a_page),
        TEST(status_of_what_is_gone_is_told_by_where_it_came_from),
        TEST(unmap_of_the_complete_space_leaves_the_utcb),
        TEST(unmap_takes_as_many_fpages_as_its_control_word_says),
    };
    return cmocka_run_group_tests_name("l4core/map", tests, NULL, NULL);
}

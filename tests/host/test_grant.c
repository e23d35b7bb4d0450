/* Grant items: a page leaves its space for another's; what was derived from it follows. */
#include "tests/host/map_world.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"

static bool grant(word_t place, word_t page, word_t window)
{
    bool good = map_all(giver.t, taker.t, place | ITEM_GRANT, page, window);

    world_check();
    return good;
}

static bool p_has(uint32_t page)
{
    return arch_pte_present(*entry_of(giver.e, SOURCE + page * PAGE_SIZE));
}

static struct node *parent_of(const struct env *e, vaddr_t va)
{
    return node_at(entry_node(entry_of(e, va))->parent);
}

static void a_grant_moves_pages_to_where_they_came_from(void **state)
{
    (void)state;
    struct node *from = parent_of(giver.e, SOURCE);

    assert_true(grant(0, fpage(SOURCE, 14, RIGHTS), fpage(TARGET, 14, 0)));
    assert_int_equal(run_at(TARGET, 0), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_false(p_has(i));
    assert_true(p_has(4));
    assert_ptr_equal(parent_of(taker.e, TARGET), from);
    assert_int_equal(frame_of(pfn)->bindings, 1);
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RW);
    OK(BOSS(cap_revoke, FRAMES)); /* the frames' owner reaches it there */
    assert_int_equal(run_at(TARGET, 0), 0);
}

static void what_was_derived_from_a_granted_page_is_so_from_its_new_place(void **state)
{
    (void)state;
    vaddr_t first = TARGET + 8 * PAGE_SIZE, second = TARGET + 9 * PAGE_SIZE;

    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(first, 12, 0)));
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(second, 12, 0)));
    assert_true(grant(0, fpage(SOURCE, 12, FPAGE_READ), fpage(TARGET, 12, 0)));
    assert_ptr_equal(parent_of(taker.e, first), entry_node(entry_of(taker.e, TARGET)));
    assert_ptr_equal(parent_of(taker.e, second), entry_node(entry_of(taker.e, TARGET)));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RIGHT_READ);
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, first)),
                     RIGHT_READ); /* no more than it has */
    assert_int_equal(frame_of(pfn)->bindings, 3);
    unmap_all(taker.t, fpage(TARGET, 12, FPAGE_ALL), false);
    world_check();
    assert_int_equal(frame_of(pfn)->bindings, 1);
    assert_int_equal(run_at(TARGET, 0), 1);
}

static void a_grant_onto_a_mapping_of_the_same_page_takes_its_place(void **state)
{
    (void)state;
    vaddr_t below = SOURCE + PAGES * PAGE_SIZE;

    assert_true(map(0, fpage(SOURCE, 12, FPAGE_READ), fpage(TARGET, 12, 0)));
    assert_true(
        map_all(taker.t, giver.t, ITEM_MAP, fpage(TARGET, 12, RIGHTS), fpage(below, 12, 0)));
    assert_true(grant(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_false(p_has(0));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET)), RW);
    assert_ptr_equal(parent_of(giver.e, below), entry_node(entry_of(taker.e, TARGET)));
    assert_int_equal(frame_of(pfn)->bindings, 2);
    /* The same frame, but not from the page that is granted: another's. */
    bind_page(taker.env, FRAMES, pfn + 1, TARGET + PAGE_SIZE, RW);
    assert_true(
        grant(0, fpage(SOURCE + PAGE_SIZE, 12, FPAGE_READ), fpage(TARGET + PAGE_SIZE, 12, 0)));
    assert_false(p_has(1));
    assert_int_equal(arch_pte_rights(*entry_of(taker.e, TARGET + PAGE_SIZE)), RIGHT_READ);
    assert_int_equal(frame_of(pfn + 1)->bindings, 1);
}

static void a_grant_replaces_another_page_and_its_children(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET + PAGE_SIZE, 12, 0)));
    assert_true(grant(0, fpage(SOURCE + PAGE_SIZE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_int_equal(run_at(TARGET, 1), 1);
    assert_int_equal(frame_of(pfn)->bindings, 2);
    assert_int_equal(frame_of(pfn + 1)->bindings, 1);
    /* q grants over what its own page came from: both go. */
    assert_true(map_all(taker.t, giver.t, ITEM_GRANT, fpage(TARGET + PAGE_SIZE, 12, RIGHTS),
                        fpage(SOURCE, 12, 0)));
    world_check();
    assert_false(arch_pte_present(*entry_of(taker.e, TARGET + PAGE_SIZE)));
    /* And within one space. */
    assert_true(map_all(giver.t, giver.t, ITEM_GRANT, fpage(SOURCE + 2 * PAGE_SIZE, 12, RIGHTS),
                        fpage(SOURCE, 12, 0)));
    assert_true(
        map_all(giver.t, giver.t, ITEM_GRANT, fpage(SOURCE, 12, RIGHTS), fpage(SOURCE, 12, 0)));
    world_check();
    assert_true(p_has(0) && !p_has(2));
}

static void of_a_grant_that_is_larger_than_the_window_the_rest_is_flushed(void **state)
{
    (void)state;
    assert_true(map(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET + 8 * PAGE_SIZE, 12, 0)));
    assert_true(grant(2 * PAGE_SIZE, fpage(SOURCE, 15, RIGHTS), fpage(TARGET, 13, 0)));
    assert_int_equal(run_at(TARGET, 2), 2);
    for (unsigned i = 0; i < 8; i++)
        assert_false(p_has(i));
    assert_true(p_has(8));
    assert_int_equal(frame_of(pfn)->bindings, 0); /* with what was mapped from it */
    assert_int_equal(frame_of(pfn + 2)->bindings, 1);
}

static void a_grant_that_cannot_be_done_leaves_the_page(void **state)
{
    (void)state;
    assert_true(
        grant(0, fpage(SOURCE, 12, FPAGE_EXEC), fpage(TARGET, 12, 0))); /* no right is left */
    assert_true(grant(0, fpage(SOURCE, 12, RIGHTS), fpage(PARTY_UTCB, 12, 0)));
    assert_true(grant(0, fpage(PARTY_UTCB, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_false(grant(FAR, fpage(SOURCE, 12, RIGHTS), COMPLETE)); /* no memory for tables */
    assert_false(grant(0, fpage(SOURCE, 12, RIGHTS), 0));
    assert_true(p_has(0));
    assert_int_equal(frame_of(pfn)->bindings, 1);
    assert_int_equal(run_at(TARGET, 0), 0);
    assert_int_equal(arch_pte_address(*entry_of(giver.e, PARTY_UTCB)) >> PAGE_BITS, giver.pfn);
    assert_int_equal(giver.t->state, THREAD_READY);
}

/* What a page was used for is told of its new place. */
static void the_status_of_a_page_goes_with_it(void **state)
{
    (void)state;
    *entry_of(giver.e, SOURCE) |= PTE_READ_TO;
    assert_true(grant(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_int_equal(unmap_all(taker.t, fpage(TARGET, 12, 0), false),
                     fpage(TARGET, 12, FPAGE_READ));
}

/* In the entry of a small page the bit of shares is the application's note. */
static void notes_of_a_page_do_not_matter(void **state)
{
    (void)state;
    *entry_of(giver.e, SOURCE) |= PTE_SHARE;
    assert_true(grant(0, fpage(SOURCE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_int_equal(run_at(TARGET, 0), 1);
    *entry_of(taker.e, TARGET) |= PTE_SHARE;
    assert_true(grant(0, fpage(SOURCE + PAGE_SIZE, 12, RIGHTS), fpage(TARGET, 12, 0)));
    assert_int_equal(run_at(TARGET, 1), 1);
    *entry_of(taker.e, TARGET) |= PTE_SHARE;
    unmap_all(taker.t, fpage(TARGET, 12, FPAGE_ALL), true);
    assert_int_equal(run_at(TARGET, 1), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, map_set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_grant_moves_pages_to_where_they_came_from),
        TEST(what_was_derived_from_a_granted_page_is_so_from_its_new_place),
        TEST(a_grant_onto_a_mapping_of_the_same_page_takes_its_place),
        TEST(a_grant_replaces_another_page_and_its_children),
        TEST(of_a_grant_that_is_larger_than_the_window_the_rest_is_flushed),
        TEST(a_grant_that_cannot_be_done_leaves_the_page),
        TEST(the_status_of_a_page_goes_with_it),
        TEST(notes_of_a_page_do_not_matter),
    };

    return cmocka_run_group_tests_name("l4core/map, grants", tests, NULL, NULL);
}

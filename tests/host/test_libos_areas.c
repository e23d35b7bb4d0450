/* libos/areas.c: against a plain array of pages, and at its edges. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "libos/areas.h"

#define PAGES    64u
#define AT(page) ((vaddr_t)(page)*PAGE_SIZE)

static struct areas set;

static int set_up(void **state)
{
    (void)state;
    memset(&set, 0, sizeof set);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return areas_check(&set) != NULL;
}

static enum err add(unsigned low, unsigned high, rights_t rights)
{
    struct area a = {.low = AT(low), .high = AT(high), .rights = rights, .kind = AREA_ZERO};

    return areas_add(&set, &a);
}

/* What each page should be: rights plus one; 0: no area. */
static rights_t model[PAGES];

static void compare_with_model(void)
{
    assert_null(areas_check(&set));
    for (unsigned page = 0; page < PAGES; page++) {
        const struct area *a = areas_find(&set, AT(page) + 5);
        assert_int_equal(a ? a->rights + 1 : 0, model[page]);
    }
}

static void random_changes_agree_with_an_array_of_pages(void **state)
{
    (void)state;
    memset(model, 0, sizeof model);
    srand(3);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned low = (unsigned)rand() % PAGES, high = low + 1 + (unsigned)rand() % (PAGES - low);
        rights_t rights = (rights_t)rand() % 4;
        bool free = true;
        for (unsigned page = low; page < high; page++)
            free = free && !model[page];
        if (rand() % 2) {
            assert_int_equal(add(low, high, rights), free ? ERR_OK : ERR_IN_USE);
            for (unsigned page = low; page < high && free; page++)
                model[page] = rights + 1;
        } else {
            bool remove = rand() % 2;
            assert_int_equal(areas_split(&set, AT(low), AT(high)), ERR_OK);
            if (remove)
                areas_remove(&set, AT(low), AT(high));
            else
                areas_set_rights(&set, AT(low), AT(high), rights);
            for (unsigned page = low; page < high; page++)
                model[page] = remove || !model[page] ? 0 : rights + 1;
        }
        compare_with_model();
    }
}

static void neighbours_that_are_alike_are_joined(void **state)
{
    (void)state;
    assert_int_equal(add(1, 2, RIGHT_READ), ERR_OK);
    assert_int_equal(add(3, 4, RIGHT_READ), ERR_OK);
    assert_int_equal(add(2, 3, RIGHT_READ), ERR_OK);
    assert_int_equal(set.count, 1);
    assert_int_equal(add(4, 5, RIGHT_WRITE), ERR_OK);
    assert_int_equal(set.count, 2);
}

static void frames_stay_with_their_addresses_when_split(void **state)
{
    struct area a = {AT(8), AT(16), RIGHT_READ, AREA_FRAMES, 20, 1000};

    (void)state;
    assert_int_equal(areas_add(&set, &a), ERR_OK);
    assert_int_equal(areas_split(&set, AT(10), AT(12)), ERR_OK);
    assert_int_equal(set.count, 3);
    assert_int_equal(areas_find(&set, AT(10))->pfn, 1002);
    assert_int_equal(areas_find(&set, AT(12))->pfn, 1004);
    areas_set_rights(&set, AT(10), AT(12), RIGHT_READ); /* alike again, and adjacent frames */
    assert_int_equal(set.count, 1);
    a = (struct area){AT(16), AT(17), RIGHT_READ, AREA_FRAMES, 20, 2000};
    assert_int_equal(areas_add(&set, &a), ERR_OK);
    assert_int_equal(set.count, 2); /* other frames: not joined */
}

static void holes_are_found_lowest_first(void **state)
{
    vaddr_t va;

    (void)state;
    assert_int_equal(add(2, 4, RIGHT_READ), ERR_OK);
    assert_int_equal(add(6, 8, RIGHT_READ), ERR_OK);
    assert_int_equal(areas_hole(&set, AT(1), AT(10), PAGE_SIZE, &va), ERR_OK);
    assert_int_equal(va, AT(1));
    assert_int_equal(areas_hole(&set, AT(1), AT(10), 2 * PAGE_SIZE, &va), ERR_OK);
    assert_int_equal(va, AT(4));
    assert_int_equal(areas_hole(&set, AT(3), AT(10), PAGE_SIZE, &va), ERR_OK);
    assert_int_equal(va, AT(4));
    assert_int_equal(areas_hole(&set, AT(1), AT(10), 3 * PAGE_SIZE, &va), ERR_NO_MEM);
    assert_int_equal(areas_hole(&set, AT(1), AT(11), 3 * PAGE_SIZE, &va), ERR_OK);
    assert_int_equal(va, AT(8));
    assert_int_equal(areas_hole(&set, AT(1), AT(7), ~(uint64_t)0, &va), ERR_NO_MEM);
}

static void bad_areas_and_a_full_set_are_refused(void **state)
{
    struct area a = {.low = 1, .high = AT(1)};

    (void)state;
    assert_int_equal(areas_add(&set, &a), ERR_BAD_ARG);
    assert_int_equal(add(3, 3, 1), ERR_BAD_ARG);
    assert_int_equal(add(4, 3, 1), ERR_BAD_ARG);
    for (unsigned i = 0; i < AREAS_MAX; i++)
        assert_int_equal(add(4 * i, 4 * i + 3, 1), ERR_OK);
    assert_int_equal(add(4 * AREAS_MAX, 4 * AREAS_MAX + 1, 1), ERR_NO_MEM);
    assert_int_equal(areas_split(&set, AT(1), AT(2)), ERR_NO_MEM);
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    assert_int_equal(add(1, 2, 1), ERR_OK);
    assert_int_equal(add(4, 6, 1), ERR_OK);
    set.at[0].high = AT(5);
    assert_memory_equal(areas_check(&set), "A2", 2);
    set.at[0].high = AT(1);
    assert_memory_equal(areas_check(&set), "A1", 2);
    set.at[0].high = AT(2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(random_changes_agree_with_an_array_of_pages),
        TEST(neighbours_that_are_alike_are_joined),
        TEST(frames_stay_with_their_addresses_when_split),
        TEST(holes_are_found_lowest_first),
        TEST(bad_areas_and_a_full_set_are_refused),
        TEST(check_names_the_broken_invariant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* libos/pagetable_*.c: both structures find what was added, and nothing else, whatever was removed
 * meanwhile. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "libos/pagetable.h"

#define LOW      ((vaddr_t)0x330000000000)
#define PAGES    64u
#define CAPACITY 128u

static struct page_record records[CAPACITY];
static struct pagetable table;

static void make(bool inverted)
{
    memset(records, 0, sizeof records);
    if (inverted)
        pagetable_inverted(&table, records, CAPACITY);
    else
        pagetable_linear(&table, records, LOW, PAGES);
}

static int tear_down(void **state)
{
    (void)state;
    return pagetable_check(&table) != NULL;
}

static vaddr_t page(uint32_t i)
{
    return LOW + i * PAGE_SIZE;
}

/* Thousands of random additions and removals, compared with a plain array. */
static void follow_a_model(void)
{
    bool there[PAGES] = {false};

    srand(1);
    for (unsigned step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)rand() % PAGES;
        struct page_record *record = table.find(&table, page(i));
        assert_int_equal(record != NULL, there[i]);
        if (record) {
            assert_int_equal(record->va, page(i));
            assert_int_equal(record->pfn, i + 7);
            assert_null(table.add(&table, page(i)));
            table.remove(&table, page(i));
        } else {
            record = table.add(&table, page(i));
            assert_non_null(record);
            assert_int_equal(record->rights + record->state + record->block + record->pfn, 0);
            record->pfn = i + 7;
        }
        there[i] = !there[i];
        if (step % 100 == 0)
            assert_null(pagetable_check(&table));
    }
}

static void linear_follows_a_model(void **state)
{
    (void)state;
    make(false);
    follow_a_model();
}

static void inverted_follows_a_model(void **state)
{
    (void)state;
    make(true);
    follow_a_model();
}

static void linear_serves_its_range_alone(void **state)
{
    (void)state;
    make(false);
    assert_null(table.add(&table, page(PAGES)));
    assert_null(table.add(&table, LOW - PAGE_SIZE));
    assert_null(table.find(&table, LOW - PAGE_SIZE));
    assert_null(table.find(&table, 0));
    table.remove(&table, page(PAGES));
    assert_int_equal(table.count, 0);
}

static void inverted_takes_pages_far_apart_until_it_is_full(void **state)
{
    (void)state;
    make(true);
    for (uint32_t i = 0; i < CAPACITY / 4 * 3; i++)
        assert_non_null(table.add(&table, LOW + (vaddr_t)i * 0x40000000));
    assert_null(table.add(&table, PAGE_SIZE));
    assert_null(table.find(&table, PAGE_SIZE));
    assert_null(pagetable_check(&table));
    table.remove(&table, PAGE_SIZE);
    assert_int_equal(table.count, CAPACITY / 4 * 3);
    table.remove(&table, LOW);
    assert_non_null(table.add(&table, PAGE_SIZE));
    assert_null(table.add(&table, 0));
}

static void the_check_sees_what_is_broken(void **state)
{
    (void)state;
    make(true);
    table.add(&table, LOW);
    table.count++;
    assert_memory_equal(pagetable_check(&table), "T1", 2);
    table.count--;
    table.find(&table, LOW)->va = LOW + PAGE_SIZE;
    assert_memory_equal(pagetable_check(&table), "T2", 2);
    make(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linear_follows_a_model, tear_down),
        cmocka_unit_test_teardown(inverted_follows_a_model, tear_down),
        cmocka_unit_test_teardown(linear_serves_its_range_alone, tear_down),
        cmocka_unit_test_teardown(inverted_takes_pages_far_apart_until_it_is_full, tear_down),
        cmocka_unit_test_teardown(the_check_sees_what_is_broken, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

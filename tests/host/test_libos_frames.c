/* libos/frame_pool.c: each frame is out once, and says truly whether it is zero. */
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "libos/frame_pool.h"

#define FIRST 1000u
#define COUNT 200u

static struct frame_pool pool;

static int set_up(void **state)
{
    (void)state;
    memset(&pool, 0, sizeof pool);
    assert_true(frame_pool_add(&pool, FIRST, COUNT, 17, true));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return frame_pool_check(&pool) != NULL;
}

static void every_frame_is_handed_out_once(void **state)
{
    bool out[COUNT] = {false};
    struct frame_run run;
    uint32_t all = 0;

    (void)state;
    while (frame_pool_take(&pool, 7, &run)) {
        assert_in_range(run.count, 1, 7);
        assert_int_equal(run.slot, 17);
        assert_true(run.zero);
        for (uint32_t i = 0; i < run.count; i++) {
            assert_in_range(run.first + i, FIRST, FIRST + COUNT - 1);
            assert_false(out[run.first + i - FIRST]);
            out[run.first + i - FIRST] = true;
            all++;
        }
    }
    assert_int_equal(all, COUNT);
}

static void a_frame_that_was_used_is_not_called_zero(void **state)
{
    struct frame_run run;

    (void)state;
    assert_true(frame_pool_take(&pool, 4, &run));
    assert_true(frame_pool_give(&pool, run.first + 1));
    assert_true(frame_pool_take(&pool, 4, &run));
    assert_int_equal(run.first, FIRST + 1);
    assert_int_equal(run.count, 1);
    assert_false(run.zero);
    assert_true(frame_pool_add(&pool, 5000, 10, 18, false));
    assert_true(frame_pool_take(&pool, 10, &run));
    assert_int_equal(run.slot, 18);
    assert_false(run.zero);
}

static void only_what_is_out_can_come_back(void **state)
{
    struct frame_run run;

    (void)state;
    assert_false(frame_pool_give(&pool, FIRST));
    assert_false(frame_pool_give(&pool, FIRST - 1));
    assert_false(frame_pool_give(&pool, FIRST + COUNT));
    assert_true(frame_pool_take(&pool, 1, &run));
    assert_true(frame_pool_give(&pool, run.first));
    assert_false(frame_pool_give(&pool, run.first));
    assert_int_equal(frame_pool_slot(&pool, FIRST), 17);
    assert_int_equal(frame_pool_slot(&pool, FIRST + COUNT), 0);
}

static void many_takes_and_gives_keep_the_invariants(void **state)
{
    static pfn_t held[COUNT + 100];
    uint32_t count = 0;
    struct frame_run run;

    (void)state;
    assert_true(frame_pool_add(&pool, 9000, 100, 18, true));
    srand(2);
    for (unsigned round = 0; round < 5000; round++) {
        if (rand() % 2 && frame_pool_take(&pool, 1 + (uint32_t)rand() % 9, &run)) {
            for (uint32_t i = 0; i < run.count; i++)
                held[count++] = run.first + i;
        } else if (count) {
            uint32_t i = (uint32_t)rand() % count;
            assert_true(frame_pool_give(&pool, held[i]));
            held[i] = held[--count];
        }
        assert_null(frame_pool_check(&pool));
    }
}

static void chunks_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_false(frame_pool_add(&pool, 1, 0, 1, true));
    assert_false(frame_pool_add(&pool, 1, FRAME_CHUNK_MAX + 1, 1, true));
    for (uint32_t i = 1; i < FRAME_CHUNKS; i++)
        assert_true(frame_pool_add(&pool, 10000 + i, 1, 1, true));
    assert_false(frame_pool_add(&pool, 1, 1, 1, true));
}

static void a_chunk_that_was_lost_is_free_as_far_as_it_stayed(void **state)
{
    struct frame_run run;

    (void)state;
    assert_true(frame_pool_add(&pool, 9000, 100, 18, true));
    assert_true(frame_pool_take(&pool, 60, &run));
    assert_int_equal(run.first, 9000);
    assert_int_equal(frame_pool_idle(&pool)->first, FIRST); /* of the other none is used */
    assert_false(frame_pool_cut(&pool, 99, 0));
    assert_false(frame_pool_cut(&pool, 18, 101));
    assert_true(frame_pool_cut(&pool, 18, 50));
    assert_null(frame_pool_check(&pool));
    assert_true(frame_pool_take(&pool, 100, &run));
    assert_int_equal(run.count, 50);
    assert_false(frame_pool_cut(&pool, 18, 50)); /* the same loss, told of twice */
    assert_int_equal(frame_pool_idle(&pool)->first, FIRST);
    assert_false(run.zero);
    assert_true(frame_pool_cut(&pool, 18, 0));
    assert_int_equal(frame_pool_slot(&pool, 9000), 0);
    assert_null(frame_pool_check(&pool));
    assert_true(frame_pool_take(&pool, 1, &run));
    assert_int_equal(run.first, FIRST);
    assert_null(frame_pool_idle(&pool));
}

static void check_names_the_broken_invariant(void **state)
{
    struct frame_run run;

    (void)state;
    pool.chunks[0].free--;
    assert_memory_equal(frame_pool_check(&pool), "P2", 2);
    pool.chunks[0].free++;
    assert_true(frame_pool_add(&pool, FIRST + COUNT - 1, 5, 18, true));
    assert_memory_equal(frame_pool_check(&pool), "P1", 2);
    pool.chunk_count--;
    assert_true(frame_pool_take(&pool, 3, &run));
    pool.chunks[0].fresh = 2;
    assert_memory_equal(frame_pool_check(&pool), "P3", 2);
    pool.chunks[0].fresh = 3;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_frame_is_handed_out_once),
        TEST(a_frame_that_was_used_is_not_called_zero),
        TEST(only_what_is_out_can_come_back),
        TEST(many_takes_and_gives_keep_the_invariants),
        TEST(chunks_out_of_range_are_refused),
        TEST(check_names_the_broken_invariant),
        TEST(a_chunk_that_was_lost_is_free_as_far_as_it_stayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

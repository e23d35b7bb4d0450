/* The helpers that sum: what they give is the Internet's checksum, whatever the lengths; and the
 * one that copies while it does copies that much and no more. */
#include "tests/host/kernel_world.h"

#include <string.h>

#include "bindings/graft.h"
#include "tests/fuzz/chance.h"

#define CSUM_DIFF     28
#define COPY_CHECKSUM 0x10000
#define MOST          80u
#define GUARD         0xa5

typedef uint64_t helper_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static helper_fn *helper(int32_t number)
{
    return (helper_fn *)(uintptr_t)graft_helper_address(NULL, number);
}

static uint8_t from[MOST + 8], to[MOST + 16];

/* By its definition: words of two bytes, a last odd one filled up with zero; modulo 0xffff, in
 * which 0 and 0xffff are the same. */
static uint64_t sum_of(const uint8_t *at, uint32_t bytes)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++)
        sum += (uint64_t)at[i] << (i % 2 * 8);
    return sum % 0xffff;
}

static void fill(uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        at[i] = rnd(4) ? (uint8_t)rnd(256) : 0xff;
}

static void a_sum_takes_what_was_there_and_adds_what_is(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 20000; n++) {
        const uint32_t less = rnd(MOST + 1), more = rnd(MOST + 1);
        const uint64_t seed = rnd(2) ? UINT32_MAX : rnd(UINT32_MAX);
        fill(from, less);
        fill(to, more);
        const uint64_t got =
            helper(CSUM_DIFF)((uintptr_t)from, less, (uintptr_t)to, more, seed << 32 | seed);
        assert_true(got <= UINT32_MAX);
        assert_int_equal(got % 0xffff,
                         (seed + 0xffff - sum_of(from, less) + sum_of(to, more)) % 0xffff);
    }
}

static void a_copy_is_summed_and_is_no_longer_than_both(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 20000; n++) {
        const uint32_t room = rnd(MOST + 1), bytes = rnd(MOST + 1);
        const uint32_t count = room < bytes ? room : bytes, at = rnd(8);
        const uint64_t seed = rnd(2) ? UINT32_MAX : rnd(UINT32_MAX);
        fill(from, sizeof from);
        memset(to, GUARD, sizeof to);
        const uint64_t got = helper(COPY_CHECKSUM)((uintptr_t)to + at, room, (uintptr_t)from + at,
                                                   bytes, seed << 32 | seed);
        assert_true(got <= UINT32_MAX);
        assert_int_equal(got % 0xffff, (seed + sum_of(from + at, count)) % 0xffff);
        assert_memory_equal(to + at, from + at, count);
        for (uint32_t i = 0; i < sizeof to; i++)
            assert_true((i >= at && i < at + count) || to[i] == GUARD);
    }
}

static void other_numbers_are_no_helpers(void **state)
{
    (void)state;
    assert_null(helper(0));
    assert_null(helper(COPY_CHECKSUM - 1));
    assert_null(helper(-1));
}

static int set_up(void **state)
{
    rnd_state = 1;
    assert_int_not_equal(rnd_word(), rnd_word());
    return world_begin(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sum_takes_what_was_there_and_adds_what_is),
        TEST(a_copy_is_summed_and_is_no_longer_than_both),
        TEST(other_numbers_are_no_helpers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * answer_store: where a packet handler's answer comes to lie, and what it refuses. Functions of C
 * stand for compiled code.
 */
#include "tests/host/graft_asm.h"
#undef CALL
#include "tests/host/graft_kernel.h"

#include "exo/io/nic.h"

enum { HANDLER = 40, OTHER };
#define ANSWER_STORE 0x10002
#define GUARD        0xa5
#define FULL         ((uint64_t)GRAFT_MAP_FULL)

typedef uint64_t helper_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static void (*body)(void); /* what runs */
static uint8_t from[NIC_PACKET_MAX];
static struct graft *graft;

static struct graft_jit_result code(uint64_t context, uint64_t base, int64_t fuel)
{
    (void)context, (void)base, (void)fuel;
    body();
    return (struct graft_jit_result){GRAFT_ANSWER, 0};
}

static void make(slot_t slot, uint32_t hook)
{
    static const struct insn none[] = {SET(0, 0), EXIT};

    graft_make(slot, none, sizeof none, hook);
    graft = frame_memory(cap_slot(world.root, slot)->base);
    graft->code = code;
    graft->quick = NULL;
}

static int set_up(void **state)
{
    world_begin(state);
    for (uint32_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(i * 7 + (i >> 8));
    make(HANDLER, GRAFT_HOOK_PACKET_HANDLER);
    memset(graft->answers, GUARD, (size_t)GRAFT_ANSWERS * GRAFT_ANSWER_BYTES);
    return 0;
}

/* The world knows of no compiled code. */
static int tear_down(void **state)
{
    graft->code = NULL;
    graft->answers_busy = 0;
    return world_end(state);
}

static uint64_t store(uint64_t at, uint64_t begin, uint64_t bytes, uint64_t seed)
{
    helper_fn *f = (helper_fn *)(uintptr_t)graft_helper_address(NULL, ANSWER_STORE);

    return f(at, (uintptr_t)from + begin, bytes, seed, 0);
}

static void run(void (*what)(void))
{
    body = what;
    graft->stored_to = 0; /* as the ring does */
    assert_int_equal(graft_run_fully(graft, NULL, 999), GRAFT_ANSWER);
}

/* By the definition of the Internet's checksum; 0 and 0xffff are the same. */
static uint64_t sum_of(uint32_t begin, uint32_t bytes)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++)
        sum += (uint64_t)from[begin + i] << (i % 2 * 8);
    return sum;
}

static void store_two(void)
{
    const uint64_t first = store(42, 0, 100, 0xffffffff00000003u);

    assert_true(first <= UINT32_MAX);
    assert_int_equal(first % 0xffff, (3 + sum_of(0, 100)) % 0xffff);
    const uint64_t both = store(142, 100, 33, first);
    assert_int_equal(both % 0xffff, (3 + sum_of(0, 133)) % 0xffff);
    assert_int_equal(store(175, 0, 0, 9), 9); /* nothing, and it is done */
}

static void pieces_lie_behind_each_other_and_are_summed(void **state)
{
    (void)state;
    run(store_two);
    assert_int_equal(graft->stored_from, 42);
    assert_int_equal(graft->stored_to, 175);
    assert_memory_equal(graft->answers + 42, from, 133);
    assert_true(graft->answers[41] == GUARD && graft->answers[175] == GUARD);
}

static void store_wrongly(void)
{
    assert_int_equal(store(NIC_PACKET_MAX + 1, 0, 0, 0), FULL);
    assert_int_equal(store(NIC_PACKET_MAX, 0, 1, 0), FULL);
    assert_int_equal(store(1, 0, NIC_PACKET_MAX, 0), FULL);
    assert_int_equal(store(UINT64_MAX, 0, 2, 0), FULL);     /* the sum would be 1 */
    assert_int_equal(store((uint64_t)-60, 0, 60, 0), FULL); /* and 0 */
    assert_int_equal(store(1ull << 32, 0, 1, 0), FULL);
    assert_int_equal(graft->stored_to, 0);
    assert_int_not_equal(store(60, 0, 10, 0), FULL);
    assert_int_equal(store(71, 0, 1, 0), FULL); /* a hole */
    assert_int_equal(store(69, 0, 1, 0), FULL); /* over what is there */
    assert_int_equal(store(60, 0, 10, 0), FULL);
    assert_int_equal(store(70, 0, NIC_PACKET_MAX - 69, 0), FULL);
}

static void what_is_too_long_or_does_not_follow_is_refused(void **state)
{
    (void)state;
    run(store_wrongly);
    assert_int_equal(graft->stored_from, 60);
    assert_int_equal(graft->stored_to, 70);
    for (uint32_t i = 0; i < GRAFT_ANSWERS * GRAFT_ANSWER_BYTES; i++)
        assert_true(i >= 60 && i < 70 ? graft->answers[i] == from[i - 60]
                                      : graft->answers[i] == GUARD);
}

static void store_a_packet(void)
{
    assert_int_not_equal(store(0, 0, NIC_PACKET_MAX, 0), FULL);
}

static void store_one(void)
{
    assert_int_equal(store(60, 0, 1, 0), graft->answers_busy == 0xff ? FULL : from[0]);
}

static void the_longest_answer_fits_and_the_ninth_does_not(void **state)
{
    (void)state;
    run(store_a_packet);
    assert_memory_equal(graft->answers, from, NIC_PACKET_MAX);
    assert_int_equal(graft->answers[NIC_PACKET_MAX], GUARD);
    graft->answers_busy = 0x5; /* the first and the third are on their way */
    run(store_one);
    assert_int_equal(graft->answers[GRAFT_ANSWER_BYTES + 60], from[0]);
    graft->answers_busy = 0xff;
    run(store_one);
    assert_int_equal(graft->stored_to, 0);
}

static void store_where_no_packet_is(void)
{
    assert_int_equal(store(60, 0, 1, 0), FULL);
    assert_int_equal(store(0, 0, 0, 0), FULL);
}

static void no_other_hook_has_an_answer(void **state)
{
    (void)state;
    graft->code = NULL;
    make(OTHER, GRAFT_HOOK_PACKET_FILTER);
    run(store_where_no_packet_is);
    assert_int_equal(graft->stored_to, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_lie_behind_each_other_and_are_summed),
        TEST(what_is_too_long_or_does_not_follow_is_refused),
        TEST(the_longest_answer_fits_and_the_ninth_does_not),
        TEST(no_other_hook_has_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

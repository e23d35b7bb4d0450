/* libos/sched_*.c: shares, deadlines, and what is refused. */
#include "tests/host/host.h"

#include <string.h>

#include "libos/sched.h"

#define COUNT 3u

static struct scheduler s;
static struct sched_entity e[COUNT];

/* Three with tickets 3, 2, 1 and the same shares as budgets of a period of six, all ready. */
static void add_all(void)
{
    memset(e, 0, sizeof e);
    for (uint32_t i = 0; i < COUNT; i++) {
        e[i] = (struct sched_entity){.tickets = COUNT - i, .period = 6, .budget = COUNT - i};
        assert_int_equal(sched_add(&s, &e[i], 0), ERR_OK);
        sched_set_ready(&s, &e[i], true, 0);
    }
}

/* Runs quanta [from, to), one unit each. */
static void run(uint64_t from, uint64_t to)
{
    for (uint64_t now = from; now < to; now++) {
        struct sched_entity *next = s.pick(&s, now);
        assert_non_null(next);
        assert_true(next->ready);
        sched_charge(&s, next, 1);
    }
}

static bool within(uint64_t got, uint64_t want, uint64_t error)
{
    return got + error >= want && got <= want + error;
}

static void stride_is_never_more_than_a_quantum_off(void **state)
{
    (void)state;
    sched_stride(&s);
    add_all();
    for (uint64_t now = 0; now < 6000; now++) {
        run(now, now + 1);
        for (uint32_t i = 0; i < COUNT; i++)
            assert_true(within(e[i].used * 6, (now + 1) * (COUNT - i), 6));
    }
    assert_int_equal(e[0].used, 3000);
    assert_int_equal(e[1].used, 2000);
    assert_int_equal(e[2].used, 1000);
}

static void stride_saves_no_time_for_sleepers(void **state)
{
    (void)state;
    sched_stride(&s);
    add_all();
    sched_set_ready(&s, &e[0], false, 0);
    run(0, 300);
    assert_int_equal(e[0].used, 0);
    assert_int_equal(e[1].used, 200);
    sched_set_ready(&s, &e[0], true, 300);
    run(300, 360);
    assert_true(within(e[0].used, 30, 1));
}

static void lottery_follows_the_tickets(void **state)
{
    (void)state;
    sched_lottery(&s, 42);
    add_all();
    run(0, 60000);
    assert_true(within(e[0].used, 30000, 600));
    assert_true(within(e[1].used, 20000, 600));
    assert_true(within(e[2].used, 10000, 600));
}

static void lottery_draws_the_same_from_a_seed(void **state)
{
    uint64_t first;

    (void)state;
    sched_lottery(&s, 7);
    add_all();
    run(0, 1000);
    first = e[0].used;
    sched_lottery(&s, 7);
    add_all();
    run(0, 1000);
    assert_int_equal(e[0].used, first);
    sched_set_ready(&s, &e[0], false, 0);
    run(0, 1000);
    assert_int_equal(e[0].used, first);
}

static void edf_gives_each_its_budget_in_every_period(void **state)
{
    (void)state;
    sched_edf(&s);
    add_all();
    run(0, 6000);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(e[i].used, 1000 * (COUNT - i));
        assert_int_equal(e[i].misses, 0);
    }
}

static void edf_meets_unlike_deadlines(void **state)
{
    const uint64_t period[COUNT] = {4, 6, 12}, budget[COUNT] = {2, 2, 2};

    (void)state;
    sched_edf(&s);
    for (uint32_t i = 0; i < COUNT; i++) {
        e[i] = (struct sched_entity){.period = period[i], .budget = budget[i]};
        assert_int_equal(sched_add(&s, &e[i], 0), ERR_OK);
        sched_set_ready(&s, &e[i], true, 0);
    }
    for (uint64_t now = 0; now < 1200; now++) {
        struct sched_entity *next = s.pick(&s, now);
        if (next)
            sched_charge(&s, next, 1);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(e[i].misses, 0);
        assert_int_equal(e[i].used, 1200 / period[i] * budget[i]);
    }
}

static void edf_counts_what_it_could_not_give(void **state)
{
    (void)state;
    sched_edf(&s);
    add_all();
    s.pick(&s, 6); /* a whole period without running anybody */
    assert_int_equal(e[0].misses, 1);
    run(6, 12);
    s.pick(&s, 12);
    assert_int_equal(e[0].misses, 1);
}

static void edf_refuses_more_than_there_is(void **state)
{
    struct sched_entity more = {.period = 1000, .budget = 1};

    (void)state;
    sched_edf(&s);
    add_all();
    assert_int_equal(sched_add(&s, &more, 0), ERR_IN_USE);
    sched_remove(&s, &e[2]);
    assert_int_equal(sched_add(&s, &more, 0), ERR_OK);
    more = (struct sched_entity){.period = 2, .budget = 3};
    assert_int_equal(sched_add(&s, &more, 0), ERR_BAD_ARG);
    more = (struct sched_entity){.period = 0, .budget = 0};
    assert_int_equal(sched_add(&s, &more, 0), ERR_BAD_ARG);
}

static void tickets_have_a_range(void **state)
{
    struct sched_entity none = {.tickets = 0}, many = {.tickets = SCHED_TICKETS_MAX + 1};

    (void)state;
    sched_stride(&s);
    assert_int_equal(sched_add(&s, &none, 0), ERR_BAD_ARG);
    assert_int_equal(sched_add(&s, &many, 0), ERR_BAD_ARG);
    sched_lottery(&s, 0);
    assert_int_equal(sched_add(&s, &none, 0), ERR_BAD_ARG);
    assert_null(s.pick(&s, 0));
    sched_edf(&s);
    assert_null(s.pick(&s, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stride_is_never_more_than_a_quantum_off),
        cmocka_unit_test(stride_saves_no_time_for_sleepers),
        cmocka_unit_test(lottery_follows_the_tickets),
        cmocka_unit_test(lottery_draws_the_same_from_a_seed),
        cmocka_unit_test(edf_gives_each_its_budget_in_every_period),
        cmocka_unit_test(edf_meets_unlike_deadlines),
        cmocka_unit_test(edf_counts_what_it_could_not_give),
        cmocka_unit_test(edf_refuses_more_than_there_is),
        cmocka_unit_test(tickets_have_a_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

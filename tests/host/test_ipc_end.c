/* How an IPC ends without a partner: every kind of timeout in either phase, and cancellation. */
#include "tests/host/kernel_ipc.h"

#include "l4core/ipc.h"
#include "l4core/time.h"

static struct party p, q, s;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    ipc_always_slow = false;
    return 0;
}

/* The point `micros` of the clock, in units of 2^exponent. */
static unsigned point(uint64_t micros, unsigned exponent)
{
    uint64_t units = micros >> exponent;

    return TIME_POINT | exponent << 11 | (unsigned)(units & 0x7ff);
}

static void assert_clock(uint64_t micros)
{
    assert_true(l4_clock() >= micros);
    assert_true(l4_clock() <= micros + 1);
}

/* A time that is over at once, or ends `micros` after the phase begins. */
struct time {
    unsigned time;
    bool now;
};

static struct time times(unsigned kind)
{
    uint64_t now = l4_clock();
    const struct time all[] = {
        {TIME_ZERO, true},
        {7u << 10, true}, /* nothing, however often doubled */
        {point(now, 0), true},
        {point(now - 1, 0), true},
        {TIME_1MS, false},
        {2u << 10 | TIME_1MS >> 2, false},
        {point(now + 1000, 0), false},
        {point(now + 1000, 3), false},
    };

    return all[kind];
}
#define TIME_KINDS 8u

static void assert_ends_in(struct thread *t, unsigned state, unsigned phase)
{
    assert_int_equal(t->state, state);
    pass_time(980 * 1000);
    assert_int_equal(t->state, state);
    pass_time(21 * 1000);
    assert_failed(t, IPC_TIMEOUT, phase);
    assert_true(list_is_empty(&t->sleep_link));
    assert_true(list_is_empty(&t->send_link));
}

/* Far enough that points in the past are of the same ten bits. */
static void begin_clock(void)
{
    host.ticks += (uint64_t)3000 * TICKS_1MS;
}

static void each_time_ends_the_send_phase(void **state)
{
    (void)state;
    begin_clock();
    for (unsigned i = 0; i < TIME_KINDS; i++) {
        struct time send = times(i);
        ipc_words(p.t, q.t->global_id, L4_ANY, TIMEOUTS(send.time, TIME_NEVER), 1, 0, 0);
        if (send.now)
            assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
        else
            assert_ends_in(p.t, THREAD_IPC_SEND, IPC_SEND_PHASE);
    }
}

static void each_time_ends_the_receive_phase(void **state)
{
    (void)state;
    begin_clock();
    for (unsigned i = 0; i < TIME_KINDS; i++) {
        struct time receive = times(i);
        ipc(p.t, L4_NIL, i % 2 ? L4_ANY : q.t->global_id, TIMEOUTS(TIME_NEVER, receive.time));
        if (receive.now)
            assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
        else
            assert_ends_in(p.t, THREAD_IPC_RECEIVE, IPC_RECEIVE_PHASE);
    }
}

/* A send that succeeds, with any time for it, and then each time for the receive phase. */
static void each_pair_of_times_ends_in_the_phase_that_waits(void **state)
{
    (void)state;
    begin_clock();
    for (unsigned i = 0; i < TIME_KINDS; i++)
        for (unsigned j = 0; j < TIME_KINDS; j++) {
            struct time send = times(i), receive = times(j);
            ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_NEVER));
            ipc_words(p.t, q.t->global_id, q.t->global_id, TIMEOUTS(send.time, receive.time), 1, 0,
                      0);
            assert_received(q.t, p.t->global_id);
            if (receive.now)
                assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
            else
                assert_ends_in(p.t, THREAD_IPC_RECEIVE, IPC_RECEIVE_PHASE);
        }
}

static void a_point_that_passes_in_the_send_phase_is_over_in_the_next(void **state)
{
    (void)state;
    begin_clock();
    unsigned soon = point(l4_clock() + 500, 0);
    ipc_words(p.t, q.t->global_id, q.t->global_id, TIMEOUTS(TIME_NEVER, soon), 1, 0, 0);
    pass_time(600 * 1000);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_NEVER));
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void a_sleeper_wakes_at_its_point(void **state)
{
    (void)state;
    begin_clock();
    for (unsigned exponent = 0; exponent < 16; exponent++) {
        uint64_t step = (uint64_t)1 << exponent;
        uint64_t at = (l4_clock() + 700 * step) / step * step;
        ipc(p.t, L4_NIL, p.t->global_id, TIMEOUTS(TIME_NEVER, point(at, exponent)));
        pass_time((at - l4_clock() - 1) * 1000);
        assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
        pass_time(1000);
        assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
        assert_clock(at);
    }
}

static void a_phase_is_cancelled_by_its_name_alone(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_ANY, TIMEOUTS(TIME_1MS, TIME_NEVER), 1, 0, 0);
    ipc(s.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_1MS));
    ipc_cancel(p.t, false, true);
    ipc_cancel(s.t, true, false);
    ipc_cancel(q.t, true, true); /* is in no IPC */
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
    ipc_cancel(p.t, true, false);
    assert_failed(p.t, IPC_CANCELLED, IPC_SEND_PHASE);
    assert_true(list_is_empty(&q.t->senders));
    ipc_cancel(s.t, false, true);
    assert_failed(s.t, IPC_CANCELLED, IPC_RECEIVE_PHASE);
    pass_time(2 * TICKS_1MS); /* neither sleeps any more */
    assert_failed(s.t, IPC_CANCELLED, IPC_RECEIVE_PHASE);
}

static void a_cancelled_page_fault_leaves_the_message_registers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MR_COUNT; i++)
        set_mr(p.t, i, 100 + i);
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    *thread_mr(p.t, TCR_ERROR) = 99;
    page_fault(p.t, 0x700000, 4);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc_cancel(p.t, true, false);
    assert_true(p.t->state == THREAD_READY || p.t->state == THREAD_RUNNING);
    assert_true(list_is_empty(&q.t->senders));
    assert_int_equal(p.t->ipc_kernel, IPC_OWN);
    assert_int_equal(*thread_mr(p.t, TCR_ERROR), 99);
    for (unsigned i = 0; i < MR_COUNT; i++)
        assert_int_equal(get_mr(p.t, i), 100 + i);
}

/* Everything twice: with the fast path where that serves, and without. */
static int set_up_slow(void **state)
{
    set_up(state);
    ipc_always_slow = true;
    return 0;
}

#define TEST(f)                                                                                    \
    {.name = #f, .test_func = f, .setup_func = set_up, .teardown_func = world_end},                \
    {                                                                                              \
        .name = #f "_without_fast_path", .test_func = f, .setup_func = set_up_slow,                \
        .teardown_func = world_end                                                                 \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_time_ends_the_send_phase),
        TEST(each_time_ends_the_receive_phase),
        TEST(each_pair_of_times_ends_in_the_phase_that_waits),
        TEST(a_point_that_passes_in_the_send_phase_is_over_in_the_next),
        TEST(a_sleeper_wakes_at_its_point),
        TEST(a_phase_is_cancelled_by_its_name_alone),
        TEST(a_cancelled_page_fault_leaves_the_message_registers),
    };
    return cmocka_run_group_tests_name("l4core/leave", tests, NULL, NULL);
}

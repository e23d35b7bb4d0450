/* L4 IPC: rendezvous, queues, time-outs, errors with their phase, and partners that go. */
#include "tests/host/kernel_ipc.h"

#include "l4core/ipc.h"
#include "l4core/partner.h"

#include <string.h>

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define MATE    40u /* the slot of a second thread of p's */

static struct party p, q, s;
static struct thread *mate;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    mate = party_thread(&p, MATE, 1);
    ipc_always_slow = false;
    return 0;
}

static int set_up_slow(void **state)
{
    set_up(state);
    ipc_always_slow = true;
    return 0;
}

static void a_message_of_any_length_arrives_whole(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 1, 2, 7, 8, 9, 62, 63};

    for (unsigned n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        word_t label = 0xfedcba987654 + n;
        ipc(q.t, L4_NIL, L4_ANY, NEVER);
        assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
        for (unsigned i = 8; i < MR_COUNT; i++)
            set_mr(q.t, i, 0x1111);
        ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, label, counts[n], 1000);
        assert_received(q.t, p.t->global_id);
        assert_int_equal(get_mr(q.t, 0), TAG_MAKE(label, counts[n], 0));
        for (unsigned i = 1; i <= counts[n]; i++)
            assert_int_equal(get_mr(q.t, i), 999 + i);
        for (unsigned i = counts[n] + 1 > 8 ? counts[n] + 1 : 8; i < MR_COUNT; i++)
            assert_int_equal(get_mr(q.t, i), 0x1111);
        assert_true(p.t->state == THREAD_READY || p.t->state == THREAD_RUNNING);
    }
}

static void a_call_switches_to_the_server_and_its_reply_back(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 7, 1, 5);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_ptr_equal(cpu_this()->current, q.t); /* before the boss, which has more priority */
    assert_received(q.t, p.t->global_id);
    ipc_words(q.t, p.t->global_id, L4_ANY, TIMEOUTS(TIME_ZERO, TIME_NEVER), 8, 2, 50);
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 0), TAG_MAKE(8, 2, 0));
    assert_int_equal(get_mr(p.t, 2), 51);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void calls_and_replies_carry_messages_of_any_length(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 7, 8, 63};

    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    for (unsigned n = 0; n < 4; n++) {
        ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, n, counts[n], 1000 * n);
        assert_received(q.t, p.t->global_id);
        for (unsigned i = 1; i <= counts[n]; i++)
            assert_int_equal(get_mr(q.t, i), 1000 * n + i - 1);
        ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, n, counts[n], 7000 * n);
        assert_received(p.t, q.t->global_id);
        for (unsigned i = 1; i <= counts[n]; i++)
            assert_int_equal(get_mr(p.t, i), 7000 * n + i - 1);
        assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    }
}

/* The receiver waits for somebody else, or with a timeout, or the caller has a sender queued. */
static void a_call_that_is_not_quite_common_works_too(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, s.t->global_id, NEVER);
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 0, 0);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc_words(s.t, q.t->global_id, q.t->global_id, TIMEOUTS(0, TIME_1MS), 2, 0, 0);
    assert_received(q.t, s.t->global_id);
    ipc_words(q.t, s.t->global_id, L4_ANY, NEVER, 3, 0, 0); /* p is queued */
    assert_received(s.t, q.t->global_id);
    assert_received(q.t, p.t->global_id);
    assert_true(list_is_empty(&s.t->sleep_link));
    ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(0, TIME_1MS));
    ipc_words(s.t, q.t->global_id, q.t->global_id, NEVER, 4, 0, 0);
    assert_received(q.t, s.t->global_id);
    assert_true(list_is_empty(&q.t->sleep_link));
}

/* Who only sends keeps the processor; who waits for ever is no sleeper. */
static void a_send_leaves_the_sender_running(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_true(list_is_empty(&q.t->sleep_link));
    world_run(p.t);
    set_mr(p.t, 0, TAG_MAKE(1, 0, 0));
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    if (!ipc_always_slow) /* which makes the kernel choose anew, as an interrupt would */
        assert_ptr_equal(cpu_this()->current, p.t);
    assert_received(q.t, p.t->global_id);
}

static void the_flags_of_a_tag_are_the_kernels(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    set_mr(p.t, 0, TAG_FLAGS | TAG_MAKE(3, 0, 0));
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(3, 0, 0));
}

static void inside_one_space_threads_know_each_other_by_local_ids(void **state)
{
    (void)state;
    ipc(mate, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, local_id(mate), local_id(mate), NEVER, 1, 0, 0);
    assert_received(mate, local_id(p.t));
    ipc_words(mate, local_id(p.t), L4_NIL, NO_WAIT, 2, 0, 0);
    assert_received(p.t, local_id(mate));
    ipc(mate, L4_NIL, p.t->global_id, NEVER); /* the global one names it too */
    ipc_words(p.t, mate->global_id, L4_NIL, NEVER, 1, 0, 0);
    assert_received(mate, local_id(p.t));
    assert_ptr_equal(ipc_find(p.t, local_id(mate)), mate);
    assert_null(ipc_find(q.t, local_id(mate)));          /* there is nothing there in q's space */
    assert_ptr_equal(ipc_find(q.t, local_id(p.t)), q.t); /* the same address, another thread */
}

static void a_closed_wait_takes_its_partner_alone(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, s.t->global_id, NEVER);
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 2, 0, 0);
    assert_received(q.t, s.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, p.t->global_id, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(1, 0, 0));
}

static void senders_are_served_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 2, 0, 0);
    ipc_words(mate, q.t->global_id, L4_NIL, NEVER, 3, 0, 0);
    struct thread *const order[] = {s.t, p.t, mate};
    for (unsigned i = 0; i < 3; i++) {
        ipc(q.t, L4_NIL, L4_ANY, NO_WAIT);
        assert_received(q.t, order[i]->global_id);
        assert_int_equal(get_mr(q.t, 0), TAG_MAKE(i + 1, 0, 0));
    }
    ipc(q.t, L4_NIL, L4_ANY, NO_WAIT);
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void a_closed_wait_passes_over_others_in_the_queue(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 2, 0, 0);
    ipc(q.t, L4_NIL, s.t->global_id, NO_WAIT);
    assert_received(q.t, s.t->global_id);
    ipc(q.t, L4_NIL, L4_ANY_LOCAL, NO_WAIT);
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
}

static void a_queued_caller_receives_after_its_message_was_taken(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 0, 0);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    ipc_words(q.t, p.t->global_id, L4_NIL, NO_WAIT, 2, 1, 9);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 1), 9);
}

static void two_that_call_each_other_both_get_their_message(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 0, 0);
    ipc(q.t, p.t->global_id, L4_NIL, NO_WAIT); /* p sends still, and does not receive */
    assert_failed(q.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    ipc_words(q.t, L4_NIL, p.t->global_id, NEVER, 0, 0, 0);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
}

static void any_local_takes_threads_of_the_own_space_alone(void **state)
{
    (void)state;
    ipc(mate, L4_NIL, L4_ANY_LOCAL, NEVER);
    ipc_words(q.t, mate->global_id, L4_NIL, NO_WAIT, 1, 0, 0);
    assert_failed(q.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    ipc_words(p.t, local_id(mate), L4_NIL, NO_WAIT, 1, 0, 0);
    assert_received(mate, local_id(p.t));
}

static void zero_timeouts_fail_at_once_and_name_the_phase(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_ANY, NO_WAIT, 1, 0, 0);
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, L4_ANY, NO_WAIT, 1, 0, 0);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    assert_received(q.t, p.t->global_id);
}

static void a_timeout_ends_the_wait_when_its_time_has_come(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_ANY, TIMEOUTS(TIME_1MS, TIME_NEVER), 1, 0, 0);
    ipc(s.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, 1u << 10 | TIME_1MS)); /* 2 ms */
    pass_time(TICKS_1MS - 1);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    pass_time(1);
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
    assert_true(list_is_empty(&q.t->senders));
    pass_time(TICKS_1MS);
    assert_failed(s.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void the_receive_timeout_begins_with_the_receive_phase(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, q.t->global_id, TIMEOUTS(TIME_NEVER, TIME_1MS), 1, 0, 0);
    pass_time(5 * TICKS_1MS);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    pass_time(TICKS_1MS - 1);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    pass_time(1);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void a_message_in_time_clears_the_timeout(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_1MS));
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    assert_received(q.t, p.t->global_id);
    assert_true(list_is_empty(&q.t->sleep_link));
    pass_time(5 * TICKS_1MS);
    assert_received(q.t, p.t->global_id);
}

static void waiting_for_oneself_sleeps_for_the_timeout(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, p.t->global_id, TIMEOUTS(TIME_NEVER, TIME_1MS));
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    pass_time(TICKS_1MS);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    ipc(p.t, p.t->global_id, L4_NIL, TIMEOUTS(TIME_1MS, TIME_NEVER));
    pass_time(TICKS_1MS);
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
}

static void nil_and_nil_does_nothing(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, L4_NIL, NEVER);
    assert_true(p.t->state == THREAD_RUNNING || p.t->state == THREAD_READY);
}

static void partners_that_are_not_there_are_told_so(void **state)
{
    (void)state;
    struct thread *gone = party_thread(&q, 41, 2);
    word_t stale = gone->global_id;
    OK(BOSS(cap_delete, 41));
    const word_t bad[] = {stale,
                          L4_ANY,
                          L4_ANY_LOCAL,
                          q.t->global_id + 1,
                          (word_t)5000 << 32 | 1,
                          (word_t)THREAD_MAX << 32 | 1,
                          PARTY_MEMORY + UTCB_MR + 64, /* local: no UTCB there */
                          (word_t)1 << 62};

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ipc_words(p.t, bad[i], L4_NIL, NEVER, 1, 0, 0);
        assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
        if (bad[i] == L4_ANY || bad[i] == L4_ANY_LOCAL)
            continue;
        ipc(p.t, L4_NIL, bad[i], NEVER);
        assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    }
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, stale, NEVER, 1, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE); /* the message went all the same */
    assert_received(q.t, p.t->global_id);
    ipc_words(p.t, q.t->global_id, stale, NEVER, 1, 0, 0);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE); /* also when it was queued */
}

static void a_reused_number_is_another_thread(void **state)
{
    (void)state;
    word_t old = s.t->global_id;
    uint32_t number = s.t->number;

    OK(BOSS(cap_delete, s.thread));
    OK(BOSS(thread_create, s.env, REGION, PFN_ANY, PARTY_UTCB, number, s.thread));
    assert_int_not_equal(world.result, old);
    ipc_words(p.t, old, L4_NIL, NEVER, 1, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
}

static void when_a_thread_goes_its_partners_are_told(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, s.t->global_id, NEVER);                /* waits for s alone */
    ipc_words(p.t, s.t->global_id, L4_NIL, NEVER, 1, 0, 0); /* sends to s */
    ipc(mate, L4_NIL, L4_ANY, NEVER);                       /* waits for anybody */
    OK(BOSS(cap_delete, s.thread));
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_int_equal(mate->state, THREAD_IPC_RECEIVE);
}

static void a_partner_by_local_id_that_goes_is_told_too(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, local_id(mate), NEVER);
    OK(BOSS(cap_delete, MATE));
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

/* p sends to q and will then receive from s; s goes before q takes the message. */
static void a_partner_that_goes_between_the_phases_is_found_missing(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, s.t->global_id, NEVER, 1, 0, 0);
    OK(BOSS(cap_delete, s.thread));
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void a_stopped_thread_gives_its_ipc_up_and_keeps_its_senders(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_1MS, TIME_NEVER), 1, 0, 0);
    ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 2, 0, 0);
    OK(BOSS(thread_stop, p.thread));
    assert_int_equal(p.t->state, THREAD_STOPPED);
    pass_time(2 * TICKS_1MS);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    OK(BOSS(thread_stop, q.thread));
    assert_int_equal(s.t->state, THREAD_IPC_SEND);
    OK(BOSS(thread_start, q.thread, 0x400000, 0x500000, 0));
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, s.t->global_id);
}

static void a_message_that_is_too_long_is_an_error_for_both(void **state)
{
    (void)state;
    thread_exo(p.t)->mask = PARTY_MEMORY; /* would be MR64 */
    *thread_mr(q.t, TCR_BR0) = FPAGE_COMPLETE;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    set_mr(p.t, 0, TAG_MAKE(1, 63, 2));
    ipc(p.t, q.t->global_id, L4_ANY, NEVER);
    assert_failed(p.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_failed(q.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
    assert_int_equal(thread_exo(q.t)->mask, 0); /* what lies behind the message registers */
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    set_mr(p.t, 0, TAG_MAKE(1, 62, 2)); /* one word too many, and a good item in it */
    set_mr(p.t, 63, ITEM_MAP);
    ipc(p.t, q.t->global_id, L4_ANY, NEVER);
    assert_failed(p.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_failed(q.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
    assert_int_equal(thread_exo(q.t)->mask, 0);
    set_mr(p.t, 0, TAG_MAKE(1, 0, 1)); /* half an item; queued this time */
    set_mr(p.t, 1, ITEM_MAP);
    set_mr(p.t, 2, 0);
    ipc(p.t, q.t->global_id, L4_ANY, NEVER);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_failed(p.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_failed(q.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
}

static void the_check_names_each_broken_invariant(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    assert_null(ipc_check(q.t));
    p.t->ipc_to = s.t;
    assert_memory_equal(ipc_check(q.t), "I1", 2);
    p.t->ipc_to = q.t;
    p.t->state = THREAD_IPC_RECEIVE;
    assert_memory_equal(ipc_check(q.t), "I1", 2);
    p.t->state = THREAD_IPC_SEND;
    uint8_t state_before = q.t->state;
    q.t->state = THREAD_IPC_RECEIVE;
    q.t->ipc_from = L4_ANY;
    assert_memory_equal(ipc_check(q.t), "I2", 2);
    q.t->ipc_from = s.t->global_id;
    assert_null(ipc_check(q.t));
    q.t->state = state_before;
}

/* Everything twice: with the fast path where that serves, and without. */
#define TEST(f)                                                                                    \
    {.name = #f, .test_func = f, .setup_func = set_up, .teardown_func = world_end},                \
    {                                                                                              \
        .name = #f "_without_fast_path", .test_func = f, .setup_func = set_up_slow,                \
        .teardown_func = world_end                                                                 \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_of_any_length_arrives_whole),
        TEST(a_call_switches_to_the_server_and_its_reply_back),
        TEST(calls_and_replies_carry_messages_of_any_length),
        TEST(a_call_that_is_not_quite_common_works_too),
        TEST(a_send_leaves_the_sender_running),
        TEST(the_flags_of_a_tag_are_the_kernels),
        TEST(inside_one_space_threads_know_each_other_by_local_ids),
        TEST(a_closed_wait_takes_its_partner_alone),
        TEST(senders_are_served_in_the_order_in_which_they_came),
        TEST(a_closed_wait_passes_over_others_in_the_queue),
        TEST(a_queued_caller_receives_after_its_message_was_taken),
        TEST(two_that_call_each_other_both_get_their_message),
        TEST(any_local_takes_threads_of_the_own_space_alone),
        TEST(zero_timeouts_fail_at_once_and_name_the_phase),
        TEST(a_timeout_ends_the_wait_when_its_time_has_come),
        TEST(the_receive_timeout_begins_with_the_receive_phase),
        TEST(a_message_in_time_clears_the_timeout),
        TEST(waiting_for_oneself_sleeps_for_the_timeout),
        TEST(nil_and_nil_does_nothing),
        TEST(partners_that_are_not_there_are_told_so),
        TEST(a_reused_number_is_another_thread),
        TEST(when_a_thread_goes_its_partners_are_told),
        TEST(a_partner_by_local_id_that_goes_is_told_too),
        TEST(a_partner_that_goes_between_the_phases_is_found_missing),
        TEST(a_stopped_thread_gives_its_ipc_up_and_keeps_its_senders),
        TEST(a_message_that_is_too_long_is_an_error_for_both),
        TEST(the_check_names_each_broken_invariant),
    };
    return cmocka_run_group_tests_name("l4core/ipc", tests, NULL, NULL);
}

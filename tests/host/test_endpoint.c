/* Endpoints: calls, badges, replies, queues, rights, and what goes while somebody waits. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/endpoint.h"
#include "exo/arch/upward.h"
#include "l4core/ipc.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define SERVE   TIMEOUTS(TIME_ZERO, TIME_NEVER)
#define POINT   40u /* the boss's: an endpoint                                    */
#define MATE    41u /* and a second thread of p's                                 */
#define SPARE   42u
#define HERE    5u /* in each party's table: the endpoint                        */
#define OTHER   6u /* p: the same with other rights; q: the same with a badge    */
#define ENTRY   L4_SLOT(HERE)
#define BADGE   0x1234567890abcdefu

static struct party p, q, s; /* p serves */
static struct thread *mate;
static struct endpoint *e;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    mate = party_thread(&p, MATE, 1);
    OK(BOSS(endpoint_create, REGION, PFN_ANY, POINT));
    give(p.env, HERE, POINT, RIGHT_READ);
    give(p.env, OTHER, POINT, RIGHT_WRITE);
    give(q.env, HERE, POINT, RIGHT_WRITE);
    OK(BOSS(cap_badge, q.env, OTHER, POINT, RIGHT_WRITE | RIGHT_GRANT, BADGE));
    OK(BOSS(cap_badge, s.env, HERE, POINT, RIGHT_WRITE, 7));
    e = frame_memory(cap_slot(world.root, POINT)->base);
    ipc_always_slow = false;
    return 0;
}

static int set_up_slow(void **state)
{
    set_up(state);
    ipc_always_slow = true;
    return 0;
}

/* p and its mate change to CPU 1, and one that has nothing else to do. */
static int set_up_two(void **state)
{
    set_up(state);
    party_thread(&p, SPARE, 2);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, MATE, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, SPARE, SLOT_CPU, 1, 1));
    return 0;
}

static int end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static word_t badge(const struct thread *t)
{
    return thread_exo(t)->badge;
}

static word_t told(struct thread *t)
{
    return thread_regs(t)->rsi;
}

static void serve(struct thread *t)
{
    ipc(t, L4_NIL, ENTRY, NEVER);
}

static void a_call_of_any_length_and_its_answer(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 1, 7, 8, 63};
    word_t last = 0;

    serve(p.t);
    for (unsigned n = 0; n < 5; n++) {
        ipc_words(s.t, ENTRY, ENTRY, NEVER, 3, counts[n], 1000);
        assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
        word_t reply = told(p.t);
        assert_received(p.t, reply);
        assert_true(L4_IS_REPLY(reply) && reply != last);
        assert_int_equal(badge(p.t), 7);
        assert_int_equal(get_mr(p.t, 0) & ~TAG_CROSS, TAG_MAKE(3, counts[n], 0));
        for (unsigned i = 1; i <= counts[n]; i++)
            assert_int_equal(get_mr(p.t, i), 999 + i);
        ipc_words(p.t, reply, ENTRY, SERVE, 4, counts[n], 5000);
        assert_received(s.t, ENTRY);
        assert_int_equal(get_mr(s.t, 0) & ~TAG_CROSS, TAG_MAKE(4, counts[n], 0));
        for (unsigned i = 1; i <= counts[n]; i++)
            assert_int_equal(get_mr(s.t, i), 4999 + i);
        assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
        last = reply;
    }
}

static void badges_tell_who_sends(void **state)
{
    (void)state;
    const word_t slots[] = {HERE, OTHER}, badges[] = {0, BADGE};

    for (unsigned i = 0; i < 2; i++) {
        serve(p.t);
        ipc_words(q.t, L4_SLOT(slots[i]), L4_NIL, NEVER, 1, 0, 0);
        assert_received(p.t, L4_NIL); /* nobody waits for an answer */
        assert_int_equal(badge(p.t), badges[i]);
        assert_false(get_mr(q.t, 0) & TAG_ERROR);
    }
    give(q.env, 9, POINT, RIGHT_WRITE | RIGHT_GRANT);
    OK(CALL(q.t, cap_copy, SLOT_ENV, 8, OTHER, RIGHT_WRITE, 0, 0));
    serve(p.t);
    ipc_words(q.t, L4_SLOT(8), L4_NIL, NEVER, 1, 0, 0);
    assert_int_equal(badge(p.t), BADGE); /* a copy keeps it */
}

static void senders_are_served_in_their_order_by_all_who_receive(void **state)
{
    (void)state;
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 1, 10);
    ipc_words(q.t, ENTRY, L4_NIL, NEVER, 2, 1, 20);
    assert_int_equal(s.t->state, THREAD_IPC_SEND);
    assert_int_equal(q.t->state, THREAD_IPC_SEND);
    serve(p.t);
    assert_int_equal(get_mr(p.t, 1), 10);
    assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
    serve(mate);
    assert_int_equal(get_mr(mate, 1), 20);
    assert_received(mate, L4_NIL);
    serve(mate);
    word_t reply = told(p.t);
    ipc_words(p.t, reply, ENTRY, SERVE, 3, 1, 30);
    assert_received(s.t, ENTRY);
    ipc_words(q.t, ENTRY, L4_NIL, NO_WAIT, 4, 1, 40); /* mate came first */
    assert_int_equal(get_mr(mate, 1), 40);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
}

static void an_answer_is_given_once_and_by_the_servers_space_alone(void **state)
{
    (void)state;
    serve(p.t);
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    word_t reply = told(p.t);
    ipc_words(q.t, reply, L4_NIL, NO_WAIT, 2, 0, 0);
    assert_failed(q.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    ipc_words(p.t, reply + L4_REPLY_STEP, L4_NIL, NO_WAIT, 2, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    ipc_words(p.t, s.t->global_id, L4_NIL, NO_WAIT, 2, 0, 0); /* its ID is not enough */
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    ipc_words(mate, reply, L4_NIL, NO_WAIT, 2, 0, 0); /* a thread beside the server may */
    assert_received(s.t, ENTRY);
    ipc(s.t, L4_NIL, p.t->global_id, NEVER);
    ipc_words(p.t, reply, L4_NIL, NO_WAIT, 2, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
}

static void an_answer_that_is_not_waited_for_is_nobodys(void **state)
{
    (void)state;
    serve(p.t);
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    word_t reply = told(p.t);
    OK(BOSS(thread_stop, s.thread)); /* it gives its call up, */
    OK(BOSS(thread_start, s.thread, 0x400000, 0x500000, 0));
    ipc_words(p.t, reply, ENTRY, SERVE, 4, 1, 30);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    ipc(s.t, L4_NIL, reply, NEVER); /* and nobody else waits for the answer to a call */
    assert_failed(s.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void an_answer_arrives_though_its_sender_may_not_wait_there(void **state)
{
    (void)state;
    serve(p.t);
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    ipc_words(p.t, told(p.t), L4_SLOT(99), SERVE, 2, 1, 30);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_received(s.t, ENTRY);
    assert_int_equal(get_mr(s.t, 1), 30);
}

/* What is not the common case is done the general way, with the same result. */
static void what_is_unusual_is_done_all_the_same(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, ENTRY, TIMEOUTS(TIME_ZERO, TIME_1MS)); /* a receiver that sleeps */
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    word_t reply = told(p.t);
    assert_false(p.t->timed);
    give(q.env, 9, POINT, RIGHT_READ);
    ipc_words(q.t, reply, L4_SLOT(9), NEVER, 2, 0, 0); /* a stranger */
    assert_failed(q.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    ipc_words(p.t, reply - L4_REPLY_STEP, ENTRY, SERVE, 2, 0, 0); /* an old call */
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    ipc_words(q.t, ENTRY, L4_NIL, NEVER, 3, 0, 0); /* the next waits already */
    ipc_words(p.t, reply, ENTRY, SERVE, 2, 0, 0);
    assert_received(s.t, ENTRY);
    assert_received(p.t, L4_NIL);
    assert_int_equal(get_mr(p.t, 0) & ~TAG_CROSS, TAG_MAKE(3, 0, 0));
    serve(p.t);
    ipc_words(s.t, ENTRY, ENTRY, TIMEOUTS(TIME_NEVER, TIME_1MS), 1, 0,
              0); /* a caller that sleeps */
    assert_true(s.t->timed);
    ipc_words(p.t, told(p.t), L4_SLOT(99), SERVE, 2, 0, 0); /* and a wait for nothing */
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_received(s.t, ENTRY);
    assert_false(s.t->timed);
    serve(p.t);
    set_mr(s.t, 0, TAG_MAKE(1, 0, 2));
    ipc(s.t, ENTRY, ENTRY, NEVER); /* items without the right to grant */
    assert_failed(s.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
}

static void several_callers_are_answered_in_any_order(void **state)
{
    (void)state;
    serve(p.t);
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    word_t first = told(p.t);
    serve(p.t);
    ipc_words(q.t, ENTRY, ENTRY, NEVER, 2, 0, 0);
    word_t second = told(p.t);
    ipc_words(p.t, second, ENTRY, SERVE, 20, 0, 0);
    ipc_words(mate, first, ENTRY, SERVE, 10, 0, 0);
    assert_received(q.t, ENTRY);
    assert_received(s.t, ENTRY);
    assert_int_equal(get_mr(q.t, 0) & ~TAG_CROSS, TAG_MAKE(20, 0, 0));
    assert_int_equal(get_mr(s.t, 0) & ~TAG_CROSS, TAG_MAKE(10, 0, 0));
}

static void each_side_needs_its_right(void **state)
{
    (void)state;
    ipc_words(q.t, ENTRY, ENTRY, NO_WAIT, 1, 0, 0);
    assert_failed(q.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    ipc(q.t, L4_NIL, ENTRY, NEVER);
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    ipc_words(p.t, ENTRY, L4_NIL, NEVER, 1, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    serve(p.t);
    ipc_words(q.t, ENTRY, L4_SLOT(OTHER), NEVER, 1, 0, 0); /* the message has gone by then */
    assert_received(p.t, L4_NIL);
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    const word_t none[] = {
        L4_SLOT(0), L4_SLOT(99), L4_SLOT(SLOT_ENV), L4_SLOT(CAP_SLOTS),   ENTRY + 1,
        L4_BOUND,   L4_REPLY(9), L4_REPLY(0),       (word_t)11 << 60 | 1, L4_SLOT(0xfffffff)};
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        ipc_words(q.t, none[i], none[i], NEVER, 1, 0, 0);
        assert_failed(q.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
        ipc(q.t, L4_NIL, none[i], NEVER);
        assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    }
    word_t own = q.t->ipc_reply; /* who is not called cannot wait as if */
    ipc(q.t, L4_NIL, own, NEVER);
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void typed_items_need_the_right_to_grant(void **state)
{
    (void)state;
    serve(p.t);
    set_mr(s.t, 0, TAG_MAKE(1, 0, 2));
    ipc(s.t, ENTRY, L4_NIL, NEVER);
    assert_failed(s.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    *thread_mr(p.t, TCR_BR0) = FPAGE_COMPLETE | FPAGE_ALL;
    make_tables(p.env, 0x20000000);
    set_mr(q.t, 0, TAG_MAKE(1, 0, 2));
    set_mr(q.t, 1, 0x20000000 | ITEM_MAP);
    set_mr(q.t, 2, (PARTY_MEMORY + PAGE_SIZE) | PAGE_BITS << 4 | FPAGE_READ);
    ipc(q.t, L4_SLOT(OTHER), L4_NIL, NEVER);
    assert_received(p.t, L4_NIL);
    assert_true(arch_pte_present(*entry_of(p.e, 0x20000000)));
}

static void timeouts_end_each_phase(void **state)
{
    (void)state;
    ipc_words(s.t, ENTRY, ENTRY, TIMEOUTS(TIME_1MS, TIME_NEVER), 1, 0, 0);
    ipc_words(q.t, ENTRY, ENTRY, TIMEOUTS(TIME_NEVER, TIME_1MS), 2, 0, 0);
    pass_time(TICKS_1MS);
    assert_failed(s.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    assert_int_equal(q.t->state, THREAD_IPC_SEND);
    serve(p.t);
    word_t reply = told(p.t);
    pass_time(TICKS_1MS);
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    ipc_words(p.t, reply, ENTRY, TIMEOUTS(TIME_ZERO, TIME_1MS), 3, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    ipc(p.t, L4_NIL, ENTRY, TIMEOUTS(TIME_ZERO, TIME_1MS));
    pass_time(TICKS_1MS);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    ipc(p.t, L4_NIL, ENTRY, NO_WAIT);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    assert_true(list_is_empty(&e->senders) && list_is_empty(&e->receivers));
}

static void who_is_queued_by_a_capability_that_goes_is_told(void **state)
{
    (void)state;
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    ipc_words(q.t, L4_SLOT(OTHER), L4_NIL, NEVER, 2, 0, 0);
    OK(CALL(world.boss, cap_copy, q.env, 7, POINT, RIGHT_WRITE, 0, 0));
    world_run(world.boss);
    struct cap *of_q = cap_slot(q.e, OTHER);
    assert_ptr_equal(q.t->ipc_cap, of_q);
    OK(BOSS(cap_delete, q.env)); /* with its table, and its thread */
    assert_int_equal(s.t->state, THREAD_IPC_SEND);
    OK(BOSS(cap_revoke, POINT)); /* the copies, not the object */
    assert_failed(s.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    give(p.env, HERE, POINT, RIGHT_READ);
    serve(p.t);
    serve(mate);
    OK(BOSS(cap_delete, POINT));
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_failed(mate, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    serve(p.t);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void a_caller_hears_of_the_end_of_its_server(void **state)
{
    (void)state;
    serve(p.t);
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    OK(BOSS(thread_stop, p.thread));
    assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
    OK(BOSS(cap_delete, p.thread));
    assert_failed(s.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void who_stops_moves_or_ends_leaves_the_queues(void **state)
{
    (void)state;
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 0, 0);
    ipc_words(q.t, ENTRY, ENTRY, NEVER, 2, 0, 0);
    OK(BOSS(thread_stop, s.thread));
    OK(BOSS(cap_delete, q.thread));
    assert_true(list_is_empty(&e->senders));
    serve(p.t);
    serve(mate);
    ipc_cancel(p.t, false, true);
    assert_failed(p.t, IPC_CANCELLED, IPC_RECEIVE_PHASE);
    OK(BOSS(cap_delete, MATE));
    assert_true(list_is_empty(&e->receivers));
}

static void queued_threads_may_change_their_cpu(void **state)
{
    (void)state;
    ipc_words(s.t, ENTRY, ENTRY, NEVER, 1, 1, 5);
    OK(BOSS(thread_place, s.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 0, 100));
    serve(p.t);
    assert_int_equal(get_mr(p.t, 1), 5);
    assert_true(get_mr(p.t, 0) & TAG_CROSS);
    OK(BOSS(thread_place, s.thread, SLOT_CPU, 0, 100));
    ipc_words(p.t, told(p.t), ENTRY, SERVE, 2, 1, 6);
    assert_received(s.t, ENTRY);
    assert_int_equal(get_mr(s.t, 1), 6);
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    ipc_words(q.t, ENTRY, L4_NIL, NO_WAIT, 2, 1, 7);
    assert_int_equal(get_mr(p.t, 1), 7);
}

static void refused_calls_change_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    uint32_t last = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, 43, REGION, RIGHT_ALL, last - 1, 1));
    OK(BOSS(frames_alloc, 43, PFN_ANY, 1, 44));
    OK(BOSS(cap_badge, SLOT_ENV, 45, POINT, RIGHT_ALL, 1));
    OK(BOSS(cap_copy, SLOT_ENV, 46, POINT, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, 47, q.env, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, b, endpoint_create, REGION, last, 50);
    REFUSED(ERR_BAD_ARG, b, endpoint_create, REGION, PFN_ANY, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, endpoint_create, POINT, PFN_ANY, 50);
    REFUSED(ERR_IN_USE, b, endpoint_create, REGION, PFN_ANY, POINT);
    REFUSED(ERR_IN_USE, b, endpoint_create, REGION, p.e->frame, 50);
    REFUSED(ERR_NO_MEM, b, endpoint_create, 43, PFN_ANY, 50);
    REFUSED(ERR_BAD_ARG, b, cap_badge, SLOT_ENV, 50, POINT, RIGHT_READ, 0);
    REFUSED(ERR_BAD_ARG, b, cap_badge, SLOT_ENV, 50, POINT, 0x10, 1);
    REFUSED(ERR_BAD_ARG, b, cap_badge, SLOT_ENV, SLOT_NONE, POINT, RIGHT_READ, 1);
    REFUSED(ERR_BAD_CAP, b, cap_badge, REGION, 50, POINT, RIGHT_READ, 1);
    REFUSED(ERR_BAD_CAP, b, cap_badge, SLOT_ENV, 50, 60, RIGHT_READ, 1);
    REFUSED(ERR_BAD_CAP, b, cap_badge, SLOT_ENV, 50, REGION, RIGHT_READ, 1);
    REFUSED(ERR_BAD_CAP, b, cap_badge, SLOT_ENV, 50, 45, RIGHT_READ, 2);
    REFUSED(ERR_NO_RIGHT, b, cap_badge, SLOT_ENV, 50, 46, RIGHT_READ, 1);
    REFUSED(ERR_NO_RIGHT, b, cap_badge, 47, 50, POINT, RIGHT_READ, 1);
    OK(BOSS(cap_copy, SLOT_ENV, 48, POINT, RIGHT_READ | RIGHT_GRANT, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, cap_badge, SLOT_ENV, 50, 48, RIGHT_WRITE, 1);
    REFUSED(ERR_BAD_ARG, b, cap_badge, SLOT_ENV, CAP_SLOTS, POINT, RIGHT_READ, 1);
    REFUSED(ERR_IN_USE, b, cap_badge, SLOT_ENV, 46, POINT, RIGHT_READ, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end)
#define TEST_TWO(f)                                                                                \
    {                                                                                              \
#f ", on two CPUs", f, set_up_two, end, NULL                                               \
    }
#define TEST_ALL(f) TEST(f), {#f ", the general way", f, set_up_slow, end, NULL}, TEST_TWO(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_ALL(a_call_of_any_length_and_its_answer),
        TEST_ALL(badges_tell_who_sends),
        TEST_ALL(senders_are_served_in_their_order_by_all_who_receive),
        TEST_ALL(an_answer_is_given_once_and_by_the_servers_space_alone),
        TEST_ALL(an_answer_that_is_not_waited_for_is_nobodys),
        TEST_ALL(an_answer_arrives_though_its_sender_may_not_wait_there),
        TEST_ALL(what_is_unusual_is_done_all_the_same),
        TEST_ALL(several_callers_are_answered_in_any_order),
        TEST_ALL(each_side_needs_its_right),
        TEST_ALL(typed_items_need_the_right_to_grant),
        TEST(timeouts_end_each_phase),
        TEST_ALL(who_is_queued_by_a_capability_that_goes_is_told),
        TEST_ALL(a_caller_hears_of_the_end_of_its_server),
        TEST_ALL(who_stops_moves_or_ends_leaves_the_queues),
        TEST_TWO(queued_threads_may_change_their_cpu),
        TEST(refused_calls_change_nothing),
    };
    return cmocka_run_group_tests_name("l4core/endpoint", tests, NULL, NULL);
}

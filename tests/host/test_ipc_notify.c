/* Notifications as partners of L4 IPC: raised by messages, waited for by receivers, and bound. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/notification.h"
#include "exo/abi/l4.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define NOTE    40u
#define POINT   41u
#define SPARE   42u
#define SECOND  43u
#define HERE    5u /* in p's table the notification to read, in q's a badge of it */
#define PLAIN   6u /* q: the notification itself, to raise; p: the endpoint        */
#define OTHER   7u
#define ENTRY   L4_SLOT(HERE)

static struct party p, q, s;
static struct notification *n;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(endpoint_create, REGION, PFN_ANY, POINT));
    give(p.env, HERE, NOTE, RIGHT_READ);
    give(p.env, PLAIN, POINT, RIGHT_READ);
    give(q.env, PLAIN, NOTE, RIGHT_WRITE);
    give(s.env, PLAIN, POINT, RIGHT_WRITE);
    OK(BOSS(cap_badge, q.env, HERE, NOTE, RIGHT_WRITE | RIGHT_READ, 6));
    n = frame_memory(cap_slot(world.root, NOTE)->base);
    ipc_always_slow = false;
    return 0;
}

/* p is on CPU 1, beside one that has nothing else to do. */
static int set_up_two(void **state)
{
    set_up(state);
    party_thread(&p, SPARE, 2);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, SPARE, SLOT_CPU, 1, 1));
    return 0;
}

static int end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static void assert_bits(struct thread *t, word_t from, uint64_t bits)
{
    assert_received(t, from);
    assert_int_equal(get_mr(t, 0), TAG_MAKE(0, 1, 0));
    assert_int_equal(get_mr(t, 1), bits);
    assert_int_equal(thread_exo(t)->badge, bits);
}

static void send_bits(word_t bits)
{
    ipc_words(q.t, L4_SLOT(PLAIN), L4_NIL, NO_WAIT, 1, 1, bits);
    assert_false(get_mr(q.t, 0) & TAG_ERROR);
}

static void a_badge_is_the_bits_that_are_raised(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, ENTRY, NEVER);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    ipc_words(q.t, ENTRY, L4_NIL, NO_WAIT, 1, 1, 0xff);
    assert_bits(p.t, ENTRY, 6);
    send_bits(9);
    ipc_words(q.t, ENTRY, L4_NIL, NO_WAIT, 1, 0, 0);
    assert_int_equal(n->raised, 15);
    ipc(p.t, L4_NIL, ENTRY, NO_WAIT);
    assert_bits(p.t, ENTRY, 15);
    ipc(p.t, L4_NIL, ENTRY, NO_WAIT);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    ipc_words(q.t, L4_SLOT(PLAIN), L4_NIL, NO_WAIT, 1, 0, 0); /* no word: nothing */
    assert_int_equal(n->raised, 0);
    ipc(q.t, L4_NIL, ENTRY, NO_WAIT); /* a badge is to raise alone */
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_int_equal(CALL(q.t, notify, HERE, 1), ERR_BAD_CAP);
    assert_int_equal(CALL(q.t, notify_wait, HERE, 6, 0), ERR_BAD_CAP);
}

static void both_kinds_of_waiters_get_their_bits_in_turn(void **state)
{
    (void)state;
    give(s.env, HERE, NOTE, RIGHT_READ);
    assert_int_equal(CALL(s.t, notify_wait, HERE, 4, FOREVER), BLOCKED);
    ipc(p.t, L4_NIL, ENTRY, NEVER);
    OK(BOSS(notify, NOTE, 7));
    assert_int_equal(thread_regs(s.t)->rdx, 4);
    assert_bits(p.t, ENTRY, 3);
}

static void a_timeout_ends_the_wait(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, ENTRY, TIMEOUTS(TIME_NEVER, TIME_1MS));
    pass_time(TICKS_1MS);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    OK(BOSS(notify, NOTE, 7));
    assert_int_equal(n->raised, 7);
}

static void a_waiter_whose_capability_goes_is_told(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, ENTRY, NEVER);
    OK(BOSS(cap_revoke, NOTE));
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    give(p.env, HERE, NOTE, RIGHT_READ);
    ipc(p.t, L4_NIL, ENTRY, NEVER);
    OK(BOSS(cap_delete, NOTE));
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void a_waiter_that_stops_is_forgotten(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, ENTRY, NEVER);
    OK(BOSS(thread_stop, p.thread));
    assert_true(list_is_empty(&n->waiters));
    OK(BOSS(notify, NOTE, 1));
    assert_int_equal(n->raised, 1);
}

static void bound_bits_come_to_an_open_wait(void **state)
{
    (void)state;
    OK(BOSS(notify_bind, NOTE, p.thread, 6));
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    send_bits(1); /* not bound */
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    send_bits(2);
    assert_bits(p.t, L4_BOUND, 2);
    ipc(p.t, L4_NIL, L4_SLOT(PLAIN), NEVER);
    send_bits(4);
    assert_bits(p.t, L4_BOUND, 4);
    ipc(p.t, L4_NIL, q.t->global_id, NEVER); /* a closed wait is for its partner */
    send_bits(4);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    ipc_words(q.t, p.t->global_id, L4_NIL, NO_WAIT, 1, 0, 0);
    assert_received(p.t, q.t->global_id);
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    assert_bits(p.t, L4_BOUND, 4);
    assert_int_equal(n->raised, 1);
}

/* Raised before, they are passed by, and stay, where the wait is for something else. */
static void bound_bits_wait_for_a_wait_that_takes_them(void **state)
{
    (void)state;
    OK(BOSS(notification_create, REGION, PFN_ANY, SECOND));
    give(p.env, OTHER, SECOND, RIGHT_READ);
    OK(BOSS(notify_bind, NOTE, p.thread, 6));
    send_bits(2);
    ipc(p.t, L4_NIL, q.t->global_id, NO_WAIT);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    ipc(p.t, L4_NIL, L4_SLOT(OTHER), NO_WAIT);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    assert_int_equal(n->raised, 2);
    ipc(p.t, L4_NIL, L4_SLOT(PLAIN), NO_WAIT);
    assert_bits(p.t, L4_BOUND, 2);
}

/* Raised while p does something else, they come with its next open wait, whichever way it takes. */
static void bound_bits_are_not_passed_by_on_the_fast_path(void **state)
{
    (void)state;
    OK(BOSS(notify_bind, NOTE, p.thread, 6));
    for (unsigned i = 0; i < 2; i++) {
        const word_t waits[] = {L4_ANY, L4_SLOT(PLAIN)};
        ipc(p.t, L4_NIL, L4_ANY, NEVER);
        ipc_words(s.t, p.t->global_id, p.t->global_id, NEVER, 1, 0, 0);
        assert_received(p.t, s.t->global_id);
        send_bits(2);
        assert_true(p.t->kind & THREAD_TOLD);
        ipc_words(p.t, s.t->global_id, waits[i], TIMEOUTS(TIME_ZERO, TIME_NEVER), 2, 0, 0);
        assert_received(s.t, p.t->global_id);
        assert_bits(p.t, L4_BOUND, 2);
        assert_false(p.t->kind & THREAD_TOLD);
    }
    send_bits(2);
    OK(BOSS(notify_wait, NOTE, 2, 0)); /* somebody else took them */
    ipc(p.t, L4_NIL, L4_ANY, NO_WAIT);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void an_upcall_comes_first(void **state)
{
    (void)state;
    thread_exo(p.t)->entry[UPCALL_NOTIFY] = 0x400000;
    OK(BOSS(notify_bind, NOTE, p.thread, 6));
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    send_bits(2);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(thread_exo(p.t)->notified, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end)
#define TEST_BOTH(f)                                                                               \
    TEST(f),                                                                                       \
    {                                                                                              \
#f ", on two CPUs", f, set_up_two, end, NULL                                               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_BOTH(a_badge_is_the_bits_that_are_raised),
        TEST_BOTH(both_kinds_of_waiters_get_their_bits_in_turn),
        TEST(a_timeout_ends_the_wait),
        TEST_BOTH(a_waiter_whose_capability_goes_is_told),
        TEST_BOTH(a_waiter_that_stops_is_forgotten),
        TEST_BOTH(bound_bits_come_to_an_open_wait),
        TEST_BOTH(bound_bits_wait_for_a_wait_that_takes_them),
        TEST_BOTH(bound_bits_are_not_passed_by_on_the_fast_path),
        TEST_BOTH(an_upcall_comes_first),
    };
    return cmocka_run_group_tests_name("l4core/endpoint, notifications", tests, NULL, NULL);
}

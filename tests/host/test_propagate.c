/* L4 IPC in another's name: who may, what the receiver is told, and who waits for the answer. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define MATE    40u
#define IDLER   41u
#define THIRD   42u

static struct party p, q, s;
static struct thread *mate; /* of p's space */

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    mate = party_thread(&p, MATE, 1);
    return 0;
}

static int set_up_two(void **state)
{
    set_up(state);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_place, q.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, MATE, SLOT_CPU, 1, 100));
    party_thread(&s, IDLER, 1); /* runs there when both wait */
    OK(BOSS(thread_place, IDLER, SLOT_CPU, 1, 1));
    return 0;
}

static int end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

/* `t` sends in the name of `id`. */
static void propagate(struct thread *t, word_t to, word_t id, word_t from, word_t timeouts)
{
    *thread_mr(t, TCR_ACTUAL_SENDER) = id;
    set_mr(t, 0, TAG_PROPAGATED | TAG_MAKE(3, 1, 0));
    set_mr(t, 1, 17);
    ipc(t, to, from, timeouts);
}

static void assert_propagated(struct thread *t, word_t from, word_t actual)
{
    assert_received(t, from);
    assert_true(get_mr(t, 0) & TAG_PROPAGATED);
    assert_int_equal(get_mr(t, 0) & ~(TAG_PROPAGATED | TAG_CROSS), TAG_MAKE(3, 1, 0));
    assert_int_equal(get_mr(t, 1), 17);
    assert_int_equal(*thread_mr(t, TCR_ACTUAL_SENDER), actual);
}

static void a_message_comes_in_the_name_of_a_thread_of_the_senders_space(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        ipc(q.t, L4_NIL, i ? mate->global_id : L4_ANY, NEVER);
        propagate(p.t, q.t->global_id, i ? local_id(mate) : mate->global_id, L4_NIL, NO_WAIT);
        assert_propagated(q.t, mate->global_id, p.t->global_id);
    }
}

static void a_queued_message_comes_in_that_name_too(void **state)
{
    (void)state;
    propagate(p.t, q.t->global_id, mate->global_id, L4_NIL, NEVER);
    ipc(q.t, L4_NIL, p.t->global_id, NO_WAIT); /* it is not p's */
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    ipc(q.t, L4_NIL, mate->global_id, NO_WAIT);
    assert_propagated(q.t, mate->global_id, p.t->global_id);
}

static void inside_one_space_any_thread_can_be_named(void **state)
{
    (void)state;
    ipc(mate, L4_NIL, s.t->global_id, NEVER);
    propagate(p.t, mate->global_id, s.t->global_id, L4_NIL, NO_WAIT);
    assert_propagated(mate, s.t->global_id, local_id(p.t));
}

/* Others' names, nobody's, and the own: as if the flag were not there. */
static void who_may_not_sends_in_the_own_name(void **state)
{
    (void)state;
    const word_t names[] = {s.t->global_id,
                            L4_NIL,
                            L4_ANY,
                            L4_ANY_LOCAL,
                            mate->global_id + 1,
                            (word_t)5000 << 32 | 1,
                            PARTY_MEMORY + UTCB_MR + 64,
                            p.t->global_id};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        ipc(q.t, L4_NIL, p.t->global_id, NEVER);
        *thread_mr(q.t, TCR_ACTUAL_SENDER) = 99;
        propagate(p.t, q.t->global_id, names[i], L4_NIL, NO_WAIT);
        assert_received(q.t, p.t->global_id);
        assert_int_equal(get_mr(q.t, 0) & ~TAG_CROSS, TAG_MAKE(3, 1, 0));
        assert_int_equal(*thread_mr(q.t, TCR_ACTUAL_SENDER), 99);
    }
}

/* mate calls p, which hands the call on to q; q answers mate. */
static void the_virtual_sender_gets_the_answer_of_the_receiver(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(mate, p.t->global_id, p.t->global_id, NEVER, 1, 0, 0);
    assert_received(p.t, local_id(mate));
    propagate(p.t, q.t->global_id, mate->global_id, L4_ANY, NEVER);
    assert_propagated(q.t, mate->global_id, p.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(mate->ipc_from, q.t->global_id);
    ipc_words(q.t, mate->global_id, L4_NIL, NO_WAIT, 4, 0, 0);
    assert_received(mate, q.t->global_id);
}

static void a_virtual_sender_that_waits_for_others_waits_on(void **state)
{
    (void)state;
    static const word_t open[] = {L4_ANY, L4_ANY_LOCAL};

    for (unsigned i = 0; i < 3; i++) {
        word_t from = i < 2 ? open[i] : s.t->global_id;
        ipc(q.t, L4_NIL, L4_ANY, NEVER);
        ipc(mate, L4_NIL, from, NEVER);
        propagate(p.t, q.t->global_id, mate->global_id, L4_NIL, NO_WAIT);
        assert_propagated(q.t, mate->global_id, p.t->global_id);
        assert_int_equal(mate->ipc_from, from);
        ipc_words(i == 1 ? p.t : s.t, mate->global_id, L4_NIL, NO_WAIT, 1, 0, 0);
        assert_received(mate, i == 1 ? local_id(p.t) : s.t->global_id);
    }
}

/* The receiver, to whom the sender is local, would take the message in the sender's own name. */
static void a_name_that_dies_in_the_queue_ends_the_send_phase(void **state)
{
    (void)state;
    q.e->redirector = p.t->global_id;
    ipc(mate, L4_NIL, L4_ANY_LOCAL, NEVER);
    propagate(p.t, mate->global_id, q.t->global_id, L4_NIL, NEVER);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    OK(BOSS(cap_delete, q.thread));
    world_check();
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_int_equal(mate->state, THREAD_IPC_RECEIVE);
}

/* The mate waits for p's answer, which will come from q; one in the name of q is there already. */
static void whom_it_waits_for_then_may_have_sent_already(void **state)
{
    struct thread *third = party_thread(&p, THIRD, 2);

    (void)state;
    ipc(mate, L4_NIL, p.t->global_id, NEVER);
    propagate(third, mate->global_id, q.t->global_id, L4_NIL, NEVER);
    assert_int_equal(third->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    propagate(p.t, q.t->global_id, mate->global_id, L4_NIL, NO_WAIT);
    assert_propagated(q.t, mate->global_id, p.t->global_id);
    assert_propagated(mate, q.t->global_id, local_id(third));
    assert_false(get_mr(third, 0) & TAG_ERROR);
}

/* A call of who waits already, and in whose name another has sent before: by the fast path, too,
 * and when somebody has sent so to both. */
static void whom_it_calls_may_have_sent_already(void **state)
{
    struct thread *third = party_thread(&q, THIRD, 1);

    (void)state;
    for (unsigned both = 0; both < 2; both++) {
        if (both)
            propagate(q.t, mate->global_id, third->global_id, L4_NIL, NEVER);
        propagate(p.t, s.t->global_id, mate->global_id, L4_NIL, NEVER);
        assert_int_equal(p.t->state, THREAD_IPC_SEND);
        ipc(mate, L4_NIL, s.t->global_id, NEVER);
        ipc_words(s.t, mate->global_id, mate->global_id, NEVER, 5, 1, 23);
        assert_received(mate, s.t->global_id);
        assert_int_equal(get_mr(mate, 1), 23);
        assert_propagated(s.t, mate->global_id, p.t->global_id);
        assert_false(get_mr(p.t, 0) & TAG_ERROR);
        assert_true(s.t->kind & THREAD_NAMED);
        ipc(s.t, L4_NIL, mate->global_id, NO_WAIT); /* nobody else: it is as others are again */
        assert_failed(s.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
        assert_false(s.t->kind & THREAD_NAMED);
    }
    ipc(mate, L4_NIL, third->global_id, NO_WAIT);
    assert_propagated(mate, third->global_id, q.t->global_id);
}

static void the_next_message_is_in_the_own_name(void **state)
{
    (void)state;
    propagate(p.t, q.t->global_id, mate->global_id, L4_NIL, TIMEOUTS(TIME_ZERO, 0));
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, L4_NIL, NO_WAIT, 3, 0, 0);
    assert_received(q.t, p.t->global_id);
}

#define TEST(f)                                                                                    \
    cmocka_unit_test_setup_teardown(f, set_up, end),                                               \
    {                                                                                              \
        .name = #f "_on_two_cpus", .test_func = f, .setup_func = set_up_two, .teardown_func = end  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_comes_in_the_name_of_a_thread_of_the_senders_space),
        TEST(a_queued_message_comes_in_that_name_too),
        TEST(inside_one_space_any_thread_can_be_named),
        TEST(who_may_not_sends_in_the_own_name),
        TEST(the_virtual_sender_gets_the_answer_of_the_receiver),
        TEST(a_virtual_sender_that_waits_for_others_waits_on),
        TEST(a_name_that_dies_in_the_queue_ends_the_send_phase),
        TEST(whom_it_waits_for_then_may_have_sent_already),
        TEST(whom_it_calls_may_have_sent_already),
        TEST(the_next_message_is_in_the_own_name),
    };
    return cmocka_run_group_tests_name("l4core/partner", tests, NULL, NULL);
}

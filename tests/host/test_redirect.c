/* L4 IPC of spaces with a redirector: what goes to it, what it is told, and what it hands on. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "l4core/partner.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define MATE    40u
#define IDLER   41u

static struct party p, q, r; /* p's messages to q go to r */
static struct thread *mate;  /* of p's space */

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&r, 28);
    mate = party_thread(&p, MATE, 1);
    ipc_set_redirector(p.e, r.t->global_id);
    return 0;
}

static int set_up_two(void **state)
{
    set_up(state);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_place, r.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, MATE, SLOT_CPU, 1, 100));
    party_thread(&q, IDLER, 1); /* runs there when both wait */
    OK(BOSS(thread_place, IDLER, SLOT_CPU, 1, 1));
    return 0;
}

static int end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static void assert_redirected(word_t from, word_t intended)
{
    assert_received(r.t, from);
    assert_int_equal(get_mr(r.t, 0) & ~TAG_CROSS, TAG_REDIRECTED | TAG_MAKE(1, 1, 0));
    assert_int_equal(get_mr(r.t, 1), 8);
    assert_int_equal(*thread_mr(r.t, TCR_INTENDED), intended);
}

/* Waited for or queued, alone or before a reply; the one who was meant gets nothing. */
static void messages_to_other_spaces_go_to_the_redirector(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, L4_NIL, NO_WAIT, 1, 1, 8);
    assert_redirected(p.t->global_id, q.t->global_id);
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 1, 8);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    assert_redirected(p.t->global_id, q.t->global_id);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void messages_of_the_space_and_to_the_redirectors_go_by_themselves(void **state)
{
    (void)state;
    ipc(mate, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, mate->global_id, L4_NIL, NO_WAIT, 1, 0, 0);
    assert_received(mate, local_id(p.t));
    assert_false(get_mr(mate, 0) & TAG_REDIRECTED);
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, r.t->global_id, L4_NIL, NO_WAIT, 1, 0, 0);
    assert_received(r.t, p.t->global_id);
    assert_false(get_mr(r.t, 0) & TAG_REDIRECTED);
    ipc(p.t, L4_NIL, L4_ANY, NEVER); /* and messages to it */
    ipc_words(q.t, p.t->global_id, L4_NIL, NO_WAIT, 1, 0, 0);
    assert_received(p.t, q.t->global_id);
}

/* p calls q; r hands the message on in p's name; q's answer goes to p straight. */
static void a_redirector_hands_on_in_the_senders_name(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 1, 8);
    assert_redirected(p.t->global_id, q.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    *thread_mr(r.t, TCR_ACTUAL_SENDER) = p.t->global_id;
    set_mr(r.t, 0, TAG_PROPAGATED | TAG_MAKE(1, 1, 0));
    ipc(r.t, q.t->global_id, L4_NIL, NO_WAIT);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(*thread_mr(q.t, TCR_ACTUAL_SENDER), r.t->global_id);
    ipc_words(q.t, p.t->global_id, L4_NIL, NO_WAIT, 2, 0, 0);
    assert_received(p.t, q.t->global_id);
}

static void a_redirector_may_answer_in_the_name_of_who_was_meant(void **state)
{
    (void)state;
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 1, 8);
    *thread_mr(r.t, TCR_ACTUAL_SENDER) = q.t->global_id;
    set_mr(r.t, 0, TAG_PROPAGATED | TAG_MAKE(9, 0, 0));
    ipc(r.t, p.t->global_id, L4_NIL, NO_WAIT);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 0) & ~TAG_CROSS, TAG_PROPAGATED | TAG_MAKE(9, 0, 0));
}

static void without_its_redirector_a_space_sends_nowhere_else(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    OK(BOSS(cap_delete, r.thread));
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 1, 8);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void a_redirector_is_taken_away(void **state)
{
    (void)state;
    ipc_set_redirector(p.e, 0);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 1, 8);
    assert_received(q.t, p.t->global_id);
    assert_false(get_mr(q.t, 0) & TAG_REDIRECTED);
}

static void threads_made_later_are_redirected_too(void **state)
{
    (void)state;
    struct thread *later = party_thread(&p, 42, 2);

    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(later, q.t->global_id, L4_NIL, NO_WAIT, 1, 1, 8);
    assert_redirected(later->global_id, q.t->global_id);
}

/* Both are alike in all that the fast path compares. */
static void a_call_between_two_redirected_spaces_goes_to_the_redirector(void **state)
{
    (void)state;
    ipc_set_redirector(q.e, r.t->global_id);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 1, 8);
    assert_redirected(p.t->global_id, q.t->global_id);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void page_faults_are_not_redirected(void **state)
{
    (void)state;
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    page_fault(p.t, 0x700000, 4);
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
        TEST(messages_to_other_spaces_go_to_the_redirector),
        TEST(messages_of_the_space_and_to_the_redirectors_go_by_themselves),
        TEST(a_redirector_hands_on_in_the_senders_name),
        TEST(a_redirector_may_answer_in_the_name_of_who_was_meant),
        TEST(without_its_redirector_a_space_sends_nowhere_else),
        TEST(a_redirector_is_taken_away),
        TEST(threads_made_later_are_redirected_too),
        TEST(a_call_between_two_redirected_spaces_goes_to_the_redirector),
        TEST(page_faults_are_not_redirected),
    };
    return cmocka_run_group_tests_name("l4core/redirect", tests, NULL, NULL);
}

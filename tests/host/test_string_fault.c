/* Suspended transfers: page faults on either side, timeouts, and what ends one. */
#include "tests/host/string_world.h"

#include "l4core/ipc.h"
#include "l4core/suspend.h"

#include <string.h>

static void faults_on_both_sides(bool receiver_first)
{
    vaddr_t from = P_HOLE + 100, to = Q_HOLE + 300;

    for (unsigned i = 0; i < 2 * PAGE_SIZE; i++)
        pagers(i / PAGE_SIZE)[i % PAGE_SIZE] = (uint8_t)(i * 3);
    accept_simple(q.t, to, 5000);
    if (receiver_first)
        wait_for_p();
    send_simple(from, 5000);
    if (!receiver_first)
        wait_for_p();
    assert_fault(p.t, from, FPAGE_READ);
    assert_int_equal(q.t->state, THREAD_IPC_TRANSFER);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    serve(p.t, from, 0);
    assert_fault(q.t, to, FPAGE_WRITE);
    assert_int_equal(p.t->state, THREAD_IPC_TRANSFER);
    serve(q.t, to, 2);
    assert_fault(q.t, Q_HOLE + PAGE_SIZE, FPAGE_WRITE);
    serve(q.t, Q_HOLE + PAGE_SIZE, 3);
    assert_fault(p.t, P_HOLE + PAGE_SIZE, FPAGE_READ);
    serve(p.t, P_HOLE + PAGE_SIZE, 1);
    assert_done();
    assert_int_equal(get_mr(q.t, 1), 0x77);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(pagers(2 + (i + 300) / PAGE_SIZE)[(i + 300) % PAGE_SIZE],
                         (uint8_t)((i + 100) * 3));
}

static void page_faults_of_either_side_go_to_its_pager(void **state)
{
    (void)state;
    faults_on_both_sides(true);
}

static void the_same_when_the_receiver_came_last(void **state)
{
    (void)state;
    faults_on_both_sides(false);
}

static void a_page_that_may_not_be_written_is_missing_to_the_receiver(void **state)
{
    (void)state;
    unbind_page(q.env, TARGET);
    bind_page(q.env, Q_FRAMES, frame_number(target), TARGET, RIGHT_READ);
    accept_simple(q.t, TARGET + 8, 16);
    wait_for_p();
    send_simple(SOURCE, 16);
    assert_fault(q.t, TARGET + 8, FPAGE_WRITE);
    serve(q.t, TARGET, 0);
    assert_done();
    assert_memory_equal(pagers(0) + 8, source, 16);
    assert_untouched(0, 64);
}

static void a_pager_that_answers_with_nothing_is_asked_again(void **state)
{
    (void)state;
    accept_simple(q.t, Q_HOLE, 16);
    wait_for_p();
    send_simple(SOURCE, 16);
    for (unsigned i = 0; i < 3; i++) {
        assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
        ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 0, 2, 0);
        go_on(q.t);
        assert_ptr_equal(q.t->transfer_with, p.t);
    }
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    serve(q.t, Q_HOLE, 0);
    assert_done();
}

static void the_senders_receive_phase_follows_a_suspended_transfer(void **state)
{
    (void)state;
    accept_simple(q.t, Q_HOLE, 16);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    load(p.t, (const word_t[]){header(16, 1, false), SOURCE}, 2);
    ipc(p.t, q.t->global_id, q.t->global_id, TIMEOUTS(TIME_NEVER, TIME_1MS));
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    string_pass_time(5 * TICKS_1MS); /* its receive timeout has not begun */
    serve(q.t, Q_HOLE, 0);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_true(p.t->timed);
    ipc_words(q.t, p.t->global_id, L4_NIL, NEVER, 9, 1, 4);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 1), 4);
}

static void others_wait_until_a_transfer_is_over(void **state)
{
    (void)state;
    accept_simple(q.t, Q_HOLE, 16);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    send_simple(SOURCE, 16);
    ipc_words(s.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_ZERO, 0), 1, 1, 1);
    assert_failed(s.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    struct thread *mate = party_thread(&p, 60, 1);
    ipc_words(mate, q.t->global_id, L4_NIL, NEVER, 3, 0, 0);
    assert_int_equal(mate->state, THREAD_IPC_SEND);
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    serve(q.t, Q_HOLE, 0);
    assert_done();
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, mate->global_id);
}

static void transfer_timeouts(word_t sender, word_t receiver)
{
    *thread_mr(p.t, TCR_XFER_TIMEOUTS) = sender;
    *thread_mr(q.t, TCR_XFER_TIMEOUTS) = receiver;
}

static void a_transfer_timeout_of_zero_fails_at_the_first_fault(void **state)
{
    (void)state;
    static const word_t timeouts[][2] = {{TIMEOUTS(TIME_ZERO, 0), 0}, {0, TIMEOUTS(0, TIME_ZERO)}};

    for (unsigned n = 0; n < 2; n++) {
        transfer_timeouts(timeouts[n][0], timeouts[n][1]);
        accept_simple(q.t, TARGET + BYTES - 700, 5000);
        wait_for_p();
        send_simple(SOURCE, 5000);
        assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, 700);
        accept_simple(q.t, TARGET, 5000);
        wait_for_p();
        send_simple(SOURCE + BYTES - 900, 5000);
        assert_cut(IPC_XFER_TIMEOUT, IPC_PARTNER_XFER, 900);
        assert_memory_equal(target, source + BYTES - 900, 900);
    }
    transfer_timeouts(TIMEOUTS(0, TIME_ZERO), TIMEOUTS(TIME_ZERO, 0)); /* the other parts */
    accept_simple(q.t, Q_HOLE, 10);
    wait_for_p();
    send_simple(SOURCE, 10);
    assert_non_null(q.t->transfer_with);
    abort_transfer(q.t);
}

static void a_transfer_timeout_ends_a_fault_that_takes_too_long(void **state)
{
    (void)state;
    transfer_timeouts(TIMEOUTS(TIME_1MS, 0), TIMEOUTS(0, 1u << 10 | TIME_1MS));
    for (unsigned n = 0; n < 2; n++) {
        accept_simple(q.t, n ? TARGET : TARGET + BYTES - 8, 20);
        wait_for_p();
        send_simple(n ? SOURCE + BYTES - 8 : SOURCE, 20);
        string_pass_time(TICKS_1MS - 1);
        assert_non_null(p.t->transfer_with);
        string_pass_time(1);
        assert_cut(n ? IPC_XFER_TIMEOUT : IPC_PARTNER_XFER, n ? IPC_PARTNER_XFER : IPC_XFER_TIMEOUT,
                   8);
        assert_true(list_is_empty(&s.t->senders));
    }
}

static void the_time_begins_with_the_first_fault(void **state)
{
    (void)state;
    transfer_timeouts(TIMEOUTS(TIME_1MS, 0), 0);
    accept_simple(q.t, Q_HOLE, 5000);
    wait_for_p();
    send_simple(SOURCE, 5000);
    assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
    string_pass_time(TICKS_1MS / 2);
    serve(q.t, Q_HOLE, 0);
    assert_fault(q.t, Q_HOLE + PAGE_SIZE, FPAGE_WRITE);
    string_pass_time(TICKS_1MS / 2);
    assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, PAGE_SIZE);
    ipc_words(s.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_ZERO, 0), 0, 0, 0);
    assert_failed(s.t, IPC_TIMEOUT, IPC_SEND_PHASE); /* the call to the pager has ended, too */
}

static void a_fault_that_nobody_serves_ends_the_transfer(void **state)
{
    (void)state;
    static const word_t nobody[] = {L4_NIL, (word_t)4000 << 32 | 1, WINDOW_KIP};

    for (unsigned n = 0; n < 4; n++) {
        *thread_mr(q.t, TCR_PAGER) = n < 3 ? nobody[n] : q.t->global_id;
        accept_simple(q.t, TARGET + BYTES - 1, 5);
        wait_for_p();
        send_simple(SOURCE, 5);
        assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, 1);
    }
}

static void a_pager_that_goes_leaves_the_fault_unserved(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET + BYTES - 1, 5);
    wait_for_p();
    send_simple(SOURCE, 5);
    OK(BOSS(cap_delete, s.thread));
    go_on(q.t);
    assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, 1);
}

static void an_abort_tells_both_sides(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        suspended(n & 1);
        abort_transfer(n & 2 ? p.t : q.t);
        world_check();
        assert_cut(IPC_ABORTED, IPC_ABORTED, 8);
        assert_true(list_is_empty(&s.t->senders));
        assert_null(p.t->transfer_with);
    }
    suspended(true); /* the pager has the message already */
    assert_fault(q.t, TARGET + BYTES, FPAGE_WRITE);
    abort_transfer(p.t);
    assert_cut(IPC_ABORTED, IPC_ABORTED, 8);
}

static void a_side_that_stops_aborts(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        const struct party *who = n & 2 ? &p : &q, *other = n & 2 ? &q : &p;
        suspended(n & 1);
        OK(BOSS(thread_stop, who->thread));
        assert_int_equal(who->t->state, THREAD_STOPPED);
        assert_failed(other->t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, 8),
                      n & 2 ? IPC_RECEIVE_PHASE : IPC_SEND_PHASE);
        OK(BOSS(thread_start, who->thread));
        assert_null(who->t->transfer_with);
    }
}

static void a_receiver_that_dies_aborts(void **state)
{
    (void)state;
    suspended(true);
    OK(BOSS(cap_delete, q.thread));
    assert_failed(p.t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, 8), IPC_SEND_PHASE);
    assert_null(p.t->transfer_with);
}

static void a_sender_that_dies_aborts(void **state)
{
    (void)state;
    suspended(true);
    OK(BOSS(cap_delete, p.thread));
    assert_failed(q.t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, 8), IPC_RECEIVE_PHASE);
    assert_null(q.t->transfer_with);
}

static unsigned interruptions;

static void interrupt(void)
{
    interruptions++;
    if (!p.t->transfer_with)
        return;
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_int_equal(q.t->state, THREAD_IPC_TRANSFER);
    assert_int_equal(p.t->transfer.copied, (interruptions + 1) * TRANSFER_STEP);
    host.interrupt = interrupt;
}

static void interrupt_and_stop(void)
{
    thread_stop(q.t);
}

static void a_long_string_is_interrupted(void **state)
{
    (void)state;
    interruptions = 0;
    accept_simple(q.t, TARGET, BYTES);
    wait_for_p();
    host.interrupt = interrupt;
    send_simple(SOURCE, BYTES);
    assert_int_equal(p.t->transfer_with != NULL, p.t->cpu == world.boss->cpu);
    while (p.t->transfer_with) /* the boss, who is more urgent, has come between */
        go_on(p.t);
    assert_done();
    assert_memory_equal(target, source, BYTES);
    assert_int_equal(interruptions, BYTES / TRANSFER_STEP - 1);
}

static void an_interrupt_may_end_it(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET, BYTES);
    wait_for_p();
    host.interrupt = interrupt_and_stop;
    send_simple(SOURCE, BYTES);
    if (p.t->transfer_with)
        go_on(p.t);
    assert_failed(p.t, (unsigned)IPC_WITH_OFFSET(IPC_ABORTED, p.t->transfer.copied),
                  IPC_SEND_PHASE);
    assert_int_equal(q.t->state, THREAD_STOPPED);
    assert_true(p.t->transfer.copied >= TRANSFER_STEP && p.t->transfer.copied < BYTES);
}

/* Each time that the transfer waits, the users write something else over its description. */
static void a_description_that_changes_meanwhile_is_checked_again(void **state)
{
    (void)state;
    static const word_t other[] = {~(word_t)0, 0, 8, 0x3ff, 0x3f0, (word_t)1 << 63, 0x410};
    word_t items[20] = {header(3000, 16, true)};

    for (unsigned i = 0; i < 16; i++)
        items[i + 1] = SOURCE;
    items[17] = header(3000, 1, false);
    items[18] = SOURCE;
    for (unsigned n = 0; n < 7; n++)
        for (unsigned side = 0; side < 2; side++) {
            accept_simple(q.t, Q_HOLE, 100000);
            wait_for_p();
            send_to_q(items, 19);
            assert_fault(q.t, Q_HOLE, FPAGE_WRITE);
            for (unsigned i = 8; side && i < 30; i++)
                set_mr(p.t, i, other[n]);
            for (unsigned i = 0; !side && i < BUFFER_REGISTERS; i++)
                *br(q.t, i) = other[n];
            serve(q.t, Q_HOLE, 0);
            world_check();
            transfer_abort(p.t);
            world_check();
            if (space_user(q.e->root, Q_HOLE, RIGHT_READ))
                unbind_page(q.env, Q_HOLE);
        }
}

static void the_check_names_a_broken_pair(void **state)
{
    (void)state;
    suspended(true);
    p.t->transfer_with = s.t;
    assert_non_null(strstr(ipc_check(q.t), "I3"));
    p.t->transfer_with = q.t;
    assert_null(ipc_check(q.t));
    p.t->transfer_sends = false;
    assert_non_null(strstr(ipc_check(q.t), "I3"));
    p.t->transfer_sends = true;
    transfer_abort(p.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRING_TEST(page_faults_of_either_side_go_to_its_pager),
        STRING_TEST(the_same_when_the_receiver_came_last),
        STRING_TEST(a_page_that_may_not_be_written_is_missing_to_the_receiver),
        STRING_TEST(a_pager_that_answers_with_nothing_is_asked_again),
        STRING_TEST(the_senders_receive_phase_follows_a_suspended_transfer),
        STRING_TEST(others_wait_until_a_transfer_is_over),
        STRING_TEST(a_transfer_timeout_of_zero_fails_at_the_first_fault),
        STRING_TEST(a_transfer_timeout_ends_a_fault_that_takes_too_long),
        STRING_TEST(the_time_begins_with_the_first_fault),
        STRING_TEST(a_fault_that_nobody_serves_ends_the_transfer),
        STRING_TEST(a_pager_that_goes_leaves_the_fault_unserved),
        STRING_TEST(an_abort_tells_both_sides),
        STRING_TEST(a_side_that_stops_aborts),
        STRING_TEST(a_receiver_that_dies_aborts),
        STRING_TEST(a_sender_that_dies_aborts),
        STRING_TEST(a_long_string_is_interrupted),
        STRING_TEST(an_interrupt_may_end_it),
        STRING_TEST(a_description_that_changes_meanwhile_is_checked_again),
        STRING_TEST(the_check_names_a_broken_pair),
    };
    return cmocka_run_group_tests_name("l4core/string, suspended", tests, NULL, NULL);
}

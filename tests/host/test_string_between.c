/* What others do to threads in the midst of a string: they move them, ask for their state, halt and
 * abort them; and what of their IPC outlasts the page fault. */
#include "tests/host/string_world.h"

#include "exo/env/sched.h"
#include "l4core/suspend.h"

#include <string.h>

#define MATE 60u

static void place(const struct party *who, uint32_t cpu)
{
    OK(BOSS(thread_place, who->thread, SLOT_CPU, cpu, 100));
    assert_int_equal(who->t->cpu, cpu);
    world_check();
}

static void assert_arrived(unsigned bytes)
{
    assert_done();
    assert_memory_equal(target + BYTES - 8, source, 8);
    assert_memory_equal(pagers(0), source + 8, bytes - 8);
}

/* Both sides leave their CPU while q waits for its pager, and p waits for q. */
static void sides_that_move_go_on(void **state)
{
    (void)state;
    static const uint8_t where[][2] = {{0, 0}, {1, 1}, {1, 0}, {0, 1}};

    for (unsigned n = 0; n < 4; n++) {
        fill();
        suspended(true);
        place(&p, where[n][0]);
        place(&q, where[n][1]);
        assert_int_equal(p.t->state, THREAD_IPC_TRANSFER);
        assert_fault(q.t, TARGET + BYTES, FPAGE_WRITE);
        place(&q, !where[n][1]);
        place(&p, !where[n][0]);
        serve(q.t, TARGET + BYTES, 0);
        assert_arrived(20);
        unbind_page(q.env, TARGET + BYTES);
    }
}

static void who_copies_may_move(void **state)
{
    (void)state;
    suspended(true);
    assert_fault(q.t, TARGET + BYTES, FPAGE_WRITE);
    map_page(q.t, TARGET + BYTES, 0);
    assert_int_equal(q.t->state, THREAD_READY);
    assert_ptr_equal(q.t->transfer_with, p.t);
    place(&q, !q.t->cpu);
    go_on(q.t);
    assert_arrived(20);
}

static void the_deadline_moves_along(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        *thread_mr(p.t, TCR_XFER_TIMEOUTS) = TIMEOUTS(TIME_1MS, 0);
        suspended(n);
        place(&p, !p.t->cpu);
        place(&q, !q.t->cpu);
        string_pass_time(TICKS_1MS - 1);
        assert_non_null(p.t->transfer_with);
        string_pass_time(1);
        assert_cut(n ? IPC_PARTNER_XFER : IPC_XFER_TIMEOUT, n ? IPC_XFER_TIMEOUT : IPC_PARTNER_XFER,
                   8);
    }
}

/* A long string is stopped by boss's time, and its sender moves between two steps. */
static void a_long_string_moves_between_its_steps(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET, BYTES);
    wait_for_p();
    place(&p, 0);
    send_simple(SOURCE, BYTES);
    assert_int_equal(p.t->transfer.copied, TRANSFER_STEP);
    assert_int_equal(p.t->state, THREAD_READY);
    place(&p, 1);
    go_on(p.t);
    while (p.t->transfer_with)
        go_on(p.t);
    assert_done();
    assert_memory_equal(target, source, BYTES);
}

/* Returns the control word that it tells. */
static word_t exchange(struct thread *by, struct thread *t, word_t control)
{
    struct regs *r = thread_regs(by);

    world_run(by);
    r->rax = t->global_id;
    r->rsi = control;
    l4_enter(by, LINK_EXCHANGE_REGISTERS);
    assert_int_equal(r->rax, local_id(t));
    return r->rsi;
}

static void exchange_registers_tells_and_aborts_the_side(void **state)
{
    (void)state;
    struct thread *ps = party_thread(&p, MATE, 1), *qs = party_thread(&q, MATE + 1, 1);

    for (unsigned of_q = 0; of_q < 2; of_q++) {
        suspended(of_q);
        assert_int_equal(exchange(ps, p.t, EXREGS_RECEIVE), EXREGS_SEND);
        assert_int_equal(exchange(qs, q.t, EXREGS_SEND), EXREGS_RECEIVE);
        assert_ptr_equal(p.t->transfer_with, q.t);
        exchange(ps, p.t, EXREGS_SEND);
        assert_cut(IPC_ABORTED, IPC_ABORTED, 8);
        suspended(of_q);
        exchange(qs, q.t, EXREGS_RECEIVE);
        assert_cut(IPC_ABORTED, IPC_ABORTED, 8);
        assert_true(list_is_empty(&s.t->senders));
    }
}

static void who_is_halted_in_a_transfer_ends_it_first(void **state)
{
    (void)state;
    struct thread *ps = party_thread(&p, MATE, 1), *qs = party_thread(&q, MATE + 1, 1);
    const word_t halt = EXREGS_SET_HALT | EXREGS_HALTED;

    suspended(true);
    exchange(ps, p.t, halt);
    exchange(qs, q.t, halt);
    assert_int_equal(exchange(ps, p.t, 0), EXREGS_SEND | EXREGS_HALTED);
    assert_fault(q.t, TARGET + BYTES, FPAGE_WRITE);
    map_page(q.t, TARGET + BYTES, 0);
    exchange(qs, q.t, halt); /* when it can run */
    assert_ptr_equal(q.t->transfer_with, p.t);
    go_on(q.t);
    assert_null(q.t->transfer_with);
    assert_int_equal(q.t->state, THREAD_STOPPED);
    assert_memory_equal(pagers(0), source + 8, 12);
    assert_int_equal(thread_regs(q.t)->rsi, p.t->global_id);
    go_on(p.t);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    exchange(ps, p.t, EXREGS_SET_HALT);
    assert_int_equal(p.t->state, THREAD_READY);
}

static word_t schedule_state(struct thread *t)
{
    struct regs *r = thread_regs(world.boss);

    world_run(world.boss);
    r->rdi = t->global_id;
    r->rsi = r->rdx = r->r8 = r->r9 = SCHEDULE_UNCHANGED;
    l4_enter(world.boss, LINK_SCHEDULE);
    return r->rax;
}

static void schedule_tells_who_sends_and_who_receives(void **state)
{
    (void)state;
    suspended(true);
    assert_int_equal(schedule_state(p.t), SCHEDULE_SENDING);
    assert_int_equal(schedule_state(q.t), SCHEDULE_RECEIVING);
    abort_transfer(p.t);
    assert_int_equal(schedule_state(p.t), SCHEDULE_RUNNING);
}

static struct thread *colleague; /* of p, on the other CPU */

/* Calls of CPU 0 while p, on CPU 1, is between two steps. */
static void move_sender(void)
{
    struct arch_cpu *before = host.cpu;

    assert_ptr_equal(cpu_this()->current, p.t);
    place(&p, 0);
    host.cpu = before;
}

static void abort_sender(void)
{
    struct arch_cpu *before = host.cpu;

    exchange(colleague, p.t, EXREGS_SEND);
    host.cpu = before;
}

static void who_copies_may_be_moved_by_another_cpu(void **state)
{
    (void)state;
    accept_simple(q.t, TARGET, BYTES);
    wait_for_p();
    host.interrupt = move_sender;
    send_simple(SOURCE, BYTES);
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(p.t->transfer.copied, 2 * TRANSFER_STEP);
    while (p.t->transfer_with)
        go_on(p.t);
    assert_done();
    assert_memory_equal(target, source, BYTES);
}

static void who_copies_may_be_aborted_by_another_cpu(void **state)
{
    (void)state;
    colleague = party_thread(&p, MATE, 1);
    accept_simple(q.t, TARGET, BYTES);
    wait_for_p();
    host.interrupt = abort_sender;
    send_simple(SOURCE, BYTES);
    assert_cut(IPC_ABORTED, IPC_ABORTED, 2 * TRANSFER_STEP);
}

/* The fault's own message is in nobody else's name. */
static void a_virtual_sender_outlasts_page_faults(void **state)
{
    (void)state;
    struct thread *mate = party_thread(&p, MATE, 1);

    accept_simple(q.t, TARGET + BYTES - 8, 20);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    load(p.t, (const word_t[]){header(20, 1, false), SOURCE + BYTES - 8}, 2);
    set_mr(p.t, 0, get_mr(p.t, 0) | TAG_PROPAGATED);
    *thread_mr(p.t, TCR_ACTUAL_SENDER) = mate->global_id;
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    assert_fault(p.t, SOURCE + BYTES, FPAGE_READ);
    serve(p.t, SOURCE + BYTES, 1);
    assert_fault(q.t, TARGET + BYTES, FPAGE_WRITE);
    serve(q.t, TARGET + BYTES, 0);
    assert_received(q.t, mate->global_id);
    assert_int_equal(*thread_mr(q.t, TCR_ACTUAL_SENDER), p.t->global_id);
    assert_false(get_mr(p.t, 0) & TAG_ERROR);
}

/* One that has its answer while its partner's time runs out is told that it has failed. */
static void a_timeout_spares_who_waits_for_no_page(void **state)
{
    (void)state;
    *thread_mr(p.t, TCR_XFER_TIMEOUTS) = TIMEOUTS(TIME_1MS, 0);
    suspended(true);
    assert_fault(q.t, TARGET + BYTES, FPAGE_WRITE);
    ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 0, 2, 0);
    assert_int_equal(q.t->state, THREAD_READY);
    string_pass_time(2 * TICKS_1MS);
    assert_ptr_equal(q.t->transfer_with, p.t); /* it can copy */
    go_on(q.t);                                /* but the page is still missing */
    assert_cut(IPC_PARTNER_XFER, IPC_XFER_TIMEOUT, 8);
}

#define TWO_TEST(f, of) cmocka_unit_test_setup_teardown(f, string_set_up_##of, string_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TWO_TEST(sides_that_move_go_on, receiver),
        TWO_TEST(who_copies_may_move, receiver),
        TWO_TEST(the_deadline_moves_along, receiver),
        TWO_TEST(a_long_string_moves_between_its_steps, receiver),
        STRING_TEST(exchange_registers_tells_and_aborts_the_side),
        STRING_TEST(who_is_halted_in_a_transfer_ends_it_first),
        TWO_TEST(who_copies_may_be_moved_by_another_cpu, sender),
        TWO_TEST(who_copies_may_be_aborted_by_another_cpu, sender),
        STRING_TEST(schedule_tells_who_sends_and_who_receives),
        STRING_TEST(a_virtual_sender_outlasts_page_faults),
        STRING_TEST(a_timeout_spares_who_waits_for_no_page),
    };
    return cmocka_run_group_tests_name("l4core/suspend", tests, NULL, NULL);
}

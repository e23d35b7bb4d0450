/* L4 IPC between two CPUs: every phase, and what happens to each side in it. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/abi/x86_64/exception.h"
#include "exo/arch/irq.h"
#include "exo/arch/upward.h"
#include "l4core/ipc.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define MATE    40u
#define FRAMES  41u
#define SOURCE  ((vaddr_t)0x10040000)
#define TARGET  ((vaddr_t)0x10080000)

static struct party p, q, s; /* p and s run on CPU 0, q and p's mate on CPU 1 */
static struct thread *mate;

static void place(slot_t thread, uint32_t cpu)
{
    OK(BOSS(thread_place, thread, SLOT_CPU, cpu, 100));
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    mate = party_thread(&p, MATE, 1);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    place(q.thread, 1);
    place(MATE, 1);
    return 0;
}

static int end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static void interrupt(unsigned number, uint64_t ticks)
{
    struct arch_cpu *before = host.cpu;

    host.ticks += ticks;
    host.cpu = arch_cpu_number(number);
    cpu_timer();
    host.cpu = before;
    world_check();
}

static void a_message_of_any_length_crosses_and_says_so(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 1, 7, 8, 63};

    for (unsigned n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        ipc(q.t, L4_NIL, L4_ANY, NEVER);
        ipc_words(p.t, q.t->global_id, L4_NIL, NO_WAIT, 5, counts[n], 1000);
        assert_received(q.t, p.t->global_id);
        assert_int_equal(get_mr(q.t, 0), TAG_CROSS | TAG_MAKE(5, counts[n], 0));
        for (unsigned i = 1; i <= counts[n]; i++)
            assert_int_equal(get_mr(q.t, i), 999 + i);
        assert_false(get_mr(p.t, 0) & TAG_ERROR);
        assert_false(list_is_empty(&cpu_number(1)->ready[100]));
    }
}

static void a_call_and_its_reply_cross(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    for (unsigned i = 0; i < 3; i++) {
        ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 7, 2, 50);
        assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
        assert_received(q.t, p.t->global_id);
        ipc_words(q.t, p.t->global_id, L4_ANY, TIMEOUTS(TIME_ZERO, TIME_NEVER), 8, 1, 60);
        assert_received(p.t, q.t->global_id);
        assert_int_equal(get_mr(p.t, 0), TAG_CROSS | TAG_MAKE(8, 1, 0));
        assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    }
}

static void an_open_wait_takes_from_both_cpus(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    ipc_words(mate, q.t->global_id, L4_NIL, NEVER, 2, 0, 0);
    ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 3, 0, 0);
    struct thread *const order[] = {p.t, mate, s.t};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(order[i]->state, THREAD_IPC_SEND);
        ipc(q.t, L4_NIL, L4_ANY, NEVER);
        assert_received(q.t, order[i]->global_id);
        word_t cross = order[i] == mate ? 0 : TAG_CROSS;
        assert_int_equal(get_mr(q.t, 0), cross | TAG_MAKE(i + 1, 0, 0));
        assert_false(get_mr(order[i], 0) & TAG_ERROR);
    }
}

static void local_ids_name_threads_of_both_cpus(void **state)
{
    (void)state;
    ipc(mate, L4_NIL, L4_ANY_LOCAL, NEVER);
    ipc_words(p.t, local_id(mate), local_id(mate), NEVER, 1, 0, 0);
    assert_received(mate, local_id(p.t));
    ipc_words(mate, local_id(p.t), L4_NIL, NO_WAIT, 2, 0, 0);
    assert_received(p.t, local_id(mate));
}

/* p calls q, q calls s, and both are queued; s on CPU 0 takes, then everything happens at once. */
static void a_chain_of_callers_is_served_at_their_homes(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 0, 0);
    ipc_words(q.t, s.t->global_id, L4_ANY, NEVER, 2, 0, 0);
    assert_int_equal(q.t->state, THREAD_IPC_SEND);
    ipc(s.t, L4_NIL, L4_ANY, NEVER);
    assert_received(s.t, q.t->global_id);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
}

static void zero_and_other_timeouts_end_each_phase(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, NO_WAIT, 1, 0, 0);
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    assert_true(list_is_empty(&q.t->senders));
    ipc(p.t, L4_NIL, q.t->global_id, NO_WAIT);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    ipc_words(p.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_1MS, 0), 1, 0, 0);
    interrupt(0, TICKS_1MS - 1);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    interrupt(0, 1);
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    assert_true(list_is_empty(&q.t->senders));
    ipc(q.t, L4_NIL, p.t->global_id, TIMEOUTS(0, TIME_1MS));
    interrupt(1, TICKS_1MS);
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void the_receive_timeout_begins_with_its_phase(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, q.t->global_id, TIMEOUTS(2 * TIME_1MS, TIME_1MS), 1, 0, 0);
    interrupt(0, TICKS_1MS / 2);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    interrupt(0, TICKS_1MS - 1);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    interrupt(0, 1);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void a_partner_that_dies_is_told_of_in_each_phase(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_1MS, 0), 1, 0, 0);
    ipc(s.t, L4_NIL, q.t->global_id, NEVER);
    ipc(mate, L4_NIL, q.t->global_id, NEVER);
    OK(BOSS(cap_delete, q.thread));
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_true(list_is_empty(&p.t->sleep_link));
    assert_failed(s.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_failed(mate, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void a_partner_that_dies_between_the_phases_is_found_missing(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, mate->global_id, NEVER, 1, 0, 0);
    OK(BOSS(cap_delete, MATE));
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
}

static void a_sender_that_stops_or_dies_leaves_the_queue(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    ipc_words(s.t, q.t->global_id, L4_NIL, NEVER, 2, 0, 0);
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(cap_delete, s.thread));
    assert_true(list_is_empty(&q.t->senders));
    ipc(q.t, L4_NIL, L4_ANY, NO_WAIT);
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

static void a_receiver_that_stops_keeps_its_senders(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, s.t->global_id, NEVER);
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    OK(BOSS(thread_stop, q.thread));
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    OK(BOSS(thread_start, q.thread, 0x400000, 0x500000, 0));
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, p.t->global_id);
}

static void both_sides_may_move_while_they_wait(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 1, 4);
    place(p.thread, 1);
    place(q.thread, 0);
    ipc(q.t, L4_NIL, p.t->global_id, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_CROSS | TAG_MAKE(1, 1, 0));
    place(p.thread, 0); /* while it waits for the reply */
    ipc_words(q.t, p.t->global_id, L4_NIL, NO_WAIT, 2, 0, 0);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 0), TAG_MAKE(2, 0, 0));
}

static void waiting_across_cpus_is_cancelled(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    ipc(mate, L4_NIL, p.t->global_id, NEVER);
    ipc_cancel(p.t, true, false);
    ipc_cancel(mate, false, true);
    assert_failed(p.t, IPC_CANCELLED, IPC_SEND_PHASE);
    assert_failed(mate, IPC_CANCELLED, IPC_RECEIVE_PHASE);
    assert_true(list_is_empty(&q.t->senders));
}

static void a_wrong_message_is_an_error_for_both(void **state)
{
    (void)state;
    for (unsigned queued = 0; queued < 2; queued++) {
        if (!queued)
            ipc(q.t, L4_NIL, L4_ANY, NEVER);
        set_mr(p.t, 0, TAG_MAKE(1, 63, 2));
        ipc(p.t, q.t->global_id, L4_ANY, NEVER);
        if (queued)
            ipc(q.t, L4_NIL, L4_ANY, NEVER);
        assert_failed(p.t, IPC_OVERFLOW, IPC_SEND_PHASE);
        assert_failed(q.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
    }
}

static void set_map(struct thread *t)
{
    set_mr(t, 0, TAG_MAKE(0, 0, 2));
    set_mr(t, 1, TARGET | ITEM_MAP);
    set_mr(t, 2, SOURCE | PAGE_BITS << 4 | FPAGE_READ);
}

static void a_page_is_mapped_to_another_cpu(void **state)
{
    (void)state;
    pfn_t pfn = make_frames(FRAMES, 1);

    bind_page(p.env, FRAMES, pfn, SOURCE, RW);
    make_tables(q.env, TARGET);
    *thread_mr(q.t, TCR_BR0) = FPAGE_COMPLETE;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    set_map(p.t);
    ipc(p.t, q.t->global_id, L4_NIL, NO_WAIT);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(arch_pte_address(*entry_of(q.e, TARGET)), (paddr_t)pfn << PAGE_BITS);
}

/* Fault, wait or be waited for, reply with a page; an exception with words. */
static void a_pager_of_another_cpu_serves_faults(void **state)
{
    (void)state;
    pfn_t pfn = make_frames(FRAMES, 1);

    bind_page(p.env, FRAMES, pfn, SOURCE, RW);
    make_tables(q.env, TARGET);
    *thread_mr(q.t, TCR_PAGER) = p.t->global_id;
    for (unsigned queued = 0; queued < 2; queued++) {
        if (!queued)
            ipc(p.t, L4_NIL, L4_ANY, NEVER);
        thread_regs(q.t)->rbx = 0x1234;
        page_fault(q.t, TARGET, 4);
        if (queued)
            ipc(p.t, L4_NIL, L4_ANY, NEVER);
        assert_received(p.t, q.t->global_id);
        assert_int_equal(get_mr(p.t, 1), TARGET);
        assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
        set_map(p.t);
        ipc(p.t, q.t->global_id, L4_NIL, NO_WAIT);
        assert_int_equal(q.t->state, THREAD_READY);
        assert_int_equal(q.t->ipc_kernel, IPC_OWN);
        assert_int_equal(thread_regs(q.t)->rbx, 0x1234);
        assert_int_equal(arch_pte_address(*entry_of(q.e, TARGET)), (paddr_t)pfn << PAGE_BITS);
    }
}

static void an_exception_handler_may_be_on_another_cpu(void **state)
{
    (void)state;
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    *thread_mr(q.t, TCR_EXC_HANDLER) = p.t->global_id;
    world_run(q.t);
    thread_regs(q.t)->vector = VECTOR_UNDEFINED;
    thread_regs(q.t)->rip = 0x400000;
    thread_regs(q.t)->rax = 77;
    host_trap(thread_regs(q.t));
    world_check();
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, EXCEPTION_RAX), 77);
    set_mr(p.t, EXCEPTION_RAX, 78);
    set_mr(p.t, 0, TAG_MAKE(0, EXCEPTION_LAST, 0));
    ipc(p.t, q.t->global_id, L4_NIL, NO_WAIT);
    assert_int_equal(q.t->state, THREAD_READY);
    assert_int_equal(thread_regs(q.t)->rax, 78);
}

static void a_pager_that_dies_lets_its_client_fault_again(void **state)
{
    (void)state;
    *thread_mr(q.t, TCR_PAGER) = p.t->global_id;
    page_fault(q.t, TARGET, 4);
    assert_int_equal(q.t->state, THREAD_IPC_SEND);
    OK(BOSS(cap_delete, p.thread));
    assert_int_equal(q.t->state, THREAD_READY);
    page_fault(q.t, TARGET, 4); /* finds that nobody serves it */
    assert_true(q.e->ended);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_of_any_length_crosses_and_says_so),
        TEST(a_call_and_its_reply_cross),
        TEST(an_open_wait_takes_from_both_cpus),
        TEST(local_ids_name_threads_of_both_cpus),
        TEST(a_chain_of_callers_is_served_at_their_homes),
        TEST(zero_and_other_timeouts_end_each_phase),
        TEST(the_receive_timeout_begins_with_its_phase),
        TEST(a_partner_that_dies_is_told_of_in_each_phase),
        TEST(a_partner_that_dies_between_the_phases_is_found_missing),
        TEST(a_sender_that_stops_or_dies_leaves_the_queue),
        TEST(a_receiver_that_stops_keeps_its_senders),
        TEST(both_sides_may_move_while_they_wait),
        TEST(waiting_across_cpus_is_cancelled),
        TEST(a_wrong_message_is_an_error_for_both),
        TEST(a_page_is_mapped_to_another_cpu),
        TEST(a_pager_of_another_cpu_serves_faults),
        TEST(an_exception_handler_may_be_on_another_cpu),
        TEST(a_pager_that_dies_lets_its_client_fault_again),
    };
    return cmocka_run_group_tests_name("l4core/remote", tests, NULL, NULL);
}

/*
 * What one CPU does while another waits for the forest lock. Who waits serves its mailbox, and mail
 * may end or stop the very thread that waits, or its partner: after the wait nothing may be as it
 * was before. CPU 1 holds the lock here and acts when CPU 0 has begun to wait.
 */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/arch/upward.h"

#define NEVER    TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NOTE     40u
#define IN_PARTY 5u
#define FRAMES   41u
#define SOURCE   ((vaddr_t)0x10040000)
#define TARGET   ((vaddr_t)0x10080000)

static struct party p, q;
static struct thread *victim; /* whom CPU 1 ends or stops   */
static slot_t doomed;         /* what CPU 1 deletes          */

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    give(p.env, IN_PARTY, NOTE, RIGHT_ALL);
    pfn_t pfn = make_frames(FRAMES, 2);
    bind_page(p.env, FRAMES, pfn, SOURCE, RW);
    *thread_mr(q.t, TCR_BR0) = FPAGE_COMPLETE;
    *thread_mr(p.t, TCR_BR0) = FPAGE_COMPLETE;
    return 0;
}

/* CPU 1 does `deed` with the lock held, as soon as CPU 0 waits for it. */
static void meanwhile(void (*deed)(void))
{
    cpu_count = 2;
    host.cpu = arch_cpu_number(1);
    forest_lock();
    host.cpu = arch_cpu_number(0);
    host.relax = deed;
}

static void act(void (*what)(void))
{
    struct arch_cpu *before = host.cpu;

    host.cpu = arch_cpu_number(1);
    what();
    forest_unlock();
    host.cpu = before;
    host.spins = 0;
}

static void delete_now(void)
{
    revoke_all(&cap_slot(world.root, doomed)->node, true);
}

static void stop_now(void)
{
    thread_stop(victim);
}

static void delete_doomed(void)
{
    act(delete_now);
}

static void stop_victim(void)
{
    act(stop_now);
}

static void assert_gone(const struct party *o)
{
    assert_null(host.relax); /* CPU 0 did wait */
    assert_int_equal(cap_slot(world.root, o->thread)->kind, CAP_NONE);
    assert_ptr_not_equal(cpu_this()->current, o->t);
}

static void a_caller_that_is_ended_while_it_waits_makes_no_call(void **state)
{
    (void)state;
    const word_t reg[SYS_MAX_ARGS] = {IN_PARTY, 1};

    doomed = p.env;
    world_run(p.t);
    meanwhile(delete_doomed);
    assert_int_equal(world_enter(p.t, SYS_notify, reg), BLOCKED);
    assert_gone(&p);
    const uint64_t *raised = frame_memory(cap_slot(world.root, NOTE)->base);
    assert_int_equal(*raised, 0);
}

static void a_caller_that_is_stopped_while_it_waits_stays_stopped(void **state)
{
    (void)state;
    const word_t reg[SYS_MAX_ARGS] = {IN_PARTY, 1, FOREVER};

    victim = p.t;
    world_run(p.t);
    meanwhile(stop_victim);
    assert_int_equal(world_enter(p.t, SYS_notify_wait, reg), BLOCKED);
    assert_null(host.relax);
    assert_int_equal(p.t->state, THREAD_STOPPED);
}

static void send_map(struct thread *from, struct thread *to, word_t receive)
{
    set_mr(from, 0, TAG_MAKE(0, 0, 2));
    set_mr(from, 1, TARGET | ITEM_MAP);
    set_mr(from, 2, SOURCE | PAGE_BITS << 4 | FPAGE_READ);
    ipc(from, to->global_id, receive, NEVER);
}

static void a_sender_of_pages_may_be_ended_while_it_waits(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    doomed = p.env;
    world_run(p.t);
    meanwhile(delete_doomed);
    send_map(p.t, q.t, L4_ANY);
    assert_gone(&p);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void a_receiver_of_pages_may_be_ended_while_its_partner_waits(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    doomed = q.env;
    world_run(p.t);
    meanwhile(delete_doomed);
    send_map(p.t, q.t, L4_ANY);
    assert_gone(&q);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
}

static void a_queued_sender_of_pages_may_be_ended_while_its_partner_waits(void **state)
{
    (void)state;
    send_map(p.t, q.t, L4_ANY);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    doomed = p.env;
    world_run(q.t);
    meanwhile(delete_doomed);
    ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(0, TIME_ZERO));
    assert_gone(&p);
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

/* The fast path may not wait: its caller would have to be looked at anew. */
static void a_transfer_whose_caller_is_ended_while_it_waits_enters_nobody(void **state)
{
    (void)state;
    const word_t reg[SYS_MAX_ARGS] = {6};

    give(p.env, 6, q.thread, RIGHT_EXEC);
    thread_exo(q.t)->entry[UPCALL_PCT] = 0x440000;
    assert_int_equal(CALL(q.t, pct_return, 0), BLOCKED);
    doomed = p.env;
    world_run(p.t);
    meanwhile(delete_doomed);
    assert_int_equal(world_enter(p.t, SYS_pct_call, reg), BLOCKED);
    assert_gone(&p);
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
    assert_null(q.t->pct_caller);
}

/* The ways to name a partner that need the lock, alone and when it is held for a map. */
static void local_ids_are_found_with_the_lock_held_and_without(void **state)
{
    (void)state;
    struct thread *mate = party_thread(&p, 42, 1);

    cpu_count = 2;
    *thread_mr(mate, TCR_BR0) = FPAGE_COMPLETE;
    for (unsigned i = 0; i < 2; i++) {
        ipc(mate, L4_NIL, i ? L4_ANY_LOCAL : local_id(p.t), NEVER);
        set_mr(p.t, 0, i ? TAG_MAKE(1, 0, 0) : TAG_MAKE(1, 0, 2));
        set_mr(p.t, 1, TARGET | ITEM_MAP);
        set_mr(p.t, 2, 0);
        ipc(p.t, local_id(mate), L4_NIL, NEVER);
        assert_received(mate, local_id(p.t));
    }
    ipc(mate, L4_NIL, L4_ANY, NEVER);
    *thread_mr(p.t, TCR_PAGER) = local_id(mate);
    page_fault(p.t, TARGET + PAGE_SIZE, 4);
    assert_received(mate, local_id(p.t));
    ipc_words(mate, p.t->global_id, L4_NIL, NEVER, 0, 0, 0);
    world_run(mate);
    thread_regs(mate)->rdi = local_id(p.t);
    l4_enter(mate, LINK_THREAD_SWITCH);
    assert_ptr_equal(cpu_this()->current, p.t);
    thread_regs(p.t)->rip = TARGET; /* nothing is there: no kernel interface page, and no loop */
    thread_regs(p.t)->vector = VECTOR_UNDEFINED;
    host_trap(thread_regs(p.t));
    assert_true(p.e->ended);
    assert_int_equal(host.spins, 0);
}

static void assert_survives_waiting(void (*wait)(void))
{
    doomed = p.env;
    world_run(p.t);
    meanwhile(delete_doomed);
    wait();
    assert_gone(&p);
}

static void send_to_local(void)
{
    ipc(p.t, local_id(p.t), L4_NIL, NEVER);
}

static void switch_to_local(void)
{
    thread_regs(p.t)->rdi = local_id(p.t);
    l4_enter(p.t, LINK_THREAD_SWITCH);
}

static void fault_to_local(void)
{
    *thread_mr(p.t, TCR_PAGER) = PARTY_MEMORY + UTCB_MR;
    page_fault(p.t, TARGET + PAGE_SIZE, 4);
}

static void meet_undefined(void)
{
    thread_regs(p.t)->vector = VECTOR_UNDEFINED;
    host_trap(thread_regs(p.t));
    world_check();
}

static void who_names_a_partner_by_local_id_may_be_ended(void **state)
{
    (void)state;
    assert_survives_waiting(send_to_local);
}

static void who_switches_to_a_local_id_may_be_ended(void **state)
{
    (void)state;
    assert_survives_waiting(switch_to_local);
}

static void who_faults_to_a_local_pager_may_be_ended(void **state)
{
    (void)state;
    assert_survives_waiting(fault_to_local);
}

static void who_looks_for_the_kernel_interface_page_may_be_ended(void **state)
{
    (void)state;
    assert_survives_waiting(meet_undefined);
}

static void who_unmaps_may_be_ended_while_it_waits(void **state)
{
    (void)state;
    doomed = p.env;
    world_run(p.t);
    set_mr(p.t, 0, SOURCE | PAGE_BITS << 4 | FPAGE_ALL);
    thread_regs(p.t)->rdx = 64 | 3;
    meanwhile(delete_doomed);
    l4_enter(p.t, LINK_UNMAP);
    assert_gone(&p);
}

static void who_faults_may_be_ended_while_it_waits(void **state)
{
    (void)state;
    doomed = p.env;
    world_run(p.t);
    meanwhile(delete_doomed);
    page_fault(p.t, SOURCE, 4);
    assert_gone(&p);
}

static void who_faults_may_be_stopped_and_keeps_its_environment(void **state)
{
    (void)state;
    victim = p.t;
    world_run(p.t);
    meanwhile(stop_victim);
    page_fault(p.t, SOURCE, 4);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    assert_false(p.e->ended);
}

static void a_sleeper_may_be_ended_while_its_timer_waits(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, host.ticks + 100), BLOCKED);
    doomed = p.env;
    world_run(world.boss);
    meanwhile(delete_doomed);
    pass_time(100);
    assert_gone(&p);
}

static void who_set_a_timer_may_be_ended_while_it_is_served(void **state)
{
    (void)state;
    OK(CALL(p.t, timer_set, host.ticks + 100, 1));
    doomed = p.env;
    world_run(world.boss);
    meanwhile(delete_doomed);
    pass_time(100);
    assert_gone(&p);
}

static void a_sleeper_of_another_time_is_woken_though_the_first_was_ended(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, host.ticks + 50), BLOCKED);
    ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(0, 1));
    doomed = p.env;
    world_run(world.boss);
    meanwhile(delete_doomed);
    pass_time(2000);
    assert_gone(&p);
    assert_failed(q.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_caller_that_is_ended_while_it_waits_makes_no_call),
        TEST(a_caller_that_is_stopped_while_it_waits_stays_stopped),
        TEST(a_sender_of_pages_may_be_ended_while_it_waits),
        TEST(a_receiver_of_pages_may_be_ended_while_its_partner_waits),
        TEST(a_queued_sender_of_pages_may_be_ended_while_its_partner_waits),
        TEST(a_transfer_whose_caller_is_ended_while_it_waits_enters_nobody),
        TEST(local_ids_are_found_with_the_lock_held_and_without),
        TEST(who_names_a_partner_by_local_id_may_be_ended),
        TEST(who_switches_to_a_local_id_may_be_ended),
        TEST(who_faults_to_a_local_pager_may_be_ended),
        TEST(who_looks_for_the_kernel_interface_page_may_be_ended),
        TEST(who_unmaps_may_be_ended_while_it_waits),
        TEST(who_faults_may_be_ended_while_it_waits),
        TEST(who_faults_may_be_stopped_and_keeps_its_environment),
        TEST(a_sleeper_may_be_ended_while_its_timer_waits),
        TEST(who_set_a_timer_may_be_ended_while_it_is_served),
        TEST(a_sleeper_of_another_time_is_woken_though_the_first_was_ended),
    };
    return cmocka_run_group_tests_name("kernel/smp", tests, NULL, NULL);
}

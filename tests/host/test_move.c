/* Threads that move to another CPU in every state, and back: what they do goes on there. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/arch/irq.h"
#include "exo/arch/upward.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/env/upcall.h"

#define NEVER    TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NOTE     60u
#define IN_PARTY 5u
#define OTHER    6u /* in p's table: q's thread */
#define ENTRY    ((vaddr_t)0x440000)

static struct party p, q;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    give(p.env, IN_PARTY, NOTE, RIGHT_ALL);
    give(p.env, OTHER, q.thread, RIGHT_ALL);
    thread_exo(q.t)->entry[UPCALL_PCT] = ENTRY;
    for (unsigned u = UPCALL_NOTIFY; u <= UPCALL_RECLAIMED; u++)
        thread_exo(p.t)->entry[u] = 0;
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    return 0;
}

static int end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static int place(const struct party *o, uint32_t cpu, uint32_t priority)
{
    int e = BOSS(thread_place, o->thread, SLOT_CPU, cpu, priority);

    if (e == ERR_OK) {
        assert_int_equal(o->t->cpu, cpu);
        assert_int_equal(*thread_mr(o->t, TCR_PROCESSOR), cpu);
        assert_int_equal(o->t->priority, priority);
    }
    return e;
}

static void on_cpu(unsigned number, void (*f)(void))
{
    struct arch_cpu *before = host.cpu;

    host.cpu = arch_cpu_number(number);
    f();
    host.cpu = before;
}

static void a_thread_that_could_run_is_queued_where_it_comes(void **state)
{
    (void)state;
    assert_int_equal(p.t->state, THREAD_READY);
    OK(place(&p, 1, 70));
    assert_int_equal(p.t->state, THREAD_READY);
    assert_false(list_is_empty(&cpu_number(1)->ready[70]));
    OK(place(&p, 1, 80)); /* and a queued one changes its queue */
    assert_true(list_is_empty(&cpu_number(1)->ready[70]));
    world_run(p.t);
    assert_int_equal(host.cpu->number, 1);
}

/* Its registers are in the CPU that runs it: that one saves them before another loads them. */
static void a_running_thread_is_saved_where_it_leaves(void **state)
{
    (void)state;
    OK(place(&p, 1, 100));
    world_run(p.t);
    uint64_t saved = p.t->arch.saved;
    thread_regs(p.t)->vector = VECTOR_MAILBOX;
    thread_regs(p.t)->rip = 0x400500;
    OK(place(&p, 0, 100));
    assert_int_equal(p.t->arch.saved, saved + 1);
    assert_null(cpu_number(1)->current);
    assert_int_equal(cpu_number(1)->info.thread, 0);
    assert_true(cpu_number(1)->choose);
    assert_int_equal(thread_regs(p.t)->rip, 0x400500);
    world_run(p.t);
    assert_int_equal(host.cpu->number, 0);
}

/* Whoever waits for the lock to make a call has registers that nobody saved yet. */
static void try_to_move(void)
{
    struct arch_cpu *before = host.cpu;

    host.cpu = arch_cpu_number(0);
    assert_int_equal(thread_move(p.t, 0, 100, false), CALL_AGAIN);
    forest_unlock();
    host.cpu = before;
    host.spins = 0;
}

static void a_call_that_waits_for_the_lock_is_made_first(void **state)
{
    (void)state;
    const word_t reg[SYS_MAX_ARGS] = {IN_PARTY, 4};
    const uint64_t *raised = frame_memory(cap_slot(world.root, NOTE)->base);

    OK(place(&p, 1, 100));
    world_run(p.t);
    host.cpu = arch_cpu_number(0);
    forest_lock();
    host.cpu = arch_cpu_number(1);
    host.relax = try_to_move;
    assert_int_equal(world_enter(p.t, SYS_notify, reg), ERR_OK);
    assert_null(host.relax);
    assert_int_equal(p.t->cpu, 1);
    assert_int_equal(*raised, 4);
    thread_regs(p.t)->vector = VECTOR_MAILBOX;
    OK(place(&p, 0, 100));
}

static void a_thread_moves_itself(void **state)
{
    (void)state;
    slot_t self = 7, cpu = 8;

    give(p.env, self, p.thread, RIGHT_ALL);
    give(p.env, cpu, SLOT_CPU, RIGHT_ALL);
    world_run(p.t);
    uint64_t rip = thread_regs(p.t)->rip;
    CALL(p.t, thread_place, self, cpu, 1, 100);
    assert_int_equal(p.t->cpu, 1);
    assert_int_equal(thread_regs(p.t)->rax, ERR_OK);
    assert_int_not_equal(thread_regs(p.t)->rip, rip - 2);
    assert_ptr_not_equal(cpu_number(0)->current, p.t);
    world_run(p.t);
    assert_int_equal(host.cpu->number, 1);
    CALL(p.t, thread_place, self, cpu, 1, 90); /* where it is */
    assert_int_equal(p.t->state, THREAD_RUNNING);
    assert_int_equal(p.t->priority, 90);
}

static void a_waiter_is_woken_where_it_came(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 6, FOREVER), BLOCKED);
    OK(place(&p, 1, 100));
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    OK(BOSS(notify, NOTE, 2));
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(thread_regs(p.t)->rax, ERR_OK);
    assert_int_equal(thread_regs(p.t)->rdx, 2);
    assert_false(list_is_empty(&cpu_number(1)->ready[100]));
}

static void deadlines_and_timers_go_with_a_sleeper(void **state)
{
    (void)state;
    uint64_t deadline = host.ticks + 5000, timer = host.ticks + 3000;

    OK(CALL(p.t, timer_set, timer, 8));
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 6, deadline), BLOCKED);
    OK(place(&p, 1, 100));
    assert_true(list_is_empty(&cpu_number(0)->timers));
    assert_true(list_is_empty(&cpu_number(0)->sleepers));
    host.ticks = timer;
    on_cpu(1, cpu_timer);
    assert_int_equal(thread_exo(p.t)->notified, 8);
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY); /* it has no handler */
    host.ticks = deadline;
    on_cpu(1, cpu_timer);
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(thread_regs(p.t)->rax, ERR_TIMEOUT);
}

static void an_event_reaches_who_moved(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 6, FOREVER), BLOCKED);
    OK(place(&p, 1, 100));
    thread_exo(p.t)->mask = 0;
    thread_exo(p.t)->entry[UPCALL_NOTIFY] = ENTRY;
    OK(BOSS(notify_bind, NOTE, p.thread, 1));
    OK(BOSS(notify, NOTE, 1));
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(thread_regs(p.t)->rax, ERR_INTERRUPTED);
    world_run(p.t);
    assert_int_equal(thread_regs(p.t)->rip, ENTRY);
}

/* On either side of the move its messages come from the other CPU, and the tag says so. */
static void who_receives_waits_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        ipc(p.t, L4_NIL, i ? q.t->global_id : L4_ANY, NEVER);
        OK(place(&p, 1, 100));
        assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
        ipc_words(q.t, p.t->global_id, L4_NIL, TIMEOUTS(TIME_ZERO, 0), 3, 1, 9);
        assert_received(p.t, q.t->global_id);
        assert_int_equal(get_mr(p.t, 0), TAG_CROSS | TAG_MAKE(3, 1, 0));
        assert_int_equal(get_mr(p.t, 1), 9);
        thread_regs(p.t)->vector = VECTOR_MAILBOX;
        OK(place(&p, 0, 100));
    }
}

static void who_sends_waits_on_with_its_timeout(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_1MS, 0), 1, 0, 0);
    OK(place(&p, 1, 100));
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, p.t->global_id);
    OK(place(&p, 0, 100));
    ipc_words(p.t, q.t->global_id, L4_NIL, TIMEOUTS(TIME_1MS, 0), 1, 0, 0);
    OK(place(&p, 1, 100));
    host.ticks += TICKS_1MS;
    on_cpu(1, cpu_timer);
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    assert_true(list_is_empty(&q.t->senders));
}

static void a_queue_of_senders_goes_with_its_thread(void **state)
{
    (void)state;
    ipc_words(p.t, q.t->global_id, L4_NIL, NEVER, 1, 1, 7);
    OK(place(&q, 1, 100));
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 1), 7);
    assert_received(p.t, thread_regs(p.t)->rsi);
}

static void a_control_transfer_holds_both_sides(void **state)
{
    (void)state;
    assert_int_equal(CALL(q.t, pct_return, 0), BLOCKED);
    OK(place(&q, 1, 100));
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
    assert_int_equal(CALL(p.t, pct_call, OTHER), ERR_BAD_STATE);
    OK(place(&q, 0, 100));
    assert_int_equal(CALL(p.t, pct_call, OTHER), BLOCKED);
    REFUSED(ERR_BAD_STATE, world.boss, thread_place, p.thread, SLOT_CPU, 1, 100);
    REFUSED(ERR_BAD_STATE, world.boss, thread_place, q.thread, SLOT_CPU, 1, 100);
    REFUSED(ERR_BAD_STATE, world.boss, thread_place, q.thread, SLOT_CPU, 0, 90);
    CALL(q.t, pct_return, 0);
    OK(place(&p, 1, 100));
}

static void slices_hold_their_thread(void **state)
{
    (void)state;
    OK(BOSS(slice_bind, SLOT_CPU, 0, 7, p.thread));
    REFUSED(ERR_BAD_STATE, world.boss, thread_place, p.thread, SLOT_CPU, 1, 100);
    OK(place(&p, 0, 90)); /* where they are */
    OK(BOSS(slice_bind, SLOT_CPU, 0, 7, SLOT_NONE));
    OK(place(&p, 1, 100));
}

static void an_epilogue_ends_with_the_move_and_is_charged(void **state)
{
    (void)state;
    world_run(p.t);
    struct cpu *c = cpu_this();
    c->ending = p.t;
    c->ending_from = host.ticks;
    c->ending_until = host.ticks + slice_epilogue_ticks();
    host.ticks += 700;
    sched_yield(); /* the boss runs, as after an interrupt */
    sched_handoff(world.boss);
    c->ending = NULL;
    sched_leave();
    c->ending = p.t;
    OK(place(&p, 1, 100));
    assert_null(c->ending);
    assert_int_equal(thread_exo(p.t)->excess_ticks, 700);
}

static void a_thread_without_utcb_does_not_move(void **state)
{
    (void)state;
    const struct page_entry e = {PARTY_UTCB, 0, 0};

    put_entries(world.boss, SCRATCH, &e, 1);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_int_equal(p.t->state, THREAD_DEAD);
    REFUSED(ERR_BAD_STATE, world.boss, thread_place, p.thread, SLOT_CPU, 1, 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thread_that_could_run_is_queued_where_it_comes),
        TEST(a_running_thread_is_saved_where_it_leaves),
        TEST(a_call_that_waits_for_the_lock_is_made_first),
        TEST(a_thread_moves_itself),
        TEST(a_waiter_is_woken_where_it_came),
        TEST(deadlines_and_timers_go_with_a_sleeper),
        TEST(an_event_reaches_who_moved),
        TEST(who_receives_waits_on),
        TEST(who_sends_waits_on_with_its_timeout),
        TEST(a_queue_of_senders_goes_with_its_thread),
        TEST(a_control_transfer_holds_both_sides),
        TEST(slices_hold_their_thread),
        TEST(an_epilogue_ends_with_the_move_and_is_charged),
        TEST(a_thread_without_utcb_does_not_move),
    };
    return cmocka_run_group_tests_name("kernel/move", tests, NULL, NULL);
}

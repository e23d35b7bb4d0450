/* Deferred notifications: raised before anybody else runs, by a switch at once where that is plain.
 */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/notification.h"
#include "exo/env/meter.h"
#include "exo/env/sched.h"

#define OWN_P  40u /* where p waits, and where q does */
#define OWN_Q  41u
#define SEND_Q 42u /* OWN_Q to raise only */
#define WAIT_Q 43u /* OWN_Q to wait only  */

static struct party p, q;
static struct notification *of_p, *of_q;
static uint8_t boss_priority;

/* The boss is less urgent than both, so that it is ready and in nobody's way. */
static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(notification_create, REGION, PFN_ANY, OWN_P));
    OK(BOSS(notification_create, REGION, PFN_ANY, OWN_Q));
    give(p.env, OWN_P, OWN_P, RIGHT_ALL);
    give(q.env, OWN_P, OWN_P, RIGHT_ALL);
    give(p.env, SEND_Q, OWN_Q, RIGHT_WRITE);
    give(p.env, WAIT_Q, OWN_Q, RIGHT_READ);
    give(q.env, OWN_Q, OWN_Q, RIGHT_ALL);
    of_p = frame_memory(cap_slot(world.root, OWN_P)->base);
    of_q = frame_memory(cap_slot(world.root, OWN_Q)->base);
    world_run(world.boss); /* then it is in no queue */
    boss_priority = world.boss->priority;
    world.boss->priority = world.boss->guard = 1;
    return 0;
}

static int tear_down(void **state)
{
    host.cpu = arch_cpu_number(0);
    if (p.t->state == THREAD_READY || p.t->state == THREAD_RUNNING)
        world_run(p.t);
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_stop, q.thread));
    world_run(world.boss);
    world.boss->priority = world.boss->guard = boss_priority;
    return world_end(state);
}

static void defer(struct thread *t, word_t slot, word_t bits)
{
    thread_exo(t)->deferred = slot;
    thread_exo(t)->deferred_bits = bits;
}

static void assert_woken(struct thread *t, uint64_t bits)
{
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
    assert_int_equal(thread_regs(t)->rax, ERR_OK);
    assert_int_equal(thread_regs(t)->rdx, bits);
    const struct regs *r = thread_regs(t);
    assert_true(!r->rdi && !r->rsi && !r->r8 && !r->r9 && !r->r10);
}

static void q_waits(uint64_t deadline)
{
    assert_int_equal(CALL(q.t, notify_wait, OWN_Q, 6, deadline), BLOCKED);
    assert_int_equal(q.t->state, THREAD_IN_NOTIFY);
}

/* p defers, and then waits. True: that was one switch, without the scheduler's choice. */
static bool defer_and_wait(word_t slot, word_t bits, uint64_t deadline)
{
    world_run(p.t);
    defer(p.t, slot, bits);
    const struct reply r =
        world_dispatch(SYS_notify_wait, (const word_t[SYS_MAX_ARGS]){OWN_P, 1, deadline});

    if (r.error != CALL_PREEMPTED)
        sched_leave();
    world_check();
    assert_int_equal(thread_exo(p.t)->deferred_bits, 0);
    return r.error == CALL_PREEMPTED && r.result == (word_t)p.t;
}

static void nothing_is_raised_while_the_thread_runs(void **state)
{
    (void)state;
    q_waits(FOREVER);
    world_run(p.t);
    defer(p.t, SEND_Q, 2);
    OK(CALL(p.t, null, 0));
    assert_int_equal(CALL(p.t, notify_wait, OWN_P, 1, 0), ERR_TIMEOUT);
    assert_int_equal(thread_exo(p.t)->deferred_bits, 2);
    assert_int_equal(q.t->state, THREAD_IN_NOTIFY);
    OK(CALL(p.t, notify, OWN_P, 3));
    OK(CALL(p.t, notify_wait, OWN_P, 3, FOREVER)); /* it does not wait */
    assert_int_equal(thread_exo(p.t)->deferred_bits, 2);
    assert_int_equal(q.t->state, THREAD_IN_NOTIFY);
}

static void a_wait_switches_to_who_is_woken(void **state)
{
    (void)state;
    q_waits(FOREVER);
    assert_true(defer_and_wait(SEND_Q, 2, FOREVER));
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(thread_regs(q.t)->rdx, 2);
    assert_int_equal(of_q->raised, 0);
    assert_true(list_is_empty(&of_q->waiters));
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    assert_false(p.t->timed);
    OK(CALL(q.t, notify, OWN_P, 1));
    assert_woken(p.t, 1);
}

static void the_waiter_that_switched_has_its_deadline(void **state)
{
    (void)state;
    q_waits(FOREVER);
    assert_true(defer_and_wait(SEND_Q, 2, host.ticks + 100));
    assert_true(p.t->timed);
    pass_time(100);
    assert_int_equal(thread_regs(p.t)->rax, ERR_TIMEOUT);
    assert_true(list_is_empty(&of_p->waiters));
}

static void the_end_of_the_turn_raises(void **state)
{
    (void)state;
    q_waits(FOREVER);
    world_run(p.t);
    defer(p.t, SEND_Q, 4);
    sched_yield();
    sched_leave();
    assert_int_equal(thread_exo(p.t)->deferred_bits, 0);
    assert_woken(q.t, 4);
    assert_ptr_equal(cpu_this()->current, p.t); /* it was ready first */
    defer(p.t, SEND_Q, 8);
    sched_yield();
    sched_leave();
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(of_q->raised, 8); /* nobody waits for that */
}

static void a_wait_of_another_kind_raises_too(void **state)
{
    (void)state;
    q_waits(FOREVER);
    world_run(p.t);
    defer(p.t, SEND_Q, 2);
    ipc(p.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_NEVER));
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_woken(q.t, 2);
}

/* Each of these has the general path, with the same result. */
static void who_is_not_plain_is_woken_all_the_same(void **state)
{
    (void)state;
    q_waits(host.ticks + 1000000); /* a deadline */
    assert_false(defer_and_wait(SEND_Q, 2, FOREVER));
    assert_woken(q.t, 2);
    assert_false(q.t->timed);
    OK(CALL(q.t, notify, OWN_P, 1));

    q_waits(FOREVER); /* more bits than it waits for */
    assert_false(defer_and_wait(SEND_Q, 3, FOREVER));
    assert_woken(q.t, 2);
    assert_int_equal(of_q->raised, 1);
    of_q->raised = 0;
    OK(CALL(q.t, notify, OWN_P, 1));

    q_waits(FOREVER); /* somebody of the same priority is ready */
    struct thread *mate = party_thread(&q, 60, 1);
    assert_int_equal(mate->state, THREAD_READY);
    assert_false(defer_and_wait(SEND_Q, 2, FOREVER));
    assert_ptr_equal(cpu_this()->current, mate);
    assert_woken(q.t, 2);
    OK(CALL(q.t, notify, OWN_P, 1));

    q_waits(FOREVER); /* a second waiter */
    assert_int_equal(CALL(mate, notify_wait, OWN_Q, 1, FOREVER), BLOCKED);
    assert_false(defer_and_wait(SEND_Q, 2, FOREVER));
    assert_woken(q.t, 2);
    assert_int_equal(mate->state, THREAD_IN_NOTIFY);
    OK(CALL(q.t, notify, OWN_P, 1));
    OK(CALL(q.t, notify, OWN_Q, 1));
    assert_woken(mate, 1);
}

static void what_it_defers_for_itself_ends_its_wait(void **state)
{
    (void)state;
    assert_false(defer_and_wait(OWN_P, 1, FOREVER));
    assert_woken(p.t, 1);
    assert_true(list_is_empty(&of_p->waiters));
}

static void what_is_wrong_is_dropped(void **state)
{
    (void)state;
    const word_t slots[] = {WAIT_Q, 99, SLOT_NONE, ~(word_t)0, (word_t)1 << 32 | SEND_Q, SLOT_ENV};

    for (unsigned i = 0; i < sizeof slots / sizeof *slots; i++) {
        q_waits(FOREVER);
        assert_false(defer_and_wait(slots[i], 2, FOREVER));
        assert_int_equal(q.t->state, THREAD_IN_NOTIFY);
        assert_int_equal(of_q->raised, 0);
        OK(BOSS(notify, OWN_P, 1));
        OK(BOSS(notify, OWN_Q, 2));
    }
}

static void threads_with_code_only_switch_unless_one_is_limited(void **state)
{
    (void)state;
    const struct meter limits = {.slice = 1000000, .quantum = FOREVER};

    world_run(p.t);
    thread_set_code_only(p.t, true);
    q_waits(FOREVER);
    assert_false(defer_and_wait(SEND_Q, 2, FOREVER)); /* of another kind */
    assert_woken(q.t, 2);
    OK(CALL(q.t, notify, OWN_P, 1));
    thread_set_code_only(q.t, true);
    q_waits(FOREVER);
    assert_true(defer_and_wait(SEND_Q, 2, FOREVER));
    OK(CALL(q.t, notify, OWN_P, 1));
    q_waits(FOREVER);
    meter_set(q.t, &limits, true, false);
    assert_false(defer_and_wait(SEND_Q, 2, FOREVER));
    assert_woken(q.t, 2);
    OK(CALL(q.t, notify, OWN_P, 1));
    world_run(p.t);
    thread_set_code_only(p.t, false);
}

static void who_is_stopped_has_it_raised_and_who_ends_has_not(void **state)
{
    (void)state;
    q_waits(FOREVER);
    world_run(p.t);
    defer(p.t, SEND_Q, 2);
    thread_stop(p.t);
    sched_leave();
    assert_int_equal(thread_exo(p.t)->deferred_bits, 0);
    assert_woken(q.t, 2);
    struct thread *mate = party_thread(&p, 60, 1);
    q_waits(FOREVER);
    world_run(mate);
    defer(mate, SEND_Q, 2);
    thread_kill(mate);
    sched_leave();
    assert_int_equal(thread_exo(mate)->deferred_bits, 2);
    assert_int_equal(q.t->state, THREAD_IN_NOTIFY);
}

static void who_waits_on_another_cpu_is_woken_there(void **state)
{
    (void)state;
    const struct cap *cpus = cap_slot(world.root, SLOT_CPU);
    uint32_t count = cpus->count;

    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_stop, q.thread));
    OK(BOSS(thread_place, q.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_start, q.thread, 0x400000, 0x500000, 0));
    struct thread *second = party_thread(&q, 50, 1); /* for CPU 1 to go on with */
    OK(BOSS(thread_stop, 50));
    OK(BOSS(thread_place, 50, SLOT_CPU, 1, 100));
    OK(BOSS(thread_start, 50, 0x400000, 0x500000, 0));
    q_waits(FOREVER);
    assert_ptr_equal(cpu_number(1)->current, second);
    host.cpu = arch_cpu_number(0);
    const unsigned long kicks = host.kicks;
    assert_int_equal(CALL(p.t, null, 0), ERR_OK);
    defer(p.t, SEND_Q, 2);
    assert_int_equal(CALL(p.t, notify_wait, OWN_P, 1, FOREVER), BLOCKED);
    assert_true(host.kicks > kicks);
    assert_woken(q.t, 2);
    host.cpu = arch_cpu_number(0);
    OK(BOSS(cap_delete, q.env));
    cap_slot(world.root, SLOT_CPU)->count = count;
    party_make(&q, 70);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_raised_while_the_thread_runs),
        TEST(a_wait_switches_to_who_is_woken),
        TEST(the_waiter_that_switched_has_its_deadline),
        TEST(the_end_of_the_turn_raises),
        TEST(a_wait_of_another_kind_raises_too),
        TEST(who_is_not_plain_is_woken_all_the_same),
        TEST(what_it_defers_for_itself_ends_its_wait),
        TEST(what_is_wrong_is_dropped),
        TEST(threads_with_code_only_switch_unless_one_is_limited),
        TEST(who_is_stopped_has_it_raised_and_who_ends_has_not),
        TEST(who_waits_on_another_cpu_is_woken_there),
    };
    return cmocka_run_group_tests_name("deferred notifications", tests, NULL, NULL);
}

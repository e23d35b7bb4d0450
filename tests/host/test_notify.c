/* Notifications: raising, waiting with and without deadline, and waiters or notifications that go.
 */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/notification.h"

#define NOTE     40u
#define SEND     41u /* NOTE to raise only */
#define RECEIVE  42u /* NOTE to wait only  */
#define IN_PARTY 5u  /* NOTE in the parties' tables */

static struct party p, q;
static struct notification *n;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(cap_copy, SLOT_ENV, SEND, NOTE, RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, RECEIVE, NOTE, RIGHT_READ, 0, 0));
    give(p.env, IN_PARTY, NOTE, RIGHT_ALL);
    give(q.env, IN_PARTY, NOTE, RIGHT_ALL);
    n = frame_memory(cap_slot(world.root, NOTE)->base);
    return 0;
}

static void assert_woken(struct thread *t, enum err error, uint64_t bits)
{
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
    assert_int_equal(thread_regs(t)->rax, error);
    assert_int_equal(thread_regs(t)->rdx, bits);
    const struct regs *r = thread_regs(t);
    assert_true(!r->rdi && !r->rsi && !r->r8 && !r->r9 && !r->r10);
}

static void a_refused_call_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    uint32_t end = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, 43, REGION, RIGHT_ALL, end - 1, 1));
    OK(BOSS(frames_alloc, 43, PFN_ANY, 1, 44));
    REFUSED(ERR_BAD_ARG, b, notification_create, REGION, end, 50);
    REFUSED(ERR_BAD_ARG, b, notification_create, REGION, PFN_ANY, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, notification_create, NOTE, PFN_ANY, 50);
    REFUSED(ERR_IN_USE, b, notification_create, REGION, PFN_ANY, NOTE);
    REFUSED(ERR_IN_USE, b, notification_create, REGION, p.e->frame, 50);
    REFUSED(ERR_NO_MEM, b, notification_create, 43, PFN_ANY, 50);
    REFUSED(ERR_BAD_ARG, b, notify, NOTE, 0);
    REFUSED(ERR_BAD_CAP, b, notify, REGION, 1);
    REFUSED(ERR_BAD_CAP, b, notify, SLOT_NONE, 1);
    REFUSED(ERR_NO_RIGHT, b, notify, RECEIVE, 1);
    REFUSED(ERR_BAD_ARG, b, notify_wait, NOTE, 0, FOREVER);
    REFUSED(ERR_BAD_CAP, b, notify_wait, REGION, 1, FOREVER);
    REFUSED(ERR_NO_RIGHT, b, notify_wait, SEND, 1, FOREVER);
    REFUSED(ERR_TIMEOUT, b, notify_wait, NOTE, 1, 0);
    REFUSED(ERR_TIMEOUT, b, notify_wait, NOTE, 1, host.ticks);
}

/* The boss gets another priority; returns what it had. */
static uint8_t set_boss(uint8_t priority)
{
    world_run(world.boss); /* then it is in no queue */
    uint8_t before = world.boss->priority;
    world.boss->priority = world.boss->guard = priority;
    return before;
}

/* q waits, with a priority and a deadline. */
static void wait_with(uint8_t priority, uint64_t deadline)
{
    if (q.t->state == THREAD_RUNNING)
        world_run(p.t);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 6, deadline), BLOCKED);
    q.t->priority = q.t->guard = priority; /* it is in no queue */
}

static void a_waiter_of_higher_priority_runs_at_once(void **state)
{
    (void)state;
    uint64_t entries;
    uint8_t boss = set_boss(1);

    wait_with(255, host.ticks + 1000000);
    world_run(p.t);
    entries = world_entries(p.t);
    OK(CALL(p.t, notify, IN_PARTY, 3));
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(world_entries(p.t), entries + 1);
    assert_woken(q.t, ERR_OK, 2);
    assert_woken(p.t, ERR_OK, 0);
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(n->raised, 1);
    assert_true(list_is_empty(&n->waiters) && !q.t->timed);
    assert_null(cpu_this()->chosen);
    set_boss(boss);
}

static void a_waiter_that_is_not_to_run_next_waits_its_turn(void **state)
{
    (void)state;
    uint8_t boss = set_boss(1);

    wait_with(p.t->priority, FOREVER);
    world_run(p.t);
    OK(CALL(p.t, notify, IN_PARTY, 2)); /* no more urgent than the caller */
    assert_int_equal(q.t->state, THREAD_READY);
    assert_ptr_not_equal(cpu_this()->current, q.t);
    struct thread *mate = party_thread(&q, 60, 1);
    wait_with(200, FOREVER);
    world_run(mate);
    mate->priority = mate->guard = 220; /* it runs, and is then queued as the most urgent */
    world_run(p.t);
    OK(CALL(p.t, notify, IN_PARTY, 2));
    assert_ptr_equal(cpu_this()->current, mate);
    assert_int_equal(q.t->state, THREAD_READY);
    set_boss(boss);
}

static void bits_raised_before_are_taken_at_once_and_only_those_asked_for(void **state)
{
    (void)state;
    OK(BOSS(notify, SEND, 0x0f));
    OK(BOSS(notify, SEND, 0x30));
    OK(BOSS(notify_wait, RECEIVE, 0x113, 0));
    assert_int_equal(world.result, 0x13);
    assert_int_equal(n->raised, 0x2c);
    assert_int_equal(BOSS(notify_wait, RECEIVE, 0x13, 0), ERR_TIMEOUT);
    OK(BOSS(notify_wait, RECEIVE, ~(word_t)0, FOREVER));
    assert_int_equal(world.result, 0x2c);
}

static void a_waiter_is_woken_by_its_bits_alone(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 6, FOREVER), BLOCKED);
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    assert_true(list_is_empty(&p.t->sleep_link)); /* for ever */
    OK(BOSS(notify, NOTE, 8));
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    OK(BOSS(notify, NOTE, 3));
    assert_woken(p.t, ERR_OK, 2);
    assert_int_equal(n->raised, 9);
}

static void one_notification_wakes_all_whose_bits_are_there(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 3, FOREVER), BLOCKED);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 6, FOREVER), BLOCKED);
    OK(BOSS(notify, NOTE, 7));
    assert_woken(p.t, ERR_OK, 3); /* the first takes what it asked for */
    assert_woken(q.t, ERR_OK, 4);
    assert_int_equal(n->raised, 0);
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, FOREVER), BLOCKED);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 1, FOREVER), BLOCKED);
    OK(BOSS(notify, NOTE, 1));
    assert_woken(p.t, ERR_OK, 1);
    assert_int_equal(q.t->state, THREAD_IN_NOTIFY);
}

static void a_waiter_of_higher_priority_runs_first(void **state)
{
    (void)state;
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 0, 200));
    OK(BOSS(thread_start, p.thread, 0x400000, 0x500000, 0));
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, FOREVER), BLOCKED);
    assert_int_equal(BOSS(notify_wait, NOTE, 2, FOREVER), BLOCKED);
    world_run(q.t);
    OK(CALL(q.t, notify, IN_PARTY, 1));
    assert_ptr_equal(cpu_this()->current, p.t);
    OK(CALL(p.t, notify, IN_PARTY, 2));
    assert_ptr_equal(cpu_this()->current, world.boss);
}

static void a_deadline_ends_the_wait(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, host.ticks + 100), BLOCKED);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 1, host.ticks + 50), BLOCKED);
    pass_time(49);
    assert_int_equal(q.t->state, THREAD_IN_NOTIFY);
    pass_time(1);
    assert_woken(q.t, ERR_TIMEOUT, 0);
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    pass_time(50);
    assert_woken(p.t, ERR_TIMEOUT, 0);
    OK(BOSS(notify, NOTE, 1));
    assert_int_equal(n->raised, 1);
    assert_true(list_is_empty(&n->waiters));
}

static void a_notification_in_time_clears_the_deadline(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, host.ticks + 100), BLOCKED);
    OK(BOSS(notify, NOTE, 1));
    assert_woken(p.t, ERR_OK, 1);
    pass_time(200);
    assert_woken(p.t, ERR_OK, 1);
}

static void when_all_wait_the_machine_sleeps_until_the_first_deadline(void **state)
{
    (void)state;
    uint64_t end = host.ticks + 12345;

    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_stop, q.thread));
    assert_int_equal(BOSS(notify_wait, NOTE, 1, end), ERR_TIMEOUT);
    assert_int_equal(host.ticks, end);
}

static void waiters_are_told_when_the_notification_goes(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, FOREVER), BLOCKED);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 1, host.ticks + 9), BLOCKED);
    OK(BOSS(cap_delete, NOTE));
    assert_woken(p.t, ERR_BAD_STATE, 0);
    assert_woken(q.t, ERR_BAD_STATE, 0);
    pass_time(10);
    assert_woken(q.t, ERR_BAD_STATE, 0);
}

static void a_waiter_that_is_stopped_or_ends_is_forgotten(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, host.ticks + 9), BLOCKED);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 1, host.ticks + 9), BLOCKED);
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(cap_delete, q.thread));
    assert_true(list_is_empty(&n->waiters));
    pass_time(10);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    OK(BOSS(notify, NOTE, 1));
    assert_int_equal(n->raised, 1);
}

/* A waiter that lives on another CPU is woken there, by its mailbox. */
static void a_waiter_on_another_cpu_is_woken_there(void **state)
{
    (void)state;
    const struct cap *cpus = cap_slot(world.root, SLOT_CPU);
    uint32_t count = cpus->count;

    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_start, p.thread, 0x400000, 0x500000, 0));
    unsigned long kicks = host.kicks;
    struct thread *second = party_thread(&q, 50, 1); /* for CPU 1 to go on with */
    OK(BOSS(thread_stop, 50));
    OK(BOSS(thread_place, 50, SLOT_CPU, 1, 100));
    OK(BOSS(thread_start, 50, 0x400000, 0x500000, 0));
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, FOREVER), BLOCKED);
    assert_ptr_equal(cpu_number(1)->current, second);
    host.cpu = arch_cpu_number(0);
    OK(BOSS(notify, NOTE, 1));
    assert_true(host.kicks > kicks);
    assert_woken(p.t, ERR_OK, 1);
    OK(BOSS(cap_delete, p.env)); /* CPU 1 has its space loaded, or had */
    OK(BOSS(cap_delete, q.env));
    assert_null(cpu_number(1)->space);
    assert_null(cpu_number(1)->current);
    cap_slot(world.root, SLOT_CPU)->count = (uint32_t)count;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_waiter_of_higher_priority_runs_at_once),
        TEST(a_waiter_that_is_not_to_run_next_waits_its_turn),
        TEST(a_refused_call_changes_nothing),
        TEST(bits_raised_before_are_taken_at_once_and_only_those_asked_for),
        TEST(a_waiter_is_woken_by_its_bits_alone),
        TEST(one_notification_wakes_all_whose_bits_are_there),
        TEST(a_waiter_of_higher_priority_runs_first),
        TEST(a_deadline_ends_the_wait),
        TEST(a_notification_in_time_clears_the_deadline),
        TEST(when_all_wait_the_machine_sleeps_until_the_first_deadline),
        TEST(waiters_are_told_when_the_notification_goes),
        TEST(a_waiter_that_is_stopped_or_ends_is_forgotten),
        TEST(a_waiter_on_another_cpu_is_woken_there),
    };
    return cmocka_run_group_tests_name("bindings/notification", tests, NULL, NULL);
}

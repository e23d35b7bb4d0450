/* Time slices, quanta and delayed preemption of L4 threads: what is charged, when it ends, and who
 * is told. Decision 30. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/env/meter.h"
#include "exo/env/sched.h"

#define NEVER     TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define THIRD     30u
#define US        (TICKS_1MS / 1000)
#define UNCHANGED SCHEDULE_UNCHANGED
#define TIMES(slice, quantum)                                                                      \
    ((word_t)(slice) << 16 | (quantum)) /* below 1024 microseconds each                            \
                                         */

static struct party p, q; /* p is metered */
static struct thread *h;  /* of a higher priority; it waits */
static word_t left;       /* what Schedule told last */

/* The boss, which runs before all others, would be seen everywhere: it waits its turn. */
static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    h = party_thread(&q, THIRD, 1);
    OK(BOSS(thread_place, THIRD, SLOT_CPU, 0, 120));
    ipc(h, L4_NIL, L4_ANY, NEVER);
    OK(BOSS(thread_place, SLOT_THREAD, SLOT_CPU, 0, 1));
    return 0;
}

static word_t schedule(struct thread *t, struct thread *dest, word_t times, word_t preemption)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->rdi = dest->global_id;
    r->rsi = r->r8 = UNCHANGED;
    r->rdx = times;
    r->r9 = preemption;
    l4_enter(t, LINK_SCHEDULE);
    left = r->rdx;
    return r->rax;
}

/* The thread that runs is interrupted `micros` from now. */
static void run_for(unsigned micros)
{
    struct regs *r = thread_regs(cpu_this()->current);

    host.ticks += micros * US;
    r->vector = VECTOR_TIMER;
    host_trap(r);
    world_check();
}

static struct thread *running(void)
{
    return cpu_this()->current;
}

/* How long until the slice, the quantum or the delay ends, in microseconds; the timer comes then,
 * or before, when a position ends. */
static unsigned ends_in(void)
{
    assert_true(host.timer[0] <= cpu_this()->meter_end);
    return (unsigned)((cpu_this()->meter_end - host.ticks) / US);
}

static uint8_t flags(void)
{
    return (uint8_t)*thread_mr(p.t, TCR_FLAGS);
}

static void set_flags(uint8_t f)
{
    *thread_mr(p.t, TCR_FLAGS) = f;
}

static void a_slice_ends_and_the_next_of_its_equals_runs(void **state)
{
    (void)state;
    assert_int_equal(schedule(p.t, p.t, TIMES(300, 0), UNCHANGED), SCHEDULE_RUNNING);
    assert_int_equal(left, 0);
    assert_in_range(ends_in(), 290, 300);
    run_for(200);
    assert_ptr_equal(running(), p.t);
    run_for(100);
    assert_ptr_equal(running(), q.t);
    world_run(p.t);
    assert_in_range(ends_in(), 290, 300); /* a new one */
}

static void what_is_left_is_kept_while_it_waits_and_told(void **state)
{
    (void)state;
    schedule(p.t, p.t, TIMES(300, 900), UNCHANGED);
    run_for(100);
    schedule(p.t, p.t, UNCHANGED, UNCHANGED);
    assert_int_equal(left, TIMES(200, 800));
    ipc(p.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, 100));
    assert_ptr_equal(running(), q.t);
    run_for(101);
    schedule(q.t, q.t, UNCHANGED, UNCHANGED);
    assert_int_equal(left, 0); /* endless */
    world_run(p.t);
    schedule(p.t, p.t, UNCHANGED, UNCHANGED);
    assert_int_equal(left, TIMES(200, 800));
    assert_in_range(ends_in(), 190, 200);
}

static void an_endless_slice_outlasts_the_positions(void **state)
{
    (void)state;
    world_run(p.t);
    run_for(1000);
    assert_ptr_not_equal(running(), p.t); /* equals take turns at the end of each position */
    schedule(p.t, p.t, TIMES(0, 0), UNCHANGED);
    assert_false(p.t->kind & THREAD_ALONE);
    for (unsigned i = 0; i < 3; i++)
        run_for(1000);
    assert_ptr_equal(running(), p.t);
}

static void a_used_up_quantum_is_told_to_the_scheduler(void **state)
{
    (void)state;
    p.t->scheduler = q.t->global_id;
    schedule(q.t, p.t, TIMES(0, 500), UNCHANGED);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    world_run(p.t);
    set_mr(p.t, 1, 4711);
    assert_in_range(ends_in(), 490, 500);
    run_for(500);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(LABEL_PREEMPTION, 2, 0));
    assert_in_range(get_mr(q.t, 1), 500, host.ticks / US);
    assert_int_equal(get_mr(q.t, 2), 0);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 0, 0, 0);
    world_run(p.t);
    assert_int_equal(get_mr(p.t, 1), 4711); /* its registers are its own */
    assert_in_range(ends_in(), 490, 500);   /* a new quantum */
    run_for(500);
    assert_received(q.t, p.t->global_id);
    schedule(q.t, p.t, TIMES(0, 700), UNCHANGED); /* another one before the answer */
    ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 0, 0, 0);
    world_run(p.t);
    assert_in_range(ends_in(), 690, 700);
}

/* Its time ends in the middle of something else: it is told when it would run on. */
static void a_quantum_that_ends_unseen_is_told_later(void **state)
{
    (void)state;
    p.t->scheduler = q.t->global_id;
    schedule(q.t, p.t, TIMES(0, 500), UNCHANGED);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    world_run(p.t);
    host.ticks += 600 * US;
    ipc(p.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, 100));
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    run_for(101);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(LABEL_PREEMPTION, 2, 0));
    ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 0, 0, 0);
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE); /* as it was before */
}

static void without_scheduler_it_is_halted(void **state)
{
    (void)state;
    schedule(p.t, p.t, TIMES(0, 500), UNCHANGED);
    run_for(500);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    assert_ptr_equal(running(), q.t);
}

static void a_scheduler_that_ends_leaves_it_halted(void **state)
{
    (void)state;
    p.t->scheduler = q.t->global_id;
    schedule(q.t, p.t, TIMES(0, 500), UNCHANGED);
    world_run(p.t);
    run_for(500);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    world_run(world.boss);
    OK(BOSS(cap_delete, q.thread));
    assert_int_equal(p.t->state, THREAD_STOPPED);
}

/* h becomes ready while p runs. */
static void h_comes(unsigned micros)
{
    ipc(h, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, micros));
    world_run(p.t);
}

static void who_is_above_the_sensitive_priority_is_not_delayed(void **state)
{
    (void)state;
    world_run(p.t);
    ipc_words(p.t, h->global_id, L4_NIL, NEVER, 0, 0, 0);
    schedule(p.t, p.t, UNCHANGED, 100 << 16 | 200);
    assert_int_equal(p.t->guard, 100);
    h_comes(50);
    set_flags(PREEMPT_DELAY);
    run_for(51);
    assert_ptr_equal(running(), h); /* above the sensitive priority */
    assert_int_equal(flags(), PREEMPT_DELAY);
}

static int set_up_delay(void **state)
{
    set_up(state);
    world_run(world.boss);
    OK(BOSS(env_privilege, p.env, SLOT_MACHINE));
    world_run(p.t);
    ipc_words(p.t, h->global_id, L4_NIL, NEVER, 0, 0, 0);
    schedule(p.t, p.t, UNCHANGED, 120 << 16 | 200);
    return 0;
}

static void a_delay_ends_when_it_is_used_up(void **state)
{
    (void)state;
    h_comes(50);
    set_flags(PREEMPT_DELAY);
    run_for(51);
    assert_ptr_equal(running(), p.t);
    assert_int_equal(flags(), PREEMPT_DELAY | PREEMPT_PENDING);
    assert_in_range(ends_in(), 190, 200);
    run_for(150);
    assert_ptr_equal(running(), p.t);
    run_for(50);
    assert_ptr_equal(running(), h);
    assert_int_equal(p.t->state, THREAD_READY);
}

static void without_d_there_is_no_delay(void **state)
{
    (void)state;
    h_comes(50);
    set_flags(PREEMPT_SIGNAL);
    run_for(51);
    assert_ptr_equal(running(), h);
    assert_int_equal(flags(), PREEMPT_SIGNAL);
}

static void who_clears_d_is_preempted_at_the_end_at_the_latest(void **state)
{
    (void)state;
    h_comes(50);
    set_flags(PREEMPT_DELAY);
    run_for(51);
    set_flags(PREEMPT_SIGNAL);
    run_for(200);
    assert_ptr_equal(running(), h);
    assert_int_equal(p.t->state, THREAD_READY); /* and nobody is told */
}

static void yielding_ends_a_delay(void **state)
{
    (void)state;
    h_comes(50);
    set_flags(PREEMPT_DELAY);
    run_for(51);
    thread_regs(p.t)->rdi = L4_NIL;
    l4_enter(p.t, LINK_THREAD_SWITCH);
    assert_ptr_equal(running(), h);
    h_comes(50); /* a new turn has a new delay */
    run_for(51);
    assert_ptr_equal(running(), p.t);
    assert_in_range(ends_in(), 190, 200);
}

static void an_overrun_is_told_to_the_exception_handler(void **state)
{
    (void)state;
    *thread_mr(p.t, TCR_EXC_HANDLER) = q.t->global_id;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    h_comes(50);
    set_flags(PREEMPT_DELAY | PREEMPT_SIGNAL);
    run_for(51);
    assert_ptr_equal(running(), p.t);
    run_for(201);
    assert_ptr_equal(running(), h); /* of the highest priority, whoever is told */
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(LABEL_PREEMPTION, 2, 0));
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    ipc_words(q.t, p.t->global_id, L4_NIL, NEVER, 0, 0, 0);
    assert_int_equal(p.t->state, THREAD_READY);
}

static void an_overrun_without_handler_is_a_preemption(void **state)
{
    (void)state;
    *thread_mr(p.t, TCR_EXC_HANDLER) = L4_NIL;
    h_comes(50);
    set_flags(PREEMPT_DELAY | PREEMPT_SIGNAL);
    run_for(51);
    run_for(200);
    assert_ptr_equal(running(), h);
    assert_int_equal(p.t->state, THREAD_READY);
}

static void nobody_is_delayed_where_nobody_waits(void **state)
{
    (void)state;
    h_comes(TIME_NEVER);
    world_run(q.t);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    world_run(p.t);
    schedule(p.t, p.t, TIMES(300, 0), UNCHANGED);
    set_flags(PREEMPT_DELAY);
    run_for(300);
    run_for(1000);
    assert_ptr_equal(running(), p.t);
    assert_int_equal(flags(), PREEMPT_DELAY);
}

static void equals_wait_for_a_delay_too(void **state)
{
    (void)state;
    h_comes(TIME_NEVER);
    schedule(p.t, p.t, TIMES(300, 0), UNCHANGED);
    set_flags(PREEMPT_DELAY);
    run_for(300);
    assert_ptr_equal(running(), p.t);
    assert_int_equal(flags(), PREEMPT_DELAY | PREEMPT_PENDING);
    run_for(200);
    assert_ptr_equal(running(), q.t);
}

static void a_turn_of_the_positions_is_delayed_too(void **state)
{
    (void)state;
    schedule(p.t, p.t, UNCHANGED, 100 << 16 | 200);
    run_for(1000);
    assert_ptr_equal(running(), q.t); /* without d its turn ends with the position */
    set_flags(PREEMPT_DELAY);
    world_run(p.t);
    run_for(1000);
    assert_ptr_equal(running(), p.t);
    assert_int_equal(flags(), PREEMPT_DELAY | PREEMPT_PENDING);
    run_for(200);
    assert_ptr_equal(running(), q.t);
}

static void the_end_of_a_quantum_leaves_the_slice(void **state)
{
    (void)state;
    schedule(p.t, p.t, TIMES(700, 200), UNCHANGED);
    run_for(200);
    assert_int_equal(p.t->quantum_left, p.t->meter.quantum);
    assert_in_range(p.t->slice_left, 490 * US, 500 * US);
}

static void the_check_names_each_broken_invariant(void **state)
{
    (void)state;
    struct meter was = p.t->meter;

    assert_null(meter_check(p.t));
    p.t->meter.slice = 5;
    assert_memory_equal(meter_check(p.t), "T1", 2);
    p.t->meter = was;
    p.t->guard++;
    assert_memory_equal(meter_check(p.t), "T2", 2);
    p.t->guard--;
    assert_null(meter_check(p.t));
}

/* Each message of a call, there and back, and what its partner does is charged to who does it. */
static void calls_of_the_metered_are_charged(void **state)
{
    (void)state;
    schedule(p.t, p.t, TIMES(0, 900), UNCHANGED);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    for (unsigned i = 1; i <= 3; i++) {
        world_run(p.t);
        host.ticks += 100 * US;
        ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 0, 1, i);
        assert_ptr_equal(running(), q.t);
        host.ticks += 50 * US; /* not its own */
        ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 0, 1, i);
        assert_ptr_equal(running(), p.t);
        schedule(p.t, p.t, UNCHANGED, UNCHANGED);
        assert_int_equal(left, 900 - i * 100);
    }
    schedule(p.t, p.t, TIMES(0, 0), 0);
    assert_false(p.t->kind & THREAD_ALONE);
}

static void what_is_left_moves_along(void **state)
{
    (void)state;
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    schedule(p.t, p.t, TIMES(300, 900), UNCHANGED);
    run_for(100);
    world_run(world.boss);
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    OK(BOSS(thread_place, q.thread, SLOT_CPU, 1, 100));
    schedule(q.t, p.t, UNCHANGED, UNCHANGED);
    world_run(p.t);
    schedule(p.t, p.t, UNCHANGED, UNCHANGED);
    assert_int_equal(left, TIMES(200, 800));
    run_for(200);
    assert_ptr_equal(running(), q.t);
    cap_slot(world.root, SLOT_CPU)->count = 1;
}

int main(void)
{
#define TEST(f)  cmocka_unit_test_setup_teardown(f, set_up, world_end)
#define DELAY(f) cmocka_unit_test_setup_teardown(f, set_up_delay, world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_slice_ends_and_the_next_of_its_equals_runs),
        TEST(what_is_left_is_kept_while_it_waits_and_told),
        TEST(an_endless_slice_outlasts_the_positions),
        TEST(a_used_up_quantum_is_told_to_the_scheduler),
        TEST(a_quantum_that_ends_unseen_is_told_later),
        TEST(without_scheduler_it_is_halted),
        TEST(a_scheduler_that_ends_leaves_it_halted),
        TEST(who_is_above_the_sensitive_priority_is_not_delayed),
        DELAY(a_delay_ends_when_it_is_used_up),
        DELAY(without_d_there_is_no_delay),
        DELAY(who_clears_d_is_preempted_at_the_end_at_the_latest),
        DELAY(yielding_ends_a_delay),
        DELAY(an_overrun_is_told_to_the_exception_handler),
        DELAY(an_overrun_without_handler_is_a_preemption),
        DELAY(nobody_is_delayed_where_nobody_waits),
        DELAY(equals_wait_for_a_delay_too),
        TEST(a_turn_of_the_positions_is_delayed_too),
        TEST(the_end_of_a_quantum_leaves_the_slice),
        TEST(the_check_names_each_broken_invariant),
        TEST(calls_of_the_metered_are_charged),
        TEST(what_is_left_moves_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

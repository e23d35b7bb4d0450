/* Both ends of a slice, the epilogue, what overruns cost, and timers. */
#include "tests/host/kernel_world.h"

#include "exo/arch/irq.h"
#include "exo/arch/upward.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/env/wait.h"

#define ENTRY ((vaddr_t)0x410000)
#define STACK ((vaddr_t)0x520000)
#define EVENT (1u << UPCALL_CLASS_EVENT)
#define SLICE (arch_tick_khz() * SLICE_MICROS / 1000)

static struct party p, q;
static struct thread *mate;

static volatile struct utcb_exo *area(const struct thread *t)
{
    volatile struct utcb_exo *x = thread_exo(t);

    x->mask = 0;
    for (enum upcall u = UPCALL_NOTIFY; u <= UPCALL_RECLAIMED; u++)
        x->entry[u] = ENTRY + 16 * u;
    x->stack[UPCALL_CLASS_EVENT] = STACK;
    return x;
}

/* Even positions are the first party's, odd ones the second's; the boss sleeps. */
static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    area(p.t);
    for (enum upcall u = 0; u < UPCALL_COUNT; u++)
        thread_exo(q.t)->entry[u] = 0;
    for (uint32_t i = 2; i < SLICE_COUNT; i++)
        OK(BOSS(slice_bind, SLOT_CPU, 0, i, i % 2 ? q.thread : p.thread));
    mate = party_thread(&q, 50, 1);
    give(p.env, 9, 50, RIGHT_ALL);
    OK(BOSS(notification_create, REGION, PFN_ANY, 40));
    assert_int_equal(BOSS(notify_wait, 40, 1, FOREVER), BLOCKED);
    return 0;
}

static int tear_down(void **state)
{
    if (world.boss->state == THREAD_IN_NOTIFY) {
        wait_end(world.boss, ERR_TIMEOUT, 0);
        world_run(world.boss);
    }
    return world_end(state);
}

/* The timer comes when it was set for. */
static struct thread *timer(void)
{
    struct cpu *c = cpu_this();
    struct regs *r = thread_regs(c->current);

    assert_true(host.timer[0] != 0);
    host.ticks = host.timer[0];
    r->vector = VECTOR_TIMER;
    host_trap(r);
    world_check();
    return c->current;
}

/* Goes on to the next slice of the first party, which is current then. */
static void own_slice(void)
{
    for (unsigned i = 0; slice_owner(cpu_this()) != p.t || cpu_this()->ending; i++) {
        assert_true(i < 4 * SLICE_COUNT);
        timer();
    }
    assert_ptr_equal(cpu_this()->current, p.t);
}

static void assert_in(enum upcall u)
{
    assert_int_equal(thread_exo(p.t)->save[UPCALL_CLASS_EVENT].vector, u);
    assert_int_equal(thread_exo(p.t)->mask, EVENT);
    thread_exo(p.t)->mask = 0;
}

static void a_slice_begins_and_ends_by_upcalls_and_yield_ends_the_epilogue(void **state)
{
    (void)state;
    own_slice();
    assert_in(UPCALL_SLICE_BEGIN);
    assert_ptr_equal(timer(), p.t);
    assert_in(UPCALL_SLICE_END);
    assert_ptr_equal(cpu_this()->ending, p.t);
    uint64_t end = host.ticks;
    assert_int_equal(host.timer[0] - end, slice_epilogue_ticks());
    host.ticks += 1000;
    OK(CALL(p.t, yield, SLOT_NONE));
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_null(cpu_this()->ending);
    assert_int_equal(thread_exo(p.t)->excess_ticks, 1000);
    assert_int_equal(thread_exo(p.t)->overruns, 0);
    own_slice();
    assert_in(UPCALL_SLICE_BEGIN);
}

static void whoever_runs_over_loses_slices_and_then_the_environment(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = thread_exo(p.t);

    for (unsigned i = 1; i <= OVERRUNS_MAX; i++) {
        own_slice();
        assert_false(p.e->ended);
        uint32_t position = cpu_this()->info.position;
        assert_ptr_equal(timer(), p.t);
        timer(); /* the epilogue is over */
        assert_int_equal(x->overruns, i);
        if (i == OVERRUNS_MAX)
            break;
        assert_int_equal(x->forfeits_ahead, 1);
        while (cpu_this()->info.position != (position + 2) % SLICE_COUNT)
            timer();
        assert_null(slice_owner(cpu_this())); /* lost */
        assert_int_equal(x->forfeits, i);
        assert_int_equal(x->forfeits_ahead, 0);
        timer();
    }
    assert_true(p.e->ended);
    assert_int_equal(p.e->info->death, DEATH_OVERRUNS);
    assert_ptr_equal(cpu_this()->current, q.t);
}

static void excess_is_paid_by_slices_and_good_ends_forgive_overruns(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = thread_exo(p.t);
    uint64_t ends = SLICE / (slice_epilogue_ticks() - 1) + 1;

    for (uint64_t i = 0; i < ends; i++) {
        assert_int_equal(x->forfeits_ahead + x->forfeits, 0);
        own_slice();
        x->mask = 0;
        timer();
        x->mask = 0;
        host.ticks += slice_epilogue_ticks() - 1;
        OK(CALL(p.t, yield, SLOT_NONE));
        assert_int_equal(p.t->overruns, 0);
    }
    assert_int_equal(x->forfeits_ahead, 1);
    assert_int_equal(x->overruns, 0);
}

static void an_epilogue_cannot_be_given_away_and_waiting_ends_it(void **state)
{
    (void)state;
    own_slice();
    OK(CALL(p.t, yield, 9));
    assert_ptr_equal(cpu_this()->current, mate);
    timer();
    own_slice();
    thread_exo(p.t)->mask = 0;
    timer();
    thread_exo(p.t)->mask = 0;
    OK(CALL(p.t, yield, 9));
    assert_ptr_equal(cpu_this()->current, q.t); /* whose slice it is */
    own_slice();
    thread_exo(p.t)->mask = 0;
    timer();
    thread_exo(p.t)->excess_ticks = 0;
    assert_int_equal(CALL(p.t, pct_return, 0), BLOCKED);
    timer();
    assert_null(cpu_this()->ending);
    assert_int_equal(thread_exo(p.t)->overruns, 0);
    assert_true(thread_exo(p.t)->excess_ticks != 0);
}

static void adjacent_slices_are_one_and_without_entries_nothing_is_told(void **state)
{
    (void)state;
    wait_end(world.boss, ERR_TIMEOUT, 0);
    for (uint32_t i = 3; i < SLICE_COUNT; i += 2) {
        OK(BOSS(slice_bind, SLOT_CPU, 0, i, SLOT_NONE));
        OK(BOSS(slice_bind, SLOT_CPU, 0, i, p.thread));
    }
    assert_int_equal(BOSS(notify_wait, 40, 1, FOREVER), BLOCKED);
    thread_exo(p.t)->entry[UPCALL_SLICE_BEGIN] = thread_exo(p.t)->entry[UPCALL_SLICE_END] = 0;
    while (cpu_this()->info.position != 1 || cpu_this()->ending)
        timer();
    area(p.t)->mask = 0;
    own_slice();
    assert_in(UPCALL_SLICE_BEGIN);
    for (unsigned i = 3; i < SLICE_COUNT; i++) {
        timer();
        assert_int_equal(thread_exo(p.t)->mask, 0);
        assert_int_equal(cpu_this()->info.position, i);
    }
    timer();
    assert_in(UPCALL_SLICE_END);
    thread_exo(p.t)->entry[UPCALL_SLICE_BEGIN] = thread_exo(p.t)->entry[UPCALL_SLICE_END] = 0;
    for (unsigned i = 0; i < 2 * SLICE_COUNT; i++)
        timer();
    assert_int_equal(thread_exo(p.t)->mask, 0);
}

static void a_timer_comes_once_with_its_bits(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = thread_exo(p.t);

    x->entry[UPCALL_SLICE_BEGIN] = x->entry[UPCALL_SLICE_END] = 0;
    OK(CALL(p.t, timer_set, host.ticks + 500, 6));
    assert_int_equal(world.result, FOREVER);
    OK(CALL(p.t, timer_set, host.ticks + 300, 2));
    assert_int_equal(world.result, host.ticks + 500);
    OK(CALL(q.t, timer_set, host.ticks + 200, 1));
    world_run(p.t);
    timer();
    assert_int_equal(thread_exo(q.t)->notified, 1); /* without an entry: to be read */
    assert_int_equal(thread_exo(q.t)->pending, 0);
    timer();
    assert_int_equal(x->notified, 2);
    world_run(p.t);
    assert_in(UPCALL_NOTIFY);
    OK(CALL(p.t, timer_set, host.ticks + 300, 4));
    OK(CALL(p.t, timer_set, FOREVER, 0));
    OK(CALL(p.t, timer_set, FOREVER, 0));
    assert_int_equal(world.result, FOREVER);
    assert_true(list_is_empty(&cpu_this()->timers));
    REFUSED(ERR_BAD_ARG, p.t, timer_set, host.ticks, 0);
    REFUSED(ERR_BAD_ARG, p.t, timer_set, FOREVER, 1);
    OK(CALL(p.t, timer_set, host.ticks + 300, 4)); /* goes with its thread */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slice_begins_and_ends_by_upcalls_and_yield_ends_the_epilogue),
        TEST(whoever_runs_over_loses_slices_and_then_the_environment),
        TEST(excess_is_paid_by_slices_and_good_ends_forgive_overruns),
        TEST(an_epilogue_cannot_be_given_away_and_waiting_ends_it),
        TEST(adjacent_slices_are_one_and_without_entries_nothing_is_told),
        TEST(a_timer_comes_once_with_its_bits),
    };
    return cmocka_run_group_tests_name("exo/env/slice", tests, NULL, NULL);
}

/* Who runs: priorities, slices, hand-off, yield, deadlines; and threads that change their CPU. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/arch/upward.h"
#include "exo/env/sched.h"

#include <string.h>

#define TICKS_SLICE TICKS_1MS
#define NOTE        60u
#define IN_PARTY    5u

static struct party p, q, s;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    give(p.env, IN_PARTY, NOTE, RIGHT_ALL);
    give(q.env, IN_PARTY, NOTE, RIGHT_ALL);
    return 0;
}

static struct thread *current(void)
{
    return cpu_this()->current;
}

/* The boss waits for bit 63, so that the others are among themselves. */
static void boss_sleeps(void)
{
    assert_int_equal(BOSS(notify_wait, NOTE, (word_t)1 << 63, FOREVER), BLOCKED);
}

static void wake_boss(void)
{
    OK(CALL(current(), notify, IN_PARTY, (word_t)1 << 63));
    assert_ptr_equal(current(), world.boss);
}

static void place(const struct party *o, unsigned priority)
{
    OK(BOSS(thread_stop, o->thread));
    OK(BOSS(thread_place, o->thread, SLOT_CPU, 0, priority));
    OK(BOSS(thread_start, o->thread, 0x400000, 0x500000, 0));
}

static void timer(uint64_t ticks)
{
    struct regs *r = thread_regs(current());
    uint64_t vector = r->vector;
    struct thread *t = current();

    host.ticks += ticks;
    r->vector = VECTOR_TIMER;
    host_trap(r);
    thread_regs(t)->vector = vector;
    world_check();
}

/* To the end of the slice that runs, or behind the end of some later one. */
static void end_slices(unsigned count)
{
    timer(cpu_this()->slice_end - host.ticks + (count - 1) * TICKS_SLICE);
}

static void the_highest_priority_runs(void **state)
{
    (void)state;
    place(&p, 10);
    place(&q, 63);
    place(&s, 64);
    boss_sleeps();
    assert_ptr_equal(current(), s.t);
    OK(CALL(s.t, null, 0));
    assert_ptr_equal(current(), s.t); /* a call that wakes nobody does not change that */
    const struct page_entry none = {PARTY_UTCB, 0, 0};
    put_entries(s.t, PARTY_MEMORY, &none, 1);
    assert_int_equal(CALL(s.t, pct_return, 0), BLOCKED);
    assert_ptr_equal(current(), q.t);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 1, FOREVER), BLOCKED);
    assert_ptr_equal(current(), p.t);
    OK(CALL(p.t, notify, IN_PARTY, 1)); /* wakes the higher */
    assert_ptr_equal(current(), q.t);
    wake_boss();
}

static void equals_take_turns_when_a_slice_ends(void **state)
{
    (void)state;
    boss_sleeps();
    struct thread *first = current();
    cpu_this()->choose = true; /* as after an interrupt: that alone is no reason to change */
    OK(CALL(first, null, 0));
    assert_ptr_equal(current(), first);
    timer(cpu_this()->slice_end - host.ticks - 1);
    assert_ptr_equal(current(), first);
    uint32_t position = cpu_this()->info.position;
    uint64_t run = cpu_this()->info.slices_run;
    timer(1);
    struct thread *second = current();
    assert_ptr_not_equal(second, first);
    assert_int_equal(cpu_this()->info.position, (position + 1) % SLICE_COUNT);
    assert_int_equal(cpu_this()->info.slices_run, run + 1);
    end_slices(1);
    struct thread *third = current();
    assert_true(third != first && third != second);
    end_slices(1);
    assert_ptr_equal(current(), first);
    world_run(p.t);
    wake_boss();
}

static void a_slice_belongs_to_its_thread_whatever_the_priorities(void **state)
{
    (void)state;
    struct cpu *c = cpu_this();
    uint32_t next = (c->info.position + 1) % SLICE_COUNT;

    OK(BOSS(slice_bind, SLOT_CPU, 0, next, p.thread));
    OK(BOSS(slice_bind, SLOT_CPU, 0, (next + 1) % SLICE_COUNT, q.thread));
    assert_ptr_equal(current(), world.boss);
    end_slices(1);
    assert_ptr_equal(current(), p.t);
    end_slices(1);
    assert_ptr_equal(current(), q.t);
    OK(CALL(q.t, notify, IN_PARTY, 1)); /* keeps it through calls */
    assert_ptr_equal(current(), q.t);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 2, FOREVER), BLOCKED);
    assert_ptr_equal(current(), world.boss); /* who cannot run does not hold it */
    OK(BOSS(notify, NOTE, 2));               /* and has it back when he can */
    assert_ptr_equal(current(), q.t);
    end_slices(1);
    assert_ptr_equal(current(), world.boss);
    end_slices(SLICE_COUNT - 2); /* positions follow time: a late timer skips what has passed */
    assert_int_equal(c->info.position, next);
    assert_ptr_equal(current(), p.t);
}

static void a_yield_goes_to_the_thread_named_or_to_the_next_of_its_equals(void **state)
{
    (void)state;
    place(&s, 1);
    give(p.env, 6, s.thread, RIGHT_READ);
    give(p.env, 7, p.thread, RIGHT_READ);
    give(p.env, 8, q.thread, RIGHT_READ);
    world_run(p.t);
    OK(CALL(p.t, yield, 6)); /* to a lower one */
    assert_ptr_equal(current(), s.t);
    assert_int_equal(p.t->state, THREAD_READY);
    OK(CALL(p.t, yield, 7)); /* to itself */
    assert_ptr_equal(current(), p.t);
    OK(CALL(p.t, yield, 7)); /* while it runs */
    assert_int_equal(p.t->state, THREAD_RUNNING);
    boss_sleeps();
    world_run(p.t);
    OK(CALL(p.t, yield, SLOT_NONE));
    assert_ptr_equal(current(), q.t);
    OK(CALL(q.t, yield, SLOT_NONE));
    assert_ptr_equal(current(), p.t);
    REFUSED(ERR_BAD_CAP, p.t, yield, SLOT_ENV);
    REFUSED(ERR_BAD_CAP, p.t, yield, 99);
    assert_int_equal(CALL(q.t, pct_return, 0), BLOCKED);
    REFUSED(ERR_BAD_STATE, p.t, yield, 8);
    s.t->cpu = 1;
    REFUSED(ERR_BAD_STATE, p.t, yield, 6);
    s.t->cpu = 0;
    wake_boss();
}

static void a_switch_loads_the_space_once_and_the_thread_each_time(void **state)
{
    (void)state;
    struct thread *mate = party_thread(&p, 50, 1);
    world_run(p.t);
    unsigned long switches = host.mmu[0].switches;
    uint64_t counted = q.t->counts->space_switches, loaded = mate->arch.loaded;

    world_run(mate);
    assert_int_equal(host.mmu[0].switches, switches); /* the same space */
    assert_int_equal(mate->arch.loaded, loaded + 1);
    assert_ptr_equal(host.cpu->current, &mate->arch);
    world_run(q.t);
    assert_int_equal(host.mmu[0].switches, switches + 1);
    assert_int_equal(q.t->counts->space_switches, counted + 1);
    assert_int_equal(host.mmu[0].root, (paddr_t)q.e->root << PAGE_BITS);
    assert_int_equal(cpu_this()->info.thread, q.t->number);
}

static void sleepers_are_woken_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    uint64_t now = host.ticks;

    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, now + 300), BLOCKED);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 1, now + 100), BLOCKED);
    assert_true(host.timer[0] != 0 && host.timer[0] <= now + 100);
    ipc(s.t, L4_NIL, L4_ANY, TIMEOUTS(0, 1)); /* one microsecond */
    assert_true(host.timer[0] != 0 && host.timer[0] <= now + 100);
    pass_time(100);
    assert_int_equal(q.t->state, THREAD_READY);
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    assert_true(host.timer[0] <= now + 300);
    pass_time(900); /* both at once */
    assert_int_equal(p.t->state, THREAD_READY);
    assert_failed(s.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE);
    assert_true(list_is_empty(&cpu_this()->sleepers));
}

static void an_idle_cpu_runs_whom_the_timer_wakes(void **state)
{
    (void)state;
    place(&q, 200);
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_stop, s.thread));
    uint64_t end = host.ticks + 5000000;
    unsigned long idles = host.idles;
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 2, end), BLOCKED);
    assert_int_equal(BOSS(notify_wait, NOTE, 1, end + 10), BLOCKED);
    assert_ptr_equal(current(), q.t); /* the machine slept in the boss's call */
    assert_int_equal(host.ticks, end);
    assert_int_equal(thread_regs(q.t)->rax, ERR_TIMEOUT);
    assert_int_equal(host.idles, idles + 1); /* no slice ticked meanwhile */
    assert_int_equal(cpu_this()->info.thread, q.t->number);
    assert_true(cpu_this()->slice_end > end && host.timer[0] != 0);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 2, FOREVER), BLOCKED);
    assert_ptr_equal(current(), world.boss);
    assert_int_equal(thread_regs(world.boss)->rax, ERR_TIMEOUT);
    uint64_t loaded = world.boss->arch.loaded;
    uint32_t position = cpu_this()->info.position;
    assert_int_equal(BOSS(notify_wait, NOTE, 1, host.ticks + 10), ERR_TIMEOUT);
    assert_int_equal(world.boss->arch.loaded, loaded + 1); /* idle, it had been put away */
    assert_true(host.timer[0] == cpu_this()->slice_end);
    end_slices(1);
    assert_int_not_equal(cpu_this()->info.position, position);
}

static bool names(const char *sentence, const char *name)
{
    return sentence && strncmp(sentence, name, 2) == 0;
}

static void the_check_names_each_broken_invariant(void **state)
{
    (void)state;
    struct cpu *c = cpu_this();

    assert_null(sched_check());
    p.t->state = THREAD_STOPPED; /* and queued */
    assert_true(names(sched_check(), "S1"));
    p.t->state = THREAD_READY;
    uint64_t map = c->ready_map[p.t->priority / 64];
    c->ready_map[p.t->priority / 64] = 0;
    assert_true(names(sched_check(), "S2"));
    c->ready_map[p.t->priority / 64] = map;
    c->ready_map[0] |= 1;
    assert_true(names(sched_check(), "S2"));
    c->ready_map[0] &= ~(uint64_t)1;
    assert_int_equal(CALL(p.t, notify_wait, IN_PARTY, 1, host.ticks + 100), BLOCKED);
    assert_int_equal(CALL(q.t, notify_wait, IN_PARTY, 1, host.ticks + 200), BLOCKED);
    q.t->deadline = p.t->deadline - 1;
    assert_true(names(sched_check(), "S3"));
    q.t->deadline = p.t->deadline + 100;
    struct thread *mate = party_thread(&s, 50, 1); /* beside s.t in its queue */
    struct list queue = mate->queue;
    list_remove(&mate->queue); /* ready, and not queued */
    assert_true(names(sched_check(), "S1"));
    mate->queue = queue;
    queue.next->prev = queue.prev->next = &mate->queue;
    assert_null(sched_check());
}

/* Two CPUs from here on. */
static int set_up_two(void **state)
{
    set_up(state);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    return 0;
}

static int end_two(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    cpu_number(1)->current = NULL;
    return world_end(state);
}

static void a_thread_with_slices_does_not_leave_its_cpu(void **state)
{
    (void)state;
    OK(BOSS(slice_bind, SLOT_CPU, 0, 7, p.thread));
    OK(BOSS(thread_stop, p.thread));
    REFUSED(ERR_BAD_STATE, world.boss, thread_place, p.thread, SLOT_CPU, 1, 100);
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 0, 50)); /* where it is */
    OK(BOSS(slice_bind, SLOT_CPU, 0, 7, SLOT_NONE));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    assert_int_equal(p.t->cpu, 1);
    assert_int_equal(*thread_mr(p.t, TCR_PROCESSOR), 1);
    OK(BOSS(slice_bind, SLOT_CPU, 1, 7, p.thread));
    assert_ptr_equal(cpu_number(1)->slices[7], p.t);
}

/* Who waits for one that leaves the CPU waits on, and is served from there. */
static void a_thread_that_leaves_its_cpu_keeps_its_partners(void **state)
{
    (void)state;
    ipc_words(q.t, p.t->global_id, L4_NIL, TIMEOUTS(0, 0), 1, 0, 0);
    ipc(s.t, L4_NIL, p.t->global_id, TIMEOUTS(0, 0));
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 0, 50));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    assert_int_equal(q.t->state, THREAD_IPC_SEND);
    assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
    OK(BOSS(thread_start, p.thread, 0x400000, 0x500000, 0));
    ipc(p.t, L4_NIL, L4_ANY, TIMEOUTS(0, TIME_ZERO));
    assert_received(p.t, q.t->global_id);
    ipc_words(p.t, s.t->global_id, L4_NIL, TIMEOUTS(TIME_ZERO, 0), 1, 0, 0);
    assert_received(s.t, p.t->global_id);
}

static void a_remote_thread_is_started_stopped_and_ended_by_its_own_cpu(void **state)
{
    (void)state;
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    unsigned long kicks = host.kicks;
    OK(BOSS(thread_start, p.thread, 0x400000, 0x500000, 0));
    assert_int_equal(host.kicks, kicks + 1);
    world_run(p.t);
    assert_ptr_equal(cpu_number(1)->space, p.e);
    OK(BOSS(cap_delete, p.env));
    assert_ptr_equal(host.cpu, &cpu_number(0)->arch);
    assert_null(cpu_number(1)->space);
    assert_null(cpu_number(1)->current);
    assert_int_equal(host.mmu[1].root, arch_mmu_kernel());
}

static void unbinding_a_page_reaches_the_translations_of_both_cpus(void **state)
{
    (void)state;
    struct thread *far = make_thread(p.env, 50, PARTY_MEMORY);
    const struct page_entry e = {PARTY_MEMORY + PAGE_SIZE, 0, 0};

    OK(BOSS(thread_place, 50, SLOT_CPU, 1, 100));
    OK(BOSS(thread_start, 50, 0x400000, 0x500000, 0));
    world_run(far);
    world_run(p.t);
    give(p.env, 6, p.env, RIGHT_ALL);
    put_entries(p.t, PARTY_MEMORY + 2 * PAGE_SIZE, &e, 1);
    unsigned long before[2] = {host.mmu[0].pages, host.mmu[1].pages};
    OK(CALL(p.t, page_unbind, 6, PARTY_MEMORY + 2 * PAGE_SIZE, 1));
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(host.mmu[i].pages, before[i] + 1);
    assert_int_equal(p.e->counts[1].tlb_flushes, 1);
    assert_int_equal(p.e->counts[0].shootdowns, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)
#define TWO(f)  cmocka_unit_test_setup_teardown(f, set_up_two, end_two)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_highest_priority_runs),
        TEST(equals_take_turns_when_a_slice_ends),
        TEST(a_slice_belongs_to_its_thread_whatever_the_priorities),
        TEST(a_yield_goes_to_the_thread_named_or_to_the_next_of_its_equals),
        TEST(a_switch_loads_the_space_once_and_the_thread_each_time),
        TEST(sleepers_are_woken_in_the_order_of_their_deadlines),
        TEST(an_idle_cpu_runs_whom_the_timer_wakes),
        TEST(the_check_names_each_broken_invariant),
        TWO(a_thread_with_slices_does_not_leave_its_cpu),
        TWO(a_thread_that_leaves_its_cpu_keeps_its_partners),
        TWO(a_remote_thread_is_started_stopped_and_ended_by_its_own_cpu),
        TWO(unbinding_a_page_reaches_the_translations_of_both_cpus),
    };
    return cmocka_run_group_tests_name("exo/env/sched", tests, NULL, NULL);
}

/* Performance counters: which threads a CPU lets read them (W8 of kernel_check.c looks after each
 * call), on the CPUs that the right is for, and for how long. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"

#define NEVER  TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define WEAK   40u
#define RIGHTS 41u

static struct party p, q;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    return 0;
}

static int end(void **state)
{
    OK(BOSS(cap_revoke, SLOT_CPU));
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static bool allows(const struct thread *t)
{
    world_run((struct thread *)(uintptr_t)t);
    return host.cpu->counters;
}

static void a_refused_call_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.thread, RIGHT_ALL & ~RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, RIGHTS, SLOT_CPU, RIGHT_ALL & ~RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_CAP, t, thread_counters, REGION, SLOT_CPU);
    REFUSED(ERR_BAD_CAP, t, thread_counters, SLOT_NONE, SLOT_CPU);
    REFUSED(ERR_BAD_CAP, t, thread_counters, p.thread, p.thread);
    REFUSED(ERR_BAD_CAP, t, thread_counters, p.thread, 50);
    REFUSED(ERR_NO_RIGHT, t, thread_counters, WEAK, SLOT_CPU);
    REFUSED(ERR_NO_RIGHT, t, thread_counters, WEAK, SLOT_NONE);
    REFUSED(ERR_NO_RIGHT, t, thread_counters, p.thread, RIGHTS);
    REFUSED(ERR_NOT_BOUND, t, thread_counters, p.thread, SLOT_NONE);
    OK(BOSS(thread_counters, p.thread, SLOT_CPU));
    REFUSED(ERR_IN_USE, t, thread_counters, p.thread, SLOT_CPU);
}

static void a_thread_reads_while_it_is_bound_and_no_other_does(void **state)
{
    (void)state;
    assert_false(allows(p.t));
    OK(BOSS(thread_counters, p.thread, SLOT_CPU));
    assert_true(allows(p.t));
    assert_false(allows(q.t));
    assert_true(allows(p.t));
    OK(BOSS(thread_counters, p.thread, SLOT_NONE));
    assert_false(allows(p.t));
}

static void the_right_goes_with_its_capability(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, RIGHTS, SLOT_CPU, RIGHT_READ, 0, 0));
    OK(BOSS(thread_counters, p.thread, RIGHTS));
    OK(BOSS(cap_delete, RIGHTS));
    assert_int_equal(p.t->counters_node.parent, 0);
    assert_false(allows(p.t));
    OK(BOSS(thread_counters, p.thread, SLOT_CPU));
    OK(BOSS(cap_delete, p.thread)); /* and the node with its thread */
    assert_int_equal(cap_slot(world.root, SLOT_CPU)->node.child, 0);
}

static void it_is_for_the_cpus_of_the_capability(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, RIGHTS, SLOT_CPU, RIGHT_READ, 1, 1));
    OK(BOSS(thread_counters, p.thread, RIGHTS));
    assert_int_equal(p.t->counters, 2);
    assert_false(allows(p.t));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    assert_true(allows(p.t));
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 0, 100));
    assert_false(allows(p.t));
}

/* While it runs on the other CPU. */
static void it_is_given_and_taken_across_cpus(void **state)
{
    (void)state;
    OK(BOSS(thread_place, p.thread, SLOT_CPU, 1, 100));
    world_run(p.t);
    OK(BOSS(thread_counters, p.thread, SLOT_CPU));
    assert_ptr_equal(cpu_number(1)->current, p.t);
    assert_true(cpu_number(1)->arch.counters);
    OK(BOSS(thread_counters, p.thread, SLOT_NONE));
    assert_false(cpu_number(1)->arch.counters);
}

/* IPC changes places without a look at control registers, if both are of a kind. */
static void partners_of_ipc_keep_their_own(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 4; which++) {
        if (which & 1)
            OK(BOSS(thread_counters, p.thread, SLOT_CPU));
        if (which & 2)
            OK(BOSS(thread_counters, q.thread, SLOT_CPU));
        world_run(q.t);
        ipc(q.t, 0, L4_ANY, NEVER);
        world_run(p.t);
        for (unsigned i = 0; i < 2; i++) {
            ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 1, 1, 7);
            assert_ptr_equal(cpu_this()->current, q.t);
            assert_int_equal(host.cpu->counters, which >> 1);
            ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 1, 1, 7);
            assert_ptr_equal(cpu_this()->current, p.t);
            assert_int_equal(host.cpu->counters, which & 1);
        }
        for (unsigned i = 0; i < 2; i++)
            if (which >> i & 1)
                OK(BOSS(thread_counters, (i ? &q : &p)->thread, SLOT_NONE));
        OK(BOSS(thread_stop, q.thread));
        OK(BOSS(thread_start, q.thread, 0x400000, 0x500000, 0));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_call_changes_nothing),
        TEST(a_thread_reads_while_it_is_bound_and_no_other_does),
        TEST(the_right_goes_with_its_capability),
        TEST(it_is_for_the_cpus_of_the_capability),
        TEST(it_is_given_and_taken_across_cpus),
        TEST(partners_of_ipc_keep_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

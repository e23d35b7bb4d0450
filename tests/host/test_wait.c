/*
 * Waits for notifications that another CPU ends. CPU 1 raises bits here for threads of CPU 0, which
 * does not hear the interrupt: whatever happens to a thread until it looks finds it woken.
 */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/revoke.h"
#include "exo/arch/upward.h"
#include "exo/env/wait.h"

#define NOTE     40u
#define IN_PARTY 5u

static struct party p, q;
static struct notification *n;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    give(p.env, IN_PARTY, NOTE, RIGHT_ALL);
    give(q.env, IN_PARTY, NOTE, RIGHT_ALL);
    n = frame_memory(cap_slot(world.root, NOTE)->base);
    cpu_count = 2;
    return 0;
}

/* CPU 1 does that under the lock; CPU 0 does not hear of it, unless it is waited for. */
static void elsewhere(void (*deed)(void))
{
    host.cpu = arch_cpu_number(1);
    forest_lock();
    deed();
    forest_unlock();
    host.cpu = arch_cpu_number(0);
}

static void raise_one(void)
{
    host.deaf = true;
    notification_raise(n, 1);
    host.deaf = false;
}

static void raise_two(void)
{
    host.deaf = true;
    notification_raise(n, 2);
    host.deaf = false;
}

static void raise_both(void)
{
    host.deaf = true;
    notification_raise(n, 3);
    host.deaf = false;
}

static void wait_for(const struct party *o, uint64_t bits, uint64_t deadline)
{
    assert_int_equal(CALL(o->t, notify_wait, IN_PARTY, bits, deadline), BLOCKED);
}

static void assert_woken(const struct party *o, word_t error, word_t bits)
{
    assert_true(o->t->state == THREAD_READY || o->t->state == THREAD_RUNNING);
    assert_int_equal(thread_regs(o->t)->rax, error);
    assert_int_equal(thread_regs(o->t)->rdx, bits);
    assert_null(cpu_number(0)->woken);
}

static void who_raises_waits_for_nobody(void **state)
{
    (void)state;
    wait_for(&p, 1, FOREVER);
    wait_for(&q, 2, FOREVER);
    unsigned long before = host.kicks;
    host.spins = 0;
    elsewhere(raise_both);
    assert_int_equal(host.spins, 0);
    assert_int_equal(host.kicks - before, 1); /* the second finds that it has been told */
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    assert_true(list_is_empty(&n->waiters));
    assert_int_equal(n->raised, 0);
    world_check();
    cpu_mailbox_read();
    assert_woken(&p, ERR_OK, 1);
    assert_woken(&q, ERR_OK, 2);
    elsewhere(raise_one); /* kept for who waits next */
    assert_int_equal(n->raised, 1);
    world_check();
}

static void those_who_are_woken_run_in_that_order(void **state)
{
    (void)state;
    wait_for(&q, 2, FOREVER);
    wait_for(&p, 1, FOREVER);
    world_run(world.boss);
    elsewhere(raise_two);
    elsewhere(raise_one);
    cpu_mailbox_read();
    const struct list *first = &cpu_number(0)->ready[q.t->priority];
    assert_ptr_equal(first->next, &q.t->queue);
    assert_ptr_equal(first->next->next, &p.t->queue);
}

static void bits_come_before_a_deadline_that_has_passed_meanwhile(void **state)
{
    (void)state;
    wait_for(&p, 1, host.ticks + 50);
    wait_for(&q, 2, host.ticks + 50);
    world_run(world.boss);
    elsewhere(raise_one);
    pass_time(100);
    assert_woken(&p, ERR_OK, 1);
    assert_woken(&q, ERR_TIMEOUT, 0);
    world_check();
}

static void end_p(void)
{
    revoke_all(&cap_slot(world.root, p.env)->node, true);
}

static void stop_p(void)
{
    thread_stop(p.t);
}

static void end_note(void)
{
    revoke_all(&cap_slot(world.root, NOTE)->node, true);
}

static void move_p(void)
{
    assert_int_equal(thread_move(p.t, 1, 100, false), ERR_OK);
}

static void who_is_ended_then_is_in_no_list(void **state)
{
    (void)state;
    wait_for(&p, 1, FOREVER);
    world_run(world.boss);
    elsewhere(raise_one);
    elsewhere(end_p);
    assert_int_equal(cap_slot(world.root, p.thread)->kind, CAP_NONE);
    assert_null(cpu_number(0)->woken);
    world_check();
}

/* From its own CPU nobody sends mail. */
static void who_is_ended_at_home_is_in_no_list(void **state)
{
    (void)state;
    wait_for(&p, 1, FOREVER);
    world_run(world.boss);
    elsewhere(raise_one);
    OK(BOSS(cap_delete, p.thread));
    assert_null(cpu_number(0)->woken);
    world_check();
}

static void who_is_stopped_then_has_its_bits(void **state)
{
    (void)state;
    wait_for(&p, 1, FOREVER);
    world_run(world.boss);
    elsewhere(raise_one);
    elsewhere(stop_p);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    assert_int_equal(thread_regs(p.t)->rax, ERR_OK);
    assert_int_equal(thread_regs(p.t)->rdx, 1);
    assert_null(cpu_number(0)->woken);
    world_check();
}

static void who_moves_then_takes_them_along(void **state)
{
    (void)state;
    wait_for(&p, 1, host.ticks + 1000);
    world_run(world.boss);
    elsewhere(raise_one);
    elsewhere(move_p);
    assert_woken(&p, ERR_OK, 1);
    assert_int_equal(p.t->cpu, 1);
    assert_true(list_is_empty(&p.t->sleep_link));
    world_check();
}

static void raise_late(void *argument)
{
    (void)argument;
    elsewhere(raise_one);
}

static void stop_late(void *argument)
{
    (void)argument;
    thread_stop(p.t);
}

/* Bits are raised while CPU 0 reads its mailbox already, and mail about that thread follows. */
static void mail_comes_after_the_bits_that_were_raised_before_it(void **state)
{
    (void)state;
    struct cpu *c = cpu_number(0);
    uint32_t done[2] = {0, 0};

    wait_for(&p, 1, FOREVER);
    world_run(world.boss);
    c->mailbox[c->mail_end % MAILBOX_SLOTS] = (struct mail){raise_late, NULL, &done[0]};
    c->mailbox[(c->mail_end + 1) % MAILBOX_SLOTS] = (struct mail){stop_late, NULL, &done[1]};
    c->mail_end += 2;
    cpu_mailbox_read();
    assert_true(done[0] && done[1]);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    assert_int_equal(thread_regs(p.t)->rdx, 1);
    assert_null(c->woken);
    world_check();
}

static void a_notification_that_goes_then_takes_nothing_back(void **state)
{
    (void)state;
    wait_for(&p, 1, FOREVER);
    wait_for(&q, 2, FOREVER);
    world_run(world.boss);
    elsewhere(raise_one);
    host.deaf = true;
    elsewhere(end_note);
    host.deaf = false;
    cpu_mailbox_read();
    assert_woken(&p, ERR_OK, 1);
    assert_woken(&q, ERR_BAD_STATE, 0);
    world_check();
}

static void an_event_then_interrupts_no_wait(void **state)
{
    (void)state;
    thread_exo(p.t)->entry[UPCALL_NOTIFY] = 0x440000;
    OK(CALL(p.t, timer_set, host.ticks + 50, 1));
    wait_for(&p, 1, FOREVER);
    world_run(world.boss);
    elsewhere(raise_one);
    pass_time(100);
    assert_woken(&p, ERR_OK, 1);
    assert_true(p.t->events);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_raises_waits_for_nobody),
        TEST(those_who_are_woken_run_in_that_order),
        TEST(bits_come_before_a_deadline_that_has_passed_meanwhile),
        TEST(who_is_ended_then_is_in_no_list),
        TEST(who_is_ended_at_home_is_in_no_list),
        TEST(who_is_stopped_then_has_its_bits),
        TEST(who_moves_then_takes_them_along),
        TEST(mail_comes_after_the_bits_that_were_raised_before_it),
        TEST(a_notification_that_goes_then_takes_nothing_back),
        TEST(an_event_then_interrupts_no_wait),
    };
    return cmocka_run_group_tests_name("kernel/wait", tests, NULL, NULL);
}

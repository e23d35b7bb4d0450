/* Events: when they are delivered, what holds them back, and who gets the bits of a notification.
 */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/notification.h"
#include "exo/arch/upward.h"
#include "exo/env/upcall.h"

#define NOTE  40u
#define ENTRY ((vaddr_t)0x410000)
#define STACK ((vaddr_t)0x520000)
#define EVENT (1u << UPCALL_CLASS_EVENT)

static struct party p, q;
static struct notification *n;

static volatile struct utcb_exo *area(const struct thread *t)
{
    volatile struct utcb_exo *x = thread_exo(t);

    x->mask = 0;
    for (enum upcall u = UPCALL_NOTIFY; u <= UPCALL_RECLAIMED; u++)
        x->entry[u] = ENTRY + 16 * u;
    x->stack[UPCALL_CLASS_EVENT] = STACK;
    return x;
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    n = frame_memory(cap_slot(world.root, NOTE)->base);
    give(p.env, 5, NOTE, RIGHT_ALL);
    area(p.t);
    world_run(p.t);
    return 0;
}

/* The boss goes first after each call; when the party's thread is next, it is at its entry. */
static void assert_at(enum upcall u)
{
    volatile struct utcb_exo *x = thread_exo(p.t);

    world_run(p.t);
    assert_int_equal(thread_regs(p.t)->rip, ENTRY + 16 * u);
    assert_int_equal(thread_regs(p.t)->rsp, STACK);
    assert_int_equal(x->save[UPCALL_CLASS_EVENT].vector, u);
    assert_true(x->mask & EVENT);
    assert_false(x->pending >> u & 1);
}

/* Clears the mask while the thread runs, and polls. */
static void poll_unmasked(void)
{
    world_run(p.t);
    thread_exo(p.t)->mask = 0;
    OK(CALL(p.t, upcall_poll, 0));
}

static void an_event_is_delivered_when_the_call_ends_with_its_reply_complete(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    OK(BOSS(notify_bind, NOTE, p.thread, 6));
    OK(CALL(p.t, notify, 5, 7));
    uint64_t ip = r->rip;
    assert_at(UPCALL_NOTIFY);
    assert_int_equal(thread_exo(p.t)->save[UPCALL_CLASS_EVENT].ip, ip);
    assert_int_equal(thread_exo(p.t)->notified, 6);
    assert_int_equal(n->raised, 1);
    assert_int_equal(r->rax, ERR_OK);
    OK(BOSS(notify, NOTE, 4)); /* masked */
    assert_int_equal(thread_exo(p.t)->pending, 1u << UPCALL_NOTIFY);
    poll_unmasked();
    assert_at(UPCALL_NOTIFY);
}

static void the_highest_number_comes_first_and_the_others_wait(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = thread_exo(p.t);

    x->mask = EVENT;
    assert_true(upcall_post(p.t, UPCALL_NOTIFY));
    assert_true(upcall_post(p.t, UPCALL_RECLAIMED));
    assert_true(upcall_post(p.t, UPCALL_REVOKE));
    poll_unmasked();
    assert_at(UPCALL_RECLAIMED);
    OK(CALL(p.t, upcall_poll, 0)); /* masked */
    assert_int_equal(x->pending, 1u << UPCALL_NOTIFY | 1u << UPCALL_REVOKE);
    poll_unmasked();
    assert_at(UPCALL_REVOKE);
    world_run(p.t);
    x->mask = 0;
    thread_regs(p.t)->vector = VECTOR_IRQ + 200; /* any interrupt does */
    host_trap(thread_regs(p.t));
    assert_at(UPCALL_NOTIFY);
    assert_int_equal(x->pending, 0);
}

static void an_event_without_entry_is_not_kept_and_a_bad_one_is_dropped(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = thread_exo(p.t);
    OK(CALL(p.t, null, 0));
    uint64_t ip = thread_regs(p.t)->rip;

    x->entry[UPCALL_REVOKE] = 0;
    assert_false(upcall_post(p.t, UPCALL_REVOKE));
    assert_int_equal(x->pending, 0);
    x->entry[UPCALL_REVOKE] = USER_TOP;
    assert_true(upcall_post(p.t, UPCALL_REVOKE));
    x->pending |= ~(uint64_t)UPCALL_EVENTS; /* not events */
    OK(CALL(p.t, upcall_poll, 0));
    world_run(p.t);
    assert_int_equal(x->pending, ~(uint64_t)UPCALL_EVENTS);
    assert_int_equal(thread_regs(p.t)->rip, ip);
    assert_int_equal(x->mask, 0);
    x->entry[UPCALL_NOTIFY] = ENTRY;
    x->stack[UPCALL_CLASS_EVENT] = USER_TOP + 8;
    assert_true(upcall_post(p.t, UPCALL_NOTIFY));
    OK(CALL(p.t, upcall_poll, 0));
    world_run(p.t);
    assert_int_equal(thread_regs(p.t)->rip, ip);
}

static void a_wait_is_interrupted_unless_masked(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = thread_exo(p.t);

    assert_int_equal(CALL(p.t, notify_wait, 5, 1, FOREVER), BLOCKED);
    x->mask = EVENT;
    assert_true(upcall_post(p.t, UPCALL_REVOKE));
    assert_int_equal(p.t->state, THREAD_IN_NOTIFY);
    x->mask = 0;
    assert_true(upcall_post(p.t, UPCALL_REVOKE));
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(thread_regs(p.t)->rax, ERR_INTERRUPTED);
    assert_true(list_is_empty(&n->waiters));
    assert_at(UPCALL_REVOKE);
    x->mask = 0;
    x->pending = 1u << UPCALL_NOTIFY; /* came while it was masked: not slept over */
    world_run(p.t);
    assert_int_equal(CALL(p.t, notify_wait, 5, 1, FOREVER), ERR_INTERRUPTED);
    assert_at(UPCALL_NOTIFY);
    x->mask = 0;
    assert_int_equal(CALL(p.t, notify_wait, 5, 1, FOREVER), BLOCKED);
    OK(BOSS(notify, NOTE, 1));
    assert_int_equal(thread_regs(p.t)->rax, ERR_OK);
}

static void waiters_come_before_those_bound_and_bindings_are_taken_back(void **state)
{
    (void)state;
    area(q.t);
    give(q.env, 5, NOTE, RIGHT_ALL);
    OK(BOSS(notify, NOTE, 1));
    OK(BOSS(notify_bind, NOTE, p.thread, 3)); /* what is raised already comes at once */
    assert_int_equal(thread_exo(p.t)->notified, 1);
    OK(BOSS(notify_bind, NOTE, q.thread, 7));
    assert_int_equal(CALL(q.t, notify_wait, 5, 2, FOREVER), BLOCKED);
    OK(BOSS(notify, NOTE, 6));
    assert_int_equal(thread_regs(q.t)->rdx, 2);
    assert_int_equal(thread_exo(p.t)->notified, 1);
    assert_int_equal(thread_exo(q.t)->notified, 4);
    thread_exo(p.t)->entry[UPCALL_NOTIFY] = 0; /* then the next takes them */
    OK(BOSS(notify, NOTE, 2));
    assert_int_equal(thread_exo(q.t)->notified, 6);
    OK(BOSS(notify_bind, SLOT_NONE, q.thread, 0));
    OK(BOSS(notify, NOTE, 2));
    assert_int_equal(n->raised, 2);
    OK(BOSS(cap_delete, p.thread));
    OK(BOSS(notify_bind, NOTE, q.thread, 1));
    OK(BOSS(cap_revoke, NOTE));
    assert_int_equal(q.t->notify_node.parent, 0);
    OK(BOSS(notify_bind, NOTE, q.thread, 1));
    OK(BOSS(cap_delete, NOTE));
    assert_int_equal(q.t->notify_node.parent, 0);
}

static void a_thread_of_another_cpu_is_told_there(void **state)
{
    (void)state;
    OK(BOSS(thread_stop, p.thread));
    p.t->cpu = 1;
    cpu_count = 2;
    OK(BOSS(notify_bind, NOTE, p.thread, 1));
    OK(BOSS(thread_start, p.thread, 0x400000, 0x500000, 0));
    OK(BOSS(notify, NOTE, 1));
    assert_true(p.t->events);
    assert_at(UPCALL_NOTIFY);
}

static void a_refused_call_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, 41, NOTE, RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, 42, p.thread, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, b, notify_bind, NOTE, p.thread, 0);
    REFUSED(ERR_BAD_ARG, b, notify_bind, SLOT_NONE, p.thread, 1);
    REFUSED(ERR_BAD_CAP, b, notify_bind, p.thread, p.thread, 1);
    REFUSED(ERR_BAD_CAP, b, notify_bind, NOTE, NOTE, 1);
    REFUSED(ERR_NO_RIGHT, b, notify_bind, 41, p.thread, 1);
    REFUSED(ERR_NO_RIGHT, b, notify_bind, NOTE, 42, 1);
    REFUSED(ERR_NOT_BOUND, b, notify_bind, SLOT_NONE, p.thread, 0);
    OK(BOSS(notify_bind, NOTE, p.thread, 1));
    REFUSED(ERR_IN_USE, b, notify_bind, NOTE, p.thread, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_delivered_when_the_call_ends_with_its_reply_complete),
        TEST(the_highest_number_comes_first_and_the_others_wait),
        TEST(an_event_without_entry_is_not_kept_and_a_bad_one_is_dropped),
        TEST(a_wait_is_interrupted_unless_masked),
        TEST(waiters_come_before_those_bound_and_bindings_are_taken_back),
        TEST(a_thread_of_another_cpu_is_told_there),
        TEST(a_refused_call_changes_nothing),
    };
    return cmocka_run_group_tests_name("exo/env/upcall: events", tests, NULL, NULL);
}

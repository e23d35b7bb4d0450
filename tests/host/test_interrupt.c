/* Interrupt lines as threads: association and its errors, messages to the handler,
 * acknowledgements, and what ends them. Each test ends with every invariant. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"

#define NEVER     TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define KMEM      41u
#define FRAMES    42u
#define NOTE      43u
#define SECOND    44u
#define LINE      8u
#define CONSOLE   4u
#define IRQ(n)    ((word_t)(n) << 32 | 1)
#define INTERRUPT TAG_MAKE(LABEL_INTERRUPT, 0, 0)

static struct party p, q; /* p is privileged, and in all but errors the handler */
static word_t me;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    me = p.t->global_id;
    give_privilege(&p, KMEM, 8);
    return 0;
}

static int set_up_two_cpus(void **state)
{
    set_up(state);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    party_thread(&p, SECOND, 2); /* so that the second is never idle */
    OK(BOSS(thread_place, SECOND, SLOT_CPU, 1, 1));
    return 0;
}

static int end_two_cpus(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static word_t associate(unsigned line, word_t handler)
{
    return thread_control(p.t, IRQ(line), IRQ(line), L4_NIL, handler, NO_UTCB);
}

#define WORKS(call)        CONTROL_WORKS(call)
#define FAILS(error, call) CONTROL_FAILS(p.t, error, call)

/* The interrupt comes while the boss runs. */
static void fire(unsigned line)
{
    struct thread *current = cpu_number(0)->current;

    world_run(current ? current : world.boss);
    host.cpu = &cpu_number(0)->arch;
    host.lines[line]();
    world_check();
}

/* `t` receives from the line, or from anybody. */
static void await(struct thread *t, word_t from)
{
    ipc(t, L4_NIL, from, NEVER);
}

static void assert_told(struct thread *t, unsigned line)
{
    assert_received(t, IRQ(line));
    assert_int_equal(get_mr(t, 0) & ~(word_t)TAG_CROSS, INTERRUPT);
}

/* The loop of a handler: acknowledges, and waits for the next. */
static void reply_wait(struct thread *t, word_t to)
{
    set_mr(t, 0, 0);
    ipc(t, to, L4_ANY, TIMEOUTS(TIME_ZERO, TIME_NEVER));
}

static void a_line_tells_its_handler_and_waits_for_it(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    await(p.t, IRQ(LINE));
    fire(LINE);
    assert_told(p.t, LINE);
    struct thread *line = thread_by_number(LINE);
    assert_int_equal(line->state, THREAD_IPC_RECEIVE);
    assert_null(line->env);
    reply_wait(p.t, IRQ(LINE));
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    fire(LINE);
    assert_told(p.t, LINE);
}

static void what_comes_while_it_is_masked_is_told_once_afterwards(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    await(p.t, L4_ANY);
    fire(LINE);
    fire(LINE);
    fire(LINE);
    assert_told(p.t, LINE);
    reply_wait(p.t, IRQ(LINE));
    assert_told(p.t, LINE);
    reply_wait(p.t, IRQ(LINE));
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    fire(LINE);
    assert_told(p.t, LINE);
}

static void the_answer_releases_a_line_that_is_held(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    await(p.t, L4_ANY);
    const unsigned long before = host.releases[LINE];
    fire(LINE);
    assert_told(p.t, LINE);
    assert_int_equal(host.releases[LINE], before);
    reply_wait(p.t, IRQ(LINE));
    assert_int_equal(host.releases[LINE], before + 1);
    fire(LINE);
    WORKS(associate(LINE, q.t->global_id)); /* it was told already, and does not answer */
    assert_int_equal(host.releases[LINE], before + 2);
}

static void it_stays_pending_while_the_handler_does_something_else(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    fire(LINE);
    fire(LINE);
    assert_int_equal(thread_by_number(LINE)->state, THREAD_IPC_SEND);
    await(p.t, q.t->global_id);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    ipc_words(q.t, me, L4_NIL, NEVER, 5, 1, 7);
    assert_received(p.t, q.t->global_id);
    await(p.t, L4_ANY);
    assert_told(p.t, LINE);
    reply_wait(p.t, IRQ(LINE));
    assert_told(p.t, LINE); /* the second */
}

static void an_acknowledgement_that_is_not_due_does_nothing(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    reply_wait(p.t, IRQ(LINE));
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    fire(LINE);
    assert_told(p.t, LINE);
    WORKS(associate(LINE, q.t->global_id));
    fire(LINE);
    reply_wait(q.t, IRQ(LINE)); /* it is being told: that stays */
    assert_told(q.t, LINE);
    reply_wait(q.t, IRQ(LINE));
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void only_the_handler_acknowledges_and_without_items(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    await(p.t, L4_ANY);
    fire(LINE);
    set_mr(q.t, 0, 0);
    ipc(q.t, IRQ(LINE), L4_NIL, TIMEOUTS(TIME_ZERO, TIME_NEVER));
    assert_failed(q.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    set_mr(p.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(p.t, 1, ITEM_MAP);
    set_mr(p.t, 2, PARTY_MEMORY | 12 << 4 | FPAGE_ALL);
    ipc(p.t, IRQ(LINE), L4_NIL, NEVER);
    assert_failed(p.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    fire(LINE);
    ipc(p.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_ZERO));
    assert_failed(p.t, IPC_TIMEOUT, IPC_RECEIVE_PHASE); /* still masked */
    ipc_words(p.t, IRQ(LINE), L4_ANY, NEVER, 3, 63, 9); /* words say nothing */
    assert_told(p.t, LINE);
}

static void a_handler_in_a_closed_wait_is_told_afterwards(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    await(p.t, q.t->global_id);
    fire(LINE);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    ipc_words(q.t, me, L4_NIL, NEVER, 3, 1, 9);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 1), 9);
    await(p.t, L4_ANY);
    assert_told(p.t, LINE);
}

static void who_is_not_the_handler_waits_for_the_line(void **state)
{
    (void)state;
    WORKS(associate(LINE, q.t->global_id));
    fire(LINE); /* its message waits for q */
    ipc_words(p.t, IRQ(LINE), L4_NIL, TIMEOUTS(TIME_ZERO, TIME_NEVER), 0, 0, 0);
    assert_failed(p.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    await(q.t, L4_ANY);
    assert_told(q.t, LINE);
}

static void what_came_while_it_was_masked_is_for_the_next_handler(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    await(p.t, IRQ(LINE));
    fire(LINE);
    assert_told(p.t, LINE);
    fire(LINE); /* p has not acknowledged, and never will */
    WORKS(thread_control(p.t, IRQ(LINE), IRQ(LINE), me, q.t->global_id, NO_UTCB));
    assert_int_equal(thread_by_number(LINE)->scheduler, me);
    await(q.t, IRQ(LINE));
    assert_told(q.t, LINE);
}

static void errors_in_the_order_of_the_arguments(void **state)
{
    (void)state;
    assert_int_equal(thread_control(q.t, IRQ(LINE), IRQ(LINE), L4_NIL, q.t->global_id, NO_UTCB), 0);
    assert_int_equal(last_error(q.t), CALL_ERROR_NO_PRIVILEGE);
    FAILS(2, associate(IRQ_LINES, me));
    FAILS(2, thread_control(p.t, IRQ(LINE) + 1, IRQ(LINE) + 1, L4_NIL, me, NO_UTCB));
    FAILS(3, thread_control(p.t, IRQ(LINE), me, L4_NIL, me, NO_UTCB));
    FAILS(3, thread_control(p.t, IRQ(LINE), L4_NIL, L4_NIL, L4_NIL, NO_UTCB));
    FAILS(4, thread_control(p.t, IRQ(LINE), IRQ(LINE), me + 1, me, NO_UTCB));
    FAILS(6, thread_control(p.t, IRQ(LINE), IRQ(LINE), L4_NIL, me, PARTY_MEMORY));
    FAILS(2, associate(LINE, me + 1));
    FAILS(2, associate(LINE, L4_ANY));
    FAILS(2, associate(LINE, IRQ(LINE + 1)));
    FAILS(2, associate(LINE, L4_NIL));
    FAILS(2, associate(CONSOLE, me)); /* the kernel's own */
    OK(BOSS(frames_alloc, KMEM, PFN_ANY, 8, FRAMES));
    FAILS(8, associate(LINE, me));
    ipc_words(p.t, IRQ(LINE), L4_NIL, NEVER, 0, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    OK(BOSS(cap_delete, FRAMES));
    WORKS(associate(LINE, IRQ(LINE))); /* it was not */
    WORKS(associate(LINE, local_id(p.t)));
    FAILS(3, thread_control(p.t, (word_t)300 << 32 | 1, IRQ(LINE), me, L4_NIL, NO_UTCB));
    FAILS(4, thread_control(p.t, (word_t)300 << 32 | 1, me, IRQ(LINE), L4_NIL, NO_UTCB));
}

static void a_line_has_one_listener(void **state)
{
    (void)state;
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(irq_bind, SLOT_IRQ, LINE, NOTE, 1));
    FAILS(2, associate(LINE, me));
    OK(BOSS(irq_bind, SLOT_IRQ, LINE, SLOT_NONE, 0));
    WORKS(associate(LINE, me));
    REFUSED(ERR_IN_USE, world.boss, irq_bind, SLOT_IRQ, LINE, NOTE, 1);
    OK(BOSS(irq_bind, SLOT_IRQ, LINE, SLOT_NONE, 0));
    WORKS(associate(LINE, IRQ(LINE)));
    OK(BOSS(irq_bind, SLOT_IRQ, LINE, NOTE, 1));
}

static void deassociation_frees_it_and_tells_who_waits(void **state)
{
    uint32_t before = world_free();

    (void)state;
    WORKS(associate(LINE, q.t->global_id));
    assert_int_equal(world_free(), before - 1);
    await(q.t, IRQ(LINE));
    WORKS(associate(LINE, IRQ(LINE)));
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_null(thread_by_number(LINE));
    assert_int_equal(world_free(), before);
    fire(LINE); /* nobody is told */
    WORKS(associate(LINE, q.t->global_id));
    fire(LINE);
    assert_int_equal(thread_by_number(LINE)->state, THREAD_IPC_SEND);
    WORKS(associate(LINE, IRQ(LINE))); /* while it sends */
    await(q.t, L4_ANY);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void another_handler_gets_what_the_first_did_not(void **state)
{
    (void)state;
    WORKS(associate(LINE, q.t->global_id));
    fire(LINE);
    WORKS(associate(LINE, me));
    await(p.t, L4_ANY);
    assert_told(p.t, LINE);
    ipc_words(q.t, IRQ(LINE), L4_NIL, TIMEOUTS(TIME_ZERO, TIME_NEVER), 0, 0, 0);
    assert_failed(q.t, IPC_TIMEOUT, IPC_SEND_PHASE);
    reply_wait(p.t, IRQ(LINE));
    fire(LINE);
    assert_told(p.t, LINE);
}

/* In each of the three states of a line. */
static void a_handler_that_goes_stops_its_line(void **state)
{
    (void)state;
    for (unsigned when = 0; when < 3; when++) {
        struct thread *h = party_thread(&q, SECOND, 1);
        WORKS(associate(LINE, h->global_id));
        if (when == 1)
            fire(LINE);
        if (when == 2) {
            await(h, L4_ANY);
            fire(LINE);
            assert_told(h, LINE);
        }
        OK(BOSS(cap_delete, SECOND));
        world_check();
        assert_int_equal(thread_by_number(LINE)->state, THREAD_STOPPED);
        fire(LINE);
        WORKS(associate(LINE, me)); /* and it can be associated again */
        await(p.t, L4_ANY);
        assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
        fire(LINE);
        assert_told(p.t, LINE);
    }
}

static void memory_that_is_taken_back_takes_the_line(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    const struct node *n = &thread_by_number(LINE)->memory_node;
    assert_ptr_equal(node_at(n->parent), &cap_slot(world.root, KMEM)->node);
    await(p.t, IRQ(LINE));
    fire(LINE);
    await(p.t, IRQ(LINE));
    OK(BOSS(cap_revoke, KMEM));
    assert_failed(p.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_null(thread_by_number(LINE));
    fire(LINE);
}

/* Who associated may go: its frame was never its own. */
static void a_line_outlives_who_associated_it(void **state)
{
    (void)state;
    WORKS(associate(LINE, q.t->global_id));
    OK(BOSS(cap_delete, p.env));
    await(q.t, L4_ANY);
    fire(LINE);
    assert_told(q.t, LINE);
}

static word_t schedule(struct thread *t, word_t dest, word_t processor, word_t priority)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->rdi = dest;
    r->rsi = priority;
    r->rdx = SCHEDULE_UNCHANGED;
    r->r8 = processor;
    r->r9 = SCHEDULE_UNCHANGED;
    l4_enter(t, LINK_SCHEDULE);
    return r->rax;
}

static void schedule_works_when_it_is_associated(void **state)
{
    (void)state;
    assert_int_equal(schedule(p.t, IRQ(LINE), SCHEDULE_UNCHANGED, 50), SCHEDULE_ERROR);
    assert_int_equal(last_error(p.t), CALL_ERROR_THREAD);
    WORKS(associate(LINE, me));
    assert_int_equal(schedule(p.t, IRQ(LINE), SCHEDULE_UNCHANGED, 50), SCHEDULE_WAITING);
    assert_int_equal(thread_by_number(LINE)->priority, 50);
    fire(LINE);
    assert_int_equal(schedule(p.t, IRQ(LINE), SCHEDULE_UNCHANGED, 60), SCHEDULE_PENDING_SEND);
    assert_int_equal(schedule(q.t, IRQ(LINE), SCHEDULE_UNCHANGED, 50), SCHEDULE_ERROR);
    assert_int_equal(last_error(q.t), CALL_ERROR_NO_PRIVILEGE);
    WORKS(thread_control(p.t, IRQ(LINE), IRQ(LINE), q.t->global_id, L4_NIL, NO_UTCB));
    assert_int_equal(schedule(q.t, IRQ(LINE), SCHEDULE_UNCHANGED, 50), SCHEDULE_PENDING_SEND);
}

static void registers_are_nobodys(void **state)
{
    struct regs *r = thread_regs(p.t);

    (void)state;
    WORKS(associate(LINE, me));
    r->rax = IRQ(LINE);
    r->rsi = EXREGS_RECEIVE | EXREGS_SEND;
    l4_enter(p.t, LINK_EXCHANGE_REGISTERS);
    assert_int_equal(r->rax, L4_NIL);
    assert_int_equal(last_error(p.t), CALL_ERROR_THREAD);
}

/* Propagation in a line's name does not change who its handler is. */
static void nobody_speaks_as_a_line_to_another_space(void **state)
{
    (void)state;
    WORKS(associate(LINE, me));
    await(q.t, L4_ANY);
    *thread_mr(p.t, TCR_ACTUAL_SENDER) = IRQ(LINE);
    set_mr(p.t, 0, TAG_PROPAGATED);
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    assert_received(q.t, me);
    *thread_mr(q.t, TCR_ACTUAL_SENDER) = me;
    set_mr(q.t, 0, TAG_PROPAGATED);
    ipc(q.t, IRQ(LINE), L4_NIL, TIMEOUTS(TIME_ZERO, TIME_NEVER));
    assert_failed(q.t, IPC_TIMEOUT, IPC_SEND_PHASE);
}

static void handlers_move_and_live_on_other_cpus(void **state)
{
    (void)state;
    WORKS(associate(LINE, q.t->global_id));
    fire(LINE);
    OK(BOSS(thread_place, q.thread, SLOT_CPU, 1, 100)); /* while the line sends */
    await(q.t, L4_ANY);
    assert_told(q.t, LINE);
    assert_true(get_mr(q.t, 0) & TAG_CROSS);
    fire(LINE);
    reply_wait(q.t, IRQ(LINE)); /* an edge was kept: told from there */
    assert_told(q.t, LINE);
    reply_wait(q.t, IRQ(LINE));
    fire(LINE);
    assert_told(q.t, LINE);
    assert_int_equal(schedule(p.t, IRQ(LINE), 1, SCHEDULE_UNCHANGED), SCHEDULE_WAITING);
    assert_int_equal(thread_by_number(LINE)->cpu, 1);
    reply_wait(q.t, IRQ(LINE));
    fire(LINE);
    assert_told(q.t, LINE);
    assert_false(get_mr(q.t, 0) & TAG_CROSS);
    OK(BOSS(thread_place, q.thread, SLOT_CPU, 0, 100)); /* before it acknowledges */
    reply_wait(q.t, IRQ(LINE));
    fire(LINE);
    assert_told(q.t, LINE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_line_tells_its_handler_and_waits_for_it),
        TEST(what_comes_while_it_is_masked_is_told_once_afterwards),
        TEST(the_answer_releases_a_line_that_is_held),
        TEST(it_stays_pending_while_the_handler_does_something_else),
        TEST(an_acknowledgement_that_is_not_due_does_nothing),
        TEST(only_the_handler_acknowledges_and_without_items),
        TEST(a_handler_in_a_closed_wait_is_told_afterwards),
        TEST(who_is_not_the_handler_waits_for_the_line),
        TEST(what_came_while_it_was_masked_is_for_the_next_handler),
        TEST(errors_in_the_order_of_the_arguments),
        TEST(a_line_has_one_listener),
        TEST(deassociation_frees_it_and_tells_who_waits),
        TEST(another_handler_gets_what_the_first_did_not),
        TEST(a_handler_that_goes_stops_its_line),
        TEST(memory_that_is_taken_back_takes_the_line),
        TEST(a_line_outlives_who_associated_it),
        TEST(schedule_works_when_it_is_associated),
        TEST(registers_are_nobodys),
        TEST(nobody_speaks_as_a_line_to_another_space),
        cmocka_unit_test_setup_teardown(handlers_move_and_live_on_other_cpus, set_up_two_cpus,
                                        end_two_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

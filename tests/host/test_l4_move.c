/* ThreadControl that takes an active thread to another space: what goes along, what ends, who is
 * told, and what is refused. On one CPU, and with the thread at home on another. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "exo/arch/upward.h"
#include "l4core/partner.h"

#define NEVER             TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT           TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define KMEM              41u
#define FRAMES            42u
#define NOTE              43u
#define IDLER             44u
#define IN_TASK           5u
#define ID(n)             ((word_t)(200 + (n)) << 32 | 1)
#define AREA              ((vaddr_t)0x80000000) /* of UTCBs: 16 pages */
#define FPAGE(base, bits) ((base) | (word_t)(bits) << 4)
#define KIP_PAGE          FPAGE((vaddr_t)0x90000000, 12) /* far from those: other tables */
#define UTCBS             FPAGE(AREA, 16)
#define WORKS(call)       assert_int_equal((call), 1)
#define MOVE(n, to)       thread_control(p.t, ID(n), ID(to), L4_NIL, L4_NIL, NO_UTCB)

static struct party p, q;     /* p is privileged */
static struct thread *t;      /* ID(1), active, and run once; its space has ID(0), inactive, too */
static struct env *from, *to; /* its own, and that of ID(10), which is inactive */
static unsigned home;         /* of `t` */

static void set_areas(word_t space)
{
    struct regs *r = thread_regs(p.t);

    world_run(p.t);
    r->rdi = space;
    r->rsi = 0;
    r->rdx = KIP_PAGE;
    r->r8 = UTCBS;
    r->r9 = L4_NIL;
    l4_enter(p.t, LINK_SPACE_CONTROL);
    WORKS(r->rax);
}

static void make_space(unsigned n)
{
    WORKS(thread_control(p.t, ID(n), ID(n), p.t->global_id, L4_NIL, NO_UTCB));
    set_areas(ID(n));
}

static struct thread *make_active(unsigned n, unsigned space, unsigned page)
{
    const word_t me = p.t->global_id;

    WORKS(thread_control(p.t, ID(n), ID(space), me, me, AREA + page * PAGE_SIZE));
    return thread_by_number(200 + n);
}

static struct thread *make_running(unsigned n, unsigned space, unsigned page)
{
    struct thread *made = make_active(n, space, page);

    ipc_words(p.t, ID(n), L4_NIL, NEVER, 0, 2, 0x401000);
    return made;
}

static void place(struct thread *o, unsigned cpu)
{
    if (cpu == o->cpu)
        return;
    forest_lock();
    OK(thread_move(o, cpu, 100, false));
    forest_unlock();
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(cap_copy, SLOT_ENV, KMEM, REGION, RIGHT_ALL, world.base + 512, 192));
    OK(BOSS(env_kmem, p.env, KMEM));
    OK(BOSS(env_privilege, p.env, SLOT_MACHINE));
    make_space(0);
    make_space(10);
    t = make_running(1, 0, 1);
    from = t->env;
    to = thread_by_number(210)->env;
    home = 0;
    return 0;
}

static int set_up_two(void **state)
{
    set_up(state);
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    home = 1;
    place(t, home);
    party_thread(&q, IDLER, 1); /* runs there when it waits */
    OK(BOSS(thread_place, IDLER, SLOT_CPU, 1, 1));
    return 0;
}

static int end(void **state)
{
    cap_slot(world.root, SLOT_CPU)->count = 1;
    return world_end(state);
}

static void assert_is_there(const struct thread *o, const struct env *e, const struct env *left)
{
    const pte_t *old = entry_of(left, o->utcb_va);

    assert_ptr_equal(o->env, e);
    assert_false(old && arch_pte_present(*old));
    assert_ptr_equal(memory_of(o, o->utcb_va), o->utcb);
    assert_int_equal(thread_exo(o)->env, e->number);
    assert_int_equal(frame_of(frame_number(o))->owner, e->number);
    world_check();
}

static void it_keeps_ids_registers_and_utcb(void **state)
{
    const uint32_t threads = from->info->threads, frames = from->info->frames;

    (void)state;
    *thread_mr(t, 40) = 4711;
    WORKS(MOVE(1, 10));
    assert_is_there(t, to, from);
    assert_int_equal(from->info->threads, threads - 1);
    assert_int_equal(from->info->frames, frames - L4_THREAD_FRAMES);
    assert_int_equal(t->global_id, ID(1));
    assert_int_equal(t->state, THREAD_READY);
    assert_int_equal(t->cpu, home);
    assert_int_equal(thread_regs(t)->rip, 0x401000);
    assert_int_equal(*thread_mr(t, 40), 4711);
    assert_int_equal(*thread_mr(t, TCR_SELF), AREA + PAGE_SIZE + UTCB_MR);
    world_run(t);
    assert_ptr_equal(cpu_number(home)->space, to);
    ipc(t, L4_NIL, L4_ANY, NEVER);
    ipc_words(q.t, ID(1), L4_NIL, NO_WAIT, 0, 1, 7);
    assert_received(t, q.t->global_id);
}

static void a_thread_that_runs_is_taken_off_its_cpu(void **state)
{
    (void)state;
    world_run(t);
    thread_regs(t)->vector = VECTOR_MAILBOX; /* it was interrupted */
    WORKS(MOVE(1, 10));
    assert_is_there(t, to, from);
    world_run(t);
    assert_ptr_equal(cpu_number(home)->space, to);
}

/* Who waits for the lock in a call of its own has registers that nobody saved yet. */
static void a_call_that_waits_for_the_lock_is_made_first(void **state)
{
    (void)state;
    world_run(t);
    thread_regs(t)->vector = VECTOR_CALL;
    thread_regs(p.t)->rax = 0;
    MOVE(1, 10);
    assert_int_equal(thread_regs(p.t)->rip, WINDOW_LINKS + LINK_THREAD_CONTROL * LINK_STRIDE);
    assert_ptr_equal(t->env, from);
    thread_regs(t)->vector = VECTOR_MAILBOX;
    WORKS(MOVE(1, 10));
    assert_is_there(t, to, from);
}

static void its_version_pager_and_scheduler_can_change_with_it(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, ID(1), NEVER);
    WORKS(thread_control(p.t, ID(1) + 1, ID(10), q.t->global_id, q.t->global_id, NO_UTCB));
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_is_there(t, to, from);
    assert_int_equal(t->global_id, ID(1) + 1);
    assert_int_equal(t->scheduler, q.t->global_id);
    assert_int_equal(*thread_mr(t, TCR_PAGER), q.t->global_id);
}

static void what_it_waits_for_is_cancelled(void **state)
{
    (void)state;
    ipc(t, L4_NIL, L4_ANY, NEVER);
    WORKS(MOVE(1, 10));
    assert_failed(t, IPC_CANCELLED, IPC_RECEIVE_PHASE);
    ipc_words(t, q.t->global_id, L4_NIL, NEVER, 0, 0, 0);
    assert_int_equal(t->state, THREAD_IPC_SEND);
    WORKS(MOVE(1, 0));
    assert_failed(t, IPC_CANCELLED, IPC_SEND_PHASE);
    assert_true(list_is_empty(&q.t->senders));
    assert_is_there(t, from, to);
}

static void a_page_fault_comes_again_there(void **state)
{
    (void)state;
    page_fault(t, 0x402000, 4);
    assert_int_equal(t->state, THREAD_IPC_SEND);
    WORKS(MOVE(1, 10));
    assert_int_equal(t->state, THREAD_READY);
    assert_int_equal(t->ipc_kernel, IPC_OWN);
    page_fault(t, 0x402000, 4);
    ipc(p.t, L4_NIL, ID(1), NO_WAIT);
    assert_received(p.t, ID(1));
    assert_int_equal(get_mr(p.t, 1), 0x402000);
}

static void who_was_not_started_is_started_there(void **state)
{
    struct thread *fresh = make_active(2, 0, 2);

    (void)state;
    place(fresh, home);
    WORKS(MOVE(2, 10));
    assert_is_there(fresh, to, from);
    assert_int_equal(fresh->state, THREAD_IPC_RECEIVE);
    ipc_words(p.t, ID(2), L4_NIL, NO_WAIT, 0, 2, 0x403000);
    assert_false(get_mr(p.t, 0) & TAG_ERROR);
    assert_int_equal(thread_regs(fresh)->rip, 0x403000);
}

static void a_halted_thread_stays_halted(void **state)
{
    (void)state;
    thread_stop(t);
    WORKS(MOVE(1, 10));
    assert_is_there(t, to, from);
    assert_int_equal(t->state, THREAD_STOPPED);
}

/* The slot is one of the space's that it leaves. */
static void its_wait_for_a_notification_is_interrupted(void **state)
{
    (void)state;
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    give(p.env, IN_TASK, NOTE, RIGHT_ALL);
    set_areas(p.t->global_id);
    WORKS(thread_control(p.t, ID(6), p.t->global_id, p.t->global_id, p.t->global_id,
                         AREA + 6 * PAGE_SIZE));
    ipc_words(p.t, ID(6), L4_NIL, NEVER, 0, 2, 0x401000);
    struct thread *waiter = thread_by_number(206);
    place(waiter, home);
    assert_int_equal(CALL(waiter, notify_wait, IN_TASK, 1, FOREVER), BLOCKED);
    WORKS(MOVE(6, 10));
    assert_is_there(waiter, to, p.e);
    assert_int_equal(waiter->state, THREAD_READY);
    assert_int_equal(thread_regs(waiter)->rax, ERR_INTERRUPTED);
    assert_int_equal(CALL(waiter, notify_wait, IN_TASK, 1, 0), ERR_BAD_CAP);
}

static void who_waits_for_its_local_id_is_told(void **state)
{
    struct thread *mate = make_running(3, 0, 3), *other = make_running(4, 0, 4);

    (void)state;
    ipc(mate, L4_NIL, local_id(t), NEVER);
    ipc(other, L4_NIL, ID(1), NEVER);
    assert_int_equal(mate->state, THREAD_IPC_RECEIVE);
    WORKS(MOVE(1, 10));
    assert_failed(mate, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_int_equal(other->state, THREAD_IPC_RECEIVE);
    ipc_words(t, ID(4), L4_NIL, NO_WAIT, 0, 1, 9);
    assert_received(other, ID(1)); /* a stranger's global ID now */
    ipc_words(mate, local_id(t), L4_NIL, NO_WAIT, 0, 0, 0);
    assert_failed(mate, IPC_NO_PARTNER, IPC_SEND_PHASE);
}

static void who_sends_in_its_name_is_told(void **state)
{
    struct thread *mate = make_running(3, 0, 3);

    (void)state;
    *thread_mr(mate, TCR_ACTUAL_SENDER) = ID(1);
    set_mr(mate, 0, TAG_PROPAGATED);
    ipc(mate, q.t->global_id, L4_NIL, NEVER);
    assert_int_equal(mate->ipc_virtual, ID(1));
    WORKS(MOVE(1, 10));
    assert_failed(mate, IPC_NO_PARTNER, IPC_SEND_PHASE);
}

/* Inside a space messages go by themselves; to another one they are the redirector's. */
static void who_may_not_send_to_the_new_space_is_told(void **state)
{
    struct thread *mate = make_running(3, 0, 3);

    (void)state;
    ipc_set_redirector(from, q.t->global_id);
    ipc_words(mate, ID(1), L4_NIL, NEVER, 0, 0, 0);
    ipc_words(world.boss, ID(1), L4_NIL, TIMEOUTS(TIME_1MS, TIME_NEVER), 0, 1, 5);
    assert_int_equal(mate->state, THREAD_IPC_SEND);
    assert_true(t->kind & THREAD_REDIRECTED);
    WORKS(MOVE(1, 10));
    assert_false(t->kind & THREAD_REDIRECTED);
    assert_failed(mate, IPC_NO_PARTNER, IPC_SEND_PHASE);
    ipc(t, L4_NIL, L4_ANY, NO_WAIT);
    assert_received(t, world.boss->global_id); /* who is not redirected stays queued */
    thread_regs(t)->vector = VECTOR_MAILBOX;
    WORKS(MOVE(1, 0));
    assert_true(t->kind & THREAD_REDIRECTED);
}

static void the_empty_space_goes(void **state)
{
    const uint16_t number = from->number;

    (void)state;
    WORKS(MOVE(0, 10));
    assert_ptr_equal(env_by_number[number], from);
    WORKS(MOVE(1, 10));
    assert_null(env_by_number[number]);
    assert_ptr_equal(t->env, to);
    world_run(t);
    assert_ptr_equal(cpu_number(home)->space, to);
}

static void a_thread_moves_itself(void **state)
{
    (void)state;
    from->privileged = true;
    const word_t made = thread_control(t, ID(1), ID(10), L4_NIL, L4_NIL, NO_UTCB);
    from->privileged = false;
    WORKS(made);
    assert_is_there(t, to, from);
    assert_int_equal(t->cpu, home);
    assert_int_equal(t->state == THREAD_READY || t->state == THREAD_RUNNING, 1);
    world_run(t);
    assert_ptr_equal(cpu_number(home)->space, to);
}

/* The call fails with `error`, and the thread is where it was. */
#define FAILS(error, call)                                                                         \
    do {                                                                                           \
        const uint32_t free_before = world_free();                                                 \
        assert_int_equal((call), 0);                                                               \
        assert_int_equal(last_error(p.t), (error));                                                \
        assert_int_equal(world_free(), free_before);                                               \
        assert_ptr_equal(t->env, from);                                                            \
        assert_int_equal(t->state, THREAD_READY);                                                  \
    } while (0)

static void its_location_must_be_free_and_in_the_area_there(void **state)
{
    (void)state;
    FAILS(6, thread_control(p.t, ID(1), ID(10), L4_NIL, L4_NIL, AREA + 2 * PAGE_SIZE));
    FAILS(6, thread_control(p.t, ID(1), p.t->global_id, L4_NIL, L4_NIL, NO_UTCB)); /* no area */
    make_active(11, 10, 1);
    FAILS(6, MOVE(1, 10)); /* taken */
    FAILS(3, MOVE(1, 99));
    FAILS(4, thread_control(p.t, ID(1), ID(10), ID(99), L4_NIL, NO_UTCB));
    assert_int_equal(thread_control(p.t, q.t->global_id, ID(10), L4_NIL, L4_NIL, NO_UTCB), 0);
    assert_int_equal(last_error(p.t), 2); /* not made by ThreadControl */
}

static void without_memory_for_tables_it_stays(void **state)
{
    const pfn_t base = world.base + 512;
    pfn_t first = frame_find(base, base + 192, 1);

    (void)state;
    OK(BOSS(frames_alloc, KMEM, first, 192 - (first - base), FRAMES));
    FAILS(8, MOVE(1, 10));
    OK(BOSS(cap_delete, FRAMES));
    WORKS(MOVE(1, 10));
}

static void in_a_protected_control_transfer_it_stays(void **state)
{
    (void)state;
    t->pct_caller = q.t;
    assert_int_equal(MOVE(1, 10), 0);
    assert_int_equal(last_error(p.t), 2);
    assert_ptr_equal(t->env, from);
    t->pct_caller = NULL;
}

int main(void)
{
#define TEST(f)                                                                                    \
    cmocka_unit_test_setup_teardown(f, set_up, end),                                               \
    {                                                                                              \
#f ", from another CPU", f, set_up_two, end, NULL                                          \
    }
    const struct CMUnitTest tests[] = {
        TEST(it_keeps_ids_registers_and_utcb),
        TEST(a_thread_that_runs_is_taken_off_its_cpu),
        cmocka_unit_test_setup_teardown(a_call_that_waits_for_the_lock_is_made_first, set_up_two,
                                        end),
        TEST(its_version_pager_and_scheduler_can_change_with_it),
        TEST(what_it_waits_for_is_cancelled),
        TEST(a_page_fault_comes_again_there),
        TEST(who_was_not_started_is_started_there),
        TEST(a_halted_thread_stays_halted),
        TEST(its_wait_for_a_notification_is_interrupted),
        TEST(who_waits_for_its_local_id_is_told),
        TEST(who_sends_in_its_name_is_told),
        TEST(who_may_not_send_to_the_new_space_is_told),
        TEST(the_empty_space_goes),
        TEST(a_thread_moves_itself),
        TEST(its_location_must_be_free_and_in_the_area_there),
        TEST(without_memory_for_tables_it_stays),
        TEST(in_a_protected_control_transfer_it_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The fast path of IPC: taken when nothing is unusual, and otherwise as if it were not there. */
#include "tests/host/kernel_ipc.h"

#include "exo/env/hooks.h"
#include "exo/env/upcall.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_NEVER)

static struct party p, q, s;
static struct thread *mate;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    mate = party_thread(&p, 40, 1);
    ipc_always_slow = false;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc(mate, L4_NIL, p.t->global_id, NEVER);
    world_run(p.t);
    set_mr(p.t, 0, TAG_MAKE(5, 2, 0));
    return 0;
}

/* What the caller is called when the path was taken, or 0. What lies in registers is moved by the
 * CPU's entry afterwards. */
static word_t fast(word_t to, word_t from, word_t timeouts)
{
    word_t name = hook_ipc_fast(p.t, to, from, 2, timeouts, get_mr(p.t, 0));

    world_check();
    return name;
}

/* Refused, and nothing has changed. */
static void assert_left(word_t to, word_t from, word_t timeouts)
{
    struct regs *r = thread_regs(p.t);

    r->rdi = local_id(p.t);
    r->rsi = to;
    r->rdx = from;
    r->r8 = timeouts;
    world_remember();
    assert_int_equal(hook_ipc_fast(p.t, to, from, 2, timeouts, get_mr(p.t, 0)), 0);
    assert_true(world_is_same());
}

static void assert_switched_to(struct thread *t)
{
    assert_ptr_equal(cpu_this()->current, t);
    assert_int_equal(t->state, THREAD_RUNNING);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
}

static void a_call_and_a_reply_that_waits_are_fast(void **state)
{
    (void)state;
    word_t id = q.t->global_id;

    set_mr(p.t, 0, TAG_MAKE(5, 10, 0));
    for (unsigned i = 8; i < 13; i++) {
        set_mr(p.t, i, 100 + i);
        set_mr(q.t, i, 0);
    }
    assert_int_equal(fast(id, id, NEVER), p.t->global_id);
    assert_switched_to(q.t);
    for (unsigned i = 8; i < 13; i++)
        assert_int_equal(get_mr(q.t, i), i <= 10 ? 100 + i : 0);
    assert_int_equal(p.t->ipc_from, id);
    assert_int_equal(hook_ipc_fast(q.t, p.t->global_id, L4_ANY, 2, NO_WAIT, 0), id);
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(fast(id, L4_ANY, NEVER), p.t->global_id);
    assert_switched_to(q.t);
}

static void a_partner_in_the_same_space_that_waits_for_the_caller_is_fast(void **state)
{
    (void)state;
    assert_int_equal(fast(mate->global_id, mate->global_id, NEVER), local_id(p.t));
    assert_switched_to(mate);
}

/* The general way remembers whom a local ID names. */
static void a_partner_that_was_found_by_its_local_id_is_fast_by_it_too(void **state)
{
    (void)state;
    const word_t local = local_id(mate), own = local_id(p.t);

    assert_left(local, local, NEVER); /* it never was */
    ipc_always_slow = true;
    ipc_words(p.t, local, local, NEVER, 0, 0, 0);
    ipc_words(mate, own, L4_ANY_LOCAL, NO_WAIT, 0, 0, 0);
    ipc_always_slow = false;
    world_run(p.t);
    set_mr(p.t, 0, TAG_MAKE(5, 2, 0));
    assert_left(local, q.t->global_id, NEVER);
    assert_left(local, L4_NIL, NEVER);
    assert_left(local, local, TIMEOUTS(TIME_NEVER, TIME_1MS));
    assert_left(local + PAGE_SIZE, local + PAGE_SIZE, NEVER);
    assert_left(local + 64, local + 64, NEVER);
    mate->ipc_from = s.t->global_id;
    assert_left(local, local, NEVER);
    mate->ipc_from = L4_ANY_LOCAL;
    assert_int_equal(fast(local, local, NEVER), own);
    assert_switched_to(mate);
    assert_int_equal(p.t->ipc_from, mate->global_id);
    assert_int_equal(hook_ipc_fast(mate, own, L4_ANY_LOCAL, 2, NO_WAIT, 0), local);
    set_mr(p.t, 0, TAG_MAKE(5, 2, 0));
    assert_int_equal(fast(local, L4_ANY_LOCAL, NEVER), own);
    assert_int_equal(p.t->ipc_from, L4_ANY_LOCAL);
    assert_int_equal(hook_ipc_fast(mate, own, own, 2, NO_WAIT, 0), local);
    assert_int_equal(mate->ipc_from, p.t->global_id);
}

/* A thread of another space may have its UTCB at the same address. */
static void a_local_id_names_nobody_of_another_space(void **state)
{
    (void)state;
    const word_t local = local_id(mate);
    struct thread *other = party_thread(&s, 44, 1);

    assert_int_equal(local_id(other), local);
    ipc(other, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, local, local, NEVER, 0, 0, 0);
    world_run(s.t);
    s.e->locals[local / PAGE_SIZE % ENV_LOCALS] = (uint16_t)mate->number;
    assert_int_equal(hook_ipc_fast(s.t, local, local, 2, NEVER, 0), 0);
    assert_int_equal(other->state, THREAD_IPC_RECEIVE);
}

static void whatever_is_unusual_in_the_call_is_left_alone(void **state)
{
    (void)state;
    word_t id = q.t->global_id;

    assert_left(id, id, TIMEOUTS(TIME_NEVER, TIME_1MS));
    assert_left(id, id, TIMEOUTS(TIME_NEVER, TIME_ZERO));
    assert_left(id, L4_NIL, NEVER);
    assert_left(id, s.t->global_id, NEVER);
    assert_left(id, L4_ANY_LOCAL, NEVER);
    assert_left(L4_NIL, L4_ANY, NEVER);
    assert_left(local_id(mate), local_id(mate), NEVER);
    set_mr(p.t, 0, TAG_MAKE(5, 2, 2));
    assert_left(id, id, NEVER);
    set_mr(p.t, 0, TAG_MAKE(5, 2, 0));
    set_mr(p.t, 0, TAG_MAKE(5, 2, 0) | 1u << 12);
    assert_left(id, id, NEVER);
    set_mr(p.t, 0, TAG_MAKE(5, 2, 0));
    ipc_words(s.t, p.t->global_id, L4_NIL, NEVER, 1, 0, 0);
    world_run(p.t);
    set_mr(p.t, 0, TAG_MAKE(5, 2, 0));
    assert_left(id, L4_ANY, NEVER); /* a sender is queued */
    assert_true(fast(id, id, NEVER));
}

static void a_partner_that_is_not_waiting_for_the_caller_is_left_alone(void **state)
{
    (void)state;
    const word_t bad[] = {
        L4_ANY,         q.t->global_id + 1, (word_t)5000 << 32 | 1, (word_t)THREAD_MAX << 32 | 1,
        p.t->global_id, s.t->global_id};

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_left(bad[i], bad[i], NEVER);
    ipc(s.t, L4_NIL, q.t->global_id, NEVER);
    world_run(p.t);
    assert_left(s.t->global_id, s.t->global_id, NEVER);
    q.t->cpu = 1;
    assert_left(q.t->global_id, q.t->global_id, NEVER);
    q.t->cpu = 0;
}

static void a_partner_that_sleeps_or_waits_for_its_pager_is_left_alone(void **state)
{
    (void)state;
    ipc(s.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_1MS));
    world_run(p.t);
    assert_left(s.t->global_id, s.t->global_id, NEVER);
    pass_time(TICKS_1MS);
    *thread_mr(s.t, TCR_PAGER) = p.t->global_id;
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    page_fault(s.t, PARTY_MEMORY + 100 * PAGE_SIZE, 4);
    assert_int_equal(s.t->state, THREAD_IPC_RECEIVE);
    world_run(p.t);
    set_mr(p.t, 0, TAG_MAKE(0, 0, 0));
    assert_left(s.t->global_id, L4_ANY, NEVER);
}

static void a_partner_with_an_event_or_without_extended_state_is_left_alone(void **state)
{
    (void)state;
    word_t id = q.t->global_id;

    thread_exo(q.t)->entry[UPCALL_NOTIFY] = PARTY_MEMORY;
    assert_true(upcall_post_here(q.t, UPCALL_NOTIFY));
    assert_left(id, id, NEVER);
    q.t->events = false;
    thread_exo(q.t)->pending = 0;
    q.t->kind = THREAD_NO_FPU;
    assert_left(id, id, NEVER);
    q.t->kind = 0;
    assert_true(fast(id, id, NEVER));
}

/* A call that begins fast and is answered the general way, with or without a message. */
static void an_answer_of_the_other_way_ends_it_as_well(void **state)
{
    (void)state;
    word_t id = q.t->global_id;

    for (unsigned error = 0; error < 2; error++) {
        struct regs *r = thread_regs(p.t);
        ipc_always_slow = false;
        world_run(p.t);
        r->rdi = local_id(p.t);
        ipc_words(p.t, id, id, NEVER, 1, 1, 7);
        assert_ptr_equal(cpu_this()->current, q.t);
        r->rdi = 0; /* not saved */
        ipc_always_slow = true;
        if (error)
            OK(BOSS(cap_delete, q.thread));
        else
            ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 2, 1, 8);
        ipc_always_slow = false;
        assert_int_equal(r->rdi, local_id(p.t));
        assert_int_equal(r->rsi, error ? L4_NIL : id);
    }
}

static void a_call_to_nobody_fails_by_either_path(void **state)
{
    (void)state;
    const word_t bad[] = {L4_ANY, (word_t)5000 << 32 | 1, (word_t)THREAD_MAX << 32 | 1};

    for (unsigned slow = 0; slow < 2; slow++)
        for (unsigned i = 0; i < 3; i++) {
            ipc_always_slow = slow;
            ipc_words(p.t, bad[i], bad[i], NEVER, 1, 0, 0);
            assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
        }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_and_a_reply_that_waits_are_fast),
        TEST(a_partner_in_the_same_space_that_waits_for_the_caller_is_fast),
        TEST(a_partner_that_was_found_by_its_local_id_is_fast_by_it_too),
        TEST(a_local_id_names_nobody_of_another_space),
        TEST(whatever_is_unusual_in_the_call_is_left_alone),
        TEST(a_partner_that_is_not_waiting_for_the_caller_is_left_alone),
        TEST(a_partner_that_sleeps_or_waits_for_its_pager_is_left_alone),
        TEST(a_partner_with_an_event_or_without_extended_state_is_left_alone),
        TEST(an_answer_of_the_other_way_ends_it_as_well),
        TEST(a_call_to_nobody_fails_by_either_path),
    };
    return cmocka_run_group_tests_name("l4core/fast", tests, NULL, NULL);
}

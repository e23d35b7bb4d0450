/* Grafts that are asked about a message before registers are saved (l4core/judge_fast.c). */
#include "tests/host/graft_asm.h"
#undef CALL
#include "tests/host/graft_kernel.h"

#include "l4core/partner.h"
#include "tests/host/kernel_ipc.h"

enum { GRAFT = 40, MATE, THIRD };
#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)

/* The label says what becomes of the message; or its phase: what comes in is refused. */
static const struct insn by_label[] = {LDX(DW, 0, 1, 16), EXIT};
static const struct insn by_phase[] = {LDX(W, 0, 1, 32), ALU64_K(MUL, 0, 3), EXIT};

static struct party p, q, r;

static uint64_t runs(void)
{
    return graft_runs(GRAFT);
}

/* As if their code kept registers: the interpreter stands for it. */
static uint64_t early_runs;

static uint64_t run_for(const struct env *e, uint64_t context)
{
    return graft_run_fully(graft_bound(&e->places[ENV_PLACE_IPC]), (void *)(uintptr_t)context, 0);
}

static uint64_t run_for_p(uint64_t context)
{
    return run_for(p.e, context);
}

static uint64_t run_for_q(uint64_t context)
{
    return run_for(q.e, context);
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&r, 28);
    ipc_always_slow = false;
    early_runs = 0;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    return 0;
}

static int tear_down(void **state)
{
    env_ipc_quick = 0;
    return world_end(state);
}

static void bind_early(const struct party *to, const struct insn *code, size_t bytes)
{
    graft_make(GRAFT, code, bytes, GRAFT_HOOK_IPC);
    OK(BOSS(graft_bind, GRAFT, to->env, GRAFT_HOOK_IPC));
    to->e->quick[ENV_PLACE_IPC] =
        (struct env_quick){to == &p ? run_for_p : run_for_q, &early_runs, QUICK_SEEING};
    env_ipc_quick = (word_t)1 << 63;
}

/* A call of q by p: was a graft asked before registers are saved, so many times? */
static void calls(word_t label, uint64_t asked)
{
    early_runs = 0;
    world_run(p.t);
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, label, 9, 8);
    assert_int_equal(early_runs, asked);
    world_check();
    assert_null(cpu_this()->refused);
}

static void answers(void)
{
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 9), 16);
    world_run(q.t);
    ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 5, 2, 8);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void a_graft_of_the_senders_is_asked_early(void **state)
{
    (void)state;
    bind_early(&p, by_label, sizeof by_label);
    calls(GRAFT_IPC_DEFAULT, 1);
    assert_ptr_equal(cpu_this()->current, q.t);
    answers();
    assert_int_equal(early_runs, 2); /* for what it gets, too */
    calls(GRAFT_IPC_PASS, 1);
    answers();
    for (word_t label = GRAFT_IPC_REDIRECT; label <= GRAFT_IPC_REFUSE; label++) {
        const uint64_t before = runs();
        calls(label, 1);
        assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
        assert_int_equal(runs(), before + 1); /* once */
    }
    calls(77, 1);
    answers();
}

static void a_graft_of_the_receivers_is_asked_early(void **state)
{
    (void)state;
    bind_early(&q, by_phase, sizeof by_phase);
    calls(5, 1);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_int_equal(runs(), 1);
    q.e->quick[ENV_PLACE_IPC].kind = QUICK_NOT;
    calls(5, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    OK(BOSS(graft_bind, SLOT_NONE, q.env, GRAFT_HOOK_IPC));
    calls(5, 0);
    answers();
}

static struct graft_ipc seen;

static uint64_t see(uint64_t context)
{
    seen = *(const struct graft_ipc *)(uintptr_t)context;
    return GRAFT_IPC_DEFAULT;
}

static uint64_t see_nothing(uint64_t context)
{
    assert_int_equal(context, 0);
    return GRAFT_IPC_REFUSE;
}

static void what_a_graft_is_told_early(void **state)
{
    struct env_quick *quick = &p.e->quick[ENV_PLACE_IPC];

    (void)state;
    bind_early(&p, by_label, sizeof by_label);
    quick->code = see;
    calls(0x123456789abc, 1);
    assert_memory_equal(&seen,
                        (&(struct graft_ipc){.from = p.t->global_id,
                                             .to = q.t->global_id,
                                             .label = 0x123456789abc,
                                             .untyped = 9,
                                             .phase = GRAFT_IPC_SEND}),
                        sizeof seen);
    assert_int_equal(cpu_this()->like, q.t->kind);
    answers();
    assert_memory_equal(&seen,
                        (&(struct graft_ipc){.from = q.t->global_id,
                                             .to = p.t->global_id,
                                             .label = 5,
                                             .untyped = 2,
                                             .phase = GRAFT_IPC_RECEIVE}),
                        sizeof seen);
    assert_int_equal(cpu_this()->like, p.t->kind);
    *quick = (struct env_quick){see_nothing, &early_runs, QUICK_BLIND};
    calls(5, 1);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
}

/* Within a space nobody is asked. */
static void neighbours_are_not_asked_early(void **state)
{
    struct thread *mate = party_thread(&p, MATE, 1);

    (void)state;
    bind_early(&p, by_label, sizeof by_label);
    world_run(mate);
    ipc(mate, L4_NIL, L4_ANY, NEVER);
    world_run(p.t);
    ipc_words(p.t, mate->global_id, mate->global_id, NEVER, GRAFT_IPC_REFUSE, 9, 8);
    assert_received(mate, local_id(p.t));
    assert_int_equal(early_runs + runs(), 0);
}

/* `t` waits to send to `to` in the name of `other`. */
static void queue_named(struct thread *t, const struct thread *to, const struct thread *other)
{
    world_run(t);
    set_mr(t, 0, TAG_PROPAGATED | TAG_MAKE(GRAFT_IPC_PASS, 1, 0));
    set_mr(t, 1, 77);
    *thread_mr(t, TCR_ACTUAL_SENDER) = other->global_id;
    ipc(t, to->global_id, L4_NIL, NEVER);
    assert_true(to->kind & THREAD_NAMED);
}

/* Who has a queued message in the name of whom it calls gets that one, and is not sent away. */
static void who_speaks_for_another_is_heard_first(void **state)
{
    struct thread *second = party_thread(&q, THIRD, 2);

    (void)state;
    bind_early(&p, by_label, sizeof by_label);
    ipc_words(r.t, q.t->global_id, L4_NIL, NO_WAIT, 5, 1, 8);
    ipc(q.t, L4_NIL, p.t->global_id, NEVER);
    queue_named(party_thread(&r, MATE, 1), q.t, r.t); /* and the two are alike */
    queue_named(second, p.t, q.t);
    calls(GRAFT_IPC_PASS, 0);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 1), 77);
}

static void what_is_unusual_is_asked_late(void **state)
{
    (void)state;
    bind_early(&p, by_label, sizeof by_label);
    ipc_set_redirector(p.e, r.t->global_id);
    calls(GRAFT_IPC_PASS, 0);
    answers();
    assert_int_equal(runs(), 2);
    ipc_set_redirector(p.e, 0);
    q.t->kind |= THREAD_NO_FPU;
    calls(GRAFT_IPC_PASS, 0);
    q.t->kind &= (uint8_t)~THREAD_NO_FPU;
    p.e->quick[ENV_PLACE_IPC].kind = QUICK_NOT;
    answers();
    calls(GRAFT_IPC_REFUSE, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    p.e->quick[ENV_PLACE_IPC].kind = QUICK_SEEING;
    q.t->ipc_from = r.t->global_id; /* who waits for another */
    calls(GRAFT_IPC_PASS, 0);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_graft_of_the_senders_is_asked_early),
        TEST(a_graft_of_the_receivers_is_asked_early),
        TEST(what_a_graft_is_told_early),
        TEST(neighbours_are_not_asked_early),
        TEST(who_speaks_for_another_is_heard_first),
        TEST(what_is_unusual_is_asked_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Grafts of environments: what becomes of messages that cross their borders, which thread has a
 * position of the slice vector, and what is taken by force first. */
#include "tests/host/graft_asm.h"
#undef CALL
#include "tests/host/graft_kernel.h"

#include "bindings/env_place.h"
#include "exo/abi/revoke.h"
#include "exo/arch/irq.h"
#include "exo/env/hooks.h"
#include "exo/env/slice.h"
#include "l4core/partner.h"
#include "tests/host/kernel_ipc.h"

enum { GRAFT = 40, PART, COPY_OF_ENV, MATE, THIRD };
#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define MINE    6u /* p's slots: a part of REGION, and memory that it made */
#define SMALL   7u
#define LARGE   8u

/* The label says what becomes of the message; or its phase: what comes in is refused. */
static const struct insn by_label[] = {LDX(DW, 0, 1, 16), EXIT};
static const struct insn by_phase[] = {LDX(W, 0, 1, 32), ALU64_K(MUL, 0, 3), EXIT};

static struct party p, q, r;
static struct thread *mate; /* of p's space */

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&r, 28);
    mate = party_thread(&p, MATE, 1);
    return 0;
}

/* A graft that always says `value`, bound to p; the one before goes. */
static void always(uint32_t value, uint32_t hook)
{
    const struct insn code[] = {SET(0, value), EXIT};

    graft_make(GRAFT, code, sizeof code, hook);
    OK(BOSS(graft_bind, GRAFT, p.env, hook));
}

static uint64_t runs(void)
{
    return graft_runs(GRAFT);
}

static void places_of_environments_refuse(void **state)
{
    struct thread *b = world.boss;

    (void)state;
    graft_make(GRAFT, by_label, sizeof by_label, GRAFT_HOOK_IPC);
    OK(BOSS(cap_copy, SLOT_ENV, COPY_OF_ENV, p.env, RIGHT_ALL, 0, 0));
    REFUSED(ERR_BAD_CAP, b, graft_bind, GRAFT, p.thread, GRAFT_HOOK_IPC);
    REFUSED(ERR_NO_RIGHT, b, graft_bind, GRAFT, COPY_OF_ENV, GRAFT_HOOK_IPC);
    REFUSED(ERR_BAD_STATE, b, graft_bind, GRAFT, p.env, GRAFT_HOOK_SLICE_END);
    REFUSED(ERR_BAD_STATE, b, graft_bind, GRAFT, p.env, GRAFT_HOOK_RECLAIM);
    REFUSED(ERR_NOT_BOUND, b, graft_bind, SLOT_NONE, p.env, GRAFT_HOOK_IPC);
    give(p.env, 9, GRAFT, RIGHT_ALL); /* who is redirected cannot end that */
    REFUSED(ERR_NO_RIGHT, p.t, graft_bind, 9, SLOT_ENV, GRAFT_HOOK_IPC);
    always(0, GRAFT_HOOK_SLICE_END);
    OK(BOSS(graft_bind, GRAFT, COPY_OF_ENV, GRAFT_HOOK_SLICE_END));
}

/* p sends to `to` with that label. */
static void sends(const struct thread *to, word_t label)
{
    ipc_words(p.t, to->global_id, L4_NIL, NO_WAIT, label, 1, 8);
}

static void assert_direct(struct thread *t)
{
    assert_received(t, p.t->global_id);
    assert_false(get_mr(t, 0) & TAG_REDIRECTED);
    ipc(t, L4_NIL, L4_ANY, NEVER);
}

static void a_graft_refuses_what_leaves(void **state)
{
    (void)state;
    graft_make(GRAFT, by_label, sizeof by_label, GRAFT_HOOK_IPC);
    OK(BOSS(graft_bind, GRAFT, p.env, GRAFT_HOOK_IPC));
    assert_true(p.t->kind & THREAD_REDIRECTED && mate->kind & THREAD_REDIRECTED);
    assert_true(party_thread(&p, THIRD, 2)->kind & THREAD_REDIRECTED);
    assert_false(q.t->kind & THREAD_REDIRECTED);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    sends(q.t, GRAFT_IPC_DEFAULT);
    assert_direct(q.t);
    sends(q.t, GRAFT_IPC_PASS);
    assert_direct(q.t);
    sends(q.t, 77);
    assert_direct(q.t);
    sends(q.t, GRAFT_IPC_REFUSE);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    sends(q.t, GRAFT_IPC_REDIRECT); /* there is no redirector */
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(runs(), 5);
    ipc(mate, L4_NIL, L4_ANY, NEVER);
    ipc_words(p.t, mate->global_id, L4_NIL, NO_WAIT, GRAFT_IPC_REFUSE, 1, 8);
    assert_received(mate, local_id(p.t)); /* that crosses no border */
    assert_int_equal(runs(), 5);
    OK(BOSS(cap_delete, GRAFT));
    assert_false((p.t->kind | mate->kind) & THREAD_REDIRECTED);
    sends(q.t, GRAFT_IPC_REFUSE);
    assert_direct(q.t);
}

static void a_graft_says_what_goes_to_the_redirector(void **state)
{
    (void)state;
    ipc_set_redirector(p.e, r.t->global_id);
    graft_make(GRAFT, by_label, sizeof by_label, GRAFT_HOOK_IPC);
    OK(BOSS(graft_bind, GRAFT, p.env, GRAFT_HOOK_IPC));
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    for (word_t label = 0; label < 3; label += GRAFT_IPC_REDIRECT) {
        ipc(r.t, L4_NIL, L4_ANY, NEVER);
        sends(q.t, label);
        assert_received(r.t, p.t->global_id);
        assert_true(get_mr(r.t, 0) & TAG_REDIRECTED);
        assert_int_equal(*thread_mr(r.t, TCR_INTENDED), q.t->global_id);
    }
    sends(q.t, GRAFT_IPC_PASS);
    assert_direct(q.t);
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    sends(q.t, GRAFT_IPC_REFUSE);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    OK(BOSS(graft_bind, SLOT_NONE, p.env, GRAFT_HOOK_IPC));
    assert_true(p.t->kind & THREAD_REDIRECTED);
    sends(q.t, GRAFT_IPC_PASS);
    assert_received(r.t, p.t->global_id);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
}

static void a_graft_refuses_what_comes_in(void **state)
{
    (void)state;
    graft_make(GRAFT, by_phase, sizeof by_phase, GRAFT_HOOK_IPC);
    OK(BOSS(graft_bind, GRAFT, q.env, GRAFT_HOOK_IPC));
    ipc(r.t, L4_NIL, L4_ANY, NEVER);
    ipc_words(q.t, r.t->global_id, L4_NIL, NO_WAIT, 5, 1, 8);
    assert_received(r.t, q.t->global_id);
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    sends(q.t, 5);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(runs(), 2);
    OK(BOSS(graft_bind, SLOT_NONE, q.env, GRAFT_HOOK_IPC));
    sends(q.t, 5);
    assert_direct(q.t);
}

static void the_environments_end_is_the_bindings(void **state)
{
    (void)state;
    always(0, GRAFT_HOOK_RECLAIM);
    const struct cap *c = cap_slot(world.root, GRAFT);
    assert_int_not_equal(c->node.child, 0);
    OK(BOSS(cap_delete, p.env));
    assert_int_equal(c->node.child, 0);
}

/* Even positions are p's, odd ones q's; the boss sleeps. */
static void share_slices(void)
{
    for (uint32_t i = 2; i < SLICE_COUNT; i++)
        OK(BOSS(slice_bind, SLOT_CPU, 0, i, i % 2 ? q.thread : p.thread));
    OK(BOSS(notification_create, REGION, PFN_ANY, THIRD));
}

/* Goes on to the next position that is bound to p; who has it? */
static struct thread *next_owner(void)
{
    const struct cpu *c = cpu_this();

    do
        pass_time(arch_tick_khz() * SLICE_MICROS / 1000 + 1);
    while (c->slices[c->info.position] != p.t);
    return slice_owner(c);
}

static void a_graft_gives_a_position_to_another_thread(void **state)
{
    (void)state;
    share_slices();
    always(mate->number, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(next_owner(), mate);
    assert_true(runs() > 0);
    pass_time(arch_tick_khz() * SLICE_MICROS / 1000);
    assert_ptr_equal(slice_owner(cpu_this()), q.t); /* whose positions are its own */
    always(0, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(next_owner(), p.t);
    always(q.t->number, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(next_owner(), p.t);
    always(THREAD_MAX, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(next_owner(), p.t);
    always(THREAD_MAX - 1, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(next_owner(), p.t);
}

static struct thread *deputy_of(uint32_t position)
{
    return hook_slice_deputy(position, 0, host.ticks);
}

/* Says the mate when a word of its context is a number. */
static void mate_if(int16_t offset, uint32_t number)
{
    const struct insn code[] = {LDX(W, 2, 1, offset), SET(0, mate->number),
                                JUMP64_K(JEQ, 2, number, 1), SET(0, 0), EXIT};

    graft_make(GRAFT, code, sizeof code, GRAFT_HOOK_SLICE_END);
    OK(BOSS(graft_bind, GRAFT, p.env, GRAFT_HOOK_SLICE_END));
}

static void a_graft_is_told_of_the_position(void **state)
{
    const uint32_t position = 2, before = 77;

    (void)state;
    share_slices();
    const struct {
        int16_t at;
        uint32_t is;
    } fields[] = {
        {0, (uint32_t)host.ticks}, {8, position}, {12, 0}, {16, p.t->number}, {20, before}};
    for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        world.step = i;
        mate_if(fields[i].at, fields[i].is);
        assert_ptr_equal(hook_slice_deputy(position, before, (uint32_t)host.ticks), mate);
        mate_if(fields[i].at, fields[i].is + 1);
        assert_null(hook_slice_deputy(position, before, (uint32_t)host.ticks));
    }
}

/* As if its code kept registers. */
static uint64_t early_runs, early_says;

static uint64_t say_early(uint64_t context)
{
    const struct graft_slice *s = (const struct graft_slice *)(uintptr_t)context;

    if (s)
        assert_true(s->time == host.ticks && s->position == cpu_this()->info.position &&
                    s->cpu == 0 && s->thread == p.t->number && s->last == early_says);
    return early_says;
}

/* Code that keeps registers is asked without the general way; the graft itself says nothing. */
static void a_graft_for_positions_is_asked_early(void **state)
{
    (void)state;
    share_slices();
    always(0, GRAFT_HOOK_SLICE_END);
    early_runs = early_says = 0;
    p.e->quick[ENV_PLACE_SLICE] = (struct env_quick){say_early, &early_runs, QUICK_BLIND};
    assert_ptr_equal(next_owner(), p.t);
    const uint64_t asked = early_runs;
    assert_true(asked > 0);
    early_says = mate->number;
    assert_ptr_equal(next_owner(), mate);
    assert_int_equal(early_runs, asked + 1);
    assert_int_equal(runs(), 0);
    early_says = q.t->number;
    assert_ptr_equal(next_owner(), p.t);
    p.e->quick[ENV_PLACE_SLICE] = (struct env_quick){0};
    assert_ptr_equal(next_owner(), p.t);
    assert_true(runs() > 0);
}

static uint64_t say_nothing(uint64_t context)
{
    (void)context;
    return 0;
}

static unsigned kind_at(enum env_place place)
{
    return p.e->quick[place].kind;
}

/* Code that may be asked early: quick, and with all registers kept but where a function may be
 * called; on one CPU. The host has none such, so it is said of a graft that is bound already. */
static void which_grafts_are_asked_early(void **state)
{
    (void)state;
    always(0, GRAFT_HOOK_IPC);
    struct graft *g = graft_bound(&p.e->places[ENV_PLACE_IPC]);
    env_place_changed(p.e);
    assert_int_equal(kind_at(ENV_PLACE_IPC), QUICK_NOT);
    g->quick = say_nothing;
    env_place_changed(p.e);
    assert_int_equal(kind_at(ENV_PLACE_IPC), QUICK_NOT);
    assert_int_equal(env_ipc_quick, 0);
    g->keeps = true;
    env_place_changed(p.e);
    assert_int_equal(kind_at(ENV_PLACE_IPC), QUICK_SEEING);
    assert_int_not_equal(env_ipc_quick, 0);
    g->is_blind = true;
    env_place_changed(p.e);
    assert_int_equal(kind_at(ENV_PLACE_IPC), QUICK_BLIND);
    cpu_count = 2;
    env_place_changed(p.e);
    assert_int_equal(kind_at(ENV_PLACE_IPC), QUICK_NOT);
    cpu_count = 1;
    g->quick = NULL;
    env_place_changed(p.e);
    always(0, GRAFT_HOOK_SLICE_END);
    g = graft_bound(&p.e->places[ENV_PLACE_SLICE]);
    g->quick = say_nothing; /* which keeps no registers */
    env_place_changed(p.e);
    assert_int_equal(kind_at(ENV_PLACE_SLICE), QUICK_SEEING);
    assert_int_equal(kind_at(ENV_PLACE_IPC), QUICK_NOT);
    g->quick = NULL;
    env_place_changed(p.e);
}

/* What it is told: q's thread had the position before p's. */
static void what_is_asked_early_is_told_the_same(void **state)
{
    (void)state;
    OK(BOSS(slice_bind, SLOT_CPU, 0, 2, p.thread));
    OK(BOSS(slice_bind, SLOT_CPU, 0, 3, p.thread));
    always(0, GRAFT_HOOK_SLICE_END);
    early_runs = early_says = 0;
    p.e->quick[ENV_PLACE_SLICE] = (struct env_quick){say_early, &early_runs, QUICK_SEEING};
    while (cpu_this()->info.position != 2)
        pass_time(arch_tick_khz() * SLICE_MICROS / 1000 + 1);
    assert_int_equal(early_runs, 1);
    early_says = p.t->number; /* which had position 2 */
    pass_time(arch_tick_khz() * SLICE_MICROS / 1000 + 1);
    assert_int_equal(early_runs, 2);
}

/* A thread of the position's environment, of its CPU, and alive. */
static void not_everybody_can_be_deputy(void **state)
{
    const uint32_t of_p = 2, of_nobody = 5;
    const uint8_t lives = (uint8_t)mate->state;

    (void)state;
    share_slices();
    assert_null(deputy_of(of_p)); /* there is no graft */
    always(mate->number, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(deputy_of(of_p), mate);
    OK(BOSS(slice_bind, SLOT_CPU, 0, of_nobody, SLOT_NONE));
    assert_null(deputy_of(of_nobody));
    assert_null(deputy_of(3)); /* q's, which has no graft */
    mate->cpu++;
    assert_null(deputy_of(of_p));
    mate->cpu--;
    mate->state = THREAD_DEAD;
    assert_null(deputy_of(of_p));
    mate->state = lives;
    assert_ptr_equal(deputy_of(of_p), mate);
    always(q.t->number, GRAFT_HOOK_SLICE_END);
    assert_null(deputy_of(of_p));
}

static void a_deputy_pays_its_own_forfeits(void **state)
{
    (void)state;
    share_slices();
    always(mate->number, GRAFT_HOOK_SLICE_END);
    mate->forfeits = 1;
    assert_null(next_owner());
    assert_int_equal(mate->forfeits, 0);
    assert_ptr_equal(next_owner(), mate);
}

static void a_deputy_that_goes_leaves_the_position(void **state)
{
    (void)state;
    share_slices();
    always(mate->number, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(next_owner(), mate);
    OK(BOSS(cap_delete, MATE));
    assert_ptr_equal(slice_owner(cpu_this()), p.t);
    assert_ptr_equal(next_owner(), p.t);
    always(p.t->number, GRAFT_HOOK_SLICE_END);
    assert_ptr_equal(next_owner(), p.t);
    OK(BOSS(slice_bind, SLOT_CPU, 0, cpu_this()->info.position, SLOT_NONE));
    assert_null(slice_owner(cpu_this()));
}

static bool holds(slot_t slot)
{
    return cap_slot(p.e, slot)->kind == CAP_FRAMES;
}

/* p has 4 frames in SMALL and 8 in LARGE; `count` are taken by force. */
static void take(uint32_t count)
{
    OK(BOSS(revoke_ask, PART, p.e->number, REVOKE_FRAMES, count, host.ticks + 1000, SLOT_NONE));
    pass_time(1000);
    for (unsigned i = 0; p.e->ask.from && i < 1000; i++)
        pass_time(1);
    assert_int_equal(p.e->ask.from, 0);
}

static void a_graft_says_what_is_taken(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, PART, REGION, RIGHT_ALL, world.base + world.count - 400, 400));
    give(p.env, MINE, PART, RIGHT_ALL);
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 4, SMALL));
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 8, LARGE));
    always(MINE, GRAFT_HOOK_RECLAIM); /* which is no frames: as without it */
    take(1);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 7);
    always(100000, GRAFT_HOOK_RECLAIM);
    take(1);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 6);
    always(SMALL, GRAFT_HOOK_RECLAIM);
    take(1);
    assert_int_equal(cap_slot(p.e, SMALL)->count, 3);
    take(5);
    assert_false(holds(SMALL));
    assert_int_equal(cap_slot(p.e, LARGE)->count, 4);
    assert_true(runs() >= 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(places_of_environments_refuse),
        TEST(a_graft_refuses_what_leaves),
        TEST(a_graft_says_what_goes_to_the_redirector),
        TEST(a_graft_refuses_what_comes_in),
        TEST(the_environments_end_is_the_bindings),
        TEST(a_graft_gives_a_position_to_another_thread),
        TEST(a_graft_is_told_of_the_position),
        TEST(a_graft_for_positions_is_asked_early),
        TEST(which_grafts_are_asked_early),
        TEST(what_is_asked_early_is_told_the_same),
        TEST(not_everybody_can_be_deputy),
        TEST(a_deputy_pays_its_own_forfeits),
        TEST(a_deputy_that_goes_leaves_the_position),
        TEST(a_graft_says_what_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Protected control transfer: the register file is the message, the processor goes with it. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/env/hooks.h"

#define ENTRY  ((vaddr_t)0x440000)
#define STACK  ((vaddr_t)0x550000)
#define WEAK   40u
#define CALLEE 5u /* q's thread in p's table */
#define OWN    6u /* p's own                 */

static struct party p, q;

/* q begins to serve with these. */
static void serve(vaddr_t entry, vaddr_t stack)
{
    OK(BOSS(thread_stop, q.thread));
    OK(BOSS(thread_start, q.thread, 0x400000, 0x500000, 0));
    thread_exo(q.t)->entry[UPCALL_PCT] = entry;
    thread_exo(q.t)->pct_stack = stack;
    assert_int_equal(CALL(q.t, pct_return, 0), BLOCKED);
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    give(p.env, CALLEE, q.thread, RIGHT_EXEC);
    serve(ENTRY, STACK);
    return 0;
}

static void a_refused_transfer_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, q.thread, RIGHT_ALL & ~RIGHT_EXEC, 0, 0));
    REFUSED(ERR_BAD_CAP, b, pct_call, REGION);
    REFUSED(ERR_BAD_CAP, b, pct_call, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, pct_send, REGION);
    REFUSED(ERR_NO_RIGHT, b, pct_call, WEAK);
    REFUSED(ERR_NO_RIGHT, b, pct_send, WEAK);
    REFUSED(ERR_BAD_STATE, b, pct_call, p.thread);
    REFUSED(ERR_BAD_STATE, b, pct_send, p.thread);
    static const vaddr_t bad[] = {0, USER_TOP, ~(vaddr_t)0};
    for (unsigned i = 0; i < 3; i++) {
        serve(bad[i], STACK);
        REFUSED(ERR_BAD_STATE, b, pct_call, q.thread);
        REFUSED(ERR_BAD_STATE, b, pct_send, q.thread);
    }
    serve(ENTRY, USER_TOP + 1);
    REFUSED(ERR_BAD_STATE, b, pct_call, q.thread);
    serve(ENTRY, STACK);
    q.t->cpu = 1;
    REFUSED(ERR_BAD_STATE, b, pct_call, q.thread);
    q.t->cpu = 0;
}

/* The registers that are the message. */
static void assert_same_message(const struct regs *a, const struct regs *b)
{
    assert_true(a->r15 == b->r15 && a->r14 == b->r14 && a->r13 == b->r13 && a->r12 == b->r12);
    assert_true(a->rbp == b->rbp && a->rbx == b->rbx && a->r10 == b->r10 && a->r9 == b->r9);
    assert_true(a->r8 == b->r8 && a->rdi == b->rdi && a->rsi == b->rsi && a->rdx == b->rdx);
}

static void fill(struct regs *r, uint64_t seed)
{
    r->r15 = seed;
    r->r14 = seed + 1;
    r->r13 = seed + 2;
    r->r12 = seed + 3;
    r->rbp = seed + 4;
    r->rbx = seed + 5;
}

static void a_call_enters_the_callee_with_the_callers_registers(void **state)
{
    (void)state;
    struct regs *c = thread_regs(p.t), *s = thread_regs(q.t);

    fill(c, 1000);
    s->rsp = 0x777000;
    assert_int_equal(CALL(p.t, pct_call, CALLEE, 2, 3, 4, 5, 6), BLOCKED);
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(p.t->state, THREAD_PCT_CALLING);
    assert_same_message(s, c);
    assert_int_equal(s->rdi, CALLEE);
    assert_int_equal(s->r9, 6);
    assert_int_equal(s->rip, ENTRY);
    assert_int_equal(s->rsp, STACK);
    assert_int_equal(s->rflags, FLAGS_DEFAULT);
    assert_int_equal(s->rax, p.t->global_id);
}

static void a_return_brings_the_callees_registers_back(void **state)
{
    (void)state;
    struct regs *c = thread_regs(p.t), *s = thread_regs(q.t);

    c->rsp = 0x888000;
    serve(ENTRY, USER_TOP); /* the highest that a stack may begin at */
    assert_int_equal(CALL(p.t, pct_call, CALLEE), BLOCKED);
    assert_int_equal(s->rsp, USER_TOP);
    vaddr_t ip = c->rip = 0x400500; /* where it called from: not where the callee does */
    fill(s, 2000);
    assert_int_equal(CALL(q.t, pct_return, 7, 8, 9), BLOCKED);
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_same_message(c, s);
    assert_int_equal(c->rdx, 9);
    assert_int_equal(c->rax, ERR_OK);
    assert_int_equal(c->rip, ip);
    assert_int_equal(c->rsp, 0x888000);
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
    assert_int_equal(CALL(p.t, pct_call, CALLEE), BLOCKED); /* and again */
    assert_ptr_equal(cpu_this()->current, q.t);
}

static void a_busy_callee_takes_no_second_caller(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, pct_call, CALLEE), BLOCKED);
    REFUSED(ERR_BAD_STATE, world.boss, pct_call, q.thread);
    REFUSED(ERR_BAD_STATE, world.boss, pct_send, q.thread);
}

static void a_send_gives_the_processor_and_expects_nothing_back(void **state)
{
    (void)state;
    fill(thread_regs(p.t), 3000);
    assert_int_equal(CALL(p.t, pct_send, CALLEE, 2), ERR_OK);
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(thread_regs(q.t)->r14, 3001);
    assert_int_equal(thread_regs(q.t)->rsi, 2);
    assert_int_equal(thread_regs(q.t)->rax, p.t->global_id);
    struct regs before = *thread_regs(p.t);
    assert_int_equal(CALL(q.t, pct_return, 5), BLOCKED);
    assert_memory_equal(&before, thread_regs(p.t), sizeof before);
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
}

static void a_caller_whose_callee_goes_or_stops_is_told(void **state)
{
    (void)state;
    fill(thread_regs(p.t), 4000);
    assert_int_equal(CALL(p.t, pct_call, CALLEE, 2, 3, 4, 5, 6), BLOCKED);
    OK(BOSS(thread_stop, q.thread));
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(thread_regs(p.t)->rax, ERR_BAD_STATE);
    const struct regs *r = thread_regs(p.t);
    assert_true(!r->rdx && !r->rdi && !r->rsi && !r->r8 && !r->r9 && !r->r10);
    assert_true(!r->rbx && !r->rbp && !r->r12 && !r->r13 && !r->r14 && !r->r15);
    OK(BOSS(thread_start, q.thread, 0x400000, 0x500000, 0));
    assert_int_equal(CALL(q.t, pct_return, 0), BLOCKED);
    assert_int_equal(CALL(p.t, pct_call, CALLEE), BLOCKED);
    thread_regs(p.t)->rax = 0;
    OK(BOSS(cap_delete, q.thread));
    assert_int_equal(thread_regs(p.t)->rax, ERR_BAD_STATE);
    assert_int_equal(p.t->state, THREAD_READY);
}

static void a_callee_whose_caller_goes_serves_on_and_returns_to_nobody(void **state)
{
    (void)state;
    assert_int_equal(CALL(p.t, pct_call, CALLEE), BLOCKED);
    OK(BOSS(cap_delete, p.thread));
    assert_null(q.t->pct_caller);
    assert_int_equal(CALL(q.t, pct_return, 0), BLOCKED);
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
}

static void calls_nest(void **state)
{
    (void)state;
    struct party s;

    party_make(&s, 50);
    give(s.env, CALLEE, p.thread, RIGHT_EXEC);
    thread_exo(p.t)->entry[UPCALL_PCT] = ENTRY;
    thread_exo(p.t)->pct_stack = STACK;
    assert_int_equal(CALL(p.t, pct_return, 0), BLOCKED);
    assert_int_equal(CALL(s.t, pct_call, CALLEE), BLOCKED);
    assert_int_equal(CALL(p.t, pct_call, CALLEE), BLOCKED); /* p serves s and asks q */
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(CALL(q.t, pct_return, 0), BLOCKED);
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_int_equal(CALL(p.t, pct_return, 0), BLOCKED);
    assert_ptr_equal(cpu_this()->current, s.t);
    OK(BOSS(cap_delete, p.thread));
    assert_int_equal(s.t->state, THREAD_READY);
}

/* An interrupt came during the call and made somebody else ready: the transfer is done all the
 * same, and the slower way. */
static void a_transfer_after_an_interrupt_still_reaches_its_callee(void **state)
{
    (void)state;
    world_run(p.t);
    cpu_this()->choose = true;
    assert_int_equal(CALL(p.t, pct_call, CALLEE, 2, 3), BLOCKED);
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(p.t->state, THREAD_PCT_CALLING);
    cpu_this()->choose = true;
    assert_int_equal(CALL(q.t, pct_return, 7, 8, 9), BLOCKED);
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_int_equal(thread_regs(p.t)->rdx, 9);
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
}

/* What both threads hold after a call and its return, whose message is `seed`. */
static void round_trip(uint64_t seed, struct regs *callee, struct regs *caller)
{
    fill(thread_regs(p.t), seed);
    thread_regs(p.t)->rsp = 0x888000;
    thread_regs(p.t)->rflags = 0x246;
    assert_int_equal(CALL(p.t, pct_call, CALLEE, 2, 3, 4, 5, 6), BLOCKED);
    assert_ptr_equal(cpu_this()->current, q.t);
    *callee = *thread_regs(q.t);
    fill(thread_regs(q.t), seed + 100);
    assert_int_equal(CALL(q.t, pct_return, 7, 8, 9, 10, 11, 12), BLOCKED);
    assert_ptr_equal(cpu_this()->current, p.t);
    *caller = *thread_regs(p.t);
}

/* rcx and r11 are the instruction's own. */
static void assert_same(struct regs *a, struct regs *b)
{
    a->rcx = b->rcx = a->r11 = b->r11 = 0;
    assert_memory_equal(a, b, sizeof *a);
}

static uint64_t switches_now(void)
{
    return p.t->counts->space_switches + q.t->counts->space_switches;
}

static void the_fast_way_and_the_general_one_are_the_same(void **state)
{
    (void)state;
    struct regs callee[2], caller[2];
    unsigned long entries = (world_entries(p.t) + world_entries(q.t));

    round_trip(1, &callee[0], &caller[0]); /* the first finds the callee */
    entries = (world_entries(p.t) + world_entries(q.t)) - entries;
    for (unsigned slow = 0; slow < 2; slow++) {
        host.slow = slow;
        uint64_t before = (world_entries(p.t) + world_entries(q.t)), switches = switches_now();
        round_trip(5000, &callee[slow], &caller[slow]);
        assert_int_equal((world_entries(p.t) + world_entries(q.t)) - before, entries);
        assert_int_equal(switches_now() - switches, 2);
    }
    assert_same(&callee[0], &callee[1]);
    assert_same(&caller[0], &caller[1]);
}

static void the_entry_is_the_one_that_serving_began_with(void **state)
{
    (void)state;
    struct regs callee, caller;

    round_trip(1, &callee, &caller);
    thread_exo(q.t)->entry[UPCALL_PCT] = ENTRY + 8;
    thread_exo(q.t)->pct_stack = ~(uint64_t)0;
    for (unsigned slow = 0; slow < 2; slow++) {
        host.slow = slow;
        round_trip(1, &callee, &caller);
        assert_int_equal(callee.rip, ENTRY);
        assert_int_equal(callee.rsp, STACK);
    }
}

/* A capability that a fast transfer used before is taken away, and another put in its place. */
static void what_a_slot_held_before_is_not_used(void **state)
{
    (void)state;
    struct regs callee, caller;
    struct party s;

    party_make(&s, 50);
    round_trip(1, &callee, &caller);
    assert_int_equal(hook_pct_call((word_t)CALLEE << 32 | CALLEE), 0);
    OK(CALL(p.t, cap_delete, CALLEE));
    REFUSED(ERR_BAD_CAP, p.t, pct_call, CALLEE);
    assert_int_equal(CALL(p.t, pct_call, CALLEE), ERR_BAD_CAP);
    give(p.env, CALLEE, q.thread, RIGHT_ALL & ~RIGHT_EXEC);
    assert_int_equal(CALL(p.t, pct_call, CALLEE), ERR_NO_RIGHT);
    OK(CALL(p.t, cap_delete, CALLEE));
    give(p.env, CALLEE, s.thread, RIGHT_EXEC);
    thread_exo(s.t)->entry[UPCALL_PCT] = ENTRY;
    assert_int_equal(CALL(s.t, pct_return, 0), BLOCKED);
    assert_int_equal(CALL(p.t, pct_call, CALLEE), BLOCKED);
    assert_ptr_equal(cpu_this()->current, s.t);
    assert_int_equal(q.t->state, THREAD_PCT_IDLE);
    assert_int_equal(CALL(s.t, pct_return, 0), BLOCKED);
    OK(BOSS(cap_revoke, s.thread)); /* by the one that it was derived from */
    assert_int_equal(CALL(p.t, pct_call, CALLEE), ERR_BAD_CAP);
}

/* Neither way is extended state lost: each side's is saved and loaded, or it has none. */
static void partners_that_differ_in_extended_state_take_the_general_way(void **state)
{
    (void)state;
    struct regs callee, caller;

    round_trip(1, &callee, &caller);
    give(p.env, OWN, p.thread, RIGHT_WRITE);
    OK(CALL(p.t, thread_fpu, OWN, 0));
    world_run(p.t);
    assert_int_equal(hook_pct_call(CALLEE), 0);
    uint64_t loaded = q.t->arch.loaded, saved = p.t->arch.saved;
    round_trip(1, &callee, &caller);
    assert_int_equal(q.t->arch.loaded, loaded + 1);
    assert_int_equal(p.t->arch.saved, saved);
    OK(CALL(p.t, thread_fpu, OWN, 1));
    round_trip(1, &callee, &caller);
    assert_int_equal(p.t->arch.saved, saved + 1);
}

SET_UP_SLOW(set_up)
#define TEST(f) TEST_BOTH_WAYS(f, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_transfer_changes_nothing),
        TEST(a_call_enters_the_callee_with_the_callers_registers),
        TEST(a_return_brings_the_callees_registers_back),
        TEST(a_busy_callee_takes_no_second_caller),
        TEST(a_send_gives_the_processor_and_expects_nothing_back),
        TEST(a_caller_whose_callee_goes_or_stops_is_told),
        TEST(a_callee_whose_caller_goes_serves_on_and_returns_to_nobody),
        TEST(calls_nest),
        TEST(a_transfer_after_an_interrupt_still_reaches_its_callee),
        TEST(the_fast_way_and_the_general_one_are_the_same),
        TEST(the_entry_is_the_one_that_serving_began_with),
        TEST(what_a_slot_held_before_is_not_used),
        TEST(partners_that_differ_in_extended_state_take_the_general_way),
    };
    return cmocka_run_group_tests_name("bindings/pct", tests, NULL, NULL);
}

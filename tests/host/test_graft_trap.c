/* Grafts at page faults and at system calls of other systems: what they are told, what is done of
 * what they say, and what happens where that cannot be done. Each test runs three times: asked
 * before the thread's registers are saved, with code that keeps them, without, and afterwards. */
#include "tests/host/graft_asm.h"
#undef CALL
#include "tests/host/graft_kernel.h"

#include "bindings/page.h"
#include "exo/env/hooks.h"
#include "exo/env/upcall.h"
#include "tests/host/kernel_ipc.h"

enum { GRAFT = 40, CALLS, MORE };
#define POOL    9u /* p's slot of 4 frames                         */
#define WEAK    10u
#define AREA    ((vaddr_t)0x10040000)
#define HOLE    ((vaddr_t)0x20000000) /* no table */
#define ENTRY   ((vaddr_t)0x410000)
#define STACK   ((vaddr_t)0x520000)
#define IP      ((vaddr_t)0x400123)
#define READING 4u
#define WRITING 6u
#define FETCH   20u
#define GETPID  39u

static struct party p, q;
static pfn_t pool;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    pool = make_frames(MORE, 4);
    give(p.env, POOL, MORE, RIGHT_ALL);
    give(p.env, WEAK, MORE, RIGHT_READ);
    make_tables(p.env, AREA);
    volatile struct utcb_exo *x = thread_exo(p.t);
    x->entry[UPCALL_FAULT] = x->entry[UPCALL_SYSCALL] = ENTRY;
    x->stack[UPCALL_CLASS_FAULT] = x->stack[UPCALL_CLASS_SYSCALL] = STACK;
    return 0;
}
SET_UP_SLOW(set_up)

/* As if it were compiled code that keeps registers: the interpreter stands for it. */
static bool early;
static uint64_t early_runs;

static int set_up_early(void **state)
{
    set_up(state);
    early = true;
    return 0;
}

static int tear_down(void **state)
{
    early = false;
    return world_end(state);
}

static uint64_t run(enum env_place place, uint64_t context)
{
    return graft_run_fully(graft_bound(&p.e->places[place]), (void *)(uintptr_t)context, 0);
}

static uint64_t run_for_fault(uint64_t context)
{
    return run(ENV_PLACE_FAULT, context);
}

static uint64_t run_for_call(uint64_t context)
{
    return run(ENV_PLACE_CALL, context);
}

/* Bound to p. */
static void bind(slot_t slot, const struct insn *code, size_t bytes, uint32_t hook)
{
    const bool is_call = hook == GRAFT_HOOK_SYSTEM_CALL;

    graft_make(slot, code, bytes, hook);
    OK(BOSS(graft_bind, slot, p.env, hook));
    if (early && is_call)
        p.e->quick[ENV_PLACE_CALL] = (struct env_quick){run_for_call, &early_runs, QUICK_SEEING};
    if (early && !is_call)
        p.e->quick[ENV_PLACE_FAULT] = (struct env_quick){run_for_fault, &early_runs, QUICK_SEEING};
}

/* A graft for faults that always says that. */
static void always(uint64_t verdict)
{
    const struct insn code[] = {LDDW(0, verdict), EXIT};

    bind(GRAFT, code, sizeof code, GRAFT_HOOK_PAGE_FAULT);
}

/* p's thread meets a fault. Where does it go on? */
static vaddr_t meet(vaddr_t address, uint64_t error)
{
    struct regs *r = thread_regs(p.t);

    thread_exo(p.t)->mask = 0;
    world_run(p.t);
    r->vector = VECTOR_PAGE_FAULT;
    r->error = error;
    r->rip = IP;
    r->r11 = 77;
    host.fault_address = address;
    host_trap(r);
    world_check();
    assert_int_equal(r->r11, 77);
    assert_int_equal(cpu_this()->judged, FAULT_UNJUDGED);
    return r->rip;
}

static bool shows(vaddr_t va, uint32_t page, rights_t rights)
{
    const pte_t *e = entry_of(p.e, va);

    return arch_pte_present(*e) && arch_pte_address(*e) >> PAGE_BITS == pool + page &&
           arch_pte_rights(*e) == rights;
}

static void a_fault_is_repaired_by_a_page(void **state)
{
    (void)state;
    always(GRAFT_FAULT_BIND_OF(POOL, 2, RW));
    assert_true(p.t->kind & THREAD_JUDGED);
    assert_false(q.t->kind & THREAD_JUDGED);
    const uint64_t upcalls = p.t->counts->fault_upcalls;
    assert_int_equal(meet(AREA + 0x123, WRITING), IP);
    assert_true(shows(AREA, 2, RW));
    assert_int_equal(p.t->counts->fault_upcalls, upcalls);
    assert_int_equal(p.t->state, THREAD_RUNNING);
    assert_int_equal(graft_runs(GRAFT), 1);
    assert_int_equal(meet(AREA + 0x123, WRITING), IP); /* another thread was first */
    assert_int_equal(graft_runs(GRAFT), 2);
    assert_true(party_thread(&p, CALLS, 1)->kind & THREAD_JUDGED);
    OK(BOSS(cap_delete, GRAFT));
    assert_false(p.t->kind & THREAD_JUDGED);
    assert_int_equal(meet(AREA + PAGE_SIZE, WRITING), ENTRY);
}

/* Page 3 for exactly one fault. */
static void it_is_told_of_the_fault(void **state)
{
    const struct insn code[] = {LDX(DW, 2, 1, 0),
                                JUMP64_K(JNE, 2, (int32_t)AREA + 5, 9),
                                LDX(DW, 2, 1, 8),
                                JUMP64_K(JNE, 2, (int32_t)IP, 7),
                                LDX(W, 2, 1, 16),
                                JUMP64_K(JNE, 2, RIGHT_EXEC, 5),
                                LDX(W, 2, 1, 20),
                                JUMP64_K(JNE, 2, (int32_t)p.t->number, 3),
                                LDDW(0, GRAFT_FAULT_BIND_OF(POOL, 3, RWX)),
                                EXIT,
                                SET(0, 0),
                                EXIT};

    (void)state;
    bind(GRAFT, code, sizeof code, GRAFT_HOOK_PAGE_FAULT);
    assert_int_equal(meet(AREA + 5, WRITING), ENTRY);
    assert_int_equal(meet(AREA + 5, READING), ENTRY);
    assert_int_equal(meet(AREA + 4, FETCH), ENTRY);
    assert_int_equal(meet(AREA + 5, FETCH), IP);
    assert_true(shows(AREA, 3, RWX));
    assert_int_equal(graft_runs(GRAFT), 4);
}

static void what_it_says_may_be_impossible(void **state)
{
    static const uint64_t bad[] = {
        GRAFT_FAULT_DEFAULT,
        GRAFT_FAULT_PROTECT + 1,
        UINT64_MAX,
        GRAFT_FAULT_BIND_OF(POOL, 0, RW) + 7, /* no verdict has that number */
        GRAFT_FAULT_BIND_OF(POOL, 4, RW),
        GRAFT_FAULT_BIND_OF(POOL, UINT32_MAX, RW),
        GRAFT_FAULT_BIND_OF(POOL, 0, RIGHT_READ), /* which does not help */
        GRAFT_FAULT_BIND_OF(POOL, 0, RW | RIGHT_GRANT),
        GRAFT_FAULT_BIND_OF(WEAK, 0, RW),
        GRAFT_FAULT_BIND_OF(SLOT_ENV, 0, RW),
        GRAFT_FAULT_BIND_OF(WEAK + 1, 0, RW),
        GRAFT_FAULT_BIND_OF(UINT16_MAX, 0, RW),
        GRAFT_FAULT_PROTECT_OF(RW), /* there is no page */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        world.step = i;
        always(bad[i]);
        assert_int_equal(meet(AREA, WRITING), ENTRY);
        assert_false(arch_pte_present(*entry_of(p.e, AREA)));
        assert_int_equal(graft_runs(GRAFT), 1);
    }
    always(GRAFT_FAULT_BIND_OF(POOL, 0, RW));
    assert_int_equal(meet(HOLE, WRITING), ENTRY);
    assert_int_equal(meet(USER_TOP, WRITING), ENTRY);
    assert_int_equal(meet(~(vaddr_t)0, READING), ENTRY);
    assert_int_equal(meet(AREA, FETCH), ENTRY);
    OK(CALL(p.t, cap_delete, POOL));
    assert_int_equal(meet(AREA, WRITING), ENTRY);
}

/* Frames beside those of the slot are its environment's, too, and yet not meant; nor is a page of
 * the kernel's. */
static void a_page_is_of_the_slot_and_below_the_top(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, MORE + 1, MORE, RIGHT_ALL, pool, 2));
    give(p.env, POOL + 2, MORE + 1, RIGHT_ALL);
    always(GRAFT_FAULT_BIND_OF(POOL + 2, 1, RW));
    assert_int_equal(hook_fault_judge(p.t, AREA, RIGHT_WRITE, IP), FAULT_OVER);
    assert_int_equal(
        hook_fault_said(p.t, AREA + PAGE_SIZE, RIGHT_WRITE, GRAFT_FAULT_BIND_OF(POOL + 2, 2, RW)),
        FAULT_DEFAULT);
    assert_false(arch_pte_present(*entry_of(p.e, AREA + PAGE_SIZE)));
    assert_int_equal(hook_fault_said(p.t, USER_TOP, RIGHT_WRITE, GRAFT_FAULT_BIND_OF(POOL, 2, RW)),
                     FAULT_DEFAULT);
}

/* What is there already helps when the access is possible with it, and not otherwise. */
static void a_page_that_is_there_may_do(void **state)
{
    (void)state;
    OK(BOSS(page_bind_run, p.env, MORE, PAGE_RUN(AREA, 1), RUN_FRAMES(pool + 3, RIGHT_READ)));
    assert_int_equal(hook_fault_said(p.t, AREA, RIGHT_WRITE, GRAFT_FAULT_BIND_OF(POOL, 0, RW)),
                     FAULT_DEFAULT);
    assert_int_equal(hook_fault_said(p.t, AREA, RIGHT_READ, GRAFT_FAULT_BIND_OF(POOL, 0, RW)),
                     FAULT_OVER);
    assert_true(shows(AREA, 3, RIGHT_READ));
    assert_int_equal(hook_fault_said(p.t, AREA, RIGHT_READ, GRAFT_FAULT_BIND_OF(WEAK + 1, 0, RW)),
                     FAULT_DEFAULT); /* there are no such frames, whatever is there */
    assert_int_equal(hook_fault_said(p.t, AREA, RIGHT_READ, GRAFT_FAULT_PROTECT + 1),
                     FAULT_DEFAULT);
}

/* The authority is that of the thread itself: without it nothing is bound. */
static void it_can_do_what_its_environment_can(void **state)
{
    (void)state;
    always(GRAFT_FAULT_BIND_OF(POOL, 0, RW));
    OK(CALL(p.t, cap_delete, SLOT_ENV));
    assert_int_equal(meet(AREA, WRITING), ENTRY);
    give(p.env, SLOT_ENV, p.env, RIGHT_READ);
    assert_int_equal(meet(AREA, WRITING), ENTRY);
    assert_false(arch_pte_present(*entry_of(p.e, AREA)));
}

static void a_fault_is_repaired_by_more_rights(void **state)
{
    (void)state;
    always(GRAFT_FAULT_BIND_OF(POOL, 1, RIGHT_READ));
    assert_int_equal(meet(AREA, READING), IP);
    assert_true(shows(AREA, 1, RIGHT_READ));
    assert_int_equal(meet(AREA, WRITING), ENTRY);
    always(GRAFT_FAULT_PROTECT_OF(RIGHT_READ));
    assert_int_equal(meet(AREA, WRITING), ENTRY);
    always(GRAFT_FAULT_PROTECT_OF(RW));
    assert_int_equal(meet(AREA + 1, WRITING), IP);
    assert_true(shows(AREA, 1, RW));
}

static void a_fault_may_be_for_the_pager_all_the_same(void **state)
{
    (void)state;
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_NEVER));
    always(GRAFT_FAULT_DEFAULT);
    assert_int_equal(meet(AREA, WRITING), ENTRY);
    assert_int_equal(p.t->state, THREAD_RUNNING);
    always(GRAFT_FAULT_PAGER);
    meet(AREA, WRITING);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 1), AREA);
    assert_int_equal(graft_runs(GRAFT), 1);
}

/* A run of one that waits for the page of a thread which has no upcall. */
static void without_an_upcall_it_is_asked_all_the_same(void **state)
{
    (void)state;
    thread_exo(p.t)->entry[UPCALL_FAULT] = 0;
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    ipc(q.t, L4_NIL, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_NEVER));
    always(GRAFT_FAULT_BIND_OF(POOL, 0, RW));
    assert_int_equal(meet(AREA, READING), IP);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    always(GRAFT_FAULT_DEFAULT);
    meet(AREA + PAGE_SIZE, READING);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(graft_runs(GRAFT), 1);
}

/* p's thread makes a call of another system. Where does it go on? */
static vaddr_t call(word_t number)
{
    struct regs *r = thread_regs(p.t);

    thread_exo(p.t)->mask = 0;
    world_run(p.t);
    r->rax = number;
    r->rip = IP;
    r->rdi = 1, r->rsi = 20, r->rdx = 300, r->r10 = 4000, r->r8 = 50000, r->r9 = 600000;
    host_call(r);
    world_check();
    assert_int_equal(cpu_this()->judged, FAULT_UNJUDGED);
    return r->rip;
}

/* Answers GETPID with the sum of its arguments and address; no other. */
static const struct insn sums[] = {LDX(DW, 0, 1, 0),         JUMP64_K(JEQ, 0, GETPID, 3),
                                   LDDW(0, GRAFT_CALL_PASS), EXIT,
                                   LDX(DW, 0, 1, 8),         LDX(DW, 2, 1, 16),
                                   ALU64_X(ADD, 0, 2),       LDX(DW, 2, 1, 24),
                                   ALU64_X(ADD, 0, 2),       LDX(DW, 2, 1, 32),
                                   ALU64_X(ADD, 0, 2),       LDX(DW, 2, 1, 40),
                                   ALU64_X(ADD, 0, 2),       LDX(DW, 2, 1, 48),
                                   ALU64_X(ADD, 0, 2),       LDX(DW, 2, 1, 56),
                                   ALU64_X(ADD, 0, 2),       LDX(W, 2, 1, 64),
                                   ALU64_X(ADD, 0, 2),       EXIT};

static void a_call_is_answered_or_passed(void **state)
{
    (void)state;
    bind(CALLS, sums, sizeof sums, GRAFT_HOOK_SYSTEM_CALL);
    const struct regs *r = thread_regs(p.t);
    const uint64_t foreign = p.t->counts->foreign;
    assert_int_equal(call(GETPID), IP);
    assert_int_equal(r->rax, 654321 + IP + p.t->number);
    assert_true(r->rdi == 1 && r->rsi == 20 && r->rdx == 300 && r->r10 == 4000 && r->r8 == 50000 &&
                r->r9 == 600000);
    assert_int_equal(call(GETPID + 1), ENTRY);
    assert_int_equal(r->rax, GETPID + 1);
    assert_int_equal(p.t->counts->foreign, foreign + 2);
    assert_int_equal(graft_runs(CALLS), 2);
    thread_exo(p.t)->entry[UPCALL_SYSCALL] = 0;
    assert_int_equal(call(GETPID + 1), IP);
    assert_int_equal(r->rax, ERR_BAD_CALL);
    assert_int_equal(call(GETPID), IP);
    assert_int_equal(r->rax, 654321 + IP + p.t->number);
    assert_int_equal(meet(AREA, WRITING), ENTRY); /* faults are not its business */
    thread_exo(p.t)->entry[UPCALL_SYSCALL] = ENTRY;
    always(GRAFT_FAULT_BIND_OF(POOL, 2, RW));
    OK(BOSS(graft_bind, SLOT_NONE, p.env, GRAFT_HOOK_SYSTEM_CALL));
    assert_true(p.t->kind & THREAD_JUDGED);
    assert_int_equal(call(GETPID), ENTRY); /* nor calls the other's */
    assert_int_equal(r->rax, GETPID);
    OK(BOSS(cap_delete, GRAFT));
    thread_exo(p.t)->entry[UPCALL_SYSCALL] = 0;
    assert_false(p.t->kind & THREAD_JUDGED);
    assert_int_equal(call(GETPID), IP);
    assert_int_equal(r->rax, ERR_BAD_CALL);
}

/* Both at once, and events of the thread, which are looked at afterwards. */
static void neither_is_in_the_others_way(void **state)
{
    (void)state;
    bind(CALLS, sums, sizeof sums, GRAFT_HOOK_SYSTEM_CALL);
    always(GRAFT_FAULT_BIND_OF(POOL, 0, RW));
    p.t->events = true;
    assert_int_equal(call(GETPID), IP);
    assert_int_equal(thread_regs(p.t)->rax, 654321 + IP + p.t->number);
    p.t->events = true;
    assert_int_equal(meet(AREA, WRITING), IP);
    assert_true(shows(AREA, 0, RW));
    OK(BOSS(cap_delete, GRAFT));
    assert_true(p.t->kind & THREAD_JUDGED);
    assert_int_equal(call(GETPID), IP);
    assert_int_equal(graft_runs(CALLS), 2);
}

#define TEST(f)                                                                                    \
    {#f ", code that keeps registers", f, set_up_early, tear_down, NULL}, TEST_BOTH_WAYS(f, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fault_is_repaired_by_a_page),
        TEST(it_is_told_of_the_fault),
        TEST(what_it_says_may_be_impossible),
        TEST(a_page_is_of_the_slot_and_below_the_top),
        TEST(a_page_that_is_there_may_do),
        TEST(it_can_do_what_its_environment_can),
        TEST(a_fault_is_repaired_by_more_rights),
        TEST(a_fault_may_be_for_the_pager_all_the_same),
        TEST(without_an_upcall_it_is_asked_all_the_same),
        TEST(a_call_is_answered_or_passed),
        TEST(neither_is_in_the_others_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

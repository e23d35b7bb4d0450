/* Exceptions as IPC to the exception handler that a thread names. */
#include "tests/host/kernel_ipc.h"

#include <string.h>

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)

static struct party p, q; /* q handles what p meets */

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    *thread_mr(p.t, TCR_EXC_HANDLER) = q.t->global_id;
    return 0;
}

/* Registers 1 to 18 of the message hold 100 and on, but for what must be the user's. */
static void fill(struct regs *r)
{
    *r = (struct regs){.rbx = 102,
                       .r10 = 103,
                       .r12 = 104,
                       .r13 = 105,
                       .r14 = 106,
                       .r15 = 107,
                       .rax = 108,
                       .rcx = 109,
                       .rdx = 110,
                       .rsi = 111,
                       .rdi = 112,
                       .rbp = 113,
                       .r8 = 114,
                       .r9 = 115,
                       .r11 = 116,
                       .rsp = 0x7000,
                       .rflags = FLAGS_DEFAULT | 1,
                       .cs = SEGMENT_USER_CODE,
                       .ss = SEGMENT_USER_DATA};
}

static void meet(struct thread *t, uint64_t vector, uint64_t error)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    fill(r);
    r->rip = 0x400123;
    r->vector = vector;
    r->error = error;
    host_trap(r);
    world_check();
}

static void answer(struct thread *handler, struct thread *to, unsigned words)
{
    set_mr(handler, 0, TAG_MAKE(0, words, 0));
    ipc(handler, to->global_id, L4_NIL, NO_WAIT);
}

static void the_handler_gets_all_registers(void **state)
{
    (void)state;
    uint8_t utcb[UTCB_BYTES];

    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    memcpy(utcb, p.t->utcb, sizeof utcb);
    meet(p.t, VECTOR_PROTECTION, 77);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(LABEL_EXCEPTION, 20, 0));
    assert_int_equal(get_mr(q.t, 1), 0x400123);
    for (unsigned i = 2; i <= 16; i++)
        assert_int_equal(get_mr(q.t, i), 100 + i);
    assert_int_equal(get_mr(q.t, 17), 0x7000);
    assert_int_equal(get_mr(q.t, 18), FLAGS_DEFAULT | 1);
    assert_int_equal(get_mr(q.t, 19), VECTOR_PROTECTION);
    assert_int_equal(get_mr(q.t, 20), 77);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    assert_memory_equal(utcb, p.t->utcb, sizeof utcb);
}

static void the_reply_becomes_the_registers(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    meet(p.t, VECTOR_DIVIDE, 0);
    for (unsigned i = 1; i <= 20; i++)
        set_mr(q.t, i, 200 + i);
    answer(q.t, p.t, 20);
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(r->rip, 201);
    assert_int_equal(r->rbx, 202);
    assert_int_equal(r->r10, 203);
    assert_int_equal(r->r15, 207);
    assert_int_equal(r->rax, 208);
    assert_int_equal(r->rdi, 212);
    assert_int_equal(r->r11, 216);
    assert_int_equal(r->rsp, 217);
    assert_int_equal(r->rflags, (218 & FLAGS_USER) | FLAGS_DEFAULT);
    assert_int_equal(r->cs, SEGMENT_USER_CODE);
    assert_int_equal(r->vector, VECTOR_DIVIDE);
}

static void a_short_reply_changes_what_it_names(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    meet(p.t, VECTOR_DIVIDE, 0);
    set_mr(q.t, 1, 0x400125);
    answer(q.t, p.t, 1);
    assert_int_equal(thread_regs(p.t)->rip, 0x400125);
    assert_int_equal(thread_regs(p.t)->rbx, 102);
    assert_int_equal(thread_regs(p.t)->rsp, 0x7000);
}

static void a_reply_gives_no_registers_that_are_not_the_users(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    meet(p.t, VECTOR_DIVIDE, 0);
    set_mr(q.t, EXCEPTION_IP, USER_TOP);
    set_mr(q.t, EXCEPTION_SP, USER_TOP + 1);
    set_mr(q.t, EXCEPTION_FLAGS, ~(word_t)0);
    answer(q.t, p.t, 20);
    assert_int_equal(thread_regs(p.t)->rip, 0);
    assert_int_equal(thread_regs(p.t)->rsp, 0);
    assert_int_equal(thread_regs(p.t)->rflags, FLAGS_USER | FLAGS_DEFAULT);
}

static void an_upcall_entry_comes_first(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = thread_exo(p.t);

    x->entry[UPCALL_EXCEPTION] = 0x401000;
    x->stack[UPCALL_CLASS_FAULT] = 0x8000;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    meet(p.t, VECTOR_DIVIDE, 0);
    assert_int_equal(thread_regs(p.t)->rip, 0x401000);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    meet(p.t, VECTOR_DIVIDE, 0); /* the class is masked now */
    assert_received(q.t, p.t->global_id);
}

static void without_a_handler_the_environment_ends(void **state)
{
    (void)state;
    *thread_mr(p.t, TCR_EXC_HANDLER) = p.t->global_id; /* itself is none */
    meet(p.t, VECTOR_DIVIDE, 0);
    assert_int_equal(p.t->state, THREAD_DEAD);
    assert_int_equal(p.e->info->death, VECTOR_DIVIDE + 1);
    meet(q.t, VECTOR_DEBUG, 0);
    assert_int_equal(q.t->state, THREAD_DEAD);
}

static void a_handler_that_goes_leaves_the_thread_halted(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    meet(p.t, VECTOR_DIVIDE, 0);
    OK(BOSS(cap_delete, q.thread));
    assert_int_equal(p.t->state, THREAD_STOPPED);
    assert_int_equal(p.t->ipc_kernel, IPC_OWN);
    assert_false(p.e->ended);
}

static void a_busy_handler_is_waited_for(void **state)
{
    (void)state;
    meet(p.t, VECTOR_DIVIDE, 0);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, p.t->global_id, NO_WAIT);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 20), 0);
    assert_int_equal(get_mr(q.t, 19), VECTOR_DIVIDE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_handler_gets_all_registers),
        TEST(the_reply_becomes_the_registers),
        TEST(a_short_reply_changes_what_it_names),
        TEST(a_reply_gives_no_registers_that_are_not_the_users),
        TEST(an_upcall_entry_comes_first),
        TEST(without_a_handler_the_environment_ends),
        TEST(a_handler_that_goes_leaves_the_thread_halted),
        TEST(a_busy_handler_is_waited_for),
    };
    return cmocka_run_group_tests_name("l4core/exception", tests, NULL, NULL);
}

/* The control calls of L4: privilege, ExchangeRegisters, Schedule, processors and memory. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "exo/env/sched.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define OTHER   30u
#define MACHINE 31u

static struct party p, q;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    return 0;
}

struct exchange {
    word_t dest, control, sp, ip, flags, handle, pager;
};

/* Returns the result; what it tells is in the registers of `t`. */
static word_t exchange(struct thread *t, struct exchange x)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->rax = x.dest;
    r->rsi = x.control;
    r->rdx = x.sp;
    r->r8 = x.ip;
    r->r9 = x.flags;
    r->r10 = x.handle;
    r->rdi = x.pager;
    *thread_mr(t, TCR_ERROR) = 0;
    l4_enter(t, LINK_EXCHANGE_REGISTERS);
    return r->rax;
}

static void assert_no_thread(struct thread *t, word_t dest)
{
    assert_int_equal(exchange(t, (struct exchange){.dest = dest, .control = 0xff}), L4_NIL);
    assert_int_equal(*thread_mr(t, TCR_ERROR), CALL_ERROR_THREAD);
}

static void privilege_takes_the_machine_and_the_right_to_write(void **state)
{
    struct thread *b = world.boss;

    (void)state;
    give(SLOT_ENV, MACHINE, SLOT_MACHINE, RIGHT_READ);
    give(SLOT_ENV, OTHER, p.env, RIGHT_READ);
    REFUSED(ERR_BAD_CAP, b, env_privilege, REGION, SLOT_MACHINE);
    REFUSED(ERR_BAD_CAP, b, env_privilege, p.env, REGION);
    REFUSED(ERR_NO_RIGHT, b, env_privilege, OTHER, SLOT_MACHINE);
    REFUSED(ERR_NO_RIGHT, b, env_privilege, p.env, MACHINE);
    assert_false(p.e->privileged);
    OK(BOSS(env_privilege, p.env, SLOT_MACHINE));
    assert_true(p.e->privileged);
    assert_false(q.e->privileged);
    assert_true(world.root->privileged);
}

static void registers_are_told_and_an_id_becomes_the_other_kind(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);

    (void)state;
    thread_regs(t)->rip = 0x1000;
    thread_regs(t)->rsp = 0x2000;
    *thread_mr(t, TCR_USER_HANDLE) = 77;
    *thread_mr(t, TCR_PAGER) = q.t->global_id;
    assert_int_equal(exchange(p.t, (struct exchange){.dest = t->global_id}), local_id(t));
    const struct regs *r = thread_regs(p.t);
    assert_int_equal(r->rsi, 0);
    assert_int_equal(r->rdx, 0x2000);
    assert_int_equal(r->r8, 0x1000);
    assert_int_equal(r->r9, thread_regs(t)->rflags);
    assert_int_equal(r->r10, 77);
    assert_int_equal(r->rdi, q.t->global_id);
    assert_int_equal(exchange(p.t, (struct exchange){.dest = local_id(t)}), t->global_id);
    assert_int_equal(exchange(p.t, (struct exchange){.dest = p.t->global_id}), local_id(p.t));
}

static void each_bit_sets_its_register_and_no_other(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct exchange x = {local_id(t), 0, 0x3000, 0x4000, ~(word_t)0, 5, 6};

    (void)state;
    struct regs before = *thread_regs(t);
    exchange(p.t, x);
    assert_memory_equal(&before, thread_regs(t), sizeof before);
    x.control = EXREGS_SP;
    exchange(p.t, x);
    assert_int_equal(thread_regs(t)->rsp, 0x3000);
    assert_int_equal(thread_regs(t)->rip, before.rip);
    x.control = EXREGS_IP;
    exchange(p.t, x);
    assert_int_equal(thread_regs(t)->rip, 0x4000);
    x.control = EXREGS_FLAGS;
    exchange(p.t, x);
    assert_int_equal(thread_regs(t)->rflags, FLAGS_USER | FLAGS_DEFAULT);
    x.control = EXREGS_HANDLE;
    exchange(p.t, x);
    assert_int_equal(*thread_mr(t, TCR_USER_HANDLE), 5);
    assert_int_not_equal(*thread_mr(t, TCR_PAGER), 6);
    x.control = EXREGS_PAGER;
    exchange(p.t, x);
    assert_int_equal(*thread_mr(t, TCR_PAGER), 6);
    x.control = EXREGS_SP | EXREGS_IP;
    x.sp = x.ip = (word_t)1 << 63;
    exchange(p.t, x);
    assert_int_equal(thread_regs(t)->rip, 0);
    assert_int_equal(thread_regs(t)->rsp, 0);
}

static void a_thread_is_halted_and_goes_on(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct exchange x = {.dest = local_id(t), .control = EXREGS_SET_HALT | EXREGS_HALTED};

    (void)state;
    exchange(p.t, x);
    assert_int_equal(t->state, THREAD_STOPPED);
    x.control = EXREGS_HALTED; /* without the bit that says so it means nothing */
    exchange(p.t, x);
    assert_int_equal(thread_regs(p.t)->rsi, EXREGS_HALTED);
    x.control = EXREGS_SET_HALT;
    exchange(p.t, x);
    assert_int_equal(t->state, THREAD_READY);
    exchange(p.t, x);
    assert_int_equal(thread_regs(p.t)->rsi, 0);
    exchange(p.t,
             (struct exchange){.dest = local_id(p.t), .control = EXREGS_SET_HALT | EXREGS_HALTED});
    assert_int_equal(p.t->state, THREAD_STOPPED);
}

static void who_waits_is_halted_when_its_wait_is_over(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct exchange x = {.dest = local_id(t), .control = EXREGS_SET_HALT | EXREGS_HALTED};

    (void)state;
    ipc(t, L4_NIL, L4_ANY, NEVER);
    exchange(p.t, x);
    assert_int_equal(t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(thread_regs(p.t)->rsi, EXREGS_RECEIVE);
    ipc_words(p.t, local_id(t), L4_NIL, NEVER, 1, 1, 9);
    assert_received(t, local_id(p.t));
    world_run(world.boss);
    sched_handoff(t);
    l4_enter(world.boss, LINK_SYSTEM_CLOCK); /* as soon as it would leave to the user */
    assert_int_equal(t->state, THREAD_STOPPED);
    x.control = EXREGS_SET_HALT;
    exchange(p.t, x);
    l4_enter(t, LINK_SYSTEM_CLOCK);
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
}

static void an_ipc_that_has_not_begun_is_cancelled(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct exchange x = {.dest = local_id(t)};

    (void)state;
    ipc(t, L4_NIL, L4_ANY, NEVER);
    x.control = EXREGS_SEND;
    exchange(p.t, x);
    assert_int_equal(t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(thread_regs(p.t)->rsi, EXREGS_RECEIVE);
    x.control = EXREGS_RECEIVE;
    exchange(p.t, x);
    assert_failed(t, IPC_CANCELLED, IPC_RECEIVE_PHASE);
    ipc_words(t, q.t->global_id, L4_NIL, NEVER, 1, 1, 9);
    assert_int_equal(t->state, THREAD_IPC_SEND);
    exchange(p.t, x);
    assert_int_equal(t->state, THREAD_IPC_SEND);
    assert_int_equal(thread_regs(p.t)->rsi, EXREGS_SEND);
    x.control = EXREGS_SEND;
    exchange(p.t, x);
    assert_failed(t, IPC_CANCELLED, IPC_SEND_PHASE);
}

static void a_page_fault_is_cancelled_and_keeps_the_message(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct exchange x = {.dest = local_id(t), .control = EXREGS_SEND | EXREGS_IP, .ip = 0x5000};

    (void)state;
    *thread_mr(t, TCR_PAGER) = q.t->global_id;
    set_mr(t, 3, 333);
    set_mr(t, 40, 4040);
    page_fault(t, 0x700000, 4);
    assert_int_equal(t->state, THREAD_IPC_SEND);
    exchange(p.t, x);
    assert_int_equal(t->state, THREAD_READY);
    assert_int_equal(thread_regs(t)->rip, 0x5000);
    assert_int_equal(get_mr(t, 3), 333);
    assert_int_equal(get_mr(t, 40), 4040);
    assert_int_equal(*thread_mr(t, TCR_ERROR), 0);
}

static void a_thread_of_another_cpu_is_reached(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct exchange x = {
        .dest = t->global_id, .control = EXREGS_SET_HALT | EXREGS_HALTED | EXREGS_IP, .ip = 0x6000};

    (void)state;
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    OK(BOSS(thread_place, OTHER, SLOT_CPU, 1, 100));
    assert_int_equal(exchange(p.t, x), local_id(t));
    assert_int_equal(t->state, THREAD_STOPPED);
    assert_int_equal(thread_regs(t)->rip, 0x6000);
    x.control = EXREGS_SET_HALT;
    exchange(p.t, x);
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
    cap_slot(world.root, SLOT_CPU)->count = 1;
}

static void only_living_threads_of_the_own_space(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    word_t old = t->global_id;

    (void)state;
    assert_no_thread(p.t, L4_NIL);
    assert_no_thread(p.t, L4_ANY);
    assert_no_thread(p.t, L4_ANY_LOCAL);
    assert_no_thread(p.t, q.t->global_id);
    assert_no_thread(p.t, old + 1);
    assert_no_thread(p.t, local_id(t) + PAGE_SIZE);
    OK(BOSS(cap_delete, OTHER));
    assert_no_thread(p.t, old);
}

struct schedule {
    word_t dest, time, processor, priority, preemption;
};
#define UNCHANGED SCHEDULE_UNCHANGED
#define SCHEDULE(d)                                                                                \
    {                                                                                              \
        d, UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED                                              \
    }

static word_t schedule(struct thread *t, struct schedule s)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->rdi = s.dest;
    r->rsi = s.priority;
    r->rdx = s.time;
    r->r8 = s.processor;
    r->r9 = s.preemption;
    *thread_mr(t, TCR_ERROR) = 0;
    l4_enter(t, LINK_SCHEDULE);
    return r->rax;
}

static void assert_not_scheduled(struct thread *t, struct schedule s, word_t error)
{
    assert_int_equal(schedule(t, s), SCHEDULE_ERROR);
    assert_int_equal(*thread_mr(t, TCR_ERROR), error);
}

static void schedule_tells_the_state_and_sets_the_priority(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct schedule s = SCHEDULE(t->global_id);

    (void)state;
    assert_int_equal(schedule(p.t, s), SCHEDULE_RUNNING);
    assert_int_equal(thread_regs(p.t)->rdx, 0);
    assert_int_equal(t->priority, 100);
    s.priority = 90;
    assert_int_equal(schedule(p.t, s), SCHEDULE_RUNNING);
    assert_int_equal(t->priority, 90);
    s.dest = local_id(t);
    ipc(t, L4_NIL, L4_ANY, NEVER);
    assert_int_equal(schedule(p.t, s), SCHEDULE_WAITING);
    exchange(p.t, (struct exchange){.dest = s.dest, .control = EXREGS_RECEIVE});
    ipc_words(t, q.t->global_id, L4_NIL, NEVER, 1, 1, 9);
    assert_int_equal(schedule(p.t, s), SCHEDULE_PENDING_SEND);
    exchange(p.t, (struct exchange){.dest = s.dest,
                                    .control = EXREGS_SEND | EXREGS_SET_HALT | EXREGS_HALTED});
    assert_int_equal(schedule(p.t, s), SCHEDULE_INACTIVE);
    s.dest = p.t->global_id;
    assert_int_equal(schedule(p.t, s), SCHEDULE_RUNNING);
    assert_int_equal(p.t->priority, 90);
}

static void schedule_refuses_strangers_and_what_is_out_of_range(void **state)
{
    struct schedule s = SCHEDULE(q.t->global_id);

    (void)state;
    assert_not_scheduled(p.t, s, CALL_ERROR_NO_PRIVILEGE);
    q.t->scheduler = p.t->global_id;
    assert_int_equal(schedule(p.t, s), SCHEDULE_RUNNING);
    assert_not_scheduled(q.t, s, CALL_ERROR_NO_PRIVILEGE);
    assert_not_scheduled(p.t, (struct schedule)SCHEDULE(q.t->global_id + 1), CALL_ERROR_THREAD);
    assert_not_scheduled(p.t, (struct schedule)SCHEDULE(local_id(q.t) + PAGE_SIZE),
                         CALL_ERROR_THREAD);
    s.priority = 101;
    assert_not_scheduled(p.t, s, CALL_ERROR_NO_PRIVILEGE);
    s.priority = 256;
    assert_not_scheduled(p.t, s, CALL_ERROR_PARAMETER);
    s.priority = UNCHANGED;
    s.processor = 1;
    assert_not_scheduled(p.t, s, CALL_ERROR_PARAMETER);
    s.processor = UNCHANGED;
    static const word_t no_times[] = {(word_t)TIME_ZERO << 16, TIME_ZERO, 0x83e8, (word_t)1 << 32};
    for (unsigned i = 0; i < 4; i++) {
        s.time = no_times[i];
        assert_not_scheduled(p.t, s, CALL_ERROR_PARAMETER);
    }
    s.time = UNCHANGED;
    s.preemption = 101 << 16 | 1; /* a sensitive priority above the own */
    assert_not_scheduled(p.t, s, CALL_ERROR_NO_PRIVILEGE);
    s.preemption = 256 << 16 | 1;
    assert_not_scheduled(p.t, s, CALL_ERROR_PARAMETER);
    assert_int_equal(q.t->priority, 100);
    OK(BOSS(env_privilege, p.env, SLOT_MACHINE));
    s.preemption = UNCHANGED;
    s.priority = 101;
    assert_int_equal(schedule(p.t, s), SCHEDULE_RUNNING);
    assert_int_equal(q.t->priority, 101);
}

static void schedule_moves_a_thread_and_the_caller_itself(void **state)
{
    struct thread *t = party_thread(&p, OTHER, 1);
    struct schedule s = SCHEDULE(t->global_id);

    (void)state;
    cpu_count = 2;
    cap_slot(world.root, SLOT_CPU)->count = 2;
    s.processor = 1;
    assert_int_equal(schedule(p.t, s), SCHEDULE_RUNNING);
    assert_int_equal(t->cpu, 1);
    assert_int_equal(*thread_mr(t, TCR_PROCESSOR), 1);
    s.dest = p.t->global_id;
    assert_int_equal(schedule(p.t, s), SCHEDULE_RUNNING);
    assert_int_equal(p.t->cpu, 1);
    OK(BOSS(slice_bind, SLOT_CPU, 1, 5, OTHER));
    s.dest = t->global_id;
    s.processor = 0;
    assert_not_scheduled(p.t, s, CALL_ERROR_PARAMETER);
    OK(BOSS(slice_bind, SLOT_CPU, 1, 5, SLOT_NONE));
    cap_slot(world.root, SLOT_CPU)->count = 1;
}

static void processors_and_memory_are_the_privileged_ones(void **state)
{
    struct regs *r = thread_regs(p.t);
    static const enum kip_link links[] = {LINK_PROCESSOR_CONTROL, LINK_MEMORY_CONTROL};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        l4_enter(p.t, links[i]);
        assert_int_equal(r->rax, 0);
        assert_int_equal(*thread_mr(p.t, TCR_ERROR), CALL_ERROR_NO_PRIVILEGE);
    }
    OK(BOSS(env_privilege, p.env, SLOT_MACHINE));
    r->rdi = r->rsi = r->rdx = r->r8 = 0;
    l4_enter(p.t, LINK_PROCESSOR_CONTROL);
    assert_int_equal(r->rax, 1);
    r->rsi = 1;
    l4_enter(p.t, LINK_PROCESSOR_CONTROL);
    assert_int_equal(r->rax, 0);
    assert_int_equal(*thread_mr(p.t, TCR_ERROR), CALL_ERROR_PARAMETER);
    r->rsi = 0;
    r->rdi = cpu_count;
    l4_enter(p.t, LINK_PROCESSOR_CONTROL);
    assert_int_equal(r->rax, 0);
    r->rdi = 3; /* an attribute that is none (test_memory_type.c has the others) */
    r->rdx = r->r9 = 0;
    l4_enter(p.t, LINK_MEMORY_CONTROL);
    assert_int_equal(r->rax, 0);
    assert_int_equal(*thread_mr(p.t, TCR_ERROR), CALL_ERROR_PARAMETER);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)
    const struct CMUnitTest tests[] = {
        TEST(privilege_takes_the_machine_and_the_right_to_write),
        TEST(registers_are_told_and_an_id_becomes_the_other_kind),
        TEST(each_bit_sets_its_register_and_no_other),
        TEST(a_thread_is_halted_and_goes_on),
        TEST(who_waits_is_halted_when_its_wait_is_over),
        TEST(an_ipc_that_has_not_begun_is_cancelled),
        TEST(a_page_fault_is_cancelled_and_keeps_the_message),
        TEST(a_thread_of_another_cpu_is_reached),
        TEST(only_living_threads_of_the_own_space),
        TEST(schedule_tells_the_state_and_sets_the_priority),
        TEST(schedule_refuses_strangers_and_what_is_out_of_range),
        TEST(schedule_moves_a_thread_and_the_caller_itself),
        TEST(processors_and_memory_are_the_privileged_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

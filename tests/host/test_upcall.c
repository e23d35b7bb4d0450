/* Upcalls: what is saved, where the thread goes on, and when it is not taken. */
#include "tests/host/kernel_world.h"

#include "exo/arch/upward.h"
#include "exo/env/upcall.h"

#include <string.h>

#define ENTRY ((vaddr_t)0x410000)
#define STACK ((vaddr_t)0x520000)
#define IP    ((vaddr_t)0x400123)

static struct party p, q;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    world_run(p.t);
    return 0;
}

static volatile struct utcb_exo *area(enum upcall u, unsigned class)
{
    volatile struct utcb_exo *x = thread_exo(p.t);

    x->mask = 0;
    x->entry[u] = ENTRY;
    x->stack[class] = STACK;
    return x;
}

/* The party's thread meets an exception. */
static void meet(unsigned vector, uint64_t error, vaddr_t address)
{
    struct regs *r = thread_regs(p.t);

    world_run(p.t);
    r->vector = vector;
    r->error = error;
    r->rip = IP;
    host.fault_address = address;
    host_trap(r);
    world_check();
}

static void a_fault_goes_to_the_upcall_with_all_that_its_handler_needs(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = area(UPCALL_FAULT, UPCALL_CLASS_FAULT);
    struct regs *r = thread_regs(p.t), before;

    r->rsp = 0x500010;
    r->rflags = 0x246;
    before = *r;
    meet(VECTOR_PAGE_FAULT, 6, 0x777000);
    const volatile struct upcall_frame *f = &x->save[UPCALL_CLASS_FAULT];
    assert_int_equal(f->ip, IP);
    assert_int_equal(f->sp, 0x500010);
    assert_int_equal(f->flags, 0x246);
    assert_int_equal(f->cs, SEGMENT_USER_CODE);
    assert_int_equal(f->ss, SEGMENT_USER_DATA);
    assert_int_equal(f->vector, VECTOR_PAGE_FAULT);
    assert_int_equal(f->error, 6);
    assert_int_equal(f->address, 0x777000);
    assert_int_equal(r->rip, ENTRY);
    assert_int_equal(r->rsp, STACK);
    assert_int_equal(r->rflags, FLAGS_DEFAULT);
    assert_int_equal(x->mask, 1u << UPCALL_CLASS_FAULT);
    assert_memory_equal(&before, r, offsetof(struct regs, vector)); /* the other registers */
    assert_int_equal(p.t->state, THREAD_RUNNING);
    assert_false(p.e->ended);
}

static void a_fault_while_masked_without_pager_ends_the_environment(void **state)
{
    (void)state;
    area(UPCALL_FAULT, UPCALL_CLASS_FAULT)->mask = 1u << UPCALL_CLASS_FAULT;
    meet(VECTOR_PAGE_FAULT, 4, 0x777000);
    assert_true(p.e->ended);
    assert_int_equal(p.t->state, THREAD_DEAD);
    assert_int_equal(p.e->info->state, ENV_DYING);
    assert_int_equal(p.e->info->death, VECTOR_PAGE_FAULT + 1);
    assert_int_equal(p.e->info->death_ip, IP);
    assert_int_equal(p.e->info->death_addr, 0x777000);
}

static void the_mask_of_another_class_does_not_count(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = area(UPCALL_FAULT, UPCALL_CLASS_FAULT);

    x->mask = ~(uint64_t)0 ^ 1u << UPCALL_CLASS_FAULT;
    meet(VECTOR_PAGE_FAULT, 4, 0x777000);
    assert_int_equal(thread_regs(p.t)->rip, ENTRY);
    assert_int_equal(x->mask, ~(uint64_t)0);
}

static void an_exception_has_its_own_entry_and_the_class_of_faults(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = area(UPCALL_EXCEPTION, UPCALL_CLASS_FAULT);

    meet(VECTOR_DIVIDE, 0, 0x777000);
    assert_int_equal(thread_regs(p.t)->rip, ENTRY);
    assert_int_equal(x->save[UPCALL_CLASS_FAULT].vector, VECTOR_DIVIDE);
    assert_int_equal(x->save[UPCALL_CLASS_FAULT].address, 0);
    meet(VECTOR_PROTECTION, 8, 0); /* masked now; no access to a port has an error code */
    assert_true(p.e->ended);
    assert_int_equal(p.e->info->death, VECTOR_PROTECTION + 1);
}

static void entries_and_stacks_that_are_not_the_users_are_not_taken(void **state)
{
    (void)state;
    static const struct {
        vaddr_t entry, stack;
        bool taken;
    } rows[] = {
        {0, STACK, false},           {USER_TOP, STACK, false},
        {~(vaddr_t)0, STACK, false}, {ENTRY, USER_TOP + 1, false},
        {ENTRY, ~(vaddr_t)0, false}, {ENTRY, USER_TOP, true},
        {USER_TOP - 1, 0, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        volatile struct utcb_exo *x = thread_exo(p.t);
        struct regs before = *thread_regs(p.t);
        x->entry[UPCALL_NOTIFY] = rows[i].entry;
        x->stack[UPCALL_CLASS_EVENT] = rows[i].stack;
        x->mask = 0;
        assert_int_equal(upcall_deliver(p.t, UPCALL_NOTIFY, 1, 2, 3), rows[i].taken);
        assert_int_equal(x->mask, rows[i].taken ? 1u << UPCALL_CLASS_EVENT : 0);
        if (!rows[i].taken)
            assert_memory_equal(&before, thread_regs(p.t), sizeof before);
        *thread_regs(p.t) = before;
    }
}

static void a_linux_number_goes_to_the_syscall_upcall_of_the_same_thread(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = area(UPCALL_SYSCALL, UPCALL_CLASS_SYSCALL);
    struct regs *r = thread_regs(p.t);

    r->vector = VECTOR_CALL;
    r->rip = IP;
    r->rax = 39;
    r->rdi = 77;
    host_call(r);
    assert_int_equal(r->rip, ENTRY);
    assert_int_equal(r->rax, 39);
    assert_int_equal(r->rdi, 77);
    assert_int_equal(x->save[UPCALL_CLASS_SYSCALL].vector, 39);
    assert_int_equal(x->save[UPCALL_CLASS_SYSCALL].ip, IP);
    r->rip = IP;
    r->rax = 39;
    host_call(r); /* masked: refused */
    assert_int_equal(r->rax, ERR_BAD_CALL);
    assert_int_equal(r->rip, IP);
}

static void the_upcall_comes_before_the_pager(void **state)
{
    (void)state;
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    area(UPCALL_FAULT, UPCALL_CLASS_FAULT);
    meet(VECTOR_PAGE_FAULT, 4, 0x777000);
    assert_int_equal(thread_regs(p.t)->rip, ENTRY);
    meet(VECTOR_PAGE_FAULT, 4, 0x778000); /* masked: to the pager */
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    assert_ptr_equal(p.t->ipc_to, q.t);
    assert_false(p.e->ended);
}

static void lock_nop_shows_the_kernel_interface_page_and_other_bad_code_does_not(void **state)
{
    (void)state;
    struct regs *r = thread_regs(p.t);

    memcpy(memory_of(p.t, PARTY_MEMORY), "\xf0\x90\xf0\x91", 4);
    r->vector = VECTOR_UNDEFINED;
    r->rip = PARTY_MEMORY;
    host_trap(r);
    assert_int_equal(r->rip, PARTY_MEMORY + 2);
    assert_int_equal(r->rax, WINDOW_KIP);
    assert_false(p.e->ended);
    r->vector = VECTOR_UNDEFINED;
    host_trap(r);
    assert_true(p.e->ended);
}

/* What the thread, its UTCB and the counters hold afterwards. */
struct outcome {
    struct regs regs;
    struct utcb_exo utcb;
    uint64_t entries;
};

static void after(struct outcome *o, const struct regs *begin, bool slow)
{
    struct regs *r = thread_regs(p.t);
    uint64_t entries = world_entries(p.t);

    world_run(p.t);
    *r = *begin;
    thread_exo(p.t)->mask = 0;
    memset((void *)thread_exo(p.t)->save, 0, sizeof thread_exo(p.t)->save);
    host.slow = slow;
    if (begin->vector == VECTOR_CALL)
        host_call(r);
    else
        host_trap(r);
    world_check();
    o->regs = *r;
    memcpy(&o->utcb, (const void *)thread_exo(p.t), sizeof o->utcb);
    o->entries = world_entries(p.t) - entries;
}

static void both_ways_do_the_same(void **state)
{
    (void)state;
    static const uint64_t vectors[] = {VECTOR_PAGE_FAULT, VECTOR_DIVIDE, VECTOR_UNDEFINED,
                                       VECTOR_PROTECTION, VECTOR_CALL};
    struct outcome fast, general;
    struct regs begin = *thread_regs(p.t);

    area(UPCALL_FAULT, UPCALL_CLASS_FAULT);
    area(UPCALL_EXCEPTION, UPCALL_CLASS_FAULT);
    area(UPCALL_SYSCALL, UPCALL_CLASS_SYSCALL);
    begin.rip = PARTY_MEMORY;
    begin.rsp = 0x500018;
    begin.rflags = 0xa46;
    begin.rax = 39;
    begin.error = 6;
    for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        begin.vector = vectors[i];
        after(&fast, &begin, false);
        after(&general, &begin, true);
        assert_memory_equal(&fast, &general, sizeof fast);
        assert_int_equal(fast.regs.rip, ENTRY);
        assert_int_equal(fast.entries, 1);
    }
}

/* An event that waits is delivered on top of the fault, by either way. */
static void an_event_that_is_due_comes_with_the_fault(void **state)
{
    (void)state;
    volatile struct utcb_exo *x = area(UPCALL_FAULT, UPCALL_CLASS_FAULT);

    x->entry[UPCALL_NOTIFY] = ENTRY + 64;
    x->stack[UPCALL_CLASS_EVENT] = STACK + 64;
    assert_true(upcall_post_here(p.t, UPCALL_NOTIFY));
    meet(VECTOR_PAGE_FAULT, 4, 0x777000);
    world_run(p.t); /* the post may have let another one run first */
    assert_int_equal(thread_regs(p.t)->rip, ENTRY + 64);
    assert_int_equal(x->save[UPCALL_CLASS_EVENT].ip, ENTRY);
    assert_int_equal(x->save[UPCALL_CLASS_FAULT].ip, IP);
}

SET_UP_SLOW(set_up)
#define TEST(f) TEST_BOTH_WAYS(f, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_ways_do_the_same),
        TEST(an_event_that_is_due_comes_with_the_fault),
        TEST(a_fault_goes_to_the_upcall_with_all_that_its_handler_needs),
        TEST(a_fault_while_masked_without_pager_ends_the_environment),
        TEST(the_mask_of_another_class_does_not_count),
        TEST(an_exception_has_its_own_entry_and_the_class_of_faults),
        TEST(entries_and_stacks_that_are_not_the_users_are_not_taken),
        TEST(a_linux_number_goes_to_the_syscall_upcall_of_the_same_thread),
        TEST(the_upcall_comes_before_the_pager),
        TEST(lock_nop_shows_the_kernel_interface_page_and_other_bad_code_does_not),
    };
    return cmocka_run_group_tests_name("exo/env/upcall", tests, NULL, NULL);
}

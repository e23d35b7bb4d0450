/* The fast path of page faults by IPC: taken when nothing is unusual, and otherwise as if it were
 * not there. */
#include "tests/host/kernel_ipc.h"

#include "bindings/page.h"
#include "exo/env/hooks.h"

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define WAIT    TIMEOUTS(TIME_ZERO, TIME_NEVER) /* of a reply that waits */
#define MATE    41u
#define ADDRESS ((vaddr_t)0x10040000)
#define PAGE(i) (PARTY_MEMORY + (i)*PAGE_SIZE) /* of q */
#define READ    4u

static struct party p, q, s; /* q pages p */

static void load_page(vaddr_t source, vaddr_t target, word_t kind, word_t rwx, unsigned bits)
{
    set_mr(q.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(q.t, 1, target | kind);
    set_mr(q.t, 2, source | bits << 4 | rwx);
}

/* One fault served the general way, so that both tables are remembered; then q waits. */
static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    host.slow = ipc_always_slow = true;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    page_fault(p.t, ADDRESS, READ);
    load_page(PAGE(0), ADDRESS, ITEM_MAP, FPAGE_READ, PAGE_BITS);
    ipc(q.t, p.t->global_id, L4_ANY, WAIT);
    host.slow = ipc_always_slow = false;
    world_run(p.t);
    return 0;
}

static bool fault(rights_t access)
{
    thread_regs(p.t)->rip = 0x400123;
    bool taken = hook_page_fault_fast(p.t, ADDRESS + PAGE_SIZE + 5, access);

    world_check();
    return taken;
}

/* q, which runs, answers; its message is loaded. */
static bool answer(word_t from, word_t timeouts)
{
    struct regs *r = thread_regs(q.t);

    r->rsi = p.t->global_id;
    r->rdx = from;
    r->r8 = timeouts;
    bool taken = hook_ipc_map(q.t);
    world_check();
    return taken;
}

static void assert_fault_left(void)
{
    world_run(p.t);
    world_remember();
    assert_false(hook_page_fault_fast(p.t, ADDRESS + PAGE_SIZE, RIGHT_READ));
    assert_true(world_is_same());
}

static void assert_answer_left(word_t from, word_t timeouts)
{
    struct regs *r = thread_regs(q.t);

    r->rsi = p.t->global_id;
    r->rdx = from;
    r->r8 = timeouts;
    world_remember();
    assert_false(hook_ipc_map(q.t));
    assert_true(world_is_same());
}

static void a_fault_is_told_and_answered_with_a_page(void **state)
{
    (void)state;
    static const rights_t access[] = {RIGHT_READ, RIGHT_WRITE, RIGHT_EXEC};
    static const word_t rwx[] = {FPAGE_READ, FPAGE_WRITE, FPAGE_EXEC};

    for (unsigned i = 0; i < 3; i++) {
        assert_true(fault(access[i]));
        assert_ptr_equal(cpu_this()->current, q.t);
        assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
        assert_received(q.t, p.t->global_id);
        assert_int_equal(get_mr(q.t, 0), TAG_MAKE(LABEL_PAGE_FAULT | rwx[i], 2, 0));
        assert_int_equal(get_mr(q.t, 1), ADDRESS + PAGE_SIZE + 5);
        assert_int_equal(get_mr(q.t, 2), 0x400123);
        assert_int_equal(thread_regs(q.t)->rdi, local_id(q.t));
        struct regs before = *thread_regs(p.t);
        load_page(PAGE(1 + i), ADDRESS + (1 + i) * PAGE_SIZE, ITEM_MAP, FPAGE_READ | FPAGE_WRITE,
                  PAGE_BITS);
        assert_true(answer(i == 1 ? p.t->global_id : L4_ANY, WAIT));
        assert_ptr_equal(cpu_this()->current, p.t);
        assert_int_equal(p.t->ipc_kernel, IPC_OWN);
        assert_memory_equal(thread_regs(p.t), &before, sizeof before);
        assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
        const pte_t e = *entry_of(p.e, ADDRESS + (1 + i) * PAGE_SIZE);
        assert_int_equal(arch_pte_rights(e), RW);
        assert_ptr_equal(memory_of(p.t, ADDRESS + (1 + i) * PAGE_SIZE),
                         memory_of(q.t, PAGE(1 + i)));
    }
}

static void a_page_has_no_more_rights_than_its_mapper(void **state)
{
    (void)state;
    assert_true(fault(RIGHT_READ));
    load_page(PAGE(1), ADDRESS + PAGE_SIZE, ITEM_MAP, FPAGE_ALL, PAGE_BITS);
    assert_true(answer(L4_ANY, WAIT));
    assert_int_equal(arch_pte_rights(*entry_of(p.e, ADDRESS + PAGE_SIZE)), RW);
}

static void a_pager_in_the_same_space_is_told_the_local_id(void **state)
{
    (void)state;
    struct thread *mate = party_thread(&p, MATE, 4);

    ipc(mate, L4_NIL, p.t->global_id, NEVER);
    *thread_mr(p.t, TCR_PAGER) = mate->global_id;
    world_run(p.t);
    assert_true(fault(RIGHT_READ));
    assert_received(mate, local_id(p.t));
}

static void what_is_unusual_about_a_fault_is_left(void **state)
{
    (void)state;
    volatile struct utcb_exo *exo = thread_exo(p.t);

    *thread_mr(p.t, TCR_PAGER) = L4_NIL;
    assert_fault_left();
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id + 1;
    assert_fault_left();
    *thread_mr(p.t, TCR_PAGER) = local_id(p.t);
    assert_fault_left();
    *thread_mr(p.t, TCR_PAGER) = p.t->global_id;
    assert_fault_left();
    *thread_mr(p.t, TCR_PAGER) = s.t->global_id; /* does not wait */
    assert_fault_left();
    ipc(s.t, L4_NIL, q.t->global_id, NEVER); /* or for another */
    assert_fault_left();
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    exo->entry[UPCALL_FAULT] = 0x401000;
    assert_fault_left();
    exo->entry[UPCALL_FAULT] = 0;
    struct thread *mate = party_thread(&p, MATE, 4);
    ipc_words(mate, p.t->global_id, L4_NIL, NEVER, 1, 0, 0); /* may be whom p waits for */
    assert_fault_left();
}

static void what_is_unusual_about_an_answer_is_left(void **state)
{
    (void)state;
    const vaddr_t to = ADDRESS + PAGE_SIZE;

    assert_true(fault(RIGHT_READ));
    load_page(PAGE(1), to, ITEM_GRANT, FPAGE_READ, PAGE_BITS);
    assert_answer_left(L4_ANY, WAIT);
    load_page(PAGE(1), to, ITEM_MAP, FPAGE_READ, PAGE_BITS + 1);
    assert_answer_left(L4_ANY, WAIT);
    load_page(PAGE(1), to, ITEM_MAP, 0, PAGE_BITS);
    assert_answer_left(L4_ANY, WAIT);
    load_page(PAGE(100), to, ITEM_MAP, FPAGE_READ, PAGE_BITS); /* nothing is there */
    assert_answer_left(L4_ANY, WAIT);
    load_page(PARTY_UTCB, to, ITEM_MAP, FPAGE_READ, PAGE_BITS);
    assert_answer_left(L4_ANY, WAIT);
    load_page(PAGE(1), ADDRESS, ITEM_MAP, FPAGE_READ, PAGE_BITS); /* something is */
    assert_answer_left(L4_ANY, WAIT);
    load_page(PAGE(1), to + MMU_SPAN(2), ITEM_MAP, FPAGE_READ, PAGE_BITS);
    assert_answer_left(L4_ANY, WAIT);
    load_page(PAGE(1), to, ITEM_MAP, FPAGE_READ, PAGE_BITS);
    assert_answer_left(L4_NIL, WAIT);
    assert_answer_left(s.t->global_id, WAIT);
    assert_answer_left(L4_ANY, TIMEOUTS(TIME_ZERO, TIME_1MS));
    set_mr(q.t, 0, TAG_MAKE(0, 1, 2));
    assert_answer_left(L4_ANY, WAIT);
    set_mr(q.t, 0, TAG_PROPAGATED | TAG_MAKE(0, 0, 2));
    assert_answer_left(L4_ANY, WAIT);
    set_mr(q.t, 0, TAG_MAKE(0, 0, 2));
    p.t->ipc_kernel = IPC_OWN; /* it waits for a message of its own */
    assert_answer_left(L4_ANY, WAIT);
    p.t->ipc_kernel = IPC_PAGE_FAULT;
    p.t->ipc_from = s.t->global_id;
    assert_answer_left(L4_ANY, WAIT);
    p.t->ipc_from = q.t->global_id;
    assert_true(answer(L4_ANY, WAIT));
}

/* With two CPUs the lock is taken, and never waited for. */
static void a_lock_that_is_held_is_left(void **state)
{
    (void)state;
    assert_true(fault(RIGHT_READ));
    load_page(PAGE(1), ADDRESS + PAGE_SIZE, ITEM_MAP, FPAGE_READ, PAGE_BITS);
    cpu_count = 2;
    forest_lock();
    assert_answer_left(L4_ANY, WAIT);
    forest_unlock();
    assert_true(answer(L4_ANY, WAIT));
    assert_true(forest_try_lock());
    forest_unlock();
    cpu_count = 1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fault_is_told_and_answered_with_a_page),
        TEST(a_page_has_no_more_rights_than_its_mapper),
        TEST(a_pager_in_the_same_space_is_told_the_local_id),
        TEST(what_is_unusual_about_a_fault_is_left),
        TEST(what_is_unusual_about_an_answer_is_left),
        TEST(a_lock_that_is_held_is_left),
    };
    return cmocka_run_group_tests_name("l4core/fast_fault", tests, NULL, NULL);
}

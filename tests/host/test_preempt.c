/* Long map and grant items and Unmaps: interrupts come in their midst, and whatever those do. */
#include "tests/host/kernel_ipc.h"

#include "bindings/node.h"
#include "exo/env/sched.h"
#include "l4core/suspend.h"

#define NEVER  TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define ONE    40u /* the boss's slots: a frame, bound many times over,  */
#define TWO    41u /* and another                                         */
#define PAGES  2048u
#define BITS   23u
#define SOURCE ((vaddr_t)0x10800000)
#define TARGET ((vaddr_t)0x11000000)
#define ALL    (FPAGE_READ | FPAGE_WRITE | FPAGE_EXEC)
#define STEP   (TRANSFER_STEP / TRANSFER_PAGE) /* pages between two interrupts */

static struct party p, q, s;
static pfn_t one, two;
static unsigned interruptions;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&s, 28);
    one = make_frames(ONE, 1);
    two = make_frames(TWO, 1);
    for (uint32_t i = 0; i < PAGES; i += MMU_ENTRIES)
        make_tables(p.env, SOURCE + i * PAGE_SIZE);
    make_tables(q.env, TARGET);
    for (uint32_t i = 0; i < PAGES; i++)
        bind_page(p.env, ONE, one, SOURCE + i * PAGE_SIZE, RW);
    OK(BOSS(env_kmem, p.env, REGION));
    OK(BOSS(env_kmem, q.env, REGION));
    interruptions = 0;
    return 0;
}

static void go_on(struct thread *t)
{
    host.cpu = arch_cpu_number(t->cpu);
    sched_yield();
    sched_handoff(t);
    sched_leave();
    world_check();
}

static void let_run(struct thread *t)
{
    while (thread_goes_on(t) && (t->state == THREAD_READY || t->state == THREAD_RUNNING))
        go_on(t);
}

static void count(void)
{
    interruptions++;
    world_check();
    host.interrupt = count;
}

static unsigned bound(const struct env *e, vaddr_t from, pfn_t pfn)
{
    unsigned n = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        const pte_t *at = space_entry(e->root, from + i * PAGE_SIZE, 1);
        n += at && arch_pte_present(*at) && arch_pte_address(*at) >> PAGE_BITS == pfn;
    }
    return n;
}

static word_t fpage(vaddr_t base, unsigned bits, word_t rights)
{
    return base | bits << 4 | rights;
}

static void load(struct thread *t, word_t item, word_t page)
{
    set_mr(t, 0, TAG_MAKE(0x17, 0, 2));
    set_mr(t, 1, TARGET | item);
    set_mr(t, 2, page);
}

static void await(const struct party *who)
{
    *thread_mr(who->t, TCR_BR0) = FPAGE_COMPLETE;
    ipc(who->t, L4_NIL, L4_ANY, NEVER);
}

static void send(word_t item)
{
    host.interrupt = count;
    load(p.t, item, fpage(SOURCE, BITS, ALL));
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
}

static void a_long_map_item_is_interrupted(void **state)
{
    (void)state;
    await(&q);
    send(ITEM_MAP);
    assert_non_null(p.t->transfer_with); /* the boss, who is more urgent, came between */
    assert_int_equal(q.t->state, THREAD_IPC_TRANSFER);
    assert_int_equal(bound(q.e, TARGET, one), STEP);
    let_run(p.t);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(0x17, 0, 2));
    assert_int_equal(bound(q.e, TARGET, one), PAGES);
    assert_int_equal(bound(p.e, SOURCE, one), PAGES);
    assert_true(interruptions >= PAGES / STEP - 1);
}

static void one_that_was_queued_is_gone_on_with_by_the_receiver(void **state)
{
    (void)state;
    send(ITEM_MAP);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    await(&q);
    assert_int_equal(p.t->state, THREAD_IPC_TRANSFER);
    let_run(q.t);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(bound(q.e, TARGET, one), PAGES);
    assert_true(p.t->state == THREAD_READY || p.t->state == THREAD_RUNNING);
}

static void a_long_grant_is_too_and_so_is_what_it_flushes(void **state)
{
    (void)state;
    await(&q);
    *thread_mr(q.t, TCR_BR0) = fpage(TARGET, BITS - 1, 0);
    send(ITEM_GRANT);
    assert_int_equal(bound(q.e, TARGET, one), STEP);
    let_run(p.t);
    assert_received(q.t, p.t->global_id);
    assert_int_equal(bound(q.e, TARGET, one), PAGES / 2);
    assert_int_equal(bound(p.e, SOURCE, one), 0);
}

static void a_pager_may_answer_with_one(void **state)
{
    (void)state;
    *thread_mr(q.t, TCR_PAGER) = p.t->global_id;
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    set_mr(q.t, 3, 0x3333);
    page_fault(q.t, TARGET, 4);
    assert_received(p.t, q.t->global_id);
    thread_regs(q.t)->rsi = 0x4444;
    send(ITEM_MAP);
    assert_int_equal(q.t->state, THREAD_IPC_TRANSFER);
    let_run(p.t);
    assert_true(q.t->state == THREAD_READY || q.t->state == THREAD_RUNNING);
    assert_int_equal(q.t->ipc_kernel, IPC_OWN);
    assert_int_equal(thread_regs(q.t)->rsi, 0x4444); /* its registers are as they were */
    assert_int_equal(get_mr(q.t, 3), 0x3333);
    assert_int_equal(bound(q.e, TARGET, one), PAGES);
}

static void stop_sender(void)
{
    thread_stop(p.t);
}

static void an_interrupt_may_end_it(void **state)
{
    (void)state;
    await(&q);
    load(p.t, ITEM_MAP, fpage(SOURCE, BITS, ALL));
    host.interrupt = stop_sender;
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    let_run(p.t);
    assert_failed(q.t, IPC_ABORTED, IPC_RECEIVE_PHASE);
    assert_int_equal(bound(q.e, TARGET, one), 2 * STEP); /* what was mapped stays */
    world_check();
}

static void a_fault_whose_answer_is_ended_is_met_again(void **state)
{
    (void)state;
    *thread_mr(q.t, TCR_PAGER) = p.t->global_id;
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    page_fault(q.t, TARGET + PAGES * PAGE_SIZE - PAGE_SIZE, 4);
    load(p.t, ITEM_MAP, fpage(SOURCE, BITS, ALL));
    host.interrupt = stop_sender;
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    let_run(p.t);
    assert_true(q.t->state == THREAD_READY || q.t->state == THREAD_RUNNING);
    assert_int_equal(q.t->ipc_kernel, IPC_OWN);
    assert_int_equal(thread_regs(q.t)->rip, 0x400123);
}

/* q has frame `two` at TARGET, and p all of SOURCE, and what follows, from there. */
static void derive(void)
{
    bind_page(q.env, TWO, two, TARGET, RW);
    unmap_all(p.t, fpage(SOURCE, BITS, ALL), true);
    for (uint32_t i = 0; i < PAGES; i++)
        assert_true(map_all(q.t, p.t, ITEM_MAP, fpage(TARGET, PAGE_BITS, FPAGE_READ | FPAGE_WRITE),
                            fpage(SOURCE + i * PAGE_SIZE, PAGE_BITS, 0)));
    assert_int_equal(bound(p.e, SOURCE, two), PAGES);
}

static void what_a_page_replaces_goes_in_steps(void **state)
{
    (void)state;
    derive();
    await(&q);
    host.interrupt = count;
    load(s.t, ITEM_MAP, fpage(PARTY_MEMORY, PAGE_BITS, ALL));
    ipc(s.t, q.t->global_id, L4_NIL, NEVER);
    assert_int_equal(q.t->state, THREAD_IPC_TRANSFER);
    unsigned left = bound(p.e, SOURCE, two);
    assert_true(left > 0 && left < PAGES);
    let_run(s.t);
    assert_received(q.t, s.t->global_id);
    assert_int_equal(bound(p.e, SOURCE, two), 0);
    assert_int_equal(arch_pte_address(*entry_of(q.e, TARGET)) >> PAGE_BITS, s.pfn + 1);
}

static void enter_unmap(struct thread *t, bool flush, unsigned fpages)
{
    thread_regs(t)->rdx = (word_t)flush << 6 | (fpages - 1);
    host.interrupt = count;
    l4_enter(t, LINK_UNMAP);
}

static void a_long_unmap_is_interrupted(void **state)
{
    (void)state;
    arch_pte_use(entry_of(p.e, SOURCE + (PAGES - 1) * PAGE_SIZE), RIGHT_READ | RIGHT_WRITE);
    set_mr(p.t, 0, fpage(PARTY_MEMORY, PAGE_BITS, 0));
    set_mr(p.t, 1, fpage(SOURCE, BITS, ALL));
    set_mr(p.t, 2, fpage(PARTY_MEMORY, PAGE_BITS, ALL));
    enter_unmap(p.t, true, 3);
    assert_int_equal(p.t->unmap.item, 1);
    assert_true(bound(p.e, SOURCE, one) < PAGES);
    assert_true(bound(p.e, SOURCE, one) > 0);
    set_mr(p.t, 1, get_mr(p.t, 1) | 0x400); /* whoever else runs changes nothing by that */
    let_run(p.t);
    assert_int_equal(p.t->unmap.count, 0);
    assert_int_equal(bound(p.e, SOURCE, one), 0);
    assert_int_equal(get_mr(p.t, 0) & ALL, 0);
    assert_int_equal(get_mr(p.t, 1) & ALL, FPAGE_READ | FPAGE_WRITE);
    assert_false(arch_pte_present(*entry_of(p.e, PARTY_MEMORY)));
    assert_true(interruptions >= 2);
}

static void an_unmap_of_what_was_mapped_often_is_too(void **state)
{
    (void)state;
    derive();
    set_mr(q.t, 0, fpage(TARGET, PAGE_BITS, ALL));
    enter_unmap(q.t, false, 1);
    assert_true(thread_goes_on(q.t));
    unsigned left = bound(p.e, SOURCE, two);
    assert_true(left > 0 && left < PAGES);
    let_run(q.t);
    assert_int_equal(bound(p.e, SOURCE, two), 0);
    assert_true(arch_pte_present(*entry_of(q.e, TARGET))); /* it was not flushed */
}

static void stop_unmapper(void)
{
    thread_stop(p.t);
}

static void one_that_is_stopped_goes_on_when_started(void **state)
{
    (void)state;
    set_mr(p.t, 0, fpage(SOURCE, BITS, ALL));
    thread_regs(p.t)->rdx = 1u << 6;
    host.interrupt = stop_unmapper;
    l4_enter(p.t, LINK_UNMAP);
    let_run(p.t);
    assert_int_equal(p.t->state, THREAD_STOPPED);
    unsigned left = bound(p.e, SOURCE, one);
    assert_true(left > 0 && left < PAGES);
    world_check();
    OK(BOSS(thread_start, p.thread, 0x400000, 0));
    let_run(p.t);
    assert_int_equal(bound(p.e, SOURCE, one), 0);
}

static void one_that_dies_leaves_the_rest(void **state)
{
    (void)state;
    set_mr(p.t, 0, fpage(SOURCE, BITS, ALL));
    enter_unmap(p.t, true, 1);
    assert_true(thread_goes_on(p.t));
    OK(BOSS(cap_delete, p.thread));
    assert_true(bound(p.e, SOURCE, one) > 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_long_map_item_is_interrupted),
        T(one_that_was_queued_is_gone_on_with_by_the_receiver),
        T(a_long_grant_is_too_and_so_is_what_it_flushes),
        T(a_pager_may_answer_with_one),
        T(an_interrupt_may_end_it),
        T(a_fault_whose_answer_is_ended_is_met_again),
        T(what_a_page_replaces_goes_in_steps),
        T(a_long_unmap_is_interrupted),
        T(an_unmap_of_what_was_mapped_often_is_too),
        T(one_that_is_stopped_goes_on_when_started),
        T(one_that_dies_leaves_the_rest),
    };
    return cmocka_run_group_tests_name("l4core: interrupted items and Unmaps", tests, NULL, NULL);
}

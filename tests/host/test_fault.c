/* Page faults as IPC; and IPC whose partners die in the middle of it, by accident or by design. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"

#include <string.h>

#define NEVER   TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define NO_WAIT TIMEOUTS(TIME_ZERO, TIME_ZERO)
#define FRAMES  40u
#define MATE    41u
#define ADDRESS ((vaddr_t)0x10040000)
#define WRITE   6u /* error codes of page faults from user mode */
#define READ    4u
#define FETCH   20u

static struct party p, q; /* q pages p */
static pfn_t pfn;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    pfn = make_frames(FRAMES, 2);
    *thread_mr(p.t, TCR_PAGER) = q.t->global_id;
    return 0;
}

static void reply_with_page(struct thread *pager, vaddr_t source, vaddr_t target, word_t rwx)
{
    set_mr(pager, 0, TAG_MAKE(0, 0, 2));
    set_mr(pager, 1, target | ITEM_MAP);
    set_mr(pager, 2, source | PAGE_BITS << 4 | rwx);
    ipc(pager, p.t->global_id, L4_ANY, TIMEOUTS(TIME_ZERO, TIME_NEVER));
}

static void assert_fault_message(word_t rwx)
{
    assert_received(q.t, p.t->global_id);
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(LABEL_PAGE_FAULT | rwx, 2, 0));
    assert_int_equal(get_mr(q.t, 1), ADDRESS + 5);
    assert_int_equal(get_mr(q.t, 2), 0x400123);
}

static void the_pager_is_asked_and_maps_and_the_thread_notices_nothing(void **state)
{
    (void)state;
    uint8_t utcb[UTCB_BYTES];

    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    world_run(p.t);
    struct regs *r = thread_regs(p.t), before;
    *r = (struct regs){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0};
    before = *r;
    memcpy(utcb, p.t->utcb, sizeof utcb);
    page_fault(p.t, ADDRESS + 5, WRITE);
    assert_fault_message(FPAGE_WRITE);
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
    reply_with_page(q.t, PARTY_MEMORY, ADDRESS, FPAGE_READ | FPAGE_WRITE);
    assert_ptr_equal(cpu_this()->current, p.t);
    assert_memory_equal(&before, r, offsetof(struct regs, vector));
    assert_int_equal(r->rip, 0x400123);
    assert_int_equal(r->vector, VECTOR_PAGE_FAULT);
    assert_memory_equal(utcb, p.t->utcb, sizeof utcb);
    assert_ptr_equal(space_user(p.e->root, ADDRESS, RW), space_user(q.e->root, PARTY_MEMORY, RW));
    ipc_words(p.t, q.t->global_id, q.t->global_id, NEVER, 9, 1, 33); /* its own words again */
    assert_int_equal(get_mr(q.t, 0), TAG_MAKE(9, 1, 0));
    ipc_words(q.t, p.t->global_id, L4_NIL, NO_WAIT, 10, 1, 44);
    assert_received(p.t, q.t->global_id);
    assert_int_equal(get_mr(p.t, 1), 44);
}

static void the_kind_of_access_is_told(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    page_fault(p.t, ADDRESS + 5, READ);
    assert_fault_message(FPAGE_READ);
    ipc_words(q.t, p.t->global_id, L4_ANY, NEVER, 0, 0, 0); /* a reply that helps nobody */
    page_fault(p.t, ADDRESS + 5, FETCH);
    assert_fault_message(FPAGE_EXEC);
}

static void a_fault_waits_for_a_pager_that_is_busy(void **state)
{
    (void)state;
    page_fault(p.t, ADDRESS + 5, READ);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    ipc(q.t, L4_NIL, L4_ANY, NO_WAIT);
    assert_fault_message(FPAGE_READ);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
}

static void nobody_but_the_pager_answers_a_fault(void **state)
{
    (void)state;
    struct thread *mate = party_thread(&q, MATE, 1);

    page_fault(p.t, ADDRESS + 5, READ);
    ipc_words(mate, p.t->global_id, L4_NIL, NO_WAIT, 0, 0, 0);
    assert_failed(mate, IPC_TIMEOUT, IPC_SEND_PHASE);
    ipc(q.t, L4_NIL, L4_ANY, NO_WAIT);
    ipc_words(mate, p.t->global_id, L4_NIL, NO_WAIT, 0, 0, 0);
    assert_failed(mate, IPC_TIMEOUT, IPC_SEND_PHASE);
}

static void without_a_pager_the_environment_ends(void **state)
{
    (void)state;
    static const word_t none[] = {L4_NIL, L4_ANY, L4_ANY_LOCAL, (word_t)7000 << 32 | 1};
    const struct party *ends[] = {&p, &q};

    for (unsigned i = 0; i < 2; i++) {
        struct thread *t = ends[i]->t;
        *thread_mr(t, TCR_PAGER) = i ? t->global_id : none[0]; /* itself is none either */
        page_fault(t, ADDRESS, READ);
        assert_int_equal(t->state, THREAD_DEAD);
        assert_int_equal(ends[i]->e->info->death, VECTOR_PAGE_FAULT + 1);
        assert_int_equal(ends[i]->e->info->death_addr, ADDRESS);
    }
    for (unsigned i = 1; i < 4; i++) {
        struct party s;
        party_make(&s, 50 + 4 * i);
        *thread_mr(s.t, TCR_PAGER) = none[i];
        page_fault(s.t, ADDRESS, READ);
        assert_int_equal(s.t->state, THREAD_DEAD);
    }
}

/* Its pager is gone: it runs on, meets the same fault, and nobody is there. */
static void assert_faults_again_and_ends(struct thread *t)
{
    assert_int_equal(t->state, THREAD_READY);
    page_fault(t, ADDRESS, READ);
    assert_int_equal(t->state, THREAD_DEAD);
}

static void a_pager_that_goes_ends_who_waits_for_it(void **state)
{
    (void)state;
    for (unsigned taken = 0; taken < 2; taken++) {
        struct party s;
        party_make(&s, 50 + 10 * taken);
        struct thread *pager = party_thread(&q, 58 + 10 * taken, 2 + taken);
        *thread_mr(s.t, TCR_PAGER) = pager->global_id;
        page_fault(s.t, ADDRESS, READ);
        if (taken)
            ipc(pager, L4_NIL, L4_ANY, NO_WAIT);
        assert_int_equal(s.t->state, taken ? THREAD_IPC_RECEIVE : THREAD_IPC_SEND);
        OK(BOSS(cap_delete, 58 + 10 * taken));
        assert_faults_again_and_ends(s.t);
        assert_int_equal(s.e->info->death, VECTOR_PAGE_FAULT + 1);
        assert_int_equal(s.e->info->death_addr, ADDRESS);
        assert_int_equal(s.e->info->death_ip, 0x400123);
    }
}

/* The same with two CPUs, so that the forest lock is real: who holds it may not take it again. */
static void a_pager_that_goes_on_a_machine_of_two_cpus_does_not_hang_it(void **state)
{
    (void)state;
    page_fault(p.t, ADDRESS, READ);
    cpu_count = 2;
    OK(BOSS(cap_delete, q.thread));
    assert_faults_again_and_ends(p.t);
    assert_int_equal(host.spins, 0);
}

static void
a_reply_whose_map_fails_lets_the_thread_fault_again_and_is_an_error_for_the_pager(void **state)
{
    (void)state;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    page_fault(p.t, ADDRESS + 5, READ);
    set_mr(q.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(q.t, 1, 0xe); /* of no kind */
    ipc(q.t, p.t->global_id, L4_NIL, NEVER);
    assert_failed(q.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_int_equal(p.t->state, THREAD_READY);
    assert_int_equal(p.t->ipc_kernel, IPC_OWN);
}

/* A thread dies by losing its UTCB and remains an object. Its space then forges a UTCB at the same
 * address: the local ID may not reach the dead thread, whose frame can be freed at any time. */
static void a_forged_utcb_does_not_bring_a_dead_thread_back(void **state)
{
    (void)state;
    vaddr_t utcb = PARTY_UTCB + PAGE_SIZE;
    struct thread *mate = party_thread(&p, MATE, 1);
    word_t id = mate->global_id;
    const struct page_entry entry = {utcb, p.pfn + 1, RW};

    put_entries(world.boss, SCRATCH, &entry, 1);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_int_equal(mate->state, THREAD_DEAD);
    OK(BOSS(page_bind, p.env, p.frames, SCRATCH, 1));
    memcpy((uint8_t *)memory_of(p.t, utcb + UTCB_MR) + TCR_GLOBAL_ID * 8, &id, 8);
    ipc_words(p.t, utcb + UTCB_MR, L4_NIL, NEVER, 1, 0, 0);
    assert_failed(p.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
    OK(BOSS(cap_delete, MATE));
    ipc(p.t, L4_NIL, L4_ANY, NO_WAIT);
}

/* p's page PARTY_MEMORY becomes q's UTCB by a map and a new thread. Returns that thread. */
static struct thread *lend_utcb(vaddr_t utcb)
{
    set_mr(p.t, 0, TAG_MAKE(0, 0, 2));
    set_mr(p.t, 1, utcb | ITEM_MAP);
    set_mr(p.t, 2, PARTY_MEMORY | PAGE_BITS << 4 | FPAGE_READ | FPAGE_WRITE);
    *thread_mr(q.t, TCR_BR0) = FPAGE_COMPLETE;
    ipc(q.t, L4_NIL, L4_ANY, NEVER);
    ipc(p.t, q.t->global_id, L4_NIL, NEVER);
    assert_received(q.t, p.t->global_id);
    struct thread *t = make_thread(q.env, MATE, utcb);
    OK(BOSS(thread_start, MATE, 0x400000, 0x500000, 0));
    return t;
}

/* The message maps over the page that the sender's own UTCB is derived from. */
static void a_sender_whose_message_takes_its_own_utcb_stays_dead(void **state)
{
    (void)state;
    struct thread *t = lend_utcb(ADDRESS);

    *thread_mr(p.t, TCR_BR0) = FPAGE_COMPLETE;
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    set_mr(t, 0, TAG_MAKE(0, 0, 2));
    set_mr(t, 1, PARTY_MEMORY | ITEM_MAP);
    set_mr(t, 2, (PARTY_MEMORY + PAGE_SIZE) | PAGE_BITS << 4 | FPAGE_READ);
    ipc(t, p.t->global_id, L4_ANY, NEVER);
    assert_int_equal(t->state, THREAD_DEAD);
    assert_true(list_is_empty(&t->queue));
    assert_true(p.t->state == THREAD_READY || p.t->state == THREAD_RUNNING);
    OK(BOSS(cap_delete, MATE));
}

static void a_queued_sender_whose_message_takes_its_own_utcb_stays_dead(void **state)
{
    (void)state;
    struct thread *t = lend_utcb(ADDRESS);

    *thread_mr(p.t, TCR_BR0) = FPAGE_COMPLETE;
    set_mr(t, 0, TAG_MAKE(0, 0, 4));
    set_mr(t, 1, PARTY_MEMORY | ITEM_MAP);
    set_mr(t, 2, (PARTY_MEMORY + PAGE_SIZE) | PAGE_BITS << 4 | FPAGE_READ);
    set_mr(t, 3, ADDRESS | ITEM_MAP);
    set_mr(t, 4, (PARTY_MEMORY + PAGE_SIZE) | PAGE_BITS << 4 | FPAGE_READ);
    ipc(t, p.t->global_id, L4_ANY, TIMEOUTS(TIME_NEVER, TIME_1MS));
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    assert_int_equal(t->state, THREAD_DEAD);
    assert_true(list_is_empty(&t->sleep_link));
    OK(BOSS(cap_delete, MATE));
    pass_time(2 * TICKS_1MS);
}

/* As before, and then the message fails: the dead sender is not told. */
static void a_sender_that_died_in_its_message_is_told_nothing(void **state)
{
    (void)state;
    struct thread *t = lend_utcb(ADDRESS);

    *thread_mr(p.t, TCR_BR0) = FPAGE_COMPLETE;
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    set_mr(t, 0, TAG_MAKE(0, 0, 4));
    set_mr(t, 1, PARTY_MEMORY | ITEM_MAP);
    set_mr(t, 2, (PARTY_MEMORY + PAGE_SIZE) | PAGE_BITS << 4 | FPAGE_READ);
    set_mr(t, 3, 0xe); /* of no kind */
    ipc(t, p.t->global_id, L4_ANY, NEVER);
    assert_failed(p.t, IPC_OVERFLOW, IPC_RECEIVE_PHASE);
    assert_int_equal(t->state, THREAD_DEAD);
    assert_false(thread_regs(t)->r9 & TAG_ERROR);
}

static void thread_switch_goes_to_the_thread_named_if_it_can_run(void **state)
{
    (void)state;
    world_run(p.t);
    thread_regs(p.t)->rdi = q.t->global_id;
    l4_enter(p.t, LINK_THREAD_SWITCH);
    assert_ptr_equal(cpu_this()->current, q.t);
    assert_int_equal(p.t->state, THREAD_READY);
    ipc(p.t, L4_NIL, L4_ANY, NEVER);
    world_run(q.t);
    thread_regs(q.t)->rdi = p.t->global_id; /* who waits is not run */
    l4_enter(q.t, LINK_THREAD_SWITCH);
    assert_ptr_equal(cpu_this()->current, world.boss);
    world_run(q.t);
    thread_regs(q.t)->rdi = L4_NIL;
    l4_enter(q.t, LINK_THREAD_SWITCH);
    assert_ptr_equal(cpu_this()->current, world.boss);
    assert_int_equal(p.t->state, THREAD_IPC_RECEIVE);
}

static void calls_for_the_privileged_say_so(void **state)
{
    (void)state;
    static const enum kip_link refused[] = {LINK_THREAD_CONTROL, LINK_SPACE_CONTROL,
                                            LINK_PROCESSOR_CONTROL, LINK_MEMORY_CONTROL};

    for (unsigned i = 0; i < 4; i++) {
        world_run(p.t);
        thread_regs(p.t)->rax = 7;
        *thread_mr(p.t, TCR_ERROR) = 0;
        l4_enter(p.t, refused[i]);
        assert_int_equal(thread_regs(p.t)->rax, 0);
        assert_int_equal(*thread_mr(p.t, TCR_ERROR), CALL_ERROR_NO_PRIVILEGE);
    }
}

static void the_system_clock_counts_microseconds(void **state)
{
    (void)state;
    l4_enter(p.t, LINK_SYSTEM_CLOCK);
    uint64_t before = thread_regs(p.t)->rax;
    host.ticks += 5 * TICKS_1MS;
    l4_enter(p.t, LINK_SYSTEM_CLOCK);
    assert_int_equal(thread_regs(p.t)->rax - before, 5000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_pager_is_asked_and_maps_and_the_thread_notices_nothing),
        TEST(the_kind_of_access_is_told),
        TEST(a_fault_waits_for_a_pager_that_is_busy),
        TEST(nobody_but_the_pager_answers_a_fault),
        TEST(without_a_pager_the_environment_ends),
        TEST(a_pager_that_goes_ends_who_waits_for_it),
        TEST(a_pager_that_goes_on_a_machine_of_two_cpus_does_not_hang_it),
        TEST(a_reply_whose_map_fails_lets_the_thread_fault_again_and_is_an_error_for_the_pager),
        TEST(a_forged_utcb_does_not_bring_a_dead_thread_back),
        TEST(a_sender_whose_message_takes_its_own_utcb_stays_dead),
        TEST(a_queued_sender_whose_message_takes_its_own_utcb_stays_dead),
        TEST(a_sender_that_died_in_its_message_is_told_nothing),
        TEST(thread_switch_goes_to_the_thread_named_if_it_can_run),
        TEST(calls_for_the_privileged_say_so),
        TEST(the_system_clock_counts_microseconds),
    };
    return cmocka_run_group_tests_name("l4core/fault", tests, NULL, NULL);
}

/* ThreadControl and SpaceControl: a task in the four steps of the reference, every error code, and
 * what goes with what. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/abi/kip.h"
#include "l4core/control.h"

#define NEVER             TIMEOUTS(TIME_NEVER, TIME_NEVER)
#define KMEM              41u
#define FRAMES            42u
#define MATE              43u
#define THIRD             44u
#define ID(n)             ((word_t)(200 + (n)) << 32 | 1)
#define AREA              ((vaddr_t)0x80000000) /* of UTCBs: 16 pages */
#define KIP               ((vaddr_t)0x80100000)
#define FPAGE(base, bits) ((base) | (word_t)(bits) << 4)
#define UTCBS             FPAGE(AREA, 16)
#define KIP_PAGE          FPAGE(KIP, 12)

static struct party p, q; /* p is privileged */
static word_t me;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    me = p.t->global_id;
    give_privilege(&p, KMEM, 64);
    return 0;
}

static word_t space_control(struct thread *t, word_t space, word_t kip, word_t utcbs,
                            word_t redirector)
{
    struct regs *r = thread_regs(t);

    world_run(t);
    r->rdi = space;
    r->rsi = 0;
    r->rdx = kip;
    r->r8 = utcbs;
    r->r9 = redirector;
    *thread_mr(t, TCR_ERROR) = 0;
    l4_enter(t, LINK_SPACE_CONTROL);
    return r->rax;
}

#define FAILS(error, call) CONTROL_FAILS(p.t, error, call)

#define WORKS(call) CONTROL_WORKS(call)

/* A new space with an inactive thread, ID(0), and its areas. */
static struct thread *make_task(void)
{
    WORKS(thread_control(p.t, ID(0), ID(0), me, L4_NIL, NO_UTCB));
    WORKS(space_control(p.t, ID(0), KIP_PAGE, UTCBS, L4_NIL));
    struct thread *t = thread_by_number(200);
    assert_non_null(t);
    return t;
}

static struct thread *make_active(unsigned n)
{
    WORKS(thread_control(p.t, ID(n), ID(0), me, me, AREA + n * PAGE_SIZE));
    return thread_by_number(200 + n);
}

static void a_task_begins_in_four_steps(void **state)
{
    struct thread *t = make_task();

    (void)state;
    assert_int_equal(t->state, THREAD_STOPPED);
    assert_ptr_not_equal(t->env, p.e);
    assert_int_equal(t->scheduler, me);
    assert_int_equal(t->env->kip_area, KIP);
    assert_int_equal(arch_pte_rights(*entry_of(t->env, KIP)), RIGHT_READ | RIGHT_EXEC);
    assert_int_equal(arch_pte_address(*entry_of(t->env, KIP)) >> PAGE_BITS, kip_frame());
    WORKS(thread_control(p.t, ID(0), ID(0), L4_NIL, me, AREA + PAGE_SIZE));
    assert_int_equal(t->state, THREAD_IPC_RECEIVE);
    assert_int_equal(t->utcb_va, AREA + PAGE_SIZE);
    assert_int_equal(*thread_mr(t, TCR_PAGER), me);
    assert_int_equal(*thread_mr(t, TCR_SELF), AREA + PAGE_SIZE + UTCB_MR);
    assert_int_equal(*thread_mr(t, TCR_IPC_LINK), LINK_ADDRESS(LINK_IPC));
    assert_int_equal(*thread_mr(t, TCR_GLOBAL_ID), ID(0));
    assert_ptr_equal(memory_of(t, AREA + PAGE_SIZE), t->utcb);
    ipc_words(q.t, ID(0), L4_NIL, TIMEOUTS(TIME_ZERO, TIME_NEVER), 0, 2, 0x1000);
    assert_failed(q.t, IPC_TIMEOUT, IPC_SEND_PHASE); /* only its pager starts it */
    set_mr(p.t, 0, TAG_MAKE(0, 1, 2));               /* and without items */
    set_mr(p.t, 1, 0x402000);
    ipc(p.t, ID(0), L4_NIL, NEVER);
    assert_failed(p.t, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_int_equal(t->state, THREAD_IPC_RECEIVE);
    ipc_words(p.t, ID(0), L4_NIL, NEVER, 0, 2, 0x401000);
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
    assert_int_equal(thread_regs(t)->rip, 0x401000);
    assert_int_equal(thread_regs(t)->rsp, 0x401001);
    page_fault(t, 0x401000, 4);
    assert_int_equal(t->state, THREAD_IPC_SEND);
}

/* Two wait to start it before it is active; what the first one sends is no message of that kind. */
static void who_is_started_looks_at_all_that_is_queued(void **state)
{
    struct thread *t = make_task(), *mate = party_thread(&p, MATE, 1);
    struct thread *third = party_thread(&p, THIRD, 2);

    (void)state;
    *thread_mr(mate, TCR_ACTUAL_SENDER) = me;
    set_mr(mate, 0, TAG_PROPAGATED | TAG_MAKE(0, 1, 2));
    set_mr(mate, 1, 0x402000);
    ipc(mate, ID(0), L4_NIL, NEVER);
    assert_int_equal(mate->state, THREAD_IPC_SEND);
    ipc_words(p.t, ID(0), L4_NIL, NEVER, 0, 2, 0x401000);
    assert_int_equal(p.t->state, THREAD_IPC_SEND);
    WORKS(thread_control(third, ID(0), ID(0), L4_NIL, me, AREA));
    assert_failed(mate, IPC_OVERFLOW, IPC_SEND_PHASE);
    assert_true(t->state == THREAD_READY || t->state == THREAD_RUNNING);
    assert_int_equal(thread_regs(t)->rip, 0x401000);
    assert_int_not_equal(p.t->state, THREAD_IPC_SEND);
}

static void the_unprivileged_are_refused_first(void **state)
{
    (void)state;
    assert_int_equal(thread_control(q.t, 0, 0, 0, 0, 0), 0);
    assert_int_equal(last_error(q.t), CALL_ERROR_NO_PRIVILEGE);
    assert_int_equal(space_control(q.t, 0, 0, 0, 0), 0);
    assert_int_equal(last_error(q.t), CALL_ERROR_NO_PRIVILEGE);
}

static void a_dest_that_is_none_is_error_2(void **state)
{
    (void)state;
    make_task();
    FAILS(2, thread_control(p.t, local_id(p.t), me, me, L4_NIL, NO_UTCB));
    FAILS(2, thread_control(p.t, (word_t)20 << 32 | 1, me, me, L4_NIL, NO_UTCB));
    FAILS(2, thread_control(p.t, (word_t)THREAD_MAX << 32 | 1, me, me, L4_NIL, NO_UTCB));
    FAILS(2, thread_control(p.t, ID(7), L4_NIL, L4_NIL, L4_NIL, NO_UTCB)); /* not there */
    FAILS(2, thread_control(p.t, me, L4_NIL, L4_NIL, L4_NIL, NO_UTCB));    /* itself    */
    FAILS(2, thread_control(p.t, q.t->global_id, L4_NIL, L4_NIL, L4_NIL, NO_UTCB));
}

static void a_space_that_is_none_is_error_3(void **state)
{
    (void)state;
    FAILS(3, thread_control(p.t, ID(1), ID(2), me, L4_NIL, NO_UTCB));
    FAILS(3, thread_control(p.t, ID(1), me + 1, me, L4_NIL, NO_UTCB));
    FAILS(3, thread_control(p.t, ID(1), ID(1), me, me, AREA)); /* a new one has no areas */
    FAILS(3, thread_control(p.t, ID(1), me, me, me, AREA));
    FAILS(3, space_control(p.t, ID(1), KIP_PAGE, UTCBS, L4_NIL));
    FAILS(3, space_control(p.t, L4_NIL, KIP_PAGE, UTCBS, L4_NIL));
}

static void a_scheduler_that_is_none_is_error_4(void **state)
{
    (void)state;
    FAILS(4, thread_control(p.t, ID(1), ID(1), L4_NIL, L4_NIL, NO_UTCB));
    FAILS(4, thread_control(p.t, ID(1), ID(1), ID(2), L4_NIL, NO_UTCB));
    WORKS(thread_control(p.t, ID(1), ID(1), ID(1), L4_NIL, NO_UTCB));  /* itself */
    WORKS(thread_control(p.t, ID(1), ID(1), L4_NIL, L4_NIL, NO_UTCB)); /* which stays */
    assert_int_equal(thread_by_number(201)->scheduler, ID(1));
}

static void a_utcb_outside_its_area_or_twice_is_error_6(void **state)
{
    (void)state;
    make_task();
    make_active(1);
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, me, AREA - PAGE_SIZE));
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, me, AREA + 16 * PAGE_SIZE));
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, me, AREA + 0x400));
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, me, AREA + PAGE_SIZE)); /* taken */
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, me, NO_UTCB));
    FAILS(6, thread_control(p.t, ID(1), ID(0), L4_NIL, L4_NIL, AREA + 2 * PAGE_SIZE));
    FAILS(6, thread_control(p.t, ID(2), ID(2), me, L4_NIL, AREA + 2 * PAGE_SIZE));
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, L4_NIL, AREA + PAGE_SIZE));
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, L4_NIL, AREA + 16 * PAGE_SIZE));
    FAILS(6, thread_control(p.t, ID(0), ID(0), L4_NIL, me, NO_UTCB)); /* never said where */
}

static void a_utcb_is_relocated_until_its_thread_is_active(void **state)
{
    (void)state;
    make_task();
    WORKS(thread_control(p.t, ID(1), ID(0), me, L4_NIL, AREA + PAGE_SIZE));
    struct thread *t = thread_by_number(201);
    assert_int_equal(t->utcb_va, UTCB_NONE);
    FAILS(6, thread_control(p.t, ID(2), ID(0), me, me, AREA + PAGE_SIZE)); /* promised */
    FAILS(6, thread_control(p.t, ID(1), ID(0), L4_NIL, L4_NIL, AREA + 0x400));
    WORKS(thread_control(p.t, ID(1), ID(0), L4_NIL, L4_NIL, AREA + 3 * PAGE_SIZE));
    WORKS(thread_control(p.t, ID(1), ID(0), L4_NIL, L4_NIL, AREA + 3 * PAGE_SIZE)); /* its own */
    WORKS(thread_control(p.t, ID(2), ID(0), me, me, AREA + PAGE_SIZE));             /* free again */
    WORKS(thread_control(p.t, ID(1), ID(0), L4_NIL, me, NO_UTCB));
    assert_int_equal(t->utcb_va, AREA + 3 * PAGE_SIZE);
    assert_ptr_equal(memory_of(t, AREA + 3 * PAGE_SIZE), t->utcb);
    assert_int_equal(*thread_mr(t, TCR_SELF), AREA + 3 * PAGE_SIZE + UTCB_MR);
    FAILS(6, thread_control(p.t, ID(1), ID(0), L4_NIL, L4_NIL, AREA + 4 * PAGE_SIZE));
}

/* Areas that change, or another space, take away what was promised. */
static void a_location_is_looked_at_again_at_the_activation(void **state)
{
    (void)state;
    make_task();
    WORKS(thread_control(p.t, ID(0), ID(0), L4_NIL, L4_NIL, AREA + PAGE_SIZE));
    WORKS(space_control(p.t, ID(0), KIP_PAGE, FPAGE(AREA, 12), L4_NIL));
    FAILS(6, thread_control(p.t, ID(0), ID(0), L4_NIL, me, NO_UTCB));
    WORKS(space_control(p.t, ID(0), KIP_PAGE, UTCBS, L4_NIL));
    WORKS(thread_control(p.t, ID(0), ID(0), L4_NIL, me, NO_UTCB));
    WORKS(thread_control(p.t, ID(1), ID(1), me, L4_NIL, NO_UTCB));
    WORKS(space_control(p.t, ID(1), KIP_PAGE, UTCBS, L4_NIL));
    WORKS(thread_control(p.t, ID(2), ID(1), me, L4_NIL, AREA + PAGE_SIZE));
    WORKS(thread_control(p.t, ID(2), ID(0), L4_NIL, L4_NIL, NO_UTCB)); /* moves */
    FAILS(6, thread_control(p.t, ID(2), ID(0), L4_NIL, me, NO_UTCB));  /* ID(0) is there */
}

static void areas_are_aligned_apart_and_the_users(void **state)
{
    (void)state;
    WORKS(thread_control(p.t, ID(0), ID(0), me, L4_NIL, NO_UTCB));
    FAILS(6, space_control(p.t, ID(0), KIP_PAGE, 0, L4_NIL));
    FAILS(6, space_control(p.t, ID(0), KIP_PAGE, FPAGE(AREA, 11), L4_NIL));
    FAILS(6, space_control(p.t, ID(0), KIP_PAGE, FPAGE(AREA + PAGE_SIZE, 16), L4_NIL));
    FAILS(6, space_control(p.t, ID(0), KIP_PAGE, FPAGE(0xffff800000000000, 16), L4_NIL));
    FAILS(6, space_control(p.t, ID(0), KIP_PAGE, FPAGE(USER_TOP - PAGE_SIZE, 13), L4_NIL));
    FAILS(6, space_control(p.t, ID(0), KIP_PAGE, FPAGE(0, 16), L4_NIL));
    FAILS(6, space_control(p.t, ID(0), KIP_PAGE, FPAGE_COMPLETE, L4_NIL));
    FAILS(7, space_control(p.t, ID(0), 0, UTCBS, L4_NIL));
    FAILS(7, space_control(p.t, ID(0), FPAGE(AREA + PAGE_SIZE, 12), UTCBS, L4_NIL));
    FAILS(7, space_control(p.t, ID(0), FPAGE(0xffff800000000000, 12), UTCBS, L4_NIL));
    assert_int_equal(thread_by_number(200)->env->utcb_area.bytes, 0);
    WORKS(space_control(p.t, ID(0), KIP_PAGE, UTCBS, me));
    assert_int_equal(thread_by_number(200)->env->redirector, me);
    WORKS(space_control(p.t, ID(0), FPAGE(KIP + PAGE_SIZE, 12), UTCBS, L4_NIL)); /* again */
    assert_false(arch_pte_present(*entry_of(thread_by_number(200)->env, KIP)));
    assert_int_equal(thread_by_number(200)->env->redirector, me);
    make_active(1);
    WORKS(space_control(p.t, ID(0), 0, 0, L4_ANY)); /* ignored now, but for the redirector */
    assert_int_equal(thread_by_number(200)->env->redirector, L4_NIL);
    assert_int_equal(thread_by_number(200)->env->kip_area, KIP + PAGE_SIZE);
}

/* Does `e` show nothing at `va`? */
static bool is_empty(const struct env *e, vaddr_t va)
{
    const pte_t *at = space_entry(e->root, va, 1);

    return !at || !arch_pte_present(*at);
}

static void areas_are_neither_mapped_nor_mapped_over_nor_unmapped(void **state)
{
    static const vaddr_t fixed[] = {KIP, AREA + PAGE_SIZE, AREA + 5 * PAGE_SIZE}; /* 5: empty */
    static const unsigned kinds[] = {ITEM_MAP, ITEM_GRANT};
    const word_t page = FPAGE(PARTY_MEMORY, 12) | FPAGE_READ | FPAGE_WRITE;

    (void)state;
    make_task();
    struct thread *t = make_active(1);
    ipc_words(p.t, ID(1), L4_NIL, NEVER, 0, 2, 0x401000);
    for (unsigned i = 0; i < 3; i++) {
        const vaddr_t at = fixed[i], free = PARTY_MEMORY + (4 + i) * PAGE_SIZE;
        const pte_t was = *entry_of(t->env, at);
        for (unsigned k = 0; k < 2; k++) {
            map_all(p.t, t, at | kinds[k], page, FPAGE_COMPLETE);
            map_all(t, p.t, free | kinds[k], FPAGE(at, 12) | FPAGE_ALL, FPAGE_COMPLETE);
            assert_true(is_empty(p.e, free));
            assert_false(is_empty(p.e, PARTY_MEMORY));
        }
        unmap_all(t, FPAGE(at, 12) | FPAGE_ALL, true);
        unmap_all(t, FPAGE_COMPLETE | FPAGE_ALL, true);
        assert_int_equal(*entry_of(t->env, at), was);
    }
    map_all(p.t, t, (AREA + 16 * PAGE_SIZE) | ITEM_MAP, page, FPAGE_COMPLETE); /* just behind */
    assert_false(is_empty(t->env, AREA + 16 * PAGE_SIZE));
}

/* With n frames of kernel memory left each call fails with error 8 and leaves them, until it works.
 */
static void too_little_memory_is_error_8_and_makes_nothing(void **state)
{
    pfn_t base = world.base + 512;
    unsigned failures = 0;

    (void)state;
    OK(BOSS(frames_alloc, KMEM, base, 64, FRAMES));
    FAILS(8, thread_control(p.t, ID(0), ID(0), me, L4_NIL, NO_UTCB));
    OK(BOSS(cap_delete, FRAMES));
    OK(BOSS(frames_alloc, KMEM, base + ENV_FRAMES + 1, 64 - ENV_FRAMES - 1, FRAMES));
    FAILS(8, thread_control(p.t, ID(0), ID(0), me, L4_NIL, NO_UTCB));
    OK(BOSS(cap_delete, FRAMES));
    make_task();
    for (unsigned n = 0; n < 12; n++) { /* the UTCB far from any table: three of them */
        pfn_t first = frame_find(base, base + 64, n + 1);
        OK(BOSS(frames_alloc, KMEM, first + n, 64 - (first - base) - n, FRAMES));
        uint32_t before = world_free();
        word_t made = thread_control(p.t, ID(1), ID(0), me, me, AREA);
        assert_int_equal(made || last_error(p.t) == 8, 1);
        failures += !made;
        assert_true(made || world_free() == before);
        if (made)
            WORKS(thread_control(p.t, ID(1), L4_NIL, L4_NIL, L4_NIL, NO_UTCB));
        OK(BOSS(cap_delete, FRAMES));
    }
    assert_in_range(failures, 1, 11);
    assert_int_equal(thread_control(world.boss, ID(3), ID(3), me, L4_NIL, NO_UTCB), 0);
    assert_int_equal(last_error(world.boss), 8); /* sigma0 named no region */
}

static void an_id_gets_a_new_version_and_the_old_one_is_nobodys(void **state)
{
    struct thread *t = make_task();

    (void)state;
    make_active(1);
    ipc(q.t, L4_NIL, ID(1), NEVER);
    assert_int_equal(q.t->state, THREAD_IPC_RECEIVE);
    WORKS(thread_control(p.t, ID(1) + 1, ID(0), L4_NIL, q.t->global_id, NO_UTCB));
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    t = thread_by_number(201);
    assert_int_equal(t->global_id, ID(1) + 1);
    assert_int_equal(*thread_mr(t, TCR_GLOBAL_ID), ID(1) + 1);
    assert_int_equal(*thread_mr(t, TCR_PAGER), q.t->global_id);
    assert_int_equal(t->scheduler, me);
    ipc_words(q.t, ID(1), L4_NIL, NEVER, 0, 0, 0);
    assert_failed(q.t, IPC_NO_PARTNER, IPC_SEND_PHASE);
}

static void an_inactive_thread_moves_and_the_empty_space_goes(void **state)
{
    struct thread *t = make_task();
    struct env *e = t->env;

    (void)state;
    WORKS(thread_control(p.t, ID(5), ID(5), me, L4_NIL, NO_UTCB));
    struct thread *other = thread_by_number(205);
    uint16_t number = other->env->number;
    assert_ptr_not_equal(other->env, e);
    WORKS(thread_control(p.t, ID(5), ID(0), L4_NIL, L4_NIL, NO_UTCB));
    assert_ptr_equal(other->env, e);
    assert_null(env_by_number[number]);
    assert_int_equal(e->info->threads, 2);
}

static void the_last_thread_takes_the_space_along(void **state)
{
    struct thread *t = make_task();
    uint16_t number = t->env->number;

    (void)state;
    make_active(1);
    ipc(q.t, L4_NIL, ID(1), NEVER);
    WORKS(thread_control(p.t, ID(1), L4_NIL, L4_NIL, L4_NIL, NO_UTCB));
    assert_failed(q.t, IPC_NO_PARTNER, IPC_RECEIVE_PHASE);
    assert_null(thread_by_number(201));
    assert_non_null(env_by_number[number]);
    WORKS(thread_control(p.t, ID(0), L4_NIL, L4_NIL, L4_NIL, NO_UTCB));
    assert_null(env_by_number[number]);
    assert_true(frame_all_free(world.base + 512, 64));
}

static void a_region_that_is_taken_back_takes_its_tasks_along(void **state)
{
    struct thread *t = make_task();
    uint16_t number = t->env->number;

    (void)state;
    make_active(1);
    make_active(2);
    assert_ptr_equal(node_at(t->memory_node.parent), &cap_slot(world.root, KMEM)->node);
    OK(BOSS(cap_revoke, KMEM));
    assert_null(env_by_number[number]);
    assert_null(thread_by_number(200));
    assert_null(thread_by_number(201));
    assert_true(frame_all_free(world.base + 512, 64));
}

static void a_space_of_the_exokernel_calls_gets_l4_threads_too(void **state)
{
    (void)state;
    WORKS(space_control(p.t, me, KIP_PAGE, UTCBS, L4_NIL));
    WORKS(thread_control(p.t, ID(1), me, me, me, AREA));
    assert_ptr_equal(thread_by_number(201)->env, p.e);
    WORKS(thread_control(p.t, ID(1), L4_NIL, L4_NIL, L4_NIL, NO_UTCB));
    assert_int_equal(p.e->ended, false);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_task_begins_in_four_steps),
        TEST(who_is_started_looks_at_all_that_is_queued),
        TEST(the_unprivileged_are_refused_first),
        TEST(a_dest_that_is_none_is_error_2),
        TEST(a_space_that_is_none_is_error_3),
        TEST(a_scheduler_that_is_none_is_error_4),
        TEST(a_utcb_outside_its_area_or_twice_is_error_6),
        TEST(a_utcb_is_relocated_until_its_thread_is_active),
        TEST(a_location_is_looked_at_again_at_the_activation),
        TEST(areas_are_aligned_apart_and_the_users),
        TEST(areas_are_neither_mapped_nor_mapped_over_nor_unmapped),
        TEST(too_little_memory_is_error_8_and_makes_nothing),
        TEST(an_id_gets_a_new_version_and_the_old_one_is_nobodys),
        TEST(an_inactive_thread_moves_and_the_empty_space_goes),
        TEST(the_last_thread_takes_the_space_along),
        TEST(a_region_that_is_taken_back_takes_its_tasks_along),
        TEST(a_space_of_the_exokernel_calls_gets_l4_threads_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Environments and threads: making, naming, watching, starting, stopping, placing and ending them.
 */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/notification.h"
#include "bindings/revoke.h"
#include "exo/abi/kip.h"

#include <string.h>

#define IP    ((vaddr_t)0x400000)
#define SP    ((vaddr_t)0x500000)
#define NOTE  40u
#define SHORT 41u /* a region of few frames */
#define WEAK  42u
#define DST   50u

static struct party p, q;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    return 0;
}

static uint64_t raised(void)
{
    const struct notification *n = frame_memory(cap_slot(world.root, NOTE)->base);

    return n->raised;
}

static void an_environment_is_empty_but_for_its_root(void **state)
{
    (void)state;
    OK(BOSS(env_create, REGION, world.base + 500, DST));
    struct env *e = env_by_number[world.result];
    assert_int_equal(e->frame, world.base + 500);
    assert_int_equal(e->info->parent, world.root->number);
    assert_int_equal(e->info->state, ENV_ALIVE);
    assert_int_equal(e->info->frames, ENV_FRAMES);
    assert_int_equal(e->info->captables[0], e->frame + 1);
    for (slot_t s = 1; s < CAPS_PER_FRAME; s++)
        assert_int_equal(cap_slot(e, s)->kind, CAP_NONE);
    const pte_t *root = frame_memory(e->root);
    for (unsigned i = 0; i < MMU_ENTRIES; i++)
        assert_int_equal(arch_pte_present(root[i]), i >= MMU_ENTRIES / 2);
    assert_int_equal(cap_slot(world.root, DST)->flags, CAP_ORIGIN);
}

static void a_refused_env_create_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    uint32_t end = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, SHORT, REGION, RIGHT_ALL, end - 4, 4));
    REFUSED(ERR_BAD_ARG, t, env_create, REGION, end - 4, DST);
    REFUSED(ERR_BAD_ARG, t, env_create, REGION, PFN_ANY, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, t, env_create, REGION, PFN_ANY, CAPS_PER_FRAME);
    REFUSED(ERR_BAD_CAP, t, env_create, p.env, PFN_ANY, DST);
    REFUSED(ERR_IN_USE, t, env_create, REGION, PFN_ANY, p.env);
    REFUSED(ERR_IN_USE, t, env_create, REGION, p.e->frame, DST);
    REFUSED(ERR_NO_MEM, t, env_create, SHORT, PFN_ANY, DST);
}

static void env_numbers_run_out_and_come_back(void **state)
{
    (void)state;
    uint16_t next = env_number_free();

    for (unsigned n = 1; n < ENV_MAX; n++) /* all are taken, as far as the call can see */
        env_by_number[n] = env_by_number[n] ? env_by_number[n] : p.e;
    REFUSED(ERR_NO_MEM, world.boss, env_create, REGION, PFN_ANY, DST);
    for (unsigned n = 1; n < ENV_MAX; n++)
        env_by_number[n] = n != p.e->number && env_by_number[n] == p.e ? NULL : env_by_number[n];
    assert_int_equal(make_env(DST)->number, next);
    OK(BOSS(cap_delete, DST));
    assert_int_equal(env_number_free(), next);
    assert_int_equal(env_table[next].state, ENV_NONE);
}

static void a_refused_env_extend_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    uint32_t end = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, SHORT, REGION, RIGHT_ALL, end - 1, 1));
    OK(BOSS(frames_alloc, SHORT, PFN_ANY, 1, 49));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, t, env_extend, p.env, REGION, end);
    REFUSED(ERR_BAD_CAP, t, env_extend, REGION, REGION, PFN_ANY);
    REFUSED(ERR_BAD_CAP, t, env_extend, p.env, p.env, PFN_ANY);
    REFUSED(ERR_NO_RIGHT, t, env_extend, WEAK, REGION, PFN_ANY);
    REFUSED(ERR_IN_USE, t, env_extend, p.env, REGION, p.e->frame);
    REFUSED(ERR_NO_MEM, t, env_extend, p.env, SHORT, PFN_ANY);
    for (uint32_t i = 1; i < CAPTABLE_FRAMES; i++) {
        OK(BOSS(env_extend, p.env, REGION, PFN_ANY));
        assert_int_equal(world.result, i * CAPS_PER_FRAME);
    }
    REFUSED(ERR_NO_MEM, t, env_extend, p.env, REGION, PFN_ANY);
    give(p.env, CAP_SLOTS - 1, REGION, RIGHT_READ);
    REFUSED(ERR_BAD_ARG, p.t, cap_delete, CAP_SLOTS);
}

static void a_refused_table_create_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    vaddr_t va = (vaddr_t)1 << 40;
    uint32_t end = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, SHORT, REGION, RIGHT_ALL, end - 2, 2));
    REFUSED(ERR_BAD_ARG, t, table_create, p.env, REGION, PFN_ANY, USER_TOP, 3);
    REFUSED(ERR_BAD_ARG, t, table_create, p.env, REGION, PFN_ANY, ~(vaddr_t)0, 3);
    REFUSED(ERR_BAD_ARG, t, table_create, p.env, REGION, PFN_ANY, va, 0);
    REFUSED(ERR_BAD_ARG, t, table_create, p.env, REGION, PFN_ANY, va, 4);
    REFUSED(ERR_BAD_ARG, t, table_create, p.env, REGION, end - 2, va, 3);
    REFUSED(ERR_BAD_CAP, t, table_create, REGION, REGION, PFN_ANY, va, 3);
    REFUSED(ERR_BAD_CAP, t, table_create, p.env, p.env, PFN_ANY, va, 3);
    REFUSED(ERR_NO_RIGHT, t, table_create, WEAK, REGION, PFN_ANY, va, 3);
    REFUSED(ERR_NO_TABLE, t, table_create, p.env, REGION, PFN_ANY, va, 2);
    REFUSED(ERR_NO_TABLE, t, table_create, p.env, REGION, PFN_ANY, va, 1);
    REFUSED(ERR_IN_USE, t, table_create, p.env, REGION, PFN_ANY, PARTY_MEMORY, 1);
    REFUSED(ERR_IN_USE, t, table_create, p.env, REGION, p.e->frame, va, 3);
    REFUSED(ERR_NO_MEM, t, table_create, p.env, SHORT, PFN_ANY, va, 3);
    OK(BOSS(table_create, p.env, REGION, PFN_ANY, USER_TOP - 1, 3));
    assert_int_equal(frame_of((pfn_t)world.result)->level, 3);
    assert_int_equal(frame_of((pfn_t)world.result)->owner, p.e->number);
    const pte_t *upper = space_entry(p.e->root, USER_TOP - 1, 4);
    assert_int_equal(frame_of((pfn_t)world.result)->origin, node_name(entry_node(upper)));
}

static void a_refused_thread_create_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    vaddr_t utcb = PARTY_MEMORY;
    const struct page_entry less = {PARTY_MEMORY + PAGE_SIZE, 0, RIGHT_READ};
    uint32_t end = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, SHORT, REGION, RIGHT_ALL, end - 1, 1));
    OK(BOSS(frames_alloc, SHORT, PFN_ANY, 1, 49));
    put_entries(t, SCRATCH, &less, 1);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    REFUSED(ERR_BAD_ARG, t, thread_create, p.env, REGION, PFN_ANY, utcb + 8, 0, DST);
    REFUSED(ERR_BAD_ARG, t, thread_create, p.env, REGION, PFN_ANY, USER_TOP, 0, DST);
    REFUSED(ERR_BAD_ARG, t, thread_create, p.env, REGION, PFN_ANY, utcb, THREAD_FIRST - 1, DST);
    REFUSED(ERR_BAD_ARG, t, thread_create, p.env, REGION, PFN_ANY, utcb, THREAD_MAX, DST);
    REFUSED(ERR_BAD_ARG, t, thread_create, p.env, REGION, end, utcb, 0, DST);
    REFUSED(ERR_BAD_ARG, t, thread_create, p.env, REGION, PFN_ANY, utcb, 0, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, t, thread_create, REGION, REGION, end, utcb, 0, DST);
    REFUSED(ERR_BAD_CAP, t, thread_create, WEAK, p.env, PFN_ANY, utcb, 0, DST);
    REFUSED(ERR_BAD_CAP, t, thread_create, REGION, REGION, PFN_ANY, utcb, 0, DST);
    REFUSED(ERR_BAD_CAP, t, thread_create, p.env, p.env, PFN_ANY, utcb, 0, DST);
    REFUSED(ERR_NO_RIGHT, t, thread_create, WEAK, REGION, PFN_ANY, utcb, 0, DST);
    REFUSED(ERR_IN_USE, t, thread_create, p.env, REGION, PFN_ANY, utcb, 0, p.env);
    REFUSED(ERR_IN_USE, t, thread_create, p.env, REGION, p.e->frame, utcb, 0, DST);
    REFUSED(ERR_IN_USE, t, thread_create, p.env, REGION, PFN_ANY, utcb, q.t->number, DST);
    REFUSED(ERR_IN_USE, t, thread_create, p.env, REGION, PFN_ANY, PARTY_UTCB, 0, DST);
    REFUSED(ERR_IN_USE, t, thread_create, p.env, SHORT, PFN_ANY, PARTY_UTCB, 0, DST);
    REFUSED(ERR_NO_MEM, t, thread_create, p.env, SHORT, PFN_ANY, utcb, 0, DST);
    REFUSED(ERR_NOT_BOUND, t, thread_create, p.env, REGION, PFN_ANY, less.va, 0, DST);
    REFUSED(ERR_NOT_BOUND, t, thread_create, p.env, REGION, PFN_ANY, utcb + (8 << 12), 0, DST);
    REFUSED(ERR_NOT_BOUND, t, thread_create, p.env, REGION, PFN_ANY, (vaddr_t)1 << 40, 0, DST);
}

static void a_new_thread_is_stopped_and_finds_itself_in_its_utcb(void **state)
{
    (void)state;
    OK(BOSS(thread_create, p.env, REGION, world.base + 600, PARTY_MEMORY, 4000, DST));
    struct thread *t = thread_by_number(4000);
    assert_int_equal(world.result, t->global_id);
    assert_int_equal(t->global_id >> 32, 4000);
    assert_int_not_equal(t->global_id & 63, 0);
    assert_int_equal(frame_number(t), world.base + 600);
    assert_int_equal(t->state, THREAD_STOPPED);
    assert_ptr_equal(t->env, p.e);
    assert_int_equal(p.e->info->threads, 2);
    const word_t *mr = memory_of(p.t, PARTY_MEMORY + UTCB_MR);
    assert_int_equal(mr[TCR_SELF], PARTY_MEMORY + UTCB_MR);
    assert_int_equal(mr[TCR_IPC_LINK], LINK_ADDRESS(LINK_IPC));
    assert_int_equal(mr[TCR_GLOBAL_ID], t->global_id);
    assert_int_equal(thread_exo(t)->thread, 4000);
    assert_int_equal(thread_exo(t)->env, p.e->number);
}

static void a_version_of_a_thread_number_is_never_that_of_a_local_id(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        OK(BOSS(thread_create, p.env, REGION, PFN_ANY, PARTY_MEMORY, 4001, DST));
        assert_int_not_equal(world.result & 63, 0);
        OK(BOSS(cap_delete, DST));
    }
    assert_null(thread_by_number(4001));
    assert_null(thread_by_number(THREAD_MAX));
}

static void numbers_in_use_are_those_of_threads(void **state)
{
    (void)state;
    OK(BOSS(thread_create, p.env, REGION, PFN_ANY, PARTY_MEMORY, THREAD_MAX - 1, DST));
    uint32_t used = 0;
    for (uint32_t n = 0; n < THREAD_MAX; n++) {
        if (!thread_by_number(n))
            continue;
        assert_int_equal(thread_number_used(used), n);
        assert_int_equal(thread_number_used(n), n);
        used = n + 1;
    }
    assert_int_equal(thread_number_used(used), THREAD_MAX);
    OK(BOSS(cap_delete, DST));
    assert_int_equal(thread_number_used(THREAD_MAX - 1), THREAD_MAX);
}

static void a_started_thread_has_its_value_and_no_other(void **state)
{
    (void)state;
    struct thread *t = make_thread(p.env, DST, PARTY_MEMORY);
    memset(thread_regs(t), 0x5a, sizeof(struct regs));
    OK(BOSS(thread_start, DST, IP, SP, 77));
    const struct regs want = {.rip = IP,
                              .rsp = SP,
                              .rdi = 77,
                              .cs = SEGMENT_USER_CODE,
                              .ss = SEGMENT_USER_DATA,
                              .rflags = FLAGS_DEFAULT};
    assert_memory_equal(thread_regs(t), &want, sizeof want);
    assert_int_equal(t->state, THREAD_READY);
}

static void a_refused_start_or_stop_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    make_thread(p.env, DST, PARTY_MEMORY);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, DST, RIGHT_READ | RIGHT_EXEC, 0, 0));
    REFUSED(ERR_BAD_ARG, b, thread_start, DST, USER_TOP, SP, 0);
    REFUSED(ERR_BAD_ARG, b, thread_start, DST, IP, USER_TOP + 1, 0);
    REFUSED(ERR_BAD_CAP, b, thread_start, p.env, IP, SP, 0);
    REFUSED(ERR_NO_RIGHT, b, thread_start, WEAK, IP, SP, 0);
    REFUSED(ERR_BAD_STATE, b, thread_start, p.thread, IP, SP, 0);
    REFUSED(ERR_BAD_CAP, b, thread_stop, REGION);
    REFUSED(ERR_NO_RIGHT, b, thread_stop, WEAK);
    OK(BOSS(thread_start, DST, USER_TOP - 1, USER_TOP, 0));
    OK(BOSS(thread_stop, DST));
    env_end(p.e, VECTOR_PAGE_FAULT, 0, 0);
    REFUSED(ERR_BAD_STATE, b, thread_start, DST, IP, SP, 0);
}

static void a_refused_fpu_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    make_thread(p.env, DST, PARTY_MEMORY);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, DST, RIGHT_READ | RIGHT_EXEC, 0, 0));
    REFUSED(ERR_BAD_ARG, b, thread_fpu, DST, 2);
    REFUSED(ERR_BAD_CAP, b, thread_fpu, p.env, 0);
    REFUSED(ERR_NO_RIGHT, b, thread_fpu, WEAK, 0);
    REFUSED(ERR_BAD_STATE, b, thread_fpu, p.thread, 0);
    OK(BOSS(thread_fpu, DST, 0));
    give(p.env, 5, p.thread, RIGHT_ALL);
    OK(CALL(p.t, thread_fpu, 5, 0)); /* itself, while it runs */
    assert_true(p.t->kind & THREAD_NO_FPU);
}

static void a_refused_code_only_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    make_thread(p.env, DST, PARTY_MEMORY);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, DST, RIGHT_READ | RIGHT_EXEC, 0, 0));
    REFUSED(ERR_BAD_ARG, b, thread_code_only, DST, 2);
    REFUSED(ERR_BAD_CAP, b, thread_code_only, p.env, 1);
    REFUSED(ERR_NO_RIGHT, b, thread_code_only, WEAK, 1);
    REFUSED(ERR_BAD_STATE, b, thread_code_only, p.thread, 1);
    host.no_code_only = true;
    REFUSED(ERR_NO_DEVICE, b, thread_code_only, DST, 1);
    host.no_code_only = false;
    OK(BOSS(thread_code_only, DST, 1));
    give(p.env, 5, p.thread, RIGHT_ALL);
    OK(CALL(p.t, thread_code_only, 5, 1)); /* itself, while it runs */
    assert_true((p.t->kind & THREAD_ALONE) && p.t->arch.code_only);
    assert_true(cpu_this()->like != p.t->kind); /* the general path sets its register */
    OK(CALL(p.t, thread_code_only, 5, 0));
    assert_false((p.t->kind & THREAD_ALONE) || p.t->arch.code_only);
}

static void a_stopped_thread_can_be_started_again(void **state)
{
    (void)state;
    OK(BOSS(thread_stop, p.thread));
    assert_int_equal(p.t->state, THREAD_STOPPED);
    OK(BOSS(thread_stop, p.thread));
    OK(BOSS(thread_start, p.thread, IP, SP, 0));
    assert_int_equal(p.t->state, THREAD_READY);
    give(p.env, 5, p.thread, RIGHT_ALL);
    assert_int_equal(CALL(p.t, thread_stop, 5), BLOCKED); /* itself */
    assert_int_equal(p.t->state, THREAD_STOPPED);
    assert_ptr_not_equal(cpu_this()->current, p.t);
}

static void a_thread_without_utcb_is_stopped_for_good(void **state)
{
    (void)state;
    const struct page_entry e = {PARTY_MEMORY, 0, 0};
    struct thread *t = party_thread(&p, DST, 1);

    world_run(t);
    put_entries(world.boss, SCRATCH, &e, 1);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_int_equal(t->state, THREAD_DEAD);
    REFUSED(ERR_BAD_STATE, world.boss, thread_start, DST, IP, SP, 0);
    OK(BOSS(thread_stop, DST));
    assert_int_equal(t->state, THREAD_DEAD);
    assert_int_equal(p.e->info->state, ENV_ALIVE); /* it has another thread */
}

static void an_environment_ends_with_its_last_utcb_and_its_watcher_is_told(void **state)
{
    (void)state;
    const struct page_entry e = {PARTY_UTCB, 0, 0};

    OK(BOSS(env_watch, p.env, NOTE, 5));
    put_entries(world.boss, SCRATCH, &e, 1);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_int_equal(p.e->info->state, ENV_DYING);
    assert_int_equal(raised(), 5);
    REFUSED(ERR_NOT_BOUND, world.boss, thread_create, p.env, REGION, PFN_ANY, PARTY_MEMORY, 0, DST);
}

static void who_watches_late_or_until_the_end_is_told_once(void **state)
{
    (void)state;
    OK(BOSS(env_watch, p.env, NOTE, 1));
    OK(BOSS(cap_delete, p.env));
    assert_int_equal(raised(), 1);
    env_end(q.e, 14, 0x1234, 0x5678);
    assert_int_equal(q.e->info->death, 14);
    assert_int_equal(q.e->info->death_ip, 0x1234);
    assert_int_equal(q.e->info->death_addr, 0x5678);
    env_end(q.e, 13, 0, 0); /* the first reason stays */
    assert_int_equal(q.e->info->death, 14);
    OK(BOSS(env_watch, q.env, NOTE, 2));
    assert_int_equal(raised(), 3);
}

static void a_refused_watch_or_kmem_or_name_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, 43, NOTE, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, 44, REGION, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, b, env_watch, p.env, NOTE, 0);
    REFUSED(ERR_BAD_CAP, b, env_watch, NOTE, NOTE, 1);
    REFUSED(ERR_BAD_CAP, b, env_watch, p.env, REGION, 1);
    REFUSED(ERR_NO_RIGHT, b, env_watch, WEAK, NOTE, 1);
    REFUSED(ERR_NO_RIGHT, b, env_watch, p.env, 43, 1);
    OK(BOSS(env_watch, p.env, NOTE, 1));
    REFUSED(ERR_IN_USE, b, env_watch, p.env, NOTE, 1);
    REFUSED(ERR_BAD_CAP, b, env_kmem, REGION, REGION);
    REFUSED(ERR_BAD_CAP, b, env_kmem, p.env, p.env);
    REFUSED(ERR_NO_RIGHT, b, env_kmem, WEAK, REGION);
    REFUSED(ERR_NO_RIGHT, b, env_kmem, p.env, 44);
    OK(BOSS(env_kmem, p.env, REGION));
    REFUSED(ERR_IN_USE, b, env_kmem, p.env, REGION);
    REFUSED(ERR_BAD_ARG, b, env_name, p.env, 0x1f, 0);
    REFUSED(ERR_BAD_ARG, b, env_name, p.env, 'a', 0x7f);
    REFUSED(ERR_BAD_ARG, b, env_name, p.env, (word_t)0x80 << 56, 0);
    REFUSED(ERR_BAD_CAP, b, env_name, REGION, 'a', 0);
    REFUSED(ERR_NO_RIGHT, b, env_name, WEAK, 'a', 0);
    const uint32_t sequence = p.e->info->sequence;
    OK(BOSS(env_name, p.env, 0x7e20 | 'a' << 16, 'b'));
    assert_int_equal(p.e->info->sequence, sequence + 2);
    assert_string_equal(p.e->info->name, " ~a");
    assert_int_equal(p.e->info->name[8], 'b');
}

static void a_watch_goes_with_the_notification(void **state)
{
    (void)state;
    OK(BOSS(env_watch, p.env, NOTE, 1));
    OK(BOSS(cap_delete, NOTE));
    assert_int_equal(p.e->watch.parent, 0);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(env_watch, p.env, NOTE, 1));
}

static void a_refused_place_or_slice_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, 43, SLOT_CPU, RIGHT_READ, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.thread, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, b, thread_place, p.thread, SLOT_CPU, 0, 256);
    REFUSED(ERR_BAD_ARG, b, thread_place, p.thread, SLOT_CPU, 1, 0);
    REFUSED(ERR_BAD_ARG, b, thread_place, p.thread, SLOT_CPU, 0xffffffff, 0);
    REFUSED(ERR_BAD_CAP, b, thread_place, p.env, SLOT_CPU, 0, 0);
    REFUSED(ERR_BAD_CAP, b, thread_place, p.thread, p.thread, 0, 0);
    REFUSED(ERR_NO_RIGHT, b, thread_place, WEAK, SLOT_CPU, 0, 0);
    REFUSED(ERR_NO_RIGHT, b, thread_place, p.thread, 43, 0, 0);
    REFUSED(ERR_BAD_ARG, b, slice_bind, SLOT_CPU, 0, SLICE_COUNT, p.thread);
    REFUSED(ERR_BAD_ARG, b, slice_bind, SLOT_CPU, 1, 0, p.thread);
    REFUSED(ERR_BAD_CAP, b, slice_bind, p.env, 0, 0, p.thread);
    REFUSED(ERR_BAD_CAP, b, slice_bind, SLOT_CPU, 0, 0, p.env);
    REFUSED(ERR_NO_RIGHT, b, slice_bind, 43, 0, 0, p.thread);
    REFUSED(ERR_NOT_BOUND, b, slice_bind, SLOT_CPU, 0, 0, SLOT_NONE);
    p.t->cpu = 1;
    REFUSED(ERR_BAD_STATE, b, slice_bind, SLOT_CPU, 0, 0, p.thread);
    p.t->cpu = 0;
    OK(BOSS(slice_bind, SLOT_CPU, 0, 0, p.thread));
    REFUSED(ERR_IN_USE, b, slice_bind, SLOT_CPU, 0, 0, q.thread);
    OK(BOSS(slice_bind, SLOT_CPU, 0, 0, SLOT_NONE));
}

/* Tables, capability slots and bindings that others paid for go with it too. */
static void an_environment_ends_with_what_it_was_given(void **state)
{
    (void)state;
    uint32_t before = world_free();

    OK(BOSS(env_create, REGION, PFN_ANY, DST));
    OK(BOSS(env_extend, DST, REGION, PFN_ANY));
    OK(BOSS(env_extend, DST, REGION, PFN_ANY));
    OK(BOSS(env_kmem, DST, REGION));
    OK(BOSS(env_watch, DST, NOTE, 1));
    make_tables(DST, PARTY_UTCB);
    give(DST, 2 * CAPS_PER_FRAME + 5, NOTE, RIGHT_READ);
    bind_page(DST, p.frames, p.pfn + 1, PARTY_UTCB, RW);
    make_thread(DST, 51, PARTY_UTCB);
    OK(BOSS(cap_delete, DST));
    assert_int_equal(world_free(), before);
    assert_int_equal(cap_slot(world.root, 51)->kind, CAP_NONE);
    assert_int_equal(raised(), 1);
}

static void slices_go_with_their_thread_and_with_the_cpu_capability(void **state)
{
    (void)state;
    struct cpu *c = cpu_this();

    OK(BOSS(cap_copy, SLOT_ENV, 43, SLOT_CPU, RIGHT_ALL, 0, 0));
    OK(BOSS(slice_bind, 43, 0, 3, p.thread));
    OK(BOSS(slice_bind, SLOT_CPU, 0, 63, p.thread));
    OK(BOSS(slice_bind, 43, 0, 5, q.thread));
    assert_int_equal(c->info.slices[3].thread, p.t->number);
    assert_int_equal(c->info.slices[3].env, p.e->number);
    OK(BOSS(cap_delete, p.thread));
    assert_null(c->slices[3]);
    assert_null(c->slices[63]);
    assert_ptr_equal(c->slices[5], q.t);
    OK(BOSS(cap_delete, 43));
    assert_null(c->slices[5]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_environment_is_empty_but_for_its_root),
        TEST(a_refused_env_create_changes_nothing),
        TEST(env_numbers_run_out_and_come_back),
        TEST(a_refused_env_extend_changes_nothing),
        TEST(a_refused_table_create_changes_nothing),
        TEST(a_refused_thread_create_changes_nothing),
        TEST(a_new_thread_is_stopped_and_finds_itself_in_its_utcb),
        TEST(a_version_of_a_thread_number_is_never_that_of_a_local_id),
        TEST(numbers_in_use_are_those_of_threads),
        TEST(a_started_thread_has_its_value_and_no_other),
        TEST(a_refused_start_or_stop_changes_nothing),
        TEST(a_refused_fpu_changes_nothing),
        TEST(a_refused_code_only_changes_nothing),
        TEST(a_stopped_thread_can_be_started_again),
        TEST(a_thread_without_utcb_is_stopped_for_good),
        TEST(an_environment_ends_with_its_last_utcb_and_its_watcher_is_told),
        TEST(who_watches_late_or_until_the_end_is_told_once),
        TEST(a_refused_watch_or_kmem_or_name_changes_nothing),
        TEST(a_watch_goes_with_the_notification),
        TEST(a_refused_place_or_slice_changes_nothing),
        TEST(an_environment_ends_with_what_it_was_given),
        TEST(slices_go_with_their_thread_and_with_the_cpu_capability),
    };
    return cmocka_run_group_tests_name("exo/env", tests, NULL, NULL);
}

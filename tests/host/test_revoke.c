/* Visible revocation: who may ask, what counts, what is taken and in which order, what stays. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "exo/abi/revoke.h"
#include "exo/arch/irq.h"
#include "tests/host/kernel_ipc.h"

#include <string.h>

#define MINE     6u /* p's slot: a part of REGION */
#define SMALL    7u /* p's slots: memory that it made */
#define MIDDLE   8u
#define LARGE    9u
#define DST      50u
#define NO_GRANT 51u
#define OTHER    52u
#define GOT      60u /* and those behind it: for frames that were taken */
#define PART     53u /* the part of REGION that p has */
#define SOON     (host.ticks + 1000)

static struct party p, q;
static pfn_t small, middle, large;

static pfn_t alloc(slot_t slot, uint32_t count)
{
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, count, slot));
    return (pfn_t)world.result;
}

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    OK(BOSS(cap_copy, SLOT_ENV, PART, REGION, RIGHT_ALL, world.base + world.count - 400, 400));
    give(p.env, MINE, PART, RIGHT_ALL);
    OK(BOSS(cap_copy, SLOT_ENV, NO_GRANT, PART, RIGHT_READ | RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, OTHER, REGION, RIGHT_ALL, 0, 0));
    small = alloc(SMALL, 4);
    middle = alloc(MIDDLE, 10);
    large = alloc(LARGE, 100);
    memset(p.t->utcb + UTCB_EXO, 0, sizeof(struct utcb_exo)); /* what the last test left there */
    return 0;
}

static int ask(uint32_t kind, uint32_t count)
{
    return BOSS(revoke_ask, PART, p.e->number, kind, count, SOON, SLOT_NONE);
}

static int guarantee(uint32_t kind, uint32_t count)
{
    return BOSS(revoke_guarantee, p.env, PART, kind, count);
}

static int look(void)
{
    return BOSS(revoke_look, PART, p.e->number);
}

/* The timer comes, until nothing is due any more. Returns how often. */
static unsigned pass_deadline(void)
{
    unsigned alarms = 0;

    pass_time(1000);
    while (p.e->ask.from && ++alarms < 1000)
        pass_time(1);
    assert_true(alarms < 1000);
    assert_true(cpu_this()->alarm == FOREVER || cpu_this()->alarm > host.ticks);
    return alarms;
}

static volatile struct utcb_exo *told(void)
{
    return thread_exo(p.t);
}

static void a_refused_ask_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    word_t n = p.e->number, far = REVOKE_PATIENCE_SECONDS * arch_tick_khz() * 1000 + 1;

    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, 0, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, ENV_MAX, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, b->env->number, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, 0, 1, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_KIND_COUNT, 1, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_FRAMES, 0, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, host.ticks, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, host.ticks + far, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, revoke_ask, DST, n, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, revoke_ask, SLOT_NONE, n, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    REFUSED(ERR_NO_RIGHT, b, revoke_ask, NO_GRANT, n, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    REFUSED(ERR_NOT_BOUND, b, revoke_ask, OTHER, n, REVOKE_FRAMES, 1, SOON,
            SLOT_NONE); /* a cousin */
    REFUSED(ERR_NOT_BOUND, b, revoke_ask, PART, q.e->number, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    for (unsigned kind = 1; kind < REVOKE_KIND_COUNT; kind++) /* of the first of all */
        REFUSED(ERR_NOT_BOUND, p.t, revoke_ask, MINE, world.root->number, kind, 1, SOON, SLOT_NONE);
    for (unsigned kind = REVOKE_SLICES; kind < REVOKE_KIND_COUNT; kind++)
        REFUSED(ERR_NOT_BOUND, b, revoke_ask, PART, n, kind, 1, SOON, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, SOON, CAP_SLOTS);
    REFUSED(ERR_BAD_ARG, b, revoke_ask, SLOT_CPU, n, REVOKE_FRAMES, 1, SOON, CAP_SLOTS);
    REFUSED(ERR_BAD_CAP, b, revoke_ask, SLOT_CPU, n, REVOKE_FRAMES, 1, SOON, DST);
    REFUSED(ERR_BAD_CAP, b, revoke_ask, NO_GRANT, n, REVOKE_RINGS, 1, SOON, DST);
    REFUSED(ERR_BAD_CAP, b, revoke_ask, PART, n, REVOKE_RINGS, 1, SOON, DST);
    REFUSED(ERR_IN_USE, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, SOON, SLOT_CPU);
    OK(guarantee(REVOKE_FRAMES, 114));
    REFUSED(ERR_BAD_STATE, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
    OK(guarantee(REVOKE_FRAMES, 0));
    OK(ask(REVOKE_FRAMES, 1));
    REFUSED(ERR_IN_USE, b, revoke_ask, PART, n, REVOKE_FRAMES, 1, SOON, SLOT_NONE);
}

static void a_refused_look_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    word_t n = p.e->number;

    REFUSED(ERR_NOT_BOUND, b, revoke_look, PART, n);
    OK(ask(REVOKE_FRAMES, 1));
    REFUSED(ERR_BAD_ARG, b, revoke_look, PART, 0);
    REFUSED(ERR_BAD_ARG, b, revoke_look, PART, b->env->number);
    REFUSED(ERR_BAD_CAP, b, revoke_look, DST, n);
    REFUSED(ERR_NOT_BOUND, b, revoke_look, OTHER, n);
    REFUSED(ERR_NOT_BOUND, b, revoke_look, PART, q.e->number);
    host.ticks += 1000;
    REFUSED(ERR_BAD_STATE, b, revoke_look, PART, n);
}

static void an_ask_is_told_and_met_in_time(void **state)
{
    (void)state;
    uint64_t deadline = SOON;

    told()->entry[UPCALL_REVOKE] = 0x410000;
    told()->stack[UPCALL_CLASS_EVENT] = 0x520000;
    OK(ask(REVOKE_FRAMES, 10));
    assert_int_equal(world.result, 10);
    assert_int_equal(told()->revoke_kind, REVOKE_FRAMES);
    assert_int_equal(told()->revoke_count, 10);
    assert_int_equal(told()->revoke_deadline, deadline);
    OK(look());
    assert_int_equal(world.result, 10);
    world_run(p.t);
    assert_true(told()->pending >> UPCALL_REVOKE & 1 || thread_regs(p.t)->rip == 0x410000);
    OK(CALL(p.t, cap_delete, SMALL)); /* 4 of 10 */
    OK(look());
    assert_int_equal(world.result, 6);
    OK(CALL(p.t, cap_delete, MIDDLE));
    OK(look());
    assert_int_equal(world.result, 0);
    assert_int_equal(look(), ERR_NOT_BOUND); /* closed */
    pass_deadline();
    assert_int_equal(told()->repossessed_count, 0);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 100);
}

static void one_that_was_met_is_closed_at_its_deadline(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 10));
    OK(CALL(p.t, cap_delete, MIDDLE));
    assert_int_equal(pass_deadline(), 0);
    assert_int_equal(look(), ERR_NOT_BOUND);
    assert_int_equal(told()->repossessed_count, 0);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 100);
}

static void what_was_given_is_not_taken_again(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 14));
    OK(CALL(p.t, cap_delete, MIDDLE)); /* 10 of 14 */
    pass_deadline();
    assert_int_equal(cap_slot(p.e, LARGE)->count, 96); /* a tail of the highest */
    assert_int_equal(cap_slot(p.e, SMALL)->count, 4);
    assert_int_equal(told()->repossessed_count, 1);
    assert_int_equal(told()->repossessed[0], REPOSSESSED(REVOKE_FRAMES, LARGE));
    assert_int_equal(frame_of(large + 96)->type, FRAME_FREE);
    assert_int_equal(frame_of(large + 95)->type, FRAME_MEMORY);
}

static void what_it_would_rather_lose_goes_first(void **state)
{
    (void)state;
    give(p.env, MINE + 4, OTHER, RIGHT_ALL);
    OK(CALL(p.t, frames_alloc, MINE + 4, PFN_ANY, 1, MINE + 5));
    told()->prefer_count = 4;
    told()->prefer[0] = REPOSSESSED(REVOKE_SLICES, MIDDLE);   /* another kind */
    told()->prefer[1] = REPOSSESSED(REVOKE_FRAMES, MINE);     /* no frames */
    told()->prefer[2] = REPOSSESSED(REVOKE_FRAMES, MINE + 5); /* not from who asks */
    told()->prefer[3] = REPOSSESSED(REVOKE_FRAMES, SMALL);
    OK(ask(REVOKE_FRAMES, 6));
    pass_deadline();
    assert_int_equal(cap_slot(p.e, SMALL)->kind, CAP_NONE);
    assert_int_equal(cap_slot(p.e, MIDDLE)->count, 10);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 98);
    assert_int_equal(told()->repossessed_count, 2);
    assert_int_equal(told()->repossessed[0], REPOSSESSED(REVOKE_FRAMES, SMALL));
}

static void frames_go_straight_to_the_askers_slots(void **state)
{
    (void)state;
    const struct cap *got = cap_slot(world.root, GOT), *more = cap_slot(world.root, GOT + 1);

    OK(BOSS(cap_copy, SLOT_ENV, GOT + 2, PART, RIGHT_ALL, 0, 0));
    OK(BOSS(revoke_ask, PART, p.e->number, REVOKE_FRAMES, 112, SOON, GOT));
    pass_deadline();
    assert_int_equal(got->kind, CAP_FRAMES);
    assert_int_equal(got->base, large);
    assert_int_equal(got->count, 100);
    assert_int_equal(more->base, middle);
    assert_int_equal(more->count, 10);
    assert_int_equal(frame_of(large)->owner, world.root->number);
    assert_int_equal(cap_slot(world.root, GOT + 2)->kind,
                     CAP_REGION); /* filled: the rest is free */
    assert_int_equal(frame_of(small + 2)->type, FRAME_FREE);
    assert_int_equal(cap_slot(p.e, SMALL)->count, 2);
}

static void who_takes_new_frames_meanwhile_loses_no_more_than_was_asked_for(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 20));
    pass_time(1000); /* 20 of LARGE, in one step */
    OK(CALL(p.t, frames_alloc, MINE, PFN_ANY, 20, DST));
    while (p.e->ask.from)
        pass_time(1);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 80);
    assert_int_equal(cap_slot(p.e, DST)->count, 20);
    assert_int_equal(told()->repossessed_count, 1);
}

static void frames_of_a_deaf_one_go_with_their_bindings_and_the_books_are_right(void **state)
{
    (void)state;
    uint32_t frames = p.e->info->frames, free = world_free();
    const struct page_entry e[] = {{PARTY_MEMORY + 8 * PAGE_SIZE, large, RW},
                                   {PARTY_MEMORY + 9 * PAGE_SIZE, large + 99, RW}};

    told()->mask = ~(uint64_t)0;
    told()->prefer_count = ~(uint64_t)0; /* whatever it says */
    told()->repossessed_count = ~(uint64_t)0;
    put_entries(p.t, PARTY_MEMORY, e, 2);
    OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 2));
    OK(ask(REVOKE_FRAMES, 1000)); /* all there is */
    assert_int_equal(world.result, 114);
    assert_true(pass_deadline() >= 2); /* one thing at a time */
    assert_int_equal(*entry_of(p.e, e[0].va), 0);
    assert_int_equal(*entry_of(p.e, e[1].va), 0);
    assert_int_equal(p.e->info->frames, frames - 114);
    assert_int_equal(world_free(), free + 114);
    assert_int_equal(p.e->info->state, ENV_ALIVE);
    OK(CALL(p.t, null, 0));
}

static void a_large_take_is_preempted_and_ends(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 50));
    make_tables(p.env, PARTY_MEMORY + 1200 * PAGE_SIZE);
    make_tables(p.env, PARTY_MEMORY + 600 * PAGE_SIZE);
    for (uint32_t i = 0; i < 1000; i++) {
        const struct page_entry e = {PARTY_MEMORY + (520 + i) * PAGE_SIZE, large + i % 100, RW};
        put_entries(p.t, PARTY_MEMORY, &e, 1);
        OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 1));
    }
    assert_true(pass_deadline() > 1);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 50);
    assert_int_equal(frame_of(large)->bindings, 0);
}

/* Where users had half of the CPU between two steps, they changed what the next one is about. */
static void what_is_given_up_between_two_steps_is_no_victim_any_more(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 100));
    make_tables(p.env, PARTY_MEMORY + 1200 * PAGE_SIZE);
    make_tables(p.env, PARTY_MEMORY + 600 * PAGE_SIZE);
    for (uint32_t i = 0; i < 1000; i++) {
        const struct page_entry e = {PARTY_MEMORY + (520 + i) * PAGE_SIZE, large + i % 100, RW};
        put_entries(p.t, PARTY_MEMORY, &e, 1);
        OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 1));
    }
    pass_time(1000);
    assert_int_equal(p.e->ask.victim, 1 + LARGE);
    OK(CALL(p.t, cap_delete, LARGE));
    while (p.e->ask.from)
        pass_time(1);
    assert_int_equal(cap_slot(p.e, MIDDLE)->count, 10);
    assert_int_equal(told()->repossessed_count, 0);
}

static void only_one_ask_is_open_at_a_time(void **state)
{
    (void)state;
    OK(ask(REVOKE_FRAMES, 10));
    assert_int_equal(BOSS(revoke_ask, REGION, p.e->number, REVOKE_FRAMES, 1, SOON, SLOT_NONE),
                     ERR_IN_USE);
    pass_deadline();
    OK(BOSS(revoke_ask, REGION, p.e->number, REVOKE_FRAMES, 1, SOON, SLOT_NONE)); /* above PART */
    assert_int_equal(look(), ERR_NOT_BOUND);
    pass_deadline();
    assert_int_equal(cap_slot(p.e, LARGE)->count, 89);
}

static void asks_of_several_are_kept_each_at_its_time(void **state)
{
    (void)state;
    give(q.env, MINE, PART, RIGHT_ALL);
    OK(CALL(q.t, frames_alloc, MINE, PFN_ANY, 30, SMALL));
    OK(BOSS(revoke_ask, PART, q.e->number, REVOKE_FRAMES, 30, host.ticks + 5000, SLOT_NONE));
    OK(ask(REVOKE_FRAMES, 10));
    pass_deadline();
    assert_int_equal(cap_slot(p.e, LARGE)->count, 90);
    assert_int_equal(cap_slot(q.e, SMALL)->count, 30);
    pass_time(5000);
    pass_time(1);
    assert_int_equal(cap_slot(q.e, SMALL)->kind, CAP_NONE);
}

/* The one of the higher number is due, and the other is not yet. */
static void who_is_not_due_keeps_what_it_has(void **state)
{
    (void)state;
    give(q.env, MINE, PART, RIGHT_ALL);
    OK(CALL(q.t, frames_alloc, MINE, PFN_ANY, 30, SMALL));
    OK(BOSS(revoke_ask, PART, p.e->number, REVOKE_FRAMES, 10, host.ticks + 5000, SLOT_NONE));
    OK(BOSS(revoke_ask, PART, q.e->number, REVOKE_FRAMES, 30, SOON, SLOT_NONE));
    pass_time(1000);
    pass_time(1);
    assert_int_equal(cap_slot(q.e, SMALL)->kind, CAP_NONE);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 100);
}

static void an_ask_ends_with_the_capability_that_asked(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, DST, REGION, RIGHT_ALL, 0, 0));
    OK(BOSS(cap_delete, PART)); /* and all that came from it */
    OK(BOSS(cap_copy, SLOT_ENV, PART, DST, RIGHT_ALL, world.base + world.count - 400, 400));
    give(p.env, MINE, PART, RIGHT_ALL);
    large = alloc(LARGE, 100);
    OK(BOSS(revoke_ask, PART, p.e->number, REVOKE_FRAMES, 10, SOON, SLOT_NONE));
    OK(BOSS(cap_delete, PART));
    assert_int_equal(p.e->ask.from, 0);
    OK(BOSS(cap_copy, SLOT_ENV, PART, DST, RIGHT_ALL, world.base + world.count - 400, 400));
    assert_int_equal(look(), ERR_NOT_BOUND); /* another in its slot is another */
    pass_deadline();
}

static void slices_go_from_the_highest_position(void **state)
{
    (void)state;
    for (uint32_t i = 10; i < 20; i++)
        OK(BOSS(slice_bind, SLOT_CPU, 0, i, p.thread));
    OK(BOSS(slice_bind, SLOT_CPU, 0, 30, q.thread));
    OK(BOSS(revoke_ask, SLOT_CPU, p.e->number, REVOKE_SLICES, 3, SOON, SLOT_NONE));
    OK(BOSS(slice_bind, SLOT_CPU, 0, 10, SLOT_NONE));
    pass_deadline();
    const struct cpu *c = cpu_number(0);
    assert_null(c->slices[10]);
    assert_ptr_equal(c->slices[17], p.t);
    assert_null(c->slices[18]);
    assert_null(c->slices[19]);
    assert_ptr_equal(c->slices[30], q.t); /* the neighbour's */
    assert_int_equal(told()->repossessed[0], REPOSSESSED(REVOKE_SLICES, 19));
    assert_int_equal(told()->repossessed[1], REPOSSESSED(REVOKE_SLICES, 18));
}

/* Ranges that are given and not made: of blocks, lines and ports. */
static void ranges_are_given_up_from_their_end(void **state)
{
    (void)state;
    static const struct {
        slot_t slot;
        uint32_t kind, base, count;
    } rows[] = {{SLOT_DISK, REVOKE_EXTENTS, 100, 50},
                {SLOT_IRQ, REVOKE_IRQS, 4, 8},
                {SLOT_PORTS, REVOKE_PORTS, 0x70, 2}};
    struct cap *disk = cap_slot(world.root, SLOT_DISK);
    uint32_t blocks = disk->count;

    disk->count = 1000; /* a disk that the machine does not have */
    for (unsigned i = 0; i < 3; i++) {
        slot_t slot = rows[i].slot;
        uint32_t base = rows[i].base, count = rows[i].count;
        const struct cap *has = cap_slot(p.e, slot);
        told()->repossessed_count = 0;
        OK(BOSS(cap_copy, p.env, slot, slot, cap_slot(world.root, slot)->rights, base, count));
        OK(CALL(p.t, cap_copy, SLOT_ENV, 30, slot, RIGHT_READ, base + 1, 1)); /* counts once */
        OK(BOSS(revoke_ask, slot, p.e->number, rows[i].kind, 1, SOON, SLOT_NONE));
        assert_int_equal(world.result, 1);
        pass_deadline();
        assert_int_equal(has->base, base);
        assert_int_equal(has->count, count - 1);
        assert_int_equal(cap_slot(p.e, 30)->kind, CAP_NONE);
        OK(BOSS(revoke_ask, slot, p.e->number, rows[i].kind, 1000, SOON, SLOT_NONE));
        pass_deadline();
        assert_int_equal(has->kind, CAP_NONE);
        assert_int_equal(told()->repossessed_count, 2);
        assert_int_equal(told()->repossessed[1], REPOSSESSED(rows[i].kind, slot));
    }
    disk->count = blocks;
}

static void one_that_has_no_thread_left_is_taken_from_too(void **state)
{
    (void)state;
    struct env *e = make_env(40);

    OK(BOSS(cap_copy, SLOT_ENV, 41, REGION, RIGHT_ALL, world.base, 1));
    assert_int_equal(BOSS(revoke_ask, PART, e->number, REVOKE_FRAMES, 1, SOON, SLOT_NONE),
                     ERR_NOT_BOUND);
    OK(ask(REVOKE_FRAMES, 100));
    OK(BOSS(cap_delete, p.thread));
    pass_deadline();
    assert_int_equal(cap_slot(p.e, LARGE)->kind, CAP_NONE);
}

/* Its second thread has its UTCB, and runs, in what is taken, when the alarm comes. */
static void the_thread_that_runs_may_go_with_what_is_taken(void **state)
{
    (void)state;
    vaddr_t utcb = PARTY_MEMORY + 16 * PAGE_SIZE;
    const struct page_entry e = {utcb, large + 99, RW};

    put_entries(p.t, PARTY_MEMORY, &e, 1);
    OK(CALL(p.t, page_bind, SLOT_ENV, LARGE, PARTY_MEMORY, 1));
    OK(CALL(p.t, thread_create, SLOT_ENV, MINE, PFN_ANY, utcb, 0, 30));
    struct thread *t = frame_memory(cap_slot(p.e, 30)->base);
    OK(CALL(p.t, thread_start, 30, 0x400000, 0x500000, 0));
    OK(ask(REVOKE_FRAMES, 1));
    world_run(t);
    host.ticks += 1000;
    thread_regs(t)->vector = VECTOR_TIMER;
    host_trap(thread_regs(t));
    world_check();
    assert_int_equal(t->state, THREAD_DEAD);
    assert_ptr_not_equal(cpu_this()->current, t);
    assert_int_equal(cap_slot(p.e, LARGE)->count, 99);
    OK(CALL(p.t, null, 0));
}

static void an_environment_that_ends_meanwhile_is_no_address_any_more(void **state)
{
    (void)state;
    word_t n = p.e->number;

    OK(ask(REVOKE_FRAMES, 1));
    OK(BOSS(cap_delete, p.env));
    assert_int_equal(BOSS(revoke_look, PART, n), ERR_BAD_ARG);
    pass_time(1000);
    assert_true(cpu_this()->alarm == FOREVER);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_ask_changes_nothing),
        TEST(a_refused_look_changes_nothing),
        TEST(an_ask_is_told_and_met_in_time),
        TEST(one_that_was_met_is_closed_at_its_deadline),
        TEST(what_was_given_is_not_taken_again),
        TEST(what_it_would_rather_lose_goes_first),
        TEST(frames_go_straight_to_the_askers_slots),
        TEST(who_takes_new_frames_meanwhile_loses_no_more_than_was_asked_for),
        TEST(frames_of_a_deaf_one_go_with_their_bindings_and_the_books_are_right),
        TEST(a_large_take_is_preempted_and_ends),
        TEST(what_is_given_up_between_two_steps_is_no_victim_any_more),
        TEST(only_one_ask_is_open_at_a_time),
        TEST(asks_of_several_are_kept_each_at_its_time),
        TEST(who_is_not_due_keeps_what_it_has),
        TEST(an_ask_ends_with_the_capability_that_asked),
        TEST(slices_go_from_the_highest_position),
        TEST(ranges_are_given_up_from_their_end),
        TEST(one_that_has_no_thread_left_is_taken_from_too),
        TEST(the_thread_that_runs_may_go_with_what_is_taken),
        TEST(an_environment_that_ends_meanwhile_is_no_address_any_more),
    };
    return cmocka_run_group_tests_name("bindings/revocation", tests, NULL, NULL);
}

/* Unmaps that look at, or narrow, a page that was mapped on often, and its unbinding: in steps, and
 * whatever goes, comes or moves between two of these. */
#include "tests/host/kernel_ipc.h"

#include "bindings/node.h"
#include "bindings/page.h"
#include "exo/env/sched.h"

#define ONE    41u /* the boss's slot: the frame */
#define PAGES  2048u
#define SOURCE ((vaddr_t)0x10800000)
#define TARGET ((vaddr_t)0x11000000)
#define NEXT   (TARGET + PAGE_SIZE)
#define ALL    (FPAGE_READ | FPAGE_WRITE | FPAGE_EXEC)

static struct party p, q;
static pfn_t one;

static word_t fpage(vaddr_t base, word_t rights)
{
    return base | PAGE_BITS << 4 | rights;
}

static vaddr_t place(unsigned i)
{
    return SOURCE + i * PAGE_SIZE;
}

static pte_t *derived(unsigned i)
{
    return entry_of(p.e, place(i));
}

static void map_on(struct thread *from, vaddr_t source, struct thread *to, vaddr_t target)
{
    assert_true(
        map_all(from, to, ITEM_MAP, fpage(source, FPAGE_READ | FPAGE_WRITE), fpage(target, 0)));
}

/* q has the frame at TARGET, and p all over SOURCE from there. */
static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    one = make_frames(ONE, 1);
    for (uint32_t i = 0; i < PAGES; i += MMU_ENTRIES)
        make_tables(p.env, place(i));
    make_tables(q.env, TARGET);
    OK(BOSS(env_kmem, p.env, REGION));
    bind_page(q.env, ONE, one, TARGET, RW);
    for (uint32_t i = 0; i < PAGES; i++)
        map_on(q.t, TARGET, p.t, place(i));
    return 0;
}

static unsigned bound(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < PAGES; i++)
        n += arch_pte_present(*derived(i));
    return n;
}

static unsigned writable(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < PAGES; i++)
        n += arch_pte_present(*derived(i)) && arch_pte_rights(*derived(i)) & RIGHT_WRITE;
    return n;
}

static void nothing(void)
{
}

/* Ends in the midst of it, when the more urgent have come. */
static void begin_unmap(word_t rights, bool flush)
{
    set_mr(q.t, 0, fpage(TARGET, rights));
    thread_regs(q.t)->rdx = (word_t)flush << 6;
    host.interrupt = nothing;
    l4_enter(q.t, LINK_UNMAP);
    world_check();
    assert_true(thread_goes_on(q.t));
}

static void step(void)
{
    host.cpu = arch_cpu_number(q.t->cpu);
    host.interrupt = nothing;
    sched_yield();
    sched_handoff(q.t);
    sched_leave();
    world_check();
}

/* How many more steps it takes; its status. */
static word_t end_unmap(unsigned *steps)
{
    for (*steps = 0; thread_goes_on(q.t); ++*steps) {
        assert_in_range(*steps, 0, 20);
        step();
    }
    host.interrupt = NULL;
    return get_mr(q.t, 0) & ALL;
}

static void what_was_used_is_asked_in_steps(void **state)
{
    (void)state;
    unsigned steps;

    arch_pte_use(derived(0), RIGHT_READ | RIGHT_WRITE);
    arch_pte_use(derived(PAGES - 1), RIGHT_READ);
    begin_unmap(0, false);
    assert_int_equal(end_unmap(&steps), FPAGE_READ | FPAGE_WRITE);
    assert_in_range(steps, 1, 4);
    assert_int_equal(writable(), PAGES);
    begin_unmap(0, false);
    assert_int_equal(end_unmap(&steps), 0); /* it is forgotten */
}

static void rights_are_taken_in_steps(void **state)
{
    (void)state;
    unsigned steps;

    begin_unmap(FPAGE_WRITE, false);
    assert_in_range(writable(), 1, PAGES - 1);
    end_unmap(&steps);
    assert_int_equal(writable(), 0);
    assert_int_equal(bound(), PAGES);
    assert_int_equal(arch_pte_rights(*entry_of(q.e, TARGET)), RW);
}

static void of_a_flush_the_page_itself_comes_first(void **state)
{
    (void)state;
    unsigned steps;

    begin_unmap(FPAGE_WRITE, true);
    assert_in_range(writable(), 1, PAGES - 1);
    assert_int_equal(arch_pte_rights(*entry_of(q.e, TARGET)), RIGHT_READ);
    end_unmap(&steps);
    assert_int_equal(writable(), 0);
}

/* Where a walk stands goes, and all but the page that is looked at last. */
static void what_goes_meanwhile_is_passed_by(void **state)
{
    (void)state;
    unsigned steps;

    arch_pte_use(derived(PAGES - 1), RIGHT_READ);
    arch_pte_use(derived(0), RIGHT_WRITE);
    begin_unmap(FPAGE_WRITE, false);
    for (unsigned i = PAGES - 1; i > 0; i--)
        unmap_all(p.t, fpage(place(i), ALL), true);
    assert_int_equal(writable(), 1);
    assert_int_equal(end_unmap(&steps), FPAGE_READ | FPAGE_WRITE);
    assert_int_equal(writable(), 0);
    assert_int_equal(bound(), 1);
}

static void unbind(slot_t env, vaddr_t va)
{
    const struct page_entry entry = {va, 0, 0};

    put_entries(world.boss, SCRATCH, &entry, 1);
    OK(BOSS(page_unbind, env, SCRATCH, 1));
}

/* And what was used until then is not forgotten by the page that it was mapped from. */
static void the_page_itself_may_go_or_be_another(void **state)
{
    (void)state;
    unsigned steps;

    begin_unmap(FPAGE_WRITE, false);
    unbind(q.env, TARGET);
    assert_int_equal(bound(), 0);
    end_unmap(&steps);
    bind_page(q.env, ONE, one, TARGET, RW);
    for (uint32_t i = 0; i < PAGES; i++)
        map_on(q.t, TARGET, p.t, place(i));
    begin_unmap(FPAGE_WRITE, false);
    unbind(q.env, TARGET);
    bind_page(q.env, ONE, one, TARGET, RW);
    map_on(q.t, TARGET, p.t, place(7));
    end_unmap(&steps);
    assert_int_equal(writable(), 0);
    assert_int_equal(bound(), 1);
}

/* The page that would be looked at last comes to stand before all. */
static void what_moves_meanwhile_is_not_missed(void **state)
{
    (void)state;
    unsigned steps;

    begin_unmap(FPAGE_WRITE, false);
    assert_true(arch_pte_rights(*derived(0)) & RIGHT_WRITE);
    assert_true(
        map_all(p.t, q.t, ITEM_GRANT, fpage(place(0), FPAGE_READ | FPAGE_WRITE), fpage(NEXT, 0)));
    assert_true(arch_pte_rights(*entry_of(q.e, NEXT)) & RIGHT_WRITE);
    end_unmap(&steps);
    assert_int_equal(arch_pte_rights(*entry_of(q.e, NEXT)), RIGHT_READ);
    assert_int_equal(writable(), 0);
    assert_int_equal(bound(), PAGES - 1);
}

/* Who grants a page to and fro between the steps does not keep it from ending. */
static void moves_do_not_hold_it_up(void **state)
{
    (void)state;
    unsigned steps = 0;

    begin_unmap(FPAGE_WRITE, false);
    for (; thread_goes_on(q.t); steps++) {
        bool there = steps % 2;
        assert_true(map_all(there ? q.t : p.t, there ? p.t : q.t, ITEM_GRANT,
                            fpage(there ? NEXT : place(0), ALL),
                            fpage(there ? place(0) : NEXT, 0)));
        assert_in_range(steps, 0, 10);
        step();
    }
    host.interrupt = NULL;
    assert_int_equal(writable(), 0);
}

static void whoever_dies_in_its_midst_leaves_the_rest(void **state)
{
    (void)state;
    begin_unmap(FPAGE_WRITE, false);
    OK(BOSS(cap_delete, q.thread));
    host.interrupt = NULL;
    assert_in_range(writable(), 1, PAGES - 1);
    unbind(q.env, TARGET);
    assert_int_equal(bound(), 0);
}

/* ---- Unbinding. ---- */

static void load(const struct page_entry *entries, uint32_t count)
{
    put_entries(world.boss, SCRATCH, entries, count);
}

static void unbinding_goes_in_steps(void **state)
{
    (void)state;
    const struct page_entry entries[] = {{NEXT, 0, 0}, {TARGET, 0, 0}, {NEXT + PAGE_SIZE, 0, 0}};
    const word_t reg[SYS_MAX_ARGS] = {q.env, SCRATCH, 3};

    bind_page(q.env, ONE, one, NEXT, RW);
    bind_page(q.env, ONE, one, NEXT + PAGE_SIZE, RW);
    load(entries, 3);
    unsigned left = PAGES, steps = 0;
    while (left) {
        assert_int_equal(world_enter(world.boss, SYS_page_unbind, reg), BLOCKED);
        assert_in_range(left - bound(), 1, 513);
        assert_false(arch_pte_present(*entry_of(q.e, NEXT)));
        assert_true(arch_pte_present(*entry_of(q.e, TARGET)));
        left = bound();
        if (++steps > 3)
            break;
    }
    OK(BOSS(page_unbind, q.env, SCRATCH, 3)); /* the same again goes on, and says what all did */
    assert_int_equal(world.result, 3);
    assert_int_equal(bound(), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_false(arch_pte_present(*entry_of(q.e, TARGET + i * PAGE_SIZE)));
    assert_int_equal(BOSS(page_unbind, q.env, SCRATCH, 3), ERR_NOT_BOUND); /* it is over */
    assert_int_equal(world.result, 0);
}

static void a_run_does_too_and_is_put_back(void **state)
{
    (void)state;
    const word_t run = PAGE_RUN(TARGET, 2), reg[SYS_MAX_ARGS] = {q.env, run};

    bind_page(q.env, ONE, one, NEXT, RW);
    assert_int_equal(world_enter(world.boss, SYS_page_unbind_run, reg), BLOCKED);
    const struct regs *r = thread_regs(world.boss);
    assert_int_equal(r->rax, SYS_BASE + SYS_page_unbind_run);
    assert_int_equal(r->rdi, q.env);
    assert_int_equal(r->rsi, run);
    OK(BOSS(page_unbind_run, q.env, run));
    assert_in_range(world.entries, 2, 20);
    assert_int_equal(world.result, 2);
    assert_int_equal(bound(), 0);
}

/* What another call does in between is its own business. */
static void another_call_in_between_begins_anew(void **state)
{
    (void)state;
    const struct page_entry entries[] = {{NEXT, 0, 0}, {TARGET, 0, 0}};
    const word_t reg[SYS_MAX_ARGS] = {q.env, SCRATCH, 2};

    bind_page(q.env, ONE, one, NEXT, RW);
    load(entries, 2);
    assert_int_equal(world_enter(world.boss, SYS_page_unbind, reg), BLOCKED);
    assert_int_equal(world.boss->unbinding.done, 1);
    assert_int_equal(BOSS(page_unbind_run, q.env, PAGE_RUN(NEXT, 1)), ERR_NOT_BOUND);
    assert_int_equal(BOSS(page_unbind, q.env, SCRATCH, 2), ERR_NOT_BOUND);
}

/* Pages that are each mapped on a little, but many in one call. */
static void many_small_trees_are_one_large(void **state)
{
    (void)state;
    const word_t reg[SYS_MAX_ARGS] = {p.env, PAGE_RUN(SOURCE, 512)};

    for (unsigned i = 0; i < 512; i++) /* all below its eldest, two each */
        for (unsigned k = 1; k < 3; k++) {
            unmap_all(p.t, fpage(place(k * 512 + i), ALL), true);
            map_on(p.t, place(i), p.t, place(k * 512 + i));
        }
    assert_int_equal(world_enter(world.boss, SYS_page_unbind_run, reg), BLOCKED);
    assert_in_range(bound(), PAGES - 3 * 512 + 1, PAGES - 1);
    OK(BOSS(page_unbind_run, reg[0], reg[1]));
    assert_int_equal(world.result, 512);
    assert_int_equal(bound(), PAGES - 3 * 512);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_used_is_asked_in_steps),
        T(rights_are_taken_in_steps),
        T(of_a_flush_the_page_itself_comes_first),
        T(what_goes_meanwhile_is_passed_by),
        T(the_page_itself_may_go_or_be_another),
        T(what_moves_meanwhile_is_not_missed),
        T(moves_do_not_hold_it_up),
        T(whoever_dies_in_its_midst_leaves_the_rest),
        T(unbinding_goes_in_steps),
        T(a_run_does_too_and_is_put_back),
        T(another_call_in_between_begins_anew),
        T(many_small_trees_are_one_large),
    };
    return cmocka_run_group_tests_name("bindings: walks and unbinding in steps", tests, NULL, NULL);
}

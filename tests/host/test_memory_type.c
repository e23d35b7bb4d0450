/* MemoryControl: types of memory, of what it is mapped to, before and after, and what is refused.
 */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"

#define KMEM    41u
#define HERE    PARTY_MEMORY
#define THERE   (PARTY_MEMORY + 16 * PAGE_SIZE)
#define PAGE(v) ((v) | 12 << 4)
#define ALL     7u

static struct party p, q, r; /* p and q are privileged */

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    party_make(&r, 28);
    OK(BOSS(env_privilege, p.env, SLOT_MACHINE));
    OK(BOSS(env_privilege, q.env, SLOT_MACHINE));
    return 0;
}

/* With fpages in MR0 and on; the attributes as the link leaves them. */
static word_t memory_control(struct thread *t, unsigned count, const word_t attribute[4])
{
    struct regs *g = thread_regs(t);

    world_run(t);
    g->rdx = count - 1;
    g->rdi = attribute[0];
    g->rsi = attribute[1];
    g->r8 = attribute[2];
    g->rbp = attribute[3];
    *thread_mr(t, TCR_ERROR) = 0;
    l4_enter(t, LINK_MEMORY_CONTROL);
    assert_int_equal(g->rax, g->rdx);
    return g->rax;
}

/* One fpage, whose low bits choose the third attribute. */
static word_t set_type(struct thread *t, word_t fpage, word_t attribute)
{
    const word_t attributes[4] = {99, 99, attribute, 99};

    set_mr(t, 0, (fpage & ~(word_t)3) | 2);
    return memory_control(t, 1, attributes);
}

static bool has_type(const struct env *e, vaddr_t va, enum memory_type type)
{
    const pte_t is = *entry_of(e, va);

    return arch_pte_present(is) && is == arch_pte_typed(is, 1, type);
}

#define TYPED(e, va, type) assert_true(has_type(e, va, type))
#define WORKS(call)        assert_int_equal((call), 1)

static void each_attribute_is_a_type(void **state)
{
    static const enum memory_type types[] = {
        [0] = MEMORY_DEFAULT,       [1] = MEMORY_UNCACHED,        [2] = MEMORY_WRITE_COMBINING,
        [5] = MEMORY_WRITE_THROUGH, [6] = MEMORY_WRITE_PROTECTED, [7] = MEMORY_DEFAULT,
        [8] = MEMORY_UNCACHED_WEAK};

    (void)state;
    for (word_t a = 0; a < 10; a++) {
        const pte_t before = *entry_of(p.e, HERE);
        const unsigned long drops = host.cache_drops;
        const bool known = a < 9 && a != 3 && a != 4;
        assert_int_equal(set_type(p.t, PAGE(HERE), a), known);
        assert_int_equal(last_error(p.t), known ? 0 : CALL_ERROR_PARAMETER);
        assert_int_equal(host.cache_drops, drops + known);
        if (known)
            TYPED(p.e, HERE, types[a]);
        else
            assert_int_equal(*entry_of(p.e, HERE), before);
        TYPED(p.e, HERE + PAGE_SIZE, MEMORY_DEFAULT); /* its neighbour */
        world_check();
    }
}

static void each_fpage_chooses_its_attribute(void **state)
{
    const word_t attributes[4] = {1, 2, 5, 6};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        set_mr(p.t, i, PAGE(HERE + i * PAGE_SIZE) | i);
    WORKS(memory_control(p.t, 4, attributes));
    TYPED(p.e, HERE, MEMORY_UNCACHED);
    TYPED(p.e, HERE + PAGE_SIZE, MEMORY_WRITE_COMBINING);
    TYPED(p.e, HERE + 2 * PAGE_SIZE, MEMORY_WRITE_THROUGH);
    TYPED(p.e, HERE + 3 * PAGE_SIZE, MEMORY_WRITE_PROTECTED);
}

static void send_page(const struct party *from, const struct party *to, vaddr_t source, word_t kind)
{
    assert_true(map_all(from->t, to->t, kind, PAGE(source) | ALL, PAGE(THERE)));
    world_check();
}

static void what_was_mapped_from_a_page_has_its_type(void **state)
{
    (void)state;
    make_tables(q.env, THERE);
    make_tables(r.env, THERE);
    send_page(&p, &q, HERE, ITEM_MAP);
    send_page(&q, &r, THERE, ITEM_MAP);
    WORKS(set_type(p.t, PAGE(HERE), 2));
    TYPED(p.e, HERE, MEMORY_WRITE_COMBINING);
    TYPED(q.e, THERE, MEMORY_WRITE_COMBINING);
    TYPED(r.e, THERE, MEMORY_WRITE_COMBINING);
    WORKS(set_type(p.t, PAGE(HERE), 0));
    TYPED(r.e, THERE, MEMORY_DEFAULT);
}

static void what_is_mapped_or_granted_later_has_it_too(void **state)
{
    (void)state;
    make_tables(q.env, THERE);
    make_tables(r.env, THERE);
    WORKS(set_type(p.t, PAGE(HERE), 5));
    send_page(&p, &q, HERE, ITEM_MAP);
    TYPED(q.e, THERE, MEMORY_WRITE_THROUGH);
    send_page(&q, &r, THERE, ITEM_GRANT);
    TYPED(r.e, THERE, MEMORY_WRITE_THROUGH);
    assert_non_null(space_user(r.e->root, THERE, RIGHT_READ)); /* it is memory for the kernel */
}

static void the_page_that_it_was_mapped_from_keeps_its_own(void **state)
{
    (void)state;
    make_tables(q.env, THERE);
    send_page(&p, &q, HERE, ITEM_MAP);
    WORKS(set_type(q.t, PAGE(THERE), 1));
    TYPED(q.e, THERE, MEMORY_UNCACHED);
    TYPED(p.e, HERE, MEMORY_DEFAULT);
}

static void utcbs_and_what_is_not_there_are_passed_over(void **state)
{
    (void)state;
    WORKS(set_type(p.t, (PARTY_UTCB & ~(vaddr_t)0xffff) | 16 << 4, 1));
    TYPED(p.e, PARTY_UTCB, MEMORY_DEFAULT);
    TYPED(p.e, HERE, MEMORY_UNCACHED);
    WORKS(set_type(p.t, FPAGE_COMPLETE, 0));
    TYPED(p.e, HERE, MEMORY_DEFAULT);
    WORKS(set_type(p.t, 0, 1)); /* the nil fpage */
    TYPED(p.e, HERE, MEMORY_DEFAULT);
}

static void all_is_checked_before_anything_changes(void **state)
{
    const word_t attributes[4] = {1, 3, 0, 0};

    (void)state;
    set_mr(p.t, 0, PAGE(HERE));
    set_mr(p.t, 1, PAGE(HERE) | 1);
    assert_int_equal(memory_control(p.t, 2, attributes), 0);
    assert_int_equal(last_error(p.t), CALL_ERROR_PARAMETER);
    TYPED(p.e, HERE, MEMORY_DEFAULT);
    assert_int_equal(set_type(p.t, FPAGE_PORTS(0x60, 2), 1), 0);
    assert_int_equal(last_error(p.t), CALL_ERROR_PARAMETER);
    assert_int_equal(set_type(r.t, PAGE(HERE), 0), 0);
    assert_int_equal(last_error(r.t), CALL_ERROR_NO_PRIVILEGE);
}

#define LARGE_VA ((vaddr_t)0x40000000)

/* A large page has no bit for two of the types; a page of it that is mapped alone has its. */
static void a_large_page_has_the_types_that_it_can(void **state)
{
    pte_t *at;

    (void)state;
    OK(BOSS(frames_find, REGION, FRAME_RANGE_ALL, LARGE_PAGES, 9, FRAME_COLOURS_ALL, KMEM));
    const struct page_entry e = {LARGE_VA, (pfn_t)world.result, RW | PAGE_LARGE};
    for (uint32_t level = 3; level >= 2; level--) {
        int made = BOSS(table_create, p.env, REGION, PFN_ANY, LARGE_VA, level);
        assert_true(made == ERR_OK || made == ERR_IN_USE);
    }
    put_entries(world.boss, SCRATCH, &e, 1);
    OK(BOSS(page_bind, p.env, KMEM, SCRATCH, 1));
    make_tables(q.env, THERE);
    send_page(&p, &q, LARGE_VA + 5 * PAGE_SIZE, ITEM_MAP);
    WORKS(set_type(p.t, PAGE(LARGE_VA), 2));
    at = space_entry(p.e->root, LARGE_VA, 2);
    assert_int_equal(*at, arch_pte_typed(*at, 2, MEMORY_WRITE_COMBINING));
    assert_true(arch_pte_is_large(*at));
    TYPED(q.e, THERE, MEMORY_WRITE_COMBINING);
    make_tables(r.env, THERE);
    send_page(&p, &r, LARGE_VA + 9 * PAGE_SIZE, ITEM_MAP);
    TYPED(r.e, THERE, MEMORY_WRITE_COMBINING);
    for (word_t attribute = 5; attribute <= 6; attribute++) {
        assert_int_equal(set_type(p.t, PAGE(LARGE_VA), attribute), 0);
        assert_int_equal(last_error(p.t), CALL_ERROR_PARAMETER);
        WORKS(set_type(q.t, PAGE(THERE), attribute)); /* a small page of it can */
    }
    assert_int_equal(*at, arch_pte_typed(*at, 2, MEMORY_WRITE_COMBINING));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)
    const struct CMUnitTest tests[] = {
        TEST(each_attribute_is_a_type),
        TEST(each_fpage_chooses_its_attribute),
        TEST(what_was_mapped_from_a_page_has_its_type),
        TEST(what_is_mapped_or_granted_later_has_it_too),
        TEST(the_page_that_it_was_mapped_from_keeps_its_own),
        TEST(utcbs_and_what_is_not_there_are_passed_over),
        TEST(all_is_checked_before_anything_changes),
        TEST(a_large_page_has_the_types_that_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

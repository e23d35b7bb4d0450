/* Page bindings: batches, what each error leaves behind, rights along the forest, readers of
 * tables. */
#include "tests/host/kernel_ipc.h"

#include "bindings/cap.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/abi/l4.h"

#include <string.h>

#define FRAMES   40u
#define READONLY 41u
#define WEAK     42u /* the party's env without RIGHT_WRITE */
#define NODATA   43u /* FRAMES without RIGHT_READ            */
#define PAGES    600u
#define HOLE     ((vaddr_t)0x20000000) /* no table */
#define FREE_VA  (PARTY_MEMORY + 16 * PAGE_SIZE)

static struct party p, q;
static pfn_t pfn;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    pfn = make_frames(FRAMES, PAGES);
    OK(BOSS(cap_copy, SLOT_ENV, READONLY, FRAMES, RIGHT_READ | RIGHT_GRANT, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, NODATA, FRAMES, RIGHT_EXEC, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_ALL & ~RIGHT_WRITE, 0, 0));
    return 0;
}

/* A row of the manual: the entry, the arguments, the error. */
struct row {
    struct page_entry entry;
    slot_t env, frames;
    int error;
};

static void put_one(const struct page_entry *e)
{
    put_entries(world.boss, SCRATCH, e, 1);
}

static void a_refused_bind_changes_nothing(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{FREE_VA + 1, pfn, RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{USER_TOP, pfn, RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{~(vaddr_t)0xfff, pfn, RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{FREE_VA, pfn, 0}, p.env, FRAMES, ERR_BAD_ARG},
        {{FREE_VA, pfn, RIGHT_GRANT | RIGHT_READ}, p.env, FRAMES, ERR_BAD_ARG},
        {{FREE_VA, pfn, 1u << 31 | RIGHT_READ}, p.env, FRAMES, ERR_BAD_ARG},
        {{FREE_VA, pfn - 1, RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{FREE_VA, pfn + PAGES, RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{FREE_VA, 0xffffffff, RW}, p.env, FRAMES, ERR_BAD_ARG},
        {{FREE_VA, pfn, RW}, FRAMES, FRAMES, ERR_BAD_CAP},
        {{FREE_VA, pfn, RW}, SLOT_NONE, FRAMES, ERR_BAD_CAP},
        {{FREE_VA, pfn, RW}, p.env, REGION, ERR_BAD_CAP},
        {{FREE_VA, pfn, RW}, p.env, SLOT_NONE, ERR_BAD_CAP},
        {{FREE_VA, pfn, RW}, p.env, 99, ERR_BAD_CAP},
        {{FREE_VA, pfn, RW}, WEAK, FRAMES, ERR_NO_RIGHT},
        {{FREE_VA, pfn, RW}, p.env, READONLY, ERR_NO_RIGHT},
        {{FREE_VA, pfn, RIGHT_EXEC}, p.env, NODATA, ERR_NO_RIGHT},
        {{HOLE, pfn, RW}, p.env, FRAMES, ERR_NO_TABLE},
        {{USER_TOP - PAGE_SIZE, pfn, RW}, p.env, FRAMES, ERR_NO_TABLE},
        {{PARTY_MEMORY, pfn, RW}, p.env, FRAMES, ERR_IN_USE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_one(&rows[i].entry);
        REFUSED(rows[i].error, world.boss, page_bind, rows[i].env, rows[i].frames, SCRATCH, 1);
    }
    REFUSED(ERR_BAD_ARG, world.boss, page_bind, p.env, FRAMES, SCRATCH, 0);
    REFUSED(ERR_BAD_ARG, world.boss, page_bind, p.env, FRAMES, SCRATCH, BATCH_MAX + 1);
    REFUSED(ERR_BAD_USER, world.boss, page_bind, p.env, FRAMES, HOLE, 1);
    REFUSED(ERR_BAD_USER, world.boss, page_bind, p.env, FRAMES, USER_TOP, 1);
    REFUSED(ERR_BAD_USER, world.boss, page_bind, p.env, FRAMES, ~(vaddr_t)15, 1);
}

static void a_refused_protect_changes_nothing(void **state)
{
    (void)state;
    bind_page(p.env, READONLY, pfn, FREE_VA, RIGHT_READ);
    const struct row rows[] = {
        {{FREE_VA + 8, 0, RW}, p.env, 0, ERR_BAD_ARG},
        {{USER_TOP, 0, RW}, p.env, 0, ERR_BAD_ARG},
        {{FREE_VA, 0, 0}, p.env, 0, ERR_BAD_ARG},
        {{FREE_VA, 0, RIGHT_GRANT}, p.env, 0, ERR_BAD_ARG},
        {{FREE_VA, 0, RIGHT_READ}, FRAMES, 0, ERR_BAD_CAP},
        {{FREE_VA, 0, RIGHT_READ}, WEAK, 0, ERR_NO_RIGHT},
        {{FREE_VA, 0, RW}, p.env, 0, ERR_NO_RIGHT},
        {{FREE_VA, 0, RIGHT_EXEC}, p.env, 0, ERR_NO_RIGHT},
        {{HOLE, 0, RIGHT_READ}, p.env, 0, ERR_NO_TABLE},
        {{FREE_VA + PAGE_SIZE, 0, RIGHT_READ}, p.env, 0, ERR_NOT_BOUND},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_one(&rows[i].entry);
        REFUSED(rows[i].error, world.boss, page_protect, rows[i].env, SCRATCH, 1);
    }
    REFUSED(ERR_BAD_ARG, world.boss, page_protect, p.env, SCRATCH, 0);
    REFUSED(ERR_BAD_ARG, world.boss, page_protect, p.env, SCRATCH, BATCH_MAX + 1);
    REFUSED(ERR_BAD_USER, world.boss, page_protect, p.env, HOLE, 1);
}

static void a_refused_unbind_changes_nothing(void **state)
{
    (void)state;
    const struct row rows[] = {
        {{FREE_VA + 8, 0, 0}, p.env, 0, ERR_BAD_ARG},
        {{USER_TOP, 0, 0}, p.env, 0, ERR_BAD_ARG},
        {{PARTY_MEMORY, 0, 0}, FRAMES, 0, ERR_BAD_CAP},
        {{PARTY_MEMORY, 0, 0}, WEAK, 0, ERR_NO_RIGHT},
        {{HOLE, 0, 0}, p.env, 0, ERR_NO_TABLE},
        {{FREE_VA, 0, 0}, p.env, 0, ERR_NOT_BOUND},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_one(&rows[i].entry);
        REFUSED(rows[i].error, world.boss, page_unbind, rows[i].env, SCRATCH, 1);
    }
    REFUSED(ERR_BAD_ARG, world.boss, page_unbind, p.env, SCRATCH, 0);
    REFUSED(ERR_BAD_ARG, world.boss, page_unbind, p.env, SCRATCH, BATCH_MAX + 1);
    REFUSED(ERR_BAD_USER, world.boss, page_unbind, p.env, HOLE, 1);
}

static void a_bound_page_is_its_frame_with_the_rights_asked_for(void **state)
{
    (void)state;
    bind_page(p.env, FRAMES, pfn + 5, FREE_VA, RIGHT_READ);
    assert_ptr_equal(space_user(p.e->root, FREE_VA + 7, RIGHT_READ),
                     (char *)frame_memory(pfn + 5) + 7);
    assert_null(space_user(p.e->root, FREE_VA, RIGHT_WRITE));
    assert_null(space_user(p.e->root, FREE_VA, RIGHT_EXEC));
    bind_page(p.env, FRAMES, pfn + 5, FREE_VA + PAGE_SIZE, RIGHT_EXEC);
    assert_non_null(space_user(p.e->root, FREE_VA + PAGE_SIZE, RIGHT_READ | RIGHT_EXEC));
    assert_null(space_user(p.e->root, FREE_VA + PAGE_SIZE, RIGHT_WRITE));
    assert_int_equal(frame_of(pfn + 5)->bindings, 2);
}

/* `count` entries, of pages from FREE_VA and frames from `pfn` on. */
static void put_many(uint32_t count)
{
    struct page_entry e[BATCH_MAX];

    for (uint32_t i = 0; i < count; i++)
        e[i] = (struct page_entry){FREE_VA + i * PAGE_SIZE, pfn + i, RW};
    put_entries(world.boss, SCRATCH, e, count);
}

static void change_entry(uint32_t i, struct page_entry e)
{
    put_entries(world.boss, SCRATCH + i * sizeof e, &e, 1);
}

static void a_full_batch_is_bound_protected_and_unbound(void **state)
{
    (void)state;
    put_many(BATCH_MAX);
    make_tables(p.env, FREE_VA + BATCH_MAX * PAGE_SIZE);
    OK(BOSS(page_bind, p.env, FRAMES, SCRATCH, BATCH_MAX));
    assert_int_equal(world.result, BATCH_MAX);
    for (uint32_t i = 0; i < BATCH_MAX; i++)
        assert_ptr_equal(space_user(p.e->root, FREE_VA + i * PAGE_SIZE, RW), frame_memory(pfn + i));
    for (uint32_t i = 0; i < BATCH_MAX; i++)
        change_entry(i, (struct page_entry){FREE_VA + i * PAGE_SIZE, 0, RIGHT_READ});
    OK(BOSS(page_protect, p.env, SCRATCH, BATCH_MAX));
    assert_null(space_user(p.e->root, FREE_VA + 511 * PAGE_SIZE, RIGHT_WRITE));
    OK(BOSS(page_unbind, p.env, SCRATCH, BATCH_MAX));
    assert_int_equal(world.result, BATCH_MAX);
    for (uint32_t i = 0; i < BATCH_MAX; i++)
        assert_int_equal(frame_of(pfn + i)->bindings, 0);
}

static void entries_before_a_bad_one_stay_done(void **state)
{
    (void)state;
    make_tables(p.env, FREE_VA + 64 * PAGE_SIZE);
    put_many(64);
    change_entry(40, (struct page_entry){PARTY_MEMORY, pfn, RW});
    assert_int_equal(BOSS(page_bind, p.env, FRAMES, SCRATCH, 64), ERR_IN_USE);
    assert_int_equal(world.result, 40);
    assert_non_null(space_user(p.e->root, FREE_VA + 39 * PAGE_SIZE, RW));
    assert_null(space_user(p.e->root, FREE_VA + 40 * PAGE_SIZE, RIGHT_READ));
    assert_null(space_user(p.e->root, FREE_VA + 41 * PAGE_SIZE, RIGHT_READ));

    change_entry(0, (struct page_entry){FREE_VA, 0, RIGHT_READ});
    change_entry(1, (struct page_entry){HOLE, 0, RIGHT_READ});
    assert_int_equal(BOSS(page_protect, p.env, SCRATCH, 3), ERR_NO_TABLE);
    assert_int_equal(world.result, 1);
    assert_null(space_user(p.e->root, FREE_VA, RIGHT_WRITE));
    assert_non_null(space_user(p.e->root, FREE_VA + 2 * PAGE_SIZE, RIGHT_WRITE));

    put_many(64);
    change_entry(34, (struct page_entry){FREE_VA + 1, 0, 0});
    assert_int_equal(BOSS(page_unbind, p.env, SCRATCH, 64), ERR_BAD_ARG);
    assert_int_equal(world.result, 34);
    assert_null(space_user(p.e->root, FREE_VA + 33 * PAGE_SIZE, RIGHT_READ));
    assert_non_null(space_user(p.e->root, FREE_VA + 34 * PAGE_SIZE, RIGHT_READ));
}

static void a_batch_may_jump_between_tables(void **state)
{
    (void)state;
    const vaddr_t far = HOLE;
    const struct page_entry e[] = {{FREE_VA, pfn, RW},
                                   {far, pfn + 1, RW},
                                   {FREE_VA + PAGE_SIZE, pfn + 2, RW},
                                   {far + PAGE_SIZE, pfn + 3, RW},
                                   {far + ((vaddr_t)1 << 21), pfn + 4, RW}};

    make_tables(p.env, far);
    put_entries(world.boss, SCRATCH, e, 5);
    assert_int_equal(BOSS(page_bind, p.env, FRAMES, SCRATCH, 5), ERR_NO_TABLE);
    assert_int_equal(world.result, 4);
    assert_ptr_equal(space_user(p.e->root, far, RW), frame_memory(pfn + 1));
    assert_ptr_equal(space_user(p.e->root, FREE_VA + PAGE_SIZE, RW), frame_memory(pfn + 2));
}

/* Maps one page from one party's space to the other's, as an IPC would. */
static bool map_page(struct party *from, vaddr_t va, struct party *to, vaddr_t target, word_t rwx)
{
    return map_all(from->t, to->t, ITEM_MAP, va | PAGE_BITS << 4 | rwx, target | PAGE_BITS << 4);
}

static rights_t rights_at(const struct party *o, vaddr_t va)
{
    return arch_pte_present(*entry_of(o->e, va)) ? arch_pte_rights(*entry_of(o->e, va)) : 0;
}

static void protecting_a_page_weakens_all_derived_from_it_and_never_strengthens(void **state)
{
    (void)state;
    const struct page_entry less = {FREE_VA, 0, RIGHT_READ}, more = {FREE_VA, 0, RW};

    bind_page(p.env, FRAMES, pfn, FREE_VA, RW);
    assert_true(map_page(&p, FREE_VA, &q, FREE_VA, FPAGE_READ | FPAGE_WRITE));
    assert_true(map_page(&q, FREE_VA, &p, FREE_VA + PAGE_SIZE, FPAGE_READ | FPAGE_WRITE));
    world_run(q.t); /* its translations are cached now */
    assert_int_equal(rights_at(&p, FREE_VA + PAGE_SIZE), RW);
    put_one(&less);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_int_equal(rights_at(&p, FREE_VA), RIGHT_READ);
    assert_int_equal(rights_at(&q, FREE_VA), RIGHT_READ);
    assert_int_equal(rights_at(&p, FREE_VA + PAGE_SIZE), RIGHT_READ);
    REFUSED(ERR_NO_RIGHT, world.boss, page_protect, q.env, SCRATCH + 32, 1);
    put_one(&more);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_int_equal(rights_at(&p, FREE_VA), RW);
    assert_int_equal(rights_at(&q, FREE_VA), RIGHT_READ);
    REFUSED(ERR_NO_RIGHT, world.boss, page_protect, q.env, SCRATCH, 1); /* only by a new map */
    assert_int_equal(rights_at(&q, FREE_VA), RIGHT_READ);
    assert_int_equal(rights_at(&p, FREE_VA + PAGE_SIZE), RIGHT_READ);
}

static void a_page_gets_no_right_that_it_was_not_bound_with_now_or_later(void **state)
{
    (void)state;
    const struct page_entry more = {FREE_VA, 0, RW};

    bind_page(p.env, FRAMES, pfn, FREE_VA, RIGHT_READ);
    put_one(&more);
    REFUSED(ERR_NO_RIGHT, world.boss, page_protect, p.env, SCRATCH, 1);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    bind_page(p.env, FRAMES, pfn, FREE_VA, RIGHT_READ | RIGHTS_LATER(RIGHT_WRITE));
    assert_int_equal(rights_at(&p, FREE_VA), RIGHT_READ);
    put_one(&more);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_int_equal(rights_at(&p, FREE_VA), RW);
}

static int set_up_protect(void **state)
{
    const struct page_entry e = {FREE_VA, 0, RW};

    set_up(state);
    put_entries(world.boss, SCRATCH + 32, &e, 1);
    return 0;
}

static void a_utcb_that_its_user_may_only_read_serves_on(void **state)
{
    (void)state;
    const struct page_entry less = {PARTY_UTCB, 0, RIGHT_READ};

    put_one(&less);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_null(space_user(p.e->root, PARTY_UTCB, RIGHT_WRITE));
    assert_int_equal(p.t->state, THREAD_READY);
    assert_true(p.t->utcb_node.parent != 0);
}

static void unbinding_a_page_takes_all_derived_from_it(void **state)
{
    (void)state;
    bind_page(p.env, FRAMES, pfn, FREE_VA, RW);
    assert_true(map_page(&p, FREE_VA, &q, FREE_VA, FPAGE_READ));
    assert_true(map_page(&q, FREE_VA, &p, FREE_VA + PAGE_SIZE, FPAGE_READ));
    assert_int_equal(frame_of(pfn)->bindings, 3);
    world_check();
    world_run(q.t);
    const struct page_entry e = {FREE_VA, 0, 0};
    put_one(&e);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_int_equal(frame_of(pfn)->bindings, 0);
    assert_false(arch_pte_present(*entry_of(q.e, FREE_VA)));
}

static void deleting_the_frames_takes_them_out_of_every_space(void **state)
{
    (void)state;
    bind_page(p.env, FRAMES, pfn, FREE_VA, RW);
    bind_page(q.env, READONLY, pfn, FREE_VA, RIGHT_READ);
    assert_true(map_page(&p, FREE_VA, &q, FREE_VA + PAGE_SIZE, FPAGE_READ));
    OK(BOSS(cap_revoke, FRAMES));
    assert_int_equal(frame_of(pfn)->bindings, 0);
    assert_int_equal(frame_of(pfn)->type, FRAME_MEMORY);
    assert_int_equal(cap_slot(world.root, READONLY)->kind, CAP_NONE);
    OK(BOSS(cap_delete, FRAMES));
    assert_int_equal(frame_of(pfn)->type, FRAME_FREE);
}

static void a_right_that_is_taken_is_taken_from_the_translations_too(void **state)
{
    (void)state;
    const struct page_entry e[2] = {{PARTY_MEMORY + PAGE_SIZE, 0, RIGHT_READ},
                                    {PARTY_MEMORY + 2 * PAGE_SIZE, 0, RIGHT_READ}};

    for (uint32_t n = 1; n <= 2; n++) {
        put_entries(p.t, PARTY_MEMORY, e + 2 - n, n);
        unsigned long before = host.mmu[0].pages + host.mmu[0].alls;
        OK(CALL(p.t, page_protect, SLOT_ENV, PARTY_MEMORY, n));
        assert_int_equal(host.mmu[0].pages + host.mmu[0].alls, before + 1);
    }
}

/* The caller's own space loses a page first, then another space does; and the other way round. */
static void every_space_that_lost_pages_is_flushed(void **state)
{
    (void)state;
    const struct page_entry e[2] = {{FREE_VA, pfn, RW}, {FREE_VA, pfn + 1, RW}};

    give(p.env, 8, FRAMES, RIGHT_ALL);
    give(p.env, 9, q.env, RIGHT_ALL);
    for (unsigned own = 0; own < 2; own++) {
        OK(CALL(p.t, cap_copy, SLOT_ENV, 10, 8, RIGHT_ALL));
        put_entries(p.t, PARTY_MEMORY, e, 2);
        OK(CALL(p.t, page_bind, own ? SLOT_ENV : 9, 10, PARTY_MEMORY, 1));
        OK(CALL(p.t, page_bind, own ? 9 : SLOT_ENV, 10, PARTY_MEMORY, 1));
        unsigned long before = host.mmu[0].alls;
        OK(CALL(p.t, cap_delete, 10));
        assert_int_equal(host.mmu[0].alls, before + 1);
    }
}

static void only_tables_are_shown_to_inspectors_and_read_only(void **state)
{
    (void)state;
    pfn_t table = frame_number(entry_of(p.e, PARTY_UTCB));
    pfn_t slices = frame_number(cpu_this()->slice_nodes);
    const struct row rows[] = {
        {{FREE_VA, p.e->frame, RIGHT_READ}, p.env, p.env, ERR_BAD_ARG},
        {{FREE_VA, p.pfn, RIGHT_READ}, p.env, p.env, ERR_BAD_ARG},
        {{FREE_VA, q.e->root, RIGHT_READ}, p.env, p.env, ERR_BAD_ARG},
        {{FREE_VA, WORLD_FRAMES, RIGHT_READ}, p.env, p.env, ERR_BAD_ARG},
        {{FREE_VA, 0xffffffff, RIGHT_READ}, p.env, SLOT_INSPECT, ERR_BAD_ARG},
        {{FREE_VA, frame_number(p.t), RIGHT_READ}, p.env, SLOT_INSPECT, ERR_BAD_ARG},
        {{FREE_VA, 1, RIGHT_READ}, p.env, SLOT_INSPECT, ERR_BAD_ARG},
        {{FREE_VA, slices, RIGHT_READ}, p.env, p.env, ERR_BAD_ARG},
        {{FREE_VA, table, RW}, p.env, p.env, ERR_NO_RIGHT},
        {{FREE_VA, table, RIGHT_EXEC}, p.env, SLOT_INSPECT, ERR_NO_RIGHT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_one(&rows[i].entry);
        REFUSED(rows[i].error, world.boss, page_bind, rows[i].env, rows[i].frames, SCRATCH, 1);
    }
    bind_page(p.env, p.env, table, FREE_VA, RIGHT_READ);
    bind_page(p.env, p.env, table + 1, FREE_VA + PAGE_SIZE, RIGHT_READ);
    bind_page(p.env, p.env, frame_number(p.e->captables[0]), FREE_VA + 2 * PAGE_SIZE, RIGHT_READ);
    bind_page(p.env, SLOT_INSPECT, q.e->root, FREE_VA + 3 * PAGE_SIZE, RIGHT_READ);
    bind_page(p.env, SLOT_INSPECT, slices, FREE_VA + 4 * PAGE_SIZE, RIGHT_READ);
    const pte_t *own = space_user(p.e->root, FREE_VA + arch_mmu_index(FREE_VA, 1) * 8, RIGHT_READ);
    assert_int_equal(arch_pte_address(*own) >> PAGE_BITS, table);
    const struct page_entry more = {FREE_VA, 0, RW};
    put_one(&more);
    REFUSED(ERR_NO_RIGHT, world.boss, page_protect, p.env, SCRATCH, 1);
}

static void the_entries_may_lie_across_pages_and_must_be_readable(void **state)
{
    (void)state;
    vaddr_t last = SCRATCH + PAGE_SIZE - sizeof(struct page_entry);
    const struct page_entry e[2] = {{FREE_VA, pfn, RW}, {FREE_VA + PAGE_SIZE, pfn + 1, RW}};

    put_entries(world.boss, last, e, 2);
    OK(BOSS(page_bind, p.env, FRAMES, last, 2));
    put_entries(world.boss, START_STACK_TOP - sizeof e[0], e, 1);
    REFUSED(ERR_BAD_USER, world.boss, page_unbind, p.env, START_STACK_TOP - sizeof e[0], 2);
    OK(BOSS(page_unbind, p.env, START_STACK_TOP - sizeof e[0], 1));
}

static void copying_stops_at_a_page_that_lacks_the_right(void **state)
{
    (void)state;
    uint8_t bytes[3 * PAGE_SIZE];

    memset(bytes, 0x5a, sizeof bytes);
    bind_page(p.env, FRAMES, pfn, FREE_VA, RW);
    bind_page(p.env, FRAMES, pfn + 1, FREE_VA + PAGE_SIZE, RIGHT_READ);
    assert_true(space_copy_out(p.e->root, FREE_VA + 100, bytes, PAGE_SIZE - 100));
    assert_false(space_copy_out(p.e->root, FREE_VA + 100, bytes, PAGE_SIZE - 99));
    assert_true(space_copy_in(p.e->root, bytes, FREE_VA + 100, PAGE_SIZE));
    assert_int_equal(bytes[PAGE_SIZE - 101], 0x5a);
    assert_int_equal(bytes[PAGE_SIZE - 100], 0);
    assert_false(space_copy_in(p.e->root, bytes, FREE_VA, 2 * PAGE_SIZE + 1));
    assert_false(space_copy_in(p.e->root, bytes, USER_TOP - 1, 1));
    assert_false(space_copy_in(p.e->root, bytes, ~(vaddr_t)0, 2));
    assert_true(space_copy_in(p.e->root, bytes, ~(vaddr_t)0, 0));
    assert_null(space_user(p.e->root, WINDOW_KIP, RIGHT_READ));
    assert_null(space_user(p.e->root, (vaddr_t)1 << 47, RIGHT_READ));
}

/* Even where the tables lead somewhere, the kernel's half is not the user's. */
static void no_address_from_user_top_on_is_the_users(void **state)
{
    (void)state;
    pte_t *root = frame_memory(p.e->root), saved = root[MMU_ENTRIES / 2];
    vaddr_t high = ~(vaddr_t)0 << 47;

    make_tables(p.env, USER_TOP - PAGE_SIZE);
    pte_t *top = entry_of(p.e, USER_TOP);
    *top = arch_pte_page((paddr_t)pfn << PAGE_BITS, RW, RW);
    root[MMU_ENTRIES / 2] = root[0];
    assert_non_null(space_user(p.e->root, PARTY_MEMORY, RIGHT_READ));
    assert_null(space_user(p.e->root, high + PARTY_MEMORY, RIGHT_READ));
    assert_null(space_user(p.e->root, USER_TOP, RIGHT_READ));
    root[MMU_ENTRIES / 2] = saved;
    *top = 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_refused_bind_changes_nothing),
        TEST(a_refused_protect_changes_nothing),
        TEST(a_refused_unbind_changes_nothing),
        TEST(a_bound_page_is_its_frame_with_the_rights_asked_for),
        TEST(a_full_batch_is_bound_protected_and_unbound),
        TEST(entries_before_a_bad_one_stay_done),
        TEST(a_batch_may_jump_between_tables),
        cmocka_unit_test_setup_teardown(
            protecting_a_page_weakens_all_derived_from_it_and_never_strengthens, set_up_protect,
            world_end),
        TEST(a_page_gets_no_right_that_it_was_not_bound_with_now_or_later),
        TEST(a_utcb_that_its_user_may_only_read_serves_on),
        TEST(unbinding_a_page_takes_all_derived_from_it),
        TEST(deleting_the_frames_takes_them_out_of_every_space),
        TEST(a_right_that_is_taken_is_taken_from_the_translations_too),
        TEST(every_space_that_lost_pages_is_flushed),
        TEST(only_tables_are_shown_to_inspectors_and_read_only),
        TEST(the_entries_may_lie_across_pages_and_must_be_readable),
        TEST(no_address_from_user_top_on_is_the_users),
        TEST(copying_stops_at_a_page_that_lacks_the_right),
    };
    return cmocka_run_group_tests_name("bindings/bind_page", tests, NULL, NULL);
}

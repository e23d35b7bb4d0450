/* Notes in page-table entries: what is kept, what goes, and that nobody takes them for pages. */
#include "tests/host/kernel_ipc.h"

#include "exo/abi/l4.h"

#define WEAK   60u /* the party's env without RIGHT_WRITE */
#define FRAMES 61u
#define LARGE  ((vaddr_t)0x20000000)
#define EMPTY  (PARTY_MEMORY + PARTY_PAGES * PAGE_SIZE) /* nothing is bound there */
#define ANY    0xfedcba9876543210u                      /* not bound                 */
#define BITS   ((uint64_t)5 << 9)

static struct party p;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, p.env, RIGHT_ALL & ~RIGHT_WRITE, 0, 0));
    return 0;
}

static void put(vaddr_t va, uint64_t value)
{
    const struct page_note note = {va, value};

    assert_true(space_copy_out(world.root->root, SCRATCH, &note, sizeof note));
}

static void note(vaddr_t va, uint64_t value)
{
    put(va, value);
    OK(BOSS(page_note, p.env, SCRATCH, 1));
    assert_int_equal(world.result, 1);
}

static uint64_t noted(vaddr_t va)
{
    return *entry_of(p.e, va) & PAGE_NOTE_BITS;
}

static void a_page_keeps_its_bits_until_it_goes(void **state)
{
    (void)state;
    const struct page_entry e = {PARTY_MEMORY, 0, RIGHT_READ};
    const pte_t before = *entry_of(p.e, PARTY_MEMORY);

    note(PARTY_MEMORY, PAGE_NOTE_BITS);
    assert_int_equal(*entry_of(p.e, PARTY_MEMORY), before | PAGE_NOTE_BITS);
    note(PARTY_MEMORY, BITS);
    put_entries(world.boss, SCRATCH, &e, 1);
    OK(BOSS(page_protect, p.env, SCRATCH, 1));
    assert_int_equal(noted(PARTY_MEMORY), BITS);
    assert_non_null(space_user(p.e->root, PARTY_MEMORY, RIGHT_READ));
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    assert_int_equal(*entry_of(p.e, PARTY_MEMORY), 0);
    note(PARTY_MEMORY + PAGE_SIZE, BITS);
    note(PARTY_MEMORY + PAGE_SIZE, 0);
    assert_int_equal(noted(PARTY_MEMORY + PAGE_SIZE), 0);
}

static void an_empty_entry_with_a_note_is_empty(void **state)
{
    (void)state;
    const word_t one = PAGE_BITS << 4, rw = FPAGE_READ | FPAGE_WRITE;
    const struct page_entry e = {EMPTY, p.pfn + 1, RW};

    note(EMPTY, ANY);
    assert_int_equal(*entry_of(p.e, EMPTY), ANY);
    put_entries(world.boss, SCRATCH, &e, 1);
    REFUSED(ERR_NOT_BOUND, world.boss, page_protect, p.env, SCRATCH, 1);
    REFUSED(ERR_NOT_BOUND, world.boss, page_unbind, p.env, SCRATCH, 1);
    REFUSED(ERR_NOT_BOUND, world.boss, thread_create, p.env, REGION, PFN_ANY, EMPTY, 0, 50);
    unmap_all(p.t, EMPTY | one | rw, true);
    world_check();
    assert_int_equal(*entry_of(p.e, EMPTY), ANY);
    OK(BOSS(page_bind, p.env, p.frames, SCRATCH, 1)); /* as if there were none */
    assert_int_equal(noted(EMPTY), 0);
    OK(BOSS(page_unbind, p.env, SCRATCH, 1));
    note(EMPTY, ANY);
    assert_true(map_all(p.t, p.t, ITEM_MAP, PARTY_MEMORY | one | rw, EMPTY | one));
    world_check();
    assert_non_null(space_user(p.e->root, EMPTY, RW));
    note(EMPTY + PAGE_SIZE, ANY);
    OK(BOSS(cap_delete, p.env)); /* with a note in its tables */
}

/* A table that somebody else gets holds nothing of it. */
static void it_goes_with_its_table(void **state)
{
    (void)state;
    word_t table;

    make_tables(p.env, LARGE);
    note(LARGE, ANY);
    table = frame_number(entry_of(p.e, LARGE));
    OK(BOSS(cap_delete, p.env));
    make_env(40);
    OK(BOSS(table_create, 40, REGION, PFN_ANY, 0, 3));
    OK(BOSS(table_create, 40, REGION, PFN_ANY, 0, 2));
    OK(BOSS(table_create, 40, REGION, table, 0, 1));
    assert_int_equal(*(pte_t *)frame_memory((pfn_t)table), 0);
}

static void a_large_page_has_them_at_its_first_address(void **state)
{
    (void)state;
    unsigned level;

    OK(BOSS(frames_find, REGION, FRAME_RANGE_ALL, LARGE_PAGES, 9, FRAME_COLOURS_ALL, FRAMES));
    const struct page_entry e = {LARGE, (pfn_t)world.result, RW | PAGE_LARGE};
    put(LARGE, BITS);
    REFUSED(ERR_NO_TABLE, world.boss, page_note, p.env, SCRATCH, 1);
    put_entries(world.boss, SCRATCH, &e, 1);
    OK(BOSS(page_bind, p.env, FRAMES, SCRATCH, 1));
    note(LARGE, BITS);
    assert_int_equal(*space_large(p.e->root, LARGE, &level) & PAGE_NOTE_BITS, BITS);
    put(LARGE + PAGE_SIZE, BITS);
    REFUSED(ERR_NO_TABLE, world.boss, page_note, p.env, SCRATCH, 1);
}

static void a_refused_note_changes_nothing(void **state)
{
    (void)state;
    const struct {
        vaddr_t va;
        uint64_t value;
        slot_t env;
        int error;
    } rows[] = {
        {PARTY_MEMORY + 8, BITS, p.env, ERR_BAD_ARG},
        {USER_TOP, BITS, p.env, ERR_BAD_ARG},
        {PARTY_MEMORY, BITS, p.frames, ERR_BAD_CAP},
        {PARTY_MEMORY, BITS, WEAK, ERR_NO_RIGHT},
        {(vaddr_t)1 << 46, 0, p.env, ERR_NO_TABLE},
        {PARTY_MEMORY, BITS | 2, p.env, ERR_IN_USE}, /* it would be writable for ever */
        {PARTY_MEMORY, (uint64_t)1 << 53, p.env, ERR_IN_USE},
        {PARTY_MEMORY, PAGE_NOTE_BOUND, p.env, ERR_IN_USE},
        {EMPTY, ANY | PAGE_NOTE_BOUND, p.env, ERR_NOT_BOUND},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world.step = (unsigned)i;
        put(rows[i].va, rows[i].value);
        REFUSED(rows[i].error, world.boss, page_note, rows[i].env, SCRATCH, 1);
    }
    REFUSED(ERR_BAD_ARG, world.boss, page_note, p.env, SCRATCH, 0);
    REFUSED(ERR_BAD_ARG, world.boss, page_note, p.env, SCRATCH, BATCH_MAX + 1);
    REFUSED(ERR_BAD_USER, world.boss, page_note, p.env, (vaddr_t)1 << 46, 1);
    const struct page_note two[2] = {{EMPTY, ANY}, {EMPTY + 1, ANY}};
    assert_true(space_copy_out(world.root->root, SCRATCH, two, sizeof two));
    assert_int_equal(BOSS(page_note, p.env, SCRATCH, 2), ERR_BAD_ARG);
    assert_int_equal(world.result, 1);
    assert_int_equal(*entry_of(p.e, EMPTY), ANY);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_keeps_its_bits_until_it_goes),
        TEST(an_empty_entry_with_a_note_is_empty),
        TEST(it_goes_with_its_table),
        TEST(a_large_page_has_them_at_its_first_address),
        TEST(a_refused_note_changes_nothing),
    };
    return cmocka_run_group_tests_name("bindings/note", tests, NULL, NULL);
}

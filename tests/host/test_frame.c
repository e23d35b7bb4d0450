/* The frame table, boot's memory in front of it, and the call that makes memory of frames. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "exo/mem/boot_mem.h"

#include <string.h>

#define FRAMES 30u
#define OTHER  31u

static bool begins(const char *sentence, const char *name)
{
    return sentence && sentence[0] == name[0] && sentence[1] == name[1];
}

static void the_check_names_each_broken_invariant(void **state)
{
    (void)state;
    pfn_t n = make_frames(FRAMES, 1), empty = frame_find(world.base, WORLD_FRAMES, 1);
    struct frame_info *f = frame_of(n), *e = frame_of(empty), saved = *f;

    assert_null(frame_check());
    e->owner = 1;
    assert_true(begins(frame_check(), "F1"));
    e->owner = 0;
    e->bindings = 1;
    assert_true(begins(frame_check(), "F1"));
    e->bindings = 0;
    e->origin = UINT32_MAX;
    assert_true(begins(frame_check(), "F4"));
    e->origin = 0;
    f->owner = 0;
    assert_true(begins(frame_check(), "F2"));
    *f = saved;
    f->first = n + 1;
    assert_true(begins(frame_check(), "F3"));
    f->first = empty < n ? empty : 1;
    assert_true(begins(frame_check(), "F3"));
    *f = saved;
    assert_null(frame_check());
}

static void a_frame_is_zeroed_before_its_new_owner_has_it(void **state)
{
    (void)state;
    pfn_t n = make_frames(FRAMES, 2);
    uint8_t *bytes = frame_memory(n);

    struct party p;

    party_make(&p, 20);
    give(p.env, 5, REGION, RIGHT_ALL);
    bytes[0] = bytes[2 * PAGE_SIZE - 1] = 0xaa;
    OK(BOSS(cap_delete, FRAMES));
    assert_int_equal(frame_of(n)->type, FRAME_FREE);
    OK(CALL(p.t, frames_alloc, 5, n, 2, 6));
    for (size_t i = 0; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(bytes[i], 0);
    bytes[0] = 0xbb;
    OK(CALL(p.t, cap_delete, 6));
    OK(BOSS(frames_alloc, REGION, n, 2, FRAMES)); /* was its own once, but another's since */
    assert_int_equal(bytes[0], 0);
}

static void a_frame_that_its_owner_takes_again_holds_what_it_held(void **state)
{
    (void)state;
    pfn_t n = make_frames(FRAMES, 2);
    uint8_t *bytes = frame_memory(n);

    bytes[0] = bytes[2 * PAGE_SIZE - 1] = 0xaa;
    OK(BOSS(cap_delete, FRAMES));
    OK(BOSS(frames_alloc, REGION, n + 1, 1, FRAMES));
    assert_int_equal(bytes[2 * PAGE_SIZE - 1], 0xaa);
    OK(BOSS(frames_alloc, REGION, n, 1, OTHER));
    assert_int_equal(bytes[0], 0xaa);
}

static void what_held_a_kernel_object_is_zeroed_for_its_owner_too(void **state)
{
    (void)state;
    pfn_t n = make_frames(FRAMES, 1);
    uint8_t *bytes = frame_memory(n);

    bytes[100] = 0xaa;
    OK(BOSS(cap_delete, FRAMES));
    OK(BOSS(notification_create, REGION, n, FRAMES)); /* which fills a few words only */
    assert_int_equal(bytes[100], 0);
    bytes[100] = 0xbb;
    OK(BOSS(cap_delete, FRAMES));
    OK(BOSS(frames_alloc, REGION, n, 1, FRAMES));
    assert_int_equal(bytes[100], 0);
}

/* A graft's own frames are filled by the kernel as it needs them; nobody is to see what it left. */
static void what_a_graft_held_is_zeroed_for_its_owner(void **state)
{
    (void)state;
    const pfn_t n = world.base + 700;
    uint8_t *bytes = frame_memory(n);

    frame_take(n, 2, FRAME_GRAFT, 1, 0);
    bytes[7] = bytes[PAGE_SIZE + 7] = 0xaa;
    frame_give(n, 2);
    frame_take(n, 2, FRAME_GRAFT, 1, 0);
    assert_int_equal(bytes[7], 0);
    assert_int_equal(bytes[PAGE_SIZE + 7], 0xaa);
    frame_give(n, 2);
    OK(BOSS(frames_alloc, REGION, n, 2, FRAMES));
    for (size_t i = 0; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(bytes[i], 0);
}

/* The number of an environment comes again; what it left is not its successor's. */
static void a_successor_with_the_same_number_sees_nothing(void **state)
{
    (void)state;
    struct party p;
    uint16_t number;
    pfn_t n = world.base + 700;
    uint8_t *bytes = frame_memory(n);

    party_make(&p, 20);
    number = p.e->number;
    give(p.env, 5, REGION, RIGHT_ALL);
    OK(CALL(p.t, frames_alloc, 5, n, 1, 6));
    bytes[9] = 0xaa;
    for (slot_t slot = 20; slot < 24; slot++)
        if (cap_slot(world.root, slot)->kind != CAP_NONE)
            OK(BOSS(cap_delete, slot));
    assert_int_equal(frame_of(n)->type, FRAME_FREE);
    party_make(&p, 20);
    assert_int_equal(p.e->number, number);
    give(p.env, 5, REGION, RIGHT_ALL);
    OK(CALL(p.t, frames_alloc, 5, n, 1, 6));
    assert_int_equal(bytes[9], 0);
}

static void frames_are_found_lowest_first_and_adjacent(void **state)
{
    (void)state;
    pfn_t base = world.base, end = world.base + world.count;

    assert_int_equal(frame_find(base, end, world.count), base);
    assert_int_equal(frame_find(base, end, world.count + 1), PFN_ANY);
    OK(BOSS(frames_alloc, REGION, base + 2, 1, FRAMES));
    assert_int_equal(frame_find(base, end, 2), base);
    assert_int_equal(frame_find(base, end, 3), base + 3);
    assert_int_equal(frame_find(base, base + 5, 3), PFN_ANY);
    assert_int_equal(frame_find(base + 1, end, 2), base + 3);
    assert_true(frame_all_free(base, 2));
    assert_false(frame_all_free(base, 3));
    assert_false(frame_all_free(base + 2, 1));
    assert_true(frame_all_free(base + 3, end - base - 3));
    assert_false(frame_all_free(base + 3, WORLD_FRAMES));
    assert_false(frame_all_free(WORLD_FRAMES, 1));
    assert_false(frame_all_free(PFN_ANY, 2));
}

static void memory_is_the_frames_that_the_caller_names(void **state)
{
    (void)state;
    pfn_t base = world.base + 100;

    OK(BOSS(frames_alloc, REGION, base, 3, FRAMES));
    assert_int_equal(world.result, base);
    const struct cap *c = cap_slot(world.root, FRAMES);
    assert_int_equal(c->kind, CAP_FRAMES);
    assert_int_equal(c->rights, RIGHT_ALL);
    assert_int_equal(c->base, base);
    assert_int_equal(c->count, 3);
    for (pfn_t n = base; n < base + 3; n++) {
        assert_int_equal(frame_of(n)->type, FRAME_MEMORY);
        assert_int_equal(frame_of(n)->owner, world.root->number);
        assert_int_equal(frame_of(n)->first, n);
    }
    OK(BOSS(frames_alloc, REGION, PFN_ANY, 200, OTHER));
    assert_int_equal(world.result, base + 3);
}

static void a_refused_allocation_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    pfn_t base = make_frames(FRAMES, 1), end = world.base + world.count;

    OK(BOSS(cap_copy, SLOT_ENV, 40, REGION, RIGHT_READ, base, 8));
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, PFN_ANY, 0, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, end - 1, 2, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, end, 1, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, end + 1, 1, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, world.base - 1, 1, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, base, 0xffffffff, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, 40, base + 8, 1, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, PFN_ANY, 1, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, t, frames_alloc, REGION, PFN_ANY, 1, CAPS_PER_FRAME);
    REFUSED(ERR_BAD_CAP, t, frames_alloc, FRAMES, PFN_ANY, 1, OTHER);
    REFUSED(ERR_BAD_CAP, t, frames_alloc, SLOT_NONE, PFN_ANY, 1, OTHER);
    REFUSED(ERR_BAD_CAP, t, frames_alloc, SLOT_NONE, base + 1, 1, OTHER);
    REFUSED(ERR_BAD_CAP, t, frames_alloc, 99, PFN_ANY, 1, OTHER);
    REFUSED(ERR_BAD_CAP, t, frames_alloc, 0xffffffff, PFN_ANY, 1, OTHER);
    REFUSED(ERR_IN_USE, t, frames_alloc, REGION, PFN_ANY, 1, FRAMES);
    REFUSED(ERR_IN_USE, t, frames_alloc, REGION, base, 1, OTHER);
    REFUSED(ERR_IN_USE, t, frames_alloc, 40, base, 8, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_alloc, REGION, PFN_ANY, world.count, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_alloc, REGION, PFN_ANY, 0xffffffff, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_alloc, 40, PFN_ANY, 8, OTHER);
}

static void a_refusal_names_the_frame_and_its_owner(void **state)
{
    (void)state;
    pfn_t base = world.base + 40;
    struct env *e = make_env(20);

    OK(BOSS(frames_alloc, REGION, base + 2, 1, FRAMES));
    assert_int_equal(BOSS(frames_alloc, REGION, base, 4, OTHER), ERR_IN_USE);
    assert_int_equal(world.result, (base + 2) | (word_t)world.root->number << 32);
    assert_int_equal(BOSS(frames_alloc, REGION, e->frame, 1, OTHER), ERR_IN_USE);
    assert_int_equal(world.result, e->frame | (word_t)e->number << 32);
    assert_int_equal(BOSS(frames_alloc, REGION, e->frame, 1, FRAMES), ERR_IN_USE);
    assert_int_equal(world.result, 0); /* it is the slot that is taken */
}

#define FIND(low, end, count, align, colours, dst)                                                 \
    BOSS(frames_find, REGION, FRAME_RANGE(low, end), count, align, colours, dst)

static void frames_are_found_by_range_alignment_and_colour(void **state)
{
    (void)state;
    pfn_t base = world.base, end = base + world.count, at = (base + 64 + 63) / 64 * 64;

    OK(FIND(at + 1, end, 2, 6, FRAME_COLOURS_ALL, 50));
    assert_int_equal(world.result, at + 64);
    assert_int_equal(cap_slot(world.root, 50)->count, 2);
    OK(FIND(at + 64, at + 68, 2, 0, FRAME_COLOURS_ALL, 51));
    assert_int_equal(world.result, at + 66);
    OK(FIND(at, end, 1, 0, (word_t)1 << 5, 52));
    assert_int_equal(world.result, at + 5);
    OK(FIND(at, end, 1, 0, (word_t)1 << 5, 53));
    assert_int_equal(world.result, at + 64 + 5);
    OK(FIND(at, end, 2, 0, (word_t)0xb << 10, 54)); /* 10 and 11 are adjacent */
    assert_int_equal(world.result, at + 10);
    OK(FIND(at, end, 2, 1, (word_t)7 << 21, 55)); /* 21, 22, 23; the first one even */
    assert_int_equal(world.result, at + 22);
    OK(BOSS(frames_find, REGION, FRAME_RANGE_ALL, 1, 0, FRAME_COLOURS_ALL, 56));
    assert_int_equal(world.result, base);
    OK(FIND(0, PFN_ANY, 512, 9, FRAME_COLOURS_ALL, 57));
    assert_int_equal(world.result % 512, 0);
}

static void a_refused_find_changes_nothing(void **state)
{
    (void)state;
    struct thread *t = world.boss;
    pfn_t base = make_frames(FRAMES, 1), end = world.base + world.count;
    const word_t all = FRAME_RANGE_ALL, any = FRAME_COLOURS_ALL;

    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, all, 0, 0, any, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, FRAME_RANGE(end, end), 1, 0, any, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, FRAME_RANGE(end, base), 1, 0, any, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, all, 1, FRAME_ALIGN_MAX + 1, any, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, all, 1, 0xffffffff, any, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, all, 1, 0, 0, OTHER);
    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, all, 1, 0, any, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, t, frames_find, REGION, all, 1, 0, any, CAPS_PER_FRAME);
    REFUSED(ERR_BAD_CAP, t, frames_find, FRAMES, all, 1, 0, any, OTHER);
    REFUSED(ERR_BAD_CAP, t, frames_find, 99, all, 1, 0, any, OTHER);
    REFUSED(ERR_IN_USE, t, frames_find, REGION, all, 1, 0, any, FRAMES);
    REFUSED(ERR_NO_MEM, t, frames_find, REGION, FRAME_RANGE(0, world.base), 1, 0, any, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_find, REGION, FRAME_RANGE(end, PFN_ANY), 1, 0, any, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_find, REGION, FRAME_RANGE(base, base + 1), 1, 0, any, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_find, REGION, FRAME_RANGE(end - 2, end), 3, 0, any, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_find, REGION, all, 2, 0, 1, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_find, REGION, all, 1, 18, any, OTHER);
    REFUSED(ERR_NO_MEM, t, frames_find, REGION, all, 0xffffffff, 0, any, OTHER);
}

static void a_region_gives_no_frame_outside_itself(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, 40, REGION, RIGHT_ALL, world.base + 10, 4));
    OK(BOSS(frames_alloc, 40, PFN_ANY, 3, FRAMES));
    assert_int_equal(world.result, world.base + 10);
    OK(BOSS(frames_alloc, 40, PFN_ANY, 1, OTHER));
    assert_int_equal(world.result, world.base + 13);
    REFUSED(ERR_NO_MEM, world.boss, frames_alloc, 40, PFN_ANY, 1, 50);
    REFUSED(ERR_NO_MEM, world.boss, frames_find, 40, FRAME_RANGE_ALL, 1, 0, FRAME_COLOURS_ALL, 50);
    OK(BOSS(cap_delete, FRAMES));
    OK(BOSS(frames_find, 40, FRAME_RANGE_ALL, 1, 0, FRAME_COLOURS_ALL, FRAMES));
    assert_int_equal(world.result, world.base + 10);
}

static void a_table_that_a_reader_shows_is_kept_until_he_unbinds_it(void **state)
{
    (void)state;
    struct env *e = make_env(20);
    pfn_t root = e->root;
    const struct page_entry entry = {PARTY_UTCB, root, RIGHT_READ};

    make_tables(SLOT_ENV, PARTY_UTCB);
    bind_page(SLOT_ENV, SLOT_INSPECT, root, PARTY_UTCB, RIGHT_READ);
    assert_int_equal(frame_of(root)->bindings, 1);
    OK(BOSS(cap_delete, 20));
    assert_int_equal(frame_of(root)->type, FRAME_STALE);
    assert_int_equal(frame_of(root)->owner, 0);
    assert_int_equal(frame_of(root + 1)->type, FRAME_FREE);
    REFUSED(ERR_IN_USE, world.boss, frames_alloc, REGION, root, 1, FRAMES);
    put_entries(world.boss, SCRATCH, &entry, 1);
    OK(BOSS(page_unbind, SLOT_ENV, SCRATCH, 1));
    assert_int_equal(frame_of(root)->type, FRAME_FREE);
}

/* A table of its own, for the borders that the world's does not have free. */
static void a_small_table_ends_where_it_ends(void **state)
{
    (void)state;
    static struct frame_info saved[WORLD_FRAMES], small[9];
    struct frame_info *real = frame_of(0);

    memcpy(saved, real, sizeof saved);
    frame_table_init(small, 8);
    frame_mark(0, 9, FRAME_ABSENT);
    small[8].type = FRAME_FREE; /* behind its end */
    assert_int_equal(frame_count(), 8);
    for (pfn_t n = 0; n < 8; n++)
        assert_int_equal(small[n].type, FRAME_ABSENT);
    assert_null(frame_check());
    frame_mark(5, 4, FRAME_FREE);
    assert_int_equal(small[4].type, FRAME_ABSENT);
    assert_int_equal(small[7].type, FRAME_FREE);
    assert_int_equal(small[8].first, 0); /* not touched */
    assert_int_equal(frame_find(0, 9, 3), 5);
    assert_int_equal(frame_find(0, 9, 4), PFN_ANY);
    assert_true(frame_all_free(5, 3));
    assert_false(frame_all_free(5, 4));
    assert_false(frame_all_free(8, 0));
    assert_false(frame_all_free(8, 1));
    frame_table_init(real, WORLD_FRAMES);
    memcpy(real, saved, sizeof saved);
}

/* Boot's ranges are eaten up for good, so this runs last, in a machine that has been booted. */
static void boot_memory_is_cut_around_what_is_reserved(void **state)
{
    (void)state;
    const struct boot_range *r;
    unsigned n = boot_mem_rest(&r);
    paddr_t far = (paddr_t)1 << 32;
    pfn_t top = boot_mem_top();

    boot_mem_add(far + 1, 16 * PAGE_SIZE); /* not aligned: 15 whole pages */
    assert_int_equal(boot_mem_rest(&r), n + 1);
    assert_int_equal(r[n].base, far + PAGE_SIZE);
    assert_int_equal(r[n].end, far + 16 * PAGE_SIZE);
    boot_mem_reserve(far + 4 * PAGE_SIZE + 1, PAGE_SIZE); /* touches two pages */
    assert_int_equal(boot_mem_rest(&r), n + 2);
    assert_int_equal(r[n].end, far + 4 * PAGE_SIZE);
    assert_int_equal(r[n + 1].base, far + 6 * PAGE_SIZE);
    assert_int_equal(r[n + 1].end, far + 16 * PAGE_SIZE);
    boot_mem_reserve(far, 5 * PAGE_SIZE); /* over the first part's beginning and end */
    assert_int_equal(boot_mem_rest(&r), n + 1);
    assert_int_equal(r[n].base, far + 6 * PAGE_SIZE);
    boot_mem_add((paddr_t)64 << 30, PAGE_SIZE); /* node names reach no further */
    assert_int_equal(boot_mem_rest(&r), n + 1);
    assert_int_equal(boot_mem_top(), (far >> PAGE_BITS) + 16);
    boot_mem_reserve(far, 15 * PAGE_SIZE);
    assert_int_equal(r[n].base, far + 15 * PAGE_SIZE);
    boot_mem_reserve(far, 16 * PAGE_SIZE);
    assert_int_equal(boot_mem_rest(&r), n);
    assert_int_equal(boot_mem_top(), top);
    for (unsigned i = 0; i < 2 * REGION_MAX; i++)
        boot_mem_add(far + i * 2 * PAGE_SIZE, PAGE_SIZE);
    assert_int_equal(boot_mem_rest(&r), REGION_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(the_check_names_each_broken_invariant),
        WORLD_TEST(a_frame_is_zeroed_before_its_new_owner_has_it),
        WORLD_TEST(a_frame_that_its_owner_takes_again_holds_what_it_held),
        WORLD_TEST(what_held_a_kernel_object_is_zeroed_for_its_owner_too),
        WORLD_TEST(what_a_graft_held_is_zeroed_for_its_owner),
        WORLD_TEST(a_successor_with_the_same_number_sees_nothing),
        WORLD_TEST(frames_are_found_lowest_first_and_adjacent),
        WORLD_TEST(memory_is_the_frames_that_the_caller_names),
        WORLD_TEST(a_refused_allocation_changes_nothing),
        WORLD_TEST(a_refusal_names_the_frame_and_its_owner),
        WORLD_TEST(frames_are_found_by_range_alignment_and_colour),
        WORLD_TEST(a_refused_find_changes_nothing),
        WORLD_TEST(a_region_gives_no_frame_outside_itself),
        WORLD_TEST(a_table_that_a_reader_shows_is_kept_until_he_unbinds_it),
        WORLD_TEST(a_small_table_ends_where_it_ends),
        WORLD_TEST(boot_memory_is_cut_around_what_is_reserved),
    };
    return cmocka_run_group_tests_name("exo/mem/frame", tests, NULL, NULL);
}

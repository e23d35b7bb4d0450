/* The book-keeping read record by record: all of it, and with hide=1 what is one's own. */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/object.h"
#include "exo/abi/ring.h"
#include "exo/entry/main.h"

#define LOOK   60u /* an inspecting capability */
#define CHILD  61u
#define FRAMES 62u

static struct party p, q;

static int set_up(void **state)
{
    world_begin(state);
    party_make(&p, 20);
    party_make(&q, 24);
    return 0;
}

static int end(void **state)
{
    kinfo_get()->hidden = 0;
    return world_end(state);
}

/* What p reads; at PARTY_MEMORY of it. */
static const void *reads(uint32_t table, uint32_t first, uint32_t count)
{
    OK(CALL(p.t, info_read, table, first, count, PARTY_MEMORY, SLOT_NONE));
    return memory_of(p.t, PARTY_MEMORY);
}

static void everything_is_read_as_it_is(void **state)
{
    (void)state;
    const struct frame_info *f = reads(INFO_FRAMES, q.pfn, 2);
    assert_memory_equal(f, frame_of(q.pfn), 2 * sizeof *f);
    const struct env_info *e = reads(INFO_ENVS, 0, 3);
    assert_memory_equal(e, env_table, 3 * sizeof *e);
    const struct cpu_info *c = reads(INFO_CPUS, 0, 1);
    assert_int_equal(c->thread, p.t->number);
    object_begin(&object_table[5], CAP_RING, 7, q.e->number);
    const struct object_info *o = reads(INFO_OBJECTS, 5, 1);
    assert_true(o->frame == 7 && o->owner == q.e->number && o->sequence == 2);
    object_end(&object_table[5]);
    object_table[5].sequence = 0;
}

static void hidden_frames_are_free_or_somebody_elses(void **state)
{
    (void)state;
    static const struct frame_info nothing = {.type = FRAME_HIDDEN};
    pfn_t free = frame_find(world.base, world.base + world.count, 1);

    kinfo_get()->hidden = 1;
    const struct frame_info *f = reads(INFO_FRAMES, q.pfn, 1);
    assert_memory_equal(f, &nothing, sizeof nothing);
    f = reads(INFO_FRAMES, p.e->frame, 1);
    assert_memory_equal(f, frame_of(p.e->frame), sizeof *f);
    f = reads(INFO_FRAMES, free, 1);
    assert_true(f->type == FRAME_FREE && f->origin == 0);
    f = reads(INFO_FRAMES, 0, 1);
    assert_memory_equal(f, &nothing, sizeof nothing);
}

static void hidden_frames_are_seen_by_who_may_bind_them(void **state)
{
    (void)state;
    const struct cap *c = cap_find(world.boss->env, q.frames, CAP_FRAMES);
    const uint32_t count = (uint32_t)c->count;

    assert_int_equal(c->base, q.pfn);
    give(p.env, FRAMES, q.frames, RIGHT_READ);
    kinfo_get()->hidden = 1;
    OK(CALL(p.t, info_read, INFO_FRAMES, q.pfn, count, PARTY_MEMORY, FRAMES));
    assert_memory_equal(memory_of(p.t, PARTY_MEMORY), frame_of(q.pfn),
                        count * sizeof(struct frame_info));
    REFUSED(ERR_BAD_CAP, p.t, info_read, INFO_FRAMES, q.pfn, count + 1, PARTY_MEMORY, FRAMES);
    REFUSED(ERR_BAD_CAP, p.t, info_read, INFO_FRAMES, q.pfn - 1, 1, PARTY_MEMORY, FRAMES);
    REFUSED(ERR_BAD_CAP, p.t, info_read, INFO_FRAMES, q.pfn + count, 1, PARTY_MEMORY, FRAMES);
    REFUSED(ERR_BAD_CAP, p.t, info_read, INFO_ENVS, q.e->number, 1, PARTY_MEMORY, FRAMES);
}

static void hidden_environments_are_seen_by_their_makers(void **state)
{
    (void)state;
    static const struct env_info nothing;

    give(p.env, 5, REGION, RIGHT_ALL);
    OK(CALL(p.t, env_create, 5, PFN_ANY, 6));
    uint32_t child = (uint32_t)world.result;
    kinfo_get()->hidden = 1;
    const struct env_info *e = reads(INFO_ENVS, p.e->number, 1);
    assert_int_equal(e->frame, p.e->frame);
    e = reads(INFO_ENVS, child, 1);
    assert_int_equal(e->frame, env_by_number[child]->frame);
    e = reads(INFO_ENVS, q.e->number, 1);
    assert_memory_equal(e, &nothing, sizeof nothing);
    e = reads(INFO_ENVS, world.root->number, 1); /* nor is one's own maker */
    assert_memory_equal(e, &nothing, sizeof nothing);
}

static void hidden_cpus_show_ones_own_slices(void **state)
{
    (void)state;
    OK(BOSS(slice_bind, SLOT_CPU, 0, 3, p.thread));
    OK(BOSS(slice_bind, SLOT_CPU, 0, 4, q.thread));
    kinfo_get()->hidden = 1;
    const struct cpu_info *c = reads(INFO_CPUS, 0, 1);
    assert_int_equal(c->slices_run + c->thread + c->slice_nodes, 0);
    assert_true(c->slices[3].thread == p.t->number && c->slices[3].env == p.e->number);
    assert_true(c->slices[4].thread == SLICE_HIDDEN && c->slices[4].env == 0);
    assert_int_equal(c->slices[5].thread, 0);
}

static void counters_are_those_of_their_environment(void **state)
{
    (void)state;
    static const struct env_counts nothing;
    const uint64_t before = p.t->counts->calls;

    OK(CALL(p.t, upcall_poll, 0));
    assert_int_equal(p.t->counts->calls, before + 1);
    const struct env_counts *c = reads(INFO_COUNTS, q.e->number * counts_cpus, 1);
    assert_memory_equal(c, q.t->counts, sizeof *c);
    kinfo_get()->hidden = 1;
    c = reads(INFO_COUNTS, q.e->number * counts_cpus, 1);
    assert_memory_equal(c, &nothing, sizeof nothing);
    c = reads(INFO_COUNTS, p.e->number * counts_cpus, 1);
    assert_memory_equal(c, p.t->counts, sizeof *c);
    REFUSED(ERR_BAD_ARG, p.t, info_read, INFO_COUNTS, ENV_MAX * counts_cpus, 1, PARTY_MEMORY,
            SLOT_NONE);
}

/* Whose number comes again begins at nothing; what was counted is nobody's, and not lost. */
static void counters_of_who_ends_are_nobodys(void **state)
{
    (void)state;
    struct env_counts *c = q.t->counts;

    c->calls += 1000;
    const uint64_t nobody = counts_at(0, 0)->calls, had = c->calls;
    OK(BOSS(cap_delete, q.env));
    assert_int_equal(c->calls, 0);
    assert_int_equal(counts_at(0, 0)->calls, nobody + had);
}

static void hidden_objects_are_ones_own(void **state)
{
    (void)state;
    static const struct object_info nothing;

    object_begin(&object_table[5], CAP_RING, 7, q.e->number);
    object_begin(&object_table[6], CAP_GRAFT, 8, p.e->number);
    kinfo_get()->hidden = 1;
    const struct object_info *o = reads(INFO_OBJECTS, 5, 2);
    assert_memory_equal(&o[0], &nothing, sizeof nothing);
    assert_int_equal(o[1].frame, 8);
    object_end(&object_table[5]);
    object_end(&object_table[6]);
}

/* Who holds the capability sees it all; a refusal does not name whom it does not show. */
static void authority_sees_and_errors_do_not_tell(void **state)
{
    (void)state;
    const struct page_entry nodes = {SCRATCH + PAGE_SIZE, p.e->root + 1, RIGHT_READ};

    give(p.env, 5, SLOT_INSPECT, RIGHT_READ);
    give(p.env, 6, REGION, RIGHT_ALL);
    kinfo_get()->hidden = 1;
    OK(CALL(p.t, info_read, INFO_FRAMES, q.pfn, 1, PARTY_MEMORY, 5));
    const struct frame_info *f = memory_of(p.t, PARTY_MEMORY);
    assert_int_equal(f->owner, world.root->number);
    assert_int_equal(CALL(p.t, frames_alloc, 6, q.e->frame, 1, 7), ERR_IN_USE);
    assert_int_equal(world.result, q.e->frame | (word_t)OWNER_HIDDEN << 32);
    assert_int_equal(CALL(p.t, frames_alloc, 6, p.e->frame, 1, 7), ERR_IN_USE);
    assert_int_equal(world.result, p.e->frame | (word_t)p.e->number << 32);
    put_entries(world.boss, SCRATCH, &nodes, 1);
    REFUSED(ERR_BAD_ARG, world.boss, page_bind, SLOT_ENV, p.env, SCRATCH, 1);
    kinfo_get()->hidden = 0;
    assert_int_equal(CALL(p.t, frames_alloc, 6, q.e->frame, 1, 7), ERR_IN_USE);
    assert_int_equal(world.result, q.e->frame | (word_t)q.e->number << 32);
}

static void a_refused_read_copies_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    REFUSED(ERR_BAD_ARG, b, info_read, INFO_TABLE_COUNT, 0, 1, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, info_read, INFO_FRAMES, 0, 0, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, info_read, INFO_FRAMES, 0, INFO_READ_MAX + 1, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, info_read, INFO_FRAMES, WORLD_FRAMES, 1, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, info_read, INFO_FRAMES, WORLD_FRAMES - 1, 2, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, info_read, INFO_ENVS, UINT32_MAX, 2, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, info_read, INFO_CPUS, cpu_count, 1, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_ARG, b, info_read, INFO_OBJECTS, OBJECT_MAX, 1, SCRATCH, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, info_read, INFO_FRAMES, 0, 1, SCRATCH, SLOT_ENV);
    REFUSED(ERR_BAD_USER, b, info_read, INFO_FRAMES, 0, 1, 0, SLOT_NONE);
    REFUSED(ERR_BAD_USER, b, info_read, INFO_FRAMES, 0, 1, ~(vaddr_t)7, SLOT_NONE);
    REFUSED(ERR_BAD_USER, b, info_read, INFO_FRAMES, 0, 1, USER_TOP, SLOT_NONE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_is_read_as_it_is),
        TEST(hidden_frames_are_free_or_somebody_elses),
        TEST(hidden_frames_are_seen_by_who_may_bind_them),
        TEST(hidden_environments_are_seen_by_their_makers),
        TEST(hidden_cpus_show_ones_own_slices),
        TEST(counters_are_those_of_their_environment),
        TEST(counters_of_who_ends_are_nobodys),
        TEST(hidden_objects_are_ones_own),
        TEST(authority_sees_and_errors_do_not_tell),
        TEST(a_refused_read_copies_nothing),
    };
    return cmocka_run_group_tests_name("bindings/info", tests, NULL, NULL);
}

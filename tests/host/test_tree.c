/* Trees: every error of their calls, templates, parts, and what ends with what. */
#include "tests/host/tree_world.h"

#include "bindings/cap.h"
#include "bindings/graft.h"
#include "exo/env/hooks.h"
#include <string.h>

#define LOAD SCRATCH
enum { WEAK = 50, OTHER, INNER, FREE, DEEP };
static struct tw_library sub;

static void put_load(struct tree_load l)
{
    assert_true(space_copy_out(world.root->root, LOAD, &l, sizeof l));
}

#define BAD_LOAD(change)                                                                           \
    do {                                                                                           \
        struct tree_load l = tw_new_tree();                                                        \
        change;                                                                                    \
        put_load(l);                                                                               \
        REFUSED(ERR_BAD_ARG, world.boss, tree_create, TW_EXTENT, REGION, PFN_ANY, LOAD, FREE);     \
    } while (0)

static void a_tree_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_delete, TW_TREE));
    BAD_LOAD(l.type = 0);
    BAD_LOAD(l.type = TREE_TYPES);
    BAD_LOAD(l.is_new = 2);
    BAD_LOAD(l.copies = 0);
    BAD_LOAD(l.copies = TREE_COPIES + 1);
    BAD_LOAD(l.root = TW_FIRST - 1);
    BAD_LOAD(l.root = TW_FIRST + TW_COUNT);
    BAD_LOAD(l.count = 1);
    BAD_LOAD(l.first = 1);
    put_load(tw_new_tree());
    REFUSED(ERR_BAD_ARG, b, tree_create, TW_EXTENT, REGION, 0, LOAD, FREE);
    REFUSED(ERR_BAD_ARG, b, tree_create, TW_EXTENT, REGION, PFN_ANY, LOAD, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, tree_create, FREE, REGION, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_BAD_CAP, b, tree_create, TW_EXTENT, TW_EXTENT, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_BAD_USER, b, tree_create, TW_EXTENT, REGION, PFN_ANY, 8, FREE);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, TW_EXTENT, RIGHT_READ, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, tree_create, WEAK, REGION, PFN_ANY, LOAD, FREE);
    OK(BOSS(cap_delete, WEAK));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, TW_EXTENT, RIGHT_WRITE, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, tree_create, WEAK, REGION, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_IN_USE, b, tree_create, TW_EXTENT, REGION, PFN_ANY, LOAD, WEAK);
    REFUSED(ERR_IN_USE, b, tree_create, TW_EXTENT, REGION, tw_lib.memory, LOAD, FREE);
    OK(BOSS(cap_copy, SLOT_ENV, OTHER, REGION, RIGHT_ALL, world.base, 2));
    REFUSED(ERR_NO_MEM, b, tree_create, TW_EXTENT, OTHER, PFN_ANY, LOAD, FREE);
}

static void extents_of_trees_are_bounded(void **state)
{
    (void)state;
    struct cap *extent = cap_slot(world.root, TW_EXTENT), *disk = cap_slot(world.root, SLOT_DISK);
    const uint32_t blocks = disk->count;

    disk->count = UINT32_MAX;
    extent->count = TREE_BLOCKS + 1;
    BAD_LOAD((void)l);
    extent->count--;
    IS(BOSS(tree_create, TW_EXTENT, REGION, PFN_ANY, LOAD, FREE), ERR_IN_USE);
    disk->count = blocks;
}

static void one_tree_has_a_block(void **state)
{
    (void)state;
    struct tree_load l = {.root = 0, .type = META, .is_new = 1, .copies = 1};
    static struct tw_library raw;

    put_load(l);
    REFUSED(ERR_IN_USE, world.boss, tree_create, SLOT_DISK, REGION, PFN_ANY, LOAD, FREE);
    tw_library(&raw, 5, SLOT_DISK);
    OK(BOSS(cap_copy, SLOT_ENV, OTHER, SLOT_DISK, RW, 0, TW_FIRST));
    tw_post(&raw, DISK_WRITE, 3, 1, 0);
    tw_kick(&raw);
    REFUSED(ERR_IN_USE, world.boss, tree_create, OTHER, REGION, PFN_ANY, LOAD, FREE);
    tw_finish(DISK_RESULT_OK);
    OK(tw_tree(OTHER, FREE, l));
    IS(tw_do(&raw, DISK_WRITE, 3, 1, 0), DISK_BAD); /* now it is a tree's */
    IS(tw_do(&raw, DISK_WRITE, TW_FIRST + TW_COUNT - 1, 2, 0), DISK_BAD);
    IS(tw_do(&raw, DISK_WRITE, TW_FIRST + TW_COUNT, 1, 0), DISK_DONE);
    IS(tw_do(&raw, DISK_READ, TW_FIRST, 1, 0), DISK_DONE);
    OK(BOSS(cap_delete, FREE));
    IS(tw_do(&raw, DISK_WRITE, 3, 1, 0), DISK_DONE);
}

static void trees_of_extents_are_finite(void **state)
{
    (void)state;
    const uint32_t first = TW_FIRST + TW_COUNT;

    for (uint32_t i = 0; i < TREES_MAX; i++) {
        struct tree_load l = {.root = first + i, .type = META, .copies = 1};
        OK(BOSS(cap_copy, SLOT_ENV, (slot_t)(80 + i), SLOT_DISK, RW, first + i, 1));
        put_load(l);
        IS(BOSS(tree_create, (slot_t)(80 + i), REGION, PFN_ANY, LOAD, (slot_t)(100 + i)),
           i + 1 < TREES_MAX ? ERR_OK : ERR_NO_MEM);
    }
    OK(BOSS(cap_delete, TW_TREE));
    OK(BOSS(tree_create, (slot_t)(80 + TREES_MAX - 1), REGION, PFN_ANY, LOAD, FREE));
}

static void templates_are_for_their_hook_and_stay(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, TW_TREE, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_ARG, b, tree_template, TW_TREE, 0, TW_GRAFT, 0);
    REFUSED(ERR_BAD_ARG, b, tree_template, TW_TREE, TREE_TYPES, TW_GRAFT, 0);
    REFUSED(ERR_BAD_ARG, b, tree_template, TW_TREE, TREE_ROOT, TW_GRAFT, 0);
    REFUSED(ERR_BAD_CAP, b, tree_template, TW_GRAFT, META, TW_GRAFT, 0);
    REFUSED(ERR_BAD_CAP, b, tree_template, TW_TREE, META, TW_TREE, 0);
    REFUSED(ERR_BAD_USER, b, tree_template, TW_TREE, META, TW_GRAFT, 8);
    REFUSED(ERR_NO_RIGHT, b, tree_template, WEAK, 3, TW_GRAFT, 0);
    OK(tw_graft(OTHER));
    REFUSED(ERR_IN_USE, b, tree_template, TW_TREE, META, OTHER, 0); /* the root has it */
    OK(tw_template(TW_TREE, TW_OTHER, OTHER));                      /* no block has */
    tw_prepare(TW_OTHER, A);
    REFUSED(ERR_IN_USE, b, tree_template, TW_TREE, TW_OTHER, TW_GRAFT, 0);
    OK(BOSS(cap_delete, OTHER));
    IS(EMPTY(TW_OTHER, A), DISK_MALFORMED);
    IS(EMPTY(TW_OTHER, B), DISK_MALFORMED);
    REFUSED(ERR_IN_USE, b, tree_template, TW_TREE, TW_OTHER, TW_GRAFT, 0);
    OK(BOSS(tree_release, TW_TREE, A));
    OK(tw_template(TW_TREE, TW_OTHER, TW_GRAFT));
    tw_flush(&tw_lib);
    tw_prepare(TW_OTHER, A);
}

static struct tree *tree_at(slot_t slot)
{
    return frame_memory(cap_slot(world.root, slot)->base);
}

static void templates_are_given_with_their_numbers(void **state)
{
    (void)state;
    const uint64_t numbers[TREE_PARAMETERS] = {11, 22, 33, 44};
    struct graft *g = frame_memory(cap_slot(world.root, TW_GRAFT)->base);

    assert_true(space_copy_out(world.root->root, LOAD, numbers, sizeof numbers));
    g->program.hook = GRAFT_HOOK_WAKE_UP;
    REFUSED(ERR_BAD_STATE, world.boss, tree_template, TW_TREE, 3, TW_GRAFT, LOAD);
    g->program.hook = GRAFT_HOOK_OWNERSHIP;
    OK(BOSS(tree_template, TW_TREE, 3, TW_GRAFT, LOAD));
    assert_memory_equal(tree_at(TW_TREE)->parameters[3], numbers, sizeof numbers);
}

static void requests_for_one_block_are_finite(void **state)
{
    (void)state;
    struct tree_entry *e = tree_entry(tree_at(TW_TREE), A);

    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_DONE);
    IS(tw_do(&tw_lib, DISK_WRITE, A, 1, 0), DISK_DONE);
    e->busy = UINT8_MAX;
    IS(tw_do(&tw_lib, DISK_WRITE, A, 1, 0), DISK_ORDER);
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 0), DISK_ORDER);
    e->busy = UINT8_MAX - 1;
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 0), DISK_DONE);
    e->busy = 0;
}

static void release_and_read_say_why_not(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, TW_TREE, RIGHT_WRITE, 0, 0));
    OK(BOSS(cap_copy, SLOT_ENV, OTHER, TW_TREE, RIGHT_READ, 0, 0));
    REFUSED(ERR_BAD_CAP, b, tree_release, TW_EXTENT, A);
    REFUSED(ERR_BAD_ARG, b, tree_release, TW_TREE, TW_FIRST - 1);
    REFUSED(ERR_BAD_ARG, b, tree_release, TW_TREE, TW_FIRST + TW_COUNT);
    REFUSED(ERR_NO_RIGHT, b, tree_release, OTHER, A);
    REFUSED(ERR_BAD_STATE, b, tree_release, TW_TREE, A);
    REFUSED(ERR_BAD_STATE, b, tree_release, TW_TREE, ROOT);
    REFUSED(ERR_BAD_CAP, b, tree_read, TW_EXTENT, A, 1, LOAD);
    REFUSED(ERR_BAD_ARG, b, tree_read, TW_TREE, A, 0, LOAD);
    REFUSED(ERR_BAD_ARG, b, tree_read, TW_TREE, A, TREE_READ_MAX + 1, LOAD);
    REFUSED(ERR_BAD_ARG, b, tree_read, TW_TREE, A, TW_COUNT, LOAD);
    REFUSED(ERR_NO_RIGHT, b, tree_read, WEAK, A, 1, LOAD);
    REFUSED(ERR_BAD_USER, b, tree_read, TW_TREE, A, 1, 8);
    tw_prepare(META, A);
    IS(WRITE(META, A, {B, 1, 0}), DISK_DONE);
    REFUSED(ERR_BAD_STATE, b, tree_release, TW_TREE, A);
    REFUSED(ERR_BAD_STATE, b, tree_release, TW_TREE, B);
    IS(EMPTY(META, A), DISK_DONE);
    tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), A, 1, 0);
    tw_kick(&tw_lib);
    REFUSED(ERR_BAD_STATE, b, tree_release, TW_TREE, A);
    tw_finish(DISK_RESULT_OK);
    OK(BOSS(tree_release, TW_TREE, A));
    IS(tw_state_of(A), TREE_LEFT);
}

/* The root of a part, owned by the tree's root. */
static struct tree_load make_root(void)
{
    memset(tw_page(&tw_lib, 0), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&tw_lib, DISK_OF(DISK_WRITE, TREE_ROOT), R, 1, 0), DISK_DONE);
    tw_flush(&tw_lib);
    IS(WRITE(META, ROOT, {R, 1, TREE_ROOT}), DISK_DONE);
    return (struct tree_load){
        .root = R, .type = META, .is_new = 1, .copies = 1, .first = PART, .count = PARTS};
}

/* One that is still written, or that the last write drops, is none. */
static void roots_that_move_are_none(void **state)
{
    (void)state;
    static struct tw_library other;

    tw_library(&other, 3, TW_TREE);
    memset(tw_page(&other, 0), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&other, DISK_OF(DISK_WRITE, TREE_ROOT), R, 1, 0), DISK_DONE);
    tw_flush(&other);
    tw_post(&other, DISK_OF(DISK_WRITE, TREE_ROOT), R, 1, 0);
    tw_kick(&other);
    struct tw_meta *m = tw_page(&tw_lib, 0);
    *m = (struct tw_meta){.magic = TW_MAGIC, .runs = {{R, 1, TREE_ROOT}}};
    uint32_t slot = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    put_load((struct tree_load){
        .root = R, .type = META, .is_new = 1, .copies = 1, .first = PART, .count = PARTS});
    IS(tw_owner_of(R), ROOT);
    REFUSED(ERR_BAD_STATE, world.boss, tree_create, TW_TREE, REGION, PFN_ANY, LOAD, INNER);
    tw_finish(DISK_RESULT_OK);
    tw_finish(DISK_RESULT_OK);
    IS(tw_state(&tw_lib, slot), DISK_DONE);
    m->runs[0].count = 0;
    tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    IS(tw_look(TW_TREE, R).flags, TREE_LEAVING);
    REFUSED(ERR_BAD_STATE, world.boss, tree_create, TW_TREE, REGION, PFN_ANY, LOAD, INNER);
    tw_finish(DISK_RESULT_OK);
}

static void begin_part(void)
{
    struct tree_load l = make_root();

    OK(tw_tree(TW_TREE, INNER, l));
    tw_library(&sub, 1, INNER);
    IS(tw_write(&sub, META, R, 0, NULL), DISK_DONE);
    tw_flush(&sub);
}

static void a_part_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;
    struct tree_load l = {
        .root = R, .type = META, .is_new = 1, .copies = 1, .first = PART, .count = PARTS};

    put_load(l);
    REFUSED(ERR_BAD_STATE, b, tree_create, TW_TREE, REGION, PFN_ANY, LOAD, INNER); /* no root */
    IS(EMPTY(TREE_ROOT, R), DISK_MALFORMED);                                       /* not zeros */
    l = make_root();
#define BAD_PART(error, change)                                                                    \
    do {                                                                                           \
        struct tree_load was = l;                                                                  \
        change;                                                                                    \
        put_load(l);                                                                               \
        REFUSED(error, b, tree_create, TW_TREE, REGION, PFN_ANY, LOAD, INNER);                     \
        l = was;                                                                                   \
    } while (0)
    BAD_PART(ERR_BAD_ARG, l.count = 0);
    BAD_PART(ERR_BAD_ARG, l.first = TW_FIRST - 1);
    BAD_PART(ERR_BAD_ARG, l.count = TW_COUNT);
    BAD_PART(ERR_BAD_ARG, l.first = R);
    BAD_PART(ERR_BAD_ARG, l.root = 0);
    BAD_PART(ERR_BAD_STATE, l.root = A);
    BAD_PART(ERR_BAD_STATE, l.root = ROOT);
    BAD_PART(ERR_IN_USE, (l.first = A, l.count = R - A + 0, l.first = ROOT));
    put_load(l);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, TW_TREE, RIGHT_READ, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, tree_create, WEAK, REGION, PFN_ANY, LOAD, INNER);
    OK(tw_tree(TW_TREE, INNER, l));
    BAD_PART(ERR_IN_USE, (void)0); /* it has one */
    OK(BOSS(cap_delete, INNER));
    BAD_PART(ERR_IN_USE, l.count--);
    OK(tw_tree(TW_TREE, INNER, l));
}

static void parts_keep_to_themselves(void **state)
{
    (void)state;
    begin_part();
    IS(tw_write(&sub, META, R, 1, &(struct tree_run){PART, 2, 0}), DISK_DONE);
    IS(tw_write(&sub, META, R, 1, &(struct tree_run){PART - 1, 1, 0}), DISK_OWNER);
    IS(tw_write(&sub, META, R, 1, &(struct tree_run){PART + PARTS, 1, 0}), DISK_OWNER);
    IS(tw_write(&sub, META, R, 1, &(struct tree_run){R, 1, META}), DISK_OWNER);
    IS(tw_do(&sub, DISK_READ, ROOT, 1, 0), DISK_BAD);
    IS(tw_do(&sub, DISK_WRITE, A, 1, 0), DISK_BAD);
    IS(tw_write(&sub, META, ROOT, 0, NULL), DISK_BAD);
    /* nor does the other tree reach into it */
    IS(WRITE(META, ROOT, {R, 1, TREE_ROOT}, {PART + 5, 1, 0}), DISK_OWNER);
    IS(tw_do(&tw_lib, DISK_WRITE, PART, 1, 0), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_READ, R, 1, 0), DISK_BAD);
    memset(tw_page(&tw_lib, 0), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&tw_lib, DISK_OF(DISK_WRITE, TREE_ROOT), R, 1, 0), DISK_BAD);
    IS(EMPTY(META, R), DISK_BAD);
    REFUSED(ERR_BAD_ARG, world.boss, tree_read, TW_TREE, PART, 1, LOAD);
    REFUSED(ERR_BAD_ARG, world.boss, tree_release, TW_TREE, PART);
    REFUSED(ERR_BAD_ARG, world.boss, tree_read, INNER, ROOT, 1, LOAD);
    IS(tw_look(INNER, R).type, META);
    IS(tw_look(INNER, PART).owner, R);
}

static void a_part_goes_back_when_its_root_is_gone(void **state)
{
    (void)state;
    begin_part();
    IS(tw_write(&sub, META, R, 1, &(struct tree_run){PART, 2, 0}), DISK_DONE);
    IS(EMPTY(META, ROOT), DISK_ORDER); /* its tree is there */
    OK(BOSS(cap_delete, INNER));
    IS(WRITE(META, ROOT, {R, 1, TREE_ROOT}, {PART + 5, 1, 0}), DISK_OWNER);
    IS(EMPTY(META, ROOT), DISK_DONE);
    IS(WRITE(META, ROOT, {PART, 1, 0}), DISK_OWNER); /* not durable */
    tw_flush(&tw_lib);
    IS(WRITE(META, ROOT, {PART, 1, 0}), DISK_DONE);
}

/* As deep as parts go: each tree keeps to its own, and ends with the one above it. */
static void parts_have_parts(void **state)
{
    (void)state;
    static struct tw_library deep;
    struct tree_load l = {
        .root = PART + 1, .type = META, .is_new = 1, .copies = 1, .first = PART + 5, .count = 5};

    begin_part();
    memset(tw_page(&sub, 0), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&sub, DISK_OF(DISK_WRITE, TREE_ROOT), PART + 1, 1, 0), DISK_DONE);
    tw_flush(&sub);
    IS(tw_write(&sub, META, R, 1, &(struct tree_run){PART + 1, 1, TREE_ROOT}), DISK_DONE);
    OK(tw_tree(INNER, DEEP, l));
    tw_library(&deep, 2, DEEP);
    IS(tw_write(&deep, META, PART + 1, 0, NULL), DISK_DONE);
    tw_flush(&deep);
    IS(tw_write(&deep, META, PART + 1, 1, &(struct tree_run){PART + 4, 1, 0}), DISK_OWNER);
    IS(tw_write(&deep, META, PART + 1, 1, &(struct tree_run){PART + 9, 1, 0}), DISK_DONE);
    IS(tw_do(&sub, DISK_WRITE, PART + 9, 1, 0), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_WRITE, PART + 9, 1, 0), DISK_BAD);
    IS(tw_write(&sub, META, R, 2, (struct tree_run[]){{PART + 1, 1, TREE_ROOT}, {PART + 6, 1, 0}}),
       DISK_OWNER);
    IS(tw_write(&sub, META, R, 0, NULL), DISK_ORDER);
    IS(tw_look(DEEP, PART + 9).owner, PART + 1);
    OK(BOSS(cap_delete, INNER));
    assert_null(cap_find(world.root, DEEP, CAP_TREE));
    REFUSED(ERR_BAD_STATE, world.boss, disk_kick, deep.ring);
}

/* Where a root was that is free now, another one's part is entered. */
static void parts_of_roots_that_are_gone_make_room(void **state)
{
    (void)state;
    struct tree_load l = make_root();

    OK(tw_tree(TW_TREE, INNER, l));
    OK(BOSS(cap_delete, INNER));
    IS(EMPTY(META, ROOT), DISK_DONE);
    tw_flush(&tw_lib);
    memset(tw_page(&tw_lib, 0), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&tw_lib, DISK_OF(DISK_WRITE, TREE_ROOT), A, 1, 0), DISK_DONE);
    tw_flush(&tw_lib);
    IS(WRITE(META, ROOT, {A, 1, TREE_ROOT}), DISK_DONE);
    l.root = A;
    l.first = PART + 1;
    OK(tw_tree(TW_TREE, INNER, l));
    IS(tree_at(TW_TREE)->part_end, 1);
    IS(tree_at(TW_TREE)->parts[0].root, A);
}

static void what_a_part_had_is_found_again(void **state)
{
    (void)state;
    struct tree_load l = {.root = R, .type = META, .copies = 1, .first = PART, .count = PARTS};

    begin_part();
    IS(tw_write(&sub, META, PART + 3, 0, NULL), DISK_DONE);
    tw_flush(&sub);
    IS(tw_write(&sub, META, R, 1, &(struct tree_run){PART + 3, 1, META}), DISK_DONE);
    OK(BOSS(cap_delete, INNER));
    IS(tw_do(&tw_lib, DISK_READ, ROOT, 1, 0), DISK_DONE);
    OK(tw_tree(TW_TREE, INNER, l));
    OK(BOSS(cap_delete, sub.ring));
    OK(BOSS(cap_delete, sub.frames));
    tw_library(&sub, 1, INNER);
    tw_flush(&sub);
    IS(tw_do(&sub, DISK_WRITE, PART, 1, 0), DISK_ORDER);
    IS(tw_do(&sub, DISK_READ, R, 1, 0), DISK_DONE);
    IS(tw_look(INNER, PART + 3).state, TREE_UNREAD);
    IS(tw_do(&sub, DISK_READ, PART + 3, 1, 0), DISK_DONE);
    IS(tw_do(&sub, DISK_WRITE, PART, 1, 0), DISK_DONE);
}

static void trees_end_with_what_they_stand_on(void **state)
{
    (void)state;
    begin_part();
    OK(BOSS(cap_delete, TW_EXTENT));
    assert_null(cap_find(world.root, TW_TREE, CAP_TREE));
    assert_null(cap_find(world.root, INNER, CAP_TREE));
    REFUSED(ERR_BAD_STATE, world.boss, disk_kick, tw_lib.ring);
    REFUSED(ERR_BAD_STATE, world.boss, disk_kick, sub.ring);
}

static void requests_end_before_their_tree_does(void **state)
{
    (void)state;
    EMPTY(META, ROOT);
    uint32_t slot = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    fake_disk.room = 0; /* nothing is given again */
    OK(BOSS(cap_delete, TW_TREE));
    IS(tw_state(&tw_lib, slot), DISK_FAILED);
    fake_disk.room = 64;
}

static void rights_of_the_trees_capability_count(void **state)
{
    (void)state;
    static struct tw_library reader;

    OK(BOSS(cap_copy, SLOT_ENV, WEAK, TW_TREE, RIGHT_READ, 0, 0));
    tw_library(&reader, 3, WEAK);
    IS(tw_do(&reader, DISK_READ, ROOT, 1, 0), DISK_DONE);
    IS(tw_write(&reader, META, ROOT, 0, NULL), DISK_BAD);
    IS(tw_do(&reader, DISK_FLUSH, 0, 0, 0), DISK_BAD);
    OK(BOSS(cap_copy, SLOT_ENV, OTHER, TW_TREE, RIGHT_GRANT, 0, 0));
    REFUSED(ERR_NO_RIGHT, world.boss, disk_ring_create, OTHER, REGION, PFN_ANY, reader.frames,
            SLOT_NONE, FREE);
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    struct tree *t = tree_at(TW_TREE);

    tw_prepare(META, A);
    IS(WRITE(META, ROOT, {A, 1, META}, {B, 1, 0}), DISK_DONE);
#define BREAKS(change, name)                                                                       \
    do {                                                                                           \
        const struct tree was = *t;                                                                \
        static struct tree_entry table[TW_COUNT];                                                  \
        memcpy(table, t->table, sizeof table);                                                     \
        change;                                                                                    \
        assert_non_null(tree_check(t));                                                            \
        assert_memory_equal(tree_check(t), name, 2);                                               \
        *t = was;                                                                                  \
        memcpy(t->table, table, sizeof table);                                                     \
        assert_null(tree_check(t));                                                                \
    } while (0)
    BREAKS(tree_entry(t, C)->busy = 1, "O1");
    BREAKS(tree_entry(t, C)->owner = 1, "O1");
    BREAKS(tree_entry(t, ROOT)->count = 1, "O2");
    BREAKS(tree_entry(t, B)->owner = 2, "O2");
    BREAKS(tree_entry(t, B)->next = 0, "O2");
    BREAKS((tree_entry(t, B)->count = 1, tree_entry(t, B)->child = 2), "O3");
    BREAKS(tree_entry(t, ROOT)->state = TREE_UNREAD, "O3");
    BREAKS(t->unread = 1, "O5");
    BREAKS(t->typed[META]++, "O5");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, tw_set_up, tw_end)
    const struct CMUnitTest tests[] = {
        T(a_tree_that_is_refused_changes_nothing),
        T(extents_of_trees_are_bounded),
        T(one_tree_has_a_block),
        T(trees_of_extents_are_finite),
        T(templates_are_for_their_hook_and_stay),
        T(templates_are_given_with_their_numbers),
        T(requests_for_one_block_are_finite),
        T(release_and_read_say_why_not),
        T(roots_that_move_are_none),
        T(a_part_that_is_refused_changes_nothing),
        T(parts_keep_to_themselves),
        T(a_part_goes_back_when_its_root_is_gone),
        T(parts_have_parts),
        T(parts_of_roots_that_are_gone_make_room),
        T(what_a_part_had_is_found_again),
        T(trees_end_with_what_they_stand_on),
        T(requests_end_before_their_tree_does),
        T(rights_of_the_trees_capability_count),
        T(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Trees: every rule of who may own which block when, each broken by requests. */
#include "tests/host/tree_world.h"

#include "exo/env/hooks.h"

#include <string.h>

enum { OTHER = 51 };

static void blocks_are_taken_and_left(void **state)
{
    (void)state;
    IS(WRITE(META, ROOT, {A, 2, 0}, {D, 1, 0}), DISK_DONE);
    IS(tw_state_of(A), TREE_NEW);
    IS(tw_owner_of(B), ROOT);
    IS(tw_owner_of(C), TREE_NOBODY);
    IS(tw_look(TW_TREE, ROOT).owns, 3);
    IS(tw_do(&tw_lib, DISK_WRITE, A, 2, 0), DISK_DONE);
    IS(tw_state_of(B), TREE_OWNED);
    IS(tw_do(&tw_lib, DISK_READ, A, 2, 2), DISK_DONE);
    IS(WRITE(META, ROOT, {B, 1, 0}), DISK_DONE);
    IS(tw_state_of(A), TREE_LEFT);
    IS(tw_owner_of(D), TREE_NOBODY);
    IS(tw_owner_of(B), ROOT);
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 0), DISK_BAD);
    tw_flush(&tw_lib);
    IS(tw_state_of(A), TREE_FREE);
}

static void new_blocks_are_written_before_they_are_read(void **state)
{
    (void)state;
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 0), DISK_BAD);
    IS(WRITE(META, ROOT, {A, 2, 0}), DISK_DONE);
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 0), DISK_ORDER);
    IS(tw_do(&tw_lib, DISK_WRITE, A, 1, 0), DISK_DONE);
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 0), DISK_DONE);
    IS(tw_do(&tw_lib, DISK_READ, A, 2, 0), DISK_ORDER); /* the second is still new */
}

static void writes_name_the_type_of_their_blocks(void **state)
{
    (void)state;
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_DONE);
    IS(EMPTY(TW_OTHER, ROOT), DISK_BAD);
    IS(EMPTY(0, ROOT), DISK_BAD); /* as data */
    IS(EMPTY(META, A), DISK_BAD);
    IS(EMPTY(TREE_TYPES, A), DISK_BAD);
    IS(EMPTY(3, B), DISK_MALFORMED); /* no template */
    IS(EMPTY(0xffff, A), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 2, 0), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_OF(DISK_READ, META), ROOT, 1, 0), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_OF(DISK_FLUSH, META), 0, 0, 0), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_WRITE, TW_FIRST + TW_COUNT - 1, 2, 0), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_WRITE, TW_FIRST - 1, 1, 0), DISK_BAD);
    IS(tw_do(&tw_lib, DISK_WRITE, ROOT, 2, 0), DISK_BAD); /* a root among data */
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_DONE);
}

static void malformed_blocks_are_refused(void **state)
{
    (void)state;
    struct tw_meta *m = tw_page(&tw_lib, 0);

    EMPTY(META, ROOT);
    m->magic = 0;
    IS(tw_do(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0), DISK_MALFORMED);
    m->magic = TW_MAGIC;
    m->result = 7;
    IS(tw_do(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0), DISK_MALFORMED);
    IS(WRITE(META, ROOT, {A, 2, 0}, {B, 1, 0}), DISK_MALFORMED);
    IS(WRITE(META, ROOT, {B, 1, 0}, {A, 1, 0}, {B, 1, 0}), DISK_MALFORMED);
    IS(WRITE(META, ROOT, {A, 1, TREE_TYPES}), DISK_MALFORMED);
    IS(WRITE(META, ROOT, {A, 1, 256}), DISK_MALFORMED);
    IS(WRITE(META, ROOT, {A, TREE_SET + 1, 0}), DISK_MALFORMED);
    IS(WRITE(META, ROOT, {A, UINT32_MAX, 0}), DISK_MALFORMED);
    IS(WRITE(META, ROOT, {UINT32_MAX, 1, 0}), DISK_MALFORMED);
    IS(tw_look(TW_TREE, ROOT).owns, 0);
    IS(WRITE(META, ROOT, {C, 1, 0}, {A, 1, 0}, {B, 1, 0}), DISK_DONE); /* in any order */
    IS(tw_look(TW_TREE, ROOT).owns, 3);
}

/* As many runs as there is room for say where they lie, which is not in the extent; one more makes
 * the block malformed. */
static void runs_are_finite(void **state)
{
    (void)state;
    OK(tw_graft_of_runs(TW_GRAFT + 1, TREE_RUNS));
    OK(tw_template(TW_TREE, TW_OTHER, TW_GRAFT + 1));
    IS(EMPTY(TW_OTHER, A), DISK_OWNER);
    OK(tw_graft_of_runs(TW_GRAFT + 2, TREE_RUNS + 1));
    OK(tw_template(TW_TREE, TW_OTHER, TW_GRAFT + 2));
    IS(EMPTY(TW_OTHER, A), DISK_MALFORMED);
}

static void nobody_takes_what_is_not_free(void **state)
{
    (void)state;
    tw_prepare(META, A);
    IS(WRITE(META, ROOT, {A, 1, META}, {B, 1, 0}), DISK_DONE);
    IS(WRITE(META, A, {B, 1, 0}), DISK_OWNER);
    IS(WRITE(META, A, {A, 1, META}), DISK_OWNER); /* itself */
    IS(WRITE(META, A, {ROOT, 1, META}), DISK_OWNER);
    IS(WRITE(META, ROOT, {A, 1, META}, {ROOT, 1, META}, {B, 1, 0}), DISK_OWNER);
    IS(WRITE(META, A, {TW_FIRST - 1, 1, 0}), DISK_OWNER);
    IS(WRITE(META, A, {TW_FIRST + TW_COUNT, 1, 0}), DISK_OWNER);
    IS(WRITE(META, A, {TW_FIRST + TW_COUNT - 1, 2, 0}), DISK_OWNER);
    IS(WRITE(META, A, {0, 1, 0}), DISK_OWNER);
    IS(WRITE(META, ROOT, {A, 1, 0}, {B, 1, 0}), DISK_OWNER); /* of another type now */
    IS(WRITE(META, A, {C, 1, 0}), DISK_DONE);
    IS(WRITE(META, ROOT, {A, 3, 0}), DISK_OWNER);
    IS(WRITE(META, ROOT, {A, 1, META}, {B, 2, 0}), DISK_OWNER);
    IS(tw_owner_of(C), A);
}

static void two_things_at_once_are_one_too_many(void **state)
{
    (void)state;
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_DONE);
    tw_prepare(META, B);
    IS(WRITE(META, B, {C, 1, 0}), DISK_DONE);
    tw_flush(&tw_lib);
    /* one good change, and one that is not: nothing happens */
    IS(WRITE(META, ROOT, {D, 1, 0}, {C, 1, 0}), DISK_OWNER);
    IS(tw_owner_of(A), ROOT);
    IS(tw_owner_of(C), B);
    IS(tw_state_of(D), TREE_FREE);
    IS(tw_image[ROOT][8], A);
}

static void metadata_is_on_the_disk_before_it_is_named(void **state)
{
    (void)state;
    IS(WRITE(META, ROOT, {A, 1, META}), DISK_ORDER); /* not written at all */
    tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), A, 1, 0);
    tw_write(&tw_lib, META, A, 0, NULL);             /* finishes both: the second is refused */
    IS(WRITE(META, ROOT, {A, 1, META}), DISK_ORDER); /* written, and not durable */
    tw_flush(&tw_lib);
    IS(WRITE(META, ROOT, {A, 1, TW_OTHER}), DISK_OWNER); /* as another type */
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_OWNER);
    IS(WRITE(META, ROOT, {A, 1, META}), DISK_DONE);
    IS(tw_owner_of(A), ROOT);
}

static void a_pointer_waits_for_a_write_in_flight(void **state)
{
    (void)state;
    struct tw_meta *m = tw_page(&tw_lib, 0);
    static struct tw_library other;

    tw_library(&other, 3, TW_TREE);
    EMPTY(META, ROOT);
    tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), A, 1, 0); /* still in flight */
    tw_kick(&tw_lib);
    struct tw_meta *n = tw_page(&other, 0);
    *n = *m;
    n->runs[0] = (struct tree_run){A, 1, META};
    uint32_t slot = tw_post(&other, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&other);
    IS(tw_state(&other, slot), DISK_ORDER);
    tw_finish(DISK_RESULT_OK);
}

static void one_write_of_a_block_of_metadata_at_a_time(void **state)
{
    (void)state;
    EMPTY(META, ROOT);
    uint32_t first = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0),
             second = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    IS(tw_state(&tw_lib, first), 0);
    IS(tw_state(&tw_lib, second), DISK_ORDER);
    IS(tw_look(TW_TREE, ROOT).busy, 1);
    tw_finish(DISK_RESULT_OK);
    IS(tw_state(&tw_lib, first), DISK_DONE);
}

static void the_disk_gets_what_was_looked_at(void **state)
{
    (void)state;
    struct tw_meta *m = tw_page(&tw_lib, 0);

    EMPTY(META, ROOT);
    m->runs[0] = (struct tree_run){A, 1, 0};
    tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    m->runs[0].first = TW_FIRST + TW_COUNT; /* after it was looked at */
    tw_finish(DISK_RESULT_OK);
    IS(((const struct tw_meta *)tw_image[ROOT])->runs[0].first, A);
    IS(tw_owner_of(A), ROOT);
}

static void what_is_dropped_is_free_when_that_is_durable(void **state)
{
    (void)state;
    tw_prepare(META, A);
    IS(WRITE(META, ROOT, {A, 1, META}, {B, 1, 0}), DISK_DONE);
    struct tw_meta *m = tw_page(&tw_lib, 0);
    m->runs[1].count = 0;
    tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    IS(tw_look(TW_TREE, B).flags, TREE_LEAVING);
    m->runs[0] = (struct tree_run){B, 1, 0};
    uint32_t slot = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), A, 1, 0);
    tw_kick(&tw_lib);
    IS(tw_state(&tw_lib, slot), DISK_OWNER); /* it is the root's until then */
    tw_finish(DISK_RESULT_OK);
    IS(WRITE(META, A, {B, 1, 0}), DISK_ORDER); /* done, not durable */
    IS(tw_do(&tw_lib, DISK_WRITE, B, 1, 0), DISK_ORDER);
    tw_flush(&tw_lib);
    IS(WRITE(META, A, {B, 1, 0}), DISK_DONE);
    IS(tw_owner_of(B), A);
}

static void a_flush_counts_from_where_it_began(void **state)
{
    (void)state;
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_DONE);
    tw_post(&tw_lib, DISK_FLUSH, 0, 0, 0);
    tw_kick(&tw_lib); /* begins before the write that drops it is done */
    EMPTY(META, ROOT);
    IS(tw_state_of(A), TREE_LEFT);
    tw_post(&tw_lib, DISK_FLUSH, 0, 0, 0);
    tw_kick(&tw_lib);
    tw_finish(DISK_RESULT_ERROR); /* one that fails says nothing */
    IS(tw_state_of(A), TREE_LEFT);
    tw_flush(&tw_lib);
    IS(tw_state_of(A), TREE_FREE);
}

static void without_a_cache_done_is_durable(void **state)
{
    (void)state;
    fake_disk.uncached = true;
    IS(EMPTY(META, A), DISK_DONE);
    IS(WRITE(META, ROOT, {A, 1, META}, {B, 1, 0}), DISK_DONE);
    IS(WRITE(META, ROOT, {A, 1, META}), DISK_DONE);
    IS(tw_state_of(B), TREE_FREE);
    IS(WRITE(META, A, {B, 1, 0}), DISK_DONE);
}

static void metadata_goes_when_it_owns_nothing(void **state)
{
    (void)state;
    tw_prepare(META, A);
    IS(WRITE(META, ROOT, {A, 1, META}), DISK_DONE);
    IS(WRITE(META, A, {B, 1, 0}), DISK_DONE);
    IS(EMPTY(META, ROOT), DISK_ORDER);
    IS(EMPTY(META, A), DISK_DONE);
    IS(EMPTY(META, ROOT), DISK_DONE);
    IS(tw_state_of(A), TREE_LEFT);
}

static void blocks_stay_while_the_disk_is_at_them(void **state)
{
    (void)state;
    static struct tw_library other;

    tw_library(&other, 3, TW_TREE);
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_DONE);
    tw_post(&other, DISK_WRITE, A, 1, 0);
    tw_kick(&other);
    struct tw_meta *m = tw_page(&tw_lib, 0);
    m->runs[0].count = 0;
    uint32_t slot = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    IS(tw_state(&tw_lib, slot), DISK_ORDER);
    tw_finish(DISK_RESULT_OK);
    slot = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    /* and once it leaves nobody reads or writes it */
    uint32_t late = tw_post(&other, DISK_READ, A, 1, 0),
             later = tw_post(&other, DISK_WRITE, A, 1, 0);
    tw_kick(&other);
    IS(tw_state(&other, late), DISK_ORDER);
    IS(tw_state(&other, later), DISK_ORDER);
    tw_finish(DISK_RESULT_OK);
    IS(tw_state(&tw_lib, slot), DISK_DONE);
}

static void loose_blocks_do_not_own_each_other_in_rings(void **state)
{
    (void)state;
    tw_prepare(META, A);
    tw_prepare(META, B);
    IS(WRITE(META, A, {B, 1, META}), DISK_DONE);
    tw_flush(&tw_lib);
    IS(WRITE(META, B, {A, 1, META}), DISK_OWNER);
    tw_prepare(META, C);
    IS(WRITE(META, B, {C, 1, META}), DISK_DONE);
    tw_flush(&tw_lib);
    IS(WRITE(META, C, {A, 1, META}), DISK_OWNER);
    IS(WRITE(META, ROOT, {A, 1, META}), DISK_DONE); /* with all that it owns */
    IS(tw_owner_of(C), B);
}

static void data_may_be_written_first(void **state)
{
    (void)state;
    IS(tw_do(&tw_lib, DISK_WRITE, A, 2, 0), DISK_DONE);
    IS(WRITE(META, ROOT, {A, 2, 0}), DISK_ORDER); /* as metadata is */
    tw_flush(&tw_lib);
    IS(WRITE(META, ROOT, {A, 2, META}), DISK_OWNER);
    IS(WRITE(META, ROOT, {A, 2, 0}), DISK_DONE);
    IS(tw_do(&tw_lib, DISK_READ, A, 2, 0), DISK_DONE);
}

static void a_write_that_fails_leaves_both_possible(void **state)
{
    (void)state;
    IS(WRITE(META, ROOT, {A, 1, 0}, {B, 1, 0}), DISK_DONE);
    struct tw_meta *m = tw_page(&tw_lib, 0);
    m->runs[1].first = C;
    tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    tw_finish(DISK_RESULT_ERROR);
    IS(tw_owner_of(B), ROOT);
    IS(tw_owner_of(C), ROOT);
    IS(tw_state_of(ROOT), TREE_NEW);
    IS(tw_do(&tw_lib, DISK_READ, ROOT, 1, 0), DISK_ORDER);
    IS(tw_do(&tw_lib, DISK_READ, B, 1, 0), DISK_ORDER);
    IS(WRITE(META, ROOT, {B, 1, 0}), DISK_DONE);
    IS(tw_state_of(A), TREE_LEFT);
    IS(tw_owner_of(B), ROOT);
    IS(tw_state_of(C), TREE_LEFT);
}

static void requests_that_were_stopped_are_given_as_they_were(void **state)
{
    (void)state;
    static struct tw_library raw;

    OK(BOSS(cap_copy, SLOT_ENV, OTHER, SLOT_DISK, RW, 0, 4));
    tw_library(&raw, 4, OTHER);
    EMPTY(META, ROOT);
    struct tw_meta *m = tw_page(&tw_lib, 0);
    m->runs[0] = (struct tree_run){A, 1, 0};
    uint32_t slot = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT, 1, 0);
    tw_kick(&tw_lib);
    tw_post(&raw, DISK_READ, 0, 1, 0);
    tw_kick(&raw);
    m->runs[0].first = B;
    ((volatile struct disk_header *)frame_memory(tw_lib.memory))->slots[slot].block = A;
    OK(BOSS(cap_delete, OTHER)); /* stops the disk */
    IS(fake_disk.restarts, 1);
    while (fake_disk.finished < fake_disk.given)
        tw_finish(DISK_RESULT_OK);
    IS(tw_state(&tw_lib, slot), DISK_DONE);
    IS(((const struct tw_meta *)tw_image[ROOT])->runs[0].first, A);
    IS(tw_owner_of(A), ROOT);
}

static void copies_are_waited_for(void **state)
{
    (void)state;
    uint32_t slots[3];

    tw_prepare(META, A);
    tw_prepare(META, B);
    EMPTY(META, ROOT);
    for (uint32_t i = 0; i < 3; i++)
        slots[i] = tw_post(&tw_lib, DISK_OF(DISK_WRITE, META), ROOT + i, 1, 0);
    tw_kick(&tw_lib);
    IS(fake_disk.given - fake_disk.finished, 2);
    while (fake_disk.finished < fake_disk.given)
        tw_finish(DISK_RESULT_OK);
    for (uint32_t i = 0; i < 3; i++)
        IS(tw_state(&tw_lib, slots[i]), DISK_DONE);
}

/* The tree goes, and one that reads what is there comes. */
static int again(void)
{
    struct tree_load l = tw_new_tree();

    l.is_new = 0;
    OK(BOSS(cap_delete, tw_lib.ring));
    OK(BOSS(cap_delete, tw_lib.frames));
    OK(BOSS(cap_delete, TW_TREE));
    int e = tw_tree(TW_EXTENT, TW_TREE, l);
    tw_library(&tw_lib, 0, TW_TREE);
    return e;
}

static void what_was_there_before_is_read_first(void **state)
{
    (void)state;
    tw_prepare(META, A);
    IS(WRITE(META, ROOT, {A, 1, META}, {C, 1, 0}), DISK_DONE);
    IS(WRITE(META, A, {B, 1, 0}), DISK_DONE);
    IS(tw_do(&tw_lib, DISK_WRITE, C, 1, 0), DISK_DONE);
    OK(again());
    tw_flush(&tw_lib);
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 0), DISK_BAD); /* not known yet */
    IS(EMPTY(META, ROOT), DISK_ORDER);
    IS(tw_do(&tw_lib, DISK_READ, ROOT, 2, 0), DISK_ORDER);
    memset(tw_page(&tw_lib, 1), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&tw_lib, DISK_READ, ROOT, 1, 1), DISK_DONE);
    IS(((const struct tw_meta *)tw_page(&tw_lib, 1))->magic, TW_MAGIC);
    IS(tw_state_of(A), TREE_UNREAD);
    IS(tw_state_of(C), TREE_OWNED);
    IS(tw_do(&tw_lib, DISK_READ, C, 1, 0), DISK_DONE);
    IS(EMPTY(META, A), DISK_ORDER);
    IS(EMPTY(META, ROOT), DISK_ORDER);                                     /* A may own something */
    IS(WRITE(META, ROOT, {A, 1, META}, {C, 1, 0}, {D, 1, 0}), DISK_ORDER); /* nothing is free */
    IS(EMPTY(META, D), DISK_ORDER);
    IS(tw_do(&tw_lib, DISK_WRITE, D, 1, 0), DISK_ORDER);
    IS(WRITE(META, ROOT, {A, 1, META}), DISK_DONE); /* less is possible */
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 1), DISK_DONE);
    IS(tw_owner_of(B), A);
    IS(WRITE(META, ROOT, {A, 1, META}, {D, 1, 0}), DISK_DONE);
}

static void an_image_that_owns_a_block_twice_is_not_read(void **state)
{
    (void)state;
    tw_prepare(META, A);
    IS(WRITE(META, ROOT, {A, 1, META}, {B, 1, 0}), DISK_DONE);
    IS(WRITE(META, A, {C, 1, 0}), DISK_DONE);
    ((struct tw_meta *)tw_image[A])->runs[0].first = B; /* by other means */
    OK(again());
    memset(tw_page(&tw_lib, 1), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&tw_lib, DISK_READ, ROOT, 1, 1), DISK_DONE);
    memset(tw_page(&tw_lib, 1), 0, DISK_BLOCK_BYTES);
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 1), DISK_OWNER);
    IS(((const struct tw_meta *)tw_page(&tw_lib, 1))->magic, 0); /* nor handed out */
    IS(tw_state_of(A), TREE_UNREAD);
    ((struct tw_meta *)tw_image[A])->runs[0].first = A;
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 1), DISK_OWNER);
    ((struct tw_meta *)tw_image[A])->runs[0].first = TW_FIRST + TW_COUNT;
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 1), DISK_OWNER);
    ((struct tw_meta *)tw_image[A])->magic = 1;
    IS(tw_do(&tw_lib, DISK_READ, A, 1, 1), DISK_MALFORMED);
    tw_post(&tw_lib, DISK_READ, A, 1, 1);
    tw_kick(&tw_lib);
    tw_finish(DISK_RESULT_ERROR);
    IS(tw_state_of(A), TREE_UNREAD);
}

static void a_new_tree_begins_with_its_root(void **state)
{
    (void)state;
    struct tree_load l = tw_new_tree();

    OK(BOSS(cap_delete, TW_TREE));
    OK(BOSS(cap_delete, tw_lib.frames));
    OK(BOSS(cap_delete, tw_lib.ring));
    OK(tw_tree(TW_EXTENT, TW_TREE, l));
    tw_library(&tw_lib, 0, TW_TREE);
    tw_flush(&tw_lib);
    IS(tw_do(&tw_lib, DISK_READ, ROOT, 1, 0), DISK_ORDER);
    IS(EMPTY(META, A), DISK_ORDER);
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_ORDER);
    IS(EMPTY(META, ROOT), DISK_DONE);
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_ORDER); /* what was before may still be there */
    tw_flush(&tw_lib);
    IS(WRITE(META, ROOT, {A, 1, 0}), DISK_DONE);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, tw_set_up, tw_end)
    const struct CMUnitTest tests[] = {
        T(blocks_are_taken_and_left),
        T(new_blocks_are_written_before_they_are_read),
        T(writes_name_the_type_of_their_blocks),
        T(malformed_blocks_are_refused),
        T(runs_are_finite),
        T(nobody_takes_what_is_not_free),
        T(two_things_at_once_are_one_too_many),
        T(metadata_is_on_the_disk_before_it_is_named),
        T(a_pointer_waits_for_a_write_in_flight),
        T(one_write_of_a_block_of_metadata_at_a_time),
        T(the_disk_gets_what_was_looked_at),
        T(what_is_dropped_is_free_when_that_is_durable),
        T(a_flush_counts_from_where_it_began),
        T(without_a_cache_done_is_durable),
        T(metadata_goes_when_it_owns_nothing),
        T(blocks_stay_while_the_disk_is_at_them),
        T(loose_blocks_do_not_own_each_other_in_rings),
        T(data_may_be_written_first),
        T(a_write_that_fails_leaves_both_possible),
        T(requests_that_were_stopped_are_given_as_they_were),
        T(copies_are_waited_for),
        T(what_was_there_before_is_read_first),
        T(an_image_that_owns_a_block_twice_is_not_read),
        T(a_new_tree_begins_with_its_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

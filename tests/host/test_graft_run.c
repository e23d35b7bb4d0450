/*
 * What helpers do for a graft that runs, with a journal and without, and what is left of a run that
 * is aborted. Functions of C stand for compiled code.
 */
#include "tests/host/graft_asm.h"
#undef CALL
#include "tests/host/graft_kernel.h"

#include "bindings/notification.h"

enum { GRAFT = 40, FRAMES, RINGS, NOTE, TOLD, ARRAY, HASH, LRU, RING, SILENT_FRAMES, SILENT };
#define MINE      5u   /* what a run returns   */
#define OTHERWISE 999u /* and what is taken without one */
#define RAISED    4u
#define ENDED     32u
#define ROOM      2048u

enum helper {
    LOOKUP = 1,
    UPDATE = 2,
    DELETE = 3,
    OUTPUT = 130,
    RESERVE = 131,
    SUBMIT = 132,
    DISCARD = 133,
};
typedef uint64_t helper_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static const struct graft_map_def array = {GRAFT_MAP_ARRAY, 4, 8, 2};
static const struct graft_map_def hash = {GRAFT_MAP_HASH, 4, 8, 4};
static const struct graft_map_def lru = {GRAFT_MAP_LRU_HASH, 4, 8, 2};
static const struct graft_map_def ring = {GRAFT_MAP_RINGBUF, 0, 0, 4096};

static _Alignas(8) uint8_t room[ROOM];
static struct graft *graft;
static int64_t rest;         /* of the fuel, when the body ends */
static void (*body)(void *); /* what runs                       */
static unsigned bodies;      /* how often                       */

static struct graft_jit_result code(uint64_t context, uint64_t base, int64_t fuel)
{
    (void)base, (void)fuel;
    bodies++;
    body((void *)(uintptr_t)context);
    return (struct graft_jit_result){MINE, rest};
}

static struct graft_map *map_at(slot_t slot)
{
    return &((struct map_object *)frame_memory(cap_slot(world.root, slot)->base))->map;
}

static void make_a_map(slot_t slot, const struct graft_map_def *d, slot_t frames, slot_t note)
{
    const struct graft_map_load l = {
        .def = *d, .frames = frames, .notification = note, .bits = RAISED};

    graft_put(GRAFT_LOAD, &l, sizeof l);
    OK(BOSS(graft_map_create, REGION, PFN_ANY, slot, GRAFT_LOAD));
}

static int set_up(void **state)
{
    static const struct insn five[] = {SET(0, MINE), EXIT};

    world_begin(state);
    make_frames(FRAMES, 1);
    make_frames(RINGS, 2);
    make_frames(SILENT_FRAMES, 2);
    OK(BOSS(notification_create, REGION, PFN_ANY, NOTE));
    OK(BOSS(notification_create, REGION, PFN_ANY, TOLD));
    make_a_map(ARRAY, &array, FRAMES, SLOT_NONE);
    make_a_map(HASH, &hash, SLOT_NONE, SLOT_NONE);
    make_a_map(LRU, &lru, SLOT_NONE, SLOT_NONE);
    make_a_map(RING, &ring, RINGS, NOTE);
    make_a_map(SILENT, &ring, SILENT_FRAMES, SLOT_NONE);
    graft_make(GRAFT, five, sizeof five, GRAFT_HOOK_WAKE_UP);
    graft = frame_memory(cap_slot(world.root, GRAFT)->base);
    graft->code = code;
    rest = 0;
    bodies = 0;
    return 0;
}

/* The world knows of no compiled code. */
static int tear_down(void **state)
{
    graft->code = NULL;
    return world_end(state);
}

/* As one whose loops are not proven to end, with so much to note in. */
static void fuelled(uint32_t bytes)
{
    graft->program.fuel = 1000;
    graft->journal = room;
    graft->journal_bytes = bytes;
}

static uint64_t run(void (*what)(void *), void *context)
{
    body = what;
    return graft_run_fully(graft, context, OTHERWISE);
}

static uint64_t help(enum helper number, slot_t map, const void *b, const void *c, uint64_t d)
{
    helper_fn *f = (helper_fn *)(uintptr_t)graft_helper_address(NULL, (int32_t)number);

    return f((uintptr_t)map_at(map), (uintptr_t)b, (uintptr_t)c, d, 0);
}

static void update(slot_t map, uint32_t key, uint64_t value)
{
    assert_int_equal(help(UPDATE, map, &key, &value, GRAFT_MAP_ANY), 0);
}

static uint64_t *lookup(slot_t map, uint32_t key)
{
    return (uint64_t *)(uintptr_t)help(LOOKUP, map, &key, NULL, 0);
}

/* UINT64_MAX: nothing. It is no helper, and leaves no trace. */
static uint64_t held(slot_t map, uint32_t key)
{
    struct graft_map *m = map_at(map);
    uint32_t at;

    for (bool more = graft_map_next(m, NULL, &at); more; more = graft_map_next(m, &at, &at))
        if (at == key)
            return *(const uint64_t *)graft_map_lookup(m, &key, 0);
    return UINT64_MAX;
}

static word_t raised(slot_t slot)
{
    struct notification *n = frame_memory(cap_slot(world.root, slot)->base);
    const word_t bits = n->raised;

    n->raised = 0;
    return bits;
}

/* Of the records that lie there: seen, and skipped or not; or still being written. */
struct told {
    unsigned seen, skipped, busy;
};

static struct told told_by(slot_t frames)
{
    const uint8_t *at = frame_memory(cap_slot(world.root, frames)->base);
    const struct graft_ring *r = (const void *)at;
    struct told t = {0, 0, 0};

    for (uint64_t p = 0; p < r->producer;) {
        uint64_t head;
        memcpy(&head, at + GRAFT_RING_DATA + p % 4096, sizeof head);
        if (head & GRAFT_RING_BUSY)
            t.busy++;
        else if (head & GRAFT_RING_SKIP)
            t.skipped++;
        else
            t.seen++;
        p += GRAFT_RING_HEAD + ((head & GRAFT_RING_LENGTH) + 7) / 8 * 8;
    }
    return t;
}

/* HASH has 1 and 2, LRU is full, ARRAY has something. */
static void fill(void *unused)
{
    (void)unused;
    update(HASH, 1, 11);
    update(HASH, 2, 22);
    update(LRU, 1, 11);
    update(LRU, 2, 22);
    *lookup(ARRAY, 1) = 5;
}

static void change(void *unused)
{
    const uint32_t two = 2, four = 4;

    (void)unused;
    update(HASH, 1, 77);
    update(HASH, 3, 33);
    assert_int_equal(help(DELETE, HASH, &two, NULL, 0), 0);
    assert_int_equal((int64_t)help(DELETE, HASH, &four, NULL, 0), GRAFT_MAP_NO_KEY);
    update(LRU, 3, 33); /* 1 makes room */
    *lookup(ARRAY, 1) = 6;
    assert_null(lookup(HASH, 9));
}

static void expect_filled(void)
{
    assert_true(held(HASH, 1) == 11 && held(HASH, 2) == 22 && held(HASH, 3) == UINT64_MAX);
    assert_true(held(LRU, 1) == 11 && held(LRU, 2) == 22 && held(LRU, 3) == UINT64_MAX);
    assert_int_equal(held(ARRAY, 1), 5);
}

static void expect_changed(void)
{
    assert_true(held(HASH, 1) == 77 && held(HASH, 2) == UINT64_MAX && held(HASH, 3) == 33);
    assert_true(held(LRU, 1) == UINT64_MAX && held(LRU, 2) == 22 && held(LRU, 3) == 33);
    assert_int_equal(held(ARRAY, 1), 6);
}

static void what_a_run_changes_stays(void **state)
{
    (void)state;
    assert_int_equal(run(fill, NULL), MINE);
    expect_filled();
    assert_int_equal(run(change, NULL), MINE);
    expect_changed();
}

static void with_fuel_left_it_stays_too(void **state)
{
    (void)state;
    fuelled(ROOM);
    assert_int_equal(run(fill, NULL), MINE);
    assert_int_equal(run(change, NULL), MINE);
    expect_changed();
    assert_false(graft->is_ended);
}

static void without_fuel_nothing_is_left_of_it(void **state)
{
    (void)state;
    run(fill, NULL);
    graft->tell_bits = ENDED;
    fuelled(ROOM);
    rest = -1;
    assert_int_equal(run(change, NULL), OTHERWISE);
    expect_filled();
    assert_true(graft->is_ended && graft->info->state & OBJECT_ABORTED);
    assert_int_equal(bodies, 2);
    rest = 0;
    assert_int_equal(run(change, NULL), OTHERWISE); /* never again */
    assert_int_equal(bodies, 2);
    assert_int_equal(graft_runs(GRAFT), 2);
}

static void change_hash(void *unused)
{
    uint32_t one = 1;
    uint64_t value = 77;

    (void)unused;
    assert_int_equal((int64_t)help(UPDATE, HASH, &one, &value, 0), GRAFT_MAP_FULL);
    assert_int_equal((int64_t)help(DELETE, HASH, &one, NULL, 0), GRAFT_MAP_FULL);
    assert_null(lookup(HASH, 1));
}

/* There is room to note what is given, not what makes room for it. */
static void displace(void *unused)
{
    const uint32_t three = 3;
    const uint64_t value = 33;

    (void)unused;
    assert_int_equal((int64_t)help(UPDATE, LRU, &three, &value, 0), GRAFT_MAP_FULL);
}

static void what_cannot_be_noted_is_not_done(void **state)
{
    (void)state;
    run(fill, NULL);
    fuelled(8);
    assert_int_equal(run(change_hash, NULL), OTHERWISE);
    expect_filled();
    assert_true(graft->is_ended);
    graft->is_ended = false;
    graft->journal_bytes = 24 + 8; /* that it has none, not the victim's value */
    assert_int_equal(run(displace, NULL), OTHERWISE);
    expect_filled();
}

static void write_records(void *context)
{
    const slot_t to = *(const slot_t *)context;
    const uint64_t value = 7;

    assert_int_equal(help(OUTPUT, to, &value, (void *)8, 0), 0);
    assert_int_equal(help(OUTPUT, to, &value, (void *)8, 0), 0);
    void *a = (void *)(uintptr_t)help(RESERVE, to, (void *)8, NULL, 0);
    void *b = (void *)(uintptr_t)help(RESERVE, to, (void *)8, NULL, 0);
    helper_fn *submit = (helper_fn *)(uintptr_t)graft_helper_address(NULL, SUBMIT);
    helper_fn *discard = (helper_fn *)(uintptr_t)graft_helper_address(NULL, DISCARD);
    submit((uintptr_t)a, 0, 0, 0, 0);
    discard((uintptr_t)b, 0, 0, 0, 0);
    assert_int_equal(raised(NOTE), 0); /* not while it runs */
    if (graft->program.fuel)
        assert_int_equal(told_by(RINGS).seen, 0);
}

static void whoever_reads_records_is_told(void **state)
{
    slot_t to = RING;

    (void)state;
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(run(write_records, &to), MINE);
        assert_int_equal(raised(NOTE), RAISED);
        const struct told t = told_by(RINGS);
        assert_true(t.seen == 3 * i && t.skipped == i && !t.busy);
    }
    to = SILENT;
    assert_int_equal(run(write_records, &to), MINE);
    assert_int_equal(raised(NOTE), 0);
    assert_int_equal(told_by(SILENT_FRAMES).seen, 3);
}

static void records_with_a_journal(void **state)
{
    slot_t to = RING;

    (void)state;
    fuelled(ROOM);
    assert_int_equal(run(write_records, &to), MINE);
    struct told t = told_by(RINGS);
    assert_true(t.seen == 3 && t.skipped == 1 && !t.busy);
    assert_int_equal(raised(NOTE), RAISED);
}

static void write_and_fail(void *context)
{
    const slot_t to = *(const slot_t *)context;
    const uint64_t value = 7;

    assert_int_equal(help(OUTPUT, to, &value, (void *)8, 0), 0);
    assert_int_not_equal(help(RESERVE, to, (void *)8, NULL, 0), 0);
}

static void records_of_an_aborted_run_are_skipped(void **state)
{
    slot_t to = RING;

    (void)state;
    fuelled(ROOM);
    rest = -1;
    assert_int_equal(run(write_and_fail, &to), OTHERWISE);
    const struct told t = told_by(RINGS);
    assert_true(t.seen == 0 && t.skipped == 2 && !t.busy);
}

static void write_in_vain(void *context)
{
    const slot_t to = *(const slot_t *)context;
    const uint64_t value = 7;

    assert_int_equal((int64_t)help(OUTPUT, to, &value, (void *)8, 0), GRAFT_MAP_FULL);
    assert_int_equal(help(RESERVE, to, (void *)8, NULL, 0), 0);
}

static void records_that_cannot_be_noted_are_none(void **state)
{
    slot_t to = RING;

    (void)state;
    fuelled(8);
    assert_int_equal(run(write_in_vain, &to), OTHERWISE);
    const struct told t = told_by(RINGS);
    assert_true(t.seen == 0 && t.busy == 0);
    assert_int_equal(raised(NOTE), 0);
}

static void output_one(void *context)
{
    const uint64_t value = 7;

    assert_int_equal(help(OUTPUT, *(const slot_t *)context, &value, (void *)8, 0), 0);
}

static void reserve_one(void *context)
{
    void *a = (void *)(uintptr_t)help(RESERVE, *(const slot_t *)context, (void *)8, NULL, 0);

    ((helper_fn *)(uintptr_t)graft_helper_address(NULL, SUBMIT))((uintptr_t)a, 0, 0, 0, 0);
}

static void reserve_too_much(void *context)
{
    assert_int_equal(help(RESERVE, *(const slot_t *)context, (void *)8192, NULL, 0), 0);
}

static void each_way_to_write_tells(void **state)
{
    slot_t to = RING;

    (void)state;
    assert_int_equal(run(output_one, &to), MINE);
    assert_int_equal(raised(NOTE), RAISED);
    assert_int_equal(run(reserve_one, &to), MINE);
    assert_int_equal(raised(NOTE), RAISED);
    fuelled(ROOM);
    assert_int_equal(run(reserve_too_much, &to), MINE); /* nothing is noted that is not there */
    assert_int_equal(raised(NOTE), 0);
    rest = -1;
    assert_int_equal(run(reserve_too_much, &to), OTHERWISE); /* nor is that undone */
    assert_int_equal(told_by(RINGS).seen, 2);
}

/* What compiled code leaves for a rest says something with fuel alone. */
static void a_proven_run_has_no_rest(void **state)
{
    (void)state;
    rest = -1;
    assert_int_equal(run(fill, NULL), MINE);
    expect_filled();
}

static void write_without_a_word(void *context)
{
    const slot_t to = *(const slot_t *)context;
    const uint64_t value = 7;

    assert_int_equal(help(OUTPUT, to, &value, (void *)8, GRAFT_RING_NO_WAKE), 0);
    void *a = (void *)(uintptr_t)help(RESERVE, to, (void *)8, (void *)GRAFT_RING_NO_WAKE, 0);
    ((helper_fn *)(uintptr_t)graft_helper_address(NULL, SUBMIT))((uintptr_t)a, 0, 0, 0, 0);
}

static void who_asks_for_it_tells_nobody(void **state)
{
    slot_t to = RING;

    (void)state;
    assert_int_equal(run(write_without_a_word, &to), MINE);
    assert_int_equal(told_by(RINGS).seen, 2);
    assert_int_equal(raised(NOTE), 0);
    body = write_records;
    assert_int_equal(graft_run_quietly(graft, &to, OTHERWISE), MINE);
    assert_int_equal(told_by(RINGS).seen, 5);
    assert_int_equal(run(fill, NULL), MINE);
    assert_int_equal(raised(NOTE), 0); /* nor later */
}

/* What code reaches without a helper was noted before. */
static void write_straight(void *context)
{
    struct graft_packet *p = context;

    *(uint64_t *)graft_map_values(map_at(ARRAY)) = 1234;
    if (p)
        memset((void *)(uintptr_t)p->data, 9, p->length);
}

static void what_is_reached_straight_is_undone(void **state)
{
    uint8_t bytes[64], want[64];
    struct graft_packet p = {
        .data = (uintptr_t)bytes, .data_end = (uintptr_t)bytes + 64, .length = 64};

    (void)state;
    for (uint8_t i = 0; i < sizeof bytes; i++)
        bytes[i] = want[i] = (uint8_t)(i + 1);
    graft->program.map_count = 2;
    graft->map_addresses[0] = (uintptr_t)map_at(HASH); /* which it does not name directly */
    graft->map_addresses[1] = (uintptr_t)map_at(ARRAY);
    graft->direct = 2;
    fuelled(ROOM);
    rest = -1;
    assert_int_equal(run(write_straight, NULL), OTHERWISE);
    assert_int_equal(*(uint64_t *)graft_map_values(map_at(ARRAY)), 0);
    graft->is_ended = false;
    graft->program.hook = GRAFT_HOOK_PACKET_HANDLER;
    assert_int_equal(run(write_straight, &p), OTHERWISE);
    assert_memory_equal(bytes, want, sizeof bytes);
    graft->is_ended = false;
    graft->journal_bytes = 24 + 8 + 8 + 24 + 60; /* not for the packet */
    bodies = 0;
    assert_int_equal(run(write_straight, &p), OTHERWISE);
    assert_int_equal(bodies, 0); /* nor is it begun */
    graft->program.hook = GRAFT_HOOK_WAKE_UP;
    graft->program.map_count = 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_run_changes_stays),
        TEST(with_fuel_left_it_stays_too),
        TEST(without_fuel_nothing_is_left_of_it),
        TEST(what_cannot_be_noted_is_not_done),
        TEST(whoever_reads_records_is_told),
        TEST(records_with_a_journal),
        TEST(records_of_an_aborted_run_are_skipped),
        TEST(records_that_cannot_be_noted_are_none),
        TEST(each_way_to_write_tells),
        TEST(a_proven_run_has_no_rest),
        TEST(who_asks_for_it_tells_nobody),
        TEST(what_is_reached_straight_is_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

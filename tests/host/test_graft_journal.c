/* The journal of a run that may be aborted: what is noted is put back from the end, once, and a
 * full journal says so before anything is lost. */
#include "tests/host/graft_maps.h"

#include "bindings/graft_journal.h"

#define NOTE_BYTES 24u /* of a note, without what follows */

static const struct graft_map_def hash = {GRAFT_MAP_HASH, 4, 8, 4};
static const struct graft_map_def per_cpu = {GRAFT_MAP_PERCPU_ARRAY, 4, 8, 2};
static const struct graft_map_def window = {GRAFT_MAP_WINDOW, 4, 8192, 1};
static const struct graft_map_def ring = {GRAFT_MAP_RINGBUF, 0, 0, 4096};

static _Alignas(8) uint8_t room[1024];

static struct journal journal_of(uint32_t bytes)
{
    memset(room, 0xee, sizeof room);
    return (struct journal){.at = room, .bytes = bytes};
}

static void set(struct fixture *x, uint32_t key, uint64_t value)
{
    assert_int_equal(graft_map_update(&x->map, &key, &value, GRAFT_MAP_ANY, 0), GRAFT_MAP_DONE);
}

/* UINT64_MAX: nothing. */
static uint64_t get(struct fixture *x, uint32_t key, uint32_t cpu)
{
    uint64_t value = UINT64_MAX;
    const void *at = graft_map_lookup(&x->map, &key, cpu);

    if (at)
        memcpy(&value, at, sizeof value);
    return value;
}

static void memory_is_put_back_from_the_end(void **state)
{
    struct journal j = journal_of(sizeof room);
    uint8_t at[13], want[13];

    (void)state;
    for (uint8_t i = 0; i < sizeof at; i++)
        at[i] = want[i] = (uint8_t)(i + 1);
    assert_true(journal_memory(&j, at, sizeof at));
    memset(at, 7, sizeof at);
    assert_true(journal_memory(&j, at + 3, 5)); /* later, and undone before */
    memset(at, 8, sizeof at);
    assert_int_equal(j.used, 2 * NOTE_BYTES + 16 + 8);
    journal_undo(&j);
    assert_memory_equal(at, want, sizeof at);
    assert_int_equal(j.used, 0);
}

static void values_are_put_back(void **state)
{
    struct journal j = journal_of(sizeof room);
    struct fixture x;
    uint32_t one = 1, two = 2;

    (void)state;
    begin(&x, &hash);
    set(&x, 1, 11);
    assert_true(journal_value(&j, &x.map, &one, 0));
    assert_true(journal_value(&j, &x.map, &two, 0));
    const uint32_t used = j.used;
    assert_true(journal_value(&j, &x.map, &two, 0)); /* that it is absent is noted once */
    assert_int_equal(j.used, used);
    set(&x, 1, 77);
    set(&x, 2, 88);
    journal_undo(&j);
    assert_true(get(&x, 1, 0) == 11 && get(&x, 2, 0) == UINT64_MAX);
    assert_true(journal_value(&j, &x.map, &one, 0));
    assert_int_equal(graft_map_delete(&x.map, &one), GRAFT_MAP_DONE);
    journal_undo(&j);
    assert_int_equal(get(&x, 1, 0), 11);
    assert_true(journal_value(&j, &x.map, &one, 0));
    set(&x, 1, 99);
    journal_commit(&j);
    assert_int_equal(j.used, 0);
    journal_undo(&j);
    assert_int_equal(get(&x, 1, 0), 99);
    expect_whole(&x.map);
    end(&x);
}

/* Only what is the same is noted once: the map, the key, the CPU. */
static void the_same_is_noted_once(void **state)
{
    struct journal j = journal_of(sizeof room);
    struct fixture x, y;
    const uint32_t zero = 0, one = 1;

    (void)state;
    begin(&x, &per_cpu);
    begin(&y, &per_cpu);
    const uint32_t step = NOTE_BYTES + 8 + 8;
    for (unsigned n = 0; n < 3; n++) {
        assert_true(journal_value(&j, &x.map, &zero, 0));
        assert_int_equal(j.used, step);
    }
    assert_true(journal_value(&j, &x.map, &one, 0));
    assert_int_equal(j.used, 2 * step);
    assert_true(journal_value(&j, &x.map, &zero, 1));
    assert_int_equal(j.used, 3 * step);
    assert_true(journal_value(&j, &y.map, &zero, 0));
    assert_int_equal(j.used, 4 * step);
    assert_true(journal_value(&j, &x.map, &zero, 0)); /* which is the first of all */
    assert_int_equal(j.used, 4 * step);
    for (unsigned n = 0; n < 4; n++)
        assert_true(journal_memory(&j, room, 0));
    const uint32_t used = j.used;
    assert_true(journal_value(&j, &x.map, &zero, 0)); /* that is the eighth */
    assert_int_equal(j.used, used);
    assert_true(journal_memory(&j, room, 0));
    assert_true(journal_value(&j, &x.map, &zero, 0)); /* too long ago */
    assert_int_equal(j.used, used + NOTE_BYTES + step);
    end(&x);
    end(&y);
}

/* What memory held that looks like a key is none. */
static void memory_is_no_value(void **state)
{
    struct journal j = journal_of(sizeof room);
    struct fixture x;
    uint32_t zero[2] = {0, 0};

    (void)state;
    begin(&x, &per_cpu);
    assert_true(journal_memory(&j, &x.map, 8)); /* whatever the map begins with */
    memcpy(room + NOTE_BYTES, zero, sizeof zero);
    assert_true(journal_value(&j, &x.map, zero, 0));
    assert_int_equal(j.used, 2 * NOTE_BYTES + 8 + 16);
    j.used = 0;
    end(&x);
}

static void of_each_cpu_its_own(void **state)
{
    struct journal j = journal_of(sizeof room);
    struct fixture x;
    const uint32_t zero = 0;
    uint64_t value = 5;

    (void)state;
    begin(&x, &per_cpu);
    assert_true(journal_value(&j, &x.map, &zero, 2));
    graft_map_update(&x.map, &zero, &value, 0, 2);
    graft_map_update(&x.map, &zero, &value, 0, 1);
    journal_undo(&j);
    assert_true(get(&x, 0, 2) == 0 && get(&x, 0, 1) == 5);
    end(&x);
}

/* The owner's memory, which he writes at the same time. */
static void windows_are_not_noted(void **state)
{
    struct journal j = journal_of(64);
    struct fixture x;
    const uint32_t zero = 0;

    (void)state;
    begin(&x, &window);
    assert_true(journal_value(&j, &x.map, &zero, 0));
    assert_int_equal(j.used, 0);
    j.is_full = true;
    assert_false(journal_value(&j, &x.map, &zero, 0));
    end(&x);
}

static void a_full_one_says_so(void **state)
{
    uint8_t at[40];
    struct fixture x;
    const uint32_t one = 1;

    (void)state;
    memset(at, 1, sizeof at);
    struct journal j = journal_of(NOTE_BYTES + sizeof at);
    assert_true(journal_memory(&j, at, sizeof at)); /* just fits */
    memset(at, 2, sizeof at);
    assert_false(journal_memory(&j, at, 0));
    assert_true(j.is_full);
    journal_undo(&j);
    assert_int_equal(at[0], 1);
    assert_false(journal_memory(&j, at, 1)); /* once full, always: something is not noted */
    j = journal_of(NOTE_BYTES + sizeof at - 1);
    assert_false(journal_memory(&j, at, sizeof at));
    assert_int_equal(room[0], 0xee);
    j = journal_of(sizeof at);
    assert_false(journal_memory(&j, at, UINT32_MAX)); /* no sum that wraps */
    begin(&x, &hash);
    j = journal_of(NOTE_BYTES);
    assert_false(journal_value(&j, &x.map, &one, 0));
    j = journal_of(NOTE_BYTES - 1);
    assert_false(journal_record(&j, at, JOURNAL_SUBMIT));
    end(&x);
}

static bool is_skipped(const void *record)
{
    uint64_t head;

    memcpy(&head, (const uint8_t *)record - GRAFT_RING_HEAD, sizeof head);
    assert_false(head & GRAFT_RING_BUSY && head & GRAFT_RING_SKIP);
    return head & GRAFT_RING_SKIP;
}

static bool is_busy(const void *record)
{
    uint64_t head;

    memcpy(&head, (const uint8_t *)record - GRAFT_RING_HEAD, sizeof head);
    return head & GRAFT_RING_BUSY;
}

static void records_are_seen_when_all_is_well(void **state)
{
    struct journal j = journal_of(sizeof room);
    struct fixture x;
    uint64_t looks_like_a_record = 0;

    (void)state;
    begin(&x, &ring);
    void *a = graft_ring_reserve(&x.map, 8), *b = graft_ring_reserve(&x.map, 8);
    assert_true(journal_record(&j, a, JOURNAL_RESERVED) && journal_record(&j, b, JOURNAL_RESERVED));
    void *c = graft_ring_reserve(&x.map, 8); /* which nobody has given back */
    assert_true(journal_record(&j, c, JOURNAL_RESERVED));
    assert_true(journal_memory(&j, &looks_like_a_record, 8));
    assert_true(journal_record(&j, a, JOURNAL_SUBMIT) && journal_record(&j, b, JOURNAL_DISCARD));
    assert_true(is_busy(a) && is_busy(b));
    journal_commit(&j);
    assert_true(!is_busy(a) && !is_busy(b) && is_busy(c));
    assert_true(!is_skipped(a) && is_skipped(b));
    end(&x);
}

static void records_of_an_aborted_run_are_discarded(void **state)
{
    struct journal j = journal_of(sizeof room);
    struct fixture x;

    (void)state;
    begin(&x, &ring);
    void *a = graft_ring_reserve(&x.map, 8), *b = graft_ring_reserve(&x.map, 8);
    void *other = graft_ring_reserve(&x.map, 8);
    assert_true(journal_record(&j, a, JOURNAL_RESERVED) && journal_record(&j, b, JOURNAL_RESERVED));
    assert_true(journal_record(&j, a, JOURNAL_SUBMIT));
    assert_true(journal_record(&j, other, JOURNAL_SUBMIT)); /* by itself it undoes nothing */
    journal_undo(&j);
    assert_true(is_skipped(a) && is_skipped(b));
    assert_true(is_busy(other));
    end(&x);
}

/* Values are none of records, whatever CPU they are of: where a record's head would be is as it
 * was.
 */
static void only_records_are_records(void **state)
{
    struct journal j = journal_of(sizeof room);
    struct {
        uint64_t head;
        struct fixture x;
    } s = {.head = UINT64_MAX};
    const uint32_t one = 1;

    (void)state;
    begin(&s.x, &per_cpu);
    assert_true(journal_value(&j, &s.x.map, &one, JOURNAL_SUBMIT));
    assert_true(journal_value(&j, &s.x.map, &one, JOURNAL_DISCARD));
    journal_commit(&j);
    assert_true(s.head == UINT64_MAX);
    end(&s.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_put_back_from_the_end),
        cmocka_unit_test(values_are_put_back),
        cmocka_unit_test(the_same_is_noted_once),
        cmocka_unit_test(memory_is_no_value),
        cmocka_unit_test(of_each_cpu_its_own),
        cmocka_unit_test(windows_are_not_noted),
        cmocka_unit_test(a_full_one_says_so),
        cmocka_unit_test(records_are_seen_when_all_is_well),
        cmocka_unit_test(records_of_an_aborted_run_are_discarded),
        cmocka_unit_test(only_records_are_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Maps of grafts without keys of their own: arrays and ring buffers, hostile sizes and readers, and
 * definitions that are none. */
#include "tests/host/graft_maps.h"

static void test_array(void **state)
{
    const struct graft_map_def d = {GRAFT_MAP_PERCPU_ARRAY, 4, 12, 5};
    struct fixture x;
    uint8_t value[12];

    (void)state;
    begin(&x, &d);
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        for (uint32_t i = 0; i < 5; i++) {
            memset(value, (int)(cpu * 16 + i), sizeof value);
            assert_int_equal(graft_map_update(&x.map, &i, value, 0, cpu), GRAFT_MAP_DONE);
        }
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        for (uint32_t i = 0; i < 5; i++) {
            const uint8_t *at = graft_map_lookup(&x.map, &i, cpu);
            assert_int_equal((uintptr_t)at % 8, 0);
            assert_int_equal(at[0], cpu * 16 + i);
            assert_int_equal(at[11], cpu * 16 + i);
        }
    const uint32_t none[] = {5, 6, 0x80000000u, 0xffffffffu};
    for (uint32_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_null(graft_map_lookup(&x.map, &none[i], 0));
        assert_int_equal(graft_map_update(&x.map, &none[i], value, 0, 0), GRAFT_MAP_FULL);
    }
    uint32_t index = 0, next;
    assert_int_equal(graft_map_update(&x.map, &index, value, GRAFT_MAP_NEW, 0), GRAFT_MAP_THERE);
    assert_int_equal(graft_map_update(&x.map, &index, value, 3, 0), GRAFT_MAP_BAD);
    assert_int_equal(graft_map_delete(&x.map, &index), GRAFT_MAP_BAD);
    assert_true(graft_map_next(&x.map, NULL, &next));
    assert_int_equal(next, 0);
    index = 4;
    assert_false(graft_map_next(&x.map, &index, &next));
    index = 0xffffffff;
    assert_true(graft_map_next(&x.map, &index, &next));
    assert_int_equal(next, 0);
    end(&x);
}

/* The next record that is whole, as an owner reads it; its length, or 0. */
static uint64_t ring_next(struct graft_map *m, const uint8_t **record)
{
    struct graft_ring *r = (void *)m->shared;

    while (r->consumer != r->producer) {
        uint64_t at = r->consumer & (m->def.entries - 1);
        uint64_t head = *(uint64_t *)(void *)(m->shared + GRAFT_RING_DATA + at);
        if (head & GRAFT_RING_BUSY)
            return 0;
        uint64_t bytes = head & GRAFT_RING_LENGTH;
        *record = m->shared + GRAFT_RING_DATA + at + GRAFT_RING_HEAD;
        r->consumer += GRAFT_RING_HEAD + ((bytes + 7) & ~(uint64_t)7);
        if (!(head & GRAFT_RING_SKIP))
            return bytes;
    }
    return 0;
}

static void test_ring(void **state)
{
    const struct graft_map_def d = {GRAFT_MAP_RINGBUF, 0, 0, 4096};
    struct fixture x;
    uint32_t sent = 0, received = 0, lost = 0;
    uint8_t text[512];

    (void)state;
    begin(&x, &d);
    while (received < 20000) {
        const uint8_t *record;
        uint32_t bytes = 1 + chance(sizeof text);
        if (chance(2) == 0) {
            memset(text, (int)(sent & 0xff), bytes);
            void *held = chance(4) == 0 ? graft_ring_reserve(&x.map, bytes) : NULL;
            if (held) { /* nobody sees what is being written, or was thrown away */
                memset(held, 0xee, bytes);
                graft_ring_discard(held);
            } else if (graft_ring_output(&x.map, text, bytes) == GRAFT_MAP_DONE) {
                sent++;
            } else {
                lost++;
            }
            continue;
        }
        uint64_t got = ring_next(&x.map, &record);
        if (!got)
            continue;
        assert_int_equal(record[0], received & 0xff);
        assert_int_equal(record[got - 1], received & 0xff);
        received++;
    }
    assert_true(lost > 0);
    assert_true(sent >= received);
    end(&x);
}

/* A reader that lies about what it has read, and sizes at the edges (CVE-2021-3489): ASan watches
 * that each record lies in the buffer to its last byte. */
static void test_ring_hostile(void **state)
{
    const struct graft_map_def d = {GRAFT_MAP_RINGBUF, 0, 0, 4096};
    const uint64_t sizes[] = {0,           1,           7,           8,
                              4080,        4081,        4088,        4089,
                              4096,        4097,        0x3fffffff,  0x40000000,
                              0x80000000u, 0xfffffff8u, 0xffffffffu, UINT64_MAX - 7,
                              UINT64_MAX};
    struct fixture x;

    (void)state;
    begin(&x, &d);
    struct graft_ring *r = x.shared;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t bytes = sizes[chance(sizeof sizes / sizeof sizes[0])];
        switch (chance(4)) {
        case 0:
            r->consumer = r->producer;
            break;
        case 1:
            r->consumer = r->producer + chance(9000) - 4500;
            break;
        case 2:
            r->consumer = (uint64_t)chance(0x7fffffff) << 33 | chance(0x7fffffff);
            break;
        default:
            r->producer = chance(0x7fffffff); /* nobody reads it */
        }
        uint8_t *record = graft_ring_reserve(&x.map, bytes);
        if (!record)
            continue;
        assert_true(bytes > 0 && bytes <= 4088);
        assert_true(record >= x.map.shared + GRAFT_RING_DATA + GRAFT_RING_HEAD);
        memset(record, 0xaa, bytes);
        if (chance(2))
            ((uint64_t *)(void *)record)[-1] = UINT64_MAX; /* so does the reader with heads */
        if (chance(2))
            graft_ring_submit(record);
        else
            graft_ring_discard(record);
    }
    end(&x);
}

/* Definitions that are none: each asks for more than it may, or for what makes no sense. */
static void test_measure(void **state)
{
    static const struct graft_map_def bad[] = {
        {0, 4, 8, 1},
        {8, 4, 8, 1},
        {UINT32_MAX, 4, 8, 1},
        {GRAFT_MAP_ARRAY, 4, 8, 0},
        {GRAFT_MAP_ARRAY, 8, 8, 1},
        {GRAFT_MAP_ARRAY, 4, 0, 1},
        {GRAFT_MAP_ARRAY, 4, GRAFT_MAX_MAP_VALUE + 1, 1},
        {GRAFT_MAP_ARRAY, 4, GRAFT_MAX_MAP_VALUE, 17},
        {GRAFT_MAP_ARRAY, 4, UINT32_MAX, UINT32_MAX},
        {GRAFT_MAP_PERCPU_ARRAY, 4, GRAFT_MAX_MAP_VALUE, 16},
        {GRAFT_MAP_HASH, 0, 8, 1},
        {GRAFT_MAP_HASH, 8, 0, 1},
        {GRAFT_MAP_HASH, GRAFT_MAX_KEY + 1, 8, 1},
        {GRAFT_MAP_HASH, 8, 8, GRAFT_MAX_ENTRIES + 1},
        {GRAFT_MAP_HASH, 8, 2048, 1 << 20},
        {GRAFT_MAP_HASH, 8, 2049, 1},
        {GRAFT_MAP_LPM, 8, 2049, 1},
        {GRAFT_MAP_LPM, 4, 8, 1},
        {GRAFT_MAP_LPM, 8, 8, UINT32_MAX},
        {GRAFT_MAP_RINGBUF, 0, 0, 0},
        {GRAFT_MAP_RINGBUF, 0, 0, 2048},
        {GRAFT_MAP_RINGBUF, 0, 0, 4096 + 8},
        {GRAFT_MAP_RINGBUF, 0, 0, 0x80000000u},
        {GRAFT_MAP_RINGBUF, 4, 0, 4096},
        {GRAFT_MAP_RINGBUF, 0, 8, 4096},
        {GRAFT_MAP_WINDOW, 4, 4096, 2},
        {GRAFT_MAP_WINDOW, 4, 4097, 1},
    };
    struct graft_map_room room;

    (void)state;
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (graft_map_measure(&bad[i], CPUS, &room))
            fail_msg("definition %u is measured", i);
    const struct graft_map_def ring = {GRAFT_MAP_RINGBUF, 0, 0, 8192};
    assert_true(graft_map_measure(&ring, CPUS, &room));
    assert_int_equal(room.shared, 4096 + 8192);
    assert_int_equal(room.own, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_ring_hostile),
        cmocka_unit_test(test_measure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

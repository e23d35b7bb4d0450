/* Maps of grafts with keys against a model that searches a list: random operations, then hostile
 * keys. */
#include "tests/host/graft_maps.h"

#define MOST    64u /* entries of a model */
#define KEYS    40u /* different keys     */
#define KEY_MAX 24u

/* What a map with keys should hold; [0] was used last. */
struct model {
    uint8_t key[MOST][KEY_MAX];
    uint64_t value[MOST];
    uint32_t count;
};

static uint32_t model_find(const struct model *w, const uint8_t *key, uint32_t bytes)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (memcmp(w->key[i], key, bytes) == 0)
            return i;
    return w->count;
}

static void model_remove(struct model *w, uint32_t i)
{
    w->count--;
    memmove(w->key[i], w->key[i + 1], (w->count - i) * sizeof w->key[0]);
    memmove(&w->value[i], &w->value[i + 1], (w->count - i) * sizeof w->value[0]);
}

static void model_first(struct model *w, const uint8_t *key, uint64_t value)
{
    memmove(w->key[1], w->key[0], w->count * sizeof w->key[0]);
    memmove(&w->value[1], &w->value[0], w->count * sizeof w->value[0]);
    memcpy(w->key[0], key, KEY_MAX);
    w->value[0] = value;
    w->count++;
}

static enum graft_map_end model_update(struct model *w, const struct graft_map_def *d,
                                       const uint8_t *key, uint64_t value, uint64_t flags)
{
    uint32_t i = model_find(w, key, d->key_bytes);
    bool there = i < w->count;

    if (there && flags == GRAFT_MAP_NEW)
        return GRAFT_MAP_THERE;
    if (!there && flags == GRAFT_MAP_PRESENT)
        return GRAFT_MAP_NO_KEY;
    if (!there && w->count == d->entries && d->type != GRAFT_MAP_LRU_HASH)
        return GRAFT_MAP_FULL;
    if (!there && w->count == d->entries)
        model_remove(w, w->count - 1);
    if (there)
        model_remove(w, i);
    model_first(w, key, value);
    return GRAFT_MAP_DONE;
}

/* Every key of the model comes once when the map is walked. */
static void expect_walk(const struct graft_map *m, const struct model *w)
{
    uint8_t key[KEY_MAX] = {0};
    uint32_t met = 0;

    for (bool more = graft_map_next(m, NULL, key); more; more = graft_map_next(m, key, key), met++)
        assert_true(model_find(w, key, m->def.key_bytes) < w->count);
    assert_int_equal(met, w->count);
}

static void make_key(uint8_t *key, uint32_t bytes, uint32_t number)
{
    memset(key, 0, KEY_MAX);
    for (uint32_t i = 0; i < bytes; i++)
        key[i] = (uint8_t)(number * (i % 3 == 0) + i);
}

static void random_hash(uint32_t type, uint32_t key_bytes, uint32_t entries)
{
    const struct graft_map_def d = {type, key_bytes, 8, entries};
    struct fixture x;
    struct model w = {.count = 0};

    begin(&x, &d);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint8_t key[KEY_MAX];
        uint64_t value = round, flags = chance(3);
        make_key(key, key_bytes, chance(KEYS));
        uint32_t i = model_find(&w, key, key_bytes);
        switch (chance(4)) {
        case 0:
        case 1:
            assert_int_equal(graft_map_update(&x.map, key, &value, flags, 0),
                             model_update(&w, &d, key, value, flags));
            break;
        case 2: {
            const uint64_t *at = graft_map_lookup(&x.map, key, 0);
            assert_int_equal(at != NULL, i < w.count);
            if (!at)
                break;
            uint64_t found = w.value[i];
            assert_int_equal(*at, found);
            model_remove(&w, i);
            model_first(&w, key, found);
            break;
        }
        default:
            assert_int_equal(graft_map_delete(&x.map, key),
                             i < w.count ? GRAFT_MAP_DONE : GRAFT_MAP_NO_KEY);
            if (i < w.count)
                model_remove(&w, i);
        }
        assert_int_equal(x.map.used, w.count);
        if (round % 16 == 0) {
            expect_whole(&x.map);
            expect_walk(&x.map, &w);
        }
    }
    end(&x);
}

static void test_hash(void **state)
{
    (void)state;
    random_hash(GRAFT_MAP_HASH, 4, 30);
    random_hash(GRAFT_MAP_HASH, 13, 30);
    random_hash(GRAFT_MAP_HASH, 24, 1);
    random_hash(GRAFT_MAP_HASH, 8, 64);
}

static void test_lru(void **state)
{
    (void)state;
    random_hash(GRAFT_MAP_LRU_HASH, 4, 30);
    random_hash(GRAFT_MAP_LRU_HASH, 11, 10);
    random_hash(GRAFT_MAP_LRU_HASH, 8, 1);
}

/* Who finds keys of one hash fills one chain and no more, of either kind. */
static void test_chain(void **state)
{
    const struct graft_map_def d = {GRAFT_MAP_HASH, 8, 8, 4096},
                               lru = {GRAFT_MAP_LRU_HASH, 8, 8, 4096};
    struct fixture x, y;
    uint64_t key = 0;
    uint32_t full = 0;

    (void)state;
    begin(&x, &d);
    begin(&y, &lru);
    /* the attacker knows the seed: only keys of chain 0 */
    for (uint64_t tried = 0; full < 8; tried++) {
        struct graft_map one = x.map;
        key = tried;
        uint32_t *heads = (uint32_t *)x.own, before = heads[0];
        enum graft_map_end e = graft_map_update(&x.map, &key, &key, GRAFT_MAP_NEW, 0);
        assert_int_equal(graft_map_update(&y.map, &key, &key, GRAFT_MAP_NEW, 0), GRAFT_MAP_DONE);
        if (e == GRAFT_MAP_FULL)
            full++;
        else if (heads[0] == before)
            assert_int_equal(graft_map_delete(&x.map, &key), GRAFT_MAP_DONE);
        assert_true(x.map.used <= one.used + 1);
    }
    assert_int_equal(x.map.used, MAP_CHAIN_MAX);
    expect_whole(&x.map);
    expect_whole(&y.map);
    end(&x);
    end(&y);
}

/* The key and the value of an update may lie in the entry that makes room. */
static void test_own_memory(void **state)
{
    const struct graft_map_def d = {GRAFT_MAP_LRU_HASH, 8, 16, 1};
    struct fixture x;
    uint64_t key = 5, value[2] = {6, 7};

    (void)state;
    begin(&x, &d);
    assert_int_equal(graft_map_update(&x.map, &key, value, 0, 0), GRAFT_MAP_DONE);
    uint64_t *at = graft_map_lookup(&x.map, &key, 0);
    assert_int_equal(graft_map_update(&x.map, at, at, 0, 0), GRAFT_MAP_DONE);
    assert_null(graft_map_lookup(&x.map, &key, 0));
    key = 6;
    at = graft_map_lookup(&x.map, &key, 0);
    assert_non_null(at);
    assert_int_equal(at[0], 6);
    assert_int_equal(at[1], 7);
    expect_whole(&x.map);
    end(&x);
}

#define LPM_DATA 4u

struct prefix {
    uint32_t bits;
    uint8_t data[LPM_DATA];
};

static bool covers(const struct prefix *p, const uint8_t *data)
{
    for (uint32_t i = 0; i < p->bits; i++)
        if ((p->data[i / 8] ^ data[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

/* The longest of the model's prefixes, no longer than the key, that covers it. */
static const uint64_t *lpm_model(const struct model *w, const struct prefix *key)
{
    const uint64_t *best = NULL;
    uint32_t bits = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        struct prefix p;
        memcpy(&p, w->key[i], sizeof p);
        if (p.bits <= key->bits && (!best || p.bits >= bits) && covers(&p, key->data)) {
            best = &w->value[i];
            bits = p.bits;
        }
    }
    return best;
}

/* Few different bits, so that prefixes share much; bits behind the prefix are noise. */
static struct prefix any_prefix(uint32_t most)
{
    struct prefix p = {.bits = chance(most + 1)};

    for (uint32_t i = 0; i < LPM_DATA; i++)
        p.data[i] = (uint8_t)(chance(4) * 0x55 & 0xf3);
    return p;
}

static struct prefix plain(struct prefix p)
{
    for (uint32_t i = p.bits; i < 8 * LPM_DATA; i++)
        p.data[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    return p;
}

static void lpm_round(struct fixture *x, struct model *w, uint64_t value)
{
    struct prefix asked = any_prefix(8 * LPM_DATA), key = plain(asked);
    uint8_t padded[KEY_MAX] = {0};
    uint64_t flags = chance(3);

    memcpy(padded, &key, sizeof key);
    uint32_t i = model_find(w, padded, sizeof key);
    switch (chance(4)) {
    case 0:
    case 1:
        assert_int_equal(graft_map_update(&x->map, &asked, &value, flags, 0),
                         model_update(w, &x->map.def, padded, value, flags));
        break;
    case 2: {
        const uint64_t *at = graft_map_lookup(&x->map, &asked, 0), *right = lpm_model(w, &asked);
        assert_int_equal(at != NULL, right != NULL);
        if (at)
            assert_int_equal(*at, *right);
        break;
    }
    default:
        assert_int_equal(graft_map_delete(&x->map, &asked),
                         i < w->count ? GRAFT_MAP_DONE : GRAFT_MAP_NO_KEY);
        if (i < w->count)
            model_remove(w, i);
    }
    assert_int_equal(x->map.used, w->count);
    expect_whole(&x->map);
    if (value % 16 == 0)
        expect_walk(&x->map, w);
}

static void test_lpm(void **state)
{
    const struct graft_map_def d = {GRAFT_MAP_LPM, sizeof(struct prefix), 8, 50};
    struct fixture x;
    struct model w = {.count = 0};

    (void)state;
    begin(&x, &d);
    for (uint32_t round = 0; round < ROUNDS; round++)
        lpm_round(&x, &w, round);
    end(&x);
}

/* Walking a tree as deep as keys have bits, and one more (CVE-2024-50262), and lengths that are
 * too long. */
static void test_lpm_hostile(void **state)
{
    const struct graft_map_def d = {GRAFT_MAP_LPM, GRAFT_MAX_KEY, 8, 4096};
    struct fixture x;
    uint8_t key[GRAFT_MAX_KEY], next[GRAFT_MAX_KEY];
    uint32_t most = 8 * (GRAFT_MAX_KEY - 4), met = 0;
    uint64_t value = 1;

    (void)state;
    begin(&x, &d);
    memset(key, 0xff, sizeof key);
    for (uint32_t bits = 0; bits <= most; bits++) {
        memcpy(key, &bits, sizeof bits);
        assert_int_equal(graft_map_update(&x.map, key, &value, 0, 0), GRAFT_MAP_DONE);
    }
    expect_whole(&x.map);
    for (bool more = graft_map_next(&x.map, NULL, next); more;
         more = graft_map_next(&x.map, next, next))
        met++;
    assert_int_equal(met, most + 1);
    const uint32_t wrong[] = {most + 1, most + 8, 0x80000000u, 0xffffffffu};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(key, &wrong[i], sizeof wrong[i]);
        assert_int_equal(graft_map_update(&x.map, key, &value, 0, 0), GRAFT_MAP_BAD);
        assert_int_equal(graft_map_delete(&x.map, key), GRAFT_MAP_NO_KEY);
        assert_null(graft_map_lookup(&x.map, key, 0));
        assert_true(graft_map_next(&x.map, key, next)); /* begins again */
    }
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),  cmocka_unit_test(test_lru),
        cmocka_unit_test(test_chain), cmocka_unit_test(test_own_memory),
        cmocka_unit_test(test_lpm),   cmocka_unit_test(test_lpm_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

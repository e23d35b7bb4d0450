/* Longest prefix match: a tree that branches at the first bit in which keys differ. An entry's
 * `newer` is how many bits its key has; a node that only branches is a MAP_FORK. */
#include "grafts/map_part.h"

#include "exo/base/string.h"

#define PREFIX_BYTES sizeof(uint32_t)

/* A key that is asked for. */
struct asked {
    const uint8_t *data;
    uint32_t bits;
};

static uint32_t most_bits(const struct graft_map *m)
{
    return 8 * (m->def.key_bytes - (uint32_t)PREFIX_BYTES);
}

static bool read_key(const struct graft_map *m, const void *key, struct asked *out)
{
    memcpy(&out->bits, key, PREFIX_BYTES);
    out->data = (const uint8_t *)key + PREFIX_BYTES;
    return out->bits <= most_bits(m);
}

static const uint8_t *data_of(const struct map_entry *e)
{
    return map_entry_key(e) + PREFIX_BYTES;
}

static bool bit(const uint8_t *data, uint32_t n)
{
    return data[n / 8] >> (7 - n % 8) & 1;
}

static uint32_t *child(struct map_entry *e, bool side)
{
    return side ? &e->other : &e->next;
}

/* The first bit from `from` on in which two differ, at most `limit`. */
static uint32_t agree(const uint8_t *a, const uint8_t *b, uint32_t from, uint32_t limit)
{
    for (uint32_t at = from / 8; at * 8 < limit; at++) {
        unsigned differ = (unsigned)(a[at] ^ b[at]);
        if (differ == 0)
            continue;
        uint32_t first = at * 8 + (uint32_t)__builtin_clz(differ) - 24;
        return first < limit ? first : limit;
    }
    return limit;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Where the way to a key ends: at a place for a node, or at a node that is the key's own, longer,
 * or different. */
struct way {
    uint32_t *link;   /* to the node; 0 in it: none there                                */
    uint32_t *parent; /* the link to the node in which `link` lies, or NULL              */
    uint32_t matched; /* bits that node and key have in common                           */
};

static struct way walk(struct graft_map *m, const struct asked *k)
{
    struct way w = {.link = &m->newest};

    while (*w.link) {
        struct map_entry *e = map_entry_at(m, *w.link);
        w.matched = agree(data_of(e), k->data, w.matched, least(e->newer, k->bits));
        if (w.matched < e->newer || e->newer == k->bits)
            break;
        w.parent = w.link;
        w.link = child(e, bit(k->data, e->newer));
    }
    return w;
}

static bool measure_lpm(const struct graft_map_def *d, uint32_t cpus, struct graft_map_room *room)
{
    (void)cpus;
    room->own = 2 * d->entries * map_entry_bytes(d); /* half of them for forks */
    return d->key_bytes > PREFIX_BYTES && d->value_bytes > 0 && d->value_bytes <= GRAFT_MAX_KEPT;
}

static void begin_lpm(struct graft_map *m)
{
    m->entry_stride = (uint32_t)map_entry_bytes(&m->def);
    map_free_all(m);
}

static void *lookup_lpm(struct graft_map *m, const void *key, uint32_t cpu)
{
    struct asked k;
    uint32_t matched = 0;
    struct map_entry *found = NULL;

    (void)cpu;
    if (!read_key(m, key, &k))
        return NULL;
    for (uint32_t n = m->newest; n;) {
        struct map_entry *e = map_entry_at(m, n);
        matched = agree(data_of(e), k.data, matched, least(e->newer, k.bits));
        if (matched < e->newer)
            break;
        if (e->state == MAP_USED)
            found = e;
        if (e->newer == k.bits)
            break;
        n = *child(e, bit(k.data, e->newer));
    }
    return found ? map_entry_value(m, found) : NULL;
}

/* Bits behind the prefix are 0, so that equal keys are equal bytes. */
static void store_key(struct graft_map *m, struct map_entry *e, const struct asked *k)
{
    uint8_t *to = map_entry_key(e);
    uint32_t bytes = (k->bits + 7) / 8, rest = k->bits % 8;

    memset(to, 0, m->def.key_bytes);
    memcpy(to, &k->bits, PREFIX_BYTES);
    memcpy(to + PREFIX_BYTES, k->data, bytes);
    if (rest)
        to[PREFIX_BYTES + bytes - 1] &= (uint8_t)(0xff << (8 - rest));
    e->newer = k->bits;
}

/* Puts a new entry at the way's end. Pre: that is not the key's own node, and there is room. */
static struct map_entry *add(struct graft_map *m, const struct asked *k, const struct way *w)
{
    uint32_t below = *w->link, number = map_take(m, MAP_USED);
    struct map_entry *e = map_entry_at(m, number);

    store_key(m, e, k);
    if (!below) {
        *w->link = number;
        return e;
    }
    struct map_entry *b = map_entry_at(m, below);
    if (w->matched == k->bits) {
        *child(e, bit(data_of(b), k->bits)) = below;
        *w->link = number;
        return e;
    }
    uint32_t fork = map_take(m, MAP_FORK);
    struct map_entry *f = map_entry_at(m, fork);
    struct asked common = {k->data, w->matched};
    bool side = bit(k->data, w->matched);
    store_key(m, f, &common);
    *child(f, side) = number;
    *child(f, !side) = below;
    *w->link = fork;
    return e;
}

static enum graft_map_end update_lpm(struct graft_map *m, const void *key, const void *value,
                                     uint64_t flags, uint32_t cpu)
{
    struct asked k;

    (void)cpu;
    if (!read_key(m, key, &k))
        return GRAFT_MAP_BAD;
    struct way w = walk(m, &k);
    struct map_entry *e = *w.link ? map_entry_at(m, *w.link) : NULL;
    bool own = e && e->newer == k.bits && w.matched == k.bits;
    bool there = own && e->state == MAP_USED;
    if (there && flags == GRAFT_MAP_NEW)
        return GRAFT_MAP_THERE;
    if (!there && flags == GRAFT_MAP_PRESENT)
        return GRAFT_MAP_NO_KEY;
    if (!there && m->used == m->def.entries)
        return GRAFT_MAP_FULL;
    if (!own)
        e = add(m, &k, &w);
    if (own && !there) {
        e->state = MAP_USED;
        m->used++;
    }
    memmove(map_entry_value(m, e), value, m->def.value_bytes);
    return GRAFT_MAP_DONE;
}

static enum graft_map_end remove_lpm(struct graft_map *m, const void *key)
{
    struct asked k;

    if (!read_key(m, key, &k))
        return GRAFT_MAP_NO_KEY;
    struct way w = walk(m, &k);
    uint32_t number = *w.link;
    struct map_entry *e = number ? map_entry_at(m, number) : NULL;
    if (!e || e->newer != k.bits || w.matched != k.bits || e->state != MAP_USED)
        return GRAFT_MAP_NO_KEY;
    if (e->next && e->other) {
        e->state = MAP_FORK;
        m->used--;
        return GRAFT_MAP_DONE;
    }
    *w.link = e->next ? e->next : e->other;
    map_give(m, number);
    if (*w.link || !w.parent)
        return GRAFT_MAP_DONE;
    uint32_t above = *w.parent;
    const struct map_entry *p = map_entry_at(m, above);
    if (p->state == MAP_FORK) {
        *w.parent = p->next ? p->next : p->other;
        map_give(m, above);
    }
    return GRAFT_MAP_DONE;
}

static uint32_t find_lpm(const struct graft_map *m, const void *key)
{
    struct asked k;
    struct graft_map view = *m; /* the way leads through links that could be changed */

    if (!read_key(m, key, &k))
        return 0;
    struct way w = walk(&view, &k);
    const struct map_entry *e = *w.link ? map_entry_at(m, *w.link) : NULL;
    bool own = e && e->newer == k.bits && w.matched == k.bits && e->state == MAP_USED;
    return own ? *w.link : 0;
}

static const char *check_child(const struct graft_map *m, const struct map_entry *e, bool side)
{
    uint32_t n = side ? e->other : e->next;
    const struct map_entry *c = n ? map_entry_at(m, n) : NULL;

    if (!c)
        return e->state == MAP_FORK ? "M4: a fork has one way" : NULL;
    if (c->state == MAP_FREE || c->newer <= e->newer)
        return "M4: a node is below one with as many bits";
    if (agree(data_of(c), data_of(e), 0, e->newer) != e->newer || bit(data_of(c), e->newer) != side)
        return "M4: a node disagrees with the one above";
    return NULL;
}

static const char *check_lpm(const struct graft_map *m)
{
    uint32_t nodes = 0, below = 0, used = 0;
    const char *broken = NULL;

    for (uint32_t n = 1; !broken && n <= map_entry_count(m); n++) {
        const struct map_entry *e = map_entry_at(m, n);
        if (e->state == MAP_FREE)
            continue;
        nodes++;
        used += e->state == MAP_USED ? 1u : 0u;
        below += (e->next ? 1u : 0u) + (e->other ? 1u : 0u);
        broken = check_child(m, e, false);
        if (!broken)
            broken = check_child(m, e, true);
    }
    if (!broken && below + (m->newest != 0) != nodes)
        broken = "M4: a node is in the tree twice, or not at all";
    return broken ? broken : used == m->used ? NULL : "M5: the entries are miscounted";
}

const struct map_kind map_lpm_kind = {.measure = measure_lpm,
                                      .begin = begin_lpm,
                                      .lookup = lookup_lpm,
                                      .update = update_lpm,
                                      .remove = remove_lpm,
                                      .find = find_lpm,
                                      .check = check_lpm};

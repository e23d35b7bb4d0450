/* Hash maps: chains of entries, and the order in which they were used. Chains are short by force:
 * who finds keys of one hash fills one chain, and harms nobody's time. */
#include "grafts/map_part.h"

#include "exo/base/string.h"

#define MULTIPLIER 0x9e3779b97f4a7c15u

static uint32_t bucket_count(uint32_t entries)
{
    uint32_t n = 1;

    while (n < entries)
        n *= 2;
    return n;
}

static bool measure_hash(const struct graft_map_def *d, uint32_t cpus, struct graft_map_room *room)
{
    (void)cpus;
    room->own = map_round((uint64_t)bucket_count(d->entries) * sizeof(uint32_t), 8) +
                d->entries * map_entry_bytes(d);
    return d->key_bytes > 0 && d->value_bytes > 0 && d->value_bytes <= GRAFT_MAX_KEPT;
}

static void begin_hash(struct graft_map *m)
{
    m->buckets = bucket_count(m->def.entries);
    m->entry_stride = (uint32_t)map_entry_bytes(&m->def);
    map_free_all(m);
}

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * MULTIPLIER;
    return h ^ h >> 29;
}

static uint32_t *head_of(const struct graft_map *m, const uint8_t *key)
{
    uint64_t h = m->seed;
    uint32_t at = 0;

    for (; at + 8 <= m->def.key_bytes; at += 8) {
        uint64_t word;
        memcpy(&word, key + at, sizeof word);
        h = mix(h, word);
    }
    for (; at < m->def.key_bytes; at++)
        h = mix(h, key[at]);
    uint32_t *heads = (uint32_t *)(void *)m->own;
    return &heads[mix(h, 0) >> 32 & (m->buckets - 1)];
}

/* The entry of a key in the chain that begins at `head`, or 0. */
static uint32_t find_in(const struct graft_map *m, const uint32_t *head, const void *key)
{
    for (uint32_t n = *head; n; n = map_entry_at(m, n)->next)
        if (memcmp(map_entry_key(map_entry_at(m, n)), key, m->def.key_bytes) == 0)
            return n;
    return 0;
}

static uint32_t find_hash(const struct graft_map *m, const void *key)
{
    return find_in(m, head_of(m, key), key);
}

/* The order of use: `other` leads to older ones. */
static void order_remove(struct graft_map *m, uint32_t number)
{
    const struct map_entry *e = map_entry_at(m, number);

    *(e->newer ? &map_entry_at(m, e->newer)->other : &m->newest) = e->other;
    *(e->other ? &map_entry_at(m, e->other)->newer : &m->oldest) = e->newer;
}

static void order_first(struct graft_map *m, uint32_t number)
{
    struct map_entry *e = map_entry_at(m, number);

    e->newer = 0;
    e->other = m->newest;
    *(m->newest ? &map_entry_at(m, m->newest)->newer : &m->oldest) = number;
    m->newest = number;
}

static void touch(struct graft_map *m, uint32_t number)
{
    if (m->def.type != GRAFT_MAP_LRU_HASH || m->newest == number)
        return;
    order_remove(m, number);
    order_first(m, number);
}

static void *peek_hash(struct graft_map *m, const void *key, uint32_t cpu)
{
    uint32_t n = find_hash(m, key);

    (void)cpu;
    if (!n)
        return NULL;
    return map_entry_value(m, map_entry_at(m, n));
}

static void *lookup_hash(struct graft_map *m, const void *key, uint32_t cpu)
{
    uint32_t n = find_hash(m, key);

    (void)cpu;
    if (!n)
        return NULL;
    touch(m, n);
    return map_entry_value(m, map_entry_at(m, n));
}

static void drop(struct graft_map *m, uint32_t *head, uint32_t number)
{
    while (*head != number)
        head = &map_entry_at(m, *head)->next;
    *head = map_entry_at(m, number)->next;
    order_remove(m, number);
    map_give(m, number);
}

/* Entries in a chain, and the last of them: new ones begin chains, so it is the oldest made. */
static uint32_t chain_length(const struct graft_map *m, const uint32_t *head, uint32_t *last)
{
    uint32_t count = 0;

    for (uint32_t n = *head; n; n = map_entry_at(m, n)->next, count++)
        *last = n;
    return count;
}

/* The entry that a new one in the chain at `head` displaces: of the same chain if that is full,
 * else the one that was not used for longest. 0: there is room. */
static uint32_t displaced(const struct graft_map *m, const uint32_t *head)
{
    uint32_t last = 0;

    if (chain_length(m, head, &last) >= MAP_CHAIN_MAX)
        return last;
    return m->free ? 0 : m->oldest;
}

bool graft_map_displaces(const struct graft_map *m, const void *key, void *victim)
{
    if (m->def.type != GRAFT_MAP_LRU_HASH || find_hash(m, key))
        return false;
    uint32_t n = displaced(m, head_of(m, key));
    if (n)
        memcpy(victim, map_entry_key(map_entry_at(m, n)), m->def.key_bytes);
    return n != 0;
}

/* Has a new entry room, or does one of an LRU_HASH make some? */
static bool make_room(struct graft_map *m, const uint32_t *head)
{
    uint32_t victim = displaced(m, head);

    if (victim && m->def.type != GRAFT_MAP_LRU_HASH)
        return false;
    if (victim)
        drop(m, head_of(m, map_entry_key(map_entry_at(m, victim))), victim);
    return true;
}

/* Key and value may lie in the entry that made room: the key is copied while its value is whole. */
static enum graft_map_end update_hash(struct graft_map *m, const void *key, const void *value,
                                      uint64_t flags, uint32_t cpu)
{
    uint32_t *head = head_of(m, key), n = find_in(m, head, key);

    (void)cpu;
    if (n && flags == GRAFT_MAP_NEW)
        return GRAFT_MAP_THERE;
    if (!n && flags == GRAFT_MAP_PRESENT)
        return GRAFT_MAP_NO_KEY;
    if (n) {
        touch(m, n);
    } else {
        if (!make_room(m, head))
            return GRAFT_MAP_FULL;
        n = map_take(m, MAP_USED);
        struct map_entry *e = map_entry_at(m, n);
        memmove(map_entry_key(e), key, m->def.key_bytes);
        e->next = *head;
        *head = n;
        order_first(m, n);
    }
    memmove(map_entry_value(m, map_entry_at(m, n)), value, m->def.value_bytes);
    return GRAFT_MAP_DONE;
}

static enum graft_map_end remove_hash(struct graft_map *m, const void *key)
{
    uint32_t *head = head_of(m, key), n = find_in(m, head, key);

    if (!n)
        return GRAFT_MAP_NO_KEY;
    drop(m, head, n);
    return GRAFT_MAP_DONE;
}

static const char *check_order(const struct graft_map *m)
{
    uint32_t count = 0, newer = 0;

    for (uint32_t n = m->newest; n; newer = n, n = map_entry_at(m, n)->other)
        if (map_entry_at(m, n)->newer != newer || map_entry_at(m, n)->state != MAP_USED ||
            ++count > m->def.entries)
            return "M3: the order of use is broken";
    if (m->oldest != newer || count != m->used)
        return "M3: the order of use misses an entry";
    return NULL;
}

static const char *check_hash(const struct graft_map *m)
{
    const uint32_t *heads = (const uint32_t *)(const void *)m->own;
    uint32_t used = 0, unused = 0;

    for (uint32_t b = 0; b < m->buckets; b++) {
        uint32_t length = 0;
        for (uint32_t n = heads[b]; n; n = map_entry_at(m, n)->next, used++) {
            const struct map_entry *e = map_entry_at(m, n);
            if (++length > MAP_CHAIN_MAX)
                return "M2: a chain is too long";
            if (e->state != MAP_USED || head_of(m, map_entry_key(e)) != &heads[b])
                return "M1: an entry is in another's chain";
        }
    }
    for (uint32_t n = m->free; n && unused <= m->def.entries; n = map_entry_at(m, n)->next)
        unused++;
    if (used + unused != m->def.entries)
        return "M1: an entry is neither used nor free, or both";
    if (used != m->used)
        return "M5: the entries are miscounted";
    return check_order(m);
}

const struct map_kind map_hash_kind = {.measure = measure_hash,
                                       .begin = begin_hash,
                                       .lookup = lookup_hash,
                                       .peek = peek_hash,
                                       .update = update_hash,
                                       .remove = remove_hash,
                                       .find = find_hash,
                                       .check = check_hash};
const struct map_kind map_lru_kind = {.measure = measure_hash,
                                      .begin = begin_hash,
                                      .lookup = lookup_hash,
                                      .peek = peek_hash,
                                      .update = update_hash,
                                      .remove = remove_hash,
                                      .find = find_hash,
                                      .check = check_hash};

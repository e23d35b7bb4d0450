/*
 * Keys bound to the card, in the order of the rule: most specific first, of equals the earlier
 * bound. Those with the same mask are a group, and in each those of one hash a bucket, in the order
 * of binding. Who searches looks at one bucket of each group: the time does not grow with the
 * number of keys that ask for the same fields.
 */
#include "bindings/ring.h"

#include "bindings/node.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"

#define BUCKETS    RING_KEYS_ALL
#define BUCKET_MAX 128u /* keys of one hash */
#define MULTIPLIER 0x9e3779b97f4a7c15u
_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a power of 2");
_Static_assert(BUCKET_MAX >= RINGS_MAX, "each ring may have one and the same key");

struct words {
    uint64_t w[2];
};
_Static_assert(sizeof(struct words) == sizeof(struct ring_flow), "all fields are in the words");

struct key_group {
    struct list link; /* of those in use, most specific first */
    struct list keys; /* its own */
    struct words mask;
    uint64_t number; /* of the group, in the hash */
    uint32_t bits;
    uint32_t count; /* keys; 0: it is not in use */
};

static struct list groups = {&groups, &groups};
static struct key_group group_table[RING_KEYS_MASKS];
static struct list buckets[BUCKETS]; /* lists without `next` are empty, too */
static uint32_t bound_count;
static uint64_t last_serial;

static struct words words_of(const struct ring_flow *f)
{
    struct words to;

    memcpy(&to, f, sizeof to);
    return to;
}

static bool is_same(struct words a, struct words b)
{
    return a.w[0] == b.w[0] && a.w[1] == b.w[1];
}

static struct words masked(struct words value, struct words mask)
{
    return (struct words){{value.w[0] & mask.w[0], value.w[1] & mask.w[1]}};
}

static struct key_group *group_at(struct list *l)
{
    return LIST_ITEM(l, struct key_group, link);
}

static struct ring_bound *in_bucket(struct list *l)
{
    return LIST_ITEM(l, struct ring_bound, same);
}

/* Groups' numbers and not masks go into the hash, so it holds while the group is in use. */
static struct list *bucket_of(const struct key_group *g, struct words value)
{
    uint64_t h = (value.w[0] + g->number) * MULTIPLIER;
    struct list *l = &buckets[((h ^ h >> 32 ^ value.w[1]) * MULTIPLIER) >> 32 & (BUCKETS - 1)];

    if (!l->next)
        list_init(l);
    return l;
}

/* The group of a mask that is in use, or NULL. */
static struct key_group *group_find(struct words mask)
{
    for (struct list *l = groups.next; l != &groups; l = l->next)
        if (is_same(group_at(l)->mask, mask))
            return group_at(l);
    return NULL;
}

static struct key_group *group_spare(void)
{
    for (struct key_group *g = group_table; g < group_table + RING_KEYS_MASKS; g++)
        if (!g->count)
            return g;
    return NULL;
}

static struct key_group *group_make(struct words mask, uint32_t bits)
{
    struct key_group *g = group_spare();
    struct list *place = groups.next;

    ASSERT(g);
    while (place != &groups && group_at(place)->bits >= bits)
        place = place->next;
    g->mask = mask;
    g->bits = bits;
    g->number = (uint64_t)(g - group_table);
    list_init(&g->keys);
    list_insert(place, &g->link);
    return g;
}

void ring_bind_key(struct ring_bound *b, struct ring *r, const struct ring_key *key)
{
    const struct words mask = words_of(&key->mask);
    struct key_group *g = group_find(mask);

    *b = (struct ring_bound){
        .ring = r, .key = *key, .bits = (uint8_t)key_bits(key), .serial = ++last_serial};
    b->group = g ? g : group_make(mask, b->bits);
    b->group->count++;
    bound_count++;
    list_insert(&b->group->keys, &b->link);
    list_insert(bucket_of(b->group, words_of(&b->key.value)), &b->same);
}

void ring_unbind_key(struct ring_bound *b)
{
    list_remove(&b->link);
    list_remove(&b->same);
    bound_count--;
    if (--b->group->count == 0)
        list_remove(&b->group->link);
}

void ring_set_keys(struct ring *r, const struct ring_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < r->key_count; i++)
        ring_unbind_key(&r->keys[i]);
    for (uint32_t i = 0; i < count; i++)
        ring_bind_key(&r->keys[i], r, &keys[i]);
    r->key_count = count;
    ring_publish(r);
}

/* Does the bucket of a key, if its group is there, have room for `count` more? */
static bool bucket_fits(const struct ring_key *k, uint32_t count)
{
    const struct key_group *g = group_find(words_of(&k->mask));
    const struct list *head = g ? bucket_of(g, words_of(&k->value)) : NULL;

    for (const struct list *l = head ? head->next : NULL; l != head; l = l->next)
        count++;
    return count <= BUCKET_MAX;
}

static bool mask_is_new(const struct ring_key *keys, uint32_t i)
{
    const struct words mask = words_of(&keys[i].mask);

    for (uint32_t k = 0; k < i; k++)
        if (is_same(words_of(&keys[k].mask), mask))
            return false;
    return !group_find(mask);
}

/* What will share a bucket with a group that is made only then is not looked at: there are at most
 * so many that are set at once. */
bool ring_keys_fit(const struct ring_key *keys, uint32_t count)
{
    uint32_t fresh = 0, spare = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (!bucket_fits(&keys[i], count))
            return false;
        fresh += mask_is_new(keys, i);
    }
    for (uint32_t i = 0; i < RING_KEYS_MASKS; i++)
        spare += !group_table[i].count;
    return fresh <= spare && bound_count + count <= RING_KEYS_ALL;
}

static bool may_lose(const struct ring_bound *b, const struct ring *to)
{
    return b->ring == to || b->key.flags & RING_KEY_YIELD;
}

/* Of equals the earlier wins, so that only a more specific key takes anything from another. Where
 * the key has all bits of a group's mask, it can only meet those that have its value. */
static bool steals(const struct ring *r, const struct ring_key *k, const struct key_group *g)
{
    const struct words mask = words_of(&k->mask), value = masked(words_of(&k->value), g->mask);

    if (!is_same(masked(mask, g->mask), g->mask)) {
        for (struct list *l = g->keys.next; l != &g->keys; l = l->next) {
            const struct ring_bound *b = LIST_ITEM(l, struct ring_bound, link);
            if (!may_lose(b, r) && key_overlaps(k, &b->key))
                return true;
        }
        return false;
    }
    struct list *head = bucket_of(g, value);
    for (struct list *l = head->next; l != head; l = l->next) {
        const struct ring_bound *b = in_bucket(l);
        if (b->group == g && is_same(words_of(&b->key.value), value) && !may_lose(b, r))
            return true;
    }
    return false;
}

bool ring_keys_steal(const struct ring *r, const struct ring_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const unsigned bits = key_bits(&keys[i]);
        for (struct list *l = groups.next; l != &groups; l = l->next)
            if (bits > group_at(l)->bits && steals(r, &keys[i], group_at(l)))
                return true;
    }
    return false;
}

/* The first key of a group that matches, of those bound after number `serial`; 0: of all. */
static inline struct ring_bound *first_in(const struct key_group *g, uint64_t serial,
                                          const struct flow *f)
{
    const struct words has = words_of(&f->has), value = masked(words_of(&f->value), g->mask);

    if ((g->mask.w[0] & ~has.w[0]) || (g->mask.w[1] & ~has.w[1]))
        return NULL;
    struct list *head = bucket_of(g, value);
    for (struct list *l = head->next; l != head; l = l->next) {
        struct ring_bound *b = in_bucket(l);
        if (b->group == g && is_same(words_of(&b->key.value), value) &&
            (!serial || b->serial > serial))
            return b;
    }
    return NULL;
}

/* Of groups of equally many bits the earlier bound key is looked for, which is the general case. */
struct ring_bound *ring_bound_first(const struct flow *f)
{
    for (struct list *l = groups.next; l != &groups; l = l->next) {
        const struct key_group *g = group_at(l);
        struct ring_bound *b = first_in(g, 0, f);
        if (b)
            return l->next == &groups || group_at(l->next)->bits < g->bits
                       ? b
                       : ring_bound_next(NULL, f);
    }
    return NULL;
}

struct ring_bound *ring_bound_next(const struct ring_bound *last, const struct flow *f)
{
    const uint32_t bits = last ? last->bits : UINT32_MAX;
    const uint64_t serial = last ? last->serial : 0;
    struct ring_bound *best = NULL;
    uint32_t least = 0;

    for (struct list *l = groups.next; l != &groups; l = l->next) {
        const struct key_group *g = group_at(l);
        if (g->bits < least)
            break;
        if (g->bits > bits)
            continue;
        struct ring_bound *b = first_in(g, g->bits == bits ? serial : 0, f);
        if (b && (!best || b->serial < best->serial)) {
            best = b;
            least = g->bits;
        }
    }
    return best;
}

bool ring_may_send(const struct ring *r, const struct flow *f)
{
    const struct ring_bound *b = ring_bound_first(f);

    for (unsigned i = 0; b && i < RING_KEYS_SHOWN; i++, b = ring_bound_next(b, f)) {
        if (b->ring == r)
            return true;
        if (!(b->key.flags & RING_KEY_COPY))
            return false;
    }
    return false;
}

const char *ring_bound_check(const struct ring_bound *b)
{
    const struct list *next = b->group->link.next;

    if (next != &groups && LIST_ITEM(next, const struct key_group, link)->bits > b->group->bits)
        return "G4: a group of keys is behind a less specific one";
    return is_same(b->group->mask, words_of(&b->key.mask)) && b->bits == b->group->bits
               ? NULL
               : "G4: a key is in another mask's group";
}

const char *ring_keys_check(const struct ring *r)
{
    const char *broken = NULL;

    for (uint32_t i = 0; !broken && i < r->key_count; i++)
        broken = ring_bound_check(&r->keys[i]);
    return broken;
}

void ring_set_filter(struct ring *r, struct cap *graft)
{
    if (r->filter.parent)
        node_unlink(&r->filter);
    r->filter_lost = false;
    if (graft)
        node_link(&graft->node, &r->filter);
    ring_publish(r);
}

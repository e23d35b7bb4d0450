/*
 * Keys bound to the card: one list in the order of the rule, most specific first, of equals the
 * earlier bound. Who searches looks at groups of keys with the same mask, and in each at those of
 * one hash: the time does not grow with the number of keys that ask for the same fields.
 */
#include "bindings/ring.h"

#include "exo/base/assert.h"
#include "exo/base/string.h"

#define KEYS_MAX   (RINGS_MAX * RING_KEYS)
#define BUCKETS    (2 * KEYS_MAX)
#define MULTIPLIER 0x9e3779b97f4a7c15u
_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a power of 2");

struct words {
    uint64_t w[2];
};
_Static_assert(sizeof(struct words) == sizeof(struct ring_flow), "all fields are in the words");

struct key_group {
    struct list link; /* of those in use, most specific first */
    struct words mask;
    uint32_t bits;
    uint32_t count; /* keys; 0: it is not in use */
};

static struct list bound = {&bound, &bound};
static struct list groups = {&groups, &groups};
static struct key_group group_table[KEYS_MAX];
static struct list buckets[BUCKETS]; /* lists without `next` are empty, too */
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

static struct list *bucket_of(const struct key_group *g, struct words value)
{
    uint64_t h = (value.w[0] + (uint64_t)(g - group_table)) * MULTIPLIER;
    struct list *l = &buckets[((h ^ h >> 32 ^ value.w[1]) * MULTIPLIER) >> 32 & (BUCKETS - 1)];

    if (!l->next)
        list_init(l);
    return l;
}

/* The group of a mask, made if there is none. */
static struct key_group *group_of(struct words mask, uint32_t bits)
{
    struct list *place = &groups;
    struct key_group *g = group_table;

    for (struct list *l = groups.next; l != &groups; l = l->next) {
        struct key_group *there = LIST_ITEM(l, struct key_group, link);
        if (is_same(there->mask, mask))
            return there;
        if (place == &groups && there->bits < bits)
            place = l;
    }
    while (g->count)
        g++;
    ASSERT(g < group_table + KEYS_MAX);
    g->mask = mask;
    g->bits = bits;
    list_insert(place, &g->link);
    return g;
}

static void bind_key(struct ring_bound *b)
{
    struct list *place = bound.next;

    while (place != &bound && LIST_ITEM(place, struct ring_bound, link)->bits >= b->bits)
        place = place->next;
    list_insert(place, &b->link);
    b->group = group_of(words_of(&b->key.mask), b->bits);
    b->group->count++;
    list_insert(bucket_of(b->group, words_of(&b->key.value)), &b->same);
}

static void unbind_key(struct ring_bound *b)
{
    list_remove(&b->link);
    list_remove(&b->same);
    if (--b->group->count == 0)
        list_remove(&b->group->link);
}

void ring_set_keys(struct ring *r, const struct ring_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < r->key_count; i++)
        unbind_key(&r->keys[i]);
    for (uint32_t i = 0; i < count; i++) {
        r->keys[i] = (struct ring_bound){
            .ring = r, .key = keys[i], .bits = key_bits(&keys[i]), .serial = ++last_serial};
        bind_key(&r->keys[i]);
    }
    r->key_count = count;
    ring_publish(r);
}

/* Of equals the earlier wins, so that only a more specific key takes anything from another. */
static bool steals(const struct ring_key *k, const struct ring_bound *from)
{
    return !(from->key.flags & RING_KEY_YIELD) && key_bits(k) > from->bits &&
           key_overlaps(k, &from->key);
}

bool ring_keys_steal(const struct ring *r, const struct ring_key *keys, uint32_t count)
{
    for (struct list *l = bound.next; l != &bound; l = l->next) {
        const struct ring_bound *b = LIST_ITEM(l, struct ring_bound, link);
        for (uint32_t i = 0; b->ring != r && i < count; i++)
            if (steals(&keys[i], b))
                return true;
    }
    return false;
}

/* The first key of a group behind `last` that matches. */
static struct ring_bound *first_in(const struct key_group *g, const struct ring_bound *last,
                                   const struct flow *f)
{
    struct words has = words_of(&f->has), value = words_of(&f->value);
    bool from = last && last->bits == g->bits;

    if ((g->mask.w[0] & ~has.w[0]) || (g->mask.w[1] & ~has.w[1]))
        return NULL;
    value.w[0] &= g->mask.w[0];
    value.w[1] &= g->mask.w[1];
    struct list *head = bucket_of(g, value);
    for (struct list *l = head->next; l != head; l = l->next) {
        struct ring_bound *b = LIST_ITEM(l, struct ring_bound, same);
        if (b->group == g && is_same(words_of(&b->key.value), value) &&
            (!from || b->serial > last->serial))
            return b;
    }
    return NULL;
}

struct ring_bound *ring_bound_next(const struct ring_bound *last, const struct flow *f)
{
    struct ring_bound *best = NULL;

    for (struct list *l = groups.next; l != &groups; l = l->next) {
        const struct key_group *g = LIST_ITEM(l, struct key_group, link);
        if (best && g->bits < best->bits)
            break;
        if (last && g->bits > last->bits)
            continue;
        struct ring_bound *b = first_in(g, last, f);
        if (b && (!best || b->serial < best->serial))
            best = b;
    }
    return best;
}

bool ring_may_send(const struct ring *r, const struct flow *f)
{
    for (const struct ring_bound *b = NULL; (b = ring_bound_next(b, f)) != NULL;) {
        if (b->ring == r)
            return true;
        if (!(b->key.flags & RING_KEY_COPY))
            return false;
    }
    return false;
}

const char *ring_keys_check(const struct ring *r)
{
    for (uint32_t i = 0; i < r->key_count; i++) {
        const struct list *next = r->keys[i].link.next;
        if (next != &bound &&
            LIST_ITEM(next, const struct ring_bound, link)->bits > r->keys[i].bits)
            return "G4: a key is behind a less specific one";
        if (!is_same(r->keys[i].group->mask, words_of(&r->keys[i].key.mask)))
            return "G4: a key is in another mask's group";
    }
    return NULL;
}

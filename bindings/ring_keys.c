/* Keys bound to the card: one list in the order of the rule, most specific first, of equals the
 * earlier bound. */
#include "bindings/ring.h"

static struct list bound = {&bound, &bound};

static void bind_key(struct ring_bound *b)
{
    struct list *place = bound.next;

    while (place != &bound && LIST_ITEM(place, struct ring_bound, link)->bits >= b->bits)
        place = place->next;
    list_insert(place, &b->link);
}

void ring_set_keys(struct ring *r, const struct ring_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < r->key_count; i++)
        list_remove(&r->keys[i].link);
    for (uint32_t i = 0; i < count; i++) {
        r->keys[i] = (struct ring_bound){.ring = r, .key = keys[i], .bits = key_bits(&keys[i])};
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

struct ring_bound *ring_bound_next(const struct ring_bound *last, const struct flow *f)
{
    for (struct list *l = last ? last->link.next : bound.next; l != &bound; l = l->next) {
        struct ring_bound *b = LIST_ITEM(l, struct ring_bound, link);
        if (key_matches(&b->key, f))
            return b;
    }
    return NULL;
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
    }
    return NULL;
}

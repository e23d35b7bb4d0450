/* Parts of the network card: what lies inside one, and how much of it is used. */
#include "bindings/flows.h"

#include "bindings/filters.h"
#include "bindings/node.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/mem/frame.h"

struct flows *flows_of_cap(const struct cap *c)
{
    return c->kind == CAP_FLOWS ? frame_memory(c->base) : NULL;
}

struct flows *flows_of_ring(const struct ring *r)
{
    return flows_of_cap((const struct cap *)(const void *)node_at(r->card.parent));
}

bool flows_hold(const struct flows *f, const struct ring_key *keys, uint32_t count)
{
    for (uint32_t i = 0; f && i < count; i++) {
        uint32_t k = 0;
        while (k < f->count && !key_is_inside(&keys[i], &f->keys[k]))
            k++;
        if (k == f->count)
            return false;
    }
    return true;
}

/* The ring at a place of the card's table, if it was made by the part; else NULL. */
static const struct ring *made_by(const struct flows *f, uint32_t index)
{
    const struct ring *r = ring_at(index);

    return r && r->card.parent && flows_of_ring(r) == f ? r : NULL;
}

static uint32_t rings_of(const struct flows *f)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < RINGS_MAX; i++)
        count += made_by(f, i) != NULL;
    return count;
}

static bool is_same_mask(const struct ring_key *a, const struct ring_key *b)
{
    uint64_t wa[2], wb[2];
    _Static_assert(sizeof wa == sizeof a->mask, "a mask is two words");

    memcpy(wa, &a->mask, sizeof wa);
    memcpy(wb, &b->mask, sizeof wb);
    return wa[0] == wb[0] && wa[1] == wb[1];
}

uint32_t flows_narrow(const struct flows *f, const struct ring_key *keys, uint32_t count)
{
    uint32_t narrow = 0;

    for (uint32_t i = 0; f && i < count; i++) {
        uint32_t k = 0;
        while (k < f->count && !is_same_mask(&keys[i], &f->keys[k]))
            k++;
        narrow += k == f->count;
    }
    return narrow;
}

static uint32_t keys_of(const struct flows *f)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < RINGS_MAX; i++) {
        const struct ring *r = made_by(f, i);
        count += r ? r->key_count + r->filter_count : 0;
    }
    return count;
}

static uint32_t narrow_of_ring(const struct flows *f, const struct ring *r)
{
    uint32_t narrow = 0;

    for (uint32_t i = 0; i < r->key_count; i++)
        narrow += flows_narrow(f, &r->keys[i].key, 1);
    for (const struct list *l = r->tables.next; l != &r->tables; l = l->next) {
        const struct filters *t = LIST_ITEM(l, const struct filters, link);
        for (uint32_t i = 0; i < t->count; i++)
            narrow += t->at[i].in_use ? flows_narrow(f, &t->at[i].bound.key, 1) : 0;
    }
    return narrow;
}

static uint32_t narrow_of(const struct flows *f)
{
    uint32_t narrow = 0;

    for (uint32_t i = 0; i < RINGS_MAX; i++)
        narrow += made_by(f, i) ? narrow_of_ring(f, made_by(f, i)) : 0;
    return narrow;
}

/* The last question costs the most, and is seldom one. */
bool flows_fit(const struct flows *f, int64_t rings, int64_t keys, int64_t narrow)
{
    return !f || ((rings <= 0 || rings_of(f) + rings <= f->rings) &&
                  (keys <= 0 || keys_of(f) + keys <= f->bound) &&
                  (narrow <= 0 || narrow_of(f) + narrow <= f->narrow));
}

void flows_begin(struct flows *f, struct cap *nic, const struct flows_load *load)
{
    f->of = flows_of_cap(nic);
    f->count = load->count;
    f->rings = f->had_rings = load->rings;
    f->bound = f->had_bound = load->bound;
    f->narrow = load->narrow;
    f->had_narrow = load->narrow + flows_narrow(f->of, load->keys, load->count);
    for (uint32_t i = 0; i < load->count; i++)
        f->keys[i] = load->keys[i];
    if (f->of) {
        f->of->rings -= load->rings;
        f->of->bound -= load->bound;
        f->of->narrow -= f->had_narrow;
    }
    node_link(&nic->node, &f->larger);
    INVARIANT(flows_check(f));
}

void flows_end(struct flows *f)
{
    if (f->of) {
        f->of->rings += f->had_rings;
        f->of->bound += f->had_bound;
        f->of->narrow += f->had_narrow;
    }
    node_unlink(&f->larger);
}

static const char *check_ring(const struct flows *f, const struct ring *r)
{
    for (uint32_t i = 0; i < r->key_count; i++)
        if (!flows_hold(f, &r->keys[i].key, 1))
            return "L2: a key of a ring is outside its part";
    for (const struct list *l = r->tables.next; l != &r->tables; l = l->next) {
        const struct filters *t = LIST_ITEM(l, const struct filters, link);
        for (uint32_t i = 0; i < t->count; i++)
            if (t->at[i].in_use && !flows_hold(f, &t->at[i].bound.key, 1))
                return "L2: a filter of a ring is outside its part";
    }
    return NULL;
}

const char *flows_check(const struct flows *f)
{
    if (!flows_hold(f->of, f->keys, f->count))
        return "L1: a key of a part is outside the larger one";
    for (uint32_t i = 0; i < RINGS_MAX; i++) {
        const struct ring *r = made_by(f, i);
        const char *broken = r ? check_ring(f, r) : NULL;
        if (broken)
            return broken;
    }
    if (rings_of(f) > f->rings || keys_of(f) > f->bound || narrow_of(f) > f->narrow)
        return "L3: a part has more rings or keys than it allows";
    return NULL;
}

/* Parts of the network card: what lies inside one, and how much of it is used. */
#include "bindings/flows.h"

#include "bindings/filters.h"
#include "bindings/node.h"
#include "exo/base/assert.h"
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

static uint32_t keys_of(const struct flows *f)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < RINGS_MAX; i++) {
        const struct ring *r = made_by(f, i);
        count += r ? r->key_count + r->filter_count : 0;
    }
    return count;
}

bool flows_fit(const struct flows *f, uint32_t rings, uint32_t keys)
{
    return !f || ((uint64_t)rings_of(f) + rings <= f->rings &&
                  (uint64_t)keys_of(f) + keys <= f->bound);
}

void flows_begin(struct flows *f, struct cap *nic, const struct flows_load *load)
{
    f->of = flows_of_cap(nic);
    f->count = load->count;
    f->rings = f->had_rings = load->rings;
    f->bound = f->had_bound = load->bound;
    for (uint32_t i = 0; i < load->count; i++)
        f->keys[i] = load->keys[i];
    if (f->of) {
        f->of->rings -= load->rings;
        f->of->bound -= load->bound;
    }
    node_link(&nic->node, &f->larger);
    INVARIANT(flows_check(f));
}

void flows_end(struct flows *f)
{
    if (f->of) {
        f->of->rings += f->had_rings;
        f->of->bound += f->had_bound;
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
    if (rings_of(f) > f->rings || keys_of(f) > f->bound)
        return "L3: a part has more rings or keys than it allows";
    return NULL;
}

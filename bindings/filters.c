/* Tables of filters: filling and emptying them, and what becomes of them when something goes. */
#include "bindings/filters.h"

#include "bindings/node.h"
#include "exo/base/assert.h"
#include "exo/mem/frame.h"

static void empty(struct filters *f, struct filter *at)
{
    if (at->graft.parent)
        node_unlink(&at->graft);
    if (!at->in_use)
        return;
    ring_unbind_key(&at->bound);
    at->in_use = at->is_lost = false;
    f->used--;
    f->ring->filter_count--;
}

static void fill(struct filters *f, struct filter *at, const struct filter_plan *plan)
{
    ring_bind_key(&at->bound, f->ring, &plan->key);
    at->bound.in_table = true;
    at->bound.tag = plan->tag;
    at->in_use = true;
    if (plan->graft)
        node_link(&plan->graft->node, &at->graft);
    f->used++;
    f->ring->filter_count++;
}

void filters_set(struct filters *f, uint32_t first, uint32_t count, const struct filter_plan *plan)
{
    for (uint32_t i = 0; i < count; i++)
        empty(f, &f->at[first + i]);
    for (uint32_t i = 0; plan && i < count; i++)
        fill(f, &f->at[first + i], &plan[i]);
    ring_publish(f->ring);
    INVARIANT(filters_check(f));
}

void filters_begin(struct filters *f, struct cap *ring, uint32_t count)
{
    f->ring = frame_memory(ring->base);
    f->count = count;
    node_link(&ring->node, &f->node);
    list_insert(&f->ring->tables, &f->link);
}

/* Without its ring a table is dead, and empty. */
static void end(struct filters *f)
{
    if (!f->ring)
        return;
    filters_set(f, 0, f->count, NULL);
    list_remove(&f->link);
    f->ring = NULL;
}

void filters_end_of(struct ring *r)
{
    while (!list_is_empty(&r->tables))
        end(LIST_ITEM(r->tables.next, struct filters, link));
}

void filters_destroy(struct filters *f)
{
    end(f);
    if (f->node.parent)
        node_unlink(&f->node);
}

void filters_drop(struct filters *f, struct node *n)
{
    if (n == &f->node)
        end(f);
    else
        LIST_ITEM(n, struct filter, graft)->is_lost = true;
    node_unlink(n);
}

const char *filters_check(const struct filters *f)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        const struct filter *at = &f->at[i];
        used += at->in_use;
        if (at->in_use ? at->bound.ring != f->ring : at->graft.parent != 0)
            return "Y1: a filter is bound to another ring, or not in use and has a graft";
        const char *broken = at->in_use ? ring_bound_check(&at->bound) : NULL;
        if (broken)
            return broken;
    }
    if (used != f->used || (f->ring && f->ring->filter_count < used))
        return "Y2: a table of filters does not count those in use";
    return f->ring || !used ? NULL : "Y3: a table without ring has filters";
}

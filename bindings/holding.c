/* What counts as held, by position in the holder's tables and by node. */
#include "bindings/holding.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/ring.h"
#include "exo/arch/mmu.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"

/* Another resource with a capability of its own is one more row. */
static const struct {
    uint8_t cap; /* the capability that is it, or that holds it  */
    bool ranged; /* its count is what counts                     */
    bool given;  /* it is no object: what came from outside counts */
} kinds[REVOKE_KIND_COUNT] = {
    [REVOKE_FRAMES] = {CAP_FRAMES, true, false}, [REVOKE_RINGS] = {CAP_RING, false, false},
    [REVOKE_FILTERS] = {CAP_RING, false, false}, [REVOKE_GRAFTS] = {CAP_GRAFT, false, false},
    [REVOKE_EXTENTS] = {CAP_EXTENT, true, true}, [REVOKE_IRQS] = {CAP_IRQ, true, true},
    [REVOKE_PORTS] = {CAP_PORTS, true, true},
};

static const struct holding nothing;

uint32_t holding_positions(const struct env *e, uint32_t kind)
{
    return kind == REVOKE_SLICES ? cpu_count * SLICE_COUNT : e->captable_count * CAPS_PER_FRAME;
}

static struct holding slice_at(struct env *e, uint32_t position)
{
    struct cpu *c = cpu_number(position / SLICE_COUNT);
    const struct thread *t = c->slices[position % SLICE_COUNT];
    struct node *n = &c->slice_nodes[position % SLICE_COUNT];

    return t && t->env == e ? (struct holding){n, e, REVOKE_SLICES, 1} : nothing;
}

static bool counts(const struct env *e, const struct cap *c, uint32_t kind)
{
    if (!kinds[kind].given)
        return c->flags & CAP_ORIGIN;
    const struct node *parent = node_at(c->node.parent);
    return parent && frame_of(frame_number(parent))->owner != e->number;
}

static struct holding cap_holding(struct env *e, struct cap *c, uint32_t kind)
{
    return counts(e, c, kind)
               ? (struct holding){&c->node, e, kind, kinds[kind].ranged ? c->count : 1}
               : nothing;
}

static struct holding filter_holding(struct env *e, struct ring *r)
{
    return r->filter.parent ? (struct holding){&r->filter, e, REVOKE_FILTERS, 1} : nothing;
}

struct holding holding_at(struct env *e, uint32_t kind, uint32_t position)
{
    if (position >= holding_positions(e, kind))
        return nothing;
    if (kind == REVOKE_SLICES)
        return slice_at(e, position);
    struct cap *c = cap_find(e, position, kinds[kind].cap);
    if (!c || !counts(e, c, kind))
        return nothing;
    return kind == REVOKE_FILTERS ? filter_holding(e, frame_memory(c->base))
                                  : cap_holding(e, c, kind);
}

static struct holding holding_of_cap(struct cap *c)
{
    struct env *e = env_by_number[frame_of(frame_number(c))->owner];

    for (uint32_t kind = 1; e && kind < REVOKE_KIND_COUNT; kind++)
        if (kinds[kind].cap == c->kind && kind != REVOKE_FILTERS)
            return cap_holding(e, c, kind);
    return nothing;
}

/* Other nodes lie in frames of that type, too: of lines. */
static struct holding holding_of_slice(const struct node *n)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        const struct cpu *c = cpu_number(i);
        if (frame_number(c->slice_nodes) != frame_number(n))
            continue;
        uint32_t position = (uint32_t)(n - c->slice_nodes);
        const struct thread *t = position < SLICE_COUNT ? c->slices[position] : NULL;
        return t ? slice_at(t->env, i * SLICE_COUNT + position) : nothing;
    }
    return nothing;
}

struct holding holding_of(struct node *n)
{
    pfn_t frame = frame_number(n);
    struct ring *r;

    switch (frame_of(frame)->type) {
    case FRAME_CAPTABLE:
        return holding_of_cap((struct cap *)(void *)n);
    case FRAME_CPU:
        return holding_of_slice(n);
    case FRAME_RING:
        r = frame_memory(frame);
        return n == &r->filter ? filter_holding(env_by_number[frame_of(frame)->owner], r) : nothing;
    default:
        return nothing;
    }
}

bool holding_comes_from(const struct node *n, node_t from, uint32_t *steps)
{
    for (; n && n->parent != from; n = node_at(n->parent))
        ++*steps;
    return n != NULL;
}

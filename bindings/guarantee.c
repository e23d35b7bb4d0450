/* Guarantees: counting what they cover as it comes and goes, and who is bound by them. */
#include "bindings/guarantee.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "bindings/ring.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/mem/frame.h"

#define COUNT_STEPS 4096u /* positions and nodes looked at before interrupts are let in */

/* Slices and filters are few on any machine, and have no capability of their own to be marked. */
static bool is_counted_when_asked(uint32_t kind)
{
    return kind == REVOKE_SLICES || kind == REVOKE_FILTERS;
}

static struct guarantee *guarantee_of(const struct holding *h)
{
    return &h->env->guarantee[h->kind];
}

void guarantee_cap_made(struct cap *c)
{
    struct holding h = holding_of(&c->node);
    uint32_t steps = 0;

    if (!h.node || !guarantee_of(&h)->from ||
        !holding_comes_from(h.node, guarantee_of(&h)->from, &steps))
        return;
    c->flags |= CAP_COUNTED;
    guarantee_of(&h)->held += h.units;
}

void guarantee_cap_shrunk(struct cap *c, uint32_t less)
{
    const struct holding h = holding_of(&c->node);

    if ((c->flags & CAP_COUNTED) && guarantee_of(&h)->from)
        guarantee_of(&h)->held -= less;
}

/* All that came from `c` has gone, so no count is left behind. */
static void forget_named(const struct cap *c)
{
    node_t name = node_name(&c->node);

    revoke_forget(name);
    for (unsigned i = 1; i < ENV_MAX; i++) {
        struct env *e = env_by_number[i];
        if (!e)
            continue;
        if (e->ask.from == name)
            e->ask.from = 0;
        for (uint32_t kind = 1; kind < REVOKE_KIND_COUNT; kind++)
            if (e->guarantee[kind].from == name)
                e->guarantee[kind] = (struct guarantee){.from = 0};
    }
}

void guarantee_cap_gone(struct cap *c)
{
    if (c->flags & CAP_COUNTED)
        guarantee_cap_shrunk(c, holding_of(&c->node).units);
    if (c->flags & CAP_NAMED)
        forget_named(c);
}

static uint32_t count_slices(struct env *e, node_t from)
{
    uint32_t held = 0, steps = 0;

    for (uint32_t i = 0; i < holding_positions(e, REVOKE_SLICES); i++) {
        struct holding h = holding_at(e, REVOKE_SLICES, i);
        held += h.node && holding_comes_from(h.node, from, &steps);
    }
    return held;
}

static uint32_t count_filters(const struct env *e, node_t from)
{
    uint32_t held = 0, steps = 0;

    for (uint32_t i = 0; i < RINGS_MAX; i++) {
        const struct ring *r = ring_at(i);
        held += r && r->filter.parent && frame_of(frame_number(r))->owner == e->number &&
                holding_comes_from(&r->filter, from, &steps);
    }
    return held;
}

static uint32_t held_of(struct env *e, uint32_t kind)
{
    const struct guarantee *g = &e->guarantee[kind];

    if (kind == REVOKE_SLICES)
        return count_slices(e, g->from);
    return kind == REVOKE_FILTERS ? count_filters(e, g->from) : g->held;
}

uint32_t guarantee_room(struct env *e, uint32_t kind, const struct node *by)
{
    const struct guarantee *g = &e->guarantee[kind];
    uint32_t steps = 0;

    if (!g->from || e->ended || holding_comes_from(node_at(g->from), node_name(by), &steps))
        return UINT32_MAX;
    uint32_t held = held_of(e, kind);
    return held > g->least ? held - g->least : 0;
}

bool guarantee_keeps(struct node *n, const struct node *by, const struct env *actor)
{
    struct holding h = holding_of(n);
    uint32_t steps = 0;

    if (!h.node || h.env == actor || !guarantee_of(&h)->from ||
        !holding_comes_from(n, guarantee_of(&h)->from, &steps))
        return false;
    return guarantee_room(h.env, h.kind, by) < h.units;
}

/* Marks what comes from where the promise does, or, where there is none any more, unmarks all. */
static bool count_on(struct env *e, uint32_t kind)
{
    struct guarantee *g = &e->guarantee[kind];
    uint32_t steps = 0;

    while (g->at > 0 && steps++ < COUNT_STEPS) {
        struct holding h = holding_at(e, kind, --g->at);
        struct cap *c = (struct cap *)(void *)h.node;
        if (!h.node)
            continue;
        if (!g->from)
            c->flags &= (uint16_t)~CAP_COUNTED;
        else if (!(c->flags & CAP_COUNTED) && holding_comes_from(h.node, g->from, &steps)) {
            c->flags |= CAP_COUNTED;
            g->held += h.units;
        }
    }
    return g->at == 0;
}

bool guarantee_set(struct env *e, uint32_t kind, struct cap *c, uint32_t least)
{
    struct guarantee *g = &e->guarantee[kind];
    node_t from = least ? node_name(&c->node) : 0;
    uint32_t positions = is_counted_when_asked(kind) ? 0 : holding_positions(e, kind);

    if (g->from && g->from != from) /* what the last one counted is uncounted first */
        *g = (struct guarantee){.at = positions};
    if (g->from != from && count_on(e, kind)) {
        *g = (struct guarantee){.from = from, .at = positions};
        c->flags |= CAP_NAMED;
    }
    if (g->from != from)
        return false;
    g->least = least;
    return count_on(e, kind);
}

static const char *check_kind(struct env *e, uint32_t kind)
{
    const struct guarantee *g = &e->guarantee[kind];
    uint32_t held = 0;

    if (g->from && !(((const struct cap *)(const void *)node_at(g->from))->flags & CAP_NAMED))
        return "R2: a guarantee names no capability";
    for (uint32_t i = 0; !is_counted_when_asked(kind) && i < holding_positions(e, kind); i++) {
        struct holding h = holding_at(e, kind, i);
        if (h.node && ((const struct cap *)(const void *)h.node)->flags & CAP_COUNTED)
            held += h.units;
    }
    if (g->from ? held != g->held : held && !g->at)
        return "R1: a guarantee counts wrong";
    return NULL;
}

const char *guarantee_check(struct env *e)
{
    const char *broken = NULL;

    for (uint32_t kind = 1; !broken && kind < REVOKE_KIND_COUNT; kind++)
        broken = check_kind(e, kind);
    if (!broken && e->ask.from &&
        !(((const struct cap *)(const void *)node_at(e->ask.from))->flags & CAP_NAMED))
        broken = "R2: an ask names no capability";
    return broken;
}

/* The prover: the greatest number of instructions before each claim, and of each loop's turn. */
#include "grafts/prover/prover.h"

struct edge {
    uint32_t from, to; /* claims; to: PROVER_START for an exit */
    uint32_t n;
};

/* All edges between claims, once each, with the longest way. Kept while the walk gathers them. */
struct edges {
    struct edge *at;
    uint32_t count, room;
    uint32_t *first;  /* of each claim and the start: 1 + number of its last edge */
    uint32_t *before; /* of each edge: 1 + number of the one before it from the same claim */
    uint32_t before_room;
};

static void add_edge(struct prover *p, uint32_t from, uint32_t to, uint32_t n)
{
    struct edges *e = p->gathering;
    uint32_t row = from == PROVER_START ? p->claim_count : from;

    for (uint32_t k = e->first[row]; k; k = e->before[k - 1])
        if (e->at[k - 1].to == to) {
            if (e->at[k - 1].n < n)
                e->at[k - 1].n = n;
            return;
        }
    e->at = work_grow(p->work, e->at, &e->room, e->count, e->count + 1, sizeof *e->at);
    e->before = work_grow(p->work, e->before, &e->before_room, e->count, e->count + 1, 4);
    e->at[e->count] = (struct edge){from, to, n};
    e->before[e->count] = e->first[row];
    e->first[row] = ++e->count;
}

static void arrive_edge(struct prover *p, uint32_t from, uint32_t to, struct state *s, uint32_t n)
{
    (void)s;
    add_edge(p, from, to, n);
}

static void ended_edge(struct prover *p, uint32_t from, uint32_t n)
{
    add_edge(p, from, PROVER_START, n);
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t x;
    return __builtin_mul_overflow(a, b, &x) ? UINT64_MAX : x;
}

static bool raise(uint64_t *into, uint64_t x)
{
    if (*into >= x)
        return false;
    *into = x;
    return true;
}

/* One edge: what it asks of steps, entries and bodies, exactly as the checker counts. */
static bool relax(struct prover *p, const struct edge *e)
{
    const struct claim *to = e->to == PROVER_START ? NULL : &p->claims[e->to];
    uint32_t loop = e->from == PROVER_START ? FLOW_NONE : p->claims[e->from].loop;
    uint32_t wanted = to ? to->loop : FLOW_NONE;
    uint32_t outside = to && to->is_head ? p->flow.loops[wanted].parent : wanted;
    uint64_t x = plus(e->from == PROVER_START ? 0 : p->claims[e->from].steps, e->n);
    bool changed = false;

    while (loop != wanted && loop != outside) {
        if (loop == FLOW_NONE)
            return changed; /* flow_find has refused loops that can be entered in the middle */
        struct rank *l = &p->ranks[loop];
        changed = raise(&l->body, x) || changed;
        x = plus(l->entry, times(l->turns, l->body));
        loop = p->flow.loops[loop].parent;
    }
    if (!to)
        return raise(&p->bound, x) || changed;
    if (to->is_head && loop == wanted)
        return raise(&p->ranks[wanted].body, x) || changed;
    if (to->is_head)
        return raise(&p->ranks[wanted].entry, x) || changed;
    return raise(&p->claims[e->to].steps, x) || changed;
}

/* Numbers only grow, and without loops around loops that stop growing; an inner loop's body that
 * grows late makes the outer's grow again. */
void prover_find_steps(struct prover *p)
{
    struct edges edges = {.first = work_take(p->work, p->claim_count + 1, 4)};
    bool changed = true;

    p->gathering = &edges;
    p->arrive = arrive_edge;
    p->ended = ended_edge;
    prover_sweep(p, false);
    if (p->claim_of[0])
        add_edge(p, PROVER_START, p->claim_of[0] - 1, 0);
    p->ended = NULL;
    p->bound = 0;
    for (uint32_t k = 0; k < p->claim_count; k++)
        p->claims[k].steps = 0;
    for (uint32_t k = 0; k < p->flow.loop_count; k++)
        p->ranks[k].entry = p->ranks[k].body = 0;
    for (uint32_t n = 0; changed && n < 10000; n++) {
        changed = false;
        for (uint32_t k = 0; k < edges.count; k++)
            changed = relax(p, &edges.at[k]) || changed;
    }
}

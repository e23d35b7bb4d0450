/*
 * The prover: states that nothing leaves. Upwards: what arrives and is not included yet is added,
 * or joined with what is nearest, and at heads of loops widened. Downwards: each state becomes what
 * really arrives. Then upwards again, for downwards may have gone too far.
 */
#include "grafts/prover/prover.h"

#define MOST_SWEEPS 4096u

static struct claim_state *take_state(struct prover *p)
{
    struct claim_state *s = p->spare;

    if (s)
        p->spare = s->next;
    else
        s = work_take(p->work, 1, sizeof *s);
    s->is_gathered = false;
    s->dirty = true;
    s->updates = 0;
    return s;
}

static void drop_state(struct prover *p, struct claim *claim, uint32_t i)
{
    claim->states[i]->next = p->spare;
    p->spare = claim->states[i];
    claim->states[i] = claim->states[--claim->count];
}

/* States that are part of `s` say nothing more; not `keep`. */
static void drop_included(struct prover *p, struct claim *claim, const struct state *s,
                          const struct claim_state *keep)
{
    for (uint32_t i = 0; i < claim->count;)
        if (claim->states[i] != keep && state_includes(s, &claim->states[i]->state))
            drop_state(p, claim, i);
        else
            i++;
}

static struct claim_state *find_including(const struct claim *claim, const struct state *s)
{
    for (uint32_t i = 0; i < claim->count; i++)
        if (state_includes(&claim->states[i]->state, s))
            return claim->states[i];
    return NULL;
}

static void append(struct prover *p, struct claim *claim, uint32_t from, const struct state *s)
{
    struct claim_state *new = take_state(p);

    state_copy(&new->state, s);
    new->from = from;
    claim->states[claim->count++] = new;
}

/* The state that loses least when `s` is joined to it; NULL when none can be. */
static struct claim_state *nearest(const struct claim *claim, const struct state *s)
{
    struct claim_state *best = NULL;
    uint32_t least = UINT32_MAX;

    for (uint32_t i = 0; i < claim->count; i++) {
        uint32_t distance = states_distance(&claim->states[i]->state, s);
        if (distance < least) {
            least = distance;
            best = claim->states[i];
        }
    }
    return best;
}

/* `into` grows to hold `s`. False: they cannot be joined. */
static bool grow(struct prover *p, struct claim *claim, struct claim_state *into,
                 const struct state *s)
{
    struct state joined;

    state_copy(&joined, &into->state);
    if (!states_join(&joined, s, &p->flow, claim->at))
        return false;
    if (claim->is_head && ++into->updates > p->effort.delay) {
        states_widen(&joined, &into->state, &p->thresholds);
        states_normalise(&joined, &p->flow, claim->at);
    }
    state_copy(&into->state, &joined);
    into->dirty = true;
    drop_included(p, claim, &into->state, into);
    return true;
}

/* More ways to hold records than states. */
static void refuse_records(struct prover *p, const struct claim *claim)
{
    p->refused = true;
    p->refusal->report = (struct graft_report){
        .reason = GRAFT_RECORD_PATHS, .instruction = claim->at, .reg = GRAFT_NO_REGISTER};
}

static void arrive_upwards(struct prover *p, uint32_t from, uint32_t to, struct state *s,
                           uint32_t n)
{
    struct claim *claim = &p->claims[to];
    uint32_t limit = claim->is_head ? p->effort.heads : p->effort.states;
    (void)n;

    states_normalise(s, &p->flow, claim->at);
    if (find_including(claim, s))
        return;
    p->changed = true;
    if (claim->count < limit) {
        drop_included(p, claim, s, NULL);
        append(p, claim, from, s);
        return;
    }
    struct claim_state *near = nearest(claim, s);
    if (near && grow(p, claim, near, s))
        return;
    if (claim->count < PROVER_STATES)
        append(p, claim, from, s);
    else
        refuse_records(p, claim);
}

/* False: it takes too long. */
static bool go_up(struct prover *p)
{
    p->arrive = arrive_upwards;
    p->ended = NULL;
    for (uint32_t n = 0; n < MOST_SWEEPS && p->walked < p->walk_limit; n++) {
        p->changed = false;
        prover_sweep(p, n > 0);
        if (!p->changed)
            return true;
    }
    return false;
}

static void arrive_downwards(struct prover *p, uint32_t from, uint32_t to, struct state *s,
                             uint32_t n)
{
    struct claim *claim = &p->claims[to];
    (void)from, (void)n;

    states_normalise(s, &p->flow, claim->at);
    struct claim_state *holds = find_including(claim, s);
    if (!holds)
        return; /* going up afterwards will see to it */
    if (!holds->is_gathered)
        state_copy(&holds->gathered, s);
    else if (!states_join(&holds->gathered, s, &p->flow, claim->at))
        state_copy(&holds->gathered, &holds->state);
    holds->is_gathered = true;
}

/* A state that nothing arrived at is dropped. */
static void settle(struct prover *p, struct claim *claim)
{
    for (uint32_t i = 0; i < claim->count;) {
        struct claim_state *s = claim->states[i];
        if (!s->is_gathered) {
            drop_state(p, claim, i);
            continue;
        }
        state_copy(&s->state, &s->gathered);
        s->is_gathered = false;
        i++;
    }
}

/* Claims that are no heads are complete when their turn comes: all that leads there came before. */
static void go_down(struct prover *p)
{
    struct state start;

    p->arrive = arrive_downwards;
    p->ended = NULL;
    state_begin(&start);
    if (p->claim_of[0])
        arrive_downwards(p, PROVER_START, p->claim_of[0] - 1, &start, 0);
    else
        prover_walk(p, PROVER_START, &start);
    for (uint32_t k = 0; k < p->claim_count; k++) {
        struct claim *claim = &p->claims[k];
        if (!claim->is_head)
            settle(p, claim);
        for (uint32_t i = 0; i < claim->count; i++)
            prover_walk(p, k, &claim->states[i]->state);
    }
    for (uint32_t k = 0; k < p->claim_count; k++)
        if (p->claims[k].is_head)
            settle(p, &p->claims[k]);
}

bool prover_find_states(struct prover *p)
{
    for (uint32_t k = 0; k < p->claim_count; k++)
        while (p->claims[k].count)
            drop_state(p, &p->claims[k], 0);
    if (!go_up(p))
        return false;
    if (p->flow.loop_count > 0) {
        for (unsigned n = 0; n < 3; n++)
            go_down(p);
        if (!go_up(p))
            return false;
    }
    p->refused = false;
    p->arrive = arrive_upwards;
    p->changed = false;
    prover_sweep(p, false);
    return !p->refused && !p->changed;
}

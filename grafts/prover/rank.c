/*
 * The prover: ranks of loops. Every place of a head's states may be the rank; all are marked at
 * once, each with a mark of its own, and followed through the loop to its back edges.
 */
#include "grafts/prover/prover.h"

#define PLACES       (STATE_SLOT_PLACE + STATE_SLOTS) /* registers, a gap, slots */
#define MOST_UPDATES 12u

struct marks {
    bool is_seen;
    uint32_t updates;
    uint16_t mark[PLACES];
    int64_t moved[PLACES];
};

struct marking {
    struct marks *(*of)[PROVER_STATES]; /* [claim][state] */
    struct proof_loop *fakes;           /* [PLACES] what the steps ask for a mark's direction */
    uint32_t loop;                      /* that is tried, or FLOW_NONE: marks of all chosen ranks */
    bool dead[PLACES];
    int64_t least[PLACES];
    bool turned, changed;
};

static struct value *place_of(struct state *s, uint32_t place)
{
    struct value *v = state_place(s, place);

    if (!v)
        return NULL;
    switch (v->kind) {
    case VALUE_NUMBER:
    case VALUE_CONTEXT:
    case VALUE_PACKET:
    case VALUE_STACK:
    case VALUE_MAP_VALUE:
    case VALUE_RECORD:
        return v;
    default:
        return NULL;
    }
}

/* At the head of a loop its rank begins anew, and nothing else has its mark. */
static void begin_turn(const struct prover *p, const struct marking *m, const struct claim *claim,
                       struct state *s, bool leaves)
{
    const struct rank *r = claim->is_head ? &p->ranks[claim->loop] : NULL;

    if (!r || claim->loop == m->loop)
        return;
    for (uint32_t place = 0; place < PLACES; place++) {
        struct value *v = place_of(s, place);
        bool is_rank = place + 1 == r->place;
        if (!v)
            continue;
        if (is_rank || (m->loop == FLOW_NONE && v->mark == claim->loop + 1))
            v->mark = 0;
        if (is_rank && leaves && m->loop == FLOW_NONE) {
            v->mark = (uint16_t)(claim->loop + 1);
            v->moved = 0;
        }
    }
}

static void put_marks(const struct marks *from, struct state *s)
{
    for (uint32_t place = 0; place < PLACES; place++) {
        struct value *v = place_of(s, place);
        if (!v)
            continue;
        v->mark = from->mark[place];
        v->moved = from->moved[place];
    }
}

static void take_marks(struct marks *to, struct state *s)
{
    for (uint32_t place = 0; place < PLACES; place++) {
        struct value *v = place_of(s, place);
        to->mark[place] = v ? v->mark : 0;
        to->moved[place] = v && v->mark ? v->moved : 0;
    }
    to->is_seen = true;
}

/* False: nothing changed. */
static bool meet_marks(struct marks *into, const struct marks *from)
{
    bool changed = false;

    if (!into->is_seen) {
        *into = *from;
        return true;
    }
    for (uint32_t place = 0; place < PLACES; place++) {
        if (into->mark[place] == 0)
            continue;
        bool same = into->mark[place] == from->mark[place];
        if (same && into->moved[place] <= from->moved[place])
            continue;
        changed = true;
        into->moved[place] = from->moved[place];
        if (!same || into->updates > MOST_UPDATES)
            into->mark[place] = 0;
    }
    into->updates += changed;
    return changed;
}

/* A back edge of the loop that is tried: how far has each place come? */
static void judge(struct marking *m, struct state *s)
{
    m->turned = true;
    for (uint32_t place = 0; place < PLACES; place++) {
        struct value *v = place_of(s, place);
        if (!v || v->mark != place + 1)
            m->dead[place] = true;
        else if (v->moved < m->least[place])
            m->least[place] = v->moved;
    }
}

static uint32_t find_state(const struct claim *claim, const struct state *s)
{
    uint32_t i = 0;

    while (i < claim->count && !state_includes(&claim->states[i]->state, s))
        i++;
    return i;
}

static void arrive_marked(struct prover *p, uint32_t from, uint32_t to, struct state *s, uint32_t n)
{
    struct marking *m = p->gathering;
    struct claim *claim = &p->claims[to];
    struct marks arrived = {.updates = 0};
    (void)from, (void)n;

    if (!flow_is_in(&p->flow, claim->at, m->loop))
        return;
    if (claim->is_head && claim->loop == m->loop) {
        judge(m, s);
        return;
    }
    begin_turn(p, m, claim, s, false);
    take_marks(&arrived, s);
    states_normalise(s, &p->flow, claim->at);
    uint32_t i = find_state(claim, s);
    if (i < claim->count)
        m->changed = meet_marks(m->of[to][i], &arrived) || m->changed;
}

/* Follows marks until nothing changes. */
static void follow(struct prover *p, struct marking *m)
{
    struct state s;

    p->gathering = m;
    p->arrive = arrive_marked;
    p->ended = NULL;
    m->changed = true;
    for (unsigned sweep = 0; m->changed && sweep < 200; sweep++) {
        m->changed = false;
        for (uint32_t k = 0; k < p->claim_count; k++) {
            const struct claim *claim = &p->claims[k];
            for (uint32_t i = 0; i < claim->count; i++) {
                if (!m->of[k][i]->is_seen)
                    continue;
                state_copy(&s, &claim->states[i]->state);
                put_marks(m->of[k][i], &s);
                begin_turn(p, m, claim, &s, true);
                prover_walk(p, k, &s);
            }
        }
    }
}

static void clear(const struct prover *p, struct marking *m)
{
    for (uint32_t k = 0; k < p->claim_count; k++)
        for (uint32_t i = 0; i < p->claims[k].count; i++)
            *m->of[k][i] = (struct marks){.updates = 0};
    for (uint32_t place = 0; place < PLACES; place++) {
        m->dead[place] = false;
        m->least[place] = INT64_MAX;
    }
    m->turned = false;
}

/* Marks every place of the head's states; places that some state lacks cannot be the rank. */
static void mark_head(const struct prover *p, struct marking *m, uint32_t claim)
{
    for (uint32_t i = 0; i < p->claims[claim].count; i++) {
        struct marks *marks = m->of[claim][i];
        marks->is_seen = true;
        for (uint32_t place = 0; place < PLACES; place++) {
            struct value *v = place_of(&p->claims[claim].states[i]->state, place);
            marks->mark[place] = v ? (uint16_t)(place + 1) : 0;
            m->dead[place] = m->dead[place] || !v;
        }
    }
}

/* Sets where the place lies at the head, and how many turns that allows. False: more than can be
 * counted. */
static bool count_turns(const struct claim *head, struct rank *r)
{
    r->low = INT64_MAX;
    r->high = INT64_MIN;
    for (uint32_t i = 0; i < head->count; i++) {
        const struct scalar *n = &place_of(&head->states[i]->state, r->place - 1)->n;
        r->low = n->smin < r->low ? n->smin : r->low;
        r->high = n->smax > r->high ? n->smax : r->high;
    }
    uint64_t width = (uint64_t)r->high - (uint64_t)r->low;
    r->turns = width / r->step + 1;
    return width <= INT64_MAX;
}

static void try_direction(struct prover *p, struct marking *m, uint32_t head, bool down)
{
    const struct claim *claim = &p->claims[head];
    struct rank *best = &p->ranks[claim->loop];

    clear(p, m);
    m->loop = claim->loop;
    for (uint32_t place = 0; place < PLACES; place++)
        m->fakes[place].down = down;
    mark_head(p, m, head);
    follow(p, m);
    for (uint32_t place = 0; place < PLACES; place++) {
        int64_t step = m->turned ? m->least[place] : 1; /* a loop that never turns: any will do */
        if (m->dead[place] || step < 1)
            continue;
        struct rank r = {.place = place + 1, .down = down, .step = (uint64_t)step};
        if (count_turns(claim, &r) && (!best->place || best->turns > r.turns))
            *best = r;
    }
}

static struct marking *begin(struct prover *p)
{
    struct marking *m = work_take(p->work, 1, sizeof *m);

    m->of = work_take(p->work, p->claim_count, sizeof *m->of);
    for (uint32_t k = 0; k < p->claim_count; k++)
        for (uint32_t i = 0; i < p->claims[k].count; i++)
            m->of[k][i] = work_take(p->work, 1, sizeof *m->of[k][i]);
    m->fakes = work_take(p->work, PLACES + p->flow.loop_count, sizeof *m->fakes);
    p->checker->loops = m->fakes;
    return m;
}

/* Inner loops first: their ranks take the mark from what the outer may want. */
void prover_find_ranks(struct prover *p)
{
    struct marking *m;

    for (uint32_t k = 0; k < p->flow.loop_count; k++)
        p->ranks[k] = (struct rank){.turns = 1};
    if (p->flow.loop_count == 0)
        return;
    m = begin(p);
    for (uint32_t k = p->flow.loop_count; k-- > 0;) {
        uint32_t head = p->claim_of[p->flow.loops[k].head] - 1;
        if (p->claims[head].count == 0)
            continue;
        try_direction(p, m, head, false);
        try_direction(p, m, head, true);
    }
}

/* Marks of a loop matter only inside it. */
static void keep_marks(struct prover *p, const struct claim *claim, const struct marks *marks,
                       struct state *s)
{
    put_marks(marks, s);
    for (uint32_t place = 0; place < PLACES; place++) {
        struct value *v = place_of(s, place);
        if (v && v->mark && (!flow_is_in(&p->flow, claim->at, v->mark - 1u) || !marks->is_seen))
            v->mark = 0;
    }
}

void prover_mark_states(struct prover *p)
{
    struct marking *m;
    struct state start;
    bool any = false;

    for (uint32_t k = 0; k < p->flow.loop_count; k++)
        any = any || p->ranks[k].place;
    for (uint32_t k = 0; k < p->claim_count; k++)
        for (uint32_t i = 0; i < p->claims[k].count; i++)
            for (uint32_t place = 0; place < PLACES; place++) {
                struct value *v = place_of(&p->claims[k].states[i]->state, place);
                if (v)
                    v->mark = 0;
            }
    if (!any)
        return;
    m = begin(p);
    clear(p, m);
    m->loop = FLOW_NONE;
    for (uint32_t k = 0; k < p->flow.loop_count; k++)
        m->fakes[k].down = p->ranks[k].down;
    p->gathering = m;
    p->arrive = arrive_marked;
    p->ended = NULL;
    state_begin(&start);
    if (p->claim_of[0])
        arrive_marked(p, PROVER_START, p->claim_of[0] - 1, &start, 0);
    else
        prover_walk(p, PROVER_START, &start);
    follow(p, m);
    for (uint32_t k = 0; k < p->claim_count; k++)
        for (uint32_t i = 0; i < p->claims[k].count; i++)
            keep_marks(p, &p->claims[k], m->of[k][i], &p->claims[k].states[i]->state);
}

/* The checker: programs with a proof: its loops and claims, edges into claims, the walk of trees.
 */
#include "grafts/checker_step.h"

static bool take_state(struct checker *c, struct proof *p, struct state *out)
{
    proof_take_state(p, out);
    return checker_spend(c, 4 * state_values(out));
}

/* Where the states of the claim at `at` begin. */
static struct proof claim_at(const struct checker *c, uint32_t at)
{
    struct proof p = c->proof;

    p.next = c->in->proof + c->places[at].claim;
    p.at = at;
    return p;
}

/* The loop, or NULL, whose head is at `at`, where a claim stands. */
static struct checker_loop *loop_at(const struct checker *c, uint32_t at)
{
    uint32_t loop = c->places[at].loop;

    return loop && c->loops[loop - 1].told.head == at ? &c->loops[loop - 1] : NULL;
}

/* The rank's value in one state of its loop's head. */
static bool see_rank(struct checker *c, struct checker_loop *loop, struct state *s)
{
    struct value *rank = state_place(s, loop->told.rank - 1);

    if (!rank || rank->mark != 0 || !scalar_tighten(&rank->n))
        return checker_stop(c, GRAFT_LOOP_RANK);
    loop->low = SMALLER(loop->low, rank->n.smin);
    loop->high = LARGER(loop->high, rank->n.smax);
    return true;
}

/* The head of a loop whose turns nobody counts takes its fuel. */
static bool add_point(struct checker *c, const struct checker_loop *loop)
{
    if (c->hook->flags & GRAFT_SAME_ANSWER)
        return checker_stop(c, GRAFT_FUEL_HOOK);
    if (c->point_count >= c->in->point_room)
        return checker_refuse(c, GRAFT_FUEL_ROOM, GRAFT_NO_REGISTER, c->point_count + 1,
                              c->in->point_room);
    c->in->points[c->point_count++] =
        (struct graft_fuel_point){.at = c->at, .charge = loop->told.body};
    return true;
}

static bool read_claim(struct checker *c)
{
    struct proof_claim claim;
    struct state *s = &c->claimed;

    proof_take_claim(&c->proof, &claim);
    c->at = claim.at;
    struct checker_place *place = &c->places[claim.at];
    if (c->proof.broken || place->half)
        return checker_stop(c, GRAFT_CLAIM_FORM);
    place->claim = (uint32_t)(c->proof.next - c->in->proof);
    place->states = (uint8_t)claim.states;
    place->loop = (uint16_t)claim.loop;
    place->steps = claim.steps;

    struct checker_loop *loop = loop_at(c, claim.at);
    for (uint32_t k = 0; k < claim.states; k++) {
        if (!take_state(c, &c->proof, s))
            return false;
        if (c->proof.broken)
            return checker_stop(c, GRAFT_CLAIM_FORM);
        if (loop && loop->told.rank && !see_rank(c, loop, s))
            return false;
    }
    return !loop || loop->told.rank || add_point(c, loop);
}

bool checker_read_proof(struct checker *c)
{
    c->at = GRAFT_NO_INSTRUCTION;
    for (uint32_t k = 0; k < c->proof.loops; k++) {
        c->loops[k].low = INT64_MAX;
        c->loops[k].high = INT64_MIN;
        proof_take_loop(&c->proof, k, &c->loops[k].told);
    }
    for (uint32_t left = proof_take_claims(&c->proof); left > 0; left--)
        if (!c->proof.broken && !read_claim(c))
            return false;
    if (c->proof.broken || c->proof.next != c->proof.end) {
        c->at = GRAFT_NO_INSTRUCTION;
        return checker_stop(c, GRAFT_CLAIM_FORM);
    }
    for (c->at = 0; c->at < c->in->count; c->at++)
        if (c->places[c->at].edges > 1 && !c->places[c->at].claim)
            return checker_stop(c, GRAFT_CLAIM_MISSING);
    return true;
}

/* As a report's numbers go. */
static bool refuse_steps(struct checker *c, enum graft_reason reason, uint64_t need, uint64_t have)
{
    return checker_refuse(c, reason, GRAFT_NO_REGISTER, (int64_t)SMALLER(need, INT64_MAX),
                          (int64_t)have);
}

/* Leaves loop number *at with *steps on its turn: both become the parent's. The head is passed once
 * for each step that fits between its rank's least and greatest value, and once more. */
static bool leave_loop(struct checker *c, uint32_t *at, uint64_t *steps)
{
    const struct checker_loop *loop = &c->loops[*at - 1];
    uint64_t turns = 1;

    if (*steps > loop->told.body)
        return refuse_steps(c, GRAFT_LOOP_STEPS, *steps, loop->told.body);
    if (loop->told.rank && loop->low < loop->high)
        turns += ((uint64_t)loop->high - (uint64_t)loop->low) / loop->told.step;
    if (__builtin_mul_overflow(turns, loop->told.body, steps) ||
        __builtin_add_overflow(*steps, loop->told.entry, steps))
        *steps = UINT64_MAX;
    *at = loop->told.parent;
    return true;
}

/* Does the loop's rank say that another turn was made? */
static bool has_moved(const struct checker *c, const struct checker_loop *loop, struct state *s)
{
    const struct value *rank = state_place(s, loop->told.rank - 1);

    return rank && rank->mark == (loop - c->loops) + 1 && rank->moved >= 0 &&
           (uint64_t)rank->moved >= loop->told.step;
}

/* The edge from the instruction at c->at into the claim at `target`: loops and steps. */
static bool check_steps(struct checker *c, uint32_t target, struct state *s)
{
    const struct checker_place *place = &c->places[target];
    const struct checker_loop *head = loop_at(c, target);
    uint32_t at = c->loop, outside = head ? head->told.parent : place->loop;
    uint64_t steps = c->steps, most = place->steps;

    while (at != place->loop && at != outside) {
        if (at == 0)
            return checker_stop(c, GRAFT_LOOP_ENTRY);
        if (!leave_loop(c, &at, &steps))
            return false;
    }
    if (head)
        most = at == place->loop ? head->told.body : head->told.entry;
    if (head && at == place->loop && head->told.rank && !has_moved(c, head, s))
        return checker_stop(c, GRAFT_LOOP_RANK);
    return steps <= most || refuse_steps(c, GRAFT_LOOP_STEPS, steps, most);
}

/* The edge into the claim at `target`: steps, and values. */
static bool check_edge(struct checker *c, uint32_t target, struct state *s)
{
    struct proof p = claim_at(c, target);

    if (!check_steps(c, target, s))
        return false;
    for (uint32_t k = 0; k < c->places[target].states; k++) {
        if (!take_state(c, &p, &c->claimed))
            return false;
        if (state_includes(&c->claimed, s))
            return true;
    }
    return checker_stop(c, GRAFT_CLAIM);
}

bool checker_end(struct checker *c)
{
    uint32_t at = c->loop;

    while (at != 0)
        if (!leave_loop(c, &at, &c->steps))
            return false;
    c->longest = LARGER(c->longest, c->steps);
    return c->steps <= c->hook->budget || refuse_steps(c, GRAFT_BUDGET, c->steps, c->hook->budget);
}

bool checker_arrive(struct checker *c, struct checker_open *o)
{
    checker_open_drop(c, o);
    return o->dead || check_edge(c, o->at, &o->state);
}

/* Makes a state of the claim at c->at the root's: tight, and with the mark of the loop it heads. */
static bool make_root(struct checker *c, struct state *s)
{
    const struct checker_loop *head = loop_at(c, c->at);
    bool good = state_check(s);

    c->loop = c->places[c->at].loop;
    for (uint32_t i = 0; head && i < state_values(s); i++)
        good = good && (s->at[i].kind == VALUE_NONE || s->at[i].mark != c->loop);
    if (good && head && head->told.rank)
        state_place(s, head->told.rank - 1)->mark = (uint16_t)c->loop;
    return good || checker_stop(c, GRAFT_CLAIM_FORM);
}

/* The tree below the next state of a claim. */
static bool walk_tree(struct checker *c, struct proof *p)
{
    struct checker_open *root = checker_open_take(c);

    if (!root)
        return false;
    proof_take_state(p, &root->state);
    c->at = root->at = p->at;
    root->steps = c->places[p->at].steps;
    root->dead = false;
    root->next = NULL;
    c->ready = root;
    return make_root(c, &root->state) && checker_walk(c);
}

bool checker_walk_claims(struct checker *c)
{
    for (uint32_t at = 0; at < c->in->count; at++) {
        struct proof p = claim_at(c, at);
        for (uint32_t n = 0; n < c->places[at].states; n++)
            if (!walk_tree(c, &p))
                return false;
    }
    return true;
}

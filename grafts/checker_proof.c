/* The checker: programs with a proof: its loops and claims, edges into claims, the walk of trees.
 */
#include "grafts/checker_step.h"

static bool fail(struct checker *c, enum graft_reason reason)
{
    return checker_fail(c, reason, GRAFT_NO_REGISTER);
}

static bool take_state(struct checker *c, struct proof *p, uint32_t at, struct state *out)
{
    proof_take_state(p, at, c->loop_count, c->in->map_count, out);
    return checker_spend(c, 4 * state_values(out));
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
        return fail(c, GRAFT_LOOP_RANK);
    loop->low = rank->n.smin < loop->low ? rank->n.smin : loop->low;
    loop->high = rank->n.smax > loop->high ? rank->n.smax : loop->high;
    return true;
}

/* The head of a loop whose turns nobody counts takes its fuel. */
static bool add_point(struct checker *c, const struct checker_loop *loop)
{
    if (c->point_count >= c->in->point_room)
        return checker_refuse(c, GRAFT_FUEL_ROOM, GRAFT_NO_REGISTER, c->point_count + 1,
                              c->in->point_room);
    c->in->points[c->point_count++] =
        (struct graft_fuel_point){.at = c->at, .charge = loop->told.body};
    return true;
}

static bool read_claim(struct checker *c, const struct proof_claim *claim)
{
    struct checker_place *place = &c->places[claim->at];
    struct state *s = &c->claimed;

    c->at = claim->at;
    if (c->proof.broken || place->half)
        return fail(c, GRAFT_CLAIM_FORM);
    place->claim = (uint32_t)(c->proof.next - c->in->proof);
    place->states = (uint8_t)claim->states;
    place->loop = (uint16_t)claim->loop;
    place->steps = claim->steps;

    struct checker_loop *loop = loop_at(c, claim->at);
    for (uint32_t k = 0; k < claim->states; k++) {
        if (!take_state(c, &c->proof, claim->at, s))
            return false;
        if (c->proof.broken)
            return fail(c, GRAFT_CLAIM_FORM);
        if (loop && loop->told.rank && !see_rank(c, loop, s))
            return false;
    }
    return !loop || loop->told.rank || add_point(c, loop);
}

bool checker_read_proof(struct checker *c)
{
    struct proof_claim claim = {.at = UINT32_MAX};

    c->at = GRAFT_NO_INSTRUCTION;
    for (uint32_t k = 0; k < c->loop_count; k++) {
        c->loops[k].low = INT64_MAX;
        c->loops[k].high = INT64_MIN;
        proof_take_loop(&c->proof, k, c->in->count, &c->loops[k].told);
    }
    const struct proof claims = c->proof;
    if (c->proof.broken)
        return fail(c, GRAFT_CLAIM_FORM);
    for (uint32_t left = proof_take_claims(&c->proof, c->in->count); left > 0; left--) {
        proof_take_claim(&c->proof, claim.at, c->in->count, c->loop_count, &claim);
        if (!read_claim(c, &claim))
            return false;
    }
    c->at = GRAFT_NO_INSTRUCTION;
    if (c->proof.broken || c->proof.next != c->proof.end)
        return fail(c, GRAFT_CLAIM_FORM);
    c->proof = claims; /* the walk reads them again */
    for (c->at = 0; c->at < c->in->count; c->at++)
        if (c->places[c->at].edges > 1 && !c->places[c->at].claim)
            return fail(c, GRAFT_CLAIM_MISSING);
    return true;
}

/* As a report's numbers go. */
static bool refuse_steps(struct checker *c, enum graft_reason reason, uint64_t need, uint64_t have)
{
    return checker_refuse(c, reason, GRAFT_NO_REGISTER,
                          need < INT64_MAX ? (int64_t)need : INT64_MAX, (int64_t)have);
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
            return fail(c, GRAFT_LOOP_ENTRY);
        if (!leave_loop(c, &at, &steps))
            return false;
    }
    if (head)
        most = at == place->loop ? head->told.body : head->told.entry;
    if (head && at == place->loop && head->told.rank && !has_moved(c, head, s))
        return fail(c, GRAFT_LOOP_RANK);
    return steps <= most || refuse_steps(c, GRAFT_LOOP_STEPS, steps, most);
}

/* The edge into the claim at `target`: steps, and values. */
static bool check_edge(struct checker *c, uint32_t target, struct state *s)
{
    const struct checker_place *place = &c->places[target];
    struct proof p = {.next = c->in->proof + place->claim, .end = c->proof.end};
    struct state *claimed = &c->claimed;

    if (!check_steps(c, target, s))
        return false;
    for (uint32_t k = 0; k < place->states; k++) {
        if (!take_state(c, &p, target, claimed))
            return false;
        if (state_includes(claimed, s))
            return true;
    }
    return fail(c, GRAFT_CLAIM);
}

bool checker_end(struct checker *c)
{
    uint32_t at = c->loop;

    while (at != 0)
        if (!leave_loop(c, &at, &c->steps))
            return false;
    if (c->steps > c->hook->budget)
        return refuse_steps(c, GRAFT_BUDGET, c->steps, c->hook->budget);
    if (c->longest < c->steps)
        c->longest = c->steps;
    return true;
}

bool checker_arrive(struct checker *c, struct checker_open *o)
{
    checker_open_drop(c, o);
    return o->dead || check_edge(c, o->at, &o->state);
}

/* Makes the next state of the proof the root's: tight, and with the mark of the loop it heads. */
static bool take_root(struct checker *c, uint32_t at, struct state *s)
{
    const struct checker_loop *head = loop_at(c, at);

    proof_take_state(&c->proof, at, c->loop_count, c->in->map_count, s);
    c->at = at;
    c->loop = c->places[at].loop;
    bool good = state_check(s);
    for (uint32_t i = 0; head && i < state_values(s); i++)
        good = good && (s->at[i].kind == VALUE_NONE || s->at[i].mark != c->loop);
    if (!good)
        return fail(c, GRAFT_CLAIM_FORM);
    if (head && head->told.rank)
        state_place(s, head->told.rank - 1)->mark = (uint16_t)c->loop;
    return true;
}

/* The tree below one state of a claim. */
static bool walk_tree(struct checker *c, const struct proof_claim *claim)
{
    struct checker_open *root = checker_open_take(c);

    if (!root || !take_root(c, claim->at, &root->state))
        return false;
    root->at = claim->at;
    root->steps = claim->steps;
    root->dead = false;
    root->next = NULL;
    c->ready = root;
    return checker_walk(c);
}

bool checker_walk_claims(struct checker *c)
{
    struct proof_claim claim = {.at = UINT32_MAX};

    for (uint32_t left = proof_take_claims(&c->proof, c->in->count); left > 0; left--) {
        proof_take_claim(&c->proof, claim.at, c->in->count, c->loop_count, &claim);
        for (uint32_t n = 0; n < claim.states; n++)
            if (!walk_tree(c, &claim))
                return false;
    }
    return true;
}

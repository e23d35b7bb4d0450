/* The checker: programs with a proof: its loops and claims, edges into claims, the walk of trees.
 */
#include "grafts/checker_step.h"

/* The loop, or NULL, whose head is at `at`, where a claim stands. */
static const struct proof_loop *loop_at(const struct checker *c, uint32_t at)
{
    uint32_t loop = c->places[at].loop;

    return loop && c->loops[loop - 1].head == at ? &c->loops[loop - 1] : NULL;
}

/* State number `n` of the claim at `at`, until another one is asked for; NULL after a refusal. */
static const struct state *claimed(struct checker *c, uint32_t at, uint32_t n)
{
    struct proof p = c->proof;

    if (c->claimed_at == at && c->claimed_number == n)
        return &c->claimed;
    p.next = c->in->proof + c->places[at].claim;
    p.at = at;
    p.heads = loop_at(c, at) ? c->places[at].loop : 0;
    for (uint32_t k = 0; k < n; k++)
        proof_skip_state(&p);
    const uint8_t *begin = p.next;
    proof_take_state(&p, &c->claimed);
    c->claimed_at = at;
    c->claimed_number = n;
    if (!p.broken)
        return checker_spend(c, (uint32_t)(p.next - begin) / 2) ? &c->claimed : NULL;
    c->at = at;
    checker_stop(c, GRAFT_CLAIM_FORM);
    return NULL;
}

/* The head of a loop whose turns nobody counts takes its fuel. */
static bool add_point(struct checker *c, const struct proof_loop *loop)
{
    if (c->hook->flags & GRAFT_SAME_ANSWER)
        return checker_stop(c, GRAFT_FUEL_HOOK);
    if (c->point_count >= c->in->point_room)
        return checker_refuse(c, GRAFT_FUEL_ROOM, GRAFT_NO_REGISTER, c->point_count + 1,
                              c->in->point_room);
    c->in->points[c->point_count++] = (struct graft_fuel_point){.at = c->at, .charge = loop->body};
    return true;
}

static bool read_claim(struct checker *c)
{
    struct proof_claim claim;

    proof_take_claim(&c->proof, &claim);
    c->at = claim.at;
    struct checker_place *place = &c->places[claim.at];
    place->claim = (uint32_t)(c->proof.next - c->in->proof);
    place->meets = true;
    place->states = (uint8_t)claim.states;
    place->loop = (uint16_t)claim.loop;
    place->steps = claim.steps;
    for (uint32_t k = 0; k < claim.states; k++)
        proof_skip_state(&c->proof);
    if (c->proof.broken || insn_is_half(&c->in->code[claim.at]))
        return checker_stop(c, GRAFT_CLAIM_FORM);
    const struct proof_loop *loop = loop_at(c, claim.at);
    return !loop || loop->rank || add_point(c, loop);
}

bool checker_read_proof(struct checker *c)
{
    c->at = GRAFT_NO_INSTRUCTION;
    for (uint32_t k = 0; k < c->proof.loops; k++)
        proof_take_loop(&c->proof, k, &c->loops[k]);
    for (uint32_t left = proof_take_claims(&c->proof); left > 0; left--)
        if (!c->proof.broken && !read_claim(c))
            return false;
    c->at = GRAFT_NO_INSTRUCTION;
    if (c->proof.broken || c->proof.next != c->proof.end)
        return checker_stop(c, GRAFT_CLAIM_FORM);
    for (c->at = 0; c->at < c->in->count; c->at++)
        if (c->places[c->at].edges > 1 && !c->places[c->at].claim)
            return checker_stop(c, GRAFT_CLAIM_MISSING);
    return true;
}

static bool refuse_steps(struct checker *c, enum graft_reason reason, uint64_t need, uint64_t have)
{
    return checker_refuse(c, reason, GRAFT_NO_REGISTER, (int64_t)need, (int64_t)have);
}

/* Leaves loops with *steps on the turn of *at, until that is `inner` or `outer`. A head is passed
 * once for each step that fits between its rank's least and greatest value, and once more. */
static bool leave_loops(struct checker *c, uint32_t *at, uint32_t inner, uint32_t outer,
                        uint64_t *steps)
{
    while (*at != inner && *at != outer && *at != 0) {
        const struct proof_loop *loop = &c->loops[*at - 1];
        uint64_t turns = loop->rank ? 1 + loop->width / loop->step : 1;
        if (*steps > loop->body)
            return refuse_steps(c, GRAFT_LOOP_STEPS, *steps, loop->body);
        if (__builtin_mul_overflow(turns, loop->body, steps) || *steps > INT64_MAX / 2)
            *steps = INT64_MAX / 2; /* as a report's numbers go */
        *steps += loop->entry;
        *at = loop->parent;
    }
    return *at == inner || *at == outer || checker_stop(c, GRAFT_LOOP_ENTRY);
}

/* The edge from the instruction at c->at into the claim at o->at: loops and steps. */
static bool check_steps(struct checker *c, struct checker_open *o)
{
    const struct checker_place *place = &c->places[o->at];
    const struct proof_loop *head = loop_at(c, o->at);
    uint32_t at = c->loop;

    if (!leave_loops(c, &at, place->loop, head ? head->parent : place->loop, &o->steps))
        return false;
    uint64_t most = !head ? place->steps : at == place->loop ? head->body : head->entry;
    if (head && at == place->loop && head->rank) { /* has it moved? */
        const struct value *rank = state_place(&o->state, head->rank - 1);
        if (!rank || rank->mark != at || rank->moved < (int64_t)head->step)
            return checker_stop(c, GRAFT_LOOP_RANK);
    }
    return o->steps <= most || refuse_steps(c, GRAFT_LOOP_STEPS, o->steps, most);
}

bool checker_end(struct checker *c)
{
    uint32_t at = c->loop;

    if (!leave_loops(c, &at, 0, 0, &c->steps))
        return false;
    c->longest = LARGER(c->longest, c->steps);
    return c->steps <= c->hook->budget || refuse_steps(c, GRAFT_BUDGET, c->steps, c->hook->budget);
}

/* The edge into the claim: steps, and values. */
bool checker_arrive(struct checker *c, struct checker_open *o)
{
    checker_open_drop(c, o);
    if (!o->dead && !check_steps(c, o))
        return false;
    for (uint32_t n = 0; !o->dead && n < c->places[o->at].states; n++) {
        const struct state *told = claimed(c, o->at, n);
        if (!told || !checker_spend(c, state_values(told)))
            return false;
        if (state_includes(told, &o->state))
            return true;
    }
    return o->dead || checker_stop(c, GRAFT_CLAIM);
}

/* The tree below state number `n` of the claim at c->at. If that heads a loop, its rank begins a
 * turn, and gets the mark. */
static bool walk_tree(struct checker *c, uint32_t n)
{
    const struct state *told = claimed(c, c->at, n);
    const struct proof_loop *head = loop_at(c, c->at);
    struct checker_open *root = told ? checker_open_take(c) : NULL;

    if (!root)
        return false;
    state_copy(&root->state, told);
    root->at = c->at;
    root->steps = c->places[c->at].steps;
    root->dead = false;
    root->next = NULL;
    c->loop = c->places[c->at].loop;
    c->ready = root;
    if (head && head->rank) {
        struct value *rank = state_place(&root->state, head->rank - 1);
        if (!rank || rank->mark != 0 || rank->n.smin < head->low ||
            (uint64_t)rank->n.smax - (uint64_t)head->low > head->width)
            return checker_stop(c, GRAFT_LOOP_RANK);
        rank->mark = (uint16_t)c->loop;
    }
    return checker_walk(c);
}

bool checker_walk_claims(struct checker *c)
{
    for (uint32_t at = 0; at < c->in->count; at++)
        for (uint32_t n = 0; n < c->places[at].states; n++) {
            c->at = at;
            if (!walk_tree(c, n))
                return false;
        }
    return true;
}

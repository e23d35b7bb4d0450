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
    const struct proof_loop *loop = &c->loops[*at - 1];
    uint64_t turns = loop->rank ? 1 + loop->width / loop->step : 1;

    if (*steps > loop->body)
        return refuse_steps(c, GRAFT_LOOP_STEPS, *steps, loop->body);
    if (__builtin_mul_overflow(turns, loop->body, steps) ||
        __builtin_add_overflow(*steps, loop->entry, steps))
        *steps = UINT64_MAX;
    *at = loop->parent;
    return true;
}

/* Does the loop's rank say that another turn was made? */
static bool has_moved(const struct checker *c, const struct proof_loop *loop, struct state *s)
{
    const struct value *rank = state_place(s, loop->rank - 1);

    return rank && rank->mark == (loop - c->loops) + 1 && rank->moved >= 0 &&
           (uint64_t)rank->moved >= loop->step;
}

/* The edge from the instruction at c->at into the claim at `target`: loops and steps. */
static bool check_steps(struct checker *c, uint32_t target, struct state *s)
{
    const struct checker_place *place = &c->places[target];
    const struct proof_loop *head = loop_at(c, target);
    uint32_t at = c->loop, outside = head ? head->parent : place->loop;
    uint64_t steps = c->steps, most = place->steps;

    while (at != place->loop && at != outside) {
        if (at == 0)
            return checker_stop(c, GRAFT_LOOP_ENTRY);
        if (!leave_loop(c, &at, &steps))
            return false;
    }
    if (head)
        most = at == place->loop ? head->body : head->entry;
    if (head && at == place->loop && head->rank && !has_moved(c, head, s))
        return checker_stop(c, GRAFT_LOOP_RANK);
    return steps <= most || refuse_steps(c, GRAFT_LOOP_STEPS, steps, most);
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

/* The edge into the claim: steps, and values. */
bool checker_arrive(struct checker *c, struct checker_open *o)
{
    checker_open_drop(c, o);
    if (!o->dead && !check_steps(c, o->at, &o->state))
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

/* The rank, if any, of the loop that is headed at c->at begins its turn in `s`: it gets the mark.
 */
static bool mark_rank(struct checker *c, struct state *s)
{
    const struct proof_loop *head = loop_at(c, c->at);

    if (!head || head->rank == 0)
        return true;
    struct value *rank = state_place(s, head->rank - 1);
    if (!rank || rank->mark != 0 || rank->n.smin < head->low ||
        (uint64_t)rank->n.smax - (uint64_t)head->low > head->width)
        return checker_stop(c, GRAFT_LOOP_RANK);
    rank->mark = (uint16_t)c->loop;
    return true;
}

/* The tree below state number `n` of the claim at c->at. */
static bool walk_tree(struct checker *c, uint32_t n)
{
    const struct state *told = claimed(c, c->at, n);
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
    return mark_rank(c, &root->state) && checker_walk(c);
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

/* The checker: programs with a proof: its loops and claims, edges into claims, the walk of trees.
 */
#include "grafts/checker_step.h"

/* The loop, or NULL, whose head is at `at`, where a claim stands. */
static const struct proof_loop *loop_at(const struct checker *c, uint32_t at)
{
    uint32_t loop = c->places[at].loop;

    return loop && c->loops[loop - 1].head == at ? &c->loops[loop - 1] : NULL;
}

/* Where the states of the claim at `at` begin. */
static struct proof claim_at(const struct checker *c, uint32_t at)
{
    struct proof p = c->proof;

    p.next = c->in->proof + c->places[at].claim;
    p.at = at;
    p.heads = loop_at(c, at) ? c->places[at].loop : 0;
    return p;
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
    if (c->proof.broken || place->half)
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
    const struct proof_loop *loop = &c->loops[*at - 1];
    uint64_t turns = 1;

    if (*steps > loop->body)
        return refuse_steps(c, GRAFT_LOOP_STEPS, *steps, loop->body);
    if (loop->rank)
        turns += loop->width / loop->step;
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

/* The edge into the claim at `target`: steps, and values. */
static bool check_edge(struct checker *c, uint32_t target, struct state *s)
{
    struct proof p = claim_at(c, target);

    if (!check_steps(c, target, s))
        return false;
    for (uint32_t k = 0; k < c->places[target].states; k++) {
        const uint8_t *begin = p.next;
        if (proof_includes(&p, s))
            return true;
        if (p.broken) {
            c->at = target;
            return checker_stop(c, GRAFT_CLAIM_FORM);
        }
        if (!checker_spend(c, (uint32_t)(p.next - begin) / 2))
            return false;
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

/* The rank, if any, of the loop that is headed at c->at begins its turn in `s`: it gets the mark.
 */
static bool mark_rank(struct checker *c, const struct proof_loop *head, struct state *s)
{
    struct value *rank = head->rank ? state_place(s, head->rank - 1) : NULL;

    if (head->rank == 0)
        return true;
    if (!rank || rank->mark != 0 || rank->n.smin < head->low ||
        (uint64_t)rank->n.smax - (uint64_t)head->low > head->width)
        return checker_stop(c, GRAFT_LOOP_RANK);
    rank->mark = (uint16_t)c->loop;
    return true;
}

/* The tree below the next state of a claim. */
static bool walk_tree(struct checker *c, struct proof *p)
{
    struct checker_open *root = checker_open_take(c);

    if (!root)
        return false;
    const uint8_t *begin = p->next;
    proof_take_state(p, &root->state);
    c->at = root->at = p->at;
    c->loop = c->places[p->at].loop;
    root->steps = c->places[p->at].steps;
    root->dead = false;
    root->next = NULL;
    c->ready = root;
    if (p->broken)
        return checker_stop(c, GRAFT_CLAIM_FORM);
    return (p->heads == 0 || mark_rank(c, &c->loops[p->heads - 1], &root->state)) &&
           checker_spend(c, (uint32_t)(p->next - begin)) && checker_walk(c);
}

bool checker_walk_claims(struct checker *c)
{
    struct proof p;

    for (uint32_t at = 0; at < c->in->count; at++)
        for (uint32_t n = 0; n < c->places[at].states; n++) {
            if (n == 0)
                p = claim_at(c, at);
            if (!walk_tree(c, &p))
                return false;
        }
    return true;
}

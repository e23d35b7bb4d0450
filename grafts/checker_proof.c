/* The checker: programs with a proof: its loops and claims, edges into claims, the walk of trees.
 */
#include "grafts/checker_step.h"

static enum graft_reason refuse_form(struct checker *c)
{
    return checker_refuse_plainly(c, GRAFT_CLAIM_FORM);
}

static enum graft_reason read_loops(struct checker *c)
{
    c->at = GRAFT_NO_INSTRUCTION;
    for (uint32_t k = 0; k < c->loop_count && !c->proof.broken; k++) {
        struct checker_loop *loop = &c->loops[k];
        *loop = (struct checker_loop){.low = INT64_MAX, .high = INT64_MIN};
        proof_take_loop(&c->proof, k, c->in->count, &loop->told);
    }
    return c->proof.broken ? refuse_form(c) : GRAFT_ACCEPTED;
}

/* The loop, or NULL, whose head is at `at`, where a claim stands. */
static struct checker_loop *loop_at(const struct checker *c, uint32_t at)
{
    uint32_t loop = c->places[at].loop;

    return loop && c->loops[loop - 1].told.head == at ? &c->loops[loop - 1] : NULL;
}

/* The rank's value in one state of its loop's head. */
static bool see_rank(struct checker_loop *loop, struct state *s)
{
    struct value *rank = state_place(s, loop->told.rank - 1);

    if (!rank || rank->mark != 0 || !scalar_tighten(&rank->n))
        return false;
    loop->low = rank->n.smin < loop->low ? rank->n.smin : loop->low;
    loop->high = rank->n.smax > loop->high ? rank->n.smax : loop->high;
    return true;
}

/* The head of a loop whose turns nobody counts takes its fuel. */
static enum graft_reason add_fuel_point(struct checker *c, const struct checker_loop *loop)
{
    if (c->point_count >= c->in->point_room)
        return checker_refuse(c, GRAFT_FUEL_ROOM, GRAFT_NO_REGISTER, c->point_count + 1,
                              c->in->point_room);
    c->in->points[c->point_count++] =
        (struct graft_fuel_point){.at = c->at, .charge = loop->told.body};
    return GRAFT_ACCEPTED;
}

static enum graft_reason read_claim(struct checker *c, const struct proof_claim *claim)
{
    struct checker_place *place = &c->places[claim->at];

    c->at = claim->at;
    if (c->proof.broken || place->progress == PROGRESS_HALF)
        return refuse_form(c);
    place->claim = (uint32_t)(c->proof.next - c->in->proof);
    place->states = (uint8_t)claim->states;
    place->loop = (uint16_t)claim->loop;
    place->steps = claim->steps;

    struct checker_loop *loop = loop_at(c, claim->at);
    for (uint32_t k = 0; k < claim->states; k++) {
        struct state *s = &c->states[0];
        proof_take_state(&c->proof, claim->at, c->loop_count, c->in->map_count, s);
        if (c->proof.broken)
            return refuse_form(c);
        if (loop && loop->told.rank && !see_rank(loop, s))
            return checker_refuse_plainly(c, GRAFT_LOOP_RANK);
    }
    return loop && !loop->told.rank ? add_fuel_point(c, loop) : GRAFT_ACCEPTED;
}

/* Where paths meet the proof must say what holds: so what lies between claims are trees. */
static enum graft_reason check_joins(struct checker *c)
{
    for (c->at = 0; c->at < c->in->count; c->at++)
        if (c->places[c->at].edges > 1 && !c->places[c->at].claim)
            return checker_refuse_plainly(c, GRAFT_CLAIM_MISSING);
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_read_proof(struct checker *c)
{
    struct proof_claim claim = {.at = UINT32_MAX};
    enum graft_reason reason = read_loops(c);
    const struct proof claims = c->proof;

    if (reason != GRAFT_ACCEPTED)
        return reason;
    uint32_t count = proof_take_claims(&c->proof, c->in->count);
    for (uint32_t k = 0; k < count && reason == GRAFT_ACCEPTED; k++) {
        proof_take_claim(&c->proof, claim.at, c->in->count, c->loop_count, &claim);
        reason = read_claim(c, &claim);
    }
    if (reason != GRAFT_ACCEPTED)
        return reason;
    c->at = GRAFT_NO_INSTRUCTION;
    if (c->proof.broken || c->proof.next != c->proof.end)
        return refuse_form(c);
    c->proof = claims; /* the walk reads them again */
    return check_joins(c);
}

/* Times that the loop's head is passed at most, each time that the loop is entered. */
static uint64_t turns(const struct checker_loop *loop)
{
    if (!loop->told.rank || loop->low > loop->high)
        return 1;
    return ((uint64_t)loop->high - (uint64_t)loop->low) / loop->told.step + 1;
}

/* Leaves loop number *at with *steps on its turn: both become the parent's. False: the proof
 * promised a shorter turn. */
static bool leave_loop(const struct checker *c, uint32_t *at, uint64_t *steps)
{
    const struct checker_loop *loop = &c->loops[*at - 1];
    uint64_t all;

    if (*steps > loop->told.body)
        return false;
    if (__builtin_mul_overflow(turns(loop), loop->told.body, &all) ||
        __builtin_add_overflow(all, loop->told.entry, &all))
        all = UINT64_MAX;
    *at = loop->told.parent;
    *steps = all;
    return true;
}

/* As a report's numbers go. */
static int64_t most_told(uint64_t steps)
{
    return steps < INT64_MAX ? (int64_t)steps : INT64_MAX;
}

static enum graft_reason refuse_steps(struct checker *c, uint64_t need, uint64_t have)
{
    return checker_refuse(c, GRAFT_LOOP_STEPS, GRAFT_NO_REGISTER, most_told(need), (int64_t)have);
}

/* Does the loop's rank say that another turn was made? */
static bool has_moved(struct checker *c, const struct checker_loop *loop, struct state *s)
{
    struct value *rank = state_place(s, loop->told.rank - 1);
    uint32_t mark = (uint32_t)(loop - c->loops) + 1;

    return rank && rank->mark == mark && rank->moved >= 0 &&
           (uint64_t)rank->moved >= loop->told.step;
}

/* The edge from the instruction at c->at into the claim at `target`: loops and steps. */
static enum graft_reason check_steps(struct checker *c, uint32_t target, struct state *s)
{
    const struct checker_place *place = &c->places[target];
    const struct checker_loop *head = loop_at(c, target);
    uint32_t at = c->loop, outside = head ? head->told.parent : place->loop;
    uint64_t steps = c->steps, most = place->steps;

    while (at != place->loop && at != outside) {
        if (at == 0)
            return checker_refuse_plainly(c, GRAFT_LOOP_ENTRY);
        if (!leave_loop(c, &at, &steps))
            return refuse_steps(c, steps, c->loops[at - 1].told.body);
    }
    if (head && at == place->loop) {
        most = head->told.body;
        if (head->told.rank && !has_moved(c, head, s))
            return checker_refuse_plainly(c, GRAFT_LOOP_RANK);
    } else if (head) {
        most = head->told.entry;
    }
    return steps > most ? refuse_steps(c, steps, most) : GRAFT_ACCEPTED;
}

/* The edge into the claim at `target`: steps, and values. */
static enum graft_reason check_edge(struct checker *c, uint32_t target, struct state *s)
{
    const struct checker_place *place = &c->places[target];
    struct proof p = {.next = c->in->proof + place->claim,
                      .end = c->in->proof + c->in->proof_bytes};
    enum graft_reason reason = check_steps(c, target, s);

    for (uint32_t k = 0; k < place->states && reason == GRAFT_ACCEPTED; k++) {
        struct state *claimed = &c->states[0];
        proof_take_state(&p, target, c->loop_count, c->in->map_count, claimed);
        if (!checker_spend(c, 4 * (INSN_REGISTERS + claimed->used)))
            return checker_refuse_plainly(c, GRAFT_EFFORT);
        if (state_includes(claimed, s))
            return GRAFT_ACCEPTED;
    }
    return reason == GRAFT_ACCEPTED ? checker_refuse_plainly(c, GRAFT_CLAIM) : reason;
}

enum graft_reason checker_end(struct checker *c)
{
    uint32_t at = c->loop;

    while (at != 0)
        if (!leave_loop(c, &at, &c->steps))
            return refuse_steps(c, c->steps, c->loops[at - 1].told.body);
    if (c->steps > c->hook->budget)
        return checker_refuse(c, GRAFT_BUDGET, GRAFT_NO_REGISTER, most_told(c->steps),
                              c->hook->budget);
    if (c->longest < c->steps)
        c->longest = c->steps;
    return GRAFT_ACCEPTED;
}

/* Where the last state of the tree, just stepped over the instruction at c->at, goes on. The
 * jump's way, when it stays in the tree, comes after it and so is walked first. */
static enum graft_reason go_on(struct checker *c)
{
    struct checker_open *now = &c->open[c->depth - 1], *taken = &c->open[c->depth];
    enum graft_reason reason = GRAFT_ACCEPTED;
    bool waits = c->goes && !c->places[c->target].claim;

    if (c->goes && !waits)
        reason = check_edge(c, c->target, c->taken);
    if (c->alive && c->places[c->next].claim && reason == GRAFT_ACCEPTED) {
        reason = check_edge(c, c->next, c->now);
        c->alive = false;
    }
    now->at = c->next;
    now->steps = c->steps;
    if (waits && c->alive) {
        taken->at = c->target;
        taken->steps = c->steps;
        c->depth++;
    } else if (waits) {
        state_copy(&now->state, &taken->state);
        now->at = c->target;
    } else if (!c->alive) {
        c->depth--;
    }
    return reason;
}

/* Walks the tree whose root's state is the first of c->open. */
static enum graft_reason walk_tree(struct checker *c, uint32_t root, uint64_t steps)
{
    enum graft_reason reason = GRAFT_ACCEPTED;

    c->open[0].at = root;
    c->open[0].steps = steps;
    for (c->depth = 1; c->depth > 0 && reason == GRAFT_ACCEPTED;) {
        struct checker_open *open = &c->open[c->depth - 1];
        c->at = open->at;
        c->steps = open->steps + 1;
        c->now = &open->state;
        c->alive = true;
        reason = checker_step(c);
        if (reason == GRAFT_ACCEPTED)
            reason = go_on(c);
    }
    return reason;
}

/* Makes the next state of the proof the root's: tight, and with the mark of the loop it heads. */
static enum graft_reason take_root(struct checker *c, uint32_t at)
{
    struct state *s = &c->open[0].state;
    const struct checker_loop *head = loop_at(c, at);
    uint16_t mark = c->places[at].loop;

    proof_take_state(&c->proof, at, c->loop_count, c->in->map_count, s);
    c->at = at;
    if (!state_check(s))
        return refuse_form(c);
    if (!head)
        return GRAFT_ACCEPTED;
    for (uint32_t place = 0; place < STATE_SLOT_PLACE + STATE_SLOTS; place++) {
        struct value *v = state_place(s, place);
        if (v && v->mark == mark)
            return refuse_form(c);
        if (v && place + 1 == head->told.rank)
            v->mark = mark;
    }
    return GRAFT_ACCEPTED;
}

/* The start is an edge like others. */
static enum graft_reason walk_start(struct checker *c)
{
    struct state *s = &c->open[0].state;

    c->at = 0;
    c->steps = c->loop = 0;
    state_begin(s);
    return c->places[0].claim ? check_edge(c, 0, s) : walk_tree(c, 0, 0);
}

enum graft_reason checker_walk(struct checker *c)
{
    struct proof_claim claim = {.at = UINT32_MAX};

    if (c->open_count == 0)
        return checker_refuse(c, GRAFT_WORK_MEMORY, GRAFT_NO_REGISTER, 1, 0);
    enum graft_reason reason = walk_start(c);
    uint32_t count = proof_take_claims(&c->proof, c->in->count);
    for (uint32_t k = 0; k < count; k++) {
        proof_take_claim(&c->proof, claim.at, c->in->count, c->loop_count, &claim);
        for (uint32_t n = 0; n < claim.states && reason == GRAFT_ACCEPTED; n++) {
            c->loop = claim.loop;
            reason = take_root(c, claim.at);
            if (reason == GRAFT_ACCEPTED)
                reason = walk_tree(c, claim.at, claim.steps);
        }
    }
    return reason;
}

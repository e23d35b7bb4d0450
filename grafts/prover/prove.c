/* The prover: attempts, from cheap to thorough, until the checker accepts one. */
#include "grafts/prover/prove.h"

#include "grafts/prover/prover.h"
#include "grafts/prover/untie.h"

#define WALK_LIMIT ((uint64_t)60 * 1000 * 1000) /* instructions of one attempt */
#define WAITING    64u                          /* states that the check has room for */
#define FUEL_ROOM  1024u

static const struct effort quick[] = {{1, 1, 2}, {4, 1, 2}, {8, 2, 3}};
static const struct effort thorough[] = {{1, 1, 300}, {8, 1, 300}, {8, 8, 20}, {8, 8, 2000}};

static bool is_loop_free(const struct prover *p)
{
    return p->flow.loop_count == 0;
}

/* What the checker is asked about, and steps work on. */
static void begin_input(struct prover *p, struct work *w, const struct linked *program,
                        uint32_t hook)
{
    struct graft_map_def *maps = work_take(w, program->map_count, sizeof *maps);

    p->work = w;
    p->program = program;
    for (uint32_t i = 0; i < program->map_count; i++)
        maps[i] = (struct graft_map_def){program->maps[i].type, program->maps[i].key_bytes,
                                         program->maps[i].value_bytes, program->maps[i].entries};
    p->input =
        (struct graft_input){.code = program->code,
                             .count = program->count,
                             .hook = hook,
                             .map_count = program->map_count,
                             .maps = maps,
                             .points = work_take(w, FUEL_ROOM, sizeof(struct graft_fuel_point)),
                             .point_room = FUEL_ROOM};
}

/* Pre: the code is well-formed. */
static void begin(struct prover *p)
{
    struct work *w = p->work;
    size_t bytes = sizeof *p->checker + (PROVER_WAITING + 2) * sizeof(struct checker_open);

    flow_find(&p->flow, w, p->program);
    p->thresholds = thresholds_find(w, p->program);
    p->checker = work_take(w, 1, bytes);
    p->checker->in = &p->input;
    p->checker->hook = hook_find(p->input.hook);
    p->checker->report = &p->report;
    p->checker->open = (struct checker_open *)(p->checker + 1);
    p->checker->open_count = PROVER_WAITING + 2;
    p->path = work_take(w, p->program->count + 1, sizeof *p->path);
    p->ranks = work_take(w, p->flow.loop_count, sizeof *p->ranks);
    p->walk_limit = WALK_LIMIT;
    prover_place_claims(p);
    p->checker->places = work_take(w, p->program->count, sizeof *p->checker->places);
    for (uint32_t at = 0; at < p->program->count; at++)
        p->checker->places[at].meets = p->claim_of[at] != 0;
}

/* The kernel's word, on this proof or on none. */
static bool ask(struct prover *p, const struct encoder *e, struct proved *out)
{
    struct graft_input in = p->input;
    size_t bytes = GRAFT_WORK_BYTES(in.count, WAITING) +
                   (p->flow.loop_count + 1) * sizeof(struct proof_loop) + 64;
    void *work = work_take(p->work, 1, bytes);

    in.proof = e ? e->at : NULL;
    in.proof_bytes = e ? e->count : 0;
    bool accepted = graft_check(&in, work, bytes, &out->program, &out->report) == GRAFT_ACCEPTED;
    if (accepted && e) {
        out->proof = e->at;
        out->proof_bytes = e->count;
    }
    return accepted;
}

static uint64_t all_turns(const struct rank *r)
{
    uint64_t all;

    return __builtin_mul_overflow(r->turns, r->body, &all) ? UINT64_MAX : all;
}

/* What the loop takes when it is passed once in each turn of the loops around it that are counted.
 */
static uint64_t least_charge(const struct prover *p, uint32_t loop)
{
    uint64_t charge = p->ranks[loop].body;

    for (uint32_t k = p->flow.loops[loop].parent; k != FLOW_NONE; k = p->flow.loops[k].parent)
        if (__builtin_mul_overflow(charge, p->ranks[k].turns, &charge))
            return UINT64_MAX;
    return charge;
}

/* Does fuel reach for some turns of each loop that takes it? */
static bool is_fuel_enough(const struct prover *p)
{
    uint64_t fuel = p->checker->hook->budget - p->bound;

    for (uint32_t k = 0; k < p->flow.loop_count; k++)
        if (!p->ranks[k].place && least_charge(p, k) > fuel / 4)
            return false;
    return true;
}

/* A bound above the budget helps nobody: a loop that makes much of it runs on fuel instead, the
 * innermost first, because what a turn is charged is the longest that it can be. False: the bound
 * is good, or there is nothing more to be done. */
static bool use_fuel(struct prover *p)
{
    uint64_t budget = p->checker->hook->budget, most = 0;
    uint32_t worst = FLOW_NONE, depth = 0;

    if (p->bound <= budget && is_fuel_enough(p))
        return false;
    for (uint32_t k = 0; k < p->flow.loop_count; k++) {
        const struct rank *r = &p->ranks[k];
        uint64_t all = all_turns(r);
        uint32_t own = all > budget / 16 ? p->flow.loops[k].depth : 0;
        if (!r->place || r->turns <= 1 || own < depth || (own == depth && all <= most))
            continue;
        most = all;
        depth = own;
        worst = k;
    }
    if (worst == FLOW_NONE)
        return false;
    p->ranks[worst] = (struct rank){.turns = 1};
    return true;
}

static void describe(struct prover *p, struct proved *out)
{
    out->loops = work_take(p->work, p->flow.loop_count, sizeof *out->loops);
    out->claims = work_take(p->work, p->claim_count, sizeof *out->claims);
    out->loop_count = p->flow.loop_count;
    out->claim_count = p->claim_count;
    for (uint32_t k = 0; k < p->flow.loop_count; k++)
        out->loops[k] = (struct prove_loop){prover_loop(p, k), p->ranks[k].turns};
    for (uint32_t k = 0; k < p->claim_count; k++) {
        const struct claim *c = &p->claims[k];
        struct prove_claim *to = &out->claims[k];
        *to = (struct prove_claim){.at = c->at,
                                   .loop = c->loop == FLOW_NONE ? 0 : c->loop + 1,
                                   .steps = (uint32_t)c->steps,
                                   .states = c->count};
        for (uint32_t i = 0; i < c->count; i++)
            to->state[i] = &c->states[i]->state;
    }
}

static bool attempt(struct prover *p, const struct effort *effort, struct proved *out)
{
    struct encoder e = {.work = p->work};

    p->effort = *effort;
    p->walked = 0;
    p->refusal = work_take(p->work, 1, sizeof *p->refusal);
    p->refused = false;
    bool found = prover_find_states(p);
    out->walked += p->walked;
    if (!found) {
        if (p->refused || !out->refusal) {
            out->report = p->refusal->report;
            out->refusal = p->refusal;
        }
        return false;
    }
    prover_find_ranks(p);
    do {
        prover_mark_states(p);
        prover_find_steps(p);
    } while (use_fuel(p));
    prover_encode(p, &e);
    return ask(p, &e, out);
}

static bool try_efforts(struct prover *p, const struct effort *efforts, uint32_t count,
                        struct proved *out)
{
    for (uint32_t k = 0; k < count; k++) {
        out->attempts++;
        if (attempt(p, &efforts[k], out)) {
            describe(p, out);
            return true;
        }
    }
    return false;
}

/* The program with its loops untied; the refusal stays that of the program as it was written. */
static bool prove_untied(struct prover *first, struct linked *program, struct proved *out)
{
    struct linked untied = *program;
    struct proved second = {.proof = NULL};

    if (is_loop_free(first) || !untie_registers(first->work, &untied))
        return false;
    struct prover *p = work_take(first->work, 1, sizeof *p);
    begin_input(p, first->work, &untied, first->input.hook);
    begin(p);
    bool accepted = try_efforts(p, quick, sizeof quick / sizeof quick[0], &second);
    out->attempts += second.attempts;
    out->walked += second.walked;
    if (!accepted)
        return false;
    second.attempts = out->attempts;
    second.walked = out->walked;
    second.untied = true;
    second.without = out->without;
    *out = second;
    *program = untied;
    return true;
}

/* Is the refusal one that no proof changes? */
static bool is_final(enum graft_reason reason)
{
    return reason < GRAFT_UNINITIALISED && reason != GRAFT_BACK_EDGE;
}

bool prove(struct work *w, struct linked *program, const struct prove_wish *wish,
           struct proved *out)
{
    struct prover *p = work_take(w, 1, sizeof *p);

    *out = (struct proved){.proof = NULL};
    begin_input(p, w, program, wish->hook);
    bool needs_none = ask(p, NULL, out);
    out->without = out->report;
    if (needs_none && !wish->always)
        return true;
    if (out->report.reason != GRAFT_ACCEPTED && is_final(out->report.reason))
        return false;
    begin(p);
    if (try_efforts(p, quick, sizeof quick / sizeof quick[0], out) || prove_untied(p, program, out))
        return true;
    if (out->report.reason == GRAFT_BUDGET) /* what is known is enough; it is the program */
        return false;
    return try_efforts(p, thorough, sizeof thorough / sizeof thorough[0], out);
}

/* The checker: programs without a proof: an order without loops, and a pass in that order. */
#include "grafts/checker_step.h"

/* Search in depth, the way kept in `stack`: an instruction is done when all that can follow it is,
 * and then stands before it all in the order, which grows from the end of the places. Edge 0 goes
 * first so that falling through comes next in order. */
static bool find_order(struct checker *c)
{
    uint32_t depth = 1, first = c->in->count;

    for (uint32_t i = 0; i < c->in->count; i++)
        c->places[i].edges = 0;
    c->places[0].stack = 0;
    c->places[0].progress = PROGRESS_ON_WAY;
    while (depth > 0) {
        c->at = c->places[depth - 1].stack;
        struct checker_place *place = &c->places[c->at];
        if (place->edges == 2) {
            place->progress = PROGRESS_DONE;
            c->places[--first].order = (uint16_t)c->at;
            depth--;
            continue;
        }
        int64_t target = checker_edge(c, c->at, place->edges++);
        if (target == CHECKER_NO_EDGE || c->places[target].progress == PROGRESS_DONE)
            continue;
        if (c->places[target].progress == PROGRESS_ON_WAY)
            return checker_fail(c, GRAFT_BACK_EDGE, GRAFT_NO_REGISTER);
        c->places[target].progress = PROGRESS_ON_WAY;
        c->places[depth++].stack = (uint16_t)target;
    }
    c->order = first;
    for (c->at = 0; c->at < c->in->count; c->at++)
        if (c->places[c->at].progress == PROGRESS_NEW)
            return checker_fail(c, GRAFT_UNREACHABLE, GRAFT_NO_REGISTER);
    return true;
}

static bool join(struct checker *c, struct state *into, const struct state *from, uint32_t at)
{
    return checker_spend(c, state_values(into)) &&
           (state_join(into, from, at) || checker_fail(c, GRAFT_RECORD_PATHS, GRAFT_NO_REGISTER));
}

static void count_step(struct checker *c, uint32_t target)
{
    if (c->places[target].steps < c->steps + 1)
        c->places[target].steps = (uint32_t)c->steps + 1;
}

/* `state` arrives at `target`, which is checked later. */
static bool flow(struct checker *c, uint32_t target, const struct state *state)
{
    uint32_t free = 0;

    count_step(c, target);
    if (c->places[target].open)
        return join(c, &c->open[c->places[target].open - 1].state, state, target);
    while (free < c->open_count && c->open[free].used)
        free++;
    if (free == c->open_count)
        return checker_refuse(c, GRAFT_WORK_MEMORY, GRAFT_NO_REGISTER, free + 1, free);
    c->open[free].used = true;
    c->places[target].open = (uint16_t)(free + 1);
    state_copy(&c->open[free].state, state);
    return true;
}

/* Makes *c->now the state before slot c->at: of the slot before when that falls through (then
 * c->alive), together with that of all other edges that lead here. */
static bool arrive(struct checker *c)
{
    struct checker_place *place = &c->places[c->at];

    c->steps = place->steps;
    if (!place->open)
        return true;
    struct checker_open *open = &c->open[place->open - 1];
    if (c->alive && !join(c, &open->state, c->now, c->at))
        return false;
    state_copy(c->now, &open->state);
    open->used = false;
    c->alive = true;
    return true;
}

/* An instruction that no possible values lead to (its branch is never taken) has no state; its
 * effect is not checked, as it cannot run. `following`: the slot that is checked after this one. */
static bool check_one(struct checker *c, uint32_t following)
{
    if (!arrive(c))
        return false;
    if (!c->alive)
        return true;
    if (checker_step(c) != GRAFT_ACCEPTED || (c->goes && !flow(c, c->target, c->taken)))
        return false;
    if (!c->alive)
        return true;
    c->alive = c->next == following; /* the common case: *c->now goes on as it is */
    if (!c->alive)
        return flow(c, c->next, c->now);
    count_step(c, following);
    return true;
}

bool checker_check_in_order(struct checker *c)
{
    if (!find_order(c))
        return false;
    c->now = &c->states[0];
    state_begin(c->now);
    c->alive = true;
    c->places[0].steps = 1;
    for (uint32_t k = c->order; k < c->in->count; k++) {
        c->at = c->places[k].order;
        if (!check_one(c, k + 1 < c->in->count ? c->places[k + 1].order : GRAFT_NO_INSTRUCTION))
            return false;
    }
    return true;
}

/* The checker: what does not depend on values: the encoding, edges, and an order without loops. */
#include "grafts/checker_step.h"

#define NO_EDGE UINT32_MAX

static enum graft_reason refuse(struct checker *c, enum graft_reason reason)
{
    return checker_refuse(c, reason, reason == GRAFT_FRAME_WRITE ? INSN_FRAME : GRAFT_NO_REGISTER,
                          0, 0);
}

uint32_t checker_slots(const struct insn *i)
{
    return insn_shapes[i->opcode].form == FORM_WIDE ? 2 : 1;
}

static enum graft_reason check_one_form(struct checker *c, const struct insn *i)
{
    enum graft_reason reason = insn_check(i);
    uint8_t form = insn_shapes[i->opcode].form;

    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (form == FORM_CALL)
        return insn_src(i) == 1 ? GRAFT_CALL_LOCAL : GRAFT_CALL_HELPER;
    if (form == FORM_CALL_REG)
        return GRAFT_CALL_HELPER;
    if (form != FORM_WIDE)
        return GRAFT_ACCEPTED;
    if (c->at + 1 >= c->in->count || !insn_is_wide_half(i + 1))
        return GRAFT_WIDE_CUT;
    c->places[c->at + 1].progress = PROGRESS_HALF;
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_check_form(struct checker *c)
{
    for (c->at = 0; c->at < c->in->count; c->at += checker_slots(&c->in->code[c->at])) {
        enum graft_reason reason = check_one_form(c, &c->in->code[c->at]);
        if (reason != GRAFT_ACCEPTED)
            return refuse(c, reason);
    }
    return GRAFT_ACCEPTED;
}

/* Where edge 0 (a jump) or 1 (falling through) of slot `at` leads, NO_EDGE when there is none. */
static int64_t edge_of(const struct checker *c, uint32_t at, unsigned edge)
{
    const struct insn *i = &c->in->code[at];
    uint8_t form = insn_shapes[i->opcode].form;

    if (edge == 0)
        return form == FORM_JUMP || form == FORM_GOTO ? insn_target(i, at) : NO_EDGE;
    return form == FORM_GOTO || form == FORM_EXIT ? NO_EDGE : (int64_t)at + checker_slots(i);
}

/* May the edge go there, and is it not a loop? */
static enum graft_reason check_edge(const struct checker *c, int64_t target, unsigned edge)
{
    if (target < 0 || target >= c->in->count)
        return edge == 0 ? GRAFT_JUMP_RANGE : GRAFT_FALLS_OFF;
    if (c->places[target].progress == PROGRESS_HALF)
        return GRAFT_JUMP_MIDDLE;
    if (c->places[target].progress == PROGRESS_ON_WAY)
        return GRAFT_BACK_EDGE;
    return GRAFT_ACCEPTED;
}

/* The instructions that the search did not come to. */
static enum graft_reason check_all_reached(struct checker *c)
{
    for (c->at = 0; c->at < c->in->count; c->at++)
        if (c->places[c->at].progress == PROGRESS_NEW)
            return refuse(c, GRAFT_UNREACHABLE);
    return GRAFT_ACCEPTED;
}

/* The order is found back to front, at the end of the places; this brings it to their front. */
static void shift_order(struct checker *c, uint32_t first)
{
    c->order_count = c->in->count - first;
    for (uint32_t k = 0; k < c->order_count; k++)
        c->places[k].order = c->places[first + k].order;
}

/* Search in depth, the way kept in `stack`: an instruction is done when all that can follow it is,
 * and then stands before it all. Edge 0 goes first so that falling through comes next in order. */
enum graft_reason checker_find_order(struct checker *c)
{
    uint32_t depth = 1, first = c->in->count;

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
        unsigned edge = place->edges++;
        int64_t target = edge_of(c, c->at, edge);
        if (target == NO_EDGE)
            continue;
        enum graft_reason reason = check_edge(c, target, edge);
        if (reason != GRAFT_ACCEPTED)
            return refuse(c, reason);
        if (c->places[target].progress == PROGRESS_NEW) {
            c->places[target].progress = PROGRESS_ON_WAY;
            c->places[depth++].stack = (uint16_t)target;
        }
    }
    shift_order(c, first);
    return check_all_reached(c);
}

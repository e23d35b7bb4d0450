/* The checker: what does not depend on values: the encoding, edges, and an order without loops. */
#include "grafts/checker_step.h"

#define NO_EDGE INT64_MAX

uint32_t checker_slots(const struct insn *i)
{
    return insn_shapes[i->opcode].form == FORM_WIDE ? 2 : 1;
}

/* Does the 64-bit load name a map that there is, or a place in the one value of one? */
static bool is_map_named(const struct graft_input *in, const struct insn *i)
{
    uint32_t map = (uint32_t)i[0].imm, offset = (uint32_t)i[1].imm;

    if (map >= in->map_count)
        return false;
    if (insn_src(i) == INSN_MAP)
        return offset == 0;
    uint32_t type = in->maps[map].type;
    return (type == GRAFT_MAP_ARRAY || type == GRAFT_MAP_WINDOW) &&
           offset < in->maps[map].value_bytes;
}

static enum graft_reason check_one_form(struct checker *c, const struct insn *i)
{
    enum graft_reason reason = insn_check(i);
    const struct insn_shape *s = &insn_shapes[i->opcode];

    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (s->form == FORM_CALL) {
        if (insn_src(i) == 1)
            return GRAFT_CALL_LOCAL;
        return insn_src(i) == 0 && checker_is_helper((uint32_t)i->imm) ? GRAFT_ACCEPTED
                                                                       : GRAFT_CALL_HELPER;
    }
    if (s->form != FORM_WIDE)
        return GRAFT_ACCEPTED;
    if (c->at + 1 >= c->in->count || !insn_is_wide_half(i + 1))
        return GRAFT_WIDE_CUT;
    c->places[c->at + 1].progress = PROGRESS_HALF;
    return insn_src(i) == 0 || is_map_named(c->in, i) ? GRAFT_ACCEPTED : GRAFT_MAP;
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

static enum graft_reason check_edge(struct checker *c, unsigned edge)
{
    int64_t target = edge_of(c, c->at, edge);

    if (target == NO_EDGE)
        return GRAFT_ACCEPTED;
    if (target < 0 || target >= c->in->count)
        return edge == 0 ? GRAFT_JUMP_RANGE : GRAFT_FALLS_OFF;
    if (c->places[target].progress == PROGRESS_HALF)
        return GRAFT_JUMP_MIDDLE;
    if (c->places[target].edges < 2)
        c->places[target].edges++;
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_check_form(struct checker *c)
{
    enum graft_reason reason = GRAFT_ACCEPTED;

    for (c->at = 0; c->at < c->in->count; c->at += checker_slots(&c->in->code[c->at])) {
        reason = check_one_form(c, &c->in->code[c->at]);
        if (reason != GRAFT_ACCEPTED)
            return checker_refuse(
                c, reason, reason == GRAFT_FRAME_WRITE ? INSN_FRAME : GRAFT_NO_REGISTER, 0, 0);
    }
    c->places[0].edges = 1; /* the start */
    for (c->at = 0; c->at < c->in->count; c->at += checker_slots(&c->in->code[c->at])) {
        reason = check_edge(c, 0);
        if (reason == GRAFT_ACCEPTED)
            reason = check_edge(c, 1);
        if (reason != GRAFT_ACCEPTED)
            return checker_refuse_plainly(c, reason);
    }
    return GRAFT_ACCEPTED;
}

/* The instructions that the search did not come to. */
static enum graft_reason check_all_reached(struct checker *c)
{
    for (c->at = 0; c->at < c->in->count; c->at++)
        if (c->places[c->at].progress == PROGRESS_NEW)
            return checker_refuse_plainly(c, GRAFT_UNREACHABLE);
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
        int64_t target = edge_of(c, c->at, place->edges++);
        if (target == NO_EDGE)
            continue;
        if (c->places[target].progress == PROGRESS_ON_WAY)
            return checker_refuse_plainly(c, GRAFT_BACK_EDGE);
        if (c->places[target].progress == PROGRESS_NEW) {
            c->places[target].progress = PROGRESS_ON_WAY;
            c->places[depth++].stack = (uint16_t)target;
        }
    }
    shift_order(c, first);
    return check_all_reached(c);
}

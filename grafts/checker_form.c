/* The checker: what does not depend on values: the encoding, and edges. */
#include "grafts/checker_step.h"

uint32_t checker_slots(const struct insn *i)
{
    return insn_shapes[i->opcode].form == FORM_WIDE ? 2 : 1;
}

/* Does the 64-bit load give a number, or name a map that there is, or a place in its one value? */
static bool is_wide_known(const struct graft_input *in, const struct insn *i)
{
    uint32_t map = (uint32_t)i[0].imm, offset = (uint32_t)i[1].imm;

    if (insn_src(i) == 0 || map >= in->map_count)
        return insn_src(i) == 0;
    if (insn_src(i) == INSN_MAP)
        return offset == 0;
    uint32_t type = in->maps[map].type;
    return (type == GRAFT_MAP_ARRAY || type == GRAFT_MAP_WINDOW) &&
           offset < in->maps[map].value_bytes;
}

static enum graft_reason check_one_form(struct checker *c, const struct insn *i)
{
    enum graft_reason reason = insn_check(i);
    uint8_t form = insn_shapes[i->opcode].form;

    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (form == FORM_CALL && insn_src(i) == 1)
        return GRAFT_CALL_LOCAL;
    if (form == FORM_CALL && (insn_src(i) != 0 || !checker_is_helper((uint32_t)i->imm)))
        return GRAFT_CALL_HELPER;
    if (form != FORM_WIDE)
        return GRAFT_ACCEPTED;
    if (c->at + 1 >= c->in->count || !insn_is_wide_half(i + 1))
        return GRAFT_WIDE_CUT;
    c->places[c->at + 1].progress = PROGRESS_HALF;
    return is_wide_known(c->in, i) ? GRAFT_ACCEPTED : GRAFT_MAP;
}

int64_t checker_edge(const struct checker *c, uint32_t at, unsigned edge)
{
    const struct insn *i = &c->in->code[at];
    uint8_t form = insn_shapes[i->opcode].form;

    if (edge == 0)
        return form == FORM_JUMP || form == FORM_GOTO ? insn_target(i, at) : CHECKER_NO_EDGE;
    return form == FORM_GOTO || form == FORM_EXIT ? CHECKER_NO_EDGE
                                                  : (int64_t)at + checker_slots(i);
}

static enum graft_reason check_edge(struct checker *c, unsigned edge)
{
    int64_t target = checker_edge(c, c->at, edge);

    if (target == CHECKER_NO_EDGE)
        return GRAFT_ACCEPTED;
    if (target < 0 || target >= c->in->count)
        return edge == 0 ? GRAFT_JUMP_RANGE : GRAFT_FALLS_OFF;
    if (c->places[target].progress == PROGRESS_HALF)
        return GRAFT_JUMP_MIDDLE;
    if (c->places[target].edges < 2)
        c->places[target].edges++;
    return GRAFT_ACCEPTED;
}

bool checker_check_form(struct checker *c)
{
    const struct insn *code = c->in->code;
    enum graft_reason reason = GRAFT_ACCEPTED;

    for (c->at = 0; c->at < c->in->count; c->at += checker_slots(&code[c->at])) {
        reason = check_one_form(c, &code[c->at]);
        if (reason != GRAFT_ACCEPTED)
            return checker_fail(c, reason,
                                reason == GRAFT_FRAME_WRITE ? INSN_FRAME : GRAFT_NO_REGISTER);
    }
    c->places[0].edges = 1; /* the start */
    for (c->at = 0; c->at < c->in->count; c->at += checker_slots(&code[c->at]))
        for (unsigned edge = 0; edge < 2; edge++) {
            reason = check_edge(c, edge);
            if (reason != GRAFT_ACCEPTED)
                return checker_fail(c, reason, GRAFT_NO_REGISTER);
        }
    return true;
}

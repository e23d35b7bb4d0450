/* The checker: what does not depend on values: the encoding, and edges. */
#include "grafts/checker_step.h"

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

/* Counts the edge. */
static enum graft_reason check_target(struct checker *c, int64_t target)
{
    if (target < 0 || target >= c->in->count)
        return GRAFT_JUMP_RANGE;
    c->places[target].meets = ++c->places[target].edges > 1;
    return insn_is_half(&c->in->code[target]) ? GRAFT_JUMP_MIDDLE : GRAFT_ACCEPTED;
}

static enum graft_reason check_one_form(struct checker *c, const struct insn *i, uint8_t form)
{
    enum graft_reason reason = insn_check(i);

    if (reason != GRAFT_ACCEPTED || (form < FORM_JUMP && form != FORM_WIDE))
        return reason;
    if (form == FORM_JUMP || form == FORM_GOTO)
        return check_target(c, insn_target(i, c->at));
    if (form == FORM_CALL && insn_src(i) == 1)
        return GRAFT_CALL_LOCAL;
    if (form == FORM_CALL && (insn_src(i) != 0 || !checker_find_helper(c, (uint32_t)i->imm)))
        return GRAFT_CALL_HELPER;
    if (form != FORM_WIDE)
        return GRAFT_ACCEPTED;
    if (c->at + 1 >= c->in->count || !insn_is_wide_half(i + 1))
        return GRAFT_WIDE_CUT;
    return is_wide_known(c->in, i) ? GRAFT_ACCEPTED : GRAFT_MAP;
}

bool checker_check_form(struct checker *c)
{
    const uint32_t count = c->in->count;
    uint32_t next = 0, falls = 1; /* into the next one: the start */

    for (uint32_t i = 0; i < count; i++)
        c->places[i] = (struct checker_place){0};
    while (next < count) {
        const struct insn *i = &c->in->code[next];
        uint8_t form = insn_shapes[i->opcode].form;

        struct checker_place *place = &c->places[next];

        c->at = next++;
        place->edges += falls;
        place->meets = place->edges > 1;
        falls = form != FORM_GOTO && form != FORM_EXIT;
        enum graft_reason reason = check_one_form(c, i, form);
        if (reason != GRAFT_ACCEPTED)
            return checker_fail(c, reason,
                                reason == GRAFT_FRAME_WRITE ? INSN_FRAME : GRAFT_NO_REGISTER);
        next += form == FORM_WIDE;
    }
    return !falls || checker_stop(c, GRAFT_FALLS_OFF);
}

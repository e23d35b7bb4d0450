/* The checker: conditional jumps and what each way tells. */
#include "grafts/checker_step.h"

/* Narrows both operands in `state`, and what is linked to them. False: the jump cannot go this
 * way. */
static bool refine_numbers(struct state *state, const struct insn *i, const struct value *operand,
                           bool taken)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    struct value *dst = &state->reg[insn_dst(i)], *src = &state->reg[insn_src(i)];
    struct scalar a = dst->n, b = operand->n;

    if (!scalar_refine(s->op, s->bytes, taken, &a, &b))
        return false;
    if (s->by_reg)
        src->n = b;
    dst->n = a;
    return state_tell_numbers(state, dst) && (!s->by_reg || state_tell_numbers(state, src));
}

static uint8_t mirrored(uint8_t op)
{
    switch (op) {
    case JUMP_JGT:
        return JUMP_JLT;
    case JUMP_JGE:
        return JUMP_JLE;
    case JUMP_JLT:
        return JUMP_JGT;
    case JUMP_JLE:
        return JUMP_JGE;
    default:
        return op;
    }
}

/* `p` stood left of data_end in the comparison: the way that shows p not to be behind data_end
 * proves all bytes before p, and p's own byte too where they cannot be equal. */
static void prove_by_end(struct checker *c, uint8_t op, const struct value *p)
{
    switch (op) {
    case JUMP_JGT:
    case JUMP_JNE:
        state_prove_packet(c->now, p, 0);
        break;
    case JUMP_JGE:
        state_prove_packet(c->now, p, 1);
        break;
    case JUMP_JLT:
        state_prove_packet(c->taken, p, 1);
        break;
    default: /* JLE, JEQ */
        state_prove_packet(c->taken, p, 0);
        break;
    }
}

/* Comparing addresses in one object is comparing offsets, which may be negative. */
static uint8_t offset_comparison(uint8_t op)
{
    switch (op) {
    case JUMP_JGT:
        return JUMP_JSGT;
    case JUMP_JGE:
        return JUMP_JSGE;
    case JUMP_JLT:
        return JUMP_JSLT;
    case JUMP_JLE:
        return JUMP_JSLE;
    default: /* JEQ, JNE */
        return op;
    }
}

static bool refine_offsets(struct state *state, const struct insn *i, bool taken)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    struct scalar a = state->reg[insn_dst(i)].n, b = state->reg[insn_src(i)].n;

    if (!scalar_refine(offset_comparison(s->op), 8, taken, &a, &b))
        return false;
    state->reg[insn_src(i)].n = b;
    state->reg[insn_dst(i)].n = a;
    return true;
}

static bool is_pointer_comparison(const struct insn_shape *s)
{
    return s->bytes == 8 &&
           (s->op == JUMP_JEQ || s->op == JUMP_JNE || offset_comparison(s->op) != s->op);
}

/* A pointer is compared with 0, by JEQ or JNE of 64 bits. */
static void compare_null(struct checker *c, uint8_t op, const struct value *p)
{
    const uint32_t base = p->base;

    if (p->kind == VALUE_MAP_VALUE_OR_NULL || p->kind == VALUE_RECORD_OR_NULL) {
        state_resolve_null(c->taken, base, op == JUMP_JEQ);
        state_resolve_null(c->now, base, op == JUMP_JNE);
        return;
    }
    c->goes = op == JUMP_JNE; /* no pointer is 0: S2, and no object lies so low */
    c->alive = !c->goes;
}

static bool is_zero(const struct value *v)
{
    return v->kind == VALUE_NUMBER && scalar_is_constant(&v->n) && v->n.umin == 0;
}

/* Not both are numbers. Clears alive or goes where a way is not possible. */
static enum graft_reason compare_pointers(struct checker *c, const struct insn *i,
                                          const struct value *operand)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    const struct value dst = c->now->reg[insn_dst(i)];

    if (s->bytes == 8 && (s->op == JUMP_JEQ || s->op == JUMP_JNE) &&
        (is_zero(operand) || is_zero(&dst))) {
        compare_null(c, s->op, is_zero(operand) ? &dst : operand);
        return GRAFT_ACCEPTED;
    }
    if (!is_pointer_comparison(s) || !checker_same_object(&dst, operand))
        return checker_refuse(c, GRAFT_POINTER_COMPARE,
                              value_is_pointer(&dst) ? insn_dst(i) : insn_src(i), 0, 0);
    if (dst.kind == VALUE_PACKET && operand->kind == VALUE_PACKET_END)
        prove_by_end(c, s->op, &dst);
    else if (dst.kind == VALUE_PACKET_END && operand->kind == VALUE_PACKET)
        prove_by_end(c, mirrored(s->op), operand);
    else if (dst.kind == operand->kind) {
        c->alive = refine_offsets(c->now, i, false);
        c->goes = refine_offsets(c->taken, i, true);
    }
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_step_jump(struct checker *c, const struct insn *i)
{
    struct value operand;
    enum graft_reason reason = checker_read(c, insn_dst(i));

    if (reason == GRAFT_ACCEPTED)
        reason = checker_read_operand(c, i, &operand);
    if (reason == GRAFT_ACCEPTED)
        reason = checker_fork(c);
    if (reason != GRAFT_ACCEPTED)
        return reason;

    c->target = (uint32_t)insn_target(i, c->at);
    c->goes = true;
    if (value_is_pointer(&c->now->reg[insn_dst(i)]) || value_is_pointer(&operand))
        return compare_pointers(c, i, &operand);
    c->alive = refine_numbers(c->now, i, &operand, false);
    c->goes = refine_numbers(c->taken, i, &operand, true);
    return GRAFT_ACCEPTED;
}

/* The checker: arithmetic, moves of pointers, conditional jumps. */
#include "grafts/checker_step.h"

enum graft_reason checker_read(struct checker *c, unsigned reg)
{
    uint8_t kind = c->now.reg[reg].kind;

    if (kind == VALUE_NONE)
        return checker_refuse(c, GRAFT_UNINITIALISED, reg, 0, 0);
    if (kind == VALUE_MIXED)
        return checker_refuse(c, GRAFT_MIXED, reg, 0, 0);
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_read_number(struct checker *c, unsigned reg, enum graft_reason reason)
{
    enum graft_reason unreadable = checker_read(c, reg);

    if (unreadable != GRAFT_ACCEPTED)
        return unreadable;
    if (c->now.reg[reg].kind != VALUE_NUMBER)
        return checker_refuse(c, reason, reg, 0, 0);
    return GRAFT_ACCEPTED;
}

/* The second operand: the source register, or imm, sign-extended. */
static enum graft_reason read_operand(struct checker *c, const struct insn *i, struct value *out)
{
    if (!insn_shapes[i->opcode].by_reg) {
        *out = value_number(scalar_constant((uint64_t)(int64_t)i->imm));
        return GRAFT_ACCEPTED;
    }
    enum graft_reason reason = checker_read(c, insn_src(i));
    if (reason == GRAFT_ACCEPTED)
        *out = c->now.reg[insn_src(i)];
    return reason;
}

/* Distances between pointers into one object are numbers that show no address. */
static bool is_distance(const struct value *a, const struct value *b)
{
    bool a_packet = a->kind == VALUE_PACKET || a->kind == VALUE_PACKET_END;
    bool b_packet = b->kind == VALUE_PACKET || b->kind == VALUE_PACKET_END;
    return a->kind == b->kind || (a_packet && b_packet);
}

static struct value distance(const struct value *a, const struct value *b)
{
    if (a->kind == VALUE_PACKET_END || b->kind == VALUE_PACKET_END)
        return value_number(scalar_anything());
    return value_number(scalar_alu(ALU_SUB, 0, 8, &a->n, &b->n));
}

/* dst and operand are not both numbers. */
static enum graft_reason step_pointer(struct checker *c, const struct insn *i,
                                      const struct value *operand)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    struct value *dst = &c->now.reg[insn_dst(i)];
    bool dst_points = value_is_pointer(dst), both = dst_points && value_is_pointer(operand);
    bool is_sub = s->op == ALU_SUB;
    uint32_t reg = dst_points ? insn_dst(i) : insn_src(i);

    if (s->bytes == 8 && is_sub && both && is_distance(dst, operand)) {
        *dst = distance(dst, operand);
        return GRAFT_ACCEPTED;
    }
    if (s->bytes != 8 || both || (s->op != ALU_ADD && !(is_sub && dst_points)))
        return checker_refuse(c, GRAFT_POINTER_ARITHMETIC, reg, 0, 0);

    struct value pointer = dst_points ? *dst : *operand;
    struct scalar by = dst_points ? operand->n : dst->n;
    if (is_sub)
        by = scalar_neg(8, &by);
    if (pointer.kind == VALUE_PACKET_END)
        return checker_refuse(c, GRAFT_PACKET_END, reg, 0, 0);
    if (!state_move_pointer(&pointer, &by, c->at))
        return checker_refuse(c, GRAFT_POINTER_RANGE,
                              !s->by_reg || !dst_points ? insn_dst(i) : insn_src(i), 0, 0);
    *dst = pointer;
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_step_alu(struct checker *c, const struct insn *i)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    struct value *dst = &c->now.reg[insn_dst(i)];
    struct value operand;
    enum graft_reason reason = read_operand(c, i, &operand);

    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (s->op == ALU_MOV) {
        bool whole = s->bytes == 8 && i->offset == 0;
        if (value_is_pointer(&operand) && !whole)
            return checker_refuse(c, GRAFT_POINTER_ARITHMETIC, insn_src(i), 0, 0);
        if (!value_is_pointer(&operand))
            operand.n = scalar_alu(ALU_MOV, i->offset, s->bytes, &operand.n, &operand.n);
        *dst = operand;
        return GRAFT_ACCEPTED;
    }
    reason = checker_read(c, insn_dst(i));
    if (reason != GRAFT_ACCEPTED)
        return reason;
    if (value_is_pointer(dst) || value_is_pointer(&operand))
        return step_pointer(c, i, &operand);
    dst->n = scalar_alu(s->op, i->offset, s->bytes, &dst->n, &operand.n);
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_step_unary(struct checker *c, const struct insn *i)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    struct scalar *n = &c->now.reg[insn_dst(i)].n;
    enum graft_reason reason = checker_read_number(c, insn_dst(i), GRAFT_POINTER_ARITHMETIC);

    if (reason == GRAFT_ACCEPTED)
        *n = s->form == FORM_NEG ? scalar_neg(s->bytes, n) : scalar_swap(s->op, i->imm, n);
    return reason;
}

/* Narrows both operands in `state`. False: the jump cannot go this way. */
static bool refine_numbers(struct state *state, const struct insn *i, const struct value *operand,
                           bool taken)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    struct scalar a = state->reg[insn_dst(i)].n, b = operand->n;

    if (!scalar_refine(s->op, s->bytes, taken, &a, &b))
        return false;
    if (s->by_reg)
        state->reg[insn_src(i)].n = b;
    state->reg[insn_dst(i)].n = a;
    return true;
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
        state_prove_packet(&c->now, p, 0);
        break;
    case JUMP_JGE:
        state_prove_packet(&c->now, p, 1);
        break;
    case JUMP_JLT:
        state_prove_packet(&c->taken, p, 1);
        break;
    default: /* JLE, JEQ */
        state_prove_packet(&c->taken, p, 0);
        break;
    }
}

static bool is_pointer_comparison(const struct insn_shape *s)
{
    switch (s->op) {
    case JUMP_JEQ:
    case JUMP_JNE:
    case JUMP_JGT:
    case JUMP_JGE:
    case JUMP_JLT:
    case JUMP_JLE:
        return s->bytes == 8;
    default:
        return false;
    }
}

/* Not both are numbers. Sets *falls and *goes to the ways that are possible. */
static enum graft_reason compare_pointers(struct checker *c, const struct insn *i,
                                          const struct value *operand, bool *falls, bool *goes)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    const struct value dst = c->now.reg[insn_dst(i)];
    bool is_null =
        operand->kind == VALUE_NUMBER && scalar_is_constant(&operand->n) && operand->n.umin == 0;

    if (is_null && s->bytes == 8 && (s->op == JUMP_JEQ || s->op == JUMP_JNE)) {
        *goes = s->op == JUMP_JNE; /* no pointer is 0: S2, and no object lies so low */
        *falls = !*goes;
        return GRAFT_ACCEPTED;
    }
    if (!is_pointer_comparison(s) || !is_distance(&dst, operand))
        return checker_refuse(c, GRAFT_POINTER_COMPARE,
                              value_is_pointer(&dst) ? insn_dst(i) : insn_src(i), 0, 0);
    if (dst.kind == VALUE_PACKET && operand->kind == VALUE_PACKET_END)
        prove_by_end(c, s->op, &dst);
    if (dst.kind == VALUE_PACKET_END && operand->kind == VALUE_PACKET)
        prove_by_end(c, mirrored(s->op), operand);
    return GRAFT_ACCEPTED;
}

enum graft_reason checker_step_jump(struct checker *c, const struct insn *i)
{
    struct value operand;
    bool falls = true, goes = true;
    enum graft_reason reason = checker_read(c, insn_dst(i));

    if (reason == GRAFT_ACCEPTED)
        reason = read_operand(c, i, &operand);
    if (reason != GRAFT_ACCEPTED)
        return reason;

    c->taken = c->now;
    if (value_is_pointer(&c->now.reg[insn_dst(i)]) || value_is_pointer(&operand)) {
        reason = compare_pointers(c, i, &operand, &falls, &goes);
    } else {
        falls = refine_numbers(&c->now, i, &operand, false);
        goes = refine_numbers(&c->taken, i, &operand, true);
    }
    if (reason == GRAFT_ACCEPTED && goes)
        reason = checker_flow(c, (uint32_t)insn_target(i, c->at), &c->taken);
    c->alive = falls;
    return reason;
}

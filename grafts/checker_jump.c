/* The checker: conditional jumps and what each way tells. */
#include "grafts/checker_step.h"

/* Narrows both operands in `state`, and what is linked to them. False: the jump cannot go this
 * way. */
static bool refine(const struct checker *c, struct state *state, uint8_t op,
                   const struct value *operand, bool taken)
{
    struct value *dst = &state->reg[insn_dst(c->insn)], *src = &state->reg[insn_src(c->insn)];
    struct scalar b = operand->n; /* src's own may be dst's */

    if (scalar_is_constant(&dst->n) && scalar_is_constant(&b))
        return jump_holds(op, c->shape->bytes, dst->n.umin, b.umin) == taken;
    if (!scalar_refine(op, c->shape->bytes, taken, &dst->n, &b))
        return false;
    if (c->shape->by_reg)
        src->n = b;
    return state_tell_numbers(state, dst) && (!c->shape->by_reg || state_tell_numbers(state, src));
}

static void refine_both(struct checker *c, uint8_t op, const struct value *operand)
{
    c->goes = refine(c, c->taken, op, operand, true); /* first: *operand may lie in *c->now */
    c->dead = !refine(c, c->now, op, operand, false);
}

/* `p` is compared with data_end, as the left of both or, where `mirrored`, as the right. The way
 * that shows it not to be behind data_end proves all bytes before p, and p's own byte too where
 * they cannot be equal. */
static void prove_by_end(struct checker *c, uint8_t op, bool mirrored, const struct value *p)
{
    bool greater = op == JUMP_JGT || op == JUMP_JGE, less = op == JUMP_JLT || op == JUMP_JLE;
    bool by_fall = op == JUMP_JNE || (mirrored ? less : greater);
    bool strict = by_fall ? op == JUMP_JGE || op == JUMP_JLE : op == JUMP_JGT || op == JUMP_JLT;

    state_prove_packet(by_fall ? c->now : c->taken, p, strict);
}

/* Comparing addresses in one object is comparing offsets, which may be negative. The others have
 * none. */
static const uint8_t offset_comparison[] = {
    [JUMP_JEQ] = JUMP_JEQ,  [JUMP_JNE] = JUMP_JNE,  [JUMP_JGT] = JUMP_JSGT, [JUMP_JGE] = JUMP_JSGE,
    [JUMP_JLT] = JUMP_JSLT, [JUMP_JLE] = JUMP_JSLE, [JUMP_JSLE] = 0};

/* A pointer is compared with 0, by JEQ or JNE of 64 bits. */
static void compare_null(struct checker *c, uint8_t op, const struct value *p)
{
    if (value_may_be_null(p)) {
        state_resolve_null(c->taken, p->base, op == JUMP_JEQ);
        state_resolve_null(c->now, p->base, op == JUMP_JNE);
    } else {
        c->goes = op == JUMP_JNE; /* no pointer is 0: S2, and no object lies so low */
        c->dead = c->goes;
    }
}

/* Not both are numbers. Of a way that is not possible it sets dead, or clears goes. */
static bool compare_pointers(struct checker *c, const struct value *operand)
{
    const struct insn_shape *s = c->shape;
    const struct value dst = *c->dst, src = *operand;
    bool zero = checker_is_zero(&src, VALUE_NUMBER);
    bool equality = s->op == JUMP_JEQ || s->op == JUMP_JNE;

    if (s->bytes == 8 && equality && (zero || checker_is_zero(&dst, VALUE_NUMBER))) {
        compare_null(c, s->op, zero ? &dst : &src);
        return true;
    }
    if (s->bytes != 8 || (!equality && offset_comparison[s->op] == 0) ||
        !checker_same_object(&dst, &src))
        return checker_fail(c, GRAFT_POINTER_COMPARE,
                            value_is_pointer(&dst) ? insn_dst(c->insn) : insn_src(c->insn));
    if (dst.kind == src.kind) {
        refine_both(c, offset_comparison[s->op], operand);
    } else {
        bool mirrored = src.kind == VALUE_PACKET;
        prove_by_end(c, s->op, mirrored, mirrored ? &src : &dst);
    }
    return true;
}

bool checker_step_jump(struct checker *c)
{
    const struct value *operand =
        checker_read(c, insn_dst(c->insn)) ? checker_read_operand(c) : NULL;

    if (!operand || !checker_spend(c, state_values(c->now)))
        return false;
    state_copy(c->taken, c->now);
    c->goes = true;
    if (value_is_pointer(c->dst) || value_is_pointer(operand))
        return compare_pointers(c, operand);
    refine_both(c, c->shape->op, operand);
    return true;
}

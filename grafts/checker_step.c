/* The checker: arithmetic on numbers and pointers. */
#include "grafts/checker_step.h"

bool checker_read(struct checker *c, unsigned reg)
{
    uint8_t kind = c->now->reg[reg].kind;

    return kind > VALUE_MIXED ||
           checker_fail(c, kind == VALUE_NONE ? GRAFT_UNINITIALISED : GRAFT_MIXED, reg);
}

bool checker_read_number(struct checker *c, unsigned reg, enum graft_reason reason)
{
    return checker_read(c, reg) &&
           (c->now->reg[reg].kind == VALUE_NUMBER || checker_fail(c, reason, reg));
}

struct value *checker_read_operand(struct checker *c)
{
    if (c->shape->by_reg)
        return checker_read(c, insn_src(c->insn)) ? c->src : NULL;
    *value_set(&c->imm, VALUE_NUMBER) = scalar_constant((uint64_t)(int64_t)c->insn->imm);
    return &c->imm;
}

void checker_link(struct checker *c, struct value *to, struct value *from)
{
    if (from->kind == VALUE_NUMBER && from->base == 0 && !scalar_is_constant(&from->n)) {
        from->base = state_name(c->at, STATE_COMPUTED);
        from->fixed = 0;
    }
    *to = *from;
}

bool checker_is_zero(const struct value *v, enum value_kind kind)
{
    return v->kind == kind && scalar_is_constant(&v->n) && v->n.umin == 0;
}

bool checker_same_object(const struct value *a, const struct value *b)
{
    uint8_t x = a->kind == VALUE_PACKET_END ? VALUE_PACKET : a->kind;
    uint8_t y = b->kind == VALUE_PACKET_END ? VALUE_PACKET : b->kind;
    bool named = x == VALUE_MAP_VALUE || x == VALUE_RECORD; /* there are several */

    return x == y && (named ? a->base == b->base
                            : x == VALUE_PACKET || x == VALUE_CONTEXT || x == VALUE_STACK);
}

/* `v` is about to move by one of [low, high], without wrapping when it `fits`: so does its mark. */
static void move_mark(const struct checker *c, struct value *v, bool fits, int64_t low,
                      int64_t high)
{
    if (v->mark == 0)
        return;
    int64_t gain = c->loops[v->mark - 1].down ? 0 - high : low;
    v->moved += gain;
    if (!fits || v->moved < -STATE_MOVED_MOST || v->moved > STATE_MOVED_MOST)
        v->mark = 0;
}

/* dst and operand are not both numbers. Distances between pointers into one object are numbers that
 * show no address. */
static bool step_pointer(struct checker *c, const struct value *operand)
{
    const struct insn_shape *s = c->shape;
    bool dst_points = value_is_pointer(c->dst), is_sub = s->op == ALU_SUB;
    struct value p = dst_points ? *c->dst : *operand;
    struct scalar by = dst_points ? operand->n : c->dst->n;
    unsigned reg = dst_points ? insn_dst(c->insn) : insn_src(c->insn);
    bool two = dst_points && value_is_pointer(operand), end = p.kind == VALUE_PACKET_END;

    if (s->bytes == 8 && is_sub && two && checker_same_object(c->dst, operand)) {
        *value_set(c->dst, VALUE_NUMBER) = end || operand->kind == VALUE_PACKET_END
                                               ? scalar_anything()
                                               : scalar_alu(ALU_SUB, 0, 8, &p.n, &by);
        return true;
    }
    if (s->bytes != 8 || two || !(is_sub ? dst_points : s->op == ALU_ADD) || p.kind == VALUE_MAP)
        return checker_fail(c, GRAFT_POINTER_ARITHMETIC, reg);
    if (end || value_may_be_null(&p))
        return checker_fail(c, end ? GRAFT_PACKET_END : GRAFT_MAYBE_NULL, reg);
    if (is_sub)
        by = scalar_neg(8, &by);
    if (!state_move_pointer(&p, &by, c->at))
        return checker_fail(c, GRAFT_POINTER_RANGE,
                            s->by_reg && dst_points ? insn_src(c->insn) : insn_dst(c->insn));
    move_mark(c, &p, true, by.smin, by.smax);
    *c->dst = p;
    return true;
}

/* dst += by, or what 32-bit arithmetic makes of it, which cuts nothing off where the sum has 32
 * bits. What was linked stays so when a constant was added, modulo 2^64; a mark needs that nothing
 * wraps.
 */
static void step_add(struct checker *c, const struct value *operand)
{
    struct value *dst = c->dst;
    struct scalar by = operand->n;
    int64_t low, high;

    if (c->shape->bytes == 4 && !scalar_is_constant(&by))
        by = scalar_alu(ALU_MOV, 32, 8, &by, &by);
    if (c->shape->op == ALU_SUB)
        by = scalar_neg(8, &by);
    bool fits = !__builtin_add_overflow(dst->n.smin, by.smin, &low) &&
                !__builtin_add_overflow(dst->n.smax, by.smax, &high) &&
                by.smin >= -STATE_MOVED_MOST && by.smax <= STATE_MOVED_MOST;
    bool whole = c->shape->bytes == 8 || (fits && low >= 0 && high <= UINT32_MAX);

    move_mark(c, dst, fits && whole, fits ? by.smin : 0, fits ? by.smax : 0);
    if (whole && scalar_is_constant(&by))
        dst->fixed = (int64_t)((uint64_t)dst->fixed + by.umin);
    else
        dst->base = 0;
    dst->n = whole ? scalar_alu(ALU_ADD, 0, 8, &dst->n, &by)
                   : scalar_alu(c->shape->op, 0, 4, &dst->n, &operand->n);
}

/* Does the move of a number leave it as it is? */
static bool is_plain_move(const struct checker *c, const struct scalar *n)
{
    unsigned bits = c->insn->offset ? (unsigned)c->insn->offset : 64;
    int64_t limit = INT64_MAX >> (64 - bits);

    if (c->shape->bytes == 4)
        return n->umax <= (bits < 64 ? (uint64_t)limit : UINT32_MAX);
    return n->smin >= -limit - 1 && n->smax <= limit;
}

static bool step_move(struct checker *c, struct value *src)
{
    const struct insn *i = c->insn;

    if (value_is_pointer(src) && (c->shape->bytes != 8 || i->offset != 0))
        return checker_fail(c, GRAFT_POINTER_ARITHMETIC, insn_src(i));
    if (value_is_pointer(src) || is_plain_move(c, &src->n))
        checker_link(c, c->dst, src);
    else
        *value_set(c->dst, VALUE_NUMBER) =
            scalar_alu(ALU_MOV, i->offset, c->shape->bytes, &src->n, &src->n);
    return true;
}

/* Is there nothing to know of it but the number? */
static bool is_plain(const struct value *v)
{
    return v->kind == VALUE_NUMBER && v->n.umin == v->n.umax && v->base == 0 && v->mark == 0;
}

/* The usual case, in a quarter of the time: plain constants, or one that is set. */
static bool fold(struct checker *c)
{
    const struct insn_shape *s = c->shape;
    struct value *dst = c->dst;

    if ((s->by_reg && !is_plain(c->src)) || (s->op != ALU_MOV && !is_plain(dst)))
        return false;
    uint64_t b = s->by_reg ? c->src->n.umin : (uint64_t)(int64_t)c->insn->imm;
    if (s->op == ALU_MOV)
        value_set(dst, VALUE_NUMBER);
    dst->n = scalar_constant(alu_compute(s->op, c->insn->offset, s->bytes, dst->n.umin, b));
    return true;
}

/* Not a part of its caller, which saves no registers then. */
static __attribute__((noinline)) bool step_any(struct checker *c)
{
    const struct insn_shape *s = c->shape;
    struct value *dst = c->dst, *operand = checker_read_operand(c);

    if (!operand || (s->op != ALU_MOV && !checker_read(c, insn_dst(c->insn))))
        return false;
    if (s->op == ALU_MOV)
        return step_move(c, operand);
    if (value_is_pointer(dst) || value_is_pointer(operand))
        return step_pointer(c, operand);
    if (s->op == ALU_ADD || s->op == ALU_SUB)
        step_add(c, operand);
    else
        *value_set(dst, VALUE_NUMBER) =
            scalar_alu(s->op, c->insn->offset, s->bytes, &dst->n, &operand->n);
    return true;
}

bool checker_step_alu(struct checker *c)
{
    return fold(c) || step_any(c);
}

bool checker_step_unary(struct checker *c)
{
    const struct insn_shape *s = c->shape;
    const struct scalar *n = &c->dst->n;

    if (!checker_read_number(c, insn_dst(c->insn), GRAFT_POINTER_ARITHMETIC))
        return false;
    *value_set(c->dst, VALUE_NUMBER) =
        s->form == FORM_NEG ? scalar_neg(s->bytes, n) : scalar_swap(s->op, c->insn->imm, n);
    return true;
}

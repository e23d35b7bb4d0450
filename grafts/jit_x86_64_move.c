/*
 * Moves as x86-64 code. eBPF's arithmetic has two operands, so compilers put moves before it; most
 * of them vanish in an instruction of the machine that has three: lea, imul, shlx, movzx; or in a
 * test.
 */
#include "grafts/jit_x86_64.h"

/* A move `D = S` and the instruction behind it, on D. */
struct pair {
    const struct insn *x, *next;
    const struct insn_shape *s; /* of next */
    unsigned d, src;
    unsigned bytes; /* of next */
    bool is_whole;  /* S as next reads it is all of S */
    uint32_t i;
};

static bool is_op(const struct insn *x, enum alu_op op, unsigned bytes, bool by_reg)
{
    const struct insn_shape *s = &insn_shapes[x->opcode];
    return s->form == FORM_ALU && s->op == op && s->bytes == bytes && s->by_reg == by_reg;
}

static void know_copy(struct jit *j, unsigned d, unsigned s, unsigned bytes)
{
    bool is_exact = bytes == 8 || j->width[s] <= 32;
    uint16_t bit = (uint16_t)(1u << d);
    bool nonzero = jit_has(j->nonzero, s), constant = jit_has(j->constants, s),
         fixed = jit_has(j->fixed, s);

    jit_result(j, d, is_exact ? j->width[s] : 32);
    if (!is_exact)
        return;
    j->nonzero |= nonzero ? bit : 0;
    j->constants |= constant ? bit : 0;
    j->fixed |= fixed ? bit : 0;
    j->value[d] = j->value[s];
}

void jit_constant(struct jit *j, uint32_t i, unsigned r, uint64_t value)
{
    if (jit_dies(j, i, r))
        return;
    x86_move_imm(j, j->map[r], value);
    if (value == 0)
        j->flags_of = NO_FLAGS;
    jit_result(j, r, jit_bits(value));
    j->constants |= (uint16_t)(1u << r);
    j->value[r] = value;
    if (value)
        j->nonzero |= (uint16_t)(1u << r);
}

static uint32_t move_imm(struct jit *j, uint32_t i, const struct insn *x, unsigned bytes)
{
    unsigned r = insn_dst(x);
    uint64_t value = bytes == 8 ? (uint64_t)(int64_t)x->imm : (uint32_t)x->imm;

    jit_constant(j, i, r, value);
    return 1;
}

/* D = S + imm, or S + T, or S + T * scale. */
static uint32_t pair_add(struct jit *j, const struct pair *p)
{
    unsigned t = insn_src(p->next) == p->d ? p->src : insn_src(p->next);
    struct x86_memory m;
    bool fixed = false;

    if (p->bytes == 8 ? !p->is_whole : p->src == INSN_FRAME)
        return 0;
    if (!p->s->by_reg) {
        int64_t sum = p->s->op == ALU_ADD ? p->next->imm : -(int64_t)p->next->imm;
        m = jit_operand(j, p->src, 0);
        if (sum > INT32_MAX - (1 << 20) || sum < INT32_MIN + (1 << 20))
            return 0;
        m.disp += (int32_t)sum;
        fixed = jit_has(j->fixed, p->src);
    } else {
        if (p->s->op != ALU_ADD || t == INSN_FRAME)
            return 0;
        m = jit_operand(j, p->src, 0);
        m.index = j->map[t];
    }
    if (p->bytes == 8)
        return 2 + jit_address(j, p->i + 2, p->d, m, fixed);
    x86_lea(j, 4, j->map[p->d], m);
    jit_result(j, p->d, 32);
    return 2;
}

/* D = S << 1 to 3, and mostly D += T. */
static uint32_t pair_shift(struct jit *j, const struct pair *p)
{
    unsigned k = (uint32_t)p->next->imm;
    const struct insn *third = jit_next(j, p->i + 1);

    if (p->s->by_reg) {
        unsigned count = insn_src(p->next) == p->d ? p->src : insn_src(p->next);
        if (!(j->in->features & GRAFT_JIT_BMI2) || (p->bytes == 8 && !p->is_whole) ||
            p->src == INSN_FRAME || count == INSN_FRAME)
            return 0;
        jit_shift(j, p->next, j->map[p->src], j->map[count]);
        return 2;
    }
    if (p->s->op != ALU_LSH || k < 1 || k > 3 || p->src == INSN_FRAME ||
        (p->bytes == 8 && !p->is_whole))
        return 0;
    struct x86_memory m = {j->map[p->src], j->map[p->src], 0, 0};
    if (third && is_op(third, ALU_ADD, p->bytes, true) && insn_dst(third) == p->d &&
        insn_src(third) != p->d && insn_src(third) != INSN_FRAME) {
        m.base = j->map[insn_src(third)];
        m.scale = (uint8_t)k;
        if (p->bytes == 8)
            return 3 + jit_address(j, p->i + 3, p->d, m, false);
        x86_lea(j, 4, j->map[p->d], m);
        jit_result(j, p->d, 32);
        return 3;
    }
    if (k > 1)
        return 0;
    x86_lea(j, p->bytes, j->map[p->d], m);
    jit_result(j, p->d, p->bytes * 8);
    return 2;
}

static uint32_t pair_multiply(struct jit *j, const struct pair *p)
{
    int32_t by = p->next->imm;

    if (p->s->by_reg || (p->bytes == 8 && !p->is_whole) || p->src == INSN_FRAME)
        return 0;
    if (jit_lea_scale(by)) {
        uint8_t s = j->map[p->src];
        const struct insn *third = jit_next(j, p->i + 1);
        struct x86_memory m = {s, s, (uint8_t)jit_lea_scale(by), 0};
        bool adds = third && is_op(third, ALU_ADD, p->bytes, false) && insn_dst(third) == p->d;
        m.disp = adds ? third->imm : 0;
        x86_lea(j, p->bytes, j->map[p->d], m);
        jit_result(j, p->d, p->bytes * 8);
        return adds ? 3 : 2;
    }
    if (by <= 0 || (by & (by - 1)) == 0)
        return 0;
    x86_imul_imm(j, p->bytes, j->map[p->d], j->map[p->src], by);
    jit_result(j, p->d, p->bytes * 8);
    j->flags_of = NO_FLAGS;
    return 2;
}

/* D = S & imm: movzx, or a test when only whether it is 0 matters. */
static uint32_t pair_and(struct jit *j, const struct pair *p)
{
    const struct insn *third = jit_next(j, p->i + 1);
    const struct insn_shape *t = third ? &insn_shapes[third->opcode] : NULL;
    int32_t imm = p->next->imm;

    if (p->s->by_reg || p->src == INSN_FRAME)
        return 0;
    if (t && t->form == FORM_JUMP && !t->by_reg && third->imm == 0 && insn_dst(third) == p->d &&
        (t->op == JUMP_JEQ || t->op == JUMP_JNE) && jit_dies(j, p->i + 2, p->d)) {
        bool is_wide = p->bytes == 8 && t->bytes == 8 && insn_shapes[p->x->opcode].bytes == 8;
        x86_test_imm(j, is_wide ? 8 : 4, j->map[p->src], imm);
        j->flags_of = NO_FLAGS;
        jit_result(j, p->d, 64);
        return 2 + jit_branch(j, p->i + 2, jit_condition(third));
    }
    if (imm != 0xff && imm != 0xffff)
        return 0;
    x86_extend(j, false, imm == 0xff ? 1 : 2, 4, j->map[p->d], j->map[p->src]);
    jit_result(j, p->d, imm == 0xff ? 8 : 16);
    return 2;
}

static uint32_t pair_extend(struct jit *j, const struct pair *p)
{
    bool sign;
    unsigned from = jit_extends(p->next, jit_next(j, p->i + 1), &sign);

    if (!from || p->src == INSN_FRAME || insn_shapes[p->x->opcode].bytes != 8)
        return 0;
    x86_extend(j, sign, from, 8, j->map[p->d], j->map[p->src]);
    jit_result(j, p->d, sign ? 64 : from * 8);
    return 3;
}

static uint32_t pair_divide(struct jit *j, const struct pair *p)
{
    if ((p->bytes == 8 && !p->is_whole) || p->src == INSN_FRAME ||
        (p->s->by_reg && insn_src(p->next) == p->d))
        return 0;
    jit_divide(j, p->next, p->src, p->i + 1);
    return 2;
}

static uint32_t move_and_more(struct jit *j, uint32_t i, const struct insn *x)
{
    struct pair p = {.x = x, .next = jit_next(j, i), .d = insn_dst(x), .src = insn_src(x), .i = i};
    uint32_t taken = jit_divide_idiom(j, i);

    if (taken || !p.next || insn_dst(p.next) != p.d)
        return taken;
    p.s = &insn_shapes[p.next->opcode];
    if (p.s->form != FORM_ALU || p.s->op == ALU_MOV)
        return 0;
    p.bytes = p.s->bytes;
    p.is_whole = insn_shapes[x->opcode].bytes == 8 || j->width[p.src] <= 32;
    switch (p.s->op) {
    case ALU_ADD:
    case ALU_SUB:
        return pair_add(j, &p);
    case ALU_LSH:
        taken = pair_extend(j, &p);
        return taken ? taken : pair_shift(j, &p);
    case ALU_RSH:
    case ALU_ARSH:
        return pair_shift(j, &p);
    case ALU_MUL:
        return pair_multiply(j, &p);
    case ALU_AND:
        return pair_and(j, &p);
    case ALU_DIV:
    case ALU_MOD:
        return pair_divide(j, &p);
    default:
        return 0;
    }
}

uint32_t jit_move(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    unsigned d = insn_dst(x), src = insn_src(x), bytes = insn_shapes[x->opcode].bytes;

    if (!insn_shapes[x->opcode].by_reg)
        return move_imm(j, i, x, bytes);
    if (x->offset) {
        if (!jit_dies(j, i, d))
            x86_extend(j, true, (unsigned)x->offset / 8, bytes, j->map[d], jit_read(j, src));
        jit_result(j, d, bytes * 8);
        return 1;
    }
    uint32_t taken = d == src ? 0 : move_and_more(j, i, x);
    if (taken)
        return taken;
    if (jit_dies(j, i, d))
        return 1;
    if (src == INSN_FRAME) {
        x86_lea(j, bytes, j->map[d], x86_at(RSP, j->frame_top));
        know_copy(j, d, src, bytes);
    } else if (d != src) {
        x86_move(j, j->width[src] <= 32 ? 4 : bytes, j->map[d], j->map[src]);
        know_copy(j, d, src, bytes);
    } else if (bytes == 4 && j->width[d] > 32) {
        x86_move(j, 4, j->map[d], j->map[d]);
        jit_result(j, d, 32);
    }
    return 1;
}

/* T <<= 1 to 3, and then T is the index of an address: D = S; D += T, or D += T alone, T dead; or
 * T += D. */
uint32_t jit_scaled(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i], *next = jit_next(j, i), *third;
    unsigned t = insn_dst(x);
    uint32_t k = (uint32_t)x->imm;

    if (!is_op(x, ALU_LSH, 8, false) || k < 1 || k > 3 || !next ||
        insn_shapes[next->opcode].form != FORM_ALU)
        return 0;
    unsigned d = insn_dst(next), src = insn_src(next);
    if (is_op(next, ALU_ADD, 8, true) && d == t && src != t && src != INSN_FRAME) {
        struct x86_memory m = {j->map[src], j->map[t], (uint8_t)k, 0};
        return 2 + jit_address(j, i + 2, t, m, false);
    }
    if (is_op(next, ALU_ADD, 8, true) && src == t && d != t && jit_dies(j, i + 1, t)) {
        struct x86_memory m = {j->map[d], j->map[t], (uint8_t)k, 0};
        return 2 + jit_address(j, i + 2, d, m, false);
    }
    third = jit_next(j, i + 1);
    if (!is_op(next, ALU_MOV, 8, true) || next->offset || d == t || src == t || !third ||
        !is_op(third, ALU_ADD, 8, true) || insn_dst(third) != d || insn_src(third) != t ||
        !jit_dies(j, i + 2, t))
        return 0;
    struct x86_memory m = jit_operand(j, src, 0);
    m.index = j->map[t];
    m.scale = (uint8_t)k;
    return 3 + jit_address(j, i + 3, d, m, false);
}

/* Arithmetic as x86-64 code, and what it tells of widths and flags. */
#include "grafts/jit_x86_64.h"

void jit_result(struct jit *j, unsigned reg, unsigned width)
{
    uint16_t others = (uint16_t) ~(1u << reg);

    j->width[reg] = (uint8_t)width;
    j->nonzero &= others;
    j->constants &= others;
    j->fixed &= others;
    if (j->flags_of == reg)
        j->flags_of = NO_FLAGS;
}

void jit_flags(struct jit *j, unsigned reg, unsigned bytes, bool sign)
{
    j->flags_of = (uint8_t)reg;
    j->flags_bytes = (uint8_t)bytes;
    j->flags_signed = sign;
}

unsigned jit_read(struct jit *j, unsigned r)
{
    if (r != INSN_FRAME)
        return j->map[r];
    x86_lea(j, 8, SCRATCH, x86_at(RSP, j->frame_top));
    return SCRATCH;
}

unsigned jit_bits(uint64_t imm)
{
    return imm ? 64u - (unsigned)__builtin_clzll(imm) : 1;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned most(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* Significant bits of the operand as an operation of `bytes` reads it. */
static unsigned operand_width(const struct jit *j, const struct insn *x, const struct insn_shape *s)
{
    if (s->by_reg)
        return least(j->width[insn_src(x)], s->bytes * 8u);
    return s->bytes == 4 ? jit_bits((uint32_t)x->imm) : jit_bits((uint64_t)(int64_t)x->imm);
}

static void keep_low(struct jit *j, unsigned r, unsigned bytes)
{
    unsigned width = j->width[r];

    if (bytes == 8 || width <= 32)
        return;
    x86_move(j, 4, j->map[r], j->map[r]);
    jit_result(j, r, 32);
}

static void add_imm(struct jit *j, const struct insn *x, unsigned bytes, int64_t imm)
{
    unsigned r = insn_dst(x), dst = j->map[r];
    unsigned width =
        imm >= 0 ? most(least(j->width[r], bytes * 8), jit_bits((uint64_t)imm)) + 1 : 64;

    if (imm == 0) {
        keep_low(j, r, bytes);
        return;
    }
    if (imm == 1 || imm == -1)
        x86_step(j, imm < 0, bytes, dst);
    else if (imm == 128)
        x86_alu_imm(j, X86_SUB, bytes, dst, -128);
    else if (imm > INT32_MAX)
        x86_alu_imm(j, X86_SUB, bytes, dst, INT32_MIN); /* 0 - INT32_MIN */
    else
        x86_alu_imm(j, X86_ADD, bytes, dst, (int32_t)imm);
    jit_result(j, r, least(width, bytes * 8));
    jit_flags(j, r, bytes, false);
}

static void and_imm(struct jit *j, const struct insn *x, unsigned bytes)
{
    unsigned r = insn_dst(x), dst = j->map[r];
    bool is_low =
        x->imm >= 0 && ((uint32_t)x->imm & ((uint32_t)x->imm + 1)) == 0; /* some low bits */

    if (x->imm == -1 || (is_low && j->width[r] <= jit_bits((uint32_t)x->imm) && x->imm)) {
        keep_low(j, r, bytes);
        return;
    }
    unsigned width = x->imm >= 0 ? least(j->width[r], jit_bits((uint32_t)x->imm))
                                 : least(j->width[r], bytes * 8);
    if (x->imm == 0xff || x->imm == 0xffff) {
        x86_extend(j, false, x->imm == 0xff ? 1 : 2, 4, dst, dst);
        jit_result(j, r, width);
        return;
    }
    if (x->imm >= 0 || j->width[r] <= 32)
        bytes = 4;
    x86_alu_imm(j, X86_AND, bytes, dst, x->imm);
    jit_result(j, r, width);
    jit_flags(j, r, bytes, true);
}

/* ADD, SUB, OR, AND, XOR. */
static void plain(struct jit *j, const struct insn *x, const struct insn_shape *s)
{
    static const uint8_t ops[] = {[ALU_ADD] = X86_ADD,
                                  [ALU_SUB] = X86_SUB,
                                  [ALU_OR] = X86_OR,
                                  [ALU_AND] = X86_AND,
                                  [ALU_XOR] = X86_XOR};
    unsigned r = insn_dst(x), bytes = s->bytes, wide = operand_width(j, x, s);
    unsigned mine = least(j->width[r], bytes * 8);
    bool is_bitwise = s->op == ALU_OR || s->op == ALU_AND || s->op == ALU_XOR;
    unsigned width = s->op == ALU_ADD   ? most(mine, wide) + 1
                     : s->op == ALU_SUB ? 64
                     : s->op == ALU_AND ? least(mine, wide)
                                        : most(mine, wide);

    if (!s->by_reg && s->op == ALU_XOR && x->imm == -1) {
        x86_unary(j, 2, bytes, j->map[r]);
        jit_result(j, r, bytes * 8);
        return;
    }
    if (is_bitwise && mine <= 32 && wide <= 32 && j->width[r] <= 32 &&
        (!s->by_reg || j->width[insn_src(x)] <= 32))
        bytes = 4;
    if (s->by_reg)
        x86_alu(j, (enum x86_alu)ops[s->op], bytes, j->map[r], jit_read(j, insn_src(x)));
    else
        x86_alu_imm(j, (enum x86_alu)ops[s->op], bytes, j->map[r], x->imm);
    jit_result(j, r, least(width, s->bytes * 8u));
    jit_flags(j, r, bytes, is_bitwise);
}

unsigned jit_lea_scale(int32_t factor)
{
    return factor == 3 ? 1 : factor == 5 ? 2 : factor == 9 ? 3 : 0;
}

static uint32_t multiply(struct jit *j, const struct insn *x, const struct insn_shape *s,
                         uint32_t i)
{
    unsigned r = insn_dst(x), dst = j->map[r], bytes = s->bytes;
    uint32_t d = (uint32_t)x->imm;
    unsigned width = least(least(j->width[r], bytes * 8) + operand_width(j, x, s), bytes * 8);
    const struct insn *next = jit_next(j, i);
    uint32_t taken = 1;

    if (s->by_reg) {
        x86_imul(j, bytes, dst, jit_read(j, insn_src(x)));
    } else if (jit_lea_scale(x->imm)) {
        struct x86_memory m = {(uint8_t)dst, (uint8_t)dst, (uint8_t)jit_lea_scale(x->imm), 0};
        if (next && next->opcode == (x->opcode & 7) && insn_dst(next) == r) { /* ADD imm */
            m.disp = next->imm;
            width = bytes * 8;
            taken = 2;
        }
        x86_lea(j, bytes, dst, m);
    } else if (x->imm == 0) {
        x86_move_imm(j, dst, 0);
    } else if (x->imm > 0 && (d & (d - 1)) == 0) {
        if (d == 1)
            keep_low(j, r, bytes);
        else
            x86_shift(j, X86_SHL, bytes, dst, jit_bits(d) - 1);
    } else {
        x86_imul_imm(j, bytes, dst, dst, x->imm);
    }
    jit_result(j, r, width);
    j->flags_of = NO_FLAGS;
    return taken;
}

static enum x86_shift shift_of(const struct insn_shape *s)
{
    return s->op == ALU_LSH ? X86_SHL : s->op == ALU_RSH ? X86_SHR : X86_SAR;
}

void jit_shift(struct jit *j, const struct insn *x, unsigned from, unsigned count)
{
    const struct insn_shape *s = &insn_shapes[x->opcode];
    unsigned r = insn_dst(x), dst = j->map[r];

    if (j->in->features & GRAFT_JIT_BMI2) {
        x86_shift_bmi2(j, shift_of(s), s->bytes, dst, from, count);
    } else {
        x86_move(j, 4, RCX, count);
        if (dst != from)
            x86_move(j, 8, dst, from);
        x86_shift_cl(j, shift_of(s), s->bytes, dst);
        if (s->bytes == 4)
            x86_move(j, 4, dst, dst); /* a shift by 0 leaves what was above */
        j->flags_of = NO_FLAGS;
    }
    jit_result(j, r, s->bytes * 8u);
}

static void shift_imm(struct jit *j, const struct insn *x, const struct insn_shape *s)
{
    unsigned r = insn_dst(x), bytes = s->bytes, count = (uint32_t)x->imm & (bytes * 8 - 1);
    unsigned mine = least(j->width[r], bytes * 8), width = bytes * 8;
    enum x86_shift op = shift_of(s);

    if (count == 0) {
        keep_low(j, r, bytes);
        return;
    }
    if (op == X86_SAR && mine < bytes * 8)
        op = X86_SHR; /* the sign is 0 */
    if (op == X86_SHR) {
        width = mine > count ? mine - count : 1;
        if (j->width[r] <= 32 && count < 32)
            bytes = 4;
    } else if (op == X86_SHL) {
        width = least(mine + count, bytes * 8);
    }
    x86_shift(j, op, bytes, j->map[r], count);
    jit_result(j, r, width);
    jit_flags(j, r, bytes, false);
}

unsigned jit_extends(const struct insn *x, const struct insn *second, bool *sign)
{
    const struct insn_shape *a = &insn_shapes[x->opcode], *b;

    if (!second || a->form != FORM_ALU || a->op != ALU_LSH || a->bytes != 8 || a->by_reg)
        return 0;
    b = &insn_shapes[second->opcode];
    if (b->form != FORM_ALU || (b->op != ALU_RSH && b->op != ALU_ARSH) || b->bytes != 8 ||
        b->by_reg || insn_dst(x) != insn_dst(second) || x->imm != second->imm)
        return 0;
    *sign = b->op == ALU_ARSH;
    return x->imm == 32 ? 4 : x->imm == 48 ? 2 : x->imm == 56 ? 1 : 0;
}

static uint32_t shift(struct jit *j, const struct insn *x, const struct insn_shape *s, uint32_t i)
{
    bool sign;
    unsigned r = insn_dst(x), from = jit_extends(x, jit_next(j, i), &sign);

    if (from) {
        x86_extend(j, sign, from, 8, j->map[r], j->map[r]);
        jit_result(j, r, sign ? 64 : least(j->width[r], from * 8));
        return 2;
    }
    uint32_t taken = jit_scaled(j, i);
    if (taken)
        return taken;
    if (s->by_reg)
        jit_shift(j, x, j->map[r], jit_read(j, insn_src(x)));
    else
        shift_imm(j, x, s);
    return 1;
}

static void negate(struct jit *j, const struct insn *x, const struct insn_shape *s)
{
    unsigned r = insn_dst(x);

    x86_unary(j, 3, s->bytes, j->map[r]);
    jit_result(j, r, s->bytes * 8u);
    jit_flags(j, r, s->bytes, false);
}

uint32_t jit_alu(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    const struct insn_shape *s = &insn_shapes[x->opcode];
    bool is_imm = !s->by_reg;

    if (s->form == FORM_ALU && s->op == ALU_MOV)
        return jit_move(j, i);
    if (jit_dies(j, i, insn_dst(x)))
        return 1; /* nobody looks at it */
    if (s->form == FORM_NEG) {
        negate(j, x, s);
        return 1;
    }
    switch (s->op) {
    case ALU_MUL:
        return multiply(j, x, s, i);
    case ALU_DIV:
    case ALU_MOD:
        jit_divide(j, x, insn_dst(x), i);
        return 1;
    case ALU_LSH:
    case ALU_RSH:
    case ALU_ARSH:
        return shift(j, x, s, i);
    default:
        if (is_imm && s->op == ALU_ADD)
            add_imm(j, x, s->bytes, x->imm);
        else if (is_imm && s->op == ALU_SUB)
            add_imm(j, x, s->bytes, -(int64_t)x->imm);
        else if (is_imm && s->op == ALU_AND)
            and_imm(j, x, s->bytes);
        else
            plain(j, x, s);
        return 1;
    }
}

uint32_t jit_swap(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    unsigned r = insn_dst(x), dst = j->map[r], bytes = (unsigned)x->imm / 8, width = j->width[r];

    if (jit_dies(j, i, r))
        return 1;
    if (insn_shapes[x->opcode].op == SWAP_LITTLE) {
        if (width > bytes * 8)
            x86_extend(j, false, bytes, 4, dst, dst);
        jit_result(j, r, least(width, bytes * 8));
        return 1;
    }
    if (bytes == 2) {
        x86_rol16(j, dst);
        if (width > 16)
            x86_extend(j, false, 2, 4, dst, dst);
        j->flags_of = NO_FLAGS;
    } else {
        x86_bswap(j, bytes, dst);
    }
    jit_result(j, r, bytes * 8);
    return 1;
}

uint32_t jit_wide(struct jit *j, uint32_t i)
{
    const struct insn *x = &j->code[i];
    unsigned r = insn_dst(x), kind = insn_src(x);
    uint64_t value = (uint32_t)x[0].imm | (uint64_t)(uint32_t)x[1].imm << 32;

    if (kind != 0 && !graft_map_find(j->in->outside, x, &value)) {
        jit_fail(j, GRAFT_JIT_BAD_MAP, i);
        return 1;
    }
    jit_constant(j, i, r, value);
    return 1;
}

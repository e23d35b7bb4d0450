/*
 * Division as x86-64 code, as RFC 9669 wants it: by 0 it gives 0 and leaves the dividend as
 * remainder; the least number by -1 is itself. The machine traps on both, so both go another way.
 * Where the divisor is a constant: shifts, masks, or a multiplication.
 *
 * rax and rdx are free wherever there is a division that needs them (jit_summary.has_division).
 */
#include "grafts/jit_x86_64.h"

/* What is to be done. */
struct division {
    bool is_mod, is_signed;
    unsigned bytes; /* of the operation: 4 or 8 */
    unsigned wide;  /* of the machine's: 4 where the operands are so small */
    unsigned dst;   /* x86 */
    unsigned from;  /* x86: the dividend; not SCRATCH */
};

static void copy(struct jit *j, const struct division *d)
{
    if (d->dst != d->from || d->bytes == 4)
        x86_move(j, d->bytes, d->dst, d->from);
}

static void by_power_of_two(struct jit *j, const struct division *d, uint32_t by)
{
    unsigned bits = jit_bits(by) - 1;

    copy(j, d);
    if (d->is_mod)
        x86_alu_imm(j, X86_AND, 4, d->dst, (int32_t)(by - 1));
    else if (bits)
        x86_shift(j, X86_SHR, d->bytes, d->dst, bits);
}

/* n / by = the high half of n * (2^64 / by + 1): that is by less than n * by / 2^64 / by too much,
 * and n and by are below 2^32. */
static void by_multiplying(struct jit *j, const struct division *d, uint32_t by)
{
    x86_move(j, 4, RAX, d->from);
    x86_move_imm(j, RDX, UINT64_MAX / by + 1);
    x86_unary(j, 4, 8, RDX);
    if (!d->is_mod) {
        x86_move(j, 4, d->dst, RDX);
        return;
    }
    x86_imul_imm(j, 4, RDX, RDX, (int32_t)by);
    if (d->dst != d->from)
        x86_move(j, 4, d->dst, d->from);
    x86_alu(j, X86_SUB, 4, d->dst, RDX);
}

/* The machine's own division; `by` is neither rax nor rdx. */
static void divide(struct jit *j, const struct division *d, unsigned by)
{
    x86_move(j, d->wide, RAX, d->from);
    if (d->is_signed) {
        if (d->wide == 8)
            x86_byte(j, 0x48);
        x86_byte(j, 0x99); /* cdq, cqo */
    } else {
        x86_alu(j, X86_XOR, 4, RDX, RDX);
    }
    x86_unary(j, d->is_signed ? 7 : 6, d->wide, by);
    x86_move(j, d->wide, d->dst, d->is_mod ? RDX : RAX);
}

static void by_signed_imm(struct jit *j, const struct division *d, int32_t by)
{
    if (by == 1 || by == -1) {
        if (d->is_mod)
            x86_move_imm(j, d->dst, 0);
        else
            copy(j, d);
        if (!d->is_mod && by == -1)
            x86_unary(j, 3, d->bytes, d->dst);
        return;
    }
    x86_move_imm(j, SCRATCH, (uint64_t)(int64_t)by);
    divide(j, d, SCRATCH);
}

static void by_imm(struct jit *j, const struct division *d, int32_t by, bool is_narrow)
{
    uint32_t u = (uint32_t)by;

    if (by == 0) {
        if (d->is_mod)
            copy(j, d);
        else
            x86_move_imm(j, d->dst, 0);
    } else if (d->is_signed) {
        by_signed_imm(j, d, by);
    } else if (by > 0 && (u & (u - 1)) == 0) {
        by_power_of_two(j, d, u);
    } else if (d->bytes == 4 || (is_narrow && by > 0)) {
        by_multiplying(j, d, u);
    } else {
        x86_move_imm(j, SCRATCH, (uint64_t)(int64_t)by);
        divide(j, d, SCRATCH);
    }
}

/* V + 1 is 0 or 1 just for the two divisors that trap. With V for -1 or 0: D / V = -(D & V), and
 * D % V = D & ~V. */
static void by_signed_register(struct jit *j, const struct division *d, unsigned by)
{
    x86_lea(j, d->bytes, RAX, x86_at(by, 1));
    x86_alu_imm(j, X86_CMP, d->bytes, RAX, 1);
    uint32_t plain = x86_skip_if(j, CC_A);
    x86_move(j, d->bytes, RAX, by);
    if (d->is_mod)
        x86_unary(j, 2, d->bytes, RAX);
    x86_alu(j, X86_AND, d->bytes, RAX, d->from);
    if (!d->is_mod)
        x86_unary(j, 3, d->bytes, RAX);
    x86_move(j, d->bytes, d->dst, RAX);
    uint32_t done = x86_skip(j);
    x86_here(j, plain);
    divide(j, d, by);
    x86_here(j, done);
}

static void by_register(struct jit *j, const struct division *d, unsigned by, bool is_nonzero,
                        bool is_kept)
{
    if (is_nonzero) {
        divide(j, d, by);
        return;
    }
    x86_test(j, d->wide, by, by);
    if (is_kept) { /* by 0, everything stays as it is */
        uint32_t zero = x86_skip_if(j, CC_E);
        divide(j, d, by);
        x86_here(j, zero);
        return;
    }
    uint32_t plain = x86_skip_if(j, CC_NE);
    if (d->is_mod)
        x86_move(j, d->bytes, d->dst, d->from);
    else
        x86_move_imm(j, d->dst, 0);
    uint32_t done = x86_skip(j);
    x86_here(j, plain);
    divide(j, d, by);
    x86_here(j, done);
}

void jit_divide(struct jit *j, const struct insn *x, unsigned from, uint32_t i)
{
    const struct insn_shape *s = &insn_shapes[x->opcode];
    unsigned r = insn_dst(x), v = insn_src(x), width = j->width[from];
    unsigned facts = j->in->facts ? j->in->facts[i] : 0;
    struct division d = {.is_mod = s->op == ALU_MOD,
                         .is_signed = x->offset == 1,
                         .bytes = s->bytes,
                         .wide = s->bytes,
                         .dst = j->map[r],
                         .from = j->map[from]};
    bool is_narrow = width <= 32 || facts & GRAFT_JIT_NARROW;

    if (width > s->bytes * 8u)
        width = s->bytes * 8;
    if (!s->by_reg) {
        by_imm(j, &d, x->imm, is_narrow);
        if (d.is_signed || (s->bytes == 8 && x->imm < 0))
            width = s->bytes * 8;
        else if (d.is_mod && x->imm != 0 && jit_bits((uint32_t)x->imm) < width)
            width = jit_bits((uint32_t)x->imm);
    } else {
        unsigned by = jit_read(j, v);
        is_narrow = is_narrow && (j->width[v] <= 32 || facts & GRAFT_JIT_NARROW);
        if (!d.is_signed && is_narrow)
            d.wide = 4;
        bool is_nonzero = facts & GRAFT_JIT_NONZERO ||
                          ((jit_has(j->nonzero, v)) && (s->bytes == 8 || j->width[v] <= 32));
        if (d.is_signed)
            by_signed_register(j, &d, by);
        else
            by_register(j, &d, by, is_nonzero,
                        d.is_mod && d.dst == d.from && (s->bytes == 8 || j->width[from] <= 32));
        if (d.is_signed)
            width = s->bytes * 8;
    }
    jit_result(j, r, width);
    j->flags_of = NO_FLAGS;
}

static bool is_same_operand(const struct insn *a, const struct insn *b)
{
    return insn_shapes[a->opcode].by_reg ? insn_src(a) == insn_src(b) : a->imm == b->imm;
}

static bool is_alu(const struct insn *x, enum alu_op op, unsigned bytes)
{
    const struct insn_shape *s = &insn_shapes[x->opcode];
    return s->form == FORM_ALU && s->op == op && s->bytes == bytes;
}

/* q = n; q /= d; q *= d; m = n; m -= q: how compilers without a remainder say m = n % d. */
uint32_t jit_divide_idiom(struct jit *j, uint32_t i)
{
    const struct insn *x[5] = {&j->code[i]};

    for (unsigned k = 1; k < 5; k++) {
        x[k] = jit_next(j, i + k - 1);
        if (!x[k] || insn_shapes[x[k]->opcode].form != FORM_ALU)
            return 0;
    }
    unsigned bytes = insn_shapes[x[1]->opcode].bytes;
    unsigned q = insn_dst(x[0]), n = insn_src(x[0]), m = insn_dst(x[3]);
    bool by_reg = insn_shapes[x[1]->opcode].by_reg;

    if (!is_alu(x[0], ALU_MOV, bytes) || !is_alu(x[1], ALU_DIV, bytes) ||
        !is_alu(x[2], ALU_MUL, bytes) || !is_alu(x[3], ALU_MOV, bytes) ||
        !is_alu(x[4], ALU_SUB, bytes) || x[0]->offset || x[3]->offset)
        return 0;
    if (!insn_shapes[x[3]->opcode].by_reg || !insn_shapes[x[4]->opcode].by_reg ||
        insn_shapes[x[2]->opcode].by_reg != by_reg || !is_same_operand(x[1], x[2]))
        return 0;
    if (insn_dst(x[1]) != q || insn_dst(x[2]) != q || insn_src(x[3]) != n || insn_dst(x[4]) != m ||
        insn_src(x[4]) != q || n == INSN_FRAME)
        return 0;
    unsigned d = by_reg ? insn_src(x[1]) : INSN_REGISTERS;
    if (q == n || m == q || m == n || d == q || d == m || !jit_dies(j, i + 4, q))
        return 0;

    struct insn mod = *x[1];
    mod.opcode = (uint8_t)(mod.opcode - 0x30 + 0x90); /* from DIV to MOD */
    mod.registers = (uint8_t)((mod.registers & 0xf0) | m);
    jit_divide(j, &mod, n, i + 1);
    return 5;
}

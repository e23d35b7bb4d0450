/*
 * Random programs. A program is a row of groups; jumps lead to the start of a group behind, or of a
 * loop's body. One register points to the memory and is never written; others hold numbers.
 * Addresses that are computed are made and used within one group.
 */
#include "tests/host/graft_random.h"

#include <string.h>

#include "tests/host/graft_asm.h"

#define MAX_JUMPS   64u
#define MAX_GROUPS  40u
#define STACK_SLOTS 6u

/* A program being made. */
struct maker {
    struct random_program *p;
    uint64_t seed;
    unsigned base;  /* register that points to the memory */
    uint32_t fixed; /* registers that groups may not write */
    bool has_stack, has_calls, has_locals;
    uint32_t jumps[MAX_JUMPS]; /* slots of jumps whose targets are not known yet */
    unsigned jump_count;
    uint32_t locals[4]; /* slots of local calls */
    unsigned local_count;
    unsigned depth; /* of loops */
};

static uint32_t pick(struct maker *m, uint32_t below)
{
    return (uint32_t)((asm_random(&m->seed) >> 20) % below);
}

static bool chance(struct maker *m, uint32_t percent)
{
    return pick(m, 100) < percent;
}

static int32_t pick_imm(struct maker *m)
{
    static const int32_t some[] = {0,  1,    2,    3,    4,     5,     7,         8,         9,
                                   10, 12,   15,   16,   31,    32,    48,        56,        63,
                                   64, 100,  127,  128,  200,   255,   256,       -1,        -2,
                                   -8, -128, -129, 1000, 65535, 65536, INT32_MAX, INT32_MIN, 641};
    return chance(m, 80) ? some[pick(m, sizeof some / sizeof some[0])]
                         : (int32_t)asm_random(&m->seed);
}

static void emit(struct maker *m, struct insn i)
{
    if (m->p->count < RANDOM_SLOTS)
        m->p->code[m->p->count++] = i;
}
#define EMIT(...) emit(m, (struct insn)__VA_ARGS__)

static void emit_wide(struct maker *m, unsigned r, unsigned kind, uint64_t value)
{
    EMIT(INSN(0x18, r, kind, 0, (uint32_t)value));
    EMIT(INSN(0, 0, 0, 0, (uint32_t)(value >> 32)));
}

/* A register that may be written, but none of `not` (set). */
static unsigned pick_written(struct maker *m, uint32_t not )
{
    for (;;) {
        unsigned r = pick(m, 10);
        if (!((m->fixed | not ) >> r & 1u))
            return r;
    }
}

static unsigned pick_read(struct maker *m)
{
    return pick(m, 10);
}

static void emit_number(struct maker *m, unsigned r)
{
    switch (pick(m, 4)) {
    case 0:
        emit_wide(m, r, 0, asm_random(&m->seed));
        break;
    case 1:
        EMIT(ALU32_K(MOV, r, pick_imm(m)));
        break;
    case 2:
        emit_wide(m, r, 0, (uint64_t)(int64_t)pick_imm(m) << pick(m, 64));
        break;
    default:
        EMIT(SET(r, pick_imm(m)));
        break;
    }
}

static void emit_alu_to(struct maker *m, unsigned dst)
{
    static const uint8_t codes[] = {ADD, SUB, MUL, DIV,  OR,  AND, LSH, RSH,
                                    MOD, XOR, MOV, ARSH, ADD, MOV, AND, LSH};
    uint8_t op = codes[pick(m, sizeof codes)],
            opcode = (uint8_t)(op | (chance(m, 55) ? 0x07 : 0x04));
    int16_t offset = 0;

    if ((op == DIV || op == MOD) && chance(m, 50))
        offset = 1;
    if (chance(m, 50)) {
        if (op == MOV && chance(m, 30))
            offset = (int16_t)(8 << pick(m, (opcode & 7) == 7 ? 3 : 2));
        EMIT(INSN(opcode | 8, dst, pick_read(m), offset, 0));
    } else {
        EMIT(INSN(opcode, dst, 0, offset, pick_imm(m)));
    }
}

static void emit_alu(struct maker *m)
{
    unsigned dst = pick_written(m, 0);

    switch (pick(m, 10)) {
    case 0:
        EMIT(INSN(chance(m, 50) ? 0x87 : 0x84, dst, 0, 0, 0));
        break;
    case 1: {
        static const uint8_t swaps[] = {0xd4, 0xdc, 0xd7};
        EMIT(INSN(swaps[pick(m, 3)], dst, 0, 0, 16 << pick(m, 3)));
        break;
    }
    case 2:
        emit_number(m, dst);
        break;
    default:
        emit_alu_to(m, dst);
        break;
    }
}

/* What compilers write, and a compiler may fold. */
static void emit_idiom(struct maker *m)
{
    unsigned a = pick_written(m, 0), b = pick_written(m, 1u << a), s = pick_read(m);
    unsigned w = chance(m, 70) ? 0x07 : 0x04;

    switch (pick(m, 8)) {
    case 0: /* a = s; a op= ... */
        EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        emit_alu_to(m, a);
        break;
    case 1: /* a = s; a <<= k; a += b */
        EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        EMIT(INSN(w | LSH, a, 0, 0, 1 + pick(m, 3)));
        EMIT(INSN(w | 8 | ADD, a, b, 0, 0));
        break;
    case 2: /* a <<= k; b = s; b += a */
        EMIT(INSN(w | LSH, a, 0, 0, 1 + pick(m, 3)));
        if (chance(m, 60))
            EMIT(INSN(w | 8 | MOV, b, s, 0, 0));
        EMIT(INSN(w | 8 | ADD, b, a, 0, 0));
        if (chance(m, 60))
            emit_number(m, a);
        break;
    case 3: { /* extension by two shifts */
        int32_t k = 8 * (int32_t)(4 + pick(m, 4));
        if (chance(m, 50))
            EMIT(COPY(a, s));
        EMIT(ALU64_K(LSH, a, k));
        EMIT(INSN(0x07 | (chance(m, 50) ? RSH : ARSH), a, 0, 0, k));
        break;
    }
    case 4: { /* remainder from a quotient */
        unsigned n = pick_written(m, 1u << a | 1u << b), d = pick_read(m);
        bool by_reg = chance(m, 60);
        int32_t imm = pick_imm(m);
        int sign = chance(m, 30);
        EMIT(INSN(w | 8 | MOV, a, n, 0, 0));
        EMIT(INSN(w | DIV | (by_reg ? 8 : 0), a, by_reg ? d : 0, sign, by_reg ? 0 : imm));
        EMIT(INSN(w | MUL | (by_reg ? 8 : 0), a, by_reg ? d : 0, 0, by_reg ? 0 : imm));
        EMIT(INSN(w | 8 | MOV, b, n, 0, 0));
        EMIT(INSN(w | 8 | SUB, b, a, 0, 0));
        if (chance(m, 70))
            emit_number(m, a);
        break;
    }
    case 5: /* a factor and a term */
        if (chance(m, 50))
            EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        EMIT(INSN(w | MUL, a, 0, 0, pick(m, 12)));
        EMIT(INSN(w | ADD, a, 0, 0, pick_imm(m)));
        break;
    case 6: /* shift by a register */
        if (chance(m, 50))
            EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        EMIT(INSN(w | 8 |
                      (chance(m, 33)   ? LSH
                       : chance(m, 50) ? RSH
                                       : ARSH),
                  a, pick_read(m), 0, 0));
        break;
    default:
        EMIT(INSN(w | AND, a, 0, 0, pick_imm(m)));
        emit_alu_to(m, a);
        break;
    }
}

static void emit_access(struct maker *m, unsigned base, int32_t offset, uint32_t not )
{
    static const uint8_t sizes[] = {B, H, W, DW};
    uint8_t size = sizes[pick(m, 4)];

    switch (pick(m, 6)) {
    case 0:
        EMIT(STX(size, base, pick_read(m), offset));
        break;
    case 1:
        EMIT(ST(size, base, offset, pick_imm(m)));
        break;
    case 2:
        if (size != DW) {
            EMIT(LDSX(size, pick_written(m, not ), base, offset));
            break;
        } /* fall through */
    default:
        EMIT(LDX(size, pick_written(m, not ), base, offset));
        break;
    }
}

static int32_t stack_offset(struct maker *m)
{
    return -8 * (int32_t)(1 + pick(m, STACK_SLOTS));
}

/* A load and what may be folded with it; a counter in memory. */
static void emit_load_idiom(struct maker *m, unsigned base, int32_t offset)
{
    unsigned a = pick_written(m, 0), b = pick_written(m, 1u << a);
    unsigned size = chance(m, 50) ? DW : W, w = size == DW || chance(m, 30) ? 0x07 : 0x04;
    static const uint8_t ops[] = {ADD, SUB, OR, AND, XOR};
    uint8_t op = ops[pick(m, 5)];

    EMIT(LDX(size, a, base, offset));
    switch (pick(m, 3)) {
    case 0:
        EMIT(INSN(w | 8 | op, b, a, 0, 0));
        break;
    case 1:
        if (chance(m, 50))
            EMIT(INSN(w | op, a, 0, 0, pick_imm(m)));
        else
            EMIT(INSN(w | 8 | op, a, b, 0, 0));
        EMIT(STX(size, base, a, offset));
        break;
    default:
        EMIT(INSN(chance(m, 50) ? 0xdc : 0xd7, a, 0, 0, 16 << pick(m, 3)));
        break;
    }
    if (chance(m, 70))
        emit_number(m, a);
}

static void emit_memory(struct maker *m)
{
    int32_t offset = (int32_t)pick(m, RANDOM_MEMORY - 8);
    unsigned a = pick_written(m, 0), t = pick_written(m, 1u << a), k = pick(m, 4);

    switch (pick(m, 8)) {
    case 0: /* index */
        EMIT(ALU64_K(AND, t, 15));
        if (k)
            EMIT(ALU64_K(LSH, t, k));
        EMIT(COPY(a, m->base));
        EMIT(ALU64_X(ADD, a, t));
        emit_access(m, a, (int32_t)pick(m, 120), 0);
        break;
    case 1: /* index, the other way round */
        EMIT(ALU64_K(AND, t, 15));
        EMIT(COPY(a, t));
        EMIT(ALU64_K(LSH, a, 1 + pick(m, 3)));
        EMIT(ALU64_X(ADD, a, m->base));
        emit_access(m, a, (int32_t)pick(m, 120), chance(m, 50) ? 1u << a : 0);
        break;
    case 2: /* a distance */
        EMIT(COPY(a, m->base));
        EMIT(ALU64_K(ADD, a, offset));
        emit_access(m, a, 0, 0);
        break;
    case 3:
        emit_load_idiom(m, m->base, offset);
        break;
    case 4:
        if (!m->has_stack)
            break;
        EMIT(COPY(a, 10));
        EMIT(ALU64_K(ADD, a, -48));
        if (chance(m, 50))
            EMIT(LDX(chance(m, 50) ? B : DW, pick_written(m, 1u << a), a, pick(m, 40)));
        else
            EMIT(ST(chance(m, 50) ? H : DW, a, pick(m, 40), pick_imm(m)));
        emit_number(m, a); /* where the stack is, nobody may tell */
        break;
    case 5:
        emit_wide(m, a, 6, (uint64_t)pick(m, 32) << 32);
        emit_access(m, a, (int32_t)pick(m, 24), 0);
        break;
    default:
        if (m->has_stack && chance(m, 50))
            emit_access(m, 10, stack_offset(m), 0);
        else
            emit_access(m, m->base, offset, 0);
        break;
    }
}

static void emit_atomic(struct maker *m)
{
    static const uint8_t ops[] = {0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1};
    uint8_t op = ops[pick(m, 10)], size = chance(m, 50) ? DW : W;
    unsigned base = m->base, src = pick_written(m, 0);
    int32_t offset = 8 * (int32_t)pick(m, RANDOM_MEMORY / 8);

    if (op == 0xf1 && (m->fixed & 1))
        return; /* r0 may not be written */
    if (m->has_stack && chance(m, 25)) {
        base = 10;
        offset = stack_offset(m);
    } else if (chance(m, 50)) { /* whatever register as base, also the source, also r0 */
        base = pick_written(m, op == 0xf1 ? 1 : 0);
        EMIT(COPY(base, m->base));
    }
    if (op == 0xf1 && chance(m, 50))
        EMIT(LDX(size, 0, base, offset)); /* so that it is equal */
    EMIT(LOCK(size, base, chance(m, 20) && base != 10 && base != m->base ? base : src, offset, op));
}

static void emit_jump(struct maker *m)
{
    static const uint8_t codes[] = {JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, JLT, JLE, JSLT, JSLE};
    uint8_t opcode = (uint8_t)(codes[pick(m, sizeof codes)] | (chance(m, 60) ? 0x05 : 0x06));
    unsigned a = pick_read(m);

    if (m->jump_count == MAX_JUMPS)
        return;
    if (chance(m, 25) && !(m->fixed >> a & 1u)) {
        if (chance(m, 50))
            EMIT(COPY(a, pick_read(m)));
        emit_alu_to(m, a);
    }
    if (chance(m, 15))
        EMIT(LDX(chance(m, 50)   ? W
                 : chance(m, 50) ? B
                                 : DW,
                 a = pick_written(m, 0), m->base, pick(m, 200)));
    m->jumps[m->jump_count++] = m->p->count;
    if (chance(m, 10))
        EMIT(GOTO(0));
    else if (chance(m, 5))
        EMIT(GOTOL(0));
    else if (chance(m, 50))
        EMIT(INSN(opcode | 8, a, pick_read(m), 0, 0));
    else
        EMIT(INSN(opcode, a, 0, 0, chance(m, 30) ? 0 : pick_imm(m)));
    if (chance(m, 25) && m->jump_count < MAX_JUMPS) { /* over a goto */
        m->p->code[m->p->count - 1].offset = m->p->code[m->p->count - 1].opcode == 0x06 ? 0 : 1;
        m->p->code[m->p->count - 1].imm += m->p->code[m->p->count - 1].opcode == 0x06;
        m->jumps[m->jump_count - 1] = m->p->count;
        EMIT(GOTO(0));
    }
}

static void emit_call(struct maker *m)
{
    if (m->has_locals && m->local_count < 4 && chance(m, 40)) {
        m->locals[m->local_count++] = m->p->count;
        EMIT(CALL(1, 0));
    } else if (chance(m, 30)) {
        unsigned r = 1 + pick(m, 5);
        EMIT(SET(r, 1 + pick(m, RANDOM_HELPERS)));
        EMIT(INSN(0x8d, r, 0, 0, 0));
    } else {
        EMIT(CALL(0, 1 + (int32_t)pick(m, RANDOM_HELPERS)));
    }
    for (unsigned r = 1; r <= 5; r++) /* a call leaves nothing in them */
        if (chance(m, 50))
            emit_number(m, r);
        else
            EMIT(COPY(r, chance(m, 50) ? 0 : m->base));
}

/* Jumps that wait may lead here. */
static void land(struct maker *m, uint32_t percent)
{
    unsigned left = 0;

    for (unsigned k = 0; k < m->jump_count; k++) {
        struct insn *i = &m->p->code[m->jumps[k]];
        int32_t distance = (int32_t)(m->p->count - m->jumps[k] - 1);
        if (!chance(m, percent)) {
            m->jumps[left++] = m->jumps[k];
            continue;
        }
        if (i->opcode == 0x06)
            i->imm = distance;
        else
            i->offset = (int16_t)distance;
    }
    m->jump_count = left;
}

static void emit_group(struct maker *m)
{
    switch (pick(m, 16)) {
    case 0:
    case 1:
    case 2:
        emit_memory(m);
        break;
    case 3:
        emit_atomic(m);
        break;
    case 4:
    case 5:
        emit_jump(m);
        break;
    case 6:
        if (m->has_calls && m->depth < 2)
            emit_call(m);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        emit_idiom(m);
        break;
    default:
        emit_alu(m);
        break;
    }
}

/* A loop that counts down, or one that only fuel ends. */
static void emit_loop(struct maker *m)
{
    unsigned counter = m->has_calls ? 6 + pick(m, 4) : pick(m, 10);
    bool has_fuel =
        chance(m, 15) && m->p->point_count < RANDOM_POINTS && !m->has_locals && m->depth == 0;

    if (m->fixed >> counter & 1u)
        return;
    land(m, 100);
    EMIT(SET(counter, 1 + pick(m, 5)));
    m->fixed |= 1u << counter;
    m->depth++;
    uint32_t head = m->p->count;
    if (has_fuel) {
        m->p->points[m->p->point_count++] = (struct graft_fuel_point){head, 1 + pick(m, 9)};
        m->p->fuel = pick(m, 60);
    }
    for (uint32_t n = 1 + pick(m, 6); n > 0; n--) {
        emit_group(m);
        land(m, 60);
    }
    land(m, 100);
    m->fixed &= ~(1u << counter);
    EMIT(INSN((chance(m, 50) ? 0x07 : 0x04) | (has_fuel && chance(m, 50) ? XOR : ADD), counter, 0,
              0, -1));
    EMIT(JUMP64_K(JNE, counter, 0, (int32_t)head - (int32_t)m->p->count - 1));
    m->depth--;
}

static void emit_stack(struct maker *m)
{
    for (unsigned k = 1; k <= STACK_SLOTS && m->has_stack; k++)
        EMIT(ST(DW, 10, -8 * (int32_t)k, pick_imm(m)));
}

/* The registers that count go into r0; those that do not, a compiler may forget. */
static void emit_end(struct maker *m)
{
    for (unsigned r = 1; r < 10; r++)
        if (chance(m, 50)) {
            EMIT(ALU64_K(MUL, 0, 31));
            EMIT(ALU64_X(XOR, 0, r));
        }
    EMIT(EXIT);
}

static void emit_function(struct maker *m, uint32_t slot)
{
    m->p->code[slot].imm = (int32_t)(m->p->count - slot - 1);
    m->fixed = 1u << m->base;
    emit_stack(m);
    for (uint32_t n = pick(m, 6); n > 0; n--) {
        emit_group(m);
        land(m, 50);
    }
    land(m, 100);
    EMIT(EXIT);
}

void random_make(struct random_program *p, uint64_t seed)
{
    struct maker maker = {.p = p, .seed = (seed + 1) * 0x9e3779b97f4a7c15}, *m = &maker;

    p->count = p->point_count = 0;
    p->fuel = 0;
    for (unsigned k = 0; k < 4; k++)
        asm_random(&m->seed);
    m->has_stack = chance(m, 60);
    m->has_calls = chance(m, 30);
    m->has_locals = m->has_calls && chance(m, 40);
    m->base = m->has_calls ? 6 + pick(m, 4) : pick(m, 10);
    EMIT(COPY(m->base, 1));
    for (unsigned r = 0; r < 10; r++)
        if (r != m->base && (r != 2 || m->base == 2))
            emit_number(m, r);
    m->fixed = 1u << m->base;
    emit_stack(m);
    for (uint32_t n = pick(m, MAX_GROUPS); n > 0; n--) {
        if (chance(m, 8))
            emit_loop(m);
        else
            emit_group(m);
        land(m, 25);
    }
    land(m, 100);
    emit_end(m);
    for (unsigned k = 0; k < m->local_count; k++)
        emit_function(m, m->locals[k]);
}

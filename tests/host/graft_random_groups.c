/* Random groups of instructions: arithmetic, memory, and what compilers write and fold. */
#include "tests/host/graft_random_maker.h"

uint32_t random_pick(struct maker *m, uint32_t below)
{
    return (uint32_t)((asm_random(&m->seed) >> 20) % below);
}

bool random_chance(struct maker *m, uint32_t percent)
{
    return random_pick(m, 100) < percent;
}

int32_t random_imm(struct maker *m)
{
    static const int32_t some[] = {0,  1,    2,    3,    4,     5,     7,         8,         9,
                                   10, 12,   15,   16,   31,    32,    48,        56,        63,
                                   64, 100,  127,  128,  200,   255,   256,       -1,        -2,
                                   -8, -128, -129, 1000, 65535, 65536, INT32_MAX, INT32_MIN, 641};
    return random_chance(m, 80) ? some[random_pick(m, sizeof some / sizeof some[0])]
                                : (int32_t)asm_random(&m->seed);
}

void random_emit(struct maker *m, struct insn i)
{
    if (m->p->count < RANDOM_SLOTS)
        m->p->code[m->p->count++] = i;
}

static void emit_wide(struct maker *m, unsigned r, unsigned kind, uint64_t value)
{
    EMIT(INSN(0x18, r, kind, 0, (uint32_t)value));
    EMIT(INSN(0, 0, 0, 0, (uint32_t)(value >> 32)));
}

unsigned random_written(struct maker *m, uint32_t not )
{
    for (;;) {
        unsigned r = random_pick(m, 10);
        if (!((m->fixed | not ) >> r & 1u))
            return r;
    }
}

unsigned random_read(struct maker *m)
{
    return random_pick(m, 10);
}

void random_number(struct maker *m, unsigned r)
{
    switch (random_pick(m, 4)) {
    case 0:
        emit_wide(m, r, 0, asm_random(&m->seed));
        break;
    case 1:
        EMIT(ALU32_K(MOV, r, random_imm(m)));
        break;
    case 2:
        emit_wide(m, r, 0, (uint64_t)(int64_t)random_imm(m) << random_pick(m, 64));
        break;
    default:
        EMIT(SET(r, random_imm(m)));
        break;
    }
}

void random_alu_to(struct maker *m, unsigned dst)
{
    static const uint8_t codes[] = {ADD, SUB, MUL, DIV,  OR,  AND, LSH, RSH,
                                    MOD, XOR, MOV, ARSH, ADD, MOV, AND, LSH};
    uint8_t op = codes[random_pick(m, sizeof codes)],
            opcode = (uint8_t)(op | (random_chance(m, 55) ? 0x07 : 0x04));
    int16_t offset = 0;

    if ((op == DIV || op == MOD) && random_chance(m, 50))
        offset = 1;
    if (random_chance(m, 50)) {
        if (op == MOV && random_chance(m, 30))
            offset = (int16_t)(8 << random_pick(m, (opcode & 7) == 7 ? 3 : 2));
        EMIT(INSN(opcode | 8, dst, random_read(m), offset, 0));
    } else {
        EMIT(INSN(opcode, dst, 0, offset, random_imm(m)));
    }
}

void random_alu(struct maker *m)
{
    unsigned dst = random_written(m, 0);

    switch (random_pick(m, 10)) {
    case 0:
        EMIT(INSN(random_chance(m, 50) ? 0x87 : 0x84, dst, 0, 0, 0));
        break;
    case 1: {
        static const uint8_t swaps[] = {0xd4, 0xdc, 0xd7};
        EMIT(INSN(swaps[random_pick(m, 3)], dst, 0, 0, 16 << random_pick(m, 3)));
        break;
    }
    case 2:
        random_number(m, dst);
        break;
    default:
        random_alu_to(m, dst);
        break;
    }
}

/* b = n % d by way of the quotient, in a. */
static void emit_remainder(struct maker *m, unsigned w, unsigned a, unsigned b)
{
    unsigned n = random_written(m, 1u << a | 1u << b), d = random_read(m);
    bool by_reg = random_chance(m, 60);
    int32_t imm = random_imm(m);
    int sign = random_chance(m, 30);

    EMIT(INSN(w | 8 | MOV, a, n, 0, 0));
    EMIT(INSN(w | DIV | (by_reg ? 8 : 0), a, by_reg ? d : 0, sign, by_reg ? 0 : imm));
    EMIT(INSN(w | MUL | (by_reg ? 8 : 0), a, by_reg ? d : 0, 0, by_reg ? 0 : imm));
    EMIT(INSN(w | 8 | MOV, b, n, 0, 0));
    EMIT(INSN(w | 8 | SUB, b, a, 0, 0));
    if (random_chance(m, 70))
        random_number(m, a);
}

/* What compilers write, and a compiler may fold. */
void random_idiom(struct maker *m)
{
    unsigned a = random_written(m, 0), b = random_written(m, 1u << a), s = random_read(m);
    unsigned w = random_chance(m, 70) ? 0x07 : 0x04;

    switch (random_pick(m, 8)) {
    case 0: /* a = s; a op= ... */
        EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        random_alu_to(m, a);
        break;
    case 1: /* a = s; a <<= k; a += b */
        EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        EMIT(INSN(w | LSH, a, 0, 0, 1 + random_pick(m, 3)));
        EMIT(INSN(w | 8 | ADD, a, b, 0, 0));
        break;
    case 2: /* a <<= k; b = s; b += a */
        EMIT(INSN(w | LSH, a, 0, 0, 1 + random_pick(m, 3)));
        if (random_chance(m, 60))
            EMIT(INSN(w | 8 | MOV, b, s, 0, 0));
        EMIT(INSN(w | 8 | ADD, b, a, 0, 0));
        if (random_chance(m, 60))
            random_number(m, a);
        break;
    case 3: { /* extension by two shifts */
        int32_t k = 8 * (int32_t)(4 + random_pick(m, 4));
        if (random_chance(m, 50))
            EMIT(COPY(a, s));
        EMIT(ALU64_K(LSH, a, k));
        EMIT(INSN(0x07 | (random_chance(m, 50) ? RSH : ARSH), a, 0, 0, k));
        break;
    }
    case 4:
        emit_remainder(m, w, a, b);
        break;
    case 5: /* a factor and a term */
        if (random_chance(m, 50))
            EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        EMIT(INSN(w | MUL, a, 0, 0, random_pick(m, 12)));
        EMIT(INSN(w | ADD, a, 0, 0, random_imm(m)));
        break;
    case 6: /* shift by a register */
        if (random_chance(m, 50))
            EMIT(INSN(w | 8 | MOV, a, s, 0, 0));
        EMIT(INSN(w | 8 |
                      (random_chance(m, 33)   ? LSH
                       : random_chance(m, 50) ? RSH
                                              : ARSH),
                  a, random_read(m), 0, 0));
        break;
    default:
        EMIT(INSN(w | AND, a, 0, 0, random_imm(m)));
        random_alu_to(m, a);
        break;
    }
}

static void emit_access(struct maker *m, unsigned base, int32_t offset, uint32_t not )
{
    static const uint8_t sizes[] = {B, H, W, DW};
    uint8_t size = sizes[random_pick(m, 4)];

    switch (random_pick(m, 6)) {
    case 0:
        EMIT(STX(size, base, random_read(m), offset));
        break;
    case 1:
        EMIT(ST(size, base, offset, random_imm(m)));
        break;
    case 2:
        if (size != DW) {
            EMIT(LDSX(size, random_written(m, not ), base, offset));
            break;
        } /* fall through */
    default:
        EMIT(LDX(size, random_written(m, not ), base, offset));
        break;
    }
}

static int32_t stack_offset(struct maker *m)
{
    return -8 * (int32_t)(1 + random_pick(m, STACK_SLOTS));
}

/* A load and what may be folded with it; a counter in memory. */
static void emit_load_idiom(struct maker *m, unsigned base, int32_t offset)
{
    unsigned a = random_written(m, 0), b = random_written(m, 1u << a);
    unsigned size = random_chance(m, 50) ? DW : W,
             w = size == DW || random_chance(m, 30) ? 0x07 : 0x04;
    static const uint8_t ops[] = {ADD, SUB, OR, AND, XOR};
    uint8_t op = ops[random_pick(m, 5)];

    EMIT(LDX(size, a, base, offset));
    switch (random_pick(m, 3)) {
    case 0:
        EMIT(INSN(w | 8 | op, b, a, 0, 0));
        break;
    case 1:
        if (random_chance(m, 50))
            EMIT(INSN(w | op, a, 0, 0, random_imm(m)));
        else
            EMIT(INSN(w | 8 | op, a, b, 0, 0));
        EMIT(STX(size, base, a, offset));
        break;
    default:
        EMIT(INSN(random_chance(m, 50) ? 0xdc : 0xd7, a, 0, 0, 16 << random_pick(m, 3)));
        break;
    }
    if (random_chance(m, 70))
        random_number(m, a);
}

void random_memory(struct maker *m)
{
    int32_t offset = (int32_t)random_pick(m, RANDOM_MEMORY - 8);
    unsigned a = random_written(m, 0), t = random_written(m, 1u << a), k = random_pick(m, 4);

    switch (random_pick(m, 8)) {
    case 0: /* index */
        EMIT(ALU64_K(AND, t, 15));
        if (k)
            EMIT(ALU64_K(LSH, t, k));
        EMIT(COPY(a, m->base));
        EMIT(ALU64_X(ADD, a, t));
        emit_access(m, a, (int32_t)random_pick(m, 120), 0);
        break;
    case 1: /* index, the other way round */
        EMIT(ALU64_K(AND, t, 15));
        EMIT(COPY(a, t));
        EMIT(ALU64_K(LSH, a, 1 + random_pick(m, 3)));
        EMIT(ALU64_X(ADD, a, m->base));
        emit_access(m, a, (int32_t)random_pick(m, 120), random_chance(m, 50) ? 1u << a : 0);
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
        if (random_chance(m, 50))
            EMIT(LDX(random_chance(m, 50) ? B : DW, random_written(m, 1u << a), a,
                     random_pick(m, 40)));
        else
            EMIT(ST(random_chance(m, 50) ? H : DW, a, random_pick(m, 40), random_imm(m)));
        random_number(m, a); /* where the stack is, nobody may tell */
        break;
    case 5:
        emit_wide(m, a, 6, (uint64_t)random_pick(m, 32) << 32);
        emit_access(m, a, (int32_t)random_pick(m, 24), 0);
        break;
    default:
        if (m->has_stack && random_chance(m, 50))
            emit_access(m, 10, stack_offset(m), 0);
        else
            emit_access(m, m->base, offset, 0);
        break;
    }
}

void random_atomic(struct maker *m)
{
    static const uint8_t ops[] = {0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1};
    uint8_t op = ops[random_pick(m, 10)], size = random_chance(m, 50) ? DW : W;
    unsigned base = m->base, src = random_written(m, 0);
    int32_t offset = 8 * (int32_t)random_pick(m, RANDOM_MEMORY / 8);

    if (op == 0xf1 && (m->fixed & 1))
        return; /* r0 may not be written */
    if (m->has_stack && random_chance(m, 25)) {
        base = 10;
        offset = stack_offset(m);
    } else if (random_chance(m, 50)) { /* whatever register as base, also the source, also r0 */
        base = random_written(m, op == 0xf1 ? 1 : 0);
        EMIT(COPY(base, m->base));
    }
    if (op == 0xf1 && random_chance(m, 50))
        EMIT(LDX(size, 0, base, offset)); /* so that it is equal */
    EMIT(LOCK(size, base, random_chance(m, 20) && base != 10 && base != m->base ? base : src,
              offset, op));
}

/* Bytes of x86-64 instructions: prefixes, ModRM, immediates in their shortest forms. */
#include "grafts/jit_x86_64.h"

#define REX   0x40u
#define REX_W 0x08u
#define REX_R 0x04u
#define REX_X 0x02u
#define REX_B 0x01u

#define ESCAPE 0x0f00u /* in an opcode: comes behind byte 0F */

static bool fits8(int32_t x)
{
    return x >= -128 && x <= 127;
}

/* Beyond the buffer bytes are only counted: so the same walk tells the size and writes the code. */
void x86_byte(struct jit *j, unsigned b)
{
    if (j->at < j->capacity)
        j->out[j->at] = (uint8_t)b;
    j->at++;
}

void x86_four(struct jit *j, uint32_t w)
{
    for (unsigned k = 0; k < 32; k += 8)
        x86_byte(j, w >> k);
}

static void eight(struct jit *j, uint64_t w)
{
    x86_four(j, (uint32_t)w);
    x86_four(j, (uint32_t)(w >> 32));
}

static void opcode(struct jit *j, unsigned op)
{
    if (op & ESCAPE)
        x86_byte(j, 0x0f);
    x86_byte(j, op & 0xff);
}

/* `force`: the registers are named as bytes, and spl to dil exist with a REX prefix only. */
static void rex(struct jit *j, unsigned bytes, unsigned reg, unsigned index, unsigned base,
                bool force)
{
    unsigned bits = (bytes == 8 ? REX_W : 0) | (reg >= 8 ? REX_R : 0) |
                    (index != NO_INDEX && index >= 8 ? REX_X : 0) | (base >= 8 ? REX_B : 0);
    if (bits || force)
        x86_byte(j, REX | bits);
}

/* An instruction on two registers. */
static void two(struct jit *j, unsigned bytes, unsigned op, unsigned reg, unsigned rm)
{
    rex(j, bytes, reg, NO_INDEX, rm, false);
    opcode(j, op);
    x86_byte(j, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void memory_bytes(struct jit *j, unsigned reg, struct x86_memory m)
{
    bool has_sib = m.index != NO_INDEX || (m.base & 7) == RSP;
    unsigned mod = m.disp == 0 && (m.base & 7) != RBP ? 0 : fits8(m.disp) ? 1 : 2;

    x86_byte(j, mod << 6 | (reg & 7) << 3 | (has_sib ? RSP : m.base & 7u));
    if (has_sib)
        x86_byte(j, (unsigned)m.scale << 6 | (m.index == NO_INDEX ? RSP : m.index & 7u) << 3 |
                        (m.base & 7u));
    if (mod == 1)
        x86_byte(j, (uint8_t)m.disp);
    else if (mod == 2)
        x86_four(j, (uint32_t)m.disp);
}

/* An instruction on a register (or opcode extension) and memory. */
static void with_memory(struct jit *j, unsigned bytes, unsigned op, unsigned reg,
                        struct x86_memory m)
{
    rex(j, bytes, reg, m.index, m.base, false);
    opcode(j, op);
    memory_bytes(j, reg, m);
}

void x86_move(struct jit *j, unsigned bytes, unsigned dst, unsigned src)
{
    two(j, bytes, 0x89, src, dst);
}

void x86_move_imm(struct jit *j, unsigned dst, uint64_t imm)
{
    if (imm == 0) {
        x86_alu(j, X86_XOR, 4, dst, dst);
    } else if (imm == (uint32_t)imm) {
        rex(j, 4, 0, NO_INDEX, dst, false);
        x86_byte(j, 0xb8 | (dst & 7));
        x86_four(j, (uint32_t)imm);
    } else if (imm == (uint64_t)(int64_t)(int32_t)imm) {
        two(j, 8, 0xc7, 0, dst);
        x86_four(j, (uint32_t)imm);
    } else {
        rex(j, 8, 0, NO_INDEX, dst, false);
        x86_byte(j, 0xb8 | (dst & 7));
        eight(j, imm);
    }
}

void x86_alu(struct jit *j, enum x86_alu op, unsigned bytes, unsigned dst, unsigned src)
{
    two(j, bytes, (unsigned)op << 3 | 1, src, dst);
}

void x86_alu_imm(struct jit *j, enum x86_alu op, unsigned bytes, unsigned dst, int32_t imm)
{
    if (fits8(imm)) {
        two(j, bytes, 0x83, op, dst);
        x86_byte(j, (uint8_t)imm);
        return;
    }
    if (dst == RAX) {
        rex(j, bytes, 0, NO_INDEX, 0, false);
        x86_byte(j, (unsigned)op << 3 | 5);
    } else {
        two(j, bytes, 0x81, op, dst);
    }
    x86_four(j, (uint32_t)imm);
}

void x86_alu_memory(struct jit *j, enum x86_alu op, unsigned bytes, unsigned dst,
                    struct x86_memory m)
{
    with_memory(j, bytes, (unsigned)op << 3 | 3, dst, m);
}

void x86_alu_memory_imm(struct jit *j, enum x86_alu op, unsigned bytes, struct x86_memory m,
                        int32_t imm)
{
    bool is_short = bytes > 1 && fits8(imm);

    if (bytes == 2)
        x86_byte(j, 0x66);
    with_memory(j, bytes, bytes == 1 ? 0x80 : is_short ? 0x83 : 0x81, op, m);
    if (bytes == 1 || is_short) {
        x86_byte(j, (uint8_t)imm);
    } else if (bytes == 2) {
        x86_byte(j, (uint8_t)imm);
        x86_byte(j, (uint8_t)(imm >> 8));
    } else {
        x86_four(j, (uint32_t)imm);
    }
}

void x86_test(struct jit *j, unsigned bytes, unsigned a, unsigned b)
{
    two(j, bytes, 0x85, b, a);
}

/* Only ZF is promised: a positive imm needs no more of `a` than it is long. */
void x86_test_imm(struct jit *j, unsigned bytes, unsigned a, int32_t imm)
{
    if (imm >= 0 && imm <= 255) {
        rex(j, 4, 0, NO_INDEX, a, a >= RSP);
        x86_byte(j, 0xf6);
        x86_byte(j, 0xc0 | (a & 7));
        x86_byte(j, (uint8_t)imm);
        return;
    }
    two(j, imm >= 0 ? 4 : bytes, 0xf7, 0, a);
    x86_four(j, (uint32_t)imm);
}

void x86_lea(struct jit *j, unsigned bytes, unsigned dst, struct x86_memory m)
{
    with_memory(j, bytes, 0x8d, dst, m);
}

void x86_shift(struct jit *j, enum x86_shift op, unsigned bytes, unsigned dst, unsigned count)
{
    two(j, bytes, count == 1 ? 0xd1 : 0xc1, op, dst);
    if (count != 1)
        x86_byte(j, count);
}

void x86_shift_cl(struct jit *j, enum x86_shift op, unsigned bytes, unsigned dst)
{
    two(j, bytes, 0xd3, op, dst);
}

/* shlx, shrx, sarx: VEX.0F38 F7, the prefix tells which. */
void x86_shift_bmi2(struct jit *j, enum x86_shift op, unsigned bytes, unsigned dst, unsigned src,
                    unsigned count)
{
    unsigned prefix = op == X86_SHL ? 1 : op == X86_SAR ? 2 : 3;

    x86_byte(j, 0xc4);
    x86_byte(j, (dst >= 8 ? 0 : 0x80u) | 0x40 | (src >= 8 ? 0 : 0x20u) | 2);
    x86_byte(j, (bytes == 8 ? 0x80u : 0) | (~count & 15) << 3 | prefix);
    x86_byte(j, 0xf7);
    x86_byte(j, 0xc0 | (dst & 7) << 3 | (src & 7));
}

void x86_step(struct jit *j, bool down, unsigned bytes, unsigned reg)
{
    two(j, bytes, 0xff, down, reg);
}

void x86_fence(struct jit *j)
{
    x86_byte(j, 0x0f);
    x86_byte(j, 0xae);
    x86_byte(j, 0xe8);
}

void x86_unary(struct jit *j, unsigned which, unsigned bytes, unsigned reg)
{
    two(j, bytes, 0xf7, which, reg);
}

void x86_imul(struct jit *j, unsigned bytes, unsigned dst, unsigned src)
{
    two(j, bytes, ESCAPE | 0xaf, dst, src);
}

void x86_imul_imm(struct jit *j, unsigned bytes, unsigned dst, unsigned src, int32_t imm)
{
    two(j, bytes, fits8(imm) ? 0x6b : 0x69, dst, src);
    if (fits8(imm))
        x86_byte(j, (uint8_t)imm);
    else
        x86_four(j, (uint32_t)imm);
}

void x86_extend(struct jit *j, bool sign, unsigned from, unsigned to, unsigned dst, unsigned src)
{
    unsigned op = from == 4   ? 0x63
                  : from == 2 ? ESCAPE | (sign ? 0xbf : 0xb7)
                              : ESCAPE | (sign ? 0xbe : 0xb6);

    if (from == 4 && (!sign || to == 4)) {
        x86_move(j, 4, dst, src);
        return;
    }
    rex(j, sign ? to : 4, dst, NO_INDEX, src, from == 1 && src >= RSP);
    opcode(j, op);
    x86_byte(j, 0xc0 | (dst & 7) << 3 | (src & 7));
}

void x86_load(struct jit *j, bool sign, unsigned bytes, unsigned dst, struct x86_memory m)
{
    static const unsigned plain[] = {
        [1] = ESCAPE | 0xb6, [2] = ESCAPE | 0xb7, [4] = 0x8b, [8] = 0x8b};
    static const unsigned with_sign[] = {[1] = ESCAPE | 0xbe, [2] = ESCAPE | 0xbf, [4] = 0x63};

    with_memory(j, sign ? 8 : bytes, sign ? with_sign[bytes] : plain[bytes], dst, m);
}

/* movbe, widths 4 and 8. */
void x86_load_swapped(struct jit *j, unsigned bytes, unsigned dst, struct x86_memory m)
{
    rex(j, bytes, dst, m.index, m.base, false);
    x86_byte(j, 0x0f);
    x86_byte(j, 0x38);
    x86_byte(j, 0xf0);
    memory_bytes(j, dst, m);
}

void x86_store(struct jit *j, unsigned bytes, struct x86_memory m, unsigned src)
{
    if (bytes == 2)
        x86_byte(j, 0x66);
    rex(j, bytes, src, m.index, m.base, bytes == 1 && src >= RSP);
    x86_byte(j, bytes == 1 ? 0x88 : 0x89);
    memory_bytes(j, src, m);
}

void x86_store_imm(struct jit *j, unsigned bytes, struct x86_memory m, int32_t imm)
{
    if (bytes == 2)
        x86_byte(j, 0x66);
    with_memory(j, bytes, bytes == 1 ? 0xc6 : 0xc7, 0, m);
    x86_byte(j, (uint8_t)imm);
    if (bytes > 1)
        x86_byte(j, (uint8_t)(imm >> 8));
    if (bytes > 2) {
        x86_byte(j, (uint8_t)(imm >> 16));
        x86_byte(j, (uint8_t)(imm >> 24));
    }
}

void x86_bswap(struct jit *j, unsigned bytes, unsigned reg)
{
    rex(j, bytes, 0, NO_INDEX, reg, false);
    x86_byte(j, 0x0f);
    x86_byte(j, 0xc8 | (reg & 7));
}

void x86_rol16(struct jit *j, unsigned reg)
{
    x86_byte(j, 0x66);
    two(j, 4, 0xc1, X86_ROL, reg);
    x86_byte(j, 8);
}

void x86_lock(struct jit *j, bool lock, bool escape, unsigned op, unsigned bytes, unsigned reg,
              struct x86_memory m)
{
    if (lock)
        x86_byte(j, 0xf0);
    with_memory(j, bytes, escape ? ESCAPE | op : op, reg, m);
}

void x86_cmov(struct jit *j, enum x86_condition c, unsigned dst, unsigned src)
{
    two(j, 8, ESCAPE | 0x40 | c, dst, src);
}

void x86_push(struct jit *j, unsigned reg)
{
    rex(j, 4, 0, NO_INDEX, reg, false);
    x86_byte(j, 0x50 | (reg & 7));
}

void x86_pop(struct jit *j, unsigned reg)
{
    rex(j, 4, 0, NO_INDEX, reg, false);
    x86_byte(j, 0x58 | (reg & 7));
}

uint32_t x86_skip_if(struct jit *j, enum x86_condition c)
{
    x86_byte(j, 0x70u | c);
    x86_byte(j, 0);
    return j->at;
}

uint32_t x86_skip(struct jit *j)
{
    x86_byte(j, 0xeb);
    x86_byte(j, 0);
    return j->at;
}

/* What lies between is one instruction's code, far below 128 bytes. */
void x86_here(struct jit *j, uint32_t from)
{
    if (from <= j->capacity)
        j->out[from - 1] = (uint8_t)(j->at - from);
}

/* Writing eBPF in C tests: one macro per shape of instruction. */
#pragma once

#include "grafts/insn.h"

/* An initialiser; `(struct insn)SET(0, 1)` makes an expression of it. */
#define INSN(op, dst, src, off, im)                                                                \
    {                                                                                              \
        .opcode = (uint8_t)(op), .registers = (uint8_t)((dst) | (src) << 4),                       \
        .offset = (int16_t)(off), .imm = (int32_t)(im)                                             \
    }

/* Operation codes: the high bits of the opcode. */
enum asm_alu {
    ADD = 0x00,
    SUB = 0x10,
    MUL = 0x20,
    DIV = 0x30,
    OR = 0x40,
    AND = 0x50,
    LSH = 0x60,
    RSH = 0x70,
    MOD = 0x90,
    XOR = 0xa0,
    MOV = 0xb0,
    ARSH = 0xc0
};
enum asm_jump {
    JEQ = 0x10,
    JGT = 0x20,
    JGE = 0x30,
    JSET = 0x40,
    JNE = 0x50,
    JSGT = 0x60,
    JSGE = 0x70,
    JLT = 0xa0,
    JLE = 0xb0,
    JSLT = 0xc0,
    JSLE = 0xd0
};
enum asm_size { W = 0x00, H = 0x08, B = 0x10, DW = 0x18 };

#define ALU64_K(op, dst, im)          INSN(0x07 | (op), dst, 0, 0, im)
#define ALU64_X(op, dst, src)         INSN(0x0f | (op), dst, src, 0, 0)
#define ALU32_K(op, dst, im)          INSN(0x04 | (op), dst, 0, 0, im)
#define ALU32_X(op, dst, src)         INSN(0x0c | (op), dst, src, 0, 0)
#define SET(dst, im)                  ALU64_K(MOV, dst, im)
#define COPY(dst, src)                ALU64_X(MOV, dst, src)
#define JUMP64_K(op, dst, im, off)    INSN(0x05 | (op), dst, 0, off, im)
#define JUMP64_X(op, dst, src, off)   INSN(0x0d | (op), dst, src, off, 0)
#define JUMP32_K(op, dst, im, off)    INSN(0x06 | (op), dst, 0, off, im)
#define JUMP32_X(op, dst, src, off)   INSN(0x0e | (op), dst, src, off, 0)
#define LDX(size, dst, src, off)      INSN(0x61 | (size), dst, src, off, 0)
#define LDSX(size, dst, src, off)     INSN(0x81 | (size), dst, src, off, 0)
#define ST(size, dst, off, im)        INSN(0x62 | (size), dst, 0, off, im)
#define STX(size, dst, src, off)      INSN(0x63 | (size), dst, src, off, 0)
#define LOCK(size, dst, src, off, op) INSN(0xc3 | (size), dst, src, off, op)
#define GOTO(off)                     INSN(0x05, 0, 0, off, 0)
#define GOTOL(im)                     INSN(0x06, 0, 0, 0, im)
#define CALL(src, im)                 INSN(0x85, 0, src, 0, im)
#define EXIT                          INSN(0x95, 0, 0, 0, 0)
#define LDDW(dst, x)                                                                               \
    INSN(0x18, dst, 0, 0, (uint32_t)(x)), INSN(0, 0, 0, 0, (uint32_t)((uint64_t)(x) >> 32))

/* Numbers from a fixed seed: xorshift64 (Marsaglia 2003). */
static inline uint64_t asm_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Instructions: what the arithmetic and comparing ones compute. */
#include "grafts/insn.h"

uint64_t alu_sign_extend(uint64_t a, unsigned bits)
{
    return (uint64_t)((int64_t)(a << (64 - bits)) >> (64 - bits));
}

/* RFC 9669: division by 0 gives 0; the least number divided by -1 is itself. */
static uint64_t divide(bool is_signed, uint64_t a, uint64_t b)
{
    if (b == 0)
        return 0;
    if (!is_signed)
        return a / b;
    return b == UINT64_MAX ? 0 - a : (uint64_t)((int64_t)a / (int64_t)b);
}

/* RFC 9669: the remainder of a division by 0 is the dividend. */
static uint64_t remain(bool is_signed, uint64_t a, uint64_t b)
{
    if (b == 0)
        return a;
    if (!is_signed)
        return a % b;
    return b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

static uint64_t compute_wide(enum alu_op op, int16_t offset, unsigned shift_mask, uint64_t a,
                             uint64_t b)
{
    switch (op) {
    case ALU_ADD:
        return a + b;
    case ALU_SUB:
        return a - b;
    case ALU_MUL:
        return a * b;
    case ALU_DIV:
        return divide(offset == 1, a, b);
    case ALU_OR:
        return a | b;
    case ALU_AND:
        return a & b;
    case ALU_LSH:
        return a << (b & shift_mask);
    case ALU_RSH:
        return a >> (b & shift_mask);
    case ALU_MOD:
        return remain(offset == 1, a, b);
    case ALU_XOR:
        return a ^ b;
    case ALU_MOV:
        return offset ? alu_sign_extend(b, (unsigned)offset) : b;
    case ALU_ARSH:
        return (uint64_t)((int64_t)a >> (b & shift_mask));
    }
    return 0;
}

/* 32 bits: extend both operands as the operation reads them, compute in 64, cut. */
uint64_t alu_compute(enum alu_op op, int16_t offset, unsigned bytes, uint64_t a, uint64_t b)
{
    if (bytes == 8)
        return compute_wide(op, offset, 63, a, b);

    bool is_signed = op == ALU_ARSH || ((op == ALU_DIV || op == ALU_MOD) && offset == 1);
    a = is_signed ? alu_sign_extend(a, 32) : (uint32_t)a;
    b = is_signed ? alu_sign_extend(b, 32) : (uint32_t)b;
    return (uint32_t)compute_wide(op, offset, 31, a, b);
}

uint64_t alu_swap(enum swap_op op, int32_t bits, uint64_t a)
{
    if (op == SWAP_LITTLE) /* the objects accepted here are little-endian */
        return bits == 64 ? a : a & (((uint64_t)1 << bits) - 1);
    return __builtin_bswap64(a) >> (64 - bits);
}

bool jump_holds(enum jump_op op, unsigned bytes, uint64_t a, uint64_t b)
{
    int64_t sa = (int64_t)(bytes == 8 ? a : alu_sign_extend(a, 32));
    int64_t sb = (int64_t)(bytes == 8 ? b : alu_sign_extend(b, 32));

    if (bytes == 4) {
        a = (uint32_t)a;
        b = (uint32_t)b;
    }
    switch (op) {
    case JUMP_JEQ:
        return a == b;
    case JUMP_JGT:
        return a > b;
    case JUMP_JGE:
        return a >= b;
    case JUMP_JSET:
        return (a & b) != 0;
    case JUMP_JNE:
        return a != b;
    case JUMP_JSGT:
        return sa > sb;
    case JUMP_JSGE:
        return sa >= sb;
    case JUMP_JLT:
        return a < b;
    case JUMP_JLE:
        return a <= b;
    case JUMP_JSLT:
        return sa < sb;
    case JUMP_JSLE:
        return sa <= sb;
    }
    return false;
}

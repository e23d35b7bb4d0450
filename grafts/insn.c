/* Instructions: the table of shapes, the well-formedness check, concrete arithmetic. */
#include "grafts/insn.h"

/* Laid out by hand: one opcode per column is how the RFC prints them. */
/* clang-format off */
const struct insn_shape insn_shapes[256] = {
#define ALU(code, name, sign)                              \
    [0x04 | (code)] = {FORM_ALU, ALU_##name, 4, false},    \
    [0x0c | (code)] = {FORM_ALU, ALU_##name, 4, true},     \
    [0x07 | (code)] = {FORM_ALU, ALU_##name, 8, false},    \
    [0x0f | (code)] = {FORM_ALU, ALU_##name, 8, true},
#define JUMP(code, name, sign)                             \
    [0x06 | (code)] = {FORM_JUMP, JUMP_##name, 4, false},  \
    [0x0e | (code)] = {FORM_JUMP, JUMP_##name, 4, true},   \
    [0x05 | (code)] = {FORM_JUMP, JUMP_##name, 8, false},  \
    [0x0d | (code)] = {FORM_JUMP, JUMP_##name, 8, true},
#define OTHER(opcode, form, op, bytes) [opcode] = {FORM_##form, op, bytes, false},
#include "grafts/insn.def"
};
/* clang-format on */

static bool is_atomic_op(int32_t imm)
{
    switch (imm) {
#define ATOMIC(number, name, sign) case ATOMIC_##name:
#include "grafts/insn.def"
        return true;
    default:
        return false;
    }
}

/* The offset field of arithmetic is 0 but for the two uses that the RFC gives it. */
static bool is_alu_offset(const struct insn_shape *s, int16_t offset)
{
    if (offset == 0)
        return true;
    if (s->op == ALU_DIV || s->op == ALU_MOD)
        return offset == 1;
    if (s->op == ALU_MOV && s->by_reg)
        return offset == 8 || offset == 16 || (offset == 32 && s->bytes == 8);
    return false;
}

static bool are_fields_clean(const struct insn *i, const struct insn_shape *s)
{
    bool no_dst = insn_dst(i) == 0, no_src = insn_src(i) == 0, no_imm = i->imm == 0;
    bool no_offset = i->offset == 0;

    switch (s->form) {
    case FORM_ALU:
        return (s->by_reg ? no_imm : no_src) && is_alu_offset(s, i->offset);
    case FORM_NEG:
        return no_src && no_imm && no_offset;
    case FORM_SWAP:
        return no_src && no_offset && (i->imm == 16 || i->imm == 32 || i->imm == 64);
    case FORM_WIDE:
        return no_offset;
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
    case FORM_STORE:
        return no_imm;
    case FORM_STORE_IMM:
        return no_src;
    case FORM_ATOMIC:
        return is_atomic_op(i->imm);
    case FORM_JUMP:
        return s->by_reg ? no_imm : no_src;
    case FORM_GOTO:
        return no_dst && no_src && (s->bytes == 2 ? no_imm : no_offset);
    case FORM_CALL:
        return no_dst && no_offset && insn_src(i) <= 2;
    case FORM_CALL_REG:
        return no_src && no_imm && no_offset;
    default: /* FORM_EXIT */
        return no_dst && no_src && no_imm && no_offset;
    }
}

static bool writes_frame_pointer(const struct insn *i, const struct insn_shape *s)
{
    switch (s->form) {
    case FORM_ALU:
    case FORM_NEG:
    case FORM_SWAP:
    case FORM_WIDE:
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
        return insn_dst(i) == INSN_FRAME;
    case FORM_ATOMIC:
        return (i->imm & ATOMIC_FETCHES) && i->imm != ATOMIC_CMPXCHG && insn_src(i) == INSN_FRAME;
    default:
        return false;
    }
}

enum graft_reason insn_check(const struct insn *i)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];

    if (s->form == FORM_UNKNOWN)
        return GRAFT_BAD_OPCODE;
    if (insn_dst(i) >= INSN_REGISTERS || insn_src(i) >= INSN_REGISTERS)
        return GRAFT_BAD_REGISTER;
    if (!are_fields_clean(i, s))
        return GRAFT_RESERVED_FIELD;
    if (s->form == FORM_WIDE && insn_src(i) != 0)
        return insn_src(i) <= 6 ? GRAFT_MAP : GRAFT_RESERVED_FIELD;
    if (writes_frame_pointer(i, s))
        return GRAFT_FRAME_WRITE;
    return GRAFT_ACCEPTED;
}

bool insn_is_wide_half(const struct insn *second)
{
    return second->opcode == 0 && second->registers == 0 && second->offset == 0;
}

int64_t insn_target(const struct insn *i, uint32_t at)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    int64_t distance = s->form == FORM_GOTO && s->bytes == 4 ? i->imm : i->offset;
    return (int64_t)at + 1 + distance;
}

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

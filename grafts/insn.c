/* Instructions: the table of shapes, the well-formedness check. */
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

/* The two uses that the RFC gives to the offset field of arithmetic, which is 0 else. */
static bool is_alu_offset(const struct insn_shape *s, int16_t offset)
{
    if (s->op == ALU_MOV && s->by_reg)
        return offset == 8 || offset == 16 || (offset == 32 && s->bytes == 8);
    return offset == 1 && (s->op == ALU_DIV || s->op == ALU_MOD);
}

/* The fields of a slot, read as one number. */
#define DST    0x0f00u
#define SRC    0xf000u
#define OFFSET 0xffff0000u
#define IMM    0xffffffff00000000u

/* Which fields each form does not use, with an operand in imm and in a register; they must be 0. */
static const uint64_t unused[][2] = {
    [FORM_ALU] = {SRC, IMM},
    [FORM_NEG] = {SRC | OFFSET | IMM},
    [FORM_SWAP] = {SRC | OFFSET},
    [FORM_WIDE] = {OFFSET},
    [FORM_LOAD] = {IMM},
    [FORM_LOAD_SIGNED] = {IMM},
    [FORM_STORE] = {IMM},
    [FORM_STORE_IMM] = {SRC},
    [FORM_JUMP] = {SRC, IMM},
    [FORM_GOTO] = {DST | SRC},
    [FORM_CALL] = {DST | OFFSET},
    [FORM_CALL_REG] = {SRC | OFFSET | IMM},
    [FORM_EXIT] = {DST | SRC | OFFSET | IMM},
};

static bool are_fields_clean(const struct insn *i, const struct insn_shape *s)
{
    uint64_t slot;

    __builtin_memcpy(&slot, i, sizeof slot);
    if (slot & unused[s->form][s->by_reg])
        return false;
    if (s->form == FORM_ALU)
        return i->offset == 0 || is_alu_offset(s, i->offset);
    if (s->form == FORM_SWAP)
        return i->imm == 16 || i->imm == 32 || i->imm == 64;
    if (s->form == FORM_ATOMIC)
        return is_atomic_op(i->imm);
    if (s->form == FORM_GOTO)
        return (s->bytes == 2 ? i->imm : i->offset) == 0;
    return s->form != FORM_CALL || insn_src(i) <= 2;
}

static bool writes_frame_pointer(const struct insn *i, const struct insn_shape *s)
{
    if (s->form == FORM_ATOMIC)
        return (i->imm & ATOMIC_FETCHES) && i->imm != ATOMIC_CMPXCHG && insn_src(i) == INSN_FRAME;
    return s->form <= FORM_LOAD_SIGNED && insn_dst(i) == INSN_FRAME;
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
    if (s->form == FORM_WIDE && insn_src(i) > INSN_MAP_VALUE)
        return GRAFT_RESERVED_FIELD;
    if (s->form == FORM_WIDE && insn_src(i) != 0 && insn_src(i) < INSN_MAP)
        return GRAFT_MAP;
    return writes_frame_pointer(i, s) ? GRAFT_FRAME_WRITE : GRAFT_ACCEPTED;
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

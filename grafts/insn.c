/* Instructions: the table of shapes, the well-formedness check. */
#include "grafts/insn.h"

/* Laid out by hand: X-macro rows. */
/* clang-format off */
#define BOTH(opcode, form, op, bytes) /* operand imm, register */                                  \
    [opcode] = {form, op, bytes, false}, [(opcode) | 8] = {form, op, bytes, true},
const struct insn_shape insn_shapes[256] = {
#define ALU(code, name, sign)                                                                      \
    BOTH(0x04 | (code), FORM_ALU, ALU_##name, 4) BOTH(0x07 | (code), FORM_ALU, ALU_##name, 8)
#define JUMP(code, name, sign)                                                                     \
    BOTH(0x06 | (code), FORM_JUMP, JUMP_##name, 4) BOTH(0x05 | (code), FORM_JUMP, JUMP_##name, 8)
#define OTHER(opcode, form, op, bytes)                                                             \
    [opcode] = {FORM_##form, op, bytes, FORM_##form == FORM_STORE},
#include "grafts/insn.def"
};

static const bool is_atomic_op[256] = {
#define ATOMIC(imm, name, sign) [imm] = true,
#include "grafts/insn.def"
};
/* clang-format on */

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
/* clang-format off */
static const uint64_t unused[][2] = {
    [FORM_ALU] = {SRC, IMM}, [FORM_NEG] = {SRC | OFFSET | IMM}, [FORM_SWAP] = {SRC | OFFSET},
    [FORM_WIDE] = {OFFSET}, [FORM_LOAD] = {IMM}, [FORM_LOAD_SIGNED] = {IMM},
    [FORM_STORE] = {0, IMM}, [FORM_STORE_IMM] = {SRC}, [FORM_JUMP] = {SRC, IMM},
    [FORM_GOTO] = {DST | SRC}, [FORM_CALL] = {DST | OFFSET}, [FORM_CALL_REG] = {SRC | OFFSET | IMM},
    [FORM_EXIT] = {DST | SRC | OFFSET | IMM},
};
/* clang-format on */

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
        return (uint32_t)i->imm < 256 && is_atomic_op[i->imm];
    if (s->form == FORM_GOTO)
        return (s->bytes == 2 ? i->imm : i->offset) == 0;
    return insn_src(i) <= (s->form == FORM_CALL ? 2u : s->form == FORM_WIDE ? INSN_MAP_VALUE : 15u);
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
    if (s->form == FORM_WIDE && insn_src(i) - 1 < INSN_MAP - 1)
        return GRAFT_MAP;
    return writes_frame_pointer(i, s) ? GRAFT_FRAME_WRITE : GRAFT_ACCEPTED;
}

bool insn_is_wide_half(const struct insn *second)
{
    return second->opcode == 0 && second->registers == 0 && second->offset == 0;
}

int64_t insn_target(const struct insn *i, uint32_t at)
{
    bool is_long = insn_shapes[i->opcode].form == FORM_GOTO && insn_shapes[i->opcode].bytes == 4;
    return (int64_t)at + 1 + (is_long ? i->imm : i->offset);
}

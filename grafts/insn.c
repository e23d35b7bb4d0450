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
    if (s->form == FORM_WIDE && insn_src(i) > INSN_MAP_VALUE)
        return GRAFT_RESERVED_FIELD;
    if (s->form == FORM_WIDE && insn_src(i) != 0 && insn_src(i) < INSN_MAP)
        return GRAFT_MAP;
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

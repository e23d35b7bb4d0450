/* Instructions as text. */
#include "grafts/tool/disasm.h"

#include <stdio.h>

static const char *const alu_signs[] = {
#define ALU(code, name, sign) [ALU_##name] = sign,
#include "grafts/insn.def"
};

static const char *const jump_signs[] = {
#define JUMP(code, name, sign) [JUMP_##name] = sign,
#include "grafts/insn.def"
};

static const char *atomic_sign(int32_t imm)
{
    switch (imm) {
#define ATOMIC(number, name, sign)                                                                 \
    case ATOMIC_##name:                                                                            \
        return sign;
#include "grafts/insn.def"
    default:
        return "?";
    }
}

/* The second operand: "r3", "w3" or a number. */
static const char *operand(const struct insn *i, const struct insn_shape *s, char text[16])
{
    if (s->by_reg)
        snprintf(text, 16, "%c%u", s->bytes == 8 ? 'r' : 'w', insn_src(i));
    else
        snprintf(text, 16, "%d", i->imm);
    return text;
}

static void print_alu(const struct insn *i, const struct insn_shape *s, char *text)
{
    char right[16], cast[16] = "";
    bool is_division = s->op == ALU_DIV || s->op == ALU_MOD;

    if (s->op == ALU_MOV && i->offset)
        snprintf(cast, sizeof cast, "(s%d)", i->offset);
    snprintf(text, DISASM_LINE, "%c%u %s%s %s%s", s->bytes == 8 ? 'r' : 'w', insn_dst(i),
             is_division && i->offset == 1 ? "s" : "", alu_signs[s->op], cast,
             operand(i, s, right));
}

static void print_swap(const struct insn *i, const struct insn_shape *s, char *text)
{
    static const char *const names[] = {"le", "be", "bswap"};
    snprintf(text, DISASM_LINE, "r%u = %s%d r%u", insn_dst(i), names[s->op], i->imm, insn_dst(i));
}

static void print_jump(const struct insn *i, const struct insn_shape *s, char *text)
{
    char right[16];
    snprintf(text, DISASM_LINE, "if %c%u %s %s goto %+d", s->bytes == 8 ? 'r' : 'w', insn_dst(i),
             jump_signs[s->op], operand(i, s, right), i->offset);
}

static void print_memory(const struct insn *i, const struct insn_shape *s, char *text)
{
    bool is_load = s->form == FORM_LOAD || s->form == FORM_LOAD_SIGNED;
    char place[32];

    snprintf(place, sizeof place, "*(%c%u *)(r%u %+d)", s->form == FORM_LOAD_SIGNED ? 's' : 'u',
             s->bytes * 8u, is_load ? insn_src(i) : insn_dst(i), i->offset);
    if (is_load)
        snprintf(text, DISASM_LINE, "r%u = %s", insn_dst(i), place);
    else if (s->form == FORM_STORE)
        snprintf(text, DISASM_LINE, "%s = r%u", place, insn_src(i));
    else if (s->form == FORM_STORE_IMM)
        snprintf(text, DISASM_LINE, "%s = %d", place, i->imm);
    else
        snprintf(text, DISASM_LINE, "lock %s %s r%u%s", place, atomic_sign(i->imm), insn_src(i),
                 i->imm & ATOMIC_FETCHES ? " fetch" : "");
}

static void print_wide(const struct insn *i, uint32_t left, char *text)
{
    uint64_t x = (uint32_t)i->imm;

    if (left > 1)
        x |= (uint64_t)(uint32_t)i[1].imm << 32;
    snprintf(text, DISASM_LINE, "r%u = 0x%llx ll%s", insn_dst(i), (unsigned long long)x,
             insn_src(i) ? " (map or variable)" : "");
}

void disasm_print(const struct insn *i, uint32_t left, char text[DISASM_LINE])
{
    const struct insn_shape *s = &insn_shapes[i->opcode];

    switch (s->form) {
    case FORM_ALU:
        print_alu(i, s, text);
        break;
    case FORM_NEG:
        snprintf(text, DISASM_LINE, "%c%u = -%c%u", s->bytes == 8 ? 'r' : 'w', insn_dst(i),
                 s->bytes == 8 ? 'r' : 'w', insn_dst(i));
        break;
    case FORM_SWAP:
        print_swap(i, s, text);
        break;
    case FORM_WIDE:
        print_wide(i, left, text);
        break;
    case FORM_JUMP:
        print_jump(i, s, text);
        break;
    case FORM_GOTO:
        snprintf(text, DISASM_LINE, "goto %+d", s->bytes == 4 ? i->imm : i->offset);
        break;
    case FORM_CALL:
        snprintf(text, DISASM_LINE, insn_src(i) == 1 ? "call %+d" : "call helper %d", i->imm);
        break;
    case FORM_CALL_REG:
        snprintf(text, DISASM_LINE, "callx r%u", insn_dst(i));
        break;
    case FORM_EXIT:
        snprintf(text, DISASM_LINE, "exit");
        break;
    case FORM_UNKNOWN:
        snprintf(text, DISASM_LINE, "unknown opcode 0x%02x", i->opcode);
        break;
    default:
        print_memory(i, s, text);
        break;
    }
}

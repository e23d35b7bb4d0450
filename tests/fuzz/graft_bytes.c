/* Instructions from a fuzzer's bytes. */
#include "tests/fuzz/graft_bytes.h"

#include <string.h>

static void mend_operands(struct insn *i)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    static const int32_t atomics[] = {0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1};
    unsigned dst = insn_dst(i) % 10, src = insn_src(i) % 11;

    if (s->form == FORM_ATOMIC)
        i->imm = atomics[(uint32_t)i->imm % 10];
    if (s->form == FORM_SWAP)
        i->imm = 16 << (uint32_t)i->imm % 3;
    if (s->form == FORM_STORE || s->form == FORM_STORE_IMM || s->form == FORM_ATOMIC)
        dst = i->offset & 1 ? 10 : dst;
    if ((s->form == FORM_ALU || s->form == FORM_JUMP) && !s->by_reg)
        src = 0;
    if ((s->form == FORM_ALU || s->form == FORM_JUMP) && s->by_reg)
        i->imm = 0;
    if (s->form == FORM_ALU && s->op != ALU_DIV && s->op != ALU_MOD)
        i->offset = 0;
    if (s->form == FORM_ALU)
        i->offset &= 1;
    if (s->form == FORM_LOAD || s->form == FORM_LOAD_SIGNED || s->form == FORM_STORE)
        i->imm = 0;
    i->registers = (uint8_t)(dst | src << 4);
}

/* Jumps stay near, opcodes are known ones. */
static void mend(struct insn *i)
{
    for (unsigned k = 0; k < 256 && insn_shapes[i->opcode].form == FORM_UNKNOWN; k++)
        i->opcode = (uint8_t)(i->opcode * 5 + 3);
    const struct insn_shape *s = &insn_shapes[i->opcode];
    if (s->form == FORM_JUMP || s->form == FORM_GOTO)
        i->offset = (int16_t)((uint16_t)i->offset % 16);
    if (s->form == FORM_GOTO && s->bytes == 4) {
        i->imm = i->offset;
        i->offset = 0;
    } else if (s->form == FORM_GOTO || s->form == FORM_EXIT || s->form == FORM_NEG) {
        i->imm = 0;
    }
    mend_operands(i);
    if (s->form == FORM_GOTO || s->form == FORM_EXIT)
        i->registers = 0;
    if (s->form == FORM_EXIT || s->form == FORM_NEG || s->form == FORM_SWAP) {
        i->offset = 0;
        i->registers &= 15;
    }
}

uint32_t bytes_to_code(const uint8_t *data, size_t bytes, bool is_mended, struct insn *code,
                       uint32_t most)
{
    uint32_t count = (uint32_t)(bytes / sizeof code[0] < most ? bytes / sizeof code[0] : most);

    memcpy(code, data, count * sizeof code[0]);
    for (uint32_t i = 0; i < count && is_mended; i++)
        mend(&code[i]);
    return count;
}

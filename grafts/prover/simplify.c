/*
 * The linker: what compilers write for older CPU versions, as the newer instruction that it means.
 * r <<= 32; r >>= 32 is a move of 32 bits, and with s>>= one that extends the sign: then checks
 * see that a small number stays the same.
 */
#include "grafts/prover/linker.h"

#define SHIFT_LEFT   0x67
#define SHIFT_RIGHT  0x77
#define SHIFT_SIGNED 0xc7
#define MOVE_32      0xbc
#define MOVE_64      0xbf

static bool is_shift(const struct insn *i, uint8_t opcode, unsigned reg)
{
    return i->opcode == opcode && insn_dst(i) == reg && i->imm == 32;
}

/* Do items k and k + 1 extend the low half of a register? */
static bool is_extension(const struct function *f, const bool *is_target, uint32_t k)
{
    if (k + 1 >= f->count || is_target[k + 1])
        return false;
    const struct insn *second = &f->items[k + 1].insn;
    unsigned reg = insn_dst(&f->items[k].insn);

    return is_shift(&f->items[k].insn, SHIFT_LEFT, reg) &&
           (is_shift(second, SHIFT_RIGHT, reg) || is_shift(second, SHIFT_SIGNED, reg));
}

/* The move that they mean; from where the register came, when a copy stands just before. */
static struct insn extension(unsigned reg, unsigned from, bool is_signed)
{
    return (struct insn){.opcode = is_signed ? MOVE_64 : MOVE_32,
                         .registers = (uint8_t)(reg | from << 4),
                         .offset = is_signed ? 32 : 0};
}

void linker_simplify(struct linker *l, struct function *f)
{
    bool *is_target = work_take(l->work, f->count + 1, sizeof *is_target);
    uint32_t *place = work_take(l->work, f->count + 1, sizeof *place);
    uint32_t count = 0;

    for (uint32_t k = 0; k < f->count; k++)
        if (f->items[k].target != LISTING_NONE)
            is_target[f->items[k].target] = true;
    for (uint32_t k = 0; k < f->count; k++) {
        struct item item = f->items[k];
        place[k] = count;
        if (is_extension(f, is_target, k)) {
            unsigned reg = insn_dst(&item.insn), from = reg;
            const struct insn *before = count ? &f->items[count - 1].insn : NULL;
            bool is_signed = f->items[k + 1].insn.opcode == SHIFT_SIGNED;
            if (before && !is_target[k] && before->opcode == MOVE_64 && before->offset == 0 &&
                insn_dst(before) == reg && insn_src(before) != INSN_FRAME) {
                from = insn_src(before);
                place[k] = --count;
            }
            item.insn = extension(reg, from, is_signed);
            place[++k] = count;
        }
        f->items[count++] = item;
    }
    f->count = count;
    for (uint32_t k = 0; k < count; k++)
        if (f->items[k].target != LISTING_NONE)
            f->items[k].target = place[f->items[k].target];
}

/* Listings: what instructions read and write, liveness, and how much stack a function uses. */
#include "grafts/prover/listing.h"

#define BIT(r)       (1u << (r))
#define ARGUMENTS    0x3eu /* r1 to r5 */
#define CALL_CHANGES 0x3fu /* r0 to r5 */

uint32_t item_reads(const struct insn *i)
{
    const struct insn_shape *s = &insn_shapes[i->opcode];
    uint32_t dst = BIT(insn_dst(i)), src = BIT(insn_src(i));

    switch (s->form) {
    case FORM_ALU:
        return (s->by_reg ? src : 0) | (s->op == ALU_MOV ? 0 : dst);
    case FORM_NEG:
    case FORM_SWAP:
    case FORM_STORE_IMM:
        return dst;
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
        return src;
    case FORM_STORE:
        return dst | src;
    case FORM_ATOMIC:
        return dst | src | (i->imm == ATOMIC_CMPXCHG ? BIT(0) : 0);
    case FORM_JUMP:
        return dst | (s->by_reg ? src : 0);
    case FORM_CALL:
        return ARGUMENTS | (i->opcode == 0x8d ? dst : 0);
    case FORM_EXIT:
        return BIT(0);
    default:
        return 0;
    }
}

uint32_t item_writes(const struct insn *i)
{
    switch (insn_shapes[i->opcode].form) {
    case FORM_ALU:
    case FORM_NEG:
    case FORM_SWAP:
    case FORM_WIDE:
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
        return BIT(insn_dst(i));
    case FORM_ATOMIC:
        if (!(i->imm & ATOMIC_FETCHES))
            return 0;
        return i->imm == ATOMIC_CMPXCHG ? BIT(0) : BIT(insn_src(i));
    case FORM_CALL:
        return CALL_CHANGES;
    default:
        return 0;
    }
}

bool item_falls_through(const struct insn *i)
{
    uint8_t form = insn_shapes[i->opcode].form;
    return form != FORM_GOTO && form != FORM_EXIT;
}

struct item *listing_add(struct work *w, struct function *f, const struct item *item)
{
    f->items = work_grow(w, f->items, &f->room, f->count, f->count + 1, sizeof *f->items);
    f->items[f->count] = *item;
    return &f->items[f->count++];
}

void listing_live_after(struct work *w, const struct function *f, uint16_t *live)
{
    uint16_t *before = work_take(w, f->count, sizeof *before);
    bool changed = true;

    while (changed) {
        changed = false;
        for (uint32_t k = f->count; k-- > 0;) {
            const struct item *item = &f->items[k];
            uint32_t after = 0;
            if (item->target != LISTING_NONE)
                after |= before[item->target];
            if (item_falls_through(&item->insn) && k + 1 < f->count)
                after |= before[k + 1];
            live[k] = (uint16_t)after;
            uint32_t now = (after & ~item_writes(&item->insn)) | item_reads(&item->insn);
            changed = changed || now != before[k];
            before[k] = (uint16_t)now;
        }
    }
}

/* Where registers may point into the frame: the least distance from r10, or FAR when they do not.
 */
#define FAR INT16_MAX

struct frame_state {
    int16_t least[INSN_REGISTERS];
};

static int16_t lower(int16_t a, int16_t b)
{
    return a < b ? a : b;
}

static int16_t clamp(int64_t x)
{
    if (x < -(int64_t)GRAFT_STACK_BYTES)
        return -(int16_t)GRAFT_STACK_BYTES - 8; /* more than there is: refused later */
    return x > FAR ? FAR : (int16_t)x;
}

static void frame_step_alu(struct frame_state *s, const struct insn *i)
{
    const struct insn_shape *shape = &insn_shapes[i->opcode];
    int16_t *dst = &s->least[insn_dst(i)];
    int16_t src = shape->by_reg ? s->least[insn_src(i)] : FAR;

    if (shape->op == ALU_MOV)
        *dst = src;
    else if (shape->op == ALU_ADD && !shape->by_reg && *dst != FAR)
        *dst = clamp((int64_t)*dst + i->imm);
    else if (shape->op == ALU_ADD && shape->by_reg)
        *dst = lower(*dst, src);
    else if (shape->op != ALU_SUB)
        *dst = FAR;
}

/* Changes *s as the instruction does; lowers *deepest to what it touches or hands on. */
static void frame_step(struct frame_state *s, const struct insn *i, int16_t *deepest)
{
    uint8_t form = insn_shapes[i->opcode].form;
    unsigned address = form == FORM_LOAD || form == FORM_LOAD_SIGNED ? insn_src(i) : insn_dst(i);
    uint32_t reads = item_reads(i), writes = item_writes(i);

    for (unsigned r = 0; r < INSN_FRAME; r++)
        if ((reads & BIT(r)) && s->least[r] != FAR && s->least[r] < *deepest && form != FORM_ALU)
            *deepest = s->least[r];
    switch (form) {
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
    case FORM_STORE:
    case FORM_STORE_IMM:
    case FORM_ATOMIC:
        if (s->least[address] != FAR)
            *deepest = lower(*deepest, clamp((int64_t)s->least[address] + i->offset));
        break;
    case FORM_ALU:
        frame_step_alu(s, i);
        return;
    default:
        break;
    }
    for (unsigned r = 0; r < INSN_FRAME; r++)
        if (writes & BIT(r))
            s->least[r] = FAR;
}

static bool frame_join(struct frame_state *into, const struct frame_state *from)
{
    bool changed = false;

    for (unsigned r = 0; r < INSN_REGISTERS; r++)
        if (from->least[r] < into->least[r]) {
            into->least[r] = from->least[r];
            changed = true;
        }
    return changed;
}

/* What is stored in memory is seen as it is stored, so loads need not be followed: a pointer that
 * comes back has been counted. Moving it again is what clang does not do. */
uint32_t listing_frame_bytes(struct work *w, const struct function *f)
{
    struct frame_state *before = work_take(w, f->count, sizeof *before);
    int16_t deepest = 0;
    bool changed = true;

    for (uint32_t k = 0; k < f->count; k++)
        for (unsigned r = 0; r < INSN_REGISTERS; r++)
            before[k].least[r] = r == INSN_FRAME ? 0 : FAR;
    while (changed) {
        changed = false;
        for (uint32_t k = 0; k < f->count; k++) {
            const struct item *item = &f->items[k];
            struct frame_state s = before[k];
            frame_step(&s, &item->insn, &deepest);
            if (item->target != LISTING_NONE)
                changed = frame_join(&before[item->target], &s) || changed;
            if (item_falls_through(&item->insn) && k + 1 < f->count)
                changed = frame_join(&before[k + 1], &s) || changed;
        }
    }
    return (uint32_t)(-deepest + 7) / 8u * 8u;
}

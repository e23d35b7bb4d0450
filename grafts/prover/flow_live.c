/*
 * Flow: what is read later. What a claim need not say is left out of it; a slot wrongly held to be
 * unread makes a proof fail, not a wrong program pass.
 */
#include "exo/abi/graft_map.h"
#include "grafts/prover/flow.h"
#include "grafts/prover/listing.h"

#define SLOTS (GRAFT_STACK_BYTES / 8)

/* Where a register may point into the stack: the least distance from r10 and whether it is the only
 * one. FAR: it does not point there. */
#define FAR INT32_MAX

struct reach {
    int32_t least[INSN_REGISTERS];
    bool exact[INSN_REGISTERS];
};

static bool join(struct reach *into, const struct reach *from)
{
    bool changed = false;

    for (unsigned r = 0; r < INSN_REGISTERS; r++) {
        bool exact = into->least[r] == FAR || from->least[r] == FAR
                         ? into->exact[r] && from->exact[r]
                         : into->exact[r] && from->exact[r] && into->least[r] == from->least[r];
        if (from->least[r] >= into->least[r] && exact == into->exact[r])
            continue;
        if (from->least[r] < into->least[r])
            into->least[r] = from->least[r];
        into->exact[r] = exact;
        changed = true;
    }
    return changed;
}

static void set(struct reach *s, unsigned r, int64_t least, bool exact)
{
    int64_t low = -(int64_t)GRAFT_STACK_BYTES;
    s->least[r] = (int32_t)(least < low ? low : least > 0 ? 0 : least);
    s->exact[r] = exact && least >= low && least <= 0;
}

static void set_none(struct reach *s, unsigned r)
{
    s->least[r] = FAR;
    s->exact[r] = true;
}

static void step_alu(struct reach *s, const struct insn *i)
{
    const struct insn_shape *shape = &insn_shapes[i->opcode];
    unsigned dst = insn_dst(i), src = insn_src(i);

    if (shape->op == ALU_MOV) {
        s->exact[dst] = shape->by_reg ? s->exact[src] : true;
        s->least[dst] = shape->by_reg ? s->least[src] : FAR;
    } else if (shape->op == ALU_ADD && !shape->by_reg && s->least[dst] != FAR) {
        set(s, dst, (int64_t)s->least[dst] + i->imm, s->exact[dst]);
    } else if (shape->op == ALU_ADD && shape->by_reg) {
        if (s->least[src] < s->least[dst])
            s->least[dst] = s->least[src];
        s->exact[dst] = s->least[dst] == FAR;
    } else if (shape->op == ALU_SUB && s->least[dst] != FAR) {
        s->exact[dst] = false;
    } else {
        set_none(s, dst);
    }
}

/* `spilled`: some pointer into the stack is itself stored there, so what is loaded may be one. */
static void step(struct reach *s, const struct insn *i, bool *spilled)
{
    uint8_t form = insn_shapes[i->opcode].form;
    uint32_t writes = item_writes(i);

    if (form == FORM_ALU) {
        step_alu(s, i);
        return;
    }
    if (form == FORM_STORE && s->least[insn_src(i)] != FAR)
        *spilled = true;
    for (unsigned r = 0; r < INSN_FRAME; r++)
        if (writes & (1u << r))
            set_none(s, r);
    if (form == FORM_LOAD && *spilled && insn_shapes[i->opcode].bytes == 8)
        set(s, insn_dst(i), -(int64_t)GRAFT_STACK_BYTES, false);
}

/* The slots that bytes [low, high) below r10 touch, or that they cover whole. */
static uint64_t slots(int64_t low, int64_t high, bool whole)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        int64_t first = -8 * ((int64_t)i + 1), behind = first + 8;
        if (whole ? low <= first && behind <= high : low < behind && first < high)
            mask |= (uint64_t)1 << i;
    }
    return mask;
}

static uint64_t reads_of(const struct reach *s, const struct insn *i)
{
    const struct insn_shape *shape = &insn_shapes[i->opcode];
    unsigned address = shape->form == FORM_ATOMIC ? insn_dst(i) : insn_src(i);
    uint64_t mask = 0;

    switch (shape->form) {
    case FORM_CALL:
        for (unsigned r = 1; r <= 5; r++)
            if (s->least[r] != FAR)
                mask |= slots(s->least[r], 0, false);
        return mask;
    case FORM_LOAD:
    case FORM_LOAD_SIGNED:
    case FORM_ATOMIC:
        if (s->least[address] == FAR)
            return 0;
        if (!s->exact[address])
            return slots((int64_t)s->least[address] + i->offset, 0, false);
        return slots((int64_t)s->least[address] + i->offset,
                     (int64_t)s->least[address] + i->offset + shape->bytes, false);
    default:
        return 0;
    }
}

static uint64_t writes_of(const struct reach *s, const struct insn *i)
{
    const struct insn_shape *shape = &insn_shapes[i->opcode];
    unsigned dst = insn_dst(i);
    int64_t low = (int64_t)s->least[dst] + i->offset;

    if ((shape->form != FORM_STORE && shape->form != FORM_STORE_IMM) || s->least[dst] == FAR ||
        !s->exact[dst])
        return 0;
    return slots(low, low + shape->bytes, true);
}

static struct reach *find_reach(struct flow *f)
{
    struct reach *before = work_take(f->work, f->program->count + 1, sizeof *before);
    bool changed = true, spilled = false;

    for (uint32_t at = 0; at < f->program->count; at++)
        for (unsigned r = 0; r < INSN_REGISTERS; r++)
            set_none(&before[at], r);
    for (uint32_t at = 0; at < f->program->count; at++)
        before[at].least[INSN_FRAME] = 0;
    while (changed) {
        bool was = spilled;
        changed = false;
        for (uint32_t k = 0; k < f->order_count; k++) {
            uint32_t at = f->order[k];
            struct reach s = before[at];
            step(&s, &f->program->code[at], &spilled);
            for (unsigned e = 0; e < 2; e++)
                if (f->at[at].next[e] != FLOW_NONE)
                    changed = join(&before[f->at[at].next[e]], &s) || changed;
        }
        changed = changed || was != spilled;
    }
    return before;
}

void flow_find_live(struct flow *f)
{
    const struct reach *reach = find_reach(f);
    bool changed = true;

    while (changed) {
        changed = false;
        for (uint32_t k = f->order_count; k-- > 0;) {
            uint32_t at = f->order[k], live = 0;
            const struct insn *i = &f->program->code[at];
            struct flow_place *place = &f->at[at];
            uint64_t live_slots = 0;
            for (unsigned e = 0; e < 2; e++)
                if (place->next[e] != FLOW_NONE) {
                    live |= f->at[place->next[e]].live;
                    live_slots |= f->at[place->next[e]].live_slots;
                }
            live = (live & ~item_writes(i)) | item_reads(i);
            live_slots = (live_slots & ~writes_of(&reach[at], i)) | reads_of(&reach[at], i);
            changed = changed || live != place->live || live_slots != place->live_slots;
            place->live = (uint16_t)live;
            place->live_slots = live_slots;
        }
    }
}

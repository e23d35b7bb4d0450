/* The linker: a listing as slots with distances. */
#include "grafts/prover/linker.h"

#define GOTO_SHORT 0x05u
#define GOTO_LONG  0x06u
#define LONG_SLOTS 3u /* if ... goto +1; goto +1; goto the target */

struct layout {
    bool *reached;
    bool *long_jump;
    uint32_t *slot;  /* of each item; one more for the end */
    uint32_t *stack; /* of the search for what is reached */
};

static void push(struct layout *y, uint32_t *depth, uint32_t item)
{
    if (y->reached[item])
        return;
    y->reached[item] = true;
    y->stack[(*depth)++] = item;
}

static void find_reached(const struct function *f, struct layout *y)
{
    uint32_t depth = 0;

    push(y, &depth, 0);
    while (depth > 0) {
        uint32_t k = y->stack[--depth];
        const struct item *item = &f->items[k];
        if (item->target != LISTING_NONE)
            push(y, &depth, item->target);
        if (item_falls_through(&item->insn) && k + 1 < f->count)
            push(y, &depth, k + 1);
    }
}

/* A goto that leads to what follows anyway is left out. */
static bool is_idle(const struct function *f, const struct layout *y, uint32_t k)
{
    if (insn_shapes[f->items[k].insn.opcode].form != FORM_GOTO || f->items[k].target <= k)
        return false;
    for (uint32_t i = k + 1; i < f->items[k].target; i++)
        if (y->reached[i])
            return false;
    return true;
}

static uint32_t slots_of(const struct function *f, const struct layout *y, uint32_t k)
{
    uint8_t form = insn_shapes[f->items[k].insn.opcode].form;

    if (!y->reached[k] || is_idle(f, y, k))
        return 0;
    if (form == FORM_WIDE)
        return 2;
    return form == FORM_JUMP && y->long_jump[k] ? LONG_SLOTS : 1;
}

static void place_items(const struct function *f, struct layout *y)
{
    uint32_t slot = 0;

    for (uint32_t k = 0; k < f->count; k++) {
        y->slot[k] = slot;
        slot += slots_of(f, y, k);
    }
    y->slot[f->count] = slot;
}

/* Jumps become long until all reach their targets. Each turn makes one more long, so it ends. */
static void lay_out(const struct function *f, struct layout *y)
{
    bool changed = true;

    while (changed) {
        changed = false;
        place_items(f, y);
        for (uint32_t k = 0; k < f->count; k++) {
            if (f->items[k].target == LISTING_NONE || y->long_jump[k] || !y->reached[k])
                continue;
            int64_t distance = (int64_t)y->slot[f->items[k].target] - y->slot[k] - 1;
            if (distance < INT16_MIN || distance > INT16_MAX) {
                y->long_jump[k] = true;
                changed = true;
            }
        }
    }
}

static void put_jump(const struct function *f, const struct layout *y, uint32_t k, struct insn *out)
{
    const struct item *item = &f->items[k];
    bool is_goto = insn_shapes[item->insn.opcode].form == FORM_GOTO;
    int32_t distance = (int32_t)(y->slot[item->target] - y->slot[k]) - 1;

    out[0] = item->insn;
    if (!y->long_jump[k]) {
        if (is_goto)
            out[0] = (struct insn){.opcode = GOTO_SHORT};
        out[0].offset = (int16_t)distance;
        return;
    }
    if (is_goto) {
        out[0] = (struct insn){.opcode = GOTO_LONG, .imm = distance};
        return;
    }
    out[0].offset = 1;
    out[1] = (struct insn){.opcode = GOTO_SHORT, .offset = 1};
    out[2] = (struct insn){.opcode = GOTO_LONG, .imm = distance - 2};
}

static void put_item(const struct function *f, const struct layout *y, uint32_t k,
                     struct linked *out)
{
    const struct item *item = &f->items[k];
    uint32_t slot = y->slot[k], slots = slots_of(f, y, k);

    for (uint32_t i = 0; i < slots; i++)
        out->lines[slot + i] = item->line;
    if (slots == 0)
        return;
    if (item->target != LISTING_NONE) {
        put_jump(f, y, k, &out->code[slot]);
        return;
    }
    out->code[slot] = item->insn;
    if (slots == 2)
        out->code[slot + 1] = (struct insn){.imm = item->high};
}

void linker_emit(struct work *w, const struct function *f, struct linked *out)
{
    struct layout y = {
        .reached = work_take(w, f->count, sizeof *y.reached),
        .long_jump = work_take(w, f->count, sizeof *y.long_jump),
        .slot = work_take(w, f->count + 1, sizeof *y.slot),
        .stack = work_take(w, f->count + 1, sizeof *y.stack),
    };

    find_reached(f, &y);
    lay_out(f, &y);
    out->count = y.slot[f->count];
    if (out->count > GRAFT_MAX_INSTRUCTIONS)
        work_fail(w, "too many instructions", f->name, "make it shorter or split it");
    out->code = work_take(w, out->count, sizeof *out->code);
    out->lines = work_take(w, out->count, sizeof *out->lines);
    for (uint32_t k = 0; k < f->count; k++)
        put_item(f, &y, k, out);
}

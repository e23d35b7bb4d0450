/* The linker: calls between functions become the functions themselves. */
#include "grafts/prover/linker.h"

#define SAVED_FIRST 6u /* a function leaves r6 to r9 as it found them */
#define SAVED_LAST  9u
#define MAX_NESTED  64u

static const char *const keep_on_stack = "give the function the value and not its address";

struct copy {
    struct linker *linker;
    struct function *into;
    const struct function *callee;
    uint32_t base;           /* bytes from the caller's r10 down to the callee's */
    struct object_line line; /* of the call, for what has no line of its own */
};

static void add(struct copy *c, struct insn insn, uint32_t target, struct object_line line)
{
    struct item item = {insn, 0, target, LISTING_NONE, line};

    if (c->into->count >= GRAFT_MAX_INSTRUCTIONS)
        work_fail(c->linker->work, "too long when all calls are inlined", c->callee->name,
                  "call it at fewer places");
    listing_add(c->linker->work, c->into, &item);
}

static struct insn add_constant(unsigned reg, int32_t by)
{
    return (struct insn){.opcode = 0x07, .registers = (uint8_t)reg, .imm = by};
}

/* An access through r10 moves with the frame. */
static struct insn shifted(struct copy *c, const struct item *item)
{
    struct insn i = item->insn;
    int32_t offset = i.offset - (int32_t)c->base;

    if (offset < INT16_MIN)
        work_fail_at(c->linker->work, "an access lies far outside the stack", c->callee->name,
                     "use less stack", &item->line);
    i.offset = (int16_t)offset;
    return i;
}

/* One instruction of the callee that reads r10, with r10 meaning the callee's frame. */
static void copy_frame_use(struct copy *c, const struct item *item)
{
    const struct insn *i = &item->insn;
    const struct insn_shape *s = &insn_shapes[i->opcode];
    bool is_load = s->form == FORM_LOAD || s->form == FORM_LOAD_SIGNED;
    bool is_store = s->form == FORM_STORE || s->form == FORM_STORE_IMM || s->form == FORM_ATOMIC;
    bool by_frame = insn_src(i) == INSN_FRAME;

    if (is_load || (is_store && (s->form == FORM_STORE_IMM || !by_frame))) {
        add(c, shifted(c, item), LISTING_NONE, item->line);
        return;
    }
    if (s->form == FORM_ALU && s->bytes == 8 && i->offset == 0 &&
        (s->op == ALU_MOV || s->op == ALU_ADD || s->op == ALU_SUB)) {
        int32_t by = s->op == ALU_SUB ? (int32_t)c->base : -(int32_t)c->base;
        add(c, *i, LISTING_NONE, item->line);
        if (by)
            add(c, add_constant(insn_dst(i), by), LISTING_NONE, item->line);
        return;
    }
    work_fail_at(c->linker->work, "the frame pointer itself is stored or compared", c->callee->name,
                 keep_on_stack, &item->line);
}

/* Appends the callee. Its jumps are resolved through `place`; exits go behind it. */
static void copy_body(struct copy *c)
{
    const struct function *f = c->callee;
    uint32_t first = c->into->count;
    uint32_t *place = work_take(c->linker->work, f->count + 1, sizeof *place);

    for (uint32_t k = 0; k < f->count; k++) {
        const struct item *item = &f->items[k];
        bool is_exit = insn_shapes[item->insn.opcode].form == FORM_EXIT;
        place[k] = c->into->count;
        if (is_exit && k + 1 == f->count)
            continue;
        if (is_exit)
            add(c, (struct insn){.opcode = 0x05}, f->count, item->line);
        else if (item_reads(&item->insn) & (1u << INSN_FRAME))
            copy_frame_use(c, item);
        else {
            add(c, item->insn, item->target, item->line);
            c->into->items[c->into->count - 1].high = item->high;
        }
    }
    place[f->count] = c->into->count;
    for (uint32_t k = first; k < c->into->count; k++)
        if (c->into->items[k].target != LISTING_NONE)
            c->into->items[k].target = place[c->into->items[k].target] | 0x80000000u;
}

static uint32_t written_by(const struct function *f)
{
    uint32_t writes = 0;

    for (uint32_t k = 0; k < f->count; k++)
        writes |= item_writes(&f->items[k].insn);
    return writes;
}

/* Stores or loads each register of `saved` below the caller's own frame. */
static void save_or_restore(struct copy *c, uint32_t saved, uint32_t own, bool restore)
{
    int32_t offset = -(int32_t)own;

    for (unsigned r = SAVED_FIRST; r <= SAVED_LAST; r++) {
        if (!(saved & (1u << r)))
            continue;
        offset -= 8;
        struct insn i = {.opcode = restore ? 0x79 : 0x7b,
                         .registers =
                             (uint8_t)(restore ? r | INSN_FRAME << 4 : INSN_FRAME | r << 4),
                         .offset = (int16_t)offset};
        add(c, i, LISTING_NONE, c->line);
    }
}

/* Puts what `item` calls at the end of `into`. Returns the stack that the whole needs. */
static uint32_t inline_call(struct linker *l, struct function *into, const struct item *item,
                            uint32_t live, uint32_t own)
{
    const struct function *callee = &l->functions[item->callee];
    uint32_t saved = live & written_by(callee) & 0x3c0u;
    uint32_t base = own + 8 * (uint32_t)__builtin_popcount(saved);
    struct copy c = {l, into, callee, base, item->line};

    if (base + callee->depth > GRAFT_STACK_BYTES)
        work_fail_at(l->work, "the stacks of the functions on the way take more than 512 bytes",
                     callee->name, "use fewer or smaller local variables", &item->line);
    save_or_restore(&c, saved, own, false);
    copy_body(&c);
    save_or_restore(&c, saved, own, true);
    l->inlined++;
    return base + callee->depth;
}

/* Targets that inline_call made are final, and marked; the others are items of the old list. */
static void resolve(struct function *f, const uint32_t *place)
{
    for (uint32_t k = 0; k < f->count; k++) {
        uint32_t *target = &f->items[k].target;
        if (*target == LISTING_NONE)
            continue;
        *target = *target & 0x80000000u ? *target & 0x7fffffffu : place[*target];
    }
}

static void inline_all(struct linker *l, uint32_t number)
{
    struct function old = l->functions[number], new = old;
    uint32_t own = listing_frame_bytes(l->work, &old);
    uint16_t *live = work_take(l->work, old.count, sizeof *live);
    uint32_t *place = work_take(l->work, old.count, sizeof *place);

    listing_live_after(l->work, &old, live);
    new.items = NULL;
    new.count = new.room = 0;
    new.depth = own;
    for (uint32_t k = 0; k < old.count; k++) {
        place[k] = new.count;
        if (old.items[k].callee == LISTING_NONE) {
            listing_add(l->work, &new, &old.items[k]);
            continue;
        }
        uint32_t depth = inline_call(l, &new, &old.items[k], live[k], own);
        if (new.depth < depth)
            new.depth = depth;
    }
    resolve(&new, place);
    new.state = FUNCTION_INLINED;
    l->functions[number] = new;
}

static void inline_nested(struct linker *l, uint32_t number, uint32_t nested)
{
    if (l->functions[number].state == FUNCTION_INLINED)
        return;
    if (l->functions[number].state == FUNCTION_ON_WAY)
        work_fail(l->work, "the function calls itself, directly or through others",
                  l->functions[number].name, "write a loop");
    if (nested > MAX_NESTED)
        work_fail(l->work, "calls are nested too deeply", l->functions[number].name,
                  "at most 64 deep");
    l->functions[number].state = FUNCTION_ON_WAY;
    for (uint32_t k = 0; k < l->functions[number].count; k++)
        if (l->functions[number].items[k].callee != LISTING_NONE)
            inline_nested(l, l->functions[number].items[k].callee, nested + 1);
    inline_all(l, number);
}

void linker_inline(struct linker *l, uint32_t function)
{
    inline_nested(l, function, 0);
}

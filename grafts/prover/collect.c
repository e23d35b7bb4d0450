/* The linker: functions as they stand in the object, and what their relocations mean. */
#include "grafts/prover/linker.h"

#define R_BPF_64_64 1u
#define R_BPF_64_32 10u

#define PSEUDO_CALL 1u

static const char *const no_own_memory = "give copies and fills a constant size, or write the loop";

/* Slots of the function: to its symbol's end, or to the next function. */
static uint32_t function_slots(const struct linker *l, uint32_t section, uint32_t first,
                               const struct object_symbol *own)
{
    uint64_t end = l->object.sections[section].bytes / 8;

    if (own && own->bytes >= 8 && own->bytes / 8 <= end - first)
        return (uint32_t)(own->bytes / 8);
    for (uint32_t i = 1; i < l->object.symbol_count; i++) {
        const struct object_symbol *s = &l->object.symbols[i];
        if (s->section == section && (s->info & 15u) == OBJECT_FUNCTION && s->value / 8 > first &&
            s->value / 8 < end)
            end = s->value / 8;
    }
    return (uint32_t)(end - first);
}

static const struct object_symbol *function_symbol(const struct linker *l, uint32_t section,
                                                   uint64_t first)
{
    for (uint32_t i = 1; i < l->object.symbol_count; i++) {
        const struct object_symbol *s = &l->object.symbols[i];
        if (s->section == section && (s->info & 15u) == OBJECT_FUNCTION && s->value == first * 8)
            return s;
    }
    return NULL;
}

static const struct object_relocation *relocation_at(const struct object_relocation *r,
                                                     uint32_t count, uint64_t offset)
{
    for (uint32_t i = 0; i < count; i++)
        if (r[i].offset == offset)
            return &r[i];
    return NULL;
}

static void relocate_call(struct linker *l, struct item *item, const struct object_symbol *s)
{
    if (s->section == 0)
        work_fail_at(l->work, "the function is called and stands nowhere",
                     object_symbol_name(&l->object, s), no_own_memory, &item->line);
    if (insn_src(&item->insn) != PSEUDO_CALL)
        work_fail_at(l->work, "a relocation of a call is not of a call", NULL,
                     "compile with clang -target bpf -O2 -g -c", &item->line);
    item->callee =
        linker_function(l, s->section, s->value / 8 + (uint64_t)((int64_t)item->insn.imm + 1));
}

static void relocate(struct linker *l, struct item *item, const struct object_relocation *r)
{
    const struct object_symbol *s = object_symbol_at(&l->object, r->symbol);

    if (r->type == R_BPF_64_32 && insn_shapes[item->insn.opcode].form == FORM_CALL)
        relocate_call(l, item, s);
    else if (r->type == R_BPF_64_64 && insn_shapes[item->insn.opcode].form == FORM_WIDE)
        linker_relocate_data(l, item, s);
    else
        work_fail_at(l->work, "the code has a relocation that the linker does not know",
                     object_symbol_name(&l->object, s),
                     "only maps, global data and functions can be referred to", &item->line);
}

/* Slots become items; item_of[slot] tells which. The last entry of item_of is the count. */
static void read_items(struct linker *l, uint32_t number, uint32_t *item_of)
{
    struct function f = l->functions[number];
    const struct object_section *s = &l->object.sections[f.section];
    const struct insn *code = (const void *)(object_bytes(&l->object, s));
    uint32_t slots = (uint32_t)(s->bytes / 8);
    struct object_line *lines = work_take(l->work, slots, sizeof *lines);
    const struct object_relocation *relocations = NULL;
    uint32_t relocation_count = object_relocations(&l->object, f.section, &relocations);

    object_lines(&l->object, f.section, lines, slots);
    for (uint32_t at = 0; at < f.slots; at++) {
        uint32_t slot = f.first + at;
        struct item item = {code[slot], 0, LISTING_NONE, LISTING_NONE, lines[slot]};
        const struct object_relocation *r =
            relocation_at(relocations, relocation_count, (uint64_t)slot * 8);
        item_of[at] = f.count;
        if (insn_dst(&item.insn) >= INSN_REGISTERS || insn_src(&item.insn) >= INSN_REGISTERS)
            work_fail_at(l->work, "an instruction names a register behind r10", f.name,
                         "the file is damaged; compile again", &item.line);
        if (insn_shapes[item.insn.opcode].form == FORM_WIDE) {
            if (at + 1 >= f.slots || !insn_is_wide_half(&code[slot + 1]))
                work_fail_at(l->work, "a 64-bit load is cut in two", f.name, "compile again",
                             &item.line);
            item.high = code[slot + 1].imm;
            item_of[++at] = LISTING_NONE;
        }
        if (r)
            relocate(l, &item, r);
        else if (item.insn.opcode == 0x85 && insn_src(&item.insn) == PSEUDO_CALL)
            item.callee =
                linker_function(l, f.section, (uint64_t)((int64_t)slot + 1 + item.insn.imm));
        listing_add(l->work, &f, &item);
    }
    f.state = l->functions[number].state;
    l->functions[number] = f;
}

/* Jumps name slots until here; from here on, items. */
static void resolve_jumps(struct linker *l, struct function *f, const uint32_t *item_of)
{
    uint32_t slot = 0;

    for (uint32_t k = 0; k < f->count; k++) {
        struct item *item = &f->items[k];
        uint8_t form = insn_shapes[item->insn.opcode].form;
        if (form == FORM_JUMP || form == FORM_GOTO) {
            int64_t target = insn_target(&item->insn, slot);
            if (target < 0 || target >= f->slots || item_of[target] == LISTING_NONE)
                work_fail_at(l->work, "a jump leaves its function", f->name, "compile again",
                             &item->line);
            item->target = item_of[target];
        }
        slot += form == FORM_WIDE ? 2 : 1;
    }
    if (f->count == 0 || item_falls_through(&f->items[f->count - 1].insn))
        work_fail(l->work, "the function runs past its end", f->name,
                  "end every path with return; the compiler omits what cannot be defined");
}

uint32_t linker_function(struct linker *l, uint32_t section, uint64_t first)
{
    for (uint32_t i = 0; i < l->function_count; i++)
        if (l->functions[i].section == section && l->functions[i].first == first)
            return i;
    const struct object_section *s =
        section < l->object.section_count ? &l->object.sections[section] : NULL;
    if (!s || s->type != OBJECT_PROGBITS || !(s->flags & OBJECT_EXEC) || s->offset % 8 != 0 ||
        s->bytes % 8 != 0 || first >= s->bytes / 8)
        work_fail(l->work, "a call leads to where no function is",
                  object_section_name(&l->object, section),
                  "compile with clang -target bpf -O2 -g -c");
    if (l->function_count >= 1024)
        work_fail(l->work, "too many functions", NULL, "split the program");

    const struct object_symbol *symbol = function_symbol(l, section, first);
    uint32_t number = l->function_count;
    l->functions = work_grow(l->work, l->functions, &l->function_room, l->function_count,
                             l->function_count + 1, sizeof *l->functions);
    l->function_count++;
    struct function *f = &l->functions[number];
    *f = (struct function){.name = symbol ? object_symbol_name(&l->object, symbol) : "?",
                           .section = section,
                           .first = (uint32_t)first,
                           .slots = function_slots(l, section, (uint32_t)first, symbol)};
    return number;
}

/* Reads the function's instructions. Callees that are new are put at the list's end. */
void linker_read_function(struct linker *l, uint32_t number)
{
    uint32_t *item_of = work_take(l->work, l->functions[number].slots + 1, sizeof *item_of);

    read_items(l, number, item_of);
    resolve_jumps(l, &l->functions[number], item_of);
    linker_simplify(l, &l->functions[number]);
}

/* The linker: which program is meant, and the steps from object to linked program. */
#include "grafts/prover/link.h"

#include "grafts/prover/linker.h"

static bool holds_code(const struct object_section *s)
{
    return s->type == OBJECT_PROGBITS && (s->flags & OBJECT_EXEC) && s->bytes > 0;
}

static bool is_global_function(const struct object_symbol *s)
{
    return (s->info & 15u) == OBJECT_FUNCTION && s->info >> 4 != 0;
}

/* The section with the program: the one named, or the only one beside .text, which clang fills with
 * what is called, or .text. */
static uint32_t find_section(struct linker *l, const char *name)
{
    uint32_t found = 0, text = 0;

    for (uint32_t i = 1; i < l->object.section_count; i++) {
        const char *own = object_section_name(&l->object, i);
        if (!holds_code(&l->object.sections[i]) || (name && !object_same(own, name)))
            continue;
        if (!name && object_same(own, ".text")) {
            text = i;
            continue;
        }
        if (found)
            work_fail(l->work, "several sections hold programs", own,
                      "name the one to link with --section");
        found = i;
    }
    if (!found)
        found = text;
    if (!found)
        work_fail(l->work, "no section of that name holds code", name ? name : "",
                  "put the function in a section of its own: SEC(\"packet_filter\")");
    return found;
}

/* The program's first slot in its section. */
static uint64_t find_function(struct linker *l, uint32_t section, const char *name)
{
    const struct object_symbol *found = NULL;

    for (uint32_t i = 1; i < l->object.symbol_count; i++) {
        const struct object_symbol *s = &l->object.symbols[i];
        if (s->section != section || !is_global_function(s))
            continue;
        if (name && !object_same(object_symbol_name(&l->object, s), name))
            continue;
        if (found)
            work_fail(l->work, "several functions of the section can be the program",
                      object_symbol_name(&l->object, s),
                      "make the others static, or name the one to link with --function");
        found = s;
    }
    if (!found && name)
        work_fail(l->work, "no function of that name in the section", name,
                  "it must not be static");
    if (found && found->value % 8 != 0)
        work_fail(l->work, "the function does not begin at an instruction", name, "compile again");
    return found ? found->value / 8 : 0;
}

void link_object(struct work *w, const void *image, size_t bytes, const char *section,
                 const char *function, struct linked *out)
{
    struct linker l = {.work = w};

    *out = (struct linked){0};
    object_open(&l.object, w, image, bytes);
    linker_read_maps(&l);
    uint32_t from = find_section(&l, section);
    uint32_t entry = linker_function(&l, from, find_function(&l, from, function));
    for (uint32_t i = 0; i < l.function_count; i++) /* the list grows on the way */
        linker_read_function(&l, i);
    linker_inline(&l, entry);
    linker_fill_maps(&l);
    linker_emit(w, &l.functions[entry], out);
    out->maps = l.maps;
    out->map_count = l.map_count;
    out->section = object_section_name(&l.object, from);
    out->function = l.functions[entry].name;
    out->inlined = l.inlined;
}

/* Objects as the linker reads them: see object.h. */
#include "grafts/prover/object.h"

#include "exo/abi/elf.h"

#define MACHINE_BPF 247u
#define BTF_MAGIC   0xeb9fu

static _Noreturn void damaged(const struct object *o, const char *name)
{
    work_fail(o->work, "the object is malformed", name, "compile with clang -target bpf -O2 -g -c");
}

static bool fits(uint64_t offset, uint64_t bytes, uint64_t within)
{
    return offset <= within && bytes <= within - offset;
}

bool object_same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

bool object_begins(const char *a, const char *prefix)
{
    while (*prefix && *a == *prefix)
        a++, prefix++;
    return *prefix == '\0';
}

/* Text at `offset` of a table of `bytes`; "" when it does not end there. */
static const char *text_at(const uint8_t *table, uint64_t bytes, uint64_t offset)
{
    for (uint64_t i = offset; i < bytes; i++)
        if (table[i] == 0)
            return (const char *)table + offset;
    return "";
}

const uint8_t *object_bytes(const struct object *o, const struct object_section *s)
{
    return s->type == OBJECT_NOBITS ? NULL : o->image + s->offset;
}

static void check_header(const struct object *o, const struct elf_header *h)
{
    if (!elf_is_native(h) || h->type != ELF_TYPE_REL || h->machine != MACHINE_BPF)
        work_fail(o->work, "not an eBPF object", NULL, "compile with clang -target bpf -O2 -g -c");
    if (h->section_bytes != sizeof(struct object_section) || h->sections % 8 != 0 ||
        h->section_names >= h->section_count ||
        !fits(h->sections, (uint64_t)h->section_count * sizeof(struct object_section), o->bytes))
        damaged(o, NULL);
}

static void find_symbols(struct object *o)
{
    for (uint32_t i = 1; i < o->section_count; i++) {
        const struct object_section *s = &o->sections[i];
        if (s->type != OBJECT_SYMTAB)
            continue;
        if (s->link >= o->section_count || s->offset % 8 != 0)
            damaged(o, object_section_name(o, i));
        o->symbols = (const void *)(o->image + s->offset);
        o->symbol_count = (uint32_t)(s->bytes / sizeof(struct object_symbol));
        o->symbol_strings = s->link;
    }
}

void object_open(struct object *o, struct work *w, const void *image, size_t bytes)
{
    const struct elf_header *h = image;

    *o = (struct object){.work = w, .image = image, .bytes = bytes};
    if (bytes < sizeof *h)
        work_fail(w, "not an eBPF object", NULL, "compile with clang -target bpf -O2 -g -c");
    check_header(o, h);
    o->sections = (const void *)(o->image + h->sections);
    o->section_count = h->section_count;
    for (uint32_t i = 1; i < o->section_count; i++)
        if (o->sections[i].type != OBJECT_NOBITS &&
            !fits(o->sections[i].offset, o->sections[i].bytes, bytes))
            damaged(o, NULL);
    find_symbols(o);
}

const char *object_section_name(const struct object *o, uint32_t section)
{
    const struct elf_header *h = (const void *)o->image;
    const struct object_section *names = &o->sections[h->section_names];

    if (section >= o->section_count || names->type != OBJECT_STRTAB)
        return "";
    return text_at(o->image + names->offset, names->bytes, o->sections[section].name);
}

const char *object_symbol_name(const struct object *o, const struct object_symbol *s)
{
    const struct object_section *strings = &o->sections[o->symbol_strings];

    if ((s->info & 15u) == OBJECT_SECTION_SYMBOL)
        return object_section_name(o, s->section);
    if (strings->type != OBJECT_STRTAB)
        return "";
    return text_at(o->image + strings->offset, strings->bytes, s->name);
}

const struct object_symbol *object_symbol_at(const struct object *o, uint32_t number)
{
    if (number >= o->symbol_count)
        damaged(o, "relocation");
    return &o->symbols[number];
}

uint32_t object_find(const struct object *o, const char *name)
{
    for (uint32_t i = 1; i < o->section_count; i++)
        if (object_same(object_section_name(o, i), name))
            return i;
    return 0;
}

uint32_t object_relocations(const struct object *o, uint32_t section,
                            const struct object_relocation **out)
{
    for (uint32_t i = 1; i < o->section_count; i++) {
        const struct object_section *s = &o->sections[i];
        if (s->info != section || s->bytes == 0)
            continue;
        if (s->type == OBJECT_RELA)
            work_fail(o->work, "relocations with addends are not what clang makes for eBPF",
                      object_section_name(o, i), "compile with clang -target bpf -O2 -g -c");
        if (s->type != OBJECT_REL)
            continue;
        if (s->offset % 8 != 0)
            damaged(o, object_section_name(o, i));
        *out = (const void *)(o->image + s->offset);
        return (uint32_t)(s->bytes / sizeof **out);
    }
    return 0;
}

/* Line records, kernel documentation "BPF Type Format (BTF)", section .BTF.ext. */
struct span {
    const uint8_t *at;
    uint64_t bytes;
};

static uint32_t word_at(struct span s, uint64_t offset)
{
    uint32_t word;
    __builtin_memcpy(&word, s.at + offset, sizeof word);
    return word;
}

static struct span section_span(const struct object *o, const char *name)
{
    uint32_t i = object_find(o, name);

    if (!i || o->sections[i].type != OBJECT_PROGBITS)
        return (struct span){NULL, 0};
    return (struct span){o->image + o->sections[i].offset, o->sections[i].bytes};
}

/* The part that the header's words at `field` name, or nothing. */
static struct span btf_part(struct span s, uint64_t field)
{
    const struct span nothing = {NULL, 0};

    if (s.bytes < field + 8 || (word_at(s, 0) & 0xffff) != BTF_MAGIC)
        return nothing;
    uint64_t offset = (uint64_t)word_at(s, 4) + word_at(s, field);
    uint32_t bytes = word_at(s, field + 4);
    return fits(offset, bytes, s.bytes) ? (struct span){s.at + offset, bytes} : nothing;
}

/* `count` records of `record_bytes` at `offset`: each speaks of its slot and those after it. */
static void read_records(struct span records, uint64_t offset, uint32_t count,
                         uint32_t record_bytes, struct span strings, struct object_line *lines,
                         uint32_t slots)
{
    for (uint32_t k = 0; k < count; k++, offset += record_bytes) {
        uint32_t at = word_at(records, offset) / 8;
        const char *file = text_at(strings.at, strings.bytes, word_at(records, offset + 4));
        while (object_begins(file, "./")) /* of the directory in which the compiler ran */
            file += 2;
        struct object_line line = {word_at(records, offset + 12) >> 10, file};
        if (at < slots)
            lines[at] = line;
    }
}

void object_lines(const struct object *o, uint32_t section, struct object_line *lines,
                  uint32_t count)
{
    struct span strings = btf_part(section_span(o, ".BTF"), 16);
    struct span records = btf_part(section_span(o, ".BTF.ext"), 16);
    uint32_t record_bytes = records.bytes >= 4 && strings.at ? word_at(records, 0) : 0;

    for (uint32_t i = 0; i < count; i++)
        lines[i] = (struct object_line){0, NULL};
    for (uint64_t offset = 4; record_bytes >= 16 && fits(offset, 8, records.bytes);) {
        const char *name = text_at(strings.at, strings.bytes, word_at(records, offset));
        uint32_t several = word_at(records, offset + 4);
        offset += 8;
        if (!fits(offset, (uint64_t)several * record_bytes, records.bytes))
            break;
        if (object_same(name, object_section_name(o, section)))
            read_records(records, offset, several, record_bytes, strings, lines, count);
        offset += (uint64_t)several * record_bytes;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!lines[i].file)
            lines[i] = i ? lines[i - 1] : (struct object_line){0, ""};
}

/* Objects: bounds-checked reading of ELF64 headers, sections, names and line records. */
#include "grafts/elf.h"

#include "exo/abi/elf.h"
#include "exo/abi/graft_object.h"
#include "exo/base/assert.h"

/* System V ABI, chapter 4 "Object Files". */
#define MACHINE_BPF    247u
#define SECTION_PROG   1u
#define SECTION_STRTAB 3u
#define SECTION_RELA   4u
#define SECTION_REL    9u
#define FLAG_EXEC      4u

struct elf_section {
    uint32_t name, type;
    uint64_t flags, address, offset, bytes;
    uint32_t link, info;
    uint64_t alignment, entry_bytes;
};
_Static_assert(sizeof(struct elf_section) == 64, "as the ABI has it");

/* An object whose header and section table lie within it. */
struct object {
    const uint8_t *image;
    size_t bytes;
    const struct elf_section *sections; /* [section_count] */
    uint32_t section_count;
    const uint8_t *names; /* [name_bytes] */
    uint64_t name_bytes;
};

static bool fits(uint64_t offset, uint64_t bytes, size_t within)
{
    return offset <= within && bytes <= within - offset;
}

static enum graft_reason check_header(const struct elf_header *h, size_t bytes)
{
    if (!elf_is_native(h) || h->version != 1)
        return GRAFT_ELF_FORMAT;
    if (h->machine != MACHINE_BPF)
        return GRAFT_ELF_MACHINE;
    if (h->type != ELF_TYPE_REL || h->header_bytes != sizeof *h)
        return GRAFT_ELF_FORMAT;
    if (h->section_bytes != sizeof(struct elf_section) || h->sections % 8 != 0 ||
        h->section_names >= h->section_count)
        return GRAFT_ELF_SECTION;
    if (!fits(h->sections, (uint64_t)h->section_count * sizeof(struct elf_section), bytes))
        return GRAFT_ELF_TRUNCATED;
    return GRAFT_ACCEPTED;
}

static enum graft_reason open_object(const void *image, size_t bytes, struct object *o)
{
    const struct elf_header *h = image;

    ASSERT((uintptr_t)image % 8 == 0);
    if (bytes < sizeof *h)
        return GRAFT_ELF_TRUNCATED;
    enum graft_reason reason = check_header(h, bytes);
    if (reason != GRAFT_ACCEPTED)
        return reason;

    *o = (struct object){
        .image = image,
        .bytes = bytes,
        .sections =
            (const struct elf_section *)(const void *)((const uint8_t *)image + h->sections),
        .section_count = h->section_count};
    const struct elf_section *names = &o->sections[h->section_names];
    if (names->type != SECTION_STRTAB)
        return GRAFT_ELF_SECTION;
    if (!fits(names->offset, names->bytes, bytes))
        return GRAFT_ELF_TRUNCATED;
    o->names = o->image + names->offset;
    o->name_bytes = names->bytes;
    return GRAFT_ACCEPTED;
}

/* Is the text at `offset` of `table` exactly `want`, with its end inside the table? */
static bool is_text(const uint8_t *table, uint64_t table_bytes, uint64_t offset, const char *want)
{
    for (uint64_t i = 0; offset < table_bytes && i < table_bytes - offset; i++) {
        if (table[offset + i] != (uint8_t)want[i])
            return false;
        if (want[i] == '\0')
            return true;
    }
    return false;
}

static bool has_name(const struct object *o, const struct elf_section *s, const char *name)
{
    return is_text(o->names, o->name_bytes, s->name, name);
}

static bool holds_code(const struct elf_section *s)
{
    return s->type == SECTION_PROG && (s->flags & FLAG_EXEC) && s->bytes > 0;
}

/* The number of the code section wanted, in *out. */
static enum graft_reason find_section(const struct object *o, const char *name, uint32_t *out)
{
    uint32_t found = 0; /* section 0 is never code */

    for (uint32_t i = 1; i < o->section_count; i++) {
        const struct elf_section *s = &o->sections[i];
        if (!holds_code(s) || (name && !has_name(o, s, name)))
            continue;
        if (found)
            return GRAFT_ELF_AMBIGUOUS;
        found = i;
    }
    *out = found;
    return found ? GRAFT_ACCEPTED : GRAFT_ELF_NO_PROGRAM;
}

static bool ranges_meet(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

/* The program's bytes lie in the object, are whole instructions, and are not headers too. */
static enum graft_reason check_code(const struct object *o, const struct elf_section *s)
{
    const struct elf_header *h = (const void *)o->image;

    if (!fits(s->offset, s->bytes, o->bytes))
        return GRAFT_ELF_TRUNCATED;
    if (s->offset % 8 != 0 || s->bytes % sizeof(struct insn) != 0)
        return GRAFT_ELF_ALIGNMENT;
    if (ranges_meet(s->offset, s->bytes, 0, sizeof *h) ||
        ranges_meet(s->offset, s->bytes, h->sections,
                    (uint64_t)o->section_count * sizeof(struct elf_section)))
        return GRAFT_ELF_OVERLAP;
    if (s->bytes / sizeof(struct insn) > GRAFT_MAX_INSTRUCTIONS)
        return GRAFT_TOO_LONG;
    return GRAFT_ACCEPTED;
}

/* Relocated code would be patched by a loader; unpatched it means something else. */
static bool is_relocated(const struct object *o, uint32_t section)
{
    for (uint32_t i = 1; i < o->section_count; i++) {
        const struct elf_section *s = &o->sections[i];
        if ((s->type == SECTION_REL || s->type == SECTION_RELA) && s->info == section &&
            s->bytes > 0)
            return true;
    }
    return false;
}

enum graft_reason graft_elf_find(const void *image, size_t bytes, const char *name,
                                 struct graft_code *out)
{
    struct object o;
    uint32_t section = 0;
    enum graft_reason reason = open_object(image, bytes, &o);

    if (reason == GRAFT_ACCEPTED)
        reason = find_section(&o, name, &section);
    if (reason == GRAFT_ACCEPTED)
        reason = check_code(&o, &o.sections[section]);
    if (reason == GRAFT_ACCEPTED && is_relocated(&o, section))
        reason = GRAFT_ELF_RELOCATION;
    if (reason != GRAFT_ACCEPTED)
        return reason;

    const struct elf_section *s = &o.sections[section];
    *out = (struct graft_code){(const void *)(o.image + s->offset),
                               (uint32_t)(s->bytes / sizeof(struct insn)), section};
    return GRAFT_ACCEPTED;
}

/* Line records, kernel documentation "BPF Type Format (BTF)", section .BTF.ext. */
struct line_part {
    uint32_t section_name; /* offset into the strings of .BTF */
    uint32_t count;        /* records that follow */
};

struct line_record {
    uint32_t offset; /* bytes into the section */
    uint32_t file, text;
    uint32_t place; /* line << 10 | column */
};

#define BTF_MAGIC 0xeb9fu

/* A run of bytes inside the object. */
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

static struct span find_span(const struct object *o, const char *name)
{
    for (uint32_t i = 1; i < o->section_count; i++) {
        const struct elf_section *s = &o->sections[i];
        if (s->type == SECTION_PROG && has_name(o, s, name) && fits(s->offset, s->bytes, o->bytes))
            return (struct span){o->image + s->offset, s->bytes};
    }
    return (struct span){NULL, 0};
}

/* The part of a .BTF or .BTF.ext section that the header's words at `field` name, or nothing. */
static struct span btf_part(struct span s, uint64_t field)
{
    const struct span nothing = {NULL, 0};

    if (s.bytes < field + 8 || (word_at(s, 0) & 0xffff) != BTF_MAGIC)
        return nothing;
    uint64_t header = word_at(s, 4), offset = header + word_at(s, field);
    uint32_t bytes = word_at(s, field + 4);
    if (!fits(offset, bytes, s.bytes))
        return nothing;
    return (struct span){s.at + offset, bytes};
}

/* The place of the last record at or before `wanted` among `count` records at `offset`. */
static uint32_t search_records(struct span lines, uint64_t offset, uint32_t count,
                               uint32_t record_bytes, uint64_t wanted)
{
    uint32_t place = 0;

    for (uint32_t i = 0; i < count; i++, offset += record_bytes) {
        if (word_at(lines, offset) > wanted)
            break;
        place = word_at(lines, offset + offsetof(struct line_record, place));
    }
    return place;
}

static bool names_section(const struct object *o, struct span strings, uint32_t name,
                          uint32_t section)
{
    uint64_t own = o->sections[section].name;

    for (uint64_t i = 0; own + i < o->name_bytes && name + i < strings.bytes; i++) {
        if (o->names[own + i] != strings.at[name + i])
            return false;
        if (strings.at[name + i] == 0)
            return true;
    }
    return false;
}

/* The line of a linked object's last record at or before `at`. */
static uint32_t linked_line(struct span lines, uint32_t at)
{
    uint64_t low = 0, high = lines.bytes / sizeof(struct graft_line);

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (word_at(lines, middle * sizeof(struct graft_line)) > at)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == 0)
        return 0;
    return word_at(lines,
                   (low - 1) * sizeof(struct graft_line) + offsetof(struct graft_line, line));
}

uint32_t graft_elf_line(const void *image, size_t bytes, const struct graft_code *code, uint32_t at)
{
    struct object o;

    if (open_object(image, bytes, &o) != GRAFT_ACCEPTED || code->section >= o.section_count)
        return 0;
    struct span linked = find_span(&o, GRAFT_SECTION_LINES);
    if (linked.at)
        return linked_line(linked, at);
    struct span strings = btf_part(find_span(&o, ".BTF"), 16);   /* str_off, str_len */
    struct span lines = btf_part(find_span(&o, ".BTF.ext"), 16); /* line_info_off, _len */
    if (!strings.at || lines.bytes < 4)
        return 0;

    uint32_t record_bytes = word_at(lines, 0);
    uint64_t offset = 4;
    if (record_bytes < sizeof(struct line_record))
        return 0;
    while (fits(offset, sizeof(struct line_part), lines.bytes)) {
        uint32_t name = word_at(lines, offset), count = word_at(lines, offset + 4);
        offset += sizeof(struct line_part);
        if (!fits(offset, (uint64_t)count * record_bytes, lines.bytes))
            return 0;
        if (names_section(&o, strings, name, code->section))
            return search_records(lines, offset, count, record_bytes,
                                  (uint64_t)at * sizeof(struct insn)) >>
                   10;
        offset += (uint64_t)count * record_bytes;
    }
    return 0;
}

/* The section called `name`, which is of whole parts of `unit` bytes and aligned to 8 when `unit`
 * is more than 1; nothing when there is none or it is empty. */
static enum graft_reason find_part(const struct object *o, const char *name, uint32_t unit,
                                   struct span *out)
{
    *out = (struct span){NULL, 0};
    for (uint32_t i = 1; i < o->section_count; i++) {
        const struct elf_section *s = &o->sections[i];
        if (s->type != SECTION_PROG || s->bytes == 0 || !has_name(o, s, name))
            continue;
        if (!fits(s->offset, s->bytes, o->bytes) || s->bytes > UINT32_MAX)
            return GRAFT_ELF_TRUNCATED;
        if (unit > 1 && (s->offset % 8 != 0 || s->bytes % unit != 0))
            return GRAFT_ELF_ALIGNMENT;
        *out = (struct span){o->image + s->offset, s->bytes};
        return GRAFT_ACCEPTED;
    }
    return GRAFT_ACCEPTED;
}

/* Does the part hold at least `count` texts, and end with the end of one? */
static bool holds_texts(struct span part, uint32_t count)
{
    uint32_t ends = 0;

    for (uint64_t i = 0; i < part.bytes; i++)
        ends += part.at[i] == 0;
    return ends >= count && (part.bytes == 0 || part.at[part.bytes - 1] == 0);
}

enum graft_reason graft_elf_parts(const void *image, size_t bytes, struct graft_parts *out)
{
    struct object o;
    struct span maps, names, initial, hook, proof;
    enum graft_reason reason = open_object(image, bytes, &o);

    if (reason == GRAFT_ACCEPTED)
        reason = find_part(&o, GRAFT_SECTION_MAPS, sizeof(struct graft_map_def), &maps);
    if (reason == GRAFT_ACCEPTED)
        reason = find_part(&o, GRAFT_SECTION_NAMES, 1, &names);
    if (reason == GRAFT_ACCEPTED)
        reason = find_part(&o, GRAFT_SECTION_INITIAL, 8, &initial);
    if (reason == GRAFT_ACCEPTED)
        reason = find_part(&o, GRAFT_SECTION_HOOK, 1, &hook);
    if (reason == GRAFT_ACCEPTED)
        reason = find_part(&o, GRAFT_SECTION_PROOF, 1, &proof);
    if (reason != GRAFT_ACCEPTED)
        return reason;
    uint32_t map_count = (uint32_t)(maps.bytes / sizeof(struct graft_map_def));
    if ((names.at && !holds_texts(names, map_count)) || !holds_texts(hook, 0))
        return GRAFT_ELF_SECTION;
    *out = (struct graft_parts){.maps = (const void *)maps.at,
                                .map_count = map_count,
                                .initial = initial.at,
                                .initial_bytes = (uint32_t)initial.bytes,
                                .proof = proof.at,
                                .proof_bytes = (uint32_t)proof.bytes,
                                .names = (const char *)names.at,
                                .hook = (const char *)hook.at};
    return GRAFT_ACCEPTED;
}

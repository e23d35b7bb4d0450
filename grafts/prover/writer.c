/* Linked objects: the ELF file (exo/abi/graft_object.h). */
#include "grafts/prover/writer.h"

#include "exo/abi/elf.h"
#include "exo/abi/graft_map.h"
#include "exo/abi/graft_object.h"

#define MACHINE_BPF   247u
#define MAX_SECTIONS  12u
#define SECTION_NAMES ".shstrtab"

struct bytes {
    uint8_t *at;
    uint32_t count, room;
};

struct writer {
    struct work *work;
    struct bytes file, names;
    struct object_section sections[MAX_SECTIONS];
    uint32_t section_count;
};

static void put(struct writer *w, struct bytes *b, const void *from, size_t count)
{
    b->at = work_grow(w->work, b->at, &b->room, b->count, b->count + (uint32_t)count, 1);
    if (count)
        __builtin_memcpy(b->at + b->count, from, count);
    b->count += (uint32_t)count;
}

static void align(struct writer *w, struct bytes *b)
{
    static const uint8_t zeros[8];
    put(w, b, zeros, (8 - b->count % 8) % 8);
}

static size_t text_bytes(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n + 1;
}

static void put_section(struct writer *w, const char *name, uint32_t type, uint64_t flags,
                        const void *from, size_t count)
{
    if (count == 0)
        return;
    align(w, &w->file);
    w->sections[w->section_count++] = (struct object_section){.name = w->names.count,
                                                              .type = type,
                                                              .flags = flags,
                                                              .offset = w->file.count,
                                                              .bytes = count,
                                                              .alignment = 8};
    put(w, &w->names, name, text_bytes(name));
    put(w, &w->file, from, count);
}

static void put_maps(struct writer *w, const struct linked *p)
{
    struct bytes defs = {0}, names = {0}, initial = {0};

    for (uint32_t i = 0; i < p->map_count; i++) {
        const struct linked_map *m = &p->maps[i];
        struct graft_map_def def = {m->type, m->key_bytes, m->value_bytes, m->entries};
        put(w, &defs, &def, sizeof def);
        put(w, &names, m->name, text_bytes(m->name));
        if (!m->initial)
            continue;
        struct graft_initial head = {i, m->value_bytes};
        put(w, &initial, &head, sizeof head);
        put(w, &initial, m->initial, m->value_bytes);
        align(w, &initial);
    }
    put_section(w, GRAFT_SECTION_MAPS, OBJECT_PROGBITS, OBJECT_ALLOC, defs.at, defs.count);
    put_section(w, GRAFT_SECTION_NAMES, OBJECT_PROGBITS, 0, names.at, names.count);
    put_section(w, GRAFT_SECTION_INITIAL, OBJECT_PROGBITS, 0, initial.at, initial.count);
}

/* Where `name` stands in `files`; it is added when it is not there. */
static uint32_t file_offset(struct writer *w, struct bytes *files, const char *name)
{
    for (uint32_t i = 0; i < files->count; i += (uint32_t)text_bytes((const char *)files->at + i))
        if (object_same((const char *)files->at + i, name))
            return i;
    uint32_t offset = files->count;
    put(w, files, name, text_bytes(name));
    return offset;
}

static void put_lines(struct writer *w, const struct linked *p)
{
    struct bytes lines = {0}, files = {0};
    struct graft_line last = {0, 0, 0};

    put(w, &files, "", 1);
    for (uint32_t i = 0; i < p->count; i++) {
        struct graft_line line = {i, p->lines[i].line, file_offset(w, &files, p->lines[i].file)};
        if (line.line == last.line && line.file == last.file)
            continue;
        put(w, &lines, &line, sizeof line);
        last = line;
    }
    if (lines.count == 0)
        return;
    put_section(w, GRAFT_SECTION_LINES, OBJECT_PROGBITS, 0, lines.at, lines.count);
    put_section(w, GRAFT_SECTION_FILES, OBJECT_PROGBITS, 0, files.at, files.count);
}

static void put_headers(struct writer *w)
{
    struct elf_header h = {.ident = ELF_IDENT,
                           .type = ELF_TYPE_REL,
                           .machine = MACHINE_BPF,
                           .version = 1,
                           .header_bytes = sizeof h,
                           .section_bytes = sizeof(struct object_section)};

    /* the names' own name is put before the section is measured */
    uint32_t own = w->names.count;
    put(w, &w->names, SECTION_NAMES, sizeof SECTION_NAMES);
    align(w, &w->file);
    w->sections[w->section_count++] = (struct object_section){.name = own,
                                                              .type = OBJECT_STRTAB,
                                                              .offset = w->file.count,
                                                              .bytes = w->names.count,
                                                              .alignment = 1};
    put(w, &w->file, w->names.at, w->names.count);
    align(w, &w->file);
    h.sections = w->file.count;
    h.section_count = (uint16_t)w->section_count;
    h.section_names = (uint16_t)(w->section_count - 1);
    put(w, &w->file, w->sections, w->section_count * sizeof w->sections[0]);
    __builtin_memcpy(w->file.at, &h, sizeof h);
}

const uint8_t *writer_make(struct work *work, const struct writer_object *o, size_t *bytes)
{
    struct writer *w = work_take(work, 1, sizeof *w);
    static const struct elf_header none;

    w->work = work;
    w->section_count = 1;
    put(w, &w->names, "", 1);
    put(w, &w->file, &none, sizeof none);
    put_section(w, GRAFT_SECTION_CODE, OBJECT_PROGBITS, OBJECT_ALLOC | OBJECT_EXEC,
                o->program->code, o->program->count * sizeof(struct insn));
    put_maps(w, o->program);
    put_lines(w, o->program);
    put_section(w, GRAFT_SECTION_HOOK, OBJECT_PROGBITS, 0, o->hook, text_bytes(o->hook));
    put_section(w, GRAFT_SECTION_PROOF, OBJECT_PROGBITS, 0, o->proof, o->proof_bytes);
    put_headers(w);
    *bytes = w->file.count;
    return w->file.at;
}

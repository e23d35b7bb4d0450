/* Objects as commands take them: see object.h. */
#include "grafts/tool/object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo/abi/graft_object.h"
#include "grafts/checker.h"
#include "grafts/prover/object.h"
#include "grafts/tool/disasm.h"

#define MAX_FILE ((size_t)64 << 20)

/* The whole file, in memory aligned for anything; NULL after a message. */
static void *read_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    uint8_t *image = NULL;
    size_t room = 0, got;

    if (!f) {
        fprintf(stderr, "graft: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    *bytes = 0;
    do {
        room = room ? room * 2 : 65536;
        uint8_t *larger = realloc(image, room);
        if (!larger)
            break;
        image = larger;
        got = fread(image + *bytes, 1, room - *bytes, f);
        *bytes += got;
    } while (*bytes == room && room < MAX_FILE);
    bool whole = image && !ferror(f) && feof(f);
    fclose(f);
    if (whole)
        return image;
    fprintf(stderr, "graft: %s: cannot be read, or is larger than 64 MiB\n", path);
    free(image);
    return NULL;
}

const char *object_place(const struct object_file *o, uint32_t at, char text[256])
{
    const struct object_line *line =
        at < o->program.count && o->program.lines ? &o->program.lines[at] : NULL;
    const char *file = line && line->file[0] ? line->file : o->path;

    if (line && line->line)
        snprintf(text, 256, "%s:%u", file, line->line);
    else
        snprintf(text, 256, "%s", file);
    return text;
}

void object_print_refusal(const struct object_file *o, const struct graft_report *r)
{
    char text[DISASM_LINE], place[256];

    fprintf(stderr, "%s:", object_place(o, r->instruction, place));
    if (r->instruction < o->program.count) {
        disasm_print(&o->program.code[r->instruction], o->program.count - r->instruction, text);
        fprintf(stderr, " instruction %u (%s):", r->instruction, text);
    }
    if (r->reg != GRAFT_NO_REGISTER)
        fprintf(stderr, " r%u:", r->reg);
    fprintf(stderr, " %s", graft_reason_text(r->reason));
    if (r->need || r->have)
        fprintf(stderr, " (needs %lld, has %lld)", (long long)r->need, (long long)r->have);
    if (graft_reason_hint(r->reason)[0])
        fprintf(stderr, "; %s", graft_reason_hint(r->reason));
    fputc('\n', stderr);
}

void object_print_fault(const struct object_file *o)
{
    const struct work_fault *f = &o->work.fault;

    fprintf(stderr, "%s:", f->file && f->file[0] ? f->file : o->path);
    if (f->line)
        fprintf(stderr, "%u:", f->line);
    fprintf(stderr, " %s%s%s; %s\n", f->name, f->name[0] ? ": " : "", f->text, f->hint);
}

static void print_reason(const struct object_file *o, enum graft_reason reason)
{
    struct graft_report r = {
        .reason = reason, .instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};
    object_print_refusal(o, &r);
}

/* The map's name; names stand one behind the other. */
static const char *name_of(const struct graft_parts *parts, uint32_t map)
{
    const char *name = parts->names ? parts->names : "";

    for (uint32_t i = 0; parts->names && i < map; i++)
        name += strlen(name) + 1;
    return name;
}

static void take_initial(struct object_file *o)
{
    for (uint32_t at = 0; at + sizeof(struct graft_initial) <= o->parts.initial_bytes;) {
        const struct graft_initial *r = (const void *)(o->parts.initial + at);
        at += (uint32_t)sizeof *r;
        if (r->bytes > o->parts.initial_bytes - at || r->map >= o->parts.map_count)
            return;
        if (r->bytes == o->parts.maps[r->map].value_bytes)
            o->program.maps[r->map].initial = o->parts.initial + at;
        at += (r->bytes + 7) / 8 * 8;
    }
}

/* The name at `offset` of section .graft.files, ended within it; "" when there is none. */
static const char *file_name(const struct object_section *files, const uint8_t *image,
                             uint64_t offset)
{
    for (uint64_t i = offset; i < files->bytes; i++)
        if (image[files->offset + i] == 0)
            return (const char *)image + files->offset + offset;
    return "";
}

/* Source lines, by slot. Leaves through the work's `out` when the file is malformed. */
static void take_lines(struct object_file *o)
{
    struct linked *p = &o->program;
    struct object object;
    uint32_t next = 0;

    p->lines = work_take(&o->work, p->count, sizeof *p->lines);
    for (uint32_t i = 0; i < p->count; i++)
        p->lines[i].file = "";
    object_open(&object, &o->work, o->image, o->bytes);
    uint32_t lines = object_find(&object, GRAFT_SECTION_LINES);
    uint32_t files = object_find(&object, GRAFT_SECTION_FILES);
    if (!lines || !files || object.sections[files].type != OBJECT_PROGBITS ||
        object.sections[lines].type != OBJECT_PROGBITS)
        return;
    uint64_t count = object.sections[lines].bytes / sizeof(struct graft_line);
    for (uint32_t i = 0; i < p->count; i++) {
        struct graft_line line;
        if (i > 0)
            p->lines[i] = p->lines[i - 1];
        for (; next < count; next++) {
            memcpy(&line, object_bytes(&object, &object.sections[lines]) + next * sizeof line,
                   sizeof line);
            if (line.instruction > i)
                break;
            p->lines[i] = (struct object_line){
                line.line, file_name(&object.sections[files], object.image, line.file)};
        }
    }
}

/* What the linked file says, as the linker would. False after a message. */
static bool take_linked(struct object_file *o, const struct graft_code *code)
{
    struct linked *p = &o->program;
    enum graft_reason reason = graft_elf_parts(o->image, o->bytes, &o->parts);

    if (reason != GRAFT_ACCEPTED) {
        print_reason(o, reason);
        return false;
    }
    *p = (struct linked){.code = (struct insn *)(uintptr_t)code->insns,
                         .count = code->count,
                         .map_count = o->parts.map_count,
                         .section = o->parts.hook ? o->parts.hook : "",
                         .function = ""};
    take_lines(o);
    p->maps = work_take(&o->work, p->map_count, sizeof *p->maps);
    for (uint32_t i = 0; i < p->map_count; i++) {
        const struct graft_map_def *m = &o->parts.maps[i];
        p->maps[i] = (struct linked_map){name_of(&o->parts, i), m->type,    m->key_bytes,
                                         m->value_bytes,        m->entries, NULL};
    }
    take_initial(o);
    return true;
}

/* As the linker has it; of a linked file, what it says. */
static bool take_program(struct object_file *o, const struct object_choice *choice,
                         const struct graft_code *code)
{
    if (work_left(&o->work)) {
        object_print_fault(o);
        return false;
    }
    if (o->is_linked)
        return take_linked(o, code);
    link_object(&o->work, o->image, o->bytes, choice->section, choice->function, &o->program);
    return true;
}

bool object_open_file(struct object_file *o, const char *path, const struct object_choice *choice)
{
    struct graft_code code;

    memset(o, 0, sizeof *o);
    o->path = path;
    o->image = read_file(path, &o->bytes);
    if (!o->image)
        return false;
    o->is_linked = graft_elf_find(o->image, o->bytes, GRAFT_SECTION_CODE, &code) == GRAFT_ACCEPTED;
    if (!take_program(o, choice, &code))
        return false;
    o->hook = hook_by_name(choice->hook ? choice->hook : o->program.section);
    if (o->hook == 0 && choice->hook) {
        fprintf(stderr, "graft: no hook is called %s; see exo/abi/graft_hooks.def\n", choice->hook);
        return false;
    }
    if (o->hook == 0 && !o->is_linked) {
        fprintf(stderr,
                "graft: %s: its section, %s, is not called as a hook; say which with --hook\n",
                path, o->program.section);
        return false;
    }
    return true;
}

void object_close(struct object_file *o)
{
    work_end(&o->work);
    free(o->image);
}

/* Grafts out of files, loaded and replaced: see loader.h. */
#include "libos-graft/loader.h"

#include "exo/abi/batch.h"
#include "exo/abi/graft_object.h"
#include "grafts/checker.h"
#include "grafts/prover/hook_names.h"
#include "grafts/prover/prove.h"
#include "grafts/prover/writer.h"
#include "libos-graft/maps.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/heap.h"
#include "libos/print.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"

/* One load, on its way. */
struct load {
    const struct loader_file *file;
    char *message;
    struct work work;
    struct linked program;
    struct proved proved;
    uint8_t *image; /* a copy of a linked file, aligned, in the work's memory */
    const uint8_t *object;
    size_t bytes;
    uint32_t hook;
    struct graft_parts parts;
};

/* "port.c:12: instruction 5: r3: what is missing (needs 14, has 0); what to do" */
static enum err refuse(struct load *l, const struct graft_report *r, const char *file,
                       uint32_t line)
{
    char *to = l->message;
    size_t at = print_format(to, LOADER_MESSAGE, "%.120s:", file);

#define ADD(...)                                                                                   \
    (at += print_format(to + at, at < LOADER_MESSAGE ? LOADER_MESSAGE - at : 0, __VA_ARGS__))
    if (line)
        ADD("%u:", line);
    if (r->instruction != GRAFT_NO_INSTRUCTION)
        ADD(" instruction %u:", r->instruction);
    if (r->reg != GRAFT_NO_REGISTER)
        ADD(" r%u:", r->reg);
    ADD(" %s", graft_reason_text(r->reason));
    if (r->need || r->have)
        ADD(" (needs %ld, has %ld)", (long)r->need, (long)r->have);
    if (graft_reason_hint(r->reason)[0])
        ADD("; %s", graft_reason_hint(r->reason));
#undef ADD
    return ERR_BAD_GRAFT;
}

/* Of the program that was linked here: the source's file and line, if the compiler told them. */
static enum err refuse_program(struct load *l, const struct graft_report *r)
{
    const struct object_line *line = l->program.lines && r->instruction < l->program.count
                                         ? &l->program.lines[r->instruction]
                                         : NULL;

    return refuse(l, r, line && line->file[0] ? line->file : l->file->name, line ? line->line : 0);
}

static enum err refuse_form(struct load *l)
{
    const struct work_fault *f = &l->work.fault;

    print_format(l->message, LOADER_MESSAGE, "%.100s:%u: %.95s%s%s; %s",
                 f->file[0] ? f->file : l->file->name, f->line, f->name, f->name[0] ? ": " : "",
                 f->text, f->hint);
    return ERR_BAD_GRAFT;
}

static enum err refuse_hook(struct load *l, const char *name)
{
    print_format(l->message, LOADER_MESSAGE, "%.120s: no hook is called %.95s", l->file->name,
                 name);
    return ERR_BAD_ARG;
}

static enum err refuse_other(struct load *l, uint32_t wanted)
{
    print_format(l->message, LOADER_MESSAGE, "%.120s: it is for the hook %s, and not for %s",
                 l->file->name, hook_name(l->hook), hook_name(wanted));
    return ERR_BAD_STATE;
}

/* What `graft prove` wrote is loaded as it is; everything else is linked, proved and written. */
static enum err find_proof(struct load *l)
{
    const struct loader_file *f = l->file;
    const enum graft_reason reason = graft_elf_parts(l->image, f->bytes, &l->parts);
    const struct graft_report r = {
        .reason = reason, .instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};

    if (reason != GRAFT_ACCEPTED)
        return refuse(l, &r, f->name, 0);
    l->hook = f->hook ? f->hook : hook_by_name(l->parts.hook ? l->parts.hook : "");
    l->object = l->image;
    l->bytes = f->bytes;
    return l->hook ? ERR_OK : refuse_hook(l, l->parts.hook ? l->parts.hook : "");
}

static enum err make_proof(struct load *l)
{
    const struct loader_file *f = l->file;
    struct writer_object out = {.program = &l->program};

    link_object(&l->work, l->image, f->bytes, f->section, f->function, &l->program);
    l->hook = f->hook ? f->hook : hook_by_name(l->program.section);
    if (!l->hook)
        return refuse_hook(l, l->program.section);
    const struct prove_wish wish = {.hook = l->hook};
    if (!prove(&l->work, &l->program, &wish, &l->proved))
        return refuse_program(l, &l->proved.report);
    out.hook = hook_name(l->hook);
    out.proof = l->proved.proof;
    out.proof_bytes = l->proved.proof_bytes;
    l->object = writer_make(&l->work, &out, &l->bytes);
    const enum graft_reason reason = graft_elf_parts(l->object, l->bytes, &l->parts);
    const struct graft_report r = {
        .reason = reason, .instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};
    return reason == GRAFT_ACCEPTED ? ERR_OK : refuse(l, &r, f->name, 0);
}

/* A function of its own: whatever the linker and the prover find wrong comes back here. */
static enum err prepare(struct load *l)
{
    const struct loader_file *f = l->file;
    struct graft_code code;

    if (work_left(&l->work))
        return refuse_form(l);
    l->image = work_take(&l->work, 1, f->bytes);
    memcpy(l->image, f->image, f->bytes);
    if (graft_elf_find(l->image, f->bytes, GRAFT_SECTION_CODE, &code) == GRAFT_ACCEPTED)
        return find_proof(l);
    return make_proof(l);
}

static enum err create(struct load *l, struct loader_graft *g)
{
    struct graft_report report = {.instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};
    uint32_t maps[GRAFT_MAX_MAPS] = {0};
    word_t steps;
    slot_t slot;
    pfn_t first;

    for (uint32_t i = 0; i < g->map_count; i++)
        maps[i] = g->maps[i].slot;
    const struct graft_load load = {.object = (vaddr_t)l->object,
                                    .bytes = l->bytes,
                                    .report = (vaddr_t)&report,
                                    .hook = l->hook,
                                    .map_count = g->map_count,
                                    .maps = (vaddr_t)maps,
                                    .notification = SLOT_NONE};
    enum err e = region_find(GRAFT_FRAMES(l->bytes), &first);
    if (e == ERR_OK)
        e = slot_take(&slot);
    if (e != ERR_OK)
        return e;
    e = exo_graft_create_get(SLOT_MEMORY, first, slot, (vaddr_t)&load, &steps);
    if (e != ERR_OK) {
        slot_give(slot);
        return e == ERR_BAD_GRAFT ? refuse(l, &report, l->file->name, report.line) : e;
    }
    g->slot = slot;
    g->hook = l->hook;
    g->steps = (uint32_t)steps;
    return ERR_OK;
}

/* With `old`, for its hook, and with its maps unless they are to be fresh. */
static enum err load(struct loader_graft *g, const struct loader_file *f, struct loader_graft *old,
                     char message[LOADER_MESSAGE])
{
    struct load *l = heap_alloc_zero(1, sizeof *l);

    *g = (struct loader_graft){.slot = SLOT_NONE};
    message[0] = '\0';
    if (!l)
        return ERR_NO_MEM;
    l->file = f;
    l->message = message;
    enum err e = prepare(l);
    if (e == ERR_OK && old && old->hook != l->hook)
        e = refuse_other(l, old->hook);
    if (e == ERR_OK && l->parts.map_count > GRAFT_MAX_MAPS)
        e = ERR_BAD_ARG;
    if (e == ERR_OK)
        e = maps_make(g, &l->parts, f->fresh ? NULL : old);
    if (e == ERR_OK)
        e = create(l, g);
    if (e != ERR_OK) {
        maps_end(g);
        if (!message[0])
            print_format(message, LOADER_MESSAGE, "%.120s: %s", f->name, error_text(e));
    }
    work_end(&l->work);
    heap_free(l);
    return e;
}

enum err loader_load(struct loader_graft *g, const struct loader_file *f,
                     char message[LOADER_MESSAGE])
{
    return load(g, f, NULL, message);
}

enum err loader_bind(const struct loader_graft *g, slot_t target)
{
    return exo_graft_bind(g->slot, target, g->hook);
}

enum err loader_update(struct loader_graft *g, const struct loader_file *f, slot_t target,
                       char message[LOADER_MESSAGE])
{
    struct loader_graft *next = heap_alloc(sizeof *next);

    message[0] = '\0';
    if (!next)
        return ERR_NO_MEM;
    enum err e = load(next, f, g, message);
    if (e == ERR_OK) {
        e = loader_bind(next, target);
        if (e == ERR_OK) {
            slot_delete(g->slot);
            maps_inherit(next, g);
            *g = *next;
        } else {
            loader_end(next);
        }
    }
    heap_free(next);
    return e;
}

void loader_end(struct loader_graft *g)
{
    if (g->slot != SLOT_NONE)
        slot_delete(g->slot);
    g->slot = SLOT_NONE;
    maps_end(g);
}

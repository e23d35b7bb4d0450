/* Calls: grafts. The object is copied before anything in it is believed. */
#include "bindings/cap.h"
#include "bindings/graft.h"
#include "bindings/object.h"
#include "bindings/revoke.h"
#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "exo/entry/handlers.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"
#include "grafts/checker.h"
#include "grafts/elf.h"
#include "grafts/hook.h"

struct create_plan {
    struct object_place place;
    struct graft_load load;
    pfn_t root; /* of the caller's space */
    struct object_info *info;
};

static enum err check_load(const struct graft_load *l)
{
    bool size = l->bytes > 0 && l->bytes <= GRAFT_OBJECT_MAX;

    return size && l->unused == 0 && hook_find(l->hook) ? ERR_OK : ERR_BAD_ARG;
}

static enum err check_create(const struct env *e, const struct sys_graft_create_args *a,
                             struct create_plan *p)
{
    p->root = e->root;
    bool readable = space_copy_in(e->root, &p->load, a->load, sizeof p->load);
    enum err load = readable ? check_load(&p->load) : ERR_OK;
    uint32_t count = readable && load == ERR_OK ? GRAFT_FRAMES(p->load.bytes) : 1;
    enum err place = object_check(e, a->region, a->base, count, a->dst, true, &p->place);

    p->info = object_graft_free();
    if (load == ERR_BAD_ARG || place == ERR_BAD_ARG)
        return ERR_BAD_ARG;
    if (place == ERR_BAD_CAP)
        return ERR_BAD_CAP;
    if (!readable || !space_user(e->root, p->load.report, RIGHT_WRITE))
        return ERR_BAD_USER;
    return place == ERR_OK && !p->info ? ERR_NO_MEM : place;
}

/* Fills the graft in its frames, which are taken. */
static enum err build(const struct create_plan *p, struct graft *g, struct graft_report *report)
{
    uint8_t *copy = (uint8_t *)g + PAGE_SIZE;
    size_t pages = (p->load.bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    uint8_t *work = copy + pages;
    size_t room = (size_t)p->place.count * PAGE_SIZE - PAGE_SIZE - pages;
    struct graft_code code = {0};

    *report = (struct graft_report){.instruction = GRAFT_NO_INSTRUCTION, .reg = GRAFT_NO_REGISTER};
    if (!space_copy_in(p->root, copy, p->load.object, p->load.bytes))
        return ERR_BAD_USER;
    report->reason = graft_elf_find(copy, p->load.bytes, NULL, &code);
    if (report->reason != GRAFT_ACCEPTED)
        return ERR_BAD_GRAFT;
    struct graft_input in = {.code = code.insns, .count = code.count, .hook = p->load.hook};
    g->hook = p->load.hook;
    if (graft_check(&in, work, room, &g->program, report) == GRAFT_ACCEPTED)
        return ERR_OK;
    if (report->instruction != GRAFT_NO_INSTRUCTION)
        report->line = graft_elf_line(copy, p->load.bytes, &code, report->instruction);
    return ERR_BAD_GRAFT;
}

/* Building needs the frames, so they are taken first and given back when the graft is refused. */
int sys_graft_create(struct thread *caller, const struct sys_graft_create_args *a, word_t *result)
{
    struct create_plan p;
    struct graft_report report;
    enum err e = check_create(caller->env, a, &p);

    if (e != ERR_OK)
        return (int)e;
    object_make(&p.place, FRAME_GRAFT, caller->env->number, CAP_GRAFT);
    e = build(&p, frame_memory(p.place.base), &report);
    if (e == ERR_OK) {
        struct graft *g = frame_memory(p.place.base);
        object_begin(p.info, CAP_GRAFT, p.place.base, caller->env->number);
        p.info->keys = g->hook;
        p.info->counts[COUNT_STEPS] = report.steps;
        g->info = p.info;
        *result = report.steps;
        return ERR_OK;
    }
    cap_destroy(p.place.dst);
    bool told = space_copy_out(p.root, p.load.report, &report, sizeof report);
    return (int)(told ? e : ERR_BAD_USER);
}

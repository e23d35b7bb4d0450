/* Calls: the book-keeping read record by record, without what is others' where that is hidden. */
#include "bindings/cap.h"
#include "bindings/object.h"
#include "exo/arch/mmu.h"
#include "exo/arch/upward.h"
#include "exo/entry/handlers.h"
#include "exo/entry/init.h"
#include "exo/entry/main.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define OBJECT_BYTES (OBJECT_MAX * sizeof(struct object_info))

void object_init(void)
{
    paddr_t table = boot_frames((uint32_t)(OBJECT_BYTES / PAGE_SIZE));

    object_table = arch_phys(table);
    window_show(WINDOW_OBJECTS, table, OBJECT_BYTES);
}

union record {
    struct frame_info frame;
    struct env_info env;
    struct cpu_info cpu;
    struct object_info object;
    struct env_counts counts;
};

/* `reader`: env number of who may see its own only; 0: everything. */
typedef void read_fn(union record *r, uint32_t at, uint16_t reader);

static void read_frame(union record *r, uint32_t at, uint16_t reader)
{
    const struct frame_info f = *frame_of(at);
    bool nobody = f.type == FRAME_FREE || f.type == FRAME_ABSENT;

    r->frame = f;
    if (reader && f.owner != reader)
        r->frame = (struct frame_info){.type = nobody ? f.type : FRAME_HIDDEN};
}

/* Its own, and those that it made: it has to learn how they end. */
static void read_env(union record *r, uint32_t at, uint16_t reader)
{
    r->env = env_table[at];
    if (reader && at != reader && r->env.parent != reader)
        r->env = (struct env_info){0};
}

static void read_cpu(union record *r, uint32_t at, uint16_t reader)
{
    const struct cpu_info *c = &cpu_number(at)->info;

    r->cpu = *c;
    if (!reader)
        return;
    r->cpu = (struct cpu_info){.number = c->number, .apic_id = c->apic_id, .online = c->online};
    for (unsigned i = 0; i < SLICE_COUNT; i++) {
        r->cpu.slices[i] = c->slices[i];
        if (c->slices[i].thread && c->slices[i].env != reader)
            r->cpu.slices[i] = (struct slice_info){SLICE_HIDDEN, 0};
    }
}

static void read_object(union record *r, uint32_t at, uint16_t reader)
{
    r->object = object_table[at];
    if (reader && r->object.owner != reader)
        r->object = (struct object_info){0};
}

/* Of its own, and those that it made. */
static void read_counts(union record *r, uint32_t at, uint16_t reader)
{
    const uint32_t env = at / counts_cpus;

    r->counts = *counts_at(env, at % counts_cpus);
    if (reader && env != reader && env_table[env].parent != reader)
        r->counts = (struct env_counts){0};
}

struct table {
    read_fn *read;
    uint32_t bytes, count; /* of a record; how many */
};

static struct table table_of(uint32_t number)
{
    switch (number) {
    case INFO_FRAMES:
        return (struct table){read_frame, sizeof(struct frame_info), frame_count()};
    case INFO_ENVS:
        return (struct table){read_env, sizeof(struct env_info), ENV_MAX};
    case INFO_CPUS:
        return (struct table){read_cpu, sizeof(struct cpu_info), cpu_count};
    case INFO_OBJECTS:
        return (struct table){read_object, sizeof(struct object_info), OBJECT_MAX};
    case INFO_COUNTS:
        return (struct table){read_counts, sizeof(struct env_counts), ENV_MAX * counts_cpus};
    default:
        return (struct table){0};
    }
}

/* Who may bind frames may know of them: a capability for all that is asked for. */
static bool shows_frames(const struct env *e, const struct sys_info_read_args *a)
{
    const struct cap *c = a->table == INFO_FRAMES ? cap_find(e, a->inspect, CAP_FRAMES) : NULL;

    return c && a->first >= c->base && a->first - c->base < c->count &&
           a->count <= c->count - (a->first - c->base);
}

int sys_info_read(struct thread *caller, const struct sys_info_read_args *a, word_t *result)
{
    const struct table t = table_of(a->table);
    const struct env *e = caller->env;
    union record r;

    (void)result;
    if (a->count == 0 || a->count > INFO_READ_MAX || a->first >= t.count ||
        a->count > t.count - a->first)
        return ERR_BAD_ARG;
    if (a->inspect != SLOT_NONE && !cap_find(e, a->inspect, CAP_INSPECT) && !shows_frames(e, a))
        return ERR_BAD_CAP;
    uint16_t reader = kinfo_get()->hidden && a->inspect == SLOT_NONE ? e->number : 0;
    for (uint32_t i = 0; i < a->count; i++) {
        t.read(&r, a->first + i, reader);
        if (!space_copy_out(e->root, a->records + (vaddr_t)i * t.bytes, &r, t.bytes))
            return ERR_BAD_USER;
    }
    return ERR_OK;
}

/* Giving what is asked for, by the environment's own tables. */
#include "libos/revoke_give.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/frames.h"
#include "libos/pages.h"
#include "libos/slots.h"

#define SLOTS_SEEN (4u * CAPS_PER_FRAME) /* those that slot_cap() sees */
_Static_assert(CPU_MAX *SLICE_COUNT <= 2 * SLOTS_SEEN, "a bit for each name of any kind");

/* As the kernel counts: objects where they were made, ranges where they came from outside. */
static const struct {
    uint8_t cap;
    bool ranged;
} kinds[REVOKE_KIND_COUNT] = {
    [REVOKE_RINGS] = {CAP_RING, false},   [REVOKE_FILTERS] = {CAP_RING, false},
    [REVOKE_GRAFTS] = {CAP_GRAFT, false}, [REVOKE_EXTENTS] = {CAP_EXTENT, true},
    [REVOKE_IRQS] = {CAP_IRQ, true},      [REVOKE_PORTS] = {CAP_PORTS, true},
};

/* An ask being answered. */
struct giving {
    enum revoke_kind kind;
    uint32_t missing;
    revoke_use_fn use;
    uint64_t tried[2 * SLOTS_SEEN / 64]; /* bit per name: given, or not to be had */
};

static uint32_t slice_units(uint32_t name)
{
    return book_cpu(name / SLICE_COUNT)->slices[name % SLICE_COUNT].env == book_utcb()->env;
}

static uint32_t cap_units(enum revoke_kind kind, slot_t slot)
{
    const volatile struct cap *c = slot_cap(slot);

    if (!c || c->kind != kinds[kind].cap)
        return 0;
    if (!kinds[kind].ranged)
        return (c->flags & CAP_ORIGIN) != 0;
    pfn_t from = (pfn_t)(c->node.parent / (PAGE_SIZE / sizeof(struct node)));
    return book_frame_read(from).owner != book_utcb()->env ? c->count : 0;
}

static uint32_t units_of(const struct giving *g, uint32_t name)
{
    return g->kind == REVOKE_SLICES ? slice_units(name) : cap_units(g->kind, name);
}

/* What is used least; of equals the highest name. False: nothing is left that is not too much. */
static bool find(const struct giving *g, uint32_t *found)
{
    uint32_t end = g->kind == REVOKE_SLICES ? KINFO->cpu_count * SLICE_COUNT : SLOTS_SEEN;
    uint64_t least = 0;
    bool any = false;

    for (uint32_t name = 0; name < end; name++) {
        uint32_t units = units_of(g, name);
        if (!units || units > g->missing || (g->tried[name / 64] >> name % 64 & 1))
            continue;
        uint64_t use = g->use ? g->use(g->kind, name) : 0;
        if (any && use > least)
            continue;
        any = true;
        least = use;
        *found = name;
    }
    return any;
}

static enum err give_one(enum revoke_kind kind, uint32_t name)
{
    if (kind == REVOKE_SLICES)
        return exo_slice_bind(SLOT_CPU, name / SLICE_COUNT, name % SLICE_COUNT, SLOT_NONE);
    if (kind == REVOKE_FILTERS)
        return exo_ring_filter(name, SLOT_NONE);
    slot_delete(name);
    return ERR_OK;
}

static uint32_t give_frames(uint32_t count, uint64_t deadline)
{
    uint64_t given = frames_surrender(count);

    /* A chunk goes when its last page has left, so pages leave until enough chunks have gone. */
    while (given < count && pages_surrender(1, deadline))
        given += frames_surrender(count - given);
    return (uint32_t)given;
}

uint32_t revoke_give(enum revoke_kind kind, uint32_t count, uint64_t deadline, revoke_use_fn use)
{
    static struct giving g; /* too large for the stack of a handler */
    uint32_t name;

    if (kind == REVOKE_FRAMES)
        return give_frames(count, deadline);
    g = (struct giving){.kind = kind, .missing = count, .use = use};
    while (g.missing && find(&g, &name)) {
        uint32_t units = units_of(&g, name);
        g.tried[name / 64] |= (uint64_t)1 << name % 64;
        if (give_one(kind, name) == ERR_OK)
            g.missing -= units;
    }
    return count - g.missing;
}

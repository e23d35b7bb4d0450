/*
 * The whole structure at once, for checked builds: forest, frame table, page tables and records,
 * over all of memory.
 *
 * Invariants, beside those of frame.h, env.h, node.h, cap.h, page.h, share.h, disk_ring.h, tree.h
 * and grafts/map.h:
 *   W1  a capability names an object of its kind, and only an object's first one is its origin; an
 *       entry of a table leads to memory, or to a table of the next level
 *   W2  an environment's public record counts its frames and threads and names its frames
 *   W4  a slice names a living thread of its CPU, and its node is in use then only
 *   W7  a thread may read the counters of some CPU exactly when it has a binding that says so
 * (W3 and W5 are about threads and translations; tests/host/kernel_check.c looks at them.)
 */
#include "bindings/cap.h"
#include "bindings/device.h"
#include "bindings/disk_ring.h"
#include "bindings/endpoint.h"
#include "bindings/env_make.h"
#include "bindings/filters.h"
#include "bindings/flows.h"
#include "bindings/graft.h"
#include "bindings/guarantee.h"
#include "bindings/io_table.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "bindings/share.h"
#include "bindings/tree.h"
#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/base/string.h"
#include "exo/entry/init.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/thread.h"
#include "exo/mem/boot_mem.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define NODES_MAX                                                                                  \
    (1u << 24) /* more than a machine of 64 GiB can have in use; ends broken loops                 \
                */

/* Each call is followed by a complete check as long as there are fewer page tables and capability
 * tables than this; with k times as many, one call in k + 1 is. */
#define TABLES_PER_CALL 128u

/* [frame]: how many entries of tables show it, and from PINNED up by devices; 0 between checks. */
#define PINNED (1u << 24)
static uint32_t *shown;
static uint32_t owned[ENV_MAX], lent[ENV_MAX], borrowed[ENV_MAX];
static uint32_t tables; /* page tables and capability tables that there are */
static uint32_t pass;   /* calls that are not followed by a check           */

void check_init(void)
{
    if (CHECKED_BUILD)
        shown = arch_phys(boot_frames((uint32_t)(frame_count() * sizeof *shown / PAGE_SIZE + 1)));
}

/* A node in use hangs where it says, and a parent is in use itself. */
static const char *check_node(const struct node *n)
{
    node_t name = node_name(n);

    if (!n->parent)
        return n->child ? "D3: a node that is not in use has children" : NULL;
    const struct node *parent = node_at(n->parent);
    unsigned type = frame_of(frame_number(parent))->type;
    bool holds = type == FRAME_CAPTABLE || type == FRAME_NODES || type == FRAME_ENV ||
                 type == FRAME_THREAD; /* of its own UTCB */
    if (!holds)
        return "D3: a parent lies in a frame that holds no such nodes";
    if (n->prev ? node_at(n->prev)->next != name : parent->child != name)
        return "D3: a neighbour does not name the node";
    if (n->next && node_at(n->next)->parent != n->parent)
        return "D3: a sibling has another parent";
    return NULL;
}

static const char *check_nodes(const struct node *nodes, unsigned count)
{
    const char *broken = NULL;

    for (unsigned i = 0; !broken && i < count; i++)
        broken = check_node(&nodes[i]);
    return broken;
}

static unsigned type_of_kind(unsigned kind)
{
    static const uint8_t types[CAP_KIND_COUNT] = {
        [CAP_FRAMES] = FRAME_MEMORY,       [CAP_ENV] = FRAME_ENV,
        [CAP_THREAD] = FRAME_THREAD,       [CAP_NOTIFICATION] = FRAME_NOTIFICATION,
        [CAP_RING] = FRAME_RING,           [CAP_GRAFT] = FRAME_GRAFT,
        [CAP_DISK_RING] = FRAME_DISK_RING, [CAP_DEVICE] = FRAME_DEVICE,
        [CAP_ENDPOINT] = FRAME_ENDPOINT,   [CAP_SIGNAL] = FRAME_NOTIFICATION,
        [CAP_GRAFT_MAP] = FRAME_GRAFT_MAP, [CAP_FILTERS] = FRAME_FILTERS,
        [CAP_TREE] = FRAME_TREE,           [CAP_FLOWS] = FRAME_FLOWS,
    };
    return types[kind];
}

/* What boot made is not ended with a capability: the first environment's, and the archive. */
static bool of_boot(const struct frame_info *f)
{
    return f->owner == SIGMA0 || f->type == FRAME_KERNEL;
}

static const char *check_cap(const struct cap *c)
{
    if (c->kind >= CAP_KIND_COUNT)
        return "W1: a capability of no kind";
    if (c->kind == CAP_NONE)
        return c->node.parent || c->node.child ? "D3: an empty slot is in a tree" : NULL;
    if (!c->node.parent)
        return forest_check(&c->node, NODES_MAX);
    unsigned type = type_of_kind(c->kind);
    const struct frame_info *f = frame_of(type ? c->base : 0);
    bool archive = c->kind == CAP_FRAMES && f->type == FRAME_KERNEL;
    bool origin = c->flags & CAP_ORIGIN;
    if (type && f->type != type && !archive)
        return "W1: a capability names a frame of another type";
    if (type && !of_boot(f) && origin != (f->origin == node_name(&c->node)))
        return "W1: an object's origin is not its first capability";
    return check_node(&c->node);
}

static const char *check_captable(const struct cap *caps)
{
    const char *broken = NULL;

    for (unsigned i = 0; !broken && i < CAPS_PER_FRAME; i++)
        broken = check_cap(&caps[i]);
    return broken;
}

static bool is_plain(const struct node *n)
{
    const struct node *parent = node_at(n->parent);

    return !n->child && frame_of(frame_number(parent))->type == FRAME_CAPTABLE &&
           ((const struct cap *)(const void *)parent)->kind == CAP_FRAMES;
}

static bool is_thread(const struct node *n)
{
    return n && frame_of(frame_number(n))->type == FRAME_THREAD;
}

/* Does a thread come behind another child of a page's node? */
static bool is_late_utcb(const struct node *page)
{
    for (const struct node *n = node_at(page->child); n; n = node_at(n->next))
        if (!is_thread(n) && is_thread(node_at(n->next)))
            return true;
    return false;
}

/* A binding through an entry of `level`. */
static const char *check_shown(pfn_t to, unsigned level)
{
    pfn_t count = (pfn_t)(MMU_SPAN(level) >> PAGE_BITS);

    if (to % count != 0)
        return "P2: a large page is not aligned";
    if (to >= frame_count() || count > frame_count() - to)
        return "P2: an entry shows what is no memory";
    for (pfn_t n = to; n < to + count; n++)
        shown[n]++;
    return NULL;
}

/* An entry of a table of `level` and `owner` that leads to a table. */
static const char *check_upper(const pte_t *e, unsigned level, uint16_t owner)
{
    const struct frame_info *f = frame_of((pfn_t)(arch_pte_address(*e) >> PAGE_BITS));

    if (f->type != FRAME_TABLE || f->level != level - 1)
        return "W1: a table leads to no table of the next level";
    if (arch_pte_is_share(*e)) {
        lent[f->owner]++;
        borrowed[owner]++;
    } else if (f->owner != owner)
        return "W1: a space has another's table, and not as a share";
    return share_check(e);
}

static const char *check_table(const pte_t *entries, const struct frame_info *f)
{
    const struct node *nodes = entry_node(entries);
    unsigned end = f->level == MMU_LEVELS ? MMU_ENTRIES / 2 : MMU_ENTRIES;
    const char *broken = NULL;

    for (unsigned i = 0; !broken && i < end; i++) {
        const pte_t *e = &entries[i];
        bool present = arch_pte_present(*e);
        if (present != (nodes[i].parent != 0))
            return "P1: an entry and its node disagree";
        if (!present && nodes[i].child)
            return "D3: a node that is not in use has children";
        if (!present)
            continue;
        bool shows = f->level == 1 || arch_pte_is_large(*e);
        broken = arch_pte_is_device(*e) ? NULL
                 : shows ? check_shown((pfn_t)(arch_pte_address(*e) >> PAGE_BITS), f->level)
                         : check_upper(e, f->level, f->owner);
        if (!broken)
            broken = check_node(&nodes[i]);
        if (!broken && f->level == 1 && (*e & arch_pte_plain()) && !is_plain(&nodes[i]))
            broken = "P3: a plain page is derived from another, or another from it";
        if (!broken && f->level == 1 && is_late_utcb(&nodes[i]))
            broken = "P4: something is derived from a UTCB's page";
    }
    return broken;
}

static const char *check_io_table(pfn_t table, const struct frame_info *f)
{
    const iopte_t *entries = frame_memory(table);
    const char *broken = io_table_check(table);

    for (unsigned i = 0; !broken && i < MMU_ENTRIES; i++) {
        pfn_t to = (pfn_t)(arch_iopte_address(entries[i]) >> PAGE_BITS);
        if (!arch_iopte_present(entries[i]))
            continue;
        if (to >= frame_count())
            return "P2: an I/O entry shows what is no memory";
        if (f->level == 1)
            shown[to] += PINNED + 1;
        broken = check_node(io_node(&entries[i]));
    }
    return broken;
}

static const char *check_device(struct device *d)
{
    const char *broken = device_check(d);

    if (!broken)
        broken = check_nodes(d->vectors, DEVICE_VECTORS);
    if (!broken)
        broken = check_node(&d->pci);
    return broken ? broken : check_node(&d->fault);
}

/* Is the table that was found last what a walk finds? */
static bool leaf_is_right(const struct env *e)
{
    return e->leaf_number == LEAF_NONE ||
           (e->leaf_number < USER_TOP / LEAF_BYTES &&
            e->leaf == space_entry(e->root, e->leaf_number * LEAF_BYTES, 1));
}

static const char *check_env(struct env *e)
{
    const struct env_info *info = e->info;
    uint32_t threads = 0;

    for (const struct list *l = e->threads.next; l != &e->threads; l = l->next)
        threads += LIST_ITEM(l, struct thread, env_link)->env == e;
    if (info->frames != owned[e->number] || info->threads != threads)
        return "W2: an environment's record miscounts";
    if (e->lends != lent[e->number] || e->borrows != borrowed[e->number])
        return "H3: an environment miscounts shares";
    if (!leaf_is_right(e))
        return "E1: the table found last is not the one that a walk finds";
    if (info->sequence % 2 != 0)
        return "W2: an environment's record is being written";
    if (info->frame != e->frame || info->root != e->root || env_by_number[e->number] != e)
        return "W2: an environment's record names other frames";
    const char *broken = guarantee_check(e);
    return broken ? broken : cap_check(e);
}

static const char *check_map(const struct map_object *m)
{
    const char *broken = check_nodes(&m->values, 2);

    return broken ? broken : graft_map_check(&m->map);
}

static const char *check_thread(const struct thread *t)
{
    if (!t->counters_node.parent != !t->counters)
        return "W7: a thread reads counters without a right to them, or the other way round";
    const char *broken = check_nodes(&t->utcb_node, 4);
    return broken ? broken : check_node(&t->wake_node);
}

static const char *check_filters(const struct filters *f)
{
    const char *broken = check_node(&f->node);

    for (uint32_t i = 0; !broken && i < f->count; i++)
        broken = check_node(&f->at[i].graft);
    return broken ? broken : filters_check(f);
}

static const char *check_tree(const struct tree *t)
{
    const char *broken = check_nodes(&t->above, TREE_TYPES);

    if (broken || t->up)
        return broken;
    tables += t->blocks / MMU_ENTRIES;
    return tree_check(t);
}

static const char *check_flows(const struct flows *f)
{
    const char *broken = check_node(&f->larger);

    return broken ? broken : flows_check(f);
}

/* What lies in the first frame of each object. */
static const char *check_object(pfn_t n, const struct frame_info *f)
{
    const void *memory = frame_memory(n);

    switch (f->type) {
    case FRAME_CAPTABLE:
        return check_captable(memory);
    case FRAME_TABLE:
        return check_table(memory, f);
    case FRAME_IO_TABLE:
        return check_io_table(n, f);
    case FRAME_DEVICE:
        return f->first == n ? check_device(frame_memory(n)) : NULL;
    case FRAME_THREAD:
        return check_thread(memory);
    case FRAME_GRAFT:
        return f->first == n ? check_nodes(memory, GRAFT_MAX_MAPS + 1) : NULL;
    case FRAME_GRAFT_MAP:
        return f->first == n ? check_map(memory) : NULL;
    case FRAME_FILTERS:
        return f->first == n ? check_filters(memory) : NULL;
    case FRAME_TREE:
        return f->first == n ? check_tree(memory) : NULL;
    case FRAME_ENDPOINT:
        return endpoint_check(memory);
    case FRAME_FLOWS:
        return check_flows(memory);
    case FRAME_RING:
        return check_nodes(memory, 5);
    case FRAME_DISK_RING: {
        const char *broken = check_nodes(memory, 4);
        return broken ? broken : disk_ring_check(memory);
    }
    case FRAME_ENV: {
        const struct env *e = memory;
        const char *broken = check_nodes(&e->watch, 4);
        return broken ? broken : check_nodes(e->captable_nodes, CAPTABLE_FRAMES + ENV_PLACES);
    }
    default:
        return NULL;
    }
}

static const char *check_frames(void)
{
    const char *broken = NULL;

    memset(owned, 0, sizeof owned);
    memset(lent, 0, sizeof lent);
    memset(borrowed, 0, sizeof borrowed);
    for (pfn_t n = 0; !broken && n < frame_count(); n++) {
        const struct frame_info *f = &frame_table[n];
        if (f->type == FRAME_FREE || f->type == FRAME_MEMORY)
            continue;
        tables += f->type == FRAME_TABLE || f->type == FRAME_CAPTABLE;
        broken = check_object(n, f);
    }
    for (pfn_t n = 0; n < frame_count(); n++) {
        const struct frame_info *f = &frame_table[n];
        if (f->owner)
            owned[f->owner]++;
        bool table = f->type == FRAME_TABLE || f->type == FRAME_IO_TABLE;
        if (shown[n] % PINNED != f->bindings && !broken)
            broken = "P2: a frame's bindings are not what the tables show";
        if (shown[n] / PINNED != (table ? 0u : f->pins) && !broken)
            broken = "P2: a frame's pins are not what the I/O tables show";
        shown[n] = 0;
    }
    for (unsigned n = 1; !broken && n < ENV_MAX; n++)
        if (env_by_number[n])
            broken = check_env(env_by_number[n]);
    return broken;
}

static const char *check_slices(const struct cpu *c)
{
    for (unsigned i = 0; i < SLICE_COUNT; i++) {
        const struct thread *t = c->slices[i];
        if (!t != !c->slice_nodes[i].parent)
            return "W4: a slice and its node disagree";
        if (t && (thread_by_number(t->number) != t || t->cpu != c->number))
            return "W4: a slice names a thread that is gone or elsewhere";
        if (c->info.slices[i].thread != (t ? t->number : 0))
            return "W4: the public vector names another thread";
    }
    return check_nodes(c->slice_nodes, SLICE_COUNT);
}

/* Complete, or nothing: see TABLES_PER_CALL. */
const char *hook_check(void)
{
    if (pass > 0) {
        pass--;
        return NULL;
    }
    tables = 0;
    const char *broken = frame_check();
    if (!broken)
        broken = check_frames();
    for (unsigned i = 0; !broken && i < CPU_MAX && cpu_number(i)->slice_nodes; i++)
        broken = check_slices(cpu_number(i));
    pass = tables / TABLES_PER_CALL;
    return broken;
}

/*
 * Every invariant of the kernel at once: the kernel's own checks (frame_check and so on) and, over
 * all of memory, what they leave to each other.
 *   D3  each node of a tree is in use, and its neighbours name it
 *   P1  an entry of a table is present exactly when its node has a parent
 *   P2  frame_info.bindings counts the entries that show the frame
 *   H1 to H3  shares of tables (bindings/share.h)
 *   W1  a capability names an object of its kind, and only an object's first one is its origin
 *   W2  an env's public record counts its frames and threads
 *   W3  a thread is where its state says: queued, running or waiting
 *   W4  a slice names a living thread of that CPU, and its node is in use then only
 *   W5  no CPU holds a translation that the tables no longer have
 *   W6  nor does the IOMMU, and a frame's pins are the I/O entries that show it
 */
#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/device.h"
#include "bindings/io_table.h"
#include "bindings/node.h"
#include "bindings/revoke.h"
#include "bindings/share.h"
#include "exo/arch/host/devices.h"
#include "exo/env/sched.h"
#include "l4core/ipc.h"

#include <string.h>

#define CPUS 2u

static uint32_t shown[WORLD_FRAMES], pinned[WORLD_FRAMES];
static uint32_t owned[ENV_MAX], lent[ENV_MAX], borrowed[ENV_MAX];

/* A node in use hangs where it says, and a parent is in use itself. */
static const char *check_node(const struct node *n)
{
    node_t name = node_name(n);

    if (!n->parent)
        return NULL;
    const struct node *parent = node_at(n->parent);
    unsigned type = frame_of(frame_number(parent))->type;
    bool holds = type == FRAME_CAPTABLE || type == FRAME_NODES || type == FRAME_ENV;
    if (!holds)
        return "D3: a parent lies in a frame that holds no such nodes";
    if (n->prev ? node_at(n->prev)->next != name : parent->child != name)
        return "D3: a neighbour does not name the node";
    if (n->next && node_at(n->next)->parent != n->parent)
        return "D3: a sibling has another parent";
    return NULL;
}

static unsigned type_of_kind(unsigned kind)
{
    static const uint8_t types[CAP_KIND_COUNT] = {
        [CAP_FRAMES] = FRAME_MEMORY,       [CAP_ENV] = FRAME_ENV,
        [CAP_THREAD] = FRAME_THREAD,       [CAP_NOTIFICATION] = FRAME_NOTIFICATION,
        [CAP_RING] = FRAME_RING,           [CAP_GRAFT] = FRAME_GRAFT,
        [CAP_DISK_RING] = FRAME_DISK_RING, [CAP_DEVICE] = FRAME_DEVICE,
    };
    return types[kind];
}

static const char *check_cap(const struct cap *c)
{
    unsigned type = type_of_kind(c->kind);

    if (c->kind == CAP_NONE)
        return c->node.parent || c->node.child ? "D3: an empty slot is in a tree" : NULL;
    if (!c->node.parent)
        return forest_check(&c->node, 1u << 20);
    if (type && frame_of(c->base)->type != type)
        return "W1: a capability names a frame of another type";
    bool origin = c->flags & CAP_ORIGIN;
    if (type && origin != (frame_of(c->base)->origin == node_name(&c->node)) &&
        frame_of(c->base)->owner != world.root->number)
        return "W1: an object's origin is not its first capability";
    return check_node(&c->node);
}

static const char *check_captable(pfn_t n)
{
    const struct cap *caps = frame_memory(n);
    const char *broken = NULL;

    for (unsigned i = 0; !broken && i < CAPS_PER_FRAME; i++)
        broken = check_cap(&caps[i]);
    return broken;
}

/* A binding through an entry of `level`. */
static const char *check_shown(pfn_t to, unsigned level)
{
    pfn_t count = (pfn_t)(MMU_SPAN(level) >> PAGE_BITS);

    if (to % count != 0)
        return "P2: a large page is not aligned";
    for (pfn_t f = to; f < to + count; f++)
        shown[f]++;
    return NULL;
}

/* An entry of table `n`, of `level`, that leads to a table. */
static const char *check_upper(const pte_t *e, pfn_t n, unsigned level)
{
    pfn_t to = (pfn_t)(arch_pte_address(*e) >> PAGE_BITS);

    if (frame_of(to)->type != FRAME_TABLE || frame_of(to)->level != level - 1)
        return "W1: a table leads to no table of the next level";
    if (arch_pte_is_share(*e)) {
        lent[frame_of(to)->owner]++;
        borrowed[frame_of(n)->owner]++;
    } else if (frame_of(to)->owner != frame_of(n)->owner) {
        return "W1: a space has another's table, and not as a share";
    }
    return share_check(e);
}

static const char *check_table(pfn_t n)
{
    const pte_t *entries = frame_memory(n);
    unsigned level = frame_of(n)->level;
    unsigned end = level == MMU_LEVELS ? MMU_ENTRIES / 2 : MMU_ENTRIES;
    const char *broken = NULL;

    for (unsigned i = 0; !broken && i < end; i++) {
        const struct node *node = entry_node(&entries[i]);
        bool present = arch_pte_present(entries[i]);
        if (present != (node->parent != 0))
            return "P1: an entry and its node disagree";
        if (!present)
            continue;
        pfn_t to = (pfn_t)(arch_pte_address(entries[i]) >> PAGE_BITS);
        broken = arch_pte_is_device(entries[i])                ? NULL
                 : level == 1 || arch_pte_is_large(entries[i]) ? check_shown(to, level)
                                                               : check_upper(&entries[i], n, level);
        if (!broken)
            broken = check_node(node);
    }
    return broken;
}

static const char *check_io_table(pfn_t n)
{
    const iopte_t *entries = frame_memory(n);
    const char *broken = io_table_check(n);

    for (unsigned i = 0; !broken && i < MMU_ENTRIES; i++) {
        pfn_t to = (pfn_t)(arch_iopte_address(entries[i]) >> PAGE_BITS);
        if (!arch_iopte_present(entries[i]))
            continue;
        shown[to] += frame_of(n)->level == 1;
        pinned[to] += frame_of(n)->level == 1;
        broken = check_node(io_node(&entries[i]));
    }
    return broken;
}

/* The first frame of a device's object. */
static const char *check_device(pfn_t n)
{
    struct device *d = frame_memory(n);
    const char *broken = device_check(d);

    for (unsigned i = 0; !broken && i < DEVICE_VECTORS; i++)
        broken = check_node(&d->vectors[i]);
    if (!broken)
        broken = check_node(&d->pci);
    return broken ? broken : check_node(&d->fault);
}

static const char *check_env(const struct env *e)
{
    uint32_t threads = 0;

    for (const struct list *l = e->threads.next; l != &e->threads; l = l->next)
        threads += LIST_ITEM(l, struct thread, env_link)->env == e;
    if (e->info->frames != owned[e->number] || e->info->threads != threads)
        return "W2: an env's record miscounts";
    if (e->lends != lent[e->number] || e->borrows != borrowed[e->number])
        return "H3: an env miscounts shares";
    if (e->info->sequence % 2 != 0)
        return "W2: an env's record is being written";
    if (e->info->frame != e->frame || e->info->root != e->root)
        return "W2: an env's record names other frames";
    if (check_node(&e->watch) || check_node(&e->kmem))
        return "D3: a binding of an env hangs wrong";
    return cap_check(e);
}

static bool is_queued(const struct thread *t)
{
    const struct list *q = &cpu_number(t->cpu)->ready[t->priority];

    for (const struct list *l = q->next; l != q; l = l->next)
        if (l == &t->queue)
            return true;
    return false;
}

static const char *check_thread(struct thread *t)
{
    bool current = cpu_number(t->cpu)->current == t;

    if (is_queued(t) != (t->state == THREAD_READY))
        return "W3: a thread is queued and not ready, or ready and not queued";
    if (t->state == THREAD_RUNNING && !current)
        return "W3: a thread runs that is not current";
    if (t->state != THREAD_DEAD && !t->utcb_node.parent)
        return "W3: a thread lives without UTCB";
    if (t->state != THREAD_DEAD &&
        arch_pte_address(*node_entry(node_at(t->utcb_node.parent), &(pfn_t){0})) !=
            arch_phys_of(t->utcb))
        return "W3: a UTCB lies elsewhere";
    if (t->state == THREAD_IPC_SEND && list_is_empty(&t->send_link))
        return "W3: a sender is in no queue";
    if (t->state != THREAD_IPC_SEND && !list_is_empty(&t->send_link))
        return "W3: a thread is queued to send and does not";
    if (t->state == THREAD_PCT_CALLING && t->pct_callee->pct_caller != t)
        return "W3: a callee does not know its caller";
    if (!t->notify_node.parent != list_is_empty(&t->bound_link))
        return "D3: a bound notification and its node disagree";
    if (check_node(&t->utcb_node) || check_node(&t->notify_node))
        return "D3: a binding of a thread hangs wrong";
    return ipc_check(t);
}

static const char *check_cpu(struct cpu *c)
{
    struct arch_cpu *before = host.cpu;
    vaddr_t va;

    host.cpu = &c->arch;
    const char *broken = sched_check();
    host.cpu = before;
    for (unsigned i = 0; i < SLICE_COUNT && !broken; i++) {
        const struct thread *t = c->slices[i];
        if (!t != !c->slice_nodes[i].parent)
            return "W4: a slice and its node disagree";
        if (t && (thread_by_number(t->number) != t || t->cpu != c->number))
            return "W4: a slice names a thread that is gone or elsewhere";
        if (c->info->slices[i].thread != (t ? t->number : 0))
            return "W4: the public vector names another thread";
        broken = check_node(&c->slice_nodes[i]);
    }
    if (!broken && host_tlb_stale(c->number, &va))
        return "W5: a CPU holds a stale translation";
    host_tlb_fill(c->number);
    return broken;
}

static const char *check_frames(void)
{
    const char *broken = frame_check();

    memset(shown, 0, sizeof shown);
    memset(pinned, 0, sizeof pinned);
    memset(owned, 0, sizeof owned);
    memset(lent, 0, sizeof lent);
    memset(borrowed, 0, sizeof borrowed);
    for (pfn_t n = 0; !broken && n < frame_count(); n++) {
        const struct frame_info *f = frame_of(n);
        owned[f->owner]++;
        if (f->type == FRAME_CAPTABLE)
            broken = check_captable(n);
        else if (f->type == FRAME_TABLE)
            broken = check_table(n);
        else if (f->type == FRAME_IO_TABLE)
            broken = check_io_table(n);
        else if (f->type == FRAME_DEVICE && f->first == n)
            broken = check_device(n);
    }
    for (pfn_t n = 0; !broken && n < frame_count(); n++) {
        const struct frame_info *f = frame_of(n);
        bool table = f->type == FRAME_TABLE || f->type == FRAME_IO_TABLE;
        if (shown[n] != f->bindings)
            broken = "P2: a frame's bindings are not what the tables show";
        if (pinned[n] != (table ? 0 : f->pins))
            broken = "W6: a frame's pins are not what the I/O tables show";
    }
    if (!broken && host_io_stale())
        broken = "W6: the IOMMU holds a stale translation";
    host_io_fill();
    return broken;
}

const char *world_broken(void)
{
    const char *broken = check_frames();

    for (unsigned i = 1; !broken && i < ENV_MAX; i++)
        if (env_by_number[i])
            broken = check_env(env_by_number[i]);
    for (uint32_t i = 0; !broken && i < THREAD_MAX; i++)
        if (thread_by_number(i))
            broken = check_thread(thread_by_number(i));
    for (unsigned i = 0; !broken && i < CPUS; i++)
        broken = check_cpu(cpu_number(i));
    return broken;
}

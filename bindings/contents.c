/* What lies in what: the next thing that must go before a node can. */
#include "bindings/contents.h"

#include "bindings/cap.h"
#include "bindings/device.h"
#include "bindings/graft.h"
#include "bindings/io_table.h"
#include "bindings/page.h"
#include "bindings/tree.h"
#include "exo/arch/mmu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"

/* The first entry in use of a table, which only empties: from where the last search in it ended. */
static struct node *table_contents(pfn_t table)
{
    static pfn_t last;
    static unsigned from;
    const pte_t *entries = frame_memory(table);
    unsigned end = frame_of(table)->level == MMU_LEVELS ? MMU_ENTRIES / 2 : MMU_ENTRIES;

    if (table != last)
        from = 0;
    last = table;
    for (unsigned i = 0; i < end; i++) {
        unsigned at = (from + i) % end;
        if (arch_pte_present(entries[at])) {
            from = at;
            return entry_node(&entries[at]);
        }
    }
    return NULL;
}

/* Something that lives in `e`: threads first, so that nothing runs while the rest goes. */
static struct node *env_contents(struct env *e)
{
    struct node *n;

    if (!list_is_empty(&e->threads)) {
        struct thread *t = LIST_ITEM(e->threads.next, struct thread, env_link);
        return node_at(frame_of(frame_number(t))->origin);
    }
    n = table_contents(e->root);
    if (!n)
        n = cap_table_contents(e->captables[0]);
    for (unsigned i = 1; !n && i < e->captable_count; i++)
        if (e->captable_nodes[i].parent)
            n = &e->captable_nodes[i];
    return !n && e->ports_node.parent ? &e->ports_node : n;
}

struct node *node_contents(struct node *n)
{
    pfn_t frame = frame_number(n);

    switch (node_lies_in(n)) {
    case FRAME_CAPTABLE: {
        struct cap *c = (struct cap *)(void *)n;
        if (!(c->flags & CAP_ORIGIN))
            return NULL;
        if (c->kind == CAP_DEVICE)
            return io_table_contents(device_root(frame_memory(c->base)));
        return c->kind == CAP_ENV ? env_contents(frame_memory(c->base)) : NULL;
    }
    case FRAME_NODES: {
        pfn_t table;
        const pte_t *e = node_entry(n, &table);
        bool leads = frame_of(table)->level > 1 && arch_pte_leads(*e);
        return leads ? table_contents((pfn_t)(arch_pte_address(*e) >> PAGE_BITS)) : NULL;
    }
    case FRAME_IO_NODES:
        return io_contents(n);
    case FRAME_DEVICE: { /* without its function the device goes */
        const struct device *d = frame_memory(frame);
        return n == &d->pci ? node_at(frame_of(frame)->origin) : NULL;
    }
    case FRAME_TREE: { /* nor a tree without the blocks */
        const struct tree *tree = frame_memory(frame);
        return n == &tree->above ? node_at(frame_of(frame)->origin) : NULL;
    }
    case FRAME_FLOWS: /* nor a part of the card without the larger one */
        return node_at(frame_of(frame)->origin);
    case FRAME_GRAFT:
    case FRAME_GRAFT_MAP:
        return graft_stands_on(n) ? node_at(frame_of(frame)->origin) : NULL;
    case FRAME_ENV: {
        struct env *e = frame_memory(frame);
        long i = n - e->captable_nodes;
        if (n == &e->memory)
            return env_contents(e);
        if (n == &e->ports_node)
            return cap_table_contents(e->ports);
        return i > 0 && i < (long)CAPTABLE_FRAMES ? cap_table_contents(e->captables[i]) : NULL;
    }
    default:
        return NULL;
    }
}

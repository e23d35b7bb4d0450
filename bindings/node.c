/* Links of the derivation forest. */
#include "bindings/node.h"

#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/mem/frame.h"

struct node *node_at(node_t name)
{
    return name ? arch_phys((paddr_t)name * sizeof(struct node)) : NULL;
}

node_t node_name(const struct node *n)
{
    return n ? (node_t)(arch_phys_of(n) / sizeof(struct node)) : 0;
}

void node_link(struct node *parent, struct node *child)
{
    node_t name = node_name(child);

    ASSERT(!child->parent && !child->child);
    *child = (struct node){.parent = node_name(parent), .next = parent->child};
    if (parent->child)
        node_at(parent->child)->prev = name;
    parent->child = name;
}

/* Closes the gap that `n` leaves among its siblings. */
static void leave_siblings(const struct node *n)
{
    if (n->prev)
        node_at(n->prev)->next = n->next;
    else if (n->parent)
        node_at(n->parent)->child = n->next;
    if (n->next)
        node_at(n->next)->prev = n->prev;
}

void node_unlink(struct node *n)
{
    ASSERT(!n->child);
    leave_siblings(n);
    *n = (struct node){0};
}

void node_move(struct node *n, struct node *parent)
{
    node_t child = n->child;

    leave_siblings(n);
    *n = (struct node){0};
    node_link(parent, n);
    n->child = child;
}

/* `n` was reached from `parent`, or from its sibling `elder` under it. */
static const char *check_child(const struct node *parent, const struct node *elder,
                               const struct node *n)
{
    if (n->parent != node_name(parent))
        return "D1: a child names another parent";
    return n->prev == node_name(elder) ? NULL : "D1: a child does not lead back";
}

const char *forest_check(const struct node *root, uint32_t limit)
{
    const struct node *n = root;

    if (!root->parent && (root->next || root->prev))
        return "D2: a root has siblings";
    while (limit--) {
        const struct node *next = node_at(n->child), *parent = n, *elder = NULL;
        while (!next && n != root) {
            next = node_at(n->next);
            elder = n;
            n = parent = node_at(n->parent);
        }
        if (!next)
            return NULL;
        const char *broken = check_child(parent, elder, next);
        if (broken)
            return broken;
        n = next;
    }
    return "D1: the tree has more nodes than there can be";
}

pte_t *node_entry(const struct node *n, pfn_t *table)
{
    pfn_t frame = frame_number(n);
    struct node *nodes;

    *table = frame_of(frame)->first;
    nodes = frame_memory(*table + 1);
    return (pte_t *)frame_memory(*table) + (n - nodes);
}

struct node *entry_node(const pte_t *entry)
{
    pfn_t table = frame_number(entry);

    return (struct node *)frame_memory(table + 1) + ((uintptr_t)entry % PAGE_SIZE) / sizeof(pte_t);
}

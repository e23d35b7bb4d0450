/* Links of the derivation forest. */
#include "bindings/node.h"

#include "exo/arch/mmu.h"
#include "exo/base/assert.h"
#include "exo/env/walk.h"
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

struct node *node_after(const struct node *top, const struct node *n)
{
    if (n->child)
        return node_at(n->child);
    while (n != top && !n->next)
        n = node_at(n->parent);
    return n == top ? NULL : node_at(n->next);
}

/* Walks between two steps. */
static struct list waiting = {&waiting, &waiting};

#define WALK(link_of_it) LIST_ITEM(link_of_it, struct walk, link)

void node_walk_on(struct walk *w, struct node *top)
{
    const bool goes_on = w->top == top;

    if (w->top)
        list_remove(&w->link);
    if (goes_on && !w->anew)
        return;
    w->attempts = goes_on ? (uint8_t)(w->attempts + 1) : 0;
    w->anew = false;
    w->top = top;
    w->at = node_after(top, top);
}

void node_walk_wait(struct walk *w)
{
    list_insert(&waiting, &w->link);
}

void node_walk_end(struct walk *w)
{
    if (w->top)
        list_remove(&w->link);
    w->top = w->at = NULL;
}

void node_walks_again(const struct node *n)
{
    for (struct list *l = waiting.next; l != &waiting; l = l->next) {
        const struct node *up = n;
        while (up && up != WALK(l)->top)
            up = node_at(up->parent);
        WALK(l)->anew |= up != NULL;
    }
}

/* `n`, which has no children, goes. */
static void pass_by(const struct node *n)
{
    for (struct list *l = waiting.next, *next; l != &waiting; l = next) {
        struct walk *w = WALK(l);
        next = l->next;
        if (w->top == n)
            node_walk_end(w);
        else if (w->at == n)
            w->at = node_after(w->top, n);
    }
}

void node_unlink(struct node *n)
{
    ASSERT(!n->child);
    if (!list_is_empty(&waiting))
        pass_by(n);
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

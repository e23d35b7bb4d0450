/*
 * Plain pages (P3), one or a group of a constant number: checked, then changed, with nothing
 * called. Written for the number of instructions they come to, and for the compiler to take into
 * the loops and calls that use them. Pages of a group lie side by side in one table of level 1.
 * Nothing is invalidated.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "bindings/page.h"
#include "exo/abi/cap.h"
#include "exo/mem/frame.h"

#define INLINE static inline __attribute__((always_inline))

#define PAGE_GROUP 16u

/* For each page `k` of a group of `n`. */
#define EACH(k, n) _Pragma("GCC unroll 16") for (uint32_t k = 0; k < (n); k++)

/* What was read of memory is read again: a group's entries are more than the registers hold. */
#define FORGET() __asm__ volatile("" : : : "memory")

/* node_at and node_name, in line and for nodes that exist. */
INLINE struct node *plain_node(node_t name)
{
    return arch_phys((paddr_t)name * sizeof(struct node));
}

INLINE node_t plain_name(const struct node *n)
{
    return (node_t)(n - (const struct node *)arch_phys(0));
}

/* entry_node for a table of level 1, whose nodes lie behind it. */
INLINE struct node *plain_node_of(pte_t *e)
{
    size_t index = (uintptr_t)e / sizeof *e % MMU_ENTRIES;

    return (struct node *)(void *)(e - index + MMU_ENTRIES) + index;
}

/* The two words of a node without a child: whose it is, and its neighbours. */
#define PLAIN_OWNER(parent)    ((uint64_t)(parent))
#define PLAIN_LINK(next, prev) ((uint64_t)(prev) << 32 | (next))

typedef uint64_t __attribute__((may_alias)) plain_word_t;

INLINE void plain_node_write(struct node *n, uint64_t owner, uint64_t link)
{
    plain_word_t *words = (void *)n;

    words[0] = owner;
    words[1] = link;
}

/* Have all `n` entries the bits of `need`? */
INLINE bool plain_have(const pte_t *at, uint32_t n, pte_t need)
{
    pte_t all = need;

    EACH (k, n)
        all &= at[k];
    return all == need;
}

/* What is to be done to pages that may have certain rights, so that they have just those. */
struct plain_change {
    pte_t need, set, clear;
};

INLINE struct plain_change plain_change_to(rights_t rights)
{
    pte_t none = arch_pte_protect(0, 0), every = arch_pte_protect(0, PAGE_RIGHTS);
    pte_t set = arch_pte_protect(0, rights);

    return (struct plain_change){arch_pte_need(rights), set, (none | every) & ~set};
}

/* Changes the rights of `n` pages if all are plain and may have them. */
INLINE bool plain_protect(pte_t *at, uint32_t n, struct plain_change c)
{
    if (!plain_have(at, n, c.need))
        return false;
    EACH (k, n)
        arch_pte_change(&at[k], c.set, c.clear);
    return true;
}

/* Writes `entry`, which shows `frame`, into an empty one, as a child of `parent`. */
INLINE void plain_show(pte_t *at, struct node *parent, struct frame_info *frame, pte_t entry)
{
    struct node *n = plain_node_of(at);
    const node_t name = plain_name(n), elder = parent->child;

    *at = entry;
    plain_node_write(n, PLAIN_OWNER(plain_name(parent)), PLAIN_LINK(elder, 0));
    if (elder)
        plain_node(elder)->prev = name;
    parent->child = name;
    frame->bindings++;
}

/* Binds frame `pfn`, in the range of `frames`, a CAP_FRAMES, if nothing is bound there. */
INLINE bool plain_bind(pte_t *at, struct cap *frames, pfn_t pfn, rights_t rights, rights_t most)
{
    if (arch_pte_present(*at))
        return false;
    plain_show(at, &frames->node, &frame_table[pfn],
               arch_pte_page((paddr_t)pfn << PAGE_BITS, rights, most) | arch_pte_plain());
    return true;
}

/* Pages that are plain go; who was beside them in the forest is the caller's business. */
INLINE void plain_clear(pte_t *at, struct node *nodes, uint32_t n)
{
    EACH (k, n) {
        frame_at(arch_pte_address(at[k]))->bindings--;
        at[k] = 0;
        ((plain_word_t *)&nodes[k])[0] = PLAIN_OWNER(0);
    }
}

/* Closes the gap that a chain of siblings leaves in the forest. */
INLINE void plain_close(node_t parent, node_t next, node_t prev)
{
    *(prev ? &plain_node(prev)->next : &plain_node(parent)->child) = next;
    if (next)
        plain_node(next)->prev = prev;
}

/* Unbinds a page if it is plain. */
INLINE bool plain_unbind(pte_t *at)
{
    struct node *n = plain_node_of(at);

    if (!plain_have(at, 1, arch_pte_need(0)))
        return false;
    plain_close(n->parent, n->next, n->prev);
    plain_clear(at, n, 1);
    return true;
}

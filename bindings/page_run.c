/* Runs of plain pages: in groups, which are first checked and then changed. */
#include "bindings/page_run.h"

#include "bindings/page_plain.h"

/* The compiler does not know the value any more, and so makes no constant of each step from it. */
#define OPAQUE(value) __asm__("" : "+r"(value))

/* Each loop alone in its function has the registers for itself. */
#define NOINLINE __attribute__((noinline))

#define LINK_STEP PLAIN_LINK(1, 1) /* from a node of a run to the one beside it */

/* Does the next `n` pages of a run, if all are ordinary; else nothing. */
typedef bool step_fn(void *run, uint32_t n);

/* In groups as far as they go; where one fails, its pages one by one. */
INLINE uint32_t in_steps(step_fn step, void *run, uint32_t count)
{
    uint32_t left = count;

    while (left) {
        if (left >= PAGE_GROUP && step(run, PAGE_GROUP)) {
            left -= PAGE_GROUP;
            continue;
        }
        for (uint32_t i = 0; i < PAGE_GROUP && left; i++, left--)
            if (!step(run, 1))
                return count - left;
    }
    return count;
}

struct binding {
    pte_t *at;
    struct node *node;
    struct frame_info *frame;
    pte_t entry;                /* what the next page gets */
    uint64_t owner, link, step; /* LINK_STEP */
};

/* The first and the last node of the run get their outer neighbours afterwards. */
INLINE bool bind_step(void *run, uint32_t n)
{
    struct binding *b = run;
    pte_t any = 0;

    EACH (k, n)
        any |= b->at[k];
    if (arch_pte_present(any))
        return false;
    EACH (k, n) {
        b->at[k] = arch_pte_behind(b->entry, k);
        plain_node_write(&b->node[k], b->owner, b->link);
        b->link += b->step;
        OPAQUE(b->link);
        b->frame[k].bindings++;
    }
    b->at += n;
    b->node += n;
    b->frame += n;
    b->entry = arch_pte_behind(b->entry, n);
    return true;
}

NOINLINE uint32_t page_run_bind(pte_t *at, uint32_t count, struct cap *frames, pfn_t pfn,
                                rights_t rights, rights_t most)
{
    struct node *first = plain_node_of(at);
    const node_t name = plain_name(first), elder = frames->node.child;
    struct binding b = {.at = at,
                        .node = first,
                        .frame = &frame_table[pfn],
                        .entry = arch_pte_page((paddr_t)pfn << PAGE_BITS, rights, most) |
                                 arch_pte_plain(),
                        .owner = PLAIN_OWNER(plain_name(&frames->node)),
                        .link = PLAIN_LINK(name - 1, name + 1),
                        .step = LINK_STEP};
    uint32_t done = in_steps(bind_step, &b, count);

    if (done == 0)
        return 0;
    first->next = elder;
    if (elder)
        plain_node(elder)->prev = name;
    first[done - 1].prev = 0;
    frames->node.child = name + done - 1;
    return done;
}

struct protection {
    pte_t *at;
    struct plain_change change;
};

INLINE bool protect_step(void *run, uint32_t n)
{
    struct protection *p = run;

    if (!plain_protect(p->at, n, p->change))
        return false;
    p->at += n;
    return true;
}

NOINLINE uint32_t page_run_protect(pte_t *at, uint32_t count, rights_t rights)
{
    struct protection p = {at, plain_change_to(rights)};

    return in_steps(protect_step, &p, count);
}

struct unbinding {
    pte_t *at;
    struct node *node;
    node_t name, next; /* of `node`, and what its `next` is in a chain  */
    node_t prev;       /* of the node done last                         */
};

INLINE bool unbind_step(void *run, uint32_t n)
{
    struct unbinding *u = run;

    if (!plain_have(u->at, n, arch_pte_need(0)) || u->node->next != u->next)
        return false;
    EACH (k, n - 1)
        if (u->node[k + 1].next != u->name + k)
            return false;
    u->prev = u->node[n - 1].prev;
    FORGET();
    plain_clear(u->at, u->node, n);
    u->at += n;
    u->node += n;
    u->name += n;
    u->next = u->name - 1;
    return true;
}

NOINLINE uint32_t page_run_unbind(pte_t *at, uint32_t count)
{
    struct node *first = plain_node_of(at);
    const node_t parent = first->parent, next = first->next;
    struct unbinding u = {.at = at, .node = first, .name = plain_name(first), .next = next};
    uint32_t done = in_steps(unbind_step, &u, count);

    if (done)
        plain_close(parent, next, u.prev);
    return done;
}

/*
 * The common map item: one page, to where there is a table and nothing bound. In line for the calls
 * that use it.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "bindings/page.h"
#include "bindings/page_plain.h"
#include "exo/env/env.h"
#include "exo/mem/frame.h"

static inline bool has_areas(const struct env *e)
{
    return e->kip_area | e->utcb_area.bytes;
}

/* Does one of the two areas of `e` meet the page of `bytes` that `va` lies in? */
static bool meets_area(const struct env *e, vaddr_t va, vaddr_t bytes)
{
    vaddr_t page = va & ~(bytes - 1), utcbs = e->utcb_area.base;
    bool kip = e->kip_area && e->kip_area - page < bytes;

    return kip || (page < utcbs + e->utcb_area.bytes && utcbs < page + bytes);
}

/* page_is_utcb, in line. */
INLINE bool plain_is_utcb(const struct node *n)
{
    const paddr_t child = (paddr_t)n->child * sizeof(struct node);

    return child && frame_at(child & ~(paddr_t)(PAGE_SIZE - 1))->type == FRAME_THREAD;
}

/* Maps the page that `s` shows at `source` through `t`, if it is memory of the default type and no
 * UTCB, and nothing is bound at `target`: the common case. False: it is another, and nothing was
 * done. */
INLINE bool map_plain_entry(const struct env *from, vaddr_t source, pte_t *s, const struct env *to,
                            vaddr_t target, pte_t *t, rights_t rights)
{
    const pte_t shown = *s;
    struct node *parent = plain_node_of(s);

    if (!arch_pte_is_default(shown) || arch_pte_present(*t))
        return false;
    if ((has_areas(from) && meets_area(from, source, PAGE_SIZE)) ||
        (has_areas(to) && meets_area(to, target, PAGE_SIZE)))
        return false;
    rights &= arch_pte_rights(shown);
    if (!rights || plain_is_utcb(parent))
        return false;
    arch_pte_change(s, 0, arch_pte_plain());
    plain_show(t, parent, frame_at(arch_pte_address(shown)),
               arch_pte_page(arch_pte_address(shown), rights, rights));
    return true;
}

/* The same, with the entries still to be found. */
INLINE bool map_plain(struct env *from, vaddr_t source, struct env *to, vaddr_t target,
                      rights_t rights)
{
    pte_t *s = env_leaf(from, source), *t = env_leaf(to, target);

    if (!s || !t || !map_plain_entry(from, source, s, to, target, t, rights))
        return false;
    env_leaf_found(from, source, s);
    env_leaf_found(to, target, t);
    return true;
}

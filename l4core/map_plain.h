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

/* Maps a page that is bound and no UTCB to where there is a table and nothing bound: the common
 * case. False: it is another, and nothing was done. */
INLINE bool map_plain(struct env *from, vaddr_t source, struct env *to, vaddr_t target,
                      rights_t rights)
{
    pte_t *s = env_leaf(from, source), *t = env_leaf(to, target);

    if (!s || !t || !arch_pte_is_memory(*s) || arch_pte_present(*t))
        return false;
    if ((has_areas(from) && meets_area(from, source, PAGE_SIZE)) ||
        (has_areas(to) && meets_area(to, target, PAGE_SIZE)))
        return false;
    rights &= arch_pte_rights(*s);
    if (!rights || (plain_node_of(s)->child && page_is_utcb(s)))
        return false;
    page_derive(s);
    plain_show(t, plain_node_of(s), frame_at(arch_pte_address(*s)),
               arch_pte_page(arch_pte_address(*s), rights, rights));
    env_leaf_found(from, source, s);
    env_leaf_found(to, target, t);
    return true;
}

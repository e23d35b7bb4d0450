/* Map items and Unmap, on the one derivation forest. */
#include "l4core/map.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/page_plain.h"
#include "bindings/revoke.h"
#include "exo/abi/batch.h"
#include "exo/abi/l4.h"
#include "exo/arch/mmu.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"

#define SPACE_BITS 47u
#define PAGES_MAX  1024u /* of one item; a longer one is an overflow */

/* What a map item comes to: `count` pages from `source` to `target`. */
struct map_plan {
    vaddr_t source, target;
    uint64_t count;
    rights_t rights;
};

static rights_t fpage_rights(word_t fpage)
{
    return (fpage & FPAGE_READ ? RIGHT_READ : 0) | (fpage & FPAGE_WRITE ? RIGHT_WRITE : 0) |
           (fpage & FPAGE_EXEC ? RIGHT_EXEC : 0);
}

static word_t rights_fpage(rights_t r)
{
    return (r & RIGHT_READ ? FPAGE_READ : 0) | (r & RIGHT_WRITE ? FPAGE_WRITE : 0) |
           (r & RIGHT_EXEC ? FPAGE_EXEC : 0);
}

/* Base and size of an fpage; the complete space is one of 2^47 bytes. False: no pages. */
static bool fpage_range(word_t fpage, vaddr_t *base, unsigned *bits)
{
    bool complete = (fpage & ~(word_t)FPAGE_ALL) == FPAGE_COMPLETE;

    *bits = complete ? SPACE_BITS : FPAGE_BITS(fpage);
    if (*bits < PAGE_BITS || *bits > SPACE_BITS)
        return false;
    *base = complete ? 0 : FPAGE_BASE(fpage) >> *bits << *bits;
    return *base < USER_TOP;
}

static bool plan_item(word_t header, word_t fpage, word_t window, struct map_plan *p)
{
    vaddr_t from, to, place = FPAGE_BASE(header);
    unsigned send, receive;

    if (!fpage_range(window, &to, &receive))
        return false;
    p->count = 0;
    if (!fpage_range(fpage, &from, &send))
        return true; /* the nil fpage maps nothing */
    unsigned bits = send <= receive ? send : receive;
    vaddr_t in_window = (place & (((vaddr_t)1 << receive) - 1)) >> bits << bits;
    vaddr_t in_fpage = (place & (((vaddr_t)1 << send) - 1)) >> bits << bits;
    p->target = send <= receive ? to + in_window : to;
    p->source = send <= receive ? from : from + in_fpage;
    p->count = (uint64_t)1 << (bits - PAGE_BITS);
    p->rights = fpage_rights(fpage);
    return p->count <= PAGES_MAX;
}

/* The receiver's entry of `bottom` for `va`, with tables from its env's memory on the way. NULL:
 * none left, or a large page or a share is in the way. */
static pte_t *make_entry(struct env *e, vaddr_t va, unsigned bottom)
{
    pte_t *at = space_entry(e->root, va, bottom);

    for (unsigned level = MMU_LEVELS - 1; !at && level >= bottom; level--) {
        pte_t *upper = space_entry(e->root, va, level + 1);
        if (!upper)
            return NULL;
        if (arch_pte_present(*upper))
            continue;
        if (!e->kmem.parent)
            return NULL;
        const struct cap *region = (const struct cap *)(const void *)node_at(e->kmem.parent);
        pfn_t frame = frame_find(region->base, region->base + region->count, TABLE_FRAMES);
        if (frame == PFN_ANY)
            return NULL;
        frame_take(frame, TABLE_FRAMES, FRAME_TABLE, e->number, 0);
        table_show(upper, &e->kmem, frame, level);
        e->info->frames += TABLE_FRAMES;
    }
    return at ? at : space_entry(e->root, va, bottom);
}

/* UTCBs are neither mapped nor mapped over. */
static bool is_utcb(const struct env *e, vaddr_t va)
{
    for (const struct list *l = e->threads.next; l != &e->threads; l = l->next)
        if (LIST_ITEM(l, struct thread, env_link)->utcb_va == va)
            return true;
    return false;
}

/* The level to map page `i` at: 2 when the source is a large page and all of it is meant, from its
 * start to an address where a large page may be. */
static unsigned target_level(const struct env *to, const struct map_plan *p, uint64_t i,
                             unsigned source_level)
{
    vaddr_t source = p->source + (i << PAGE_BITS), target = p->target + (i << PAGE_BITS);

    if (source_level == 1 || (source | target) % LARGE_SIZE || p->count - i < LARGE_PAGES)
        return 1;
    const pte_t *there = space_entry(to->root, target, 2);
    return there && arch_pte_leads(*there) ? 1 : 2; /* what small pages are there already */
}

/* Maps a page that is bound and no UTCB to where there is a table and nothing bound: the common
 * case. False: it is another, and nothing was done. */
static bool map_plain(struct env *from, vaddr_t source, struct env *to, vaddr_t target,
                      rights_t rights)
{
    pte_t *s = env_leaf(from, source), *t = env_leaf(to, target);

    if (!s || !t || !arch_pte_is_memory(*s) || arch_pte_present(*t))
        return false;
    rights &= arch_pte_rights(*s);
    if (!rights || (!(*s & arch_pte_plain()) && is_utcb(from, source)))
        return false;
    page_derive(s);
    plain_show(t, plain_node_of(s), frame_at(arch_pte_address(*s)),
               arch_pte_page(arch_pte_address(*s), rights, rights));
    env_leaf_found(from, source, s);
    env_leaf_found(to, target, t);
    return true;
}

/* Maps page `i`, or the large page that begins with it: `*count` pages. */
static bool map_page(struct thread *from, struct thread *to, const struct map_plan *p, uint64_t i,
                     uint64_t *count)
{
    vaddr_t source = p->source + (i << PAGE_BITS), target = p->target + (i << PAGE_BITS);
    unsigned level;

    *count = 1;
    if (map_plain(from->env, source, to->env, target, p->rights))
        return true;
    pte_t *s = space_last(from->env->root, source, &level);
    if (target >= USER_TOP || !arch_pte_is_memory(*s) || arch_pte_is_share(*s) ||
        is_utcb(from->env, source) || is_utcb(to->env, target))
        return true;
    rights_t rights = p->rights & arch_pte_rights(*s);
    paddr_t pa = arch_pte_address(*s) + source % MMU_SPAN(level);
    level = target_level(to->env, p, i, level);
    *count = MMU_SPAN(level) >> PAGE_BITS;
    pte_t *t = rights ? make_entry(to->env, target, level) : NULL;
    if (!rights || t == s)
        return true;
    if (!t || arch_pte_is_share(*t))
        return false;
    if (arch_pte_present(*t) && arch_pte_address(*t) == pa) {
        /* The same page again: more rights, if they come from where the page came from. */
        if (entry_node(t)->parent == node_name(entry_node(s)))
            *t = arch_pte_limit(arch_pte_protect(*t, arch_pte_rights(*t) | rights),
                                arch_pte_most(*t) | rights);
        cpu_tlb_flush(to->env, target);
        return true;
    }
    if (arch_pte_present(*t))
        revoke_all(entry_node(t), true);
    if (!arch_pte_present(*s)) /* the old mapping was the source's own ancestor */
        return true;
    page_derive(s);
    if (level == 1)
        page_show(t, entry_node(s), (pfn_t)(pa >> PAGE_BITS), rights, rights);
    else
        page_show_large(t, entry_node(s), (pfn_t)(pa >> PAGE_BITS), rights, rights, level);
    return true;
}

bool map_item(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window)
{
    struct map_plan p = {0};
    bool good = plan_item(header, fpage, window, &p);

    for (uint64_t i = 0, count; good && i < p.count; i += count)
        good = map_page(from, to, &p, i, &count);
    return good;
}

/* Rights used since the last look, by the bits that the CPU keeps. */
static word_t used_rights(pte_t *e)
{
    return rights_fpage(arch_pte_used(e));
}

static word_t unmap_page(pte_t *e, rights_t taken, bool flush)
{
    struct node *n = entry_node(e);
    word_t used = used_rights(e);

    if (taken & RIGHT_READ)
        revoke_all(n, flush);
    else if (taken) {
        rights_t own = arch_pte_rights(*e);
        page_restrict(e, own & ~taken);
        *e = flush ? arch_pte_limit(*e, arch_pte_most(*e) & ~taken) : arch_pte_protect(*e, own);
    }
    return used;
}

/* Takes shares of tables as a whole: what [va, end) covers of them, from `va` on. */
static void unmap_shares(const struct env *e, vaddr_t va, vaddr_t end, bool flush)
{
    for (unsigned level = 2; level < MMU_LEVELS; level++) {
        pte_t *at = space_entry(e->root, va, level);
        if (va % MMU_SPAN(level) || end - va < MMU_SPAN(level) || !at)
            continue;
        if (arch_pte_is_share(*at))
            revoke_all(entry_node(at), flush);
        else if (arch_pte_leads(*at))
            revoke_all(entry_node(at), false); /* what others have of it; it stays */
    }
}

word_t map_unmap(struct thread *t, word_t fpage, bool flush)
{
    struct env *e = t->env;
    rights_t taken = fpage_rights(fpage);
    vaddr_t base, next;
    unsigned bits, level;
    word_t used = 0;

    if (!fpage_range(fpage, &base, &bits))
        return fpage & ~(word_t)FPAGE_ALL;
    vaddr_t end = base + ((vaddr_t)1 << bits);
    for (vaddr_t va = base; va < end && va < USER_TOP; va = next) {
        if (taken && (e->lends || e->borrows) && va % MMU_SPAN(2) == 0)
            unmap_shares(e, va, end, flush);
        pte_t *at = space_last(e->root, va, &level);
        next = (va & ~(MMU_SPAN(level) - 1)) + MMU_SPAN(level);
        if (arch_pte_present(*at) && !arch_pte_is_share(*at) && !is_utcb(e, va))
            used |= unmap_page(at, taken, flush);
    }
    cpu_tlb_flush(e, TLB_ALL);
    return (fpage & ~(word_t)FPAGE_ALL) | used;
}

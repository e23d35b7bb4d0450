/* Map items and Unmap, on the one derivation forest. */
#include "l4core/map.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
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

/* The receiver's entry for `va`, with tables from its env's memory for them. NULL: none left. */
static pte_t *make_entry(struct env *e, vaddr_t va)
{
    for (unsigned level = MMU_LEVELS - 1; level >= 1; level--) {
        pte_t *upper = space_entry(e->root, va, level + 1);
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
    return space_entry(e->root, va, 1);
}

/* UTCBs are neither mapped nor mapped over. */
static bool is_utcb(const struct env *e, vaddr_t va)
{
    for (const struct list *l = e->threads.next; l != &e->threads; l = l->next)
        if (LIST_ITEM(l, struct thread, env_link)->utcb_va == va)
            return true;
    return false;
}

static bool map_page(struct thread *from, struct thread *to, const struct map_plan *p, uint64_t i)
{
    vaddr_t source = p->source + (i << PAGE_BITS), target = p->target + (i << PAGE_BITS);
    pte_t *s = space_entry(from->env->root, source, 1);

    if (target >= USER_TOP || !s || !arch_pte_is_memory(*s) || is_utcb(from->env, source) ||
        is_utcb(to->env, target))
        return true;
    rights_t rights = p->rights & arch_pte_rights(*s);
    pte_t *t = rights ? make_entry(to->env, target) : NULL;
    if (!rights || t == s)
        return true;
    if (!t)
        return false;
    paddr_t pa = arch_pte_address(*s);
    if (arch_pte_present(*t) && arch_pte_address(*t) == pa) {
        /* The same page again: more rights, if they come from where the page came from. */
        if (entry_node(t)->parent == node_name(entry_node(s)))
            *t = arch_pte_page(pa, arch_pte_rights(*t) | rights, arch_pte_most(*t) | rights);
        cpu_tlb_flush(to->env, target);
        return true;
    }
    if (arch_pte_present(*t))
        revoke_all(entry_node(t), true);
    if (arch_pte_present(*s)) /* the old mapping may have been the source's own ancestor */
        page_show(t, entry_node(s), (pfn_t)(pa >> PAGE_BITS), rights, rights);
    return true;
}

bool map_item(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window)
{
    struct map_plan p = {0};
    bool good = plan_item(header, fpage, window, &p);

    for (uint64_t i = 0; good && i < p.count; i++)
        good = map_page(from, to, &p, i);
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

/* First address behind those that the missing table on the way to `va` would serve. */
static vaddr_t hole_end(pfn_t root, vaddr_t va)
{
    unsigned level = MMU_LEVELS;

    while (level > 2 && arch_pte_present(*space_entry(root, va, level)))
        level--;
    unsigned bits = PAGE_BITS + 9 * (level - 1);
    return ((va >> bits) + 1) << bits;
}

word_t map_unmap(struct thread *t, word_t fpage, bool flush)
{
    vaddr_t base;
    unsigned bits;
    word_t used = 0;

    if (!fpage_range(fpage, &base, &bits))
        return fpage & ~(word_t)FPAGE_ALL;
    for (vaddr_t va = base; va < USER_TOP && va - base < (vaddr_t)1 << bits;) {
        pte_t *e = space_entry(t->env->root, va, 1);
        if (e && arch_pte_present(*e) && !is_utcb(t->env, va))
            used |= unmap_page(e, fpage_rights(fpage), flush);
        va = e ? va + PAGE_SIZE : hole_end(t->env->root, va);
    }
    cpu_tlb_flush(t->env, TLB_ALL);
    return (fpage & ~(word_t)FPAGE_ALL) | used;
}

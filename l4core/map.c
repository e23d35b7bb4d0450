/* Map and grant items, on the one derivation forest. */
#include "l4core/map.h"

#include "bindings/cap.h"
#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/abi/batch.h"
#include "exo/arch/mmu.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/frame.h"
#include "exo/mem/space.h"
#include "l4core/fpage.h"
#include "l4core/map_plain.h"

/* What an item comes to: `bytes` from `source` to `target`; of a grant, the rest of an fpage of
 * `send` bits from `base` on is flushed. */
struct map_plan {
    vaddr_t source, target, bytes;
    vaddr_t base;
    unsigned send;
    rights_t rights;
    bool grant;
};

/* False: the window takes nothing. */
static bool plan_item(word_t header, word_t fpage, word_t window, struct map_plan *p)
{
    vaddr_t to, place = FPAGE_BASE(header);
    unsigned send, receive;

    p->bytes = 0;
    if (!fpage_range(window, &to, &receive))
        return false;
    if (!fpage_range(fpage, &p->base, &send))
        return true; /* the nil fpage maps nothing */
    unsigned bits = send <= receive ? send : receive;
    vaddr_t in_window = (place & (((vaddr_t)1 << receive) - 1)) >> bits << bits;
    vaddr_t in_fpage = (place & (((vaddr_t)1 << send) - 1)) >> bits << bits;
    p->target = send <= receive ? to + in_window : to;
    p->source = send <= receive ? p->base : p->base + in_fpage;
    p->bytes = (vaddr_t)1 << bits;
    p->send = send;
    p->rights = fpage_rights(fpage);
    p->grant = ITEM_KIND(header) == ITEM_GRANT;
    return true;
}

/* The entry of `*level` for `va`, with tables from its env's memory on the way; or of a higher
 * level, with what is there in the place of a table. NULL: no memory. */
static pte_t *make_entry(struct env *e, vaddr_t va, unsigned *level)
{
    const unsigned wanted = *level;
    pte_t *at = space_last(e->root, va, level);

    while (*level > wanted && !arch_pte_present(*at)) {
        if (!e->kmem.parent)
            return NULL;
        const struct cap *region = (const struct cap *)(const void *)node_at(e->kmem.parent);
        pfn_t frame = frame_find(region->base, region->base + region->count, TABLE_FRAMES);
        if (frame == PFN_ANY)
            return NULL;
        frame_take(frame, TABLE_FRAMES, FRAME_TABLE, e->number, 0);
        table_show(at, &e->kmem, frame, --*level);
        e->info->frames += TABLE_FRAMES;
        at = space_entry(e->root, va, *level);
    }
    return at;
}

pte_t *map_make_entry(struct env *e, vaddr_t va, unsigned bottom)
{
    unsigned level = bottom;
    pte_t *at = make_entry(e, va, &level);

    return level == bottom ? at : NULL;
}

bool map_is_reserved(const struct env *e, vaddr_t va, vaddr_t bytes)
{
    const pte_t *at = space_entry(e->root, va, 1);

    return meets_area(e, va, bytes) || (at && arch_pte_present(*at) && page_is_utcb(at));
}

/* The level to map at: that of a large page at the source when all of it is meant, from its start
 * to an address where one may be and no smaller pages are. */
static unsigned target_level(const struct env *to, vaddr_t source, vaddr_t target, vaddr_t bytes,
                             unsigned level)
{
    for (; level > 1; level--) {
        const pte_t *there = space_entry(to->root, target, level);
        if ((source | target) % MMU_SPAN(level) == 0 && bytes >= MMU_SPAN(level) &&
            !(there && arch_pte_leads(*there)))
            break;
    }
    return level;
}

/* May `t`, of the same level, take what `s` shows? What it showed goes, unless it is the same and
 * came from `s`. False: it does so already, or `s` was derived from it, and went. */
static bool make_room(const pte_t *s, paddr_t pa, pte_t *t, bool grant)
{
    if (!arch_pte_present(*t))
        return true;
    bool same = arch_pte_address(*t) == pa;
    if (same && (!grant || entry_node(t)->parent == node_name(entry_node(s))))
        return true;
    revoke_all(entry_node(t), true);
    return arch_pte_present(*s);
}

/* Maps `pa`, which is in what `s` shows, through `t`. */
static void map_entry(pte_t *s, paddr_t pa, struct env *to, pte_t *t, vaddr_t target,
                      rights_t rights, unsigned level)
{
    if (!arch_pte_present(*t)) {
        page_derive(s);
        if (level == 1)
            page_show(t, entry_node(s), (pfn_t)(pa >> PAGE_BITS), rights, rights);
        else
            page_show_large(t, entry_node(s), (pfn_t)(pa >> PAGE_BITS), rights, rights, level);
    } else if (entry_node(t)->parent == node_name(entry_node(s))) {
        /* The same page again: more rights, if they come from where the page came from. */
        page_extend(t, rights);
        cpu_tlb_flush(to, target);
    }
}

/* Maps or grants what lies at `source`, up to `bytes`. Returns how much that is, with what was
 * skipped; 0: there is no memory. */
static vaddr_t map_piece(struct env *from, vaddr_t source, struct env *to, vaddr_t target,
                         vaddr_t bytes, rights_t rights, bool grant)
{
    unsigned from_level, level, there;

    pte_t *s = space_last(from->root, source, &from_level);
    vaddr_t rest = MMU_SPAN(from_level) - source % MMU_SPAN(from_level);
    rights &= arch_pte_rights(*s);
    if (!arch_pte_is_memory(*s) || (from_level > 1 && arch_pte_is_share(*s)) || !rights)
        return rest;
    level = there = target_level(to, source, target, bytes, from_level);
    paddr_t pa = arch_pte_address(*s) + source % MMU_SPAN(from_level);
    if (map_is_reserved(from, source, MMU_SPAN(level)) ||
        map_is_reserved(to, target, MMU_SPAN(level)) ||
        (grant && level != from_level)) /* a part cannot leave a large page */
        return MMU_SPAN(level);
    pte_t *t = make_entry(to, target, &there);
    if (!t)
        return 0;
    bool fits = there == level && t != s && !(level > 1 && arch_pte_is_share(*t));
    if (!fits || !make_room(s, pa, t, grant))
        return MMU_SPAN(level);
    if (!grant) {
        map_entry(s, pa, to, t, target, rights, level);
        return MMU_SPAN(level);
    }
    page_move(s, t, rights, level);
    cpu_tlb_flush(from, TLB_ALL);
    cpu_tlb_flush(to, TLB_ALL);
    return MMU_SPAN(level);
}

/* How much of the item lies at addresses of both users. */
static vaddr_t user_bytes(const struct map_plan *p)
{
    vaddr_t higher = p->source > p->target ? p->source : p->target;

    return higher >= USER_TOP ? 0 : p->bytes < USER_TOP - higher ? p->bytes : USER_TOP - higher;
}

/* Maps or grants all of the item. False: there is no memory. */
static __attribute__((noinline)) bool map_range(struct env *from, struct env *to,
                                                const struct map_plan *p)
{
    for (vaddr_t at = 0, step, bytes = user_bytes(p); at < bytes; at += step) {
        vaddr_t source = p->source + at, target = p->target + at;
        step = PAGE_SIZE;
        if (p->grant || !map_plain(from, source, to, target, p->rights))
            step = map_piece(from, source, to, target, bytes - at, p->rights, p->grant);
        if (!step)
            return false;
    }
    if (p->grant) {
        unmap_range(from, p->base, p->source, RIGHT_READ, true);
        unmap_range(from, p->source + p->bytes, p->base + ((vaddr_t)1 << p->send), RIGHT_READ,
                    true);
    }
    return true;
}

bool map_item(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window)
{
    struct map_plan p;

    if (!plan_item(header, fpage, window, &p))
        return false;
    if (p.bytes == PAGE_SIZE && !p.grant &&
        map_plain(from->env, p.source, to->env, p.target, p.rights))
        return true;
    return p.bytes == 0 || map_range(from->env, to->env, &p);
}

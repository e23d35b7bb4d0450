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
#include "l4core/ipc.h"
#include "l4core/map_plain.h"
#include "l4core/suspend.h"

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

enum room {
    ROOM,    /* `t` may take what `s` shows                            */
    NO_ROOM, /* it does so already, or `s` was derived from it, and went */
    NOT_YET  /* part of what `t` showed is gone; the same again goes on  */
};

/* What `t`, of the same level, showed goes, unless it is the same and came from `s`. */
static enum room make_room(const pte_t *s, paddr_t pa, pte_t *t, bool grant, uint32_t *budget)
{
    if (!arch_pte_present(*t))
        return ROOM;
    bool same = arch_pte_address(*t) == pa;
    if (same && (!grant || entry_node(t)->parent == node_name(entry_node(s))))
        return ROOM;
    struct taking old = {.root = entry_node(t), .itself = true};
    bool all = revoke_some(&old) != TAKEN_SOME;
    transfer_charge(budget, old.visits * TRANSFER_NODE);
    if (!all)
        return NOT_YET;
    return arch_pte_present(*s) ? ROOM : NO_ROOM;
}

/* Maps `pa`, which is in what `s`, of level `sources`, shows, through `t`, of `level`. */
static void map_entry(pte_t *s, unsigned sources, paddr_t pa, struct env *to, pte_t *t,
                      vaddr_t target, rights_t rights, unsigned level)
{
    if (!arch_pte_present(*t)) {
        page_derive(s);
        page_show_like(t, level, entry_node(s), *s, sources, (pfn_t)(pa >> PAGE_BITS), rights);
    } else if (entry_node(t)->parent == node_name(entry_node(s))) {
        /* The same page again: more rights, if they come from where the page came from. */
        page_extend(t, rights);
        cpu_tlb_flush(to, target);
    }
}

#define NO_MEMORY (~(vaddr_t)0)

/* Maps or grants what lies at `source`, up to `bytes`. Returns how much that is, with what was
 * skipped; 0: the same again goes on; or NO_MEMORY. */
static vaddr_t map_piece(struct env *from, vaddr_t source, struct env *to, vaddr_t target,
                         vaddr_t bytes, rights_t rights, bool grant, uint32_t *budget)
{
    unsigned from_level, level, there;

    pte_t *s = space_last(from->root, source, &from_level);
    vaddr_t rest = MMU_SPAN(from_level) - source % MMU_SPAN(from_level);
    rights &= arch_pte_rights(*s);
    if (!arch_pte_present(*s) || (from_level > 1 && arch_pte_is_share(*s)) || !rights)
        return rest;
    level = there = target_level(to, source, target, bytes, from_level);
    paddr_t pa = arch_pte_address(*s) + source % MMU_SPAN(from_level);
    if (map_is_reserved(from, source, MMU_SPAN(level)) ||
        map_is_reserved(to, target, MMU_SPAN(level)) ||
        (grant && level != from_level)) /* a part cannot leave a large page */
        return MMU_SPAN(level);
    pte_t *t = make_entry(to, target, &there);
    if (!t)
        return NO_MEMORY;
    bool fits = there == level && t != s && !(level > 1 && arch_pte_is_share(*t));
    enum room room = fits ? make_room(s, pa, t, grant, budget) : NO_ROOM;
    if (room != ROOM)
        return room == NOT_YET ? 0 : MMU_SPAN(level);
    if (!grant) {
        map_entry(s, from_level, pa, to, t, target, rights, level);
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

/* Of a grant, what lies beside the part that was moved: flushes on from where `x->done` says, which
 * counts on from the bytes moved. True: all is done. */
static bool flush_rest(struct env *from, const struct map_plan *p, struct transfer *x)
{
    const vaddr_t below = p->source - p->base, above = p->source + p->bytes;
    const vaddr_t end = p->base + ((vaddr_t)1 << p->send), all = end - p->base;

    while (x->done < all && x->budget) {
        const vaddr_t at = x->done - p->bytes; /* in those two pieces, one behind the other */
        const bool first = at < below;
        struct unmap rest = {.va = first ? p->base + at : above + at - below,
                             .end = first ? p->source : end,
                             .taken = RIGHT_READ,
                             .flush = true};
        const vaddr_t begin = rest.va;
        unmap_some(from, &rest, &x->budget);
        x->done += rest.va - begin;
    }
    return x->done >= all;
}

/* Does what the budget allows of the item. 0: all of it; IPC_OVERFLOW: there is no memory;
 * IPC_LEFT: more is to do. */
static word_t map_some(struct env *from, struct env *to, const struct map_plan *p,
                       struct transfer *x)
{
    const vaddr_t bytes = user_bytes(p);

    while (x->done < bytes) {
        const vaddr_t source = p->source + x->done, target = p->target + x->done;
        vaddr_t step = PAGE_SIZE;
        if (!x->budget)
            return IPC_LEFT;
        transfer_charge(&x->budget, TRANSFER_PAGE);
        if (p->grant || !map_plain(from, source, to, target, p->rights))
            step = map_piece(from, source, to, target, bytes - x->done, p->rights, p->grant,
                             &x->budget);
        if (step == NO_MEMORY)
            return IPC_OVERFLOW;
        x->done += step;
    }
    if (x->done < p->bytes)
        x->done = p->bytes;
    return !p->grant || flush_rest(from, p, x) ? 0 : IPC_LEFT;
}

static __attribute__((noinline)) word_t map_range(struct thread *from, struct thread *to,
                                                  const struct map_plan *p)
{
    struct transfer *x = &from->transfer;
    word_t error;

    while ((error = map_some(from->env, to->env, p, x)) == IPC_LEFT) {
        if (transfer_may_pause(from, to))
            return transfer_pause(from, to);
        x->budget = TRANSFER_STEP;
    }
    x->done = 0;
    return error;
}

word_t map_item(struct thread *from, struct thread *to, word_t header, word_t fpage, word_t window)
{
    struct map_plan p;

    if (!plan_item(header, fpage, window, &p))
        return IPC_OVERFLOW;
    if (p.bytes == PAGE_SIZE && !p.grant && !from->transfer.done &&
        map_plain(from->env, p.source, to->env, p.target, p.rights))
        return 0;
    return p.bytes == 0 ? 0 : map_range(from, to, &p);
}

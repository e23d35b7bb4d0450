/* Page bindings one by one: made, restricted, taken; and page tables shown. */
#include "bindings/page.h"

#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/abi/syscall.h"
#include "exo/base/assert.h"
#include "exo/base/sequence.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/walk.h"
#include "exo/mem/frame.h"

/* Is it the node of a capability of frames? */
static bool is_frames(const struct node *n)
{
    return frame_of(frame_number(n))->type == FRAME_CAPTABLE &&
           ((const struct cap *)(const void *)n)->kind == CAP_FRAMES;
}

void page_show(pte_t *e, struct node *parent, pfn_t pfn, rights_t rights, rights_t most)
{
    ASSERT(!arch_pte_present(*e));
    *e = arch_pte_page((paddr_t)pfn << PAGE_BITS, rights, most) |
         (is_frames(parent) ? arch_pte_plain() : 0);
    node_link(parent, entry_node(e));
    frame_of(pfn)->bindings++;
}

static pfn_t frames_of(unsigned level)
{
    return (pfn_t)(MMU_SPAN(level) >> PAGE_BITS);
}

void page_show_large(pte_t *e, struct node *parent, pfn_t pfn, rights_t rights, rights_t most,
                     unsigned level)
{
    ASSERT(!arch_pte_present(*e) && pfn % frames_of(level) == 0);
    *e = arch_pte_large(arch_pte_page((paddr_t)pfn << PAGE_BITS, rights, most));
    node_link(parent, entry_node(e));
    for (pfn_t n = pfn; n < pfn + frames_of(level); n++)
        frame_of(n)->bindings++;
}

void page_derive(pte_t *e)
{
    arch_pte_change(e, 0, arch_pte_plain());
}

void page_show_device(pte_t *e, struct node *parent, pfn_t pfn, rights_t rights, rights_t most)
{
    ASSERT(!arch_pte_present(*e));
    *e = arch_pte_device(arch_pte_page((paddr_t)pfn << PAGE_BITS, rights, most));
    node_link(parent, entry_node(e));
}

void page_show_like(pte_t *e, unsigned level, struct node *parent, pte_t like, unsigned likes,
                    pfn_t pfn, rights_t rights)
{
    pte_t entry = arch_pte_page((paddr_t)pfn << PAGE_BITS, rights, rights);

    ASSERT(!arch_pte_present(*e));
    if (arch_pte_is_device(like))
        entry = arch_pte_device(entry);
    else if (level > 1)
        entry = arch_pte_large(entry);
    else if (is_frames(parent))
        entry |= arch_pte_plain();
    *e = arch_pte_like(entry, level, like, likes);
    node_link(parent, entry_node(e));
    if (arch_pte_is_device(like))
        return;
    for (pfn_t n = pfn; n < pfn + frames_of(level); n++)
        frame_of(n)->bindings++;
}

void page_frames_unbound(pte_t e, unsigned level)
{
    if (arch_pte_is_device(e))
        return;
    pfn_t first = (pfn_t)(arch_pte_address(e) >> PAGE_BITS);

    for (pfn_t n = first; n < first + frames_of(level); n++)
        frame_unbound(n);
}

void table_show(pte_t *e, struct node *parent, pfn_t frame, unsigned level)
{
    ASSERT(!arch_pte_present(*e));
    sequence_begin(frame_sequence);
    for (pfn_t n = frame; n < frame + TABLE_FRAMES; n++) {
        frame_of(n)->type = n == frame ? FRAME_TABLE : FRAME_NODES;
        frame_of(n)->origin = node_name(entry_node(e));
    }
    frame_of(frame)->level = (uint8_t)level;
    sequence_end(frame_sequence);
    *e = arch_pte_table((paddr_t)frame << PAGE_BITS);
    node_link(parent, entry_node(e));
}

/* Replaces the bits of an entry that `now` lacks or has more than `was`, as a reading of it. */
static void entry_change(pte_t *e, pte_t was, pte_t now)
{
    arch_pte_change(e, now & ~was, was & ~now);
}

static void entry_restrict(pte_t *e, rights_t rights)
{
    const pte_t was = *e;

    entry_change(e, was,
                 arch_pte_limit(arch_pte_protect(was, rights & arch_pte_rights(was)),
                                rights & arch_pte_most(was)));
}

/* Is it the node of an entry of a page table? Else of a UTCB, which the kernel reaches otherwise,
 * or of a capability. */
static bool is_entry(const struct node *n)
{
    return frame_of(frame_number(n))->type == FRAME_NODES;
}

static void restrict_derived(pte_t *e, rights_t rights)
{
    struct node *top = entry_node(e);

    for (struct node *n = node_after(top, top); n; n = node_after(top, n)) {
        pfn_t table;
        if (!is_entry(n))
            continue;
        pte_t *derived = node_entry(n, &table);
        entry_restrict(derived, rights);
        cpu_tlb_flush(env_by_number[frame_of(table)->owner], TLB_ALL);
    }
}

void page_restrict_own(pte_t *e, rights_t rights, rights_t most)
{
    const pte_t was = *e;

    entry_change(e, was, arch_pte_limit(arch_pte_protect(was, rights), most));
}

void page_restrict(pte_t *e, rights_t rights)
{
    const pte_t was = *e;

    entry_change(e, was, arch_pte_protect(was, rights));
    restrict_derived(e, rights);
}

void page_set_type(pte_t *e, unsigned level, enum memory_type type)
{
    struct node *top = entry_node(e);
    pfn_t table;

    entry_change(e, *e, arch_pte_typed(*e, level, type));
    for (struct node *n = node_after(top, top); n; n = node_after(top, n)) {
        if (!is_entry(n))
            continue;
        pte_t *derived = node_entry(n, &table);
        const pte_t was = *derived;
        entry_change(derived, was, arch_pte_typed(was, frame_of(table)->level, type));
        cpu_tlb_flush(env_by_number[frame_of(table)->owner], TLB_ALL);
    }
}

void page_extend(pte_t *e, rights_t rights)
{
    const pte_t was = *e;

    entry_change(e, was,
                 arch_pte_limit(arch_pte_protect(was, arch_pte_rights(was) | rights),
                                arch_pte_most(was) | rights));
}

#define ATTEMPTS 4u /* after these it goes on without a step: grants could hold it up for ever */

/* What was used through `n`, which is derived from a page, if it is one; it is forgotten, and what
 * is not in `keep` is taken. *stale: whose translations are to be invalidated. */
static rights_t visit(const struct node *n, rights_t keep, struct env **stale)
{
    pfn_t table;

    if (!is_entry(n))
        return 0;
    pte_t *e = node_entry(n, &table);
    const pte_t was = *e;
    const rights_t used = arch_pte_used(e);
    struct env *owner = env_by_number[frame_of(table)->owner];
    if ((arch_pte_rights(was) | arch_pte_most(was)) & ~keep)
        entry_restrict(e, keep);
    else if (!used)
        return 0;
    if (*stale && *stale != owner)
        cpu_tlb_flush(*stale, TLB_ALL);
    *stale = owner;
    return used;
}

bool page_walk(struct walk *w, pte_t *e, rights_t keep, rights_t *used, uint32_t most)
{
    struct node *top = entry_node(e);
    struct env *stale = NULL;
    rights_t here = 0;
    pfn_t table;

    node_walk_on(w, top);
    for (w->visits = 0; w->at && (w->visits < most || w->attempts >= ATTEMPTS); w->visits++) {
        here |= visit(w->at, keep, &stale);
        w->at = node_after(top, w->at);
    }
    if (stale)
        cpu_tlb_flush(stale, TLB_ALL);
    if (w->at) {
        arch_pte_use(e, here); /* it tells, should it go before the walk ends */
        node_walk_wait(w);
        return false;
    }
    w->top = NULL;
    here |= arch_pte_used(e);
    *used |= here;
    const struct node *parent = node_at(top->parent);
    if (here && is_entry(parent))
        arch_pte_use(node_entry(parent, &table), here);
    return true;
}

void page_tell_parent(const struct node *n, pte_t was)
{
    const struct node *parent = node_at(n->parent);
    rights_t used = arch_pte_used(&was);
    pfn_t table;

    if (used && is_entry(parent))
        arch_pte_use(node_entry(parent, &table), used);
}

void page_move(pte_t *e, pte_t *to, rights_t rights, unsigned level)
{
    struct node *n = entry_node(e), *m = entry_node(to), *parent = node_at(n->parent);
    pfn_t pfn = (pfn_t)(arch_pte_address(*e) >> PAGE_BITS);
    const rights_t used = arch_pte_used(e);

    node_walks_again(n);
    page_restrict(e, rights);
    if (arch_pte_present(*to)) {
        ASSERT(m->parent == node_name(n));
        node_move(m, parent);
        page_extend(to, rights);
    } else {
        page_show_like(to, level, parent, *e, level, pfn, rights);
    }
    if (n->child)
        page_derive(to);
    while (n->child)
        node_move(node_at(n->child), m);
    arch_pte_use(to, used);
    page_frames_unbound(*e, level);
    *e = 0;
    node_unlink(n);
}

bool page_is_utcb(const pte_t *e)
{
    const struct node *first = node_at(entry_node(e)->child);

    return first && frame_of(frame_number(first))->type == FRAME_THREAD;
}

rights_t page_most(const pte_t *e)
{
    const struct node *parent = node_at(entry_node(e)->parent);
    pfn_t table;

    if (!is_entry(parent))
        return arch_pte_most(*e);
    return arch_pte_most(*e) & arch_pte_rights(*node_entry(parent, &table));
}

void page_take(pte_t *e)
{
    struct node *n = entry_node(e);

    if (n->child) {
        revoke_all(n, true);
        return;
    }
    const pte_t was = arch_pte_take(e);
    page_frames_unbound(was, arch_pte_is_large(was) ? frame_of(frame_number(e))->level : 1);
    page_tell_parent(n, was);
    node_unlink(n);
}

/* Page bindings one by one: made, restricted, taken; and page tables shown. */
#include "bindings/page.h"

#include "bindings/node.h"
#include "bindings/revoke.h"
#include "exo/abi/syscall.h"
#include "exo/base/assert.h"
#include "exo/base/sequence.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
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

/* The node after `n` in a walk of the tree under `top` that visits parents first; NULL at its end.
 */
static struct node *walk_next(const struct node *top, const struct node *n)
{
    if (n->child)
        return node_at(n->child);
    while (n != top && !n->next)
        n = node_at(n->parent);
    return n == top ? NULL : node_at(n->next);
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

void page_restrict(pte_t *e, rights_t rights)
{
    struct node *top = entry_node(e);
    const pte_t was = *e;

    entry_change(e, was, arch_pte_protect(was, rights));
    for (struct node *n = walk_next(top, top); n; n = walk_next(top, n)) {
        pfn_t table;
        if (frame_of(frame_number(n))->type != FRAME_NODES)
            continue; /* a UTCB: the kernel reaches it otherwise */
        pte_t *derived = node_entry(n, &table);
        entry_restrict(derived, rights);
        cpu_tlb_flush(env_by_number[frame_of(table)->owner], TLB_ALL);
    }
}

rights_t page_most(const pte_t *e)
{
    const struct node *parent = node_at(entry_node(e)->parent);
    pfn_t table;

    if (frame_of(frame_number(parent))->type != FRAME_NODES)
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
    page_frames_unbound(*e, arch_pte_is_large(*e) ? frame_of(frame_number(e))->level : 1);
    *e = 0;
    node_unlink(n);
}

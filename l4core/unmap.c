/* Unmap: rights taken back from what was mapped on, and what was used of them. */
#include "bindings/node.h"
#include "bindings/page.h"
#include "bindings/revoke.h"
#include "exo/abi/batch.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/thread.h"
#include "exo/mem/space.h"
#include "l4core/fpage.h"
#include "l4core/map.h"
#include "l4core/port_map.h"

static rights_t unmap_page(pte_t *e, rights_t taken, bool flush)
{
    rights_t used = page_used(e), kept = arch_pte_rights(*e) & ~taken;

    if (taken & RIGHT_READ) {
        revoke_all(entry_node(e), flush);
    } else if (taken && flush) {
        page_restrict(e, kept);
        *e = arch_pte_limit(*e, arch_pte_most(*e) & ~taken);
    } else if (taken) {
        page_restrict_derived(e, kept);
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

rights_t unmap_range(struct env *e, vaddr_t base, vaddr_t end, rights_t taken, bool flush)
{
    rights_t used = 0;
    unsigned level;
    vaddr_t next;

    for (vaddr_t va = base; va < end && va < USER_TOP; va = next) {
        if (taken && (e->lends || e->borrows) && va % MMU_SPAN(2) == 0)
            unmap_shares(e, va, end, flush);
        pte_t *at = space_last(e->root, va, &level);
        next = (va & ~(MMU_SPAN(level) - 1)) + MMU_SPAN(level);
        bool shown = arch_pte_present(*at) && !(level > 1 && arch_pte_is_share(*at));
        if (shown && !map_is_reserved(e, va, MMU_SPAN(level)))
            used |= unmap_page(at, taken, flush);
    }
    cpu_tlb_flush(e, TLB_ALL);
    return used;
}

word_t map_unmap(struct thread *t, word_t fpage, bool flush)
{
    rights_t used = 0;
    vaddr_t base;
    unsigned bits;

    if (FPAGE_IS_PORTS(fpage))
        port_unmap(t->env, fpage, flush);
    else if (fpage_range(fpage, &base, &bits))
        used = unmap_range(t->env, base, base + ((vaddr_t)1 << bits), fpage_rights(fpage), flush);
    return (fpage & ~(word_t)FPAGE_ALL) | fpage_rights_word(used);
}

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
#include "l4core/suspend.h"

/* Takes what was mapped from the page that `e` shows. False: a part of it is left. */
static bool take_derived(pte_t *e, uint32_t *budget)
{
    struct taking t = {.root = entry_node(e)};

    if (!t.root->child)
        return true;
    enum taken done = revoke_some(&t);
    transfer_charge(budget, t.visits * TRANSFER_NODE);
    return done != TAKEN_SOME;
}

/* Does the page at u->va. False: part of what was mapped from it is done; the same again goes on.
 */
static bool unmap_page(pte_t *e, struct unmap *u, uint32_t *budget)
{
    const rights_t kept = arch_pte_rights(*e) & ~u->taken;

    if (u->taken & RIGHT_READ) {
        if (!take_derived(e, budget)) /* what was used of it is told of by the page */
            return false;
    } else if (u->taken && u->flush) {
        page_restrict_own(e, kept, arch_pte_most(*e) & ~u->taken);
    }
    bool all = page_walk(&u->walk, e, u->taken ? kept : PAGE_RIGHTS, &u->used,
                         *budget / TRANSFER_NODE + 1);
    transfer_charge(budget, u->walk.visits * TRANSFER_NODE);
    if (all && u->flush && (u->taken & RIGHT_READ))
        page_take(e);
    return all;
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

static void unmap_step(struct env *e, struct unmap *u, uint32_t *budget)
{
    unsigned level;

    if (u->taken && (e->lends || e->borrows) && u->va % MMU_SPAN(2) == 0)
        unmap_shares(e, u->va, u->end, u->flush);
    pte_t *at = space_last(e->root, u->va, &level);
    bool shown = arch_pte_present(*at) && !(level > 1 && arch_pte_is_share(*at));
    if (shown && !map_is_reserved(e, u->va, MMU_SPAN(level)) && !unmap_page(at, u, budget))
        return;
    node_walk_end(&u->walk); /* of a page that is no more */
    u->va = (u->va & ~(MMU_SPAN(level) - 1)) + MMU_SPAN(level);
    if (u->va > u->end)
        u->va = u->end;
}

void unmap_some(struct env *e, struct unmap *u, uint32_t *budget)
{
    while (u->va < u->end && u->va < USER_TOP && *budget) {
        transfer_charge(budget, TRANSFER_PAGE);
        unmap_step(e, u, budget);
    }
    if (u->va >= USER_TOP)
        u->va = u->end;
    cpu_tlb_flush(e, TLB_ALL);
}

/* Message register `i` of the caller if the convention keeps it in a register, or NULL. */
static uint64_t *low_register(struct thread *t, unsigned i)
{
    struct regs *r = thread_regs(t);
    uint64_t *const low[] = {&r->r9, &r->rax, &r->rbx, &r->r10, &r->r12, &r->r13, &r->r14, &r->r15};

    return i < sizeof low / sizeof low[0] ? low[i] : NULL;
}

static word_t get_fpage(struct thread *t)
{
    const uint64_t *low = low_register(t, t->unmap.item);

    return low ? *low : *thread_mr(t, t->unmap.item);
}

static void set_fpage(struct thread *t, word_t fpage)
{
    uint64_t *low = low_register(t, t->unmap.item);

    if (low)
        *low = fpage;
    else
        *thread_mr(t, t->unmap.item) = fpage;
}

/* Begins with the fpage in the message register u->item. */
static void begin(struct thread *t)
{
    struct unmap *u = &t->unmap;
    const word_t fpage = get_fpage(t);
    unsigned bits;

    u->va = u->end = 0;
    u->used = 0;
    u->taken = fpage_rights(fpage);
    if (FPAGE_IS_PORTS(fpage))
        port_unmap(t->env, fpage, u->flush);
    else if (fpage_range(fpage, &u->va, &bits))
        u->end = u->va + ((vaddr_t)1 << bits);
}

static void end(struct thread *t)
{
    set_fpage(t, (get_fpage(t) & ~(word_t)FPAGE_ALL) | fpage_rights_word(t->unmap.used));
}

void unmap_go_on(struct thread *t)
{
    struct unmap *u = &t->unmap;
    uint32_t budget = TRANSFER_STEP;

    for (;;) {
        unmap_some(t->env, u, &budget);
        if (u->va < u->end) {
            t->events = true;
            cpu_this()->choose = true;
            return;
        }
        end(t);
        if (++u->item == u->count)
            break;
        begin(t);
    }
    u->count = 0;
}

void unmap_do(struct thread *t, struct regs *r)
{
    if (!forest_lock_for(t))
        return;
    t->unmap = (struct unmap){.flush = r->rdx >> 6 & 1, .count = (uint8_t)((r->rdx & 63) + 1)};
    begin(t);
    unmap_go_on(t);
    forest_unlock();
}

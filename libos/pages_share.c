/* Paged ranges: sharing copy-on-write with another environment. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/frames.h"
#include "libos/pages.h"
#include "libos/region.h"
#include "libos/string.h"
#include "libos/tables.h"

static enum err show(slot_t env, const struct page_record *record)
{
    struct page_entry entry = {record->va, record->pfn, RIGHT_READ};
    slot_t slot = frames_slot(record->pfn);
    enum err e = exo_page_bind(env, slot, (vaddr_t)&entry, 1);

    if (e != ERR_NO_TABLE)
        return e;
    e = tables_make_for(env, record->va, 1);
    return e ? e : exo_page_bind(env, slot, (vaddr_t)&entry, 1);
}

enum err pages_share(struct pages *p, slot_t env)
{
    if (p->resident + p->lent_count > PAGES_LENT_MAX)
        return ERR_NO_MEM;
    for (vaddr_t va = p->low; va < p->high; va += PAGE_SIZE) {
        const struct page_record *record = p->table->find(p->table, va);
        if (record && record->state && !(record->state & PAGES_RESIDENT))
            return ERR_BAD_STATE;
    }
    for (vaddr_t va = p->low; va < p->high; va += PAGE_SIZE) {
        struct page_record *record = p->table->find(p->table, va);
        struct page_entry entry = {va, 0, RIGHT_READ};
        if (!record || !record->state)
            continue;
        enum err e = exo_page_protect(SLOT_ENV, (vaddr_t)&entry, 1);
        if (e == ERR_OK) {
            p->shared = true;
            record->state |= PAGES_SHARED;
            e = show(env, record);
        }
        if (e)
            return e;
    }
    return ERR_OK;
}

enum err pages_adopt(struct pages *p)
{
    enum err e = tables_adopt(p->low, p->high);

    p->shared = true;

    for (vaddr_t va = p->low; va < p->high && e == ERR_OK; va += PAGE_SIZE) {
        uint64_t pte = tables_entry(va);
        if (!cpu_pte_is_bound(pte))
            continue;
        struct page_record *record = p->resident < p->budget ? p->table->add(p->table, va) : NULL;
        if (!record)
            return ERR_NO_MEM;
        record->pfn = cpu_pte_pfn(pte);
        record->rights = RIGHT_READ | RIGHT_WRITE;
        record->state = PAGES_RESIDENT | PAGES_SHARED;
        p->resident++;
    }
    return e;
}

/* The page as a frame of its own, filled from where it is shared. */
static enum err copy(struct pages *p, struct page_record *record, slot_t slot, pfn_t pfn)
{
    struct page_entry scratch = {PAGES_SCRATCH, 0, 0}, old = {record->va, 0, 0};
    enum err e = pages_bind(SLOT_ENV, slot, PAGES_SCRATCH, pfn, RIGHT_READ | RIGHT_WRITE);

    if (e)
        return e;
    memcpy((void *)PAGES_SCRATCH, (const void *)record->va, PAGE_SIZE);
    exo_page_unbind(SLOT_ENV, (vaddr_t)&scratch, 1);
    e = exo_page_unbind(SLOT_ENV, (vaddr_t)&old, 1);
    if (e == ERR_OK)
        e = pages_bind(SLOT_ENV, slot, record->va, pfn, RIGHT_READ | RIGHT_WRITE);
    p->copies += e == ERR_OK;
    return e;
}

bool pages_unshare(struct pages *p, struct page_record *record)
{
    struct page_entry entry = {record->va, 0, RIGHT_READ | RIGHT_WRITE};
    bool own = frames_slot(record->pfn) != SLOT_NONE, zero;
    vaddr_t va = record->va;
    pfn_t old = record->pfn, pfn;
    slot_t slot;

    if (own && book_frame_read(old).bindings == 1) { /* nobody else sees it any more */
        if (exo_page_protect(SLOT_ENV, (vaddr_t)&entry, 1))
            return false;
        record->state &= ~PAGES_SHARED;
        return true;
    }
    if (own && p->lent_count == PAGES_LENT_MAX)
        return false;
    p->resident--; /* its frame makes room for the new one */
    if (!pages_take_frame(p, &pfn, &slot, &zero)) {
        p->resident++;
        return false;
    }
    p->resident++;
    record = p->table->find(p->table, va);
    if (copy(p, record, slot, pfn)) {
        frames_give(pfn, 1);
        return false;
    }
    if (own)
        p->lent[p->lent_count++] = old;
    record->pfn = pfn;
    record->state = PAGES_RESIDENT;
    return true;
}

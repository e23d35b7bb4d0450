/* Paged ranges: where frames come from, and who leaves for them. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/frames.h"
#include "libos/pages.h"
#include "libos/slots.h"
#include "libos/tables.h"

#define RESERVE_MAX 64u

static struct page_record *resident(const struct pages *p, vaddr_t va)
{
    struct page_record *record = p->table->find(p->table, va & ~(PAGE_SIZE - 1));

    return record && (record->state & PAGES_RESIDENT) ? record : NULL;
}

/* The program's choice, or the next resident page behind it; NULL: none is resident. A page whose
 * frame others see cannot leave. */
static struct page_record *choose(struct pages *p)
{
    vaddr_t va = p->choose ? p->choose(p) & ~(PAGE_SIZE - 1) : p->hand;

    if (va - p->low >= p->high - p->low)
        va = p->low;
    for (vaddr_t left = p->high - p->low; left; left -= PAGE_SIZE) {
        struct page_record *record = resident(p, va);
        va = va + PAGE_SIZE < p->high ? va + PAGE_SIZE : p->low;
        if (record && !(record->state & PAGES_SHARED)) {
            p->hand = va;
            return record;
        }
    }
    return NULL;
}

/* A page leaves. It is written only if the store does not hold it already; a page that was never
 * written to is nothing but zeroes, and needs no block. */
static bool evict(struct pages *p, pfn_t *pfn)
{
    struct page_record *record = p->backing ? choose(p) : NULL;

    if (!record)
        return false;
    struct page_entry entry = {record->va, 0, 0};
    if (pages_is_dirty(p, record->va)) {
        uint32_t block = (uint32_t)((record->va - p->low) / PAGE_SIZE);
        if (p->backing->write(p->backing, block, (const void *)record->va))
            return false;
        record->state |= PAGES_COPIED;
        p->outs++;
    }
    if (exo_page_unbind(SLOT_ENV, (vaddr_t)&entry, 1))
        return false;
    *pfn = record->pfn;
    record->state &= ~PAGES_RESIDENT;
    p->resident--;
    return true;
}

/* Frames that were left to another environment, which let go of them meanwhile. */
static void take_lent_back(struct pages *p)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->lent_count; i++)
        if (book_frame_read(p->lent[i]).bindings)
            p->lent[kept++] = p->lent[i];
        else
            frames_give(p->lent[i], 1);
    p->lent_count = kept;
}

bool pages_take_frame(struct pages *p, pfn_t *pfn, slot_t *slot, bool *zero)
{
    *zero = false;
    if (p->resident >= p->budget) {
        if (!evict(p, pfn))
            return false;
        *slot = frames_slot(*pfn);
        return *slot != SLOT_NONE;
    }
    if (p->reserve.count && slot_lost_frames(p->reserve.slot, p->reserve.first, p->reserve.count))
        p->reserve.count = 0;
    if (!p->reserve.count) {
        uint32_t want = p->budget - p->resident;
        take_lent_back(p);
        if (frames_take(want < RESERVE_MAX ? want : RESERVE_MAX, &p->reserve))
            p->reserve.count = 0;
    }
    if (!p->reserve.count)
        return evict(p, pfn) && (*slot = frames_slot(*pfn)) != SLOT_NONE;
    *pfn = p->reserve.first++;
    p->reserve.count--;
    *slot = p->reserve.slot;
    *zero = p->reserve.zero;
    return true;
}

static bool give_one(struct pages *p)
{
    pfn_t pfn;

    if (p->reserve.count)
        pfn = p->reserve.first + --p->reserve.count;
    else if (!evict(p, &pfn))
        return false;
    frames_give(pfn, 1);
    if (p->budget > 1)
        p->budget--;
    return true;
}

uint32_t pages_surrender(uint32_t count, uint64_t deadline)
{
    uint32_t given = 0;

    for (struct pages *p = pages_ranges(); p; p = p->next)
        while (given < count && cpu_ticks() < deadline && give_one(p))
            given++;
    return given;
}

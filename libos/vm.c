/*
 * Self-paged virtual memory. The state of a page is where its frame is bound: at its address, or,
 * while its area's rights are empty, at the same address plus VM_HIDDEN, where the kernel's rule
 * that a binding has rights does no harm. So the page tables are the only record of frames.
 */
#include "libos/vm.h"

#include "exo/abi/batch.h"
#include "exo/abi/boot.h"
#include "libos/areas.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/frames.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/tables.h"
#include "libos/upcall.h"

#define FAULT_AROUND   16u /* pages bound at a fault, where they are free; a power of two */
#define POPULATE_RUN   256u
#define VM_HIDDEN      ((vaddr_t)0x400000000000)
#define PAGE_RIGHTS    (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)
#define START_AREA_END (START_INFO + 0x200000)

static struct areas areas;

static rights_t effective(rights_t rights)
{
    return rights ? rights | RIGHT_READ : 0; /* x86 pages that exist can be read */
}

static bool is_bound(vaddr_t va)
{
    return cpu_pte_is_bound(tables_entry(va));
}

/* Where the frame of a page of `area` is bound, if it has one. */
static vaddr_t place_of(const struct area *area, vaddr_t va)
{
    return area->rights ? va : va + VM_HIDDEN;
}

/* Binds entries, and makes the tables that turn out to be missing. *done counts what is bound. */
static enum err bind(slot_t slot, const struct page_entry *entries, uint32_t count, uint32_t *done)
{
    *done = 0;
    while (*done < count) {
        word_t bound = 0;
        enum err e =
            exo_page_bind_get(SLOT_ENV, slot, (vaddr_t)&entries[*done], count - *done, &bound);
        *done += (uint32_t)bound;
        if (e == ERR_NO_TABLE)
            e = tables_make(entries[*done].va);
        if (e)
            return e;
    }
    return ERR_OK;
}

/* Zeroes for pages just bound to frames that hold something. False: the kernel has taken frames of
 * the run, and so unbinds all of it. */
static bool clear(vaddr_t va, const struct frame_run *run, uint32_t pages)
{
    if (run->zero || upcall_clear((void *)va, pages * PAGE_SIZE / sizeof(uint64_t)))
        return true;
    for (uint32_t i = 0; i < pages; i++) {
        struct page_entry entry = {va + i * PAGE_SIZE, 0, 0};
        exo_page_unbind(SLOT_ENV, (vaddr_t)&entry, 1);
        frames_give(run->first + i, 1);
    }
    return false;
}

/* Fills pages [va, va + pages) of an area of zeroes with up to that many adjacent frames. They may
 * be taken as soon as they are had: then others are. */
static enum err bind_zero(const struct area *area, vaddr_t va, uint32_t pages, uint32_t *done)
{
    struct page_entry entries[POPULATE_RUN];
    const uint32_t want = pages < POPULATE_RUN ? pages : POPULATE_RUN;
    struct frame_run run;
    enum err e;

    for (bool good = false; !good;) {
        *done = 0;
        e = frames_take(want, &run);
        if (e)
            return e;
        for (uint32_t i = 0; i < run.count; i++)
            entries[i] = (struct page_entry){va + i * PAGE_SIZE, run.first + i,
                                             (run.zero ? area->rights : RIGHT_READ | RIGHT_WRITE) |
                                                 RIGHTS_LATER(PAGE_RIGHTS)};
        e = bind(run.slot, entries, run.count, done);
        frames_give(run.first + *done, run.count - *done);
        good = *done ? clear(va, &run, *done) : !slot_lost_frames(run.slot, run.first, run.count);
    }
    if (run.zero || !*done || area->rights == (RIGHT_READ | RIGHT_WRITE))
        return e;
    for (uint32_t i = 0; i < *done; i++)
        entries[i].rights = area->rights;
    exo_page_protect(SLOT_ENV, (vaddr_t)entries, *done);
    return e;
}

static enum err bind_frames(const struct area *area, vaddr_t va, uint32_t pages, uint32_t *done)
{
    struct page_entry entries[POPULATE_RUN];
    pfn_t pfn = area->pfn + (pfn_t)((va - area->low) / PAGE_SIZE);

    if (pages > POPULATE_RUN)
        pages = POPULATE_RUN;
    for (uint32_t i = 0; i < pages; i++)
        entries[i] = (struct page_entry){va + i * PAGE_SIZE, pfn + i, area->rights};
    return bind(area->slot, entries, pages, done);
}

static enum err bind_some(const struct area *area, vaddr_t va, uint32_t pages, uint32_t *done)
{
    return area->kind == AREA_FRAMES ? bind_frames(area, va, pages, done)
                                     : bind_zero(area, va, pages, done);
}

/* Binds `va` and pages around it. */
static enum err bind_around(const struct area *area, vaddr_t va)
{
    const vaddr_t block = FAULT_AROUND * PAGE_SIZE;
    vaddr_t low = va, high = va + PAGE_SIZE;
    uint32_t done;

    while (high % block && high < area->high && !is_bound(high))
        high += PAGE_SIZE;
    while (low % block && low > area->low && !is_bound(low - PAGE_SIZE))
        low -= PAGE_SIZE;
    /* Fewer frames than pages may come: those at the fault first, then those before it. */
    enum err e = bind_some(area, va, (uint32_t)((high - va) / PAGE_SIZE), &done);
    if (!done)
        return e;
    if (low < va)
        bind_some(area, low, (uint32_t)((va - low) / PAGE_SIZE), &done);
    return ERR_OK;
}

bool vm_repair(vaddr_t va, rights_t need)
{
    const struct area *area;
    enum err e;

    va &= ~(PAGE_SIZE - 1);
    do {
        area = areas_find(&areas, va);
        if (!area || area->kind == AREA_FIXED || (need & ~area->rights))
            return false;
        if (is_bound(va))
            return true; /* by another thread, meanwhile */
        e = bind_around(area, va);
    } while (e == ERR_NO_MEM && area->kind == AREA_ZERO && frames_spare(va));
    return e == ERR_OK;
}

static bool handle_fault(struct libos_regs *regs)
{
    uint64_t error = regs->frame.error;
    rights_t need = error & CPU_FAULT_WRITE  ? RIGHT_WRITE
                    : error & CPU_FAULT_EXEC ? RIGHT_EXEC
                                             : RIGHT_READ;

    return regs->frame.vector == CPU_VECTOR_PAGE_FAULT && !(error & CPU_FAULT_PRESENT) &&
           vm_repair(regs->frame.address, need);
}

static enum err add_fixed(vaddr_t low, vaddr_t high)
{
    struct area area = {.low = low, .high = high, .rights = PAGE_RIGHTS, .kind = AREA_FIXED};
    enum err e = areas_add(&areas, &area);

    return e ? e : tables_adopt(low, high);
}

enum err vm_init(void)
{
    const struct startinfo *start = (const struct startinfo *)START_INFO;
    vaddr_t low = start->image_low & ~(PAGE_SIZE - 1);
    vaddr_t high = (start->image_high + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    enum err e = add_fixed(low, high);

    if (e == ERR_OK)
        e = add_fixed(START_INFO, START_AREA_END);
    if (e == ERR_OK)
        libos_fault_hook = handle_fault;
    return e;
}

static bool round_range(vaddr_t va, uint64_t *bytes)
{
    if (va % PAGE_SIZE || va >= VM_HIGH || !*bytes || *bytes > VM_HIGH - va)
        return false;
    *bytes = (*bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    return true;
}

static enum err add(struct area area, vaddr_t *va, uint64_t bytes)
{
    if (!round_range(*va, &bytes) || (area.rights & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    area.rights = effective(area.rights);
    area.low = *va;
    if (!area.low) {
        enum err e = areas_hole(&areas, VM_LOW, VM_HIGH, bytes, &area.low);
        if (e)
            return e;
    }
    area.high = area.low + bytes;
    enum err e = areas_add(&areas, &area);
    if (e == ERR_OK)
        *va = area.low;
    return e;
}

enum err vm_map(vaddr_t *va, uint64_t bytes, rights_t rights)
{
    return add((struct area){.rights = rights, .kind = AREA_ZERO}, va, bytes);
}

enum err vm_map_frames(slot_t slot, pfn_t pfn, uint32_t count, vaddr_t *va, rights_t rights)
{
    struct area area = {.rights = rights, .kind = AREA_FRAMES, .slot = slot, .pfn = pfn};

    return add(area, va, count * PAGE_SIZE);
}

/* The part of an area that lies in [low, high). */
static struct area clip(const struct area *area, vaddr_t low, vaddr_t high)
{
    struct area part = *area;

    if (part.low < low) {
        part.pfn += (pfn_t)((low - part.low) / PAGE_SIZE);
        part.low = low;
    }
    if (part.high > high)
        part.high = high;
    return part;
}

typedef enum err (*batch_fn)(const struct area *part, struct page_entry *entries, uint32_t count,
                             rights_t rights);

/* Runs `work` over the pages of `part` that have a frame, a batch at a time. An entry's `pfn` is
 * the frame, its `va` where that is bound. Spans without a table are skipped whole. */
static enum err for_bound(const struct area *part, batch_fn work, rights_t rights)
{
    struct page_entry entries[POPULATE_RUN];
    uint32_t count = 0;
    enum err e = ERR_OK;

    for (vaddr_t va = part->low; va < part->high && e == ERR_OK;) {
        vaddr_t at = place_of(part, va);
        if (!tables_exist(at)) {
            va = tables_next(va);
            continue;
        }
        uint64_t pte = tables_entry(at);
        if (cpu_pte_is_bound(pte))
            entries[count++] = (struct page_entry){at, cpu_pte_pfn(pte), rights};
        if (count == POPULATE_RUN) {
            e = work(part, entries, count, rights);
            count = 0;
        }
        va += PAGE_SIZE;
    }
    return e || !count ? e : work(part, entries, count, rights);
}

static enum err unbind_batch(const struct area *part, struct page_entry *entries, uint32_t count,
                             rights_t rights)
{
    enum err e = exo_page_unbind(SLOT_ENV, (vaddr_t)entries, count);

    (void)rights;
    for (uint32_t i = 0; i < count && part->kind == AREA_ZERO; i++)
        frames_give(entries[i].pfn, 1);
    return e;
}

enum err vm_unmap(vaddr_t va, uint64_t bytes)
{
    if (!round_range(va, &bytes))
        return ERR_BAD_ARG;
    enum err e = areas_split(&areas, va, va + bytes);
    if (e)
        return e;
    const struct area *area = areas_from(&areas, va);
    const struct area *end = areas.at + areas.count;
    for (; area && area < end && area->low < va + bytes && e == ERR_OK; area++)
        e = area->kind == AREA_FIXED ? ERR_BAD_ARG : for_bound(area, unbind_batch, 0);
    if (e == ERR_OK)
        areas_remove(&areas, va, va + bytes);
    return e;
}

static enum err protect_batch(const struct area *part, struct page_entry *entries, uint32_t count,
                              rights_t rights)
{
    (void)part, (void)rights;
    return exo_page_protect(SLOT_ENV, (vaddr_t)entries, count);
}

/* Binds the frames at their other place, hidden or not, and takes them from where they were. */
static enum err move_batch(const struct area *part, struct page_entry *entries, uint32_t count,
                           rights_t rights)
{
    for (uint32_t i = 0; i < count; i++) {
        struct page_entry moved = entries[i];
        uint32_t done;
        moved.va ^= VM_HIDDEN;
        moved.rights = rights ? rights : RIGHT_READ;
        if (part->kind == AREA_ZERO)
            moved.rights |= RIGHTS_LATER(PAGE_RIGHTS);
        slot_t slot = part->kind == AREA_FRAMES ? part->slot : frames_slot(moved.pfn);
        enum err e = bind(slot, &moved, 1, &done);
        if (e == ERR_OK)
            e = exo_page_unbind(SLOT_ENV, (vaddr_t)&entries[i], 1);
        if (e)
            return e;
    }
    return ERR_OK;
}

/* Is every page of [va, end) in an area that may be changed? */
static bool is_mapped(vaddr_t va, vaddr_t end)
{
    while (va < end) {
        const struct area *area = areas_find(&areas, va);
        if (!area || area->kind == AREA_FIXED)
            return false;
        va = area->high;
    }
    return true;
}

enum err vm_protect(vaddr_t va, uint64_t bytes, rights_t rights)
{
    if (!round_range(va, &bytes) || (rights & ~PAGE_RIGHTS))
        return ERR_BAD_ARG;
    rights = effective(rights);
    if (!is_mapped(va, va + bytes))
        return ERR_NOT_BOUND;
    enum err e = areas_split(&areas, va, va + bytes);
    const struct area *area = areas_from(&areas, va);
    const struct area *end = areas.at + areas.count;
    for (; area < end && area->low < va + bytes && e == ERR_OK; area++)
        if (area->rights != rights)
            e = for_bound(area, area->rights && rights ? protect_batch : move_batch, rights);
    if (e == ERR_OK)
        areas_set_rights(&areas, va, va + bytes, rights);
    return e;
}

static enum err populate_area(const struct area *part)
{
    for (vaddr_t va = part->low; va < part->high;) {
        vaddr_t high = va;
        uint32_t done;
        while (high < part->high && !is_bound(high))
            high += PAGE_SIZE;
        if (high == va) {
            va += PAGE_SIZE;
            continue;
        }
        uint64_t pages = (high - va) / PAGE_SIZE;
        enum err e =
            bind_some(part, va, pages < POPULATE_RUN ? (uint32_t)pages : POPULATE_RUN, &done);
        if (e)
            return e;
        va += done * PAGE_SIZE;
    }
    return ERR_OK;
}

enum err vm_populate(vaddr_t va, uint64_t bytes)
{
    if (!round_range(va, &bytes))
        return ERR_BAD_ARG;
    if (!is_mapped(va, va + bytes))
        return ERR_NOT_BOUND;
    for (vaddr_t at = va; at < va + bytes;) {
        const struct area *area = areas_find(&areas, at);
        struct area part = clip(area, at, va + bytes);
        if (!part.rights)
            return ERR_NOT_BOUND;
        enum err e = populate_area(&part);
        if (e)
            return e;
        at = part.high;
    }
    return ERR_OK;
}

enum err vm_query(vaddr_t va, struct vm_info *info)
{
    const struct area *area = areas_find(&areas, va);

    if (!area)
        return ERR_NOT_BOUND;
    uint64_t pte = tables_entry(place_of(area, va));
    *info = (struct vm_info){
        .low = area->low,
        .high = area->high,
        .rights = area->rights,
        .bound = cpu_pte_is_bound(pte),
        .accessed = pte & CPU_PTE_ACCESSED,
        .dirty = pte & CPU_PTE_DIRTY,
        .pfn = cpu_pte_pfn(pte),
    };
    return ERR_OK;
}

void vm_lost(slot_t slot)
{
    for (uint32_t i = 0; i < areas.count;) {
        const struct area *area = &areas.at[i];
        if (area->kind == AREA_FRAMES && area->slot == slot &&
            slot_lost_frames(slot, area->pfn, (uint32_t)((area->high - area->low) / PAGE_SIZE)))
            areas_remove(&areas, area->low, area->high);
        else
            i++;
    }
}

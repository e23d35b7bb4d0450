/* Paged ranges: the fault handlers, light and full, and rights. */
#include "libos/start/integer.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/fault_light.h"
#include "libos/frames.h"
#include "libos/pages.h"
#include "libos/slots.h"
#include "libos/tables.h"
#include "libos/upcall.h"

#define RW (RIGHT_READ | RIGHT_WRITE)

static struct pages *ranges;
static struct pages none, *last = &none; /* the range of the last fault, or one without pages */

struct pages *pages_ranges(void)
{
    return ranges;
}

static upcall_fault_fn next_hook; /* who repairs what is not ours */

CPU_INLINE bool is_in(const struct pages *p, const volatile struct upcall_frame *frame)
{
    return frame->address - p->low < p->bytes;
}

/* The range that the fault lies in, or NULL. */
static __attribute__((noinline)) KEEPS_REGISTERS struct pages *
range_of(const volatile struct upcall_frame *frame)
{
    struct pages *p = ranges;

    while (p && !is_in(p, frame))
        p = p->next;
    if (p)
        last = p;
    return p;
}

/* The first touch of a page, when a clean frame is at hand. */
static bool bind_fresh(struct pages *p, vaddr_t va)
{
    if (!p->reserve.count || !p->reserve.zero || p->resident >= p->budget)
        return false;
    struct page_record *record = p->table->find(p->table, va);
    if (!record)
        record = p->table->add(p->table, va);
    else if (record->state)
        return false;
    if (!record)
        return false;
    rights_t rights = record->rights ? record->rights : RW;
    if (exo_page_bind_run(SLOT_ENV, p->reserve.slot, PAGE_RUN(va, 1),
                          RUN_FRAMES(p->reserve.first, rights | RIGHTS_LATER(RW))))
        return false; /* a page table is missing: the full handler makes it */
    record->pfn = p->reserve.first++;
    record->rights = rights;
    record->state = PAGES_RESIDENT;
    p->reserve.count--;
    p->resident++;
    return true;
}

/* A fault at a page that is not bound, or that may be shared. */
static __attribute__((noinline)) KEEPS_REGISTERS bool repair_light(struct pages *p,
                                                                   struct upcall_frame *frame)
{
    vaddr_t va = frame->address & ~(PAGE_SIZE - 1);

    if (!(frame->error & CPU_FAULT_PRESENT))
        return bind_fresh(p, va);
    const struct page_record *record = p->table->find(p->table, va);
    if (record && (record->state & PAGES_SHARED) && (record->rights & RIGHT_WRITE))
        return false;
    return p->trap && p->trap(p, frame);
}

static KEEPS_REGISTERS bool handle_light(void)
{
    struct upcall_frame *frame = &book_utcb()->save[UPCALL_CLASS_FAULT];
    struct pages *p = last;

    __asm__("" : "+r"(frame)); /* one register for all of its fields */
    if (!is_in(p, frame) && !(p = range_of(frame)))
        return false;
    if (!(frame->error & CPU_FAULT_PRESENT) || p->shared)
        return repair_light(p, frame);
    return p->trap && cpu_call_keeping((bool (*)(void *, void *))p->trap, p, frame);
}

enum err pages_bind(slot_t env, slot_t slot, vaddr_t va, pfn_t pfn, rights_t rights)
{
    struct page_entry entry = {va, pfn, rights | RIGHTS_LATER(rights | RW)};
    enum err e = exo_page_bind(env, slot, (vaddr_t)&entry, 1);

    if (e != ERR_NO_TABLE || env != SLOT_ENV)
        return e;
    e = tables_make(va);
    return e ? e : exo_page_bind(env, slot, (vaddr_t)&entry, 1);
}

/* Clears a frame, or reads its block, where nobody sees it yet. */
static enum err fill(struct pages *p, const struct page_record *record, slot_t slot, pfn_t pfn,
                     bool zero)
{
    struct page_entry scratch = {PAGES_SCRATCH, 0, 0};
    uint64_t *words = (uint64_t *)PAGES_SCRATCH;
    bool copied = record->state & PAGES_COPIED;

    if (zero && !copied)
        return ERR_OK;
    enum err e = pages_bind(SLOT_ENV, slot, PAGES_SCRATCH, pfn, RW);
    if (e)
        return e;
    if (copied)
        e = p->backing->read(p->backing, (uint32_t)((record->va - p->low) >> PAGE_BITS), words);
    else if (!upcall_clear(words, PAGE_SIZE / sizeof *words))
        e = ERR_NOT_BOUND;
    exo_page_unbind(SLOT_ENV, (vaddr_t)&scratch, 1);
    return e;
}

/* Forgets a page whose frame the kernel took: it holds what the backing store has, or zeroes. */
static bool forget_lost(struct pages *p, struct page_record *record)
{
    if (!(record->state & PAGES_RESIDENT) || cpu_pte_is_bound(tables_entry(record->va)))
        return false;
    record->state &= ~PAGES_RESIDENT;
    p->resident--;
    return true;
}

void pages_lost(slot_t slot)
{
    for (struct pages *p = ranges; p; p = p->next) {
        if (p->reserve.slot == slot &&
            slot_lost_frames(p->reserve.slot, p->reserve.first, p->reserve.count))
            p->reserve.count = 0;
        for (vaddr_t va = p->low; va < p->high && p->resident; va += PAGE_SIZE) {
            struct page_record *record = p->table->find(p->table, va);
            if (record)
                forget_lost(p, record);
        }
    }
}

/* Binds a page to a frame that holds what the page held. */
static enum err fill_and_bind(struct pages *p, const struct page_record *record, slot_t slot,
                              pfn_t pfn, bool zero)
{
    struct page_entry entry = {record->va, pfn, record->rights | RIGHTS_LATER(RW)};
    enum err e = fill(p, record, slot, pfn, zero);

    if (e == ERR_OK)
        e = tables_make(record->va);
    return e ? e : exo_page_bind(SLOT_ENV, slot, (vaddr_t)&entry, 1);
}

/* A page without a frame gets one; another one if that is taken meanwhile. */
static bool bring_in(struct pages *p, vaddr_t va)
{
    struct page_record *record = p->table->find(p->table, va);
    pfn_t pfn;
    slot_t slot;
    bool zero, had;
    enum err e;

    if (!record)
        record = p->table->add(p->table, va);
    if (!record || (record->state & PAGES_RESIDENT && !forget_lost(p, record)))
        return record != NULL;
    if (!record->rights)
        record->rights = RW;
    do {
        had = pages_take_frame(p, &pfn, &slot, &zero);
        e = had ? fill_and_bind(p, record, slot, pfn, zero) : ERR_NO_MEM;
        if (e && had)
            frames_give(pfn, 1);
    } while (e && (had ? e == ERR_NOT_BOUND || slot_lost_frames(slot, pfn, 1) : frames_spare(va)));
    if (e)
        return false;
    p->ins += (record->state & PAGES_COPIED) != 0;
    record->pfn = pfn;
    record->state |= PAGES_RESIDENT;
    p->resident++;
    return true;
}

static bool handle_full(struct libos_regs *regs)
{
    struct pages *p = range_of(&regs->frame);

    if (!p || regs->frame.vector != CPU_VECTOR_PAGE_FAULT)
        return next_hook && next_hook(regs);
    vaddr_t va = regs->frame.address & ~(PAGE_SIZE - 1);
    if (!(regs->frame.error & CPU_FAULT_PRESENT))
        return bring_in(p, va);
    struct page_record *record = p->table->find(p->table, va);
    return record && (record->state & PAGES_SHARED) && (record->rights & RIGHT_WRITE) &&
           pages_unshare(p, record);
}

enum err pages_init(struct pages *p)
{
    if (!p->low || p->low >= p->high || p->low % PAGE_SIZE || p->high % PAGE_SIZE || !p->budget ||
        !p->table || (p->backing && p->backing->blocks < (p->high - p->low) / PAGE_SIZE))
        return ERR_BAD_ARG;
    for (const struct pages *other = ranges; other; other = other->next)
        if (p->low < other->high && other->low < p->high)
            return ERR_IN_USE;
    enum err e = tables_make(PAGES_SCRATCH);
    if (e)
        return e;
    p->resident = p->lent_count = p->reserve.count = 0;
    p->ins = p->outs = p->copies = 0;
    p->hand = p->low;
    p->mmu_low = PAGES_NO_TABLE;
    p->bytes = p->high - p->low;
    p->shared = 0;
    if (!ranges && libos_fault_hook != handle_full) {
        next_hook = libos_fault_hook;
        libos_fault_hook = handle_full;
    }
    p->next = ranges;
    ranges = p;
    fault_light_set(handle_light);
    return ERR_OK;
}

void pages_destroy(struct pages *p)
{
    for (vaddr_t va = p->low; va < p->high; va += PAGE_SIZE) {
        const struct page_record *record = p->table->find(p->table, va);
        struct page_entry entry = {va, 0, 0};
        if (record && (record->state & PAGES_RESIDENT)) {
            exo_page_unbind(SLOT_ENV, (vaddr_t)&entry, 1);
            if (book_frame_read(record->pfn).bindings == 0 && frames_slot(record->pfn))
                frames_give(record->pfn, 1);
        }
        p->table->remove(p->table, va);
    }
    frames_give(p->reserve.first, p->reserve.count);
    p->reserve.count = p->resident = 0;
    for (struct pages **at = &ranges; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    if (last == p)
        last = &none;
    if (!ranges)
        fault_light_set(NULL);
}

static bool may_protect(const struct pages *p, vaddr_t va, rights_t rights)
{
    return va - p->low < p->bytes && va % PAGE_SIZE == 0 && (rights == RIGHT_READ || rights == RW);
}

/* Tells the kernel the rights of resident pages of [va, va + count), which are noted; those that
 * are shared stay for reading. */
static enum err tell_each(const struct pages *p, vaddr_t va, uint32_t count, rights_t rights)
{
    struct page_entry told[BATCH_MAX];
    uint32_t done = 0;

    for (const vaddr_t end = va + count * PAGE_SIZE; va < end; va += PAGE_SIZE) {
        const struct page_record *record = p->table->find(p->table, va);
        if (record->state & PAGES_RESIDENT)
            told[done++] =
                (struct page_entry){va, 0, record->state & PAGES_SHARED ? RIGHT_READ : rights};
    }
    return done ? exo_page_protect(SLOT_ENV, (vaddr_t)told, done) : ERR_OK;
}

/* Notes the rights of adjacent records. True: their pages are all resident, and none is shared. */
CPU_INLINE bool note_adjacent(struct page_record *r, uint32_t count, rights_t rights)
{
    uint32_t all = PAGES_RESIDENT, any = 0;

    for (; count >= 4; count -= 4, r += 4) {
        all &= r[0].state & r[1].state & r[2].state & r[3].state;
        any |= r[0].state | r[1].state | r[2].state | r[3].state;
        r[0].rights = r[1].rights = r[2].rights = r[3].rights = rights;
    }
    for (; count; count--, r++) {
        all &= r->state;
        any |= r->state;
        r->rights = rights;
    }
    return all && !(any & PAGES_SHARED);
}

/* Pages that are found one by one, may have no records yet, or be shared. */
static __attribute__((noinline)) enum err protect_each(struct pages *p, vaddr_t va, uint32_t count,
                                                       rights_t rights)
{
    struct pagetable *t = p->table;
    uint32_t done = 0;
    bool plain = true;

    for (; done < count; done++) {
        struct page_record *record = t->find(t, va + done * PAGE_SIZE);
        if (!record && !(record = t->add(t, va + done * PAGE_SIZE)))
            break;
        record->rights = rights;
        plain &= (record->state & (PAGES_RESIDENT | PAGES_SHARED)) == PAGES_RESIDENT;
    }
    enum err e = plain && done ? exo_page_protect_run(SLOT_ENV, PAGE_RUN(va, done), rights)
                               : tell_each(p, va, done, rights);
    return done < count ? ERR_NO_MEM : e;
}

static __attribute__((noinline)) enum err protect_many(struct pages *p, vaddr_t va, uint32_t count,
                                                       rights_t rights)
{
    if (!count || count > BATCH_MAX || !may_protect(p, va, rights) ||
        count > (p->high - va) / PAGE_SIZE)
        return ERR_BAD_ARG;
    struct page_record *adjacent = pagetable_adjacent(p->table, va, count);
    if (adjacent && note_adjacent(adjacent, count, rights))
        return exo_page_protect_run(SLOT_ENV, PAGE_RUN(va, count), rights);
    return protect_each(p, va, count, rights);
}

enum err pages_protect(struct pages *p, vaddr_t va, uint32_t count, rights_t rights)
{
    if (count != 1)
        return protect_many(p, va, count, rights);
    if (!may_protect(p, va, rights))
        return ERR_BAD_ARG;
    struct page_record *record = pagetable_adjacent(p->table, va, 1);
    if (!record || (record->state & (PAGES_RESIDENT | PAGES_SHARED)) != PAGES_RESIDENT)
        return protect_each(p, va, 1, rights);
    record->rights = rights;
    return exo_page_protect_run(SLOT_ENV, PAGE_RUN(va, 1), rights);
}

/* The range's last table is another one, or none yet. */
bool pages_look_dirty(struct pages *p, vaddr_t va)
{
    const volatile uint64_t *table = tables_at(va);

    if (!table)
        return false;
    p->mmu = table;
    p->mmu_low = va;
    return table[TABLE_INDEX(va)] & CPU_PTE_DIRTY;
}

const char *pages_check(const struct pages *p)
{
    uint32_t resident = 0;

    for (vaddr_t va = p->low; va < p->high; va += PAGE_SIZE) {
        const struct page_record *record = p->table->find(p->table, va);
        bool should = record && (record->state & PAGES_RESIDENT);
        uint64_t pte = tables_entry(va);
        if (should != cpu_pte_is_bound(pte) || (should && cpu_pte_pfn(pte) != record->pfn))
            return "G1: a page is not bound as its record says";
        resident += should;
    }
    return resident == p->resident && resident <= p->budget ? NULL : "G2: the resident pages";
}

/* A member's faults: pages that are used first, or written to first since a copy was made. */
#include "exo/abi/batch.h"
#include "libos-posix/family/member.h"
#include "libos-posix/family/page.h"
#include "libos-posix/family/space_parts.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/string.h"

/* Pages bound at a fault: as many as lie side by side already, within these bounds, so that who
 * uses few pages here and there takes few, and who goes through memory has few faults. */
#define AROUND_LEAST 4u
#define AROUND_MOST  32u
#define LENT_AROUND  16u /* a power of two: they cost no memory */
#define SCARCE_SHIFT 3u  /* with less than 1 / 2^3 of the pool free, no more than is needed */

const void *(*space_look)(const void *file, uint64_t index, size_t *bytes);

/* Where a page is, what may be done there, and how far its neighbours are alike. */
struct site {
    vaddr_t va, low, high;
    rights_t rights;
    const struct area *lent; /* or NULL: it begins as zero */
};

static bool find_site(vaddr_t va, struct site *s)
{
    const struct family *f = FAMILY;

    *s = (struct site){.va = va, .low = f->image_low, .high = f->image_high};
    if (va - f->image_low < f->image_high - f->image_low) {
        if (va >= f->image_data)
            s->low = f->image_data;
        s->rights = va >= f->image_data ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ | RIGHT_EXEC;
        return true;
    }
    if (va - FAMILY_BLOCKS < FAMILY_BLOCKS_MAX * BLOCK_BYTES) {
        vaddr_t block = va & ~(BLOCK_BYTES - 1);
        s->low = block + (BLOCK_STACK_FIRST + 1) * PAGE_SIZE; /* the first one stays empty */
        s->high = block + BLOCK_BYTES;
        s->rights = RIGHT_READ | RIGHT_WRITE;
        return va >= s->low;
    }
    const struct area *area = areas_find(&space_areas, va);
    if (!area || (area->kind == AREA_FRAMES && !area->slot))
        return false;
    s->low = area->low;
    s->high = area->high;
    s->rights = area->rights;
    s->lent = area->kind == AREA_FRAMES ? area : NULL;
    return true;
}
_Static_assert(FAMILY_BLOCKS % BLOCK_BYTES == 0, "an address names its block");

/* How many of the entries from `index` on, by `step`, are in use; at most `most`, in one table. */
static uint32_t count_used(const volatile uint64_t *table, uint32_t index, uint32_t step,
                           uint32_t most)
{
    uint32_t count = 0;

    for (; index < 512 && count < most && cpu_pte_is_bound(table[index]); index += step)
        count++;
    return count;
}

static bool is_scarce(void)
{
    const struct frame_list *pool = POOL;

    return pool->count - pool->used < pool->count >> SCARCE_SHIFT;
}

/* The empty pages that are bound with this one: from it upwards, or down to it if what is in use
 * lies above, as with a stack. */
static void widen(struct site *s, const volatile uint64_t *entry)
{
    const uint32_t index = (uint32_t)(s->va / PAGE_SIZE % 512);
    const volatile uint64_t *table = entry - index;
    const uint32_t below = count_used(table, index - 1, ~0u, AROUND_MOST);
    const uint32_t above = below ? 0 : count_used(table, index + 1, 1, AROUND_MOST);
    uint32_t want = below + above > AROUND_LEAST ? below + above : AROUND_LEAST;
    const vaddr_t low = s->low, high = s->high, table_at = s->va - index * PAGE_SIZE;

    if (is_scarce())
        want = 1;
    s->low = s->va;
    s->high = s->va + PAGE_SIZE;
    for (; want > 1 && !above; want--, s->high += PAGE_SIZE)
        if (s->high == high || s->high - table_at == SPACE_TABLE_BYTES ||
            table[(s->high - table_at) / PAGE_SIZE])
            return;
    for (; want > 1; want--, s->low -= PAGE_SIZE)
        if (s->low == low || s->low == table_at || table[(s->low - table_at) / PAGE_SIZE - 1])
            return;
}

/* Pre: of the table that space_entry() found last. */
static enum err bind_lent(const struct page_entry *entries, uint32_t count)
{
    struct member *m = &FAMILY->members[member_place()->member];

    family_use(&m->lent[m->table_last], entries[0].va,
               entries[count - 1].va - entries[0].va + PAGE_SIZE);
    return exo_page_bind(SLOT_ENV, FAMILY_SLOT_POOL, (vaddr_t)entries, count);
}

/* Binds zeroed frames at the pages from `va` on, as many as lie side by side in the pool. Returns
 * how many, up to `want`; 0: none is left. */
static uint32_t fill_run(vaddr_t va, uint32_t want, rights_t rights)
{
    const uint32_t task = member_place()->task;
    pfn_t frame;
    bool zero;
    uint32_t count = space_take(task, want, &frame, &zero);

    for (uint32_t i = 0; i < count && !zero; i++)
        page_zero(family_frame(frame + i));
    const bool done = count && space_bind(va, frame, count, rights) == ERR_OK;
    for (uint32_t i = 0; i < count && !done; i++)
        space_give(frame + i, frame_list_mark(POOL, frame + i));
    space_let_go(task);
    return done ? count : 0;
}

/* Enough for `va` will do. */
static bool fill_zero(struct site *s, const volatile uint64_t *entry)
{
    uint32_t count;

    widen(s, entry);
    for (vaddr_t at = s->low; at < s->high; at += count * PAGE_SIZE) {
        count = fill_run(at, (uint32_t)((s->high - at) / PAGE_SIZE), s->rights);
        if (!count)
            return at > s->va || (s->low < s->va && fill_run(s->va, 1, s->rights));
    }
    return true;
}

/* A page of its own, which begins as the file's. */
static bool fill_copy(const struct site *s, const void *from, size_t bytes)
{
    const uint32_t task = member_place()->task;
    pfn_t frame;
    bool zero;

    if (!space_take(task, 1, &frame, &zero))
        return false;
    if (!zero && bytes < PAGE_SIZE)
        page_zero(family_frame(frame));
    if (bytes < PAGE_SIZE || (vaddr_t)from % PAGE_SIZE)
        memcpy(family_frame(frame), from, bytes);
    else
        page_copy(family_frame(frame), from);
    bool done = space_bind(s->va, frame, 1, s->rights) == ERR_OK;
    space_let_go(task);
    return done;
}

vaddr_t space_lent_page(const struct area *a, vaddr_t va, const void **from, size_t *bytes)
{
    const uint64_t index = a->pfn + (va - a->low) / PAGE_SIZE;

    *from = space_look(space_file(a->slot), index, bytes);
    return *bytes == PAGE_SIZE && (vaddr_t)*from - FAMILY_CORE < FAMILY_END - FAMILY_CORE
               ? (vaddr_t)*from
               : 0;
}

/* Shows the file's pages, for reading: this one and those around it. */
static bool fill_lent(const struct site *s, const volatile uint64_t *entry, rights_t need)
{
    const vaddr_t first = s->va & ~(LENT_AROUND * PAGE_SIZE - 1);
    const vaddr_t low = s->low > first ? s->low : first;
    const vaddr_t end = first + LENT_AROUND * PAGE_SIZE, high = s->high < end ? s->high : end;
    struct page_entry entries[LENT_AROUND];
    const void *from;
    size_t bytes;
    uint32_t count = 0;

    if (!space_lent_page(s->lent, s->va, &from, &bytes) || (need & RIGHT_WRITE))
        return fill_copy(s, from, bytes);
    for (vaddr_t va = low; va < high; va += PAGE_SIZE) {
        const vaddr_t page = entry[(int64_t)(va - s->va) / (int64_t)PAGE_SIZE]
                                 ? 0
                                 : space_lent_page(s->lent, va, &from, &bytes);
        if (page)
            entries[count++] =
                (struct page_entry){va, *family_core_frame(page),
                                    (s->rights & ~RIGHT_WRITE) | RIGHTS_LATER(SPACE_RIGHTS)};
    }
    return bind_lent(entries, count) == ERR_OK;
}

static bool fill(struct site *s, rights_t need)
{
    const uint32_t member = member_place()->member;
    const volatile uint64_t *entry = space_entry(member, s->va);

    if (!entry) {
        if (member_request(REQUEST_TABLE, s->va, 0))
            return false;
        entry = space_entry(member, s->va);
    }
    return s->lent ? fill_lent(s, entry, need) : fill_zero(s, entry);
}

/* The page at `va` becomes the process' own, with `rights`. */
static bool unshare(vaddr_t va, uint64_t pte, rights_t rights)
{
    const uint32_t task = member_place()->task;
    const pfn_t old = cpu_pte_pfn(pte);
    const uint32_t mark = frame_list_mark(POOL, old);
    pfn_t frame;
    bool zero;

    if (!space_is_common(pte))
        return exo_page_protect_run(SLOT_ENV, PAGE_RUN(va, 1), rights) == ERR_OK;
    if (!space_take(task, 1, &frame, &zero))
        return false;
    page_copy(family_frame(frame), family_frame(old));
    exo_page_unbind_run(SLOT_ENV, PAGE_RUN(va, 1));
    bool done = space_bind(va, frame, 1, rights) == ERR_OK;
    space_let_go(task);
    space_give(old, mark);
    return done;
}

bool space_own(vaddr_t page)
{
    const uint64_t pte = *space_entry(member_place()->member, page);

    return unshare(page, pte, cpu_pte_rights(pte));
}

static bool repair(vaddr_t va, rights_t need)
{
    struct site site;

    if (!find_site(va & ~(PAGE_SIZE - 1), &site) || (need & ~site.rights))
        return false;
    const volatile uint64_t *entry = space_entry(member_place()->member, site.va);
    uint64_t pte = entry ? *entry : 0;
    if (!cpu_pte_is_bound(pte))
        return fill(&site, need);
    if (!(need & ~cpu_pte_rights(pte)))
        return true; /* by another thread, meanwhile */
    return frame_list_has(POOL, cpu_pte_pfn(pte)) && unshare(site.va, pte, site.rights);
}

bool space_fault(struct libos_regs *regs)
{
    const uint64_t error = regs->frame.error;
    rights_t need = error & CPU_FAULT_WRITE  ? RIGHT_WRITE
                    : error & CPU_FAULT_EXEC ? RIGHT_EXEC
                                             : RIGHT_READ;

    if (regs->frame.vector != CPU_VECTOR_PAGE_FAULT)
        return false;
    bool taken = space_lock();
    bool good = repair(regs->frame.address, need);
    if (!good && space_is_exhausted(regs->frame.address, need) &&
        member_request(REQUEST_MEMORY, 0, 0) == ERR_OK)
        good = repair(regs->frame.address, need);
    space_unlock(taken);
    return good;
}

bool space_is_exhausted(vaddr_t va, rights_t need)
{
    struct site site;

    return find_site(va & ~(PAGE_SIZE - 1), &site) && !(need & ~site.rights);
}

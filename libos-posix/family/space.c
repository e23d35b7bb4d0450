/* A member's memory. */
#include "libos-posix/family/space.h"

#include "exo/abi/batch.h"
#include "libos-posix/family/member.h"
#include "libos/areas.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/string.h"

#define FAULT_AROUND                                                                               \
    16u                 /* pages bound at a fault, while there are fresh frames; a power of two    \
                         */
#define PART        64u /* pages taken out at once */
#define TABLE_BYTES (512 * PAGE_SIZE)
#define PAGE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC)

static struct areas areas;

static rights_t effective(rights_t rights)
{
    return rights ? rights | RIGHT_READ : 0; /* x86 pages that exist can be read */
}

bool space_lock(void)
{
    uint32_t *word = &FAMILY->members[member_place()->member].lock;
    const uint32_t self = 1 + member_place()->task;

    if (__atomic_load_n(word, __ATOMIC_RELAXED) == self)
        return false;
    for (uint32_t free = 0, tries = 0;
         !__atomic_compare_exchange_n(word, &free, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
         free = 0)
        if (++tries % 64 == 0)
            exo_yield(SLOT_NONE);
        else
            cpu_pause();
    return true;
}

void space_unlock(bool taken)
{
    if (taken)
        __atomic_store_n(&FAMILY->members[member_place()->member].lock, 0, __ATOMIC_RELEASE);
}

const volatile uint64_t *space_entry(uint32_t member, vaddr_t va)
{
    struct member *m = &FAMILY->members[member];
    const uint32_t number = (uint32_t)(va / TABLE_BYTES);
    const uint32_t count = __atomic_load_n(&m->table_count, __ATOMIC_ACQUIRE);
    uint32_t k = m->table_last;

    if (k >= count || m->tables[k] != number) {
        for (k = 0; k < count && m->tables[k] != number;)
            k++;
        if (k == count)
            return NULL;
        m->table_last = k;
    }
    return family_view(member, k) + va / PAGE_SIZE % 512;
}

uint32_t space_take(uint32_t task, uint32_t want, pfn_t *first, bool *zero)
{
    uint64_t *hand = &FAMILY->tasks[task].hand;

    __atomic_store_n(hand, HAND_ANY, __ATOMIC_SEQ_CST);
    uint32_t count = frame_list_take(POOL, want, first, zero);
    __atomic_store_n(hand, count ? (uint64_t)*first << 32 | count : HAND_EMPTY, __ATOMIC_SEQ_CST);
    return count;
}

void space_let_go(uint32_t task)
{
    __atomic_store_n(&FAMILY->tasks[task].hand, HAND_EMPTY, __ATOMIC_SEQ_CST);
}

uint32_t space_bindings(pfn_t frame)
{
    const bool is_keeper = member_place()->member == TASK_NONE;
    struct frame_info info;

    if (!KINFO->hidden)
        return book_frame(frame)->bindings;
    const slot_t slot = is_keeper ? SLOT_NONE : FAMILY_SLOT_POOL; /* it owns them */
    return exo_info_read(INFO_FRAMES, (uint32_t)frame, 1, (vaddr_t)&info, slot) == ERR_OK
               ? info.bindings
               : UINT32_MAX; /* as if others had it */
}

void space_give(pfn_t frame, uint32_t mark)
{
    if (space_bindings(frame) == 1)
        frame_list_give(POOL, frame, mark);
}

/* Nine of ten entries are empty as a rule, so that is looked at eight by eight. */
uint32_t space_next(const volatile uint64_t *table, uint32_t *index, uint32_t end, uint32_t most)
{
    uint32_t i = *index, count = 0;

    for (;;) {
        while (i % 8 == 0 && i + 8 <= end &&
               !(table[i] | table[i + 1] | table[i + 2] | table[i + 3] | table[i + 4] |
                 table[i + 5] | table[i + 6] | table[i + 7]))
            i += 8;
        if (i >= end || cpu_pte_is_bound(table[i]))
            break;
        i++;
    }
    *index = i;
    while (i < end && count < most && cpu_pte_is_bound(table[i]))
        i++, count++;
    return count;
}

bool space_is_common(pfn_t frame)
{
    return frame_list_has(POOL, frame) && space_bindings(frame) > 2 &&
           !(frame_list_mark(POOL, frame) & FRAME_LIST_ARENA);
}

/* Pages of one table, which is there. */
static enum err bind(vaddr_t va, pfn_t frame, uint32_t count, rights_t rights)
{
    const uint32_t member = member_place()->member;

    if (space_entry(member, va)) /* finds the table */
        family_use(&FAMILY->members[member], FAMILY->members[member].table_last, va,
                   count * PAGE_SIZE);
    return exo_page_bind_run(SLOT_ENV, FAMILY_SLOT_POOL, PAGE_RUN(va, count),
                             RUN_FRAMES(frame, rights | RIGHTS_LATER(PAGE_RIGHTS)));
}

/* The page at `va` becomes the process' own, with `rights`. */
static bool unshare(vaddr_t va, pfn_t old, rights_t rights)
{
    const uint32_t task = member_place()->task;
    const uint32_t mark = frame_list_mark(POOL, old);
    pfn_t frame;
    bool zero;

    if (!space_is_common(old))
        return exo_page_protect_run(SLOT_ENV, PAGE_RUN(va, 1), rights) == ERR_OK;
    if (!space_take(task, 1, &frame, &zero))
        return false;
    memcpy(family_frame(frame), (const void *)va, PAGE_SIZE);
    exo_page_unbind_run(SLOT_ENV, PAGE_RUN(va, 1));
    bool done = bind(va, frame, 1, rights) == ERR_OK;
    space_let_go(task);
    space_give(old, mark);
    return done;
}

bool space_own(vaddr_t page)
{
    const uint64_t pte = *space_entry(member_place()->member, page);

    return unshare(page, cpu_pte_pfn(pte), cpu_pte_rights(pte));
}

/* Where a page is, what may be done there, and how far its neighbours are alike. */
struct site {
    vaddr_t va, low, high;
    rights_t rights;
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
    const struct area *area = areas_find(&areas, va);
    if (!area || area->kind != AREA_ZERO)
        return false;
    s->low = area->low;
    s->high = area->high;
    s->rights = area->rights;
    return true;
}
_Static_assert(FAMILY_BLOCKS % BLOCK_BYTES == 0, "an address names its block");

/* Pages around the site, in its block of FAULT_AROUND, which are empty, too. */
static void widen(struct site *s, const volatile uint64_t *entry)
{
    const vaddr_t block = FAULT_AROUND * PAGE_SIZE, low = s->low, high = s->high;

    s->low = s->va;
    s->high = s->va + PAGE_SIZE;
    for (const volatile uint64_t *e = entry + 1; s->high % block && s->high < high && !*e; e++)
        s->high += PAGE_SIZE;
    for (const volatile uint64_t *e = entry - 1; s->low % block && s->low > low && !*e; e--)
        s->low -= PAGE_SIZE;
}

static bool fill(struct site *s)
{
    const struct family_place *self = member_place();
    const volatile uint64_t *entry = space_entry(self->member, s->va);
    pfn_t frame;
    bool zero;

    if (!entry) {
        if (member_request(REQUEST_TABLE, s->va, 0))
            return false;
        entry = space_entry(self->member, s->va);
    }
    widen(s, entry);
    uint32_t count =
        space_take(self->task, (uint32_t)((s->high - s->low) / PAGE_SIZE), &frame, &zero);
    if (!count)
        return false;
    vaddr_t start = s->high - count * PAGE_SIZE;
    start = start > s->va ? s->va : start;
    if (!zero)
        memset(family_frame(frame), 0, count * PAGE_SIZE);
    bool done = bind(start, frame, count, s->rights) == ERR_OK;
    space_let_go(self->task);
    return done;
}

static bool repair(vaddr_t va, rights_t need)
{
    struct site site;

    if (!find_site(va & ~(PAGE_SIZE - 1), &site) || (need & ~site.rights))
        return false;
    const volatile uint64_t *entry = space_entry(member_place()->member, site.va);
    uint64_t pte = entry ? *entry : 0;
    if (!cpu_pte_is_bound(pte))
        return fill(&site);
    if (!(need & ~cpu_pte_rights(pte)))
        return true; /* by another thread, meanwhile */
    return frame_list_has(POOL, cpu_pte_pfn(pte)) &&
           unshare(site.va, cpu_pte_pfn(pte), site.rights);
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
    space_unlock(taken);
    return good;
}

bool space_is_exhausted(vaddr_t va, rights_t need)
{
    struct site site;

    return find_site(va & ~(PAGE_SIZE - 1), &site) && !(need & ~site.rights);
}

/* Pages side by side that are in use, all seen or all hidden. */
struct run {
    vaddr_t va;
    const volatile uint64_t *entry;
    uint32_t count;
};

/* From `i` on, of the table that space_entry() found last; `limit` if there is none. */
static uint32_t first_used(const volatile uint64_t *table, uint32_t i, uint32_t limit)
{
    const struct member *m = &FAMILY->members[member_place()->member];
    const uint64_t groups = m->groups[m->table_last];

    while ((i = family_used(groups, i)) < limit)
        if (SPACE_IS_HIDDEN(table[i]) || cpu_pte_is_bound(table[i]))
            return i;
        else
            i++;
    return limit;
}

/* The next run of [*va, end), behind which *va is then. False: there is none. */
static bool next_run(vaddr_t *va, vaddr_t end, struct run *r)
{
    while (*va < end) {
        const vaddr_t base = *va & ~(TABLE_BYTES - 1), next = base + TABLE_BYTES;
        const volatile uint64_t *table = space_entry(member_place()->member, base);
        uint32_t i = (uint32_t)((*va - base) / PAGE_SIZE);
        uint32_t limit = (uint32_t)(((end < next ? end : next) - base) / PAGE_SIZE);
        if (table)
            i = first_used(table, i, limit);
        if (!table || i == limit) {
            *va = next;
            continue;
        }
        *va = base + i * PAGE_SIZE;
        *r = (struct run){.va = *va, .entry = table + i, .count = 1};
        if (!SPACE_IS_HIDDEN(table[i]))
            r->count = space_next(table, &i, limit, PART);
        *va += r->count * PAGE_SIZE;
        return true;
    }
    return false;
}

static void note(vaddr_t va, uint64_t value)
{
    const uint32_t member = member_place()->member;
    struct page_note notes = {va, value};

    if (value && space_entry(member, va))
        family_use(&FAMILY->members[member], FAMILY->members[member].table_last, va, PAGE_SIZE);

    exo_page_note(SLOT_ENV, (vaddr_t)&notes, 1);
}

static void drop_hidden(const struct run *r)
{
    pfn_t frame = cpu_pte_pfn(*r->entry);
    uint32_t mark = frame_list_mark(POOL, frame);

    note(r->va, 0);
    if (!(mark & FRAME_LIST_ARENA))
        frame_list_give(POOL, frame, mark);
}

static void drop(const struct run *r)
{
    pfn_t frames[PART];
    uint32_t marks[PART];

    if (SPACE_IS_HIDDEN(*r->entry)) {
        drop_hidden(r);
        return;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        frames[i] = cpu_pte_pfn(r->entry[i]);
        marks[i] = frame_list_has(POOL, frames[i]) ? frame_list_mark(POOL, frames[i]) : 0;
    }
    exo_page_unbind_run(SLOT_ENV, PAGE_RUN(r->va, r->count));
    for (uint32_t i = 0; i < r->count; i++)
        if (marks[i])
            space_give(frames[i], marks[i]);
}

void space_discard(vaddr_t va, uint64_t bytes)
{
    const vaddr_t end = va + bytes;
    const bool taken = space_lock();
    struct run r;

    while (next_run(&va, end, &r))
        drop(&r);
    space_unlock(taken);
}

static bool add(struct area area)
{
    bool taken = space_lock();
    bool good = areas_add(&areas, &area) == ERR_OK;

    space_unlock(taken);
    return good;
}

bool space_map(vaddr_t va, uint64_t bytes, rights_t rights)
{
    return add((struct area){
        .low = va, .high = va + bytes, .rights = effective(rights), .kind = AREA_ZERO});
}

bool space_unmap(vaddr_t va, uint64_t bytes)
{
    bool taken = space_lock();
    bool good = areas_split(&areas, va, va + bytes) == ERR_OK;

    if (good) {
        space_discard(va, bytes);
        areas_remove(&areas, va, va + bytes);
    }
    space_unlock(taken);
    return good;
}

bool space_show(vaddr_t va, vaddr_t core, uint64_t bytes, rights_t rights)
{
    bool taken = space_lock();
    bool good = true;

    rights = effective(rights);
    for (vaddr_t at = va; at < va + bytes && good; at += PAGE_SIZE, core += PAGE_SIZE) {
        if (!space_entry(member_place()->member, at))
            good = member_request(REQUEST_TABLE, at, 0) == ERR_OK;
        if (good && rights)
            good = bind(at, *family_core_frame(core), 1, rights) == ERR_OK;
        if (good)
            note(at, rights ? SPACE_SHOWN : SPACE_NOTE(*family_core_frame(core)));
    }
    if (good)
        good = areas_add(&areas, &(struct area){.low = va,
                                                .high = va + bytes,
                                                .rights = rights,
                                                .kind = AREA_FRAMES}) == ERR_OK;
    if (!good)
        space_discard(va, bytes);
    space_unlock(taken);
    return good;
}

/* Takes pages out of sight; their frames are the process' own then, or the arena's. */
static bool hide(const struct run *r)
{
    const uint32_t task = member_place()->task;

    for (uint32_t i = 0; i < r->count; i++) {
        vaddr_t va = r->va + i * PAGE_SIZE;
        pfn_t frame = cpu_pte_pfn(r->entry[i]);
        if (space_is_common(frame) && !unshare(va, frame, RIGHT_READ))
            return false;
        frame = cpu_pte_pfn(r->entry[i]);
        FAMILY->tasks[task].hand = (uint64_t)frame << 32 | 1;
        exo_page_unbind_run(SLOT_ENV, PAGE_RUN(va, 1));
        note(va, SPACE_NOTE(frame));
        space_let_go(task);
    }
    return true;
}

static bool is_shown(pfn_t frame)
{
    return frame_list_has(POOL, frame) && (frame_list_mark(POOL, frame) & FRAME_LIST_ARENA);
}

static bool give_rights(const struct run *r, rights_t rights)
{
    if (SPACE_IS_HIDDEN(*r->entry)) {
        pfn_t frame = cpu_pte_pfn(*r->entry);
        if (bind(r->va, frame, 1, rights))
            return false;
        if (is_shown(frame))
            note(r->va, SPACE_SHOWN);
        return true;
    }
    for (uint32_t i = 0, count; i < r->count; i += count) {
        rights_t now = rights;
        bool common = space_is_common(cpu_pte_pfn(r->entry[i]));
        for (count = 1;
             i + count < r->count && space_is_common(cpu_pte_pfn(r->entry[i + count])) == common;)
            count++;
        if (common)
            now &= ~RIGHT_WRITE;
        if (exo_page_protect_run(SLOT_ENV, PAGE_RUN(r->va + i * PAGE_SIZE, count), now))
            return false;
    }
    return true;
}

bool space_protect(vaddr_t va, uint64_t bytes, rights_t rights)
{
    const vaddr_t low = va, end = va + bytes;
    const bool taken = space_lock();
    bool good = areas_split(&areas, low, end) == ERR_OK;
    struct run r;

    rights = effective(rights);
    while (good && next_run(&va, end, &r))
        if (rights)
            good = give_rights(&r, rights);
        else
            good = SPACE_IS_HIDDEN(*r.entry) || hide(&r);
    if (good)
        areas_set_rights(&areas, low, end, rights);
    space_unlock(taken);
    return good;
}

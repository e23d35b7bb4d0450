/* A member's memory. */
#include "libos-posix/family/space_parts.h"

#include "exo/abi/batch.h"
#include "libos-posix/family/member.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/string.h"

#define PART 64u /* pages taken out at once */

struct areas space_areas;

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
    const uint32_t number = (uint32_t)(va / SPACE_TABLE_BYTES);
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

bool space_is_common(uint64_t pte)
{
    const pfn_t frame = cpu_pte_pfn(pte);

    if (!frame_list_has(POOL, frame))
        return false;
    return frame_list_mark(POOL, frame) & FRAME_LIST_ARENA ? !(pte & SPACE_SHOWN)
                                                           : space_bindings(frame) > 2;
}

/* Of the table that space_entry() found last. */
static uint64_t *groups_of(uint32_t member)
{
    return &FAMILY->members[member].groups[FAMILY->members[member].table_last];
}

enum err space_bind(vaddr_t va, pfn_t frame, uint32_t count, rights_t rights)
{
    const uint32_t member = member_place()->member;

    if (space_entry(member, va)) /* finds the table */
        family_use(groups_of(member), va, count * PAGE_SIZE);
    return exo_page_bind_run(SLOT_ENV, FAMILY_SLOT_POOL, PAGE_RUN(va, count),
                             RUN_FRAMES(frame, rights | RIGHTS_LATER(SPACE_RIGHTS)));
}

/* From `i` on, of the table that space_entry() found last; `limit` if there is none. */
static uint32_t first_used(const volatile uint64_t *table, uint32_t i, uint32_t limit)
{
    const struct member *m = &FAMILY->members[member_place()->member];
    const uint64_t groups = m->groups[m->table_last] | m->lent[m->table_last];

    while ((i = family_used(groups, i)) < limit)
        if (SPACE_IS_HIDDEN(table[i]) || cpu_pte_is_bound(table[i]))
            return i;
        else
            i++;
    return limit;
}

bool space_next_run(vaddr_t *va, vaddr_t end, struct run *r)
{
    while (*va < end) {
        const vaddr_t base = *va & ~(SPACE_TABLE_BYTES - 1), next = base + SPACE_TABLE_BYTES;
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
        family_use(groups_of(member), va, PAGE_SIZE);

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

/* Is there anything but what files lend? Pre: of the table that space_entry() found last. */
static bool has_own(const struct run *r)
{
    const uint64_t groups = *groups_of(member_place()->member);
    const uint32_t first = r->va / PAGE_SIZE % 512;

    return family_used(groups, first) < first + r->count;
}

void space_drop(const struct run *r)
{
    pfn_t frames[PART];
    uint32_t marks[PART];

    if (SPACE_IS_HIDDEN(*r->entry)) {
        drop_hidden(r);
        return;
    }
    const bool own = has_own(r);
    for (uint32_t i = 0; i < r->count && own; i++) {
        frames[i] = cpu_pte_pfn(r->entry[i]);
        marks[i] = frame_list_has(POOL, frames[i]) ? frame_list_mark(POOL, frames[i]) : 0;
    }
    exo_page_unbind_run(SLOT_ENV, PAGE_RUN(r->va, r->count));
    for (uint32_t i = 0; i < r->count && own; i++)
        if (marks[i])
            space_give(frames[i], marks[i]);
}

/* Of one table, groups whose pages were all dropped are not in use any more. */
static void forget_use(vaddr_t low, vaddr_t end)
{
    struct member *m = &FAMILY->members[member_place()->member];
    const vaddr_t base = low & ~(SPACE_TABLE_BYTES - 1), group = 8 * PAGE_SIZE;
    const uint64_t limit =
        (end - base < SPACE_TABLE_BYTES ? end - base : SPACE_TABLE_BYTES) / group;
    const uint64_t first = (low - base + group - 1) / group;

    if (first >= limit || !space_entry(member_place()->member, low))
        return;
    const uint64_t keep = ~(~(uint64_t)0 << first & ~(uint64_t)0 >> (64 - limit));
    __atomic_fetch_and(&m->groups[m->table_last], keep, __ATOMIC_RELAXED);
    __atomic_fetch_and(&m->lent[m->table_last], keep, __ATOMIC_RELAXED);
}

/* Pre: the caller has the lock. */
static void discard(vaddr_t va, uint64_t bytes)
{
    const vaddr_t low = va, end = va + bytes;
    vaddr_t table = 0; /* in which something was dropped */
    struct run r;

    while (space_next_run(&va, end, &r)) {
        const vaddr_t base = r.va & ~(SPACE_TABLE_BYTES - 1);
        if (table && table != base)
            forget_use(low > table ? low : table, end);
        table = base;
        space_drop(&r);
    }
    if (table)
        forget_use(low > table ? low : table, end);
}

void space_discard(vaddr_t va, uint64_t bytes)
{
    const bool taken = space_lock();

    discard(va, bytes);
    space_unlock(taken);
}

static bool add(struct area area)
{
    bool taken = space_lock();
    bool good = areas_add(&space_areas, &area) == ERR_OK;

    if (good && space_is_unsettled)
        space_fit(area.low, area.high);
    space_unlock(taken);
    return good;
}

bool space_map(vaddr_t va, uint64_t bytes, rights_t rights)
{
    return add((struct area){
        .low = va, .high = va + bytes, .rights = effective(rights), .kind = AREA_ZERO});
}

bool space_lend(vaddr_t va, uint64_t bytes, rights_t rights, const void *file, uint64_t index)
{
    return index + bytes / PAGE_SIZE <= UINT32_MAX &&
           add((struct area){.low = va,
                             .high = va + bytes,
                             .rights = effective(rights),
                             .kind = AREA_FRAMES,
                             .slot = space_file_name(file),
                             .pfn = (pfn_t)index});
}

bool space_unmap(vaddr_t va, uint64_t bytes)
{
    bool taken = space_lock();
    bool good = areas_split(&space_areas, va, va + bytes) == ERR_OK;

    if (good) {
        discard(va, bytes);
        areas_remove(&space_areas, va, va + bytes);
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
            good = space_bind(at, *family_core_frame(core), 1, rights) == ERR_OK;
        if (good)
            note(at, rights ? SPACE_SHOWN : SPACE_NOTE(*family_core_frame(core)));
    }
    if (good)
        good = areas_add(&space_areas, &(struct area){.low = va,
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
        if (space_is_lent(r->entry[i])) {
            exo_page_unbind_run(SLOT_ENV, PAGE_RUN(va, 1));
            continue;
        }
        if (space_is_common(r->entry[i]) && !space_own(va))
            return false;
        pfn_t frame = cpu_pte_pfn(r->entry[i]);
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
        if (space_bind(r->va, frame, 1, rights))
            return false;
        if (is_shown(frame))
            note(r->va, SPACE_SHOWN);
        return true;
    }
    for (uint32_t i = 0, count; i < r->count; i += count) {
        rights_t now = rights;
        bool common = space_is_common(r->entry[i]);
        for (count = 1; i + count < r->count && space_is_common(r->entry[i + count]) == common;)
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
    bool good = areas_split(&space_areas, low, end) == ERR_OK;
    struct run r;

    rights = effective(rights);
    while (good && space_next_run(&va, end, &r))
        if (rights)
            good = give_rights(&r, rights);
        else
            good = SPACE_IS_HIDDEN(*r.entry) || hide(&r);
    if (good)
        areas_set_rights(&space_areas, low, end, rights);
    space_unlock(taken);
    return good;
}

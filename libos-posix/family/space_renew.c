/*
 * A program begins in an environment that was another process'. What was kept is of use where the
 * new program has the same, as a rule because it is the same program: a page that is made what it
 * is to begin as costs less than one that goes, and is bound again at its first use.
 */
#include "libos-posix/family/member.h"
#include "libos-posix/family/page.h"
#include "libos-posix/family/space_parts.h"
#include "libos/string.h"

bool space_is_unsettled;

/* Not of the core, and not what all see. */
static bool is_of_program(uint32_t table)
{
    return (vaddr_t)table * SPACE_TABLE_BYTES < FAMILY_SHARED;
}

void space_renew(void)
{
    const struct member *m = &FAMILY->members[member_place()->member];

    space_areas.count = 0;
    space_is_unsettled = false;
    for (uint32_t k = 0; k < m->table_count && !space_is_unsettled; k++)
        space_is_unsettled = is_of_program(m->tables[k]) && (m->groups[k] | m->lent[k]);
}

/* A page of its own begins as the file says, or as zero. */
static void fill(const struct area *a, vaddr_t va, pfn_t frame)
{
    size_t bytes = 0;
    const void *from = NULL;

    if (a->kind == AREA_FRAMES)
        space_lent_page(a, va, &from, &bytes);
    if (bytes == PAGE_SIZE && (vaddr_t)from % PAGE_SIZE == 0) {
        page_copy(family_frame(frame), from);
        return;
    }
    if (bytes < PAGE_SIZE)
        page_zero(family_frame(frame));
    memcpy(family_frame(frame), from, bytes);
}

/* Makes what is bound there the page that the area begins with. False: it has to go. */
static bool fits(const struct area *a, vaddr_t va, uint64_t pte)
{
    const void *from;
    size_t bytes;

    if (!space_is_of_pool(pte) || (pte & SPACE_SHOWN) || (a->kind == AREA_FRAMES && !a->slot))
        return false;
    if (space_is_lent(pte)) {
        const vaddr_t page = a->kind == AREA_FRAMES ? space_lent_page(a, va, &from, &bytes) : 0;
        return page && *family_core_frame(page) == cpu_pte_pfn(pte) &&
               cpu_pte_rights(pte) == (a->rights & ~RIGHT_WRITE);
    }
    if (cpu_pte_rights(pte) != a->rights || space_is_common(pte))
        return false;
    if (a->kind == AREA_FRAMES && !(a->rights & RIGHT_WRITE) &&
        space_lent_page(a, va, &from, &bytes))
        return false; /* that can be the file's again */
    fill(a, va, cpu_pte_pfn(pte));
    return true;
}

void space_fit(vaddr_t low, vaddr_t high)
{
    const struct area *a = areas_find(&space_areas, low);
    struct run r;

    while (a && space_next_run(&low, high, &r))
        for (uint32_t i = 0, count; i < r.count; i += count + 1) {
            for (count = 0; i + count < r.count &&
                            !fits(a, r.va + (i + count) * PAGE_SIZE, r.entry[i + count]);)
                count++;
            if (count)
                space_drop(&(struct run){r.va + i * PAGE_SIZE, r.entry + i, count});
        }
}

/* What of a run is in no area. */
static void drop_outside(const struct run *r)
{
    const vaddr_t end = r->va + r->count * PAGE_SIZE;

    for (vaddr_t va = r->va, next; va < end; va = next) {
        const struct area *a = areas_from(&space_areas, va);
        const bool outside = !a || a->low > va;
        next = !a ? end : outside ? a->low : a->high;
        next = next < end ? next : end;
        if (outside)
            space_drop(&(struct run){va, r->entry + (va - r->va) / PAGE_SIZE,
                                     (uint32_t)((next - va) / PAGE_SIZE)});
    }
}

/* Groups of a table in which nothing is left are not in use any more. */
static void forget_groups(struct member *m, uint32_t k)
{
    const volatile uint64_t *table = family_view(member_place()->member, k);
    uint64_t empty = 0;

    for (uint64_t left = m->groups[k] | m->lent[k]; left; left &= left - 1) {
        const uint32_t group = (uint32_t)__builtin_ctzll(left);
        uint64_t any = 0;
        for (uint32_t i = 0; i < 8; i++)
            any |= table[group * 8 + i];
        empty |= any ? 0 : (uint64_t)1 << group;
    }
    m->groups[k] &= ~empty;
    m->lent[k] &= ~empty;
}

void space_settle(void)
{
    struct member *m = &FAMILY->members[member_place()->member];
    const bool taken = space_lock();
    struct run r;

    for (uint32_t k = 0; k < m->table_count && space_is_unsettled; k++) {
        vaddr_t va = (vaddr_t)m->tables[k] * SPACE_TABLE_BYTES;
        const vaddr_t end = va + SPACE_TABLE_BYTES;
        if (!is_of_program(m->tables[k]) || !(m->groups[k] | m->lent[k]))
            continue;
        while (space_next_run(&va, end, &r))
            drop_outside(&r);
        forget_groups(m, k);
    }
    space_is_unsettled = false;
    space_unlock(taken);
}

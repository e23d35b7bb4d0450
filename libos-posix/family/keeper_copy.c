/*
 * A process' pages in its copy: shown in both, which lose the right to write to them, or copied.
 * The environment may have kept pages of the process that it had before; those that are alike are
 * used.
 */
#include "exo/abi/batch.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/page.h"
#include "libos-posix/family/space_parts.h"
#include "libos/call.h"

#define TABLE_BYTES SPACE_TABLE_BYTES
#define PAGE_RIGHTS SPACE_RIGHTS

/* Bits of an entry that say how a page is used. */
#define ENTRY_USE (CPU_PTE_ACCESSED | CPU_PTE_DIRTY)

/* What is hidden is seen by nobody, so the copy gets its own. */
static enum err copy_hidden(uint32_t m, vaddr_t va, pfn_t frame)
{
    struct page_note note = {va, SPACE_NOTE(frame)};
    pfn_t copy;
    bool zero;

    if (!(frame_list_mark(POOL, frame) & FRAME_LIST_ARENA)) {
        if (!space_take(TASK_KEEPER, 1, &copy, &zero))
            return ERR_NO_MEM;
        page_copy(family_frame(copy), family_frame(frame));
        note.value = SPACE_NOTE(copy);
    }
    if (space_entry(m, va)) /* finds the table */
        family_use(&FAMILY->members[m].groups[FAMILY->members[m].table_last], va, PAGE_SIZE);
    enum err e = exo_page_note(keeper_kept[m].env, (vaddr_t)&note, 1);
    space_let_go(TASK_KEEPER);
    return e;
}

/* Says in the copy, too, that pages are the arena's. */
static enum err note_shown(uint32_t m, vaddr_t va, uint32_t count)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        struct page_note note = {va + i * PAGE_SIZE, SPACE_SHOWN};
        e = exo_page_note(keeper_kept[m].env, (vaddr_t)&note, 1);
    }
    return e;
}

/* Pages side by side, of frames side by side, with the same rights. */
static enum err copy_run(uint32_t parent, uint32_t m, vaddr_t va, uint64_t pte, uint32_t count)
{
    const word_t run = PAGE_RUN(va, count);
    rights_t rights = cpu_pte_rights(pte);
    enum err e = ERR_OK;

    if ((rights & RIGHT_WRITE) && !(pte & SPACE_SHOWN)) {
        rights &= ~RIGHT_WRITE;
        e = exo_page_protect_run(keeper_kept[parent].env, run, rights);
    }
    if (e == ERR_OK)
        e = exo_page_bind_run(keeper_kept[m].env, keeper_pool, run,
                              RUN_FRAMES(cpu_pte_pfn(pte), rights | RIGHTS_LATER(PAGE_RIGHTS)));
    if (e == ERR_OK && (pte & SPACE_SHOWN))
        e = note_shown(m, va, count);
    return e;
}

/* Pages that the parent has written to since it was copied last it will write to again, and the
 * copy as a rule too, so the first of them are copied at once: a fault costs more. The core's own
 * are always copied: making one the writer's own unbinds it for a moment, and its other threads,
 * and what handles faults and events, cannot do without. */
#define COPIED_AT_ONCE 16u
#define COPIED_MOST    64u
static struct page_entry copied[COPIED_MOST]; /* not bound yet */
static uint32_t copied_count, copied_early;   /* early: of the program's */

static bool is_of_core(vaddr_t va)
{
    return va >= FAMILY->image_data && va < FAMILY->image_high;
}

static bool is_to_be_copied(vaddr_t va, uint64_t pte)
{
    if (!(pte & CPU_PTE_WRITE) || (pte & SPACE_SHOWN))
        return false;
    return is_of_core(va) || ((pte & CPU_PTE_DIRTY) && copied_early++ < COPIED_AT_ONCE);
}

/* One page; it is bound by bind_copied(). The keeper's hand is not looked at meanwhile. */
static enum err copy_page(vaddr_t va, uint64_t pte)
{
    pfn_t frame;
    bool zero;

    if (!frame_list_take(POOL, 1, &frame, &zero))
        return ERR_NO_MEM;
    page_copy(family_frame(frame), family_frame(cpu_pte_pfn(pte)));
    copied[copied_count++] =
        (struct page_entry){va, frame, cpu_pte_rights(pte) | RIGHTS_LATER(PAGE_RIGHTS)};
    return ERR_OK;
}

static enum err bind_copied(uint32_t m)
{
    enum err e = copied_count
                     ? exo_page_bind(keeper_kept[m].env, keeper_pool, (vaddr_t)copied, copied_count)
                     : ERR_OK;

    for (uint32_t i = 0; i < copied_count && e; i++)
        space_give(copied[i].pfn, frame_list_mark(POOL, copied[i].pfn));
    copied_count = 0;
    return e;
}

static enum err copy_early(uint32_t m, vaddr_t va, uint64_t pte)
{
    enum err e = copied_count == COPIED_MOST ? bind_copied(m) : ERR_OK;

    return e ? e : copy_page(va, pte);
}

/* May what is bound there stay? If it is another frame its content becomes the parent's. */
static bool fits(uint64_t kept, uint64_t parents)
{
    const uint64_t both = CPU_PTE_WRITE | CPU_PTE_PRESENT;

    kept &= ~ENTRY_USE;
    parents &= ~ENTRY_USE;
    if (kept == parents)
        return !(kept & CPU_PTE_WRITE) || (kept & SPACE_SHOWN) || !space_is_of_pool(kept);
    return (kept & parents & both) == both && !((kept | parents) & SPACE_SHOWN) &&
           cpu_pte_rights(kept) == cpu_pte_rights(parents);
}

/* Two tables for the same addresses, entry by entry. */
struct pair {
    uint32_t parent, member;
    vaddr_t base;
    const volatile uint64_t *from, *to;
    uint64_t groups; /* to be looked at */
    bool core_again; /* it is the core's, of a member that was a copy of this parent before */
};

/* Is there nothing to do? A page of the core that neither the parent has written to since it began,
 * nor anybody in the copy, is what it was when it was copied before. */
static bool is_same(const struct pair *p, uint64_t from, uint64_t to)
{
    const uint64_t both = CPU_PTE_WRITE | CPU_PTE_PRESENT;

    if (!((from ^ to) & ~ENTRY_USE))
        return !(from & CPU_PTE_WRITE);
    return p->core_again && !((from | to) & CPU_PTE_DIRTY) && (from & to & both) == both;
}

/* Makes room at entry `i` if need be. True: what is there stays. */
static bool settle(const struct pair *p, uint32_t i, uint64_t pte)
{
    const uint64_t kept = p->to[i];
    const vaddr_t va = p->base + i * PAGE_SIZE;
    uint32_t count = 1;

    if (fits(kept, pte)) {
        if (cpu_pte_pfn(kept) != cpu_pte_pfn(pte))
            page_copy(family_frame(cpu_pte_pfn(kept)), family_frame(cpu_pte_pfn(pte)));
        return true;
    }
    if (SPACE_IS_HIDDEN(kept)) {
        keeper_drop_hidden(p->member, va, kept);
        return false;
    }
    if (!space_is_of_pool(kept))
        return true;
    while (i + count < 512 && count < KEEPER_PART && space_is_of_pool(p->to[i + count]) &&
           !fits(p->to[i + count], p->from[i + count]))
        count++;
    keeper_drop(p->member, va, p->to + i, count);
    return false;
}

/* How many entries from `i` on are of frames side by side, alike, and shown as one. */
static uint32_t run_length(const struct pair *p, uint32_t i, uint64_t pte)
{
    uint32_t count = 1;

    while (i + count < 512 && !p->to[i + count] && frame_list_has(POOL, cpu_pte_pfn(pte) + count) &&
           !is_of_core(p->base + (i + count) * PAGE_SIZE) &&
           (p->from[i + count] & ~ENTRY_USE) == pte + count * PAGE_SIZE)
        count++;
    return count;
}

/* The page at entry `i`, where nothing is bound, and `count` - 1 behind it. */
static enum err copy_entry(const struct pair *p, uint32_t i, uint32_t *count)
{
    const uint64_t pte = p->from[i] & ~ENTRY_USE;
    const vaddr_t va = p->base + i * PAGE_SIZE;

    if (SPACE_IS_HIDDEN(pte))
        return copy_hidden(p->member, va, cpu_pte_pfn(pte));
    if (!space_is_of_pool(pte) || space_is_lent(pte))
        return ERR_OK; /* the image's; the copy finds it by its areas */
    if (is_to_be_copied(va, p->from[i]))
        return copy_early(p->member, va, pte);
    *count = run_length(p, i, pte);
    return copy_run(p->parent, p->member, va, pte, *count);
}

/* The first entry from `i` on that there is something to do about; 512: none. Most are empty. */
static uint32_t next_entry(const struct pair *p, uint32_t i)
{
    while ((i = family_used(p->groups, i)) < 512)
        do {
            const uint64_t from = p->from[i], to = p->to[i];
            if ((from | to) && !is_same(p, from, to))
                return i;
        } while (++i % 8);
    return 512;
}

static enum err copy_table(const struct pair *p)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0, count; (i = next_entry(p, i)) < 512 && e == ERR_OK; i += count) {
        count = 1;
        if (p->to[i] && settle(p, i, p->from[i]))
            continue;
        if (p->from[i])
            e = copy_entry(p, i, &count);
    }
    return e;
}

static bool has_core(vaddr_t base)
{
    return base - FAMILY_IMAGE < FAMILY_GIB;
}

static enum err copy_tables(uint32_t parent, uint32_t m, bool again, bool bare)
{
    struct member *from = &FAMILY->members[parent], *to = &FAMILY->members[m];
    enum err e = ERR_OK;

    for (uint32_t k = 0; k < from->table_count && e == ERR_OK; k++) {
        const vaddr_t base = (vaddr_t)from->tables[k] * TABLE_BYTES;
        if (base == FAMILY_BLOCKS || (bare && !has_core(base)))
            continue;
        if (from->groups[k])
            e = keeper_table(m, base);
        const volatile uint64_t *there = e ? NULL : space_entry(m, base);
        if (!there)
            continue;
        uint64_t *groups = &to->groups[to->table_last], *lent = &to->lent[to->table_last];
        const struct pair pair = {.parent = parent,
                                  .member = m,
                                  .base = base,
                                  .from = family_view(parent, k),
                                  .to = there,
                                  .groups = from->groups[k] | *groups | *lent,
                                  .core_again = again && has_core(base)};
        *groups |= from->groups[k]; /* before, lest an error leaves something behind */
        e = copy_table(&pair);
        if (e)
            return e;
        *groups = from->groups[k];
        *lent &= from->lent[k];
    }
    return e;
}
_Static_assert(BLOCK_BYTES *FAMILY_BLOCKS_MAX == TABLE_BYTES, "blocks have one table");

/* What was kept where the parent has nothing. */
static void empty_others(uint32_t parent, uint32_t m)
{
    const struct member *to = &FAMILY->members[m];

    for (uint32_t k = 0; k < to->table_count; k++)
        if ((to->groups[k] | to->lent[k]) &&
            !space_entry(parent, (vaddr_t)to->tables[k] * TABLE_BYTES))
            keeper_empty(m, k, 0);
}

enum err keeper_copy(uint32_t parent, uint32_t m, word_t kind)
{
    static uint64_t births;
    struct kept *kept = &keeper_kept[m];
    const bool again = kept->parent == keeper_kept[parent].birth;

    kept->birth = kept->parent = ++births; /* of the first process: 0 */
    kept->kind = kind;
    if (kind && kept->has_core)
        return ERR_OK;
    if (!kind)
        empty_others(parent, m);
    enum err e = copy_tables(parent, m, again, kind);
    const enum err bound = bind_copied(m);
    copied_early = 0;
    if (e || bound)
        return e ? e : bound;
    kept->has_core = true;
    if (!kind)
        kept->parent = keeper_kept[parent].birth;
    return ERR_OK;
}

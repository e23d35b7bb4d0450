/* Taking a member's memory back, and keeping the rest of it for the next process: an environment,
 * its tables and a thread are many times as dear as what they are emptied and filled with. */
#include "exo/abi/batch.h"
#include "libos-posix/family/keeper_parts.h"
#include "libos-posix/family/space_parts.h"
#include "libos/call.h"

#define TABLE_BYTES  (512 * PAGE_SIZE)
#define SPARES_MAX   8u
#define SPARE_TABLES 24u

void keeper_drop_hidden(uint32_t m, vaddr_t va, uint64_t entry)
{
    struct page_note note = {va, 0};
    const pfn_t frame = cpu_pte_pfn(entry);
    const uint32_t mark = frame_list_mark(POOL, frame);

    exo_page_note(keeper_kept[m].env, (vaddr_t)&note, 1);
    if (!(mark & FRAME_LIST_ARENA))
        frame_list_give(POOL, frame, mark);
}

void keeper_drop(uint32_t m, vaddr_t va, const volatile uint64_t *entry, uint32_t count)
{
    pfn_t frames[KEEPER_PART];

    for (uint32_t i = 0; i < count; i++)
        frames[i] = cpu_pte_pfn(entry[i]);
    exo_page_unbind_run(keeper_kept[m].env, PAGE_RUN(va, count));
    for (uint32_t i = 0; i < count; i++)
        space_give(frames[i], frame_list_mark(POOL, frames[i]));
}

static bool is_kept(vaddr_t va, vaddr_t keep)
{
    return keep && (va - keep < BLOCK_BOUND * PAGE_SIZE || va == keep + BLOCK_BYTES - PAGE_SIZE);
}

/* Pages in groups where all were lent. */
static void empty_lent(uint32_t m, uint32_t k)
{
    const volatile uint64_t *table = family_view(m, k);
    const uint64_t groups = FAMILY->members[m].lent[k];
    const vaddr_t base = (vaddr_t)FAMILY->members[m].tables[k] * TABLE_BYTES;

    for (uint32_t i = 0; (i = family_used(groups, i)) < 512;) {
        const uint32_t first = i;
        while (i < 512 && (groups >> i / 8 & 1) && cpu_pte_is_bound(table[i]))
            i++;
        if (i > first)
            exo_page_unbind_run(keeper_kept[m].env, PAGE_RUN(base + first * PAGE_SIZE, i - first));
        else
            i++;
    }
}

/* Entries of one whose environment is gone are empty. */
void keeper_empty(uint32_t m, uint32_t k, vaddr_t keep)
{
    const volatile uint64_t *table = family_view(m, k);
    uint64_t *groups = &FAMILY->members[m].groups[k];
    const vaddr_t base = (vaddr_t)FAMILY->members[m].tables[k] * TABLE_BYTES;

    FAMILY->members[m].lent[k] &= ~*groups;
    if (FAMILY->members[m].lent[k])
        empty_lent(m, k);
    FAMILY->members[m].lent[k] = 0;

    for (uint32_t i = 0; (i = family_used(*groups, i)) < 512;) {
        uint32_t count = 0;
        while (i + count < 512 && count < KEEPER_PART && space_is_of_pool(table[i + count]) &&
               !is_kept(base + (i + count) * PAGE_SIZE, keep))
            count++;
        if (count)
            keeper_drop(m, base + i * PAGE_SIZE, table + i, count);
        else if (SPACE_IS_HIDDEN(table[i]))
            keeper_drop_hidden(m, base + i * PAGE_SIZE, table[i]);
        i += count ? count : 1;
    }
    *groups = 0;
}

/* Pages of a process that ended stay bound in its environment, for the next one is the same
 * program's as a rule. As there are few, for they are nobody's while it waits. */
#define KEPT_GROUPS  64u /* of 8 pages, most of which have one or two */
#define PLENTY_SHIFT 1u  /* half of the pool is free */

static bool may_keep_pages(const struct member *member)
{
    uint32_t groups = 0;

    for (uint32_t k = 0; k < member->table_count; k++)
        groups += (uint32_t)__builtin_popcountll(member->groups[k] | member->lent[k]);
    return groups <= KEPT_GROUPS && POOL->count - POOL->used > POOL->count >> PLENTY_SHIFT;
}

static void empty_all(uint32_t m, uint32_t block)
{
    keeper_kept[m].has_core = false;
    for (uint32_t k = 0; k < FAMILY->members[m].table_count; k++)
        keeper_empty(m, k, FAMILY_BLOCK(block));
}

bool keeper_strip(void)
{
    const uint32_t used = POOL->used;

    for (uint32_t m = 0; m < keeper_member_end; m++)
        if (FAMILY->members[m].state == MEMBER_SPARE)
            empty_all(m, (uint32_t)__builtin_ctz(FAMILY->members[m].blocks));
    return POOL->used < used;
}

static bool is_worth_keeping(const struct member *member)
{
    uint32_t spares = 0;

    for (uint32_t m = 0; m < keeper_member_end; m++)
        spares += FAMILY->members[m].state == MEMBER_SPARE;
    return spares < SPARES_MAX && member->table_count <= SPARE_TABLES;
}

void keeper_retire(uint32_t task)
{
    const uint32_t m = FAMILY->tasks[task].member, block = FAMILY->tasks[task].block;
    struct member *member = &FAMILY->members[m];

    if (!is_worth_keeping(member) || exo_thread_stop(keeper_kept[m].threads[block])) {
        keeper_unmake(m);
        return;
    }
    for (uint32_t b = 0; b < FAMILY_BLOCKS_MAX; b++)
        if (b != block && keeper_kept[m].threads[b])
            keeper_thread_end(keeper_kept[m].tasks[b]);
    if (!may_keep_pages(member))
        empty_all(m, block);
    member->lock = 0;
    member->state = MEMBER_SPARE;
}

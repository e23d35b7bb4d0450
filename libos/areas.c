/* Areas: what a program's addresses are for. */
#include "libos/areas.h"

#include "libos/string.h"

static bool is_index(const struct areas *set, uint32_t i, vaddr_t va)
{
    return i <= set->count && (i == set->count || set->at[i].high > va) &&
           (!i || set->at[i - 1].high <= va);
}

/* Index of the first area that ends above `va`: as a rule the one that was asked for last. */
static uint32_t index_from(struct areas *set, vaddr_t va)
{
    const uint32_t last = set->last;
    uint32_t low = 0, high = set->count;

    if (is_index(set, last, va))
        return last;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->at[middle].high > va)
            high = middle;
        else
            low = middle + 1;
    }
    set->last = low;
    return low;
}

const struct area *areas_from(struct areas *set, vaddr_t va)
{
    uint32_t i = index_from(set, va);

    return i < set->count ? &set->at[i] : NULL;
}

const struct area *areas_find(struct areas *set, vaddr_t va)
{
    const struct area *area = areas_from(set, va);

    return area && area->low <= va ? area : NULL;
}

static void insert_at(struct areas *set, uint32_t i, const struct area *area)
{
    memmove(&set->at[i + 1], &set->at[i], (set->count - i) * sizeof set->at[0]);
    set->at[i] = *area;
    set->count++;
}

static void remove_at(struct areas *set, uint32_t i, uint32_t count)
{
    set->count -= count;
    memmove(&set->at[i], &set->at[i + count], (set->count - i) * sizeof set->at[0]);
}

static bool may_join(const struct area *a, const struct area *b)
{
    if (a->high != b->low || a->rights != b->rights || a->kind != b->kind)
        return false;
    return a->kind == AREA_ZERO || (a->kind == AREA_FRAMES && a->slot == b->slot &&
                                    b->pfn - a->pfn == (a->high - a->low) / PAGE_SIZE);
}

/* Joins area i with the one behind it, if they are alike. */
static void join(struct areas *set, uint32_t i)
{
    if (i + 1 < set->count && may_join(&set->at[i], &set->at[i + 1])) {
        set->at[i].high = set->at[i + 1].high;
        remove_at(set, i + 1, 1);
    }
}

enum err areas_add(struct areas *set, const struct area *area)
{
    if (area->low >= area->high || area->low % PAGE_SIZE || area->high % PAGE_SIZE)
        return ERR_BAD_ARG;
    uint32_t i = index_from(set, area->low);
    if (i < set->count && set->at[i].low < area->high)
        return ERR_IN_USE;
    if (set->count == AREAS_MAX)
        return ERR_NO_MEM;
    insert_at(set, i, area);
    join(set, i);
    if (i)
        join(set, i - 1);
    return ERR_OK;
}

enum err areas_hole(struct areas *set, vaddr_t low, vaddr_t high, uint64_t bytes, vaddr_t *va)
{
    vaddr_t from = low;

    for (uint32_t i = index_from(set, low); i < set->count; i++) {
        if (set->at[i].low > from && set->at[i].low - from >= bytes)
            break;
        from = set->at[i].high > from ? set->at[i].high : from;
    }
    if (from >= high || high - from < bytes)
        return ERR_NO_MEM;
    *va = from;
    return ERR_OK;
}

/* Cuts area i in two at an address inside of it. */
static enum err cut(struct areas *set, uint32_t i, vaddr_t va)
{
    if (set->count == AREAS_MAX)
        return ERR_NO_MEM;
    struct area behind = set->at[i];
    if (behind.kind == AREA_FRAMES)
        behind.pfn += (pfn_t)((va - behind.low) / PAGE_SIZE);
    behind.low = va;
    set->at[i].high = va;
    insert_at(set, i + 1, &behind);
    return ERR_OK;
}

/* Index behind the areas from `i` on that end at `high` or below. */
static uint32_t index_behind(const struct areas *set, uint32_t i, vaddr_t high)
{
    while (i < set->count && set->at[i].high <= high)
        i++;
    return i;
}

enum err areas_split(struct areas *set, vaddr_t low, vaddr_t high)
{
    uint32_t i = index_from(set, low);
    enum err e = ERR_OK;

    if (i < set->count && set->at[i].low < low)
        e = cut(set, i++, low);
    if (e == ERR_OK)
        i = index_behind(set, i, high);
    return e == ERR_OK && i < set->count && set->at[i].low < high ? cut(set, i, high) : e;
}

void areas_remove(struct areas *set, vaddr_t low, vaddr_t high)
{
    const uint32_t first = index_from(set, low);

    remove_at(set, first, index_behind(set, first, high) - first);
}

void areas_set_rights(struct areas *set, vaddr_t low, vaddr_t high, rights_t rights)
{
    uint32_t first = index_from(set, low), end = first;

    for (; end < set->count && set->at[end].high <= high; end++)
        set->at[end].rights = rights;
    for (uint32_t i = end < set->count ? end + 1 : end; i-- > (first ? first - 1 : 0);)
        join(set, i);
}

const char *areas_check(const struct areas *set)
{
    if (set->count > AREAS_MAX)
        return "A2: more areas than there is room for";
    for (uint32_t i = 0; i < set->count; i++) {
        const struct area *a = &set->at[i];
        if (a->low >= a->high || a->low % PAGE_SIZE || a->high % PAGE_SIZE)
            return "A1: an area is empty or unaligned";
        if (i && set->at[i - 1].high > a->low)
            return "A2: two areas overlap or are out of order";
    }
    return NULL;
}

/* The set of a template: see tree_set.h. */
#include "grafts/tree_set.h"

void tree_set_put(struct tree_set *s, uint64_t first, uint64_t count, uint64_t type)
{
    if (s->count == TREE_RUNS || count == 0 || count > TREE_SET - s->blocks || first > UINT32_MAX ||
        count > (uint64_t)UINT32_MAX - first || (type >= TREE_TYPES && type != TREE_ROOT)) {
        s->is_broken = true;
        return;
    }
    s->runs[s->count++] = (struct tree_run){(uint32_t)first, (uint32_t)count, (uint32_t)type};
    s->blocks += (uint32_t)count;
}

/* Lets runs[at] sink in a heap of `count` runs whose greatest is the first. */
static void sink(struct tree_run *runs, uint32_t at, uint32_t count)
{
    const struct tree_run heavy = runs[at];

    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && runs[child + 1].first > runs[child].first)
            child++;
        if (runs[child].first <= heavy.first)
            break;
        runs[at] = runs[child];
        at = child;
    }
    runs[at] = heavy;
}

static bool is_ascending(const struct tree_set *s)
{
    for (uint32_t i = 1; i < s->count; i++)
        if (s->runs[i - 1].first > s->runs[i].first)
            return false;
    return true;
}

/* In the time of a heap, whatever the order was. */
static void sort(const struct tree_set *s)
{
    if (is_ascending(s))
        return;
    for (uint32_t i = s->count / 2; i-- > 0;)
        sink(s->runs, i, s->count);
    for (uint32_t end = s->count - 1; end > 0; end--) {
        const struct tree_run last = s->runs[end];
        s->runs[end] = s->runs[0];
        s->runs[0] = last;
        sink(s->runs, 0, end);
    }
}

/* Of sorted runs. */
static bool has_one_twice(const struct tree_set *s)
{
    for (uint32_t i = 1; i < s->count; i++)
        if (s->runs[i].first - s->runs[i - 1].first < s->runs[i - 1].count)
            return true;
    return false;
}

bool tree_set_close(struct tree_set *s)
{
    if (s->is_broken)
        return false;
    sort(s);
    return !has_one_twice(s);
}

bool tree_set_has(const struct tree_set *set, uint32_t block)
{
    uint32_t low = 0, high = set->count; /* the run is not before `low`, and before `high` */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->runs[middle].first > block)
            high = middle;
        else if (block - set->runs[middle].first < set->runs[middle].count)
            return true;
        else
            low = middle + 1;
    }
    return false;
}

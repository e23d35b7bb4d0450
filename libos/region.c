/* The region in SLOT_MEMORY. One thread at a time. */
#include "libos/region.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"

struct promise {
    pfn_t first;
    uint32_t count; /* 0: not in use */
};

static pfn_t low, high;             /* frames [low, high) */
static pfn_t hint;                  /* a search begins here */
static pfn_t dirty_low, dirty_high; /* frames given back lie in [dirty_low, dirty_high) */
static struct promise promises[REGION_PROMISES_MAX];
static uint32_t promise_end; /* places from here on are not in use */

enum err region_init(void)
{
    const volatile struct cap *cap = slot_cap(SLOT_MEMORY);

    if (!cap || cap->kind != CAP_REGION)
        return ERR_BAD_CAP;
    low = hint = cap->base;
    high = cap->base + cap->count;
    return ERR_OK;
}

static const struct promise *promise_at(pfn_t pfn)
{
    for (uint32_t i = 0; i < promise_end; i++)
        if (pfn - promises[i].first < promises[i].count)
            return &promises[i];
    return NULL;
}

static bool is_free(pfn_t pfn)
{
    return book_frame(pfn)->type == FRAME_FREE;
}

/* Lowest run of `count` free frames in [from, to) that begins at a multiple of `align`, or `to`. */
static pfn_t find_up(pfn_t from, pfn_t to, uint32_t count, uint32_t align)
{
    uint32_t run = 0;

    for (pfn_t pfn = from; pfn < to; pfn++) {
        const struct promise *promise = promise_at(pfn);
        if (promise) {
            pfn = promise->first + promise->count - 1;
            run = 0;
            continue;
        }
        run = is_free(pfn) ? run + 1 : 0;
        if (run >= count && (pfn - count + 1) % align == 0)
            return pfn - count + 1;
    }
    return to;
}

enum err region_find(uint32_t count, pfn_t *first)
{
    if (!count || count > high - low)
        return ERR_NO_MEM;
    pfn_t found = find_up(hint, high, count, 1);
    if (found == high)
        found = find_up(low, high, count, 1);
    if (found == high)
        return ERR_NO_MEM;
    *first = hint = found; /* what was asked for may not be used: do not step over it */
    return ERR_OK;
}

enum err region_find_aligned(uint32_t count, pfn_t *first)
{
    pfn_t found = count ? find_up(low, high, count, count) : high;

    *first = found;
    return found == high ? ERR_NO_MEM : ERR_OK;
}

bool region_has(pfn_t first, uint32_t count)
{
    return count && first >= low && first < high && count <= high - first &&
           find_up(first, first + count, count, 1) == first;
}

enum err region_frames(uint32_t count, slot_t *slot, pfn_t *first)
{
    enum err e = region_find(count, first);

    if (e == ERR_OK)
        e = slot_take(slot);
    if (e)
        return e;
    e = region_find(count, first); /* the slot may have cost a frame */
    if (e == ERR_OK)
        e = exo_frames_alloc(SLOT_MEMORY, *first, count, *slot);
    if (e)
        slot_give(*slot);
    return e;
}

void region_give_frames(slot_t slot, pfn_t first, uint32_t count)
{
    slot_delete(slot);
    if (first < low || first >= high) /* of another region */
        return;
    if (first < hint)
        hint = first;
    if (dirty_low == dirty_high) {
        dirty_low = first;
        dirty_high = first + count;
    }
    dirty_low = first < dirty_low ? first : dirty_low;
    dirty_high = first + count > dirty_high ? first + count : dirty_high;
}

bool region_is_clean(pfn_t first, uint32_t count)
{
    return first >= dirty_high || first + count <= dirty_low;
}

enum err region_promise(uint32_t count, pfn_t *first)
{
    struct promise *unused = NULL;
    uint32_t run = 0;

    for (uint32_t i = 0; i < REGION_PROMISES_MAX && !unused; i++)
        if (!promises[i].count)
            unused = &promises[i];
    if (!unused || !count)
        return ERR_NO_MEM;
    for (pfn_t pfn = high; pfn-- > low;) {
        const struct promise *promise = promise_at(pfn);
        if (promise) {
            pfn = promise->first;
            run = 0;
            continue;
        }
        run = is_free(pfn) ? run + 1 : 0;
        if (run == count) {
            *unused = (struct promise){pfn, count};
            if (promise_end <= unused - promises)
                promise_end = (uint32_t)(unused - promises) + 1;
            *first = pfn;
            return ERR_OK;
        }
    }
    return ERR_NO_MEM;
}

void region_release(pfn_t first)
{
    for (uint32_t i = 0; i < promise_end; i++)
        if (promises[i].count && promises[i].first == first)
            promises[i].count = 0;
    while (promise_end && !promises[promise_end - 1].count)
        promise_end--;
    if (first < hint)
        hint = first;
}

uint32_t region_free_count(void)
{
    uint32_t count = 0;

    for (pfn_t pfn = low; pfn < high; pfn++)
        count += is_free(pfn) && !promise_at(pfn);
    return count;
}

uint32_t region_longest_run(void)
{
    uint32_t run = 0, longest = 0;

    for (pfn_t pfn = low; pfn < high; pfn++) {
        run = is_free(pfn) && !promise_at(pfn) ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* The region in SLOT_MEMORY. One thread at a time. */
#include "libos/region.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"

#define PART  64u /* records read in one call */
#define GROUP 16u /* records looked at together */

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

/* Where the first promise behind `pfn` begins, at most `to`. */
static pfn_t promise_behind(pfn_t pfn, pfn_t to)
{
    for (uint32_t i = 0; i < promise_end; i++)
        if (promises[i].count && promises[i].first > pfn && promises[i].first < to)
            to = promises[i].first;
    return to;
}

/* The first frame of [from, to) whose being free is not `free`, asked for in parts. */
static pfn_t skip_hidden(pfn_t from, pfn_t to, bool free)
{
    struct frame_info part[PART];

    for (pfn_t pfn = from; pfn < to; pfn++) {
        uint32_t at = (pfn - from) % PART;
        if (at == 0)
            book_read(INFO_FRAMES, pfn, to - pfn < PART ? to - pfn : PART, part);
        if ((part[at].type == FRAME_FREE) != free)
            return pfn;
    }
    return to;
}

_Static_assert(FRAME_FREE == 0, "types of free frames are zeroes");

/* Are the next GROUP frames all free? */
static inline __attribute__((always_inline)) bool group_is_free(const volatile struct frame_info *f)
{
    unsigned any = 0;

#pragma GCC unroll 16
    for (unsigned k = 0; k < GROUP; k++)
        any |= f[k].type;
    return !any;
}

/* The same where the table is mapped. Its loops see every frame of the machine when a program
 * starts, so nothing else is in them. */
static inline __attribute__((always_inline)) pfn_t skip(pfn_t from, pfn_t to, bool free)
{
    const volatile struct frame_info *f = book_frame(from), *const end = book_frame(to);

    if (KINFO->hidden)
        return skip_hidden(from, to, free);
    while (free && end - f >= GROUP && group_is_free(f))
        f += GROUP;
    while (f < end && (f->type == FRAME_FREE) == free)
        f++;
    return from + (pfn_t)(f - book_frame(from));
}

/* The first run in [from, to) of frames that are free and not promised; of a longer one the first
 * `most`. */
static struct region_run next_run(pfn_t from, pfn_t to, uint64_t most)
{
    const struct promise *promise;
    pfn_t first = from;

    for (;;) {
        first = skip(first, to, false);
        if (first >= to)
            return (struct region_run){to, to};
        promise = promise_at(first);
        if (!promise)
            break;
        first = promise->first + promise->count;
    }
    pfn_t limit = promise_behind(first, to);
    limit = limit - first > most ? first + (pfn_t)most : limit;
    return (struct region_run){first, skip(first, limit, true)};
}

static struct region_run whole_run(pfn_t from)
{
    return next_run(from, high, UINT32_MAX);
}

/* Lowest run of `count` free frames in [from, to) that begins at a multiple of `align`, or `to`. */
static pfn_t find_up(pfn_t from, pfn_t to, uint32_t count, uint32_t align)
{
    const uint64_t most = (uint64_t)count + align - 1; /* so many hold such a run for sure */

    for (struct region_run r = next_run(from, to, most); r.first < r.end;
         r = next_run(r.end, to, most)) {
        uint64_t first = ((uint64_t)r.first + align - 1) / align * align;
        if (first + count <= r.end)
            return (pfn_t)first;
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

enum err region_withhold(pfn_t first, uint32_t count)
{
    for (uint32_t i = 0; i < REGION_PROMISES_MAX; i++) {
        if (promises[i].count)
            continue;
        promises[i] = (struct promise){first, count};
        if (promise_end <= i)
            promise_end = i + 1;
        return ERR_OK;
    }
    return ERR_NO_MEM;
}

enum err region_promise(uint32_t count, pfn_t *first)
{
    struct region_run last = {0, 0};

    if (!count)
        return ERR_NO_MEM;
    for (struct region_run r = whole_run(low); r.first < r.end; r = whole_run(r.end))
        if (r.end - r.first >= count)
            last = r;
    if (!last.end)
        return ERR_NO_MEM;
    *first = last.end - count;
    return region_withhold(*first, count);
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

    for (struct region_run r = whole_run(low); r.first < r.end; r = whole_run(r.end))
        count += r.end - r.first;
    return count;
}

struct region_run region_longest(void)
{
    struct region_run longest = {low, low};

    for (struct region_run r = whole_run(low); r.first < r.end; r = whole_run(r.end))
        longest = r.end - r.first > longest.end - longest.first ? r : longest;
    return longest;
}

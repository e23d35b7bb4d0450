/* Looking at the memory areas of a process. */
#include "libos-posix/base/area.h"

#include "libos-posix/process/task.h"

const struct area *area_find(const struct process *p, vaddr_t va)
{
    for (const struct area *a = process_memory_of(p)->areas; a && a->start <= va; a = a->next)
        if (va < a->end)
            return a;
    return NULL;
}

bool area_is_free(const struct process *p, vaddr_t start, vaddr_t end)
{
    for (const struct area *a = process_memory_of(p)->areas; a && a->start < end; a = a->next)
        if (a->end > start)
            return false;
    return true;
}

vaddr_t area_find_gap(const struct process *p, size_t bytes)
{
    const struct port_layout *l = port_layout();
    vaddr_t best = 0, low = l->map_low;

    for (const struct area *a = process_memory_of(p)->areas;; a = a->next) {
        vaddr_t high = a && a->start < l->map_high ? a->start : l->map_high;
        if (high > low && high - low >= bytes)
            best = high - bytes;
        if (!a || a->start >= l->map_high)
            return best;
        if (a->end > low)
            low = a->end;
    }
}

/* Of areas that follow one another, as far as they have all of `need`; *all: what each has. Pre:
 * the process does not borrow. */
static size_t search(const struct process *p, vaddr_t va, rights_t need, vaddr_t *start,
                     rights_t *all)
{
    vaddr_t at = va;

    *start = va;
    *all = RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC;
    for (const struct area *a = p->areas; a && a->start <= at; a = a->next) {
        if (a->end <= at)
            continue;
        if ((a->rights & need) != need)
            break;
        if (a->start < *start)
            *start = a->start;
        *all &= a->rights;
        at = a->end; /* the next area may go on where this one ends */
    }
    return at - va;
}

/* What is kept by other addresses' bits and has `va`; NULL: nothing. */
static const struct extent *kept_elsewhere(const struct process *p, vaddr_t va, rights_t need)
{
    for (const struct extent *e = p->extents; e < p->extents + EXTENT_COUNT; e++)
        if (va - e->start < e->bytes && !(need & ~e->rights))
            return e;
    return NULL;
}

/* Two addresses whose bits are the same are asked for in turn, as a rule a path and a buffer: what
 * was kept goes to the place opposite. */
static void keep(struct process *p, vaddr_t va, const struct extent *found)
{
    struct extent *kept = area_kept(p, va), new = *found;

    if (kept->bytes)
        p->extents[(size_t)(kept - p->extents + EXTENT_COUNT / 2) % EXTENT_COUNT] = *kept;
    *kept = new;
    p->extents_known = true;
}

size_t area_search(struct process *p, vaddr_t va, size_t least, rights_t need)
{
    vaddr_t start;
    rights_t all;

    if (p->lender) /* which has an extent that may be known */
        return area_usable(process_memory(p), va, least, need);
    const struct extent *known = kept_elsewhere(p, va, need);
    size_t bytes = known ? known->bytes - (va - known->start) : 0;
    if (known && bytes >= least) {
        keep(p, va, known);
        return bytes;
    }
    bytes = search(p, va, need, &start, &all);

    while (need && p == process_memory(process_current()) && area_repair(p, va + bytes))
        bytes = search(p, va, need, &start, &all);
    if (bytes)
        keep(p, va, &(struct extent){start, va - start + bytes, all});
    return bytes;
}

bool area_is_locked(const struct process *p, vaddr_t start, vaddr_t end)
{
    for (const struct area *a = process_memory_of(p)->areas; a && a->start < end; a = a->next)
        if (a->end > start && a->locked)
            return true;
    return false;
}

uint64_t area_total(const struct process *p)
{
    uint64_t bytes = 0;
    for (const struct area *a = process_memory_of(p)->areas; a; a = a->next)
        bytes += a->end - a->start;
    return bytes;
}

const char *area_check(const struct process *p)
{
    const struct port_layout *l = port_layout();
    bool has_last = !p->area_last;

    for (const struct area *a = p->areas; a; a = a->next) {
        has_last |= a == p->area_last;
        if (a->start >= a->end || a->start % PAGE_SIZE || a->end % PAGE_SIZE)
            return "A1: an area is empty or not whole pages";
        if (!a->adopted && (a->start < l->program_low || a->end > l->program_high))
            return "A1: an area lies outside the program range";
        if (a->next && (a->end > a->next->start || a->next->prev != a))
            return "A2: areas overlap or are linked wrongly";
        if (a->next && area_are_one(a, a->next))
            return "A3: two areas that touch are of one kind";
        if (a->behind && (a->rights || !area_file(a)))
            return "A5: what is behind the end of a file can be used, or is of no file";
    }
    if (!has_last)
        return "A6: where an area was put in last there is none";
    for (unsigned i = 0; i < EXTENT_COUNT; i++) {
        const struct extent *e = &p->extents[i];
        vaddr_t start;
        rights_t all;
        if (e->bytes && search(p, e->start, e->rights, &start, &all) < e->bytes)
            return "A4: what is kept of the areas is not so";
    }
    return NULL;
}

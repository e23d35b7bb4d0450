/* The memory areas of a process, as a sorted list. */
#include "libos-posix/base/area.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/stored.h"

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

size_t area_search(struct process *p, vaddr_t va, rights_t need)
{
    vaddr_t start;
    rights_t all;

    if (p->lender) /* which has an extent that may be known */
        return area_extent(process_memory(p), va, need);
    const size_t bytes = search(p, va, need, &start, &all);
    if (bytes) {
        *area_kept(p, va) = (struct extent){start, va - start + bytes, all};
        p->extents_known = true;
    }
    return bytes;
}

/* The areas change. */
static void extents_forget(struct process *p)
{
    if (!p->extents_known)
        return;
    memset(p->extents, 0, sizeof p->extents);
    p->extents_known = false;
}

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

/* Puts `new` at its place in the list. */
static void insert(struct process *p, struct area *new)
{
    struct area *before = NULL, *after = p->areas;

    extents_forget(p);
    while (after && after->start < new->start) {
        before = after;
        after = after->next;
    }
    new->prev = before;
    new->next = after;
    if (before)
        before->next = new;
    else
        p->areas = new;
    if (after)
        after->prev = new;
}

static struct node *file_of(const struct area *a)
{
    return a->shared ? a->shared : a->lent;
}

/* An area that shows a file holds it, and keeps its pages. */
static void share(const struct area *a)
{
    struct node *n = file_of(a);

    if (!n)
        return;
    node_hold(n);
    n->shown++;
}

static void unshare(struct arena *arena, const struct area *a)
{
    struct node *n = file_of(a);

    if (!n)
        return;
    if (--n->shown == 0 && n->stored)
        stored_hide(n);
    node_drop(arena, n);
}

static void drop(struct process *p, struct area *a)
{
    extents_forget(p);
    if (a->prev)
        a->prev->next = a->next;
    else
        p->areas = a->next;
    if (a->next)
        a->next->prev = a->prev;
    unshare(p->arena, a);
    core_heap_free(&p->arena->heap, a, sizeof *a);
}

/* Would two areas be one (A3)? */
static bool are_one(const struct area *a, const struct area *b)
{
    return a->end == b->start && a->rights == b->rights && a->adopted == b->adopted &&
           a->shared == b->shared && a->lent == b->lent &&
           (!file_of(a) || a->offset + (a->end - a->start) == b->offset);
}

static void join_next(struct process *p, struct area *a)
{
    struct area *b = a->next;
    if (b && are_one(a, b)) {
        a->end = b->end;
        drop(p, b);
    }
}

static void join_range(struct process *p, vaddr_t start, vaddr_t end)
{
    for (struct area *a = p->areas; a && a->start <= end;) {
        struct area *next = a->next;
        if (a->end >= start && next && next->start <= end && a->end == next->start) {
            join_next(p, a);
            if (a->next != next) /* joined: look at the same one again */
                continue;
        }
        a = next;
    }
}

static long add(struct process *p, struct area area)
{
    struct area *new = core_heap_alloc(&p->arena->heap, sizeof *new);
    if (!new)
        return -ENOMEM;
    *new = area;
    p = process_memory(p);
    insert(p, new);
    join_range(p, area.start, area.end);
    return 0;
}

long area_adopt(struct process *p, vaddr_t start, vaddr_t end, rights_t rights)
{
    return add(p, (struct area){.start = start, .end = end, .rights = rights, .adopted = true});
}

long area_map(struct process *p, vaddr_t start, vaddr_t end, rights_t rights)
{
    if (!port_map(start, end - start, rights))
        return -ENOMEM;

    long e = add(p, (struct area){.start = start, .end = end, .rights = rights});
    if (e)
        port_unmap(start, end - start);
    return e;
}

/* The pages that can be shown one after another are shown at once. */
static long show_pages(struct process *p, vaddr_t start, vaddr_t end, rights_t rights,
                       struct node *n, uint64_t offset)
{
    for (vaddr_t at = start; at < end;) {
        uint64_t index = (offset + (at - start)) / PAGE_SIZE;
        uint8_t *first = data_page(p->arena, n, index);
        size_t bytes = PAGE_SIZE;
        while (first && at + bytes < end &&
               data_page(p->arena, n, index + bytes / PAGE_SIZE) == first + bytes)
            bytes += PAGE_SIZE;
        if (!first || !port_show(at, first, bytes, rights)) {
            if (at > start)
                port_unmap(start, at - start);
            return -ENOMEM;
        }
        at += bytes;
    }
    return 0;
}

long area_show(struct process *p, vaddr_t start, vaddr_t end, rights_t rights, struct node *n,
               uint64_t offset)
{
    const struct area area = {
        .start = start, .end = end, .rights = rights, .shared = n, .offset = offset};

    share(&area);
    long e = n->stored && rights & RIGHT_WRITE ? stored_show(n, offset, end - start) : 0;
    if (!e)
        e = show_pages(p, start, end, rights, n, offset);
    if (!e && (e = add(p, area)) != 0)
        port_unmap(start, end - start);
    if (e)
        unshare(p->arena, &area);
    return e;
}

long area_lend(struct process *p, vaddr_t start, vaddr_t end, rights_t rights, struct node *n,
               uint64_t offset)
{
    const struct area area = {
        .start = start, .end = end, .rights = rights, .lent = n, .offset = offset};

    if (!port_lend(start, end - start, rights, n, offset / PAGE_SIZE))
        return -ENOMEM;
    share(&area);
    long e = add(p, area);
    if (e) {
        port_unmap(start, end - start);
        unshare(p->arena, &area);
    }
    return e;
}

/* Makes `at` a border between areas if it lies inside one. ENOMEM. */
static long split(struct process *p, vaddr_t at)
{
    for (struct area *a = p->areas; a && a->start < at; a = a->next) {
        if (a->end <= at)
            continue;
        struct area *upper = core_heap_alloc(&p->arena->heap, sizeof *upper);
        if (!upper)
            return -ENOMEM;
        *upper = *a;
        upper->start = at;
        upper->offset += file_of(a) ? at - a->start : 0;
        share(upper);
        a->end = at;
        insert(p, upper);
        return 0;
    }
    return 0;
}

static long split_both(struct process *p, vaddr_t start, vaddr_t end)
{
    long e = split(p, start);
    if (!e)
        e = split(p, end);
    if (e)
        join_range(p, start, end);
    return e;
}

long area_unmap(struct process *p, vaddr_t start, vaddr_t end)
{
    p = process_memory(p);
    long e = split_both(p, start, end);
    if (e)
        return e;

    struct area *a = p->areas;
    while (a && a->start < start)
        a = a->next;
    while (a && a->start < end) { /* those that touch one another at once */
        const struct area *last = a;
        while (last->next && last->next->start == last->end && last->next->start < end)
            last = last->next;
        const vaddr_t high = last->end;
        port_unmap(a->start, high - a->start);
        for (struct area *next; a && a->start < high; a = next) {
            next = a->next;
            drop(p, a);
        }
    }
    return 0;
}

long area_protect(struct process *p, vaddr_t start, vaddr_t end, rights_t rights)
{
    p = process_memory(p);
    if (area_extent(p, start, 0) < end - start)
        return -ENOMEM;

    long e = split_both(p, start, end);
    if (e)
        return e;

    for (struct area *a = p->areas; a && a->start < end && !e; a = a->next) {
        if (a->start < start || a->rights == rights)
            continue;
        if (a->shared && a->shared->stored && rights & RIGHT_WRITE)
            e = stored_show(a->shared, a->offset, a->end - a->start);
        if (e)
            break;
        extents_forget(p);
        if (port_protect(a->start, a->end - a->start, rights))
            a->rights = rights;
        else
            e = -ENOMEM;
    }
    join_range(p, start, end);
    return e;
}

bool area_copy_all(struct process *to, const struct process *from)
{
    struct area *last = NULL;

    for (const struct area *a = from->areas; a; a = a->next) {
        struct area *new = core_heap_alloc(&to->arena->heap, sizeof *new);
        if (!new) {
            area_forget_all(to);
            return false;
        }
        *new = *a;
        share(new);
        new->next = NULL;
        new->prev = last;
        if (last)
            last->next = new;
        else
            to->areas = new;
        last = new;
    }
    return true;
}

void area_forget_all(struct process *p)
{
    while (p->areas)
        drop(p, p->areas);
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

    for (const struct area *a = p->areas; a; a = a->next) {
        if (a->start >= a->end || a->start % PAGE_SIZE || a->end % PAGE_SIZE)
            return "A1: an area is empty or not whole pages";
        if (!a->adopted && (a->start < l->program_low || a->end > l->program_high))
            return "A1: an area lies outside the program range";
        if (a->next && (a->end > a->next->start || a->next->prev != a))
            return "A2: areas overlap or are linked wrongly";
        if (a->next && are_one(a, a->next))
            return "A3: two areas that touch are of one kind";
    }
    for (unsigned i = 0; i < EXTENT_COUNT; i++) {
        const struct extent *e = &p->extents[i];
        vaddr_t start;
        rights_t all;
        if (e->bytes && search(p, e->start, e->rights, &start, &all) < e->bytes)
            return "A4: what is kept of the areas is not so";
    }
    return NULL;
}

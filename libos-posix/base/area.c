/* The memory areas of a process, as a sorted list. */
#include "libos-posix/base/area.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/stored.h"

/* The areas change. */
static void extents_forget(struct process *p)
{
    if (!p->extents_known)
        return;
    memset(p->extents, 0, sizeof p->extents);
    p->extents_known = false;
}

static void link_between(struct process *p, struct area *before, struct area *new,
                         struct area *after)
{
    extents_forget(p);
    new->prev = before;
    new->next = after;
    if (before)
        before->next = new;
    else
        p->areas = new;
    if (after)
        after->prev = new;
}

/* An area from which on the first that ends above `at` is found; NULL: there are no areas. It is
 * looked for from where one was put in or taken out last. */
static struct area *look_from(const struct process *p, vaddr_t at)
{
    struct area *a = p->area_last ? p->area_last : p->areas;

    while (a && a->start > at && a->prev)
        a = a->prev;
    return a;
}

/* The first area that ends above `at`, or NULL. */
static struct area *first_above(const struct process *p, vaddr_t at)
{
    struct area *a = look_from(p, at);

    while (a && a->end <= at)
        a = a->next;
    return a;
}

/* Puts `new` at its place in the list. */
static void insert(struct process *p, struct area *new)
{
    struct area *after = look_from(p, new->start), *before = after ? after->prev : NULL;

    while (after && after->start < new->start) {
        before = after;
        after = after->next;
    }
    link_between(p, before, new, after);
    p->area_last = new;
}

/* An area that shows a file holds it, and keeps its pages. */
static void share(const struct area *a)
{
    struct node *n = area_file(a);

    if (!n)
        return;
    node_hold(n);
    n->shown++;
}

static void unshare(struct arena *arena, const struct area *a)
{
    struct node *n = area_file(a);

    if (!n)
        return;
    if (--n->shown == 0 && n->stored)
        stored_hide(n);
    node_drop(arena, n);
}

static void drop(struct process *p, struct area *a)
{
    extents_forget(p);
    if (p->area_last == a)
        p->area_last = a->prev;
    if (a->prev)
        a->prev->next = a->next;
    else
        p->areas = a->next;
    if (a->next)
        a->next->prev = a->prev;
    unshare(p->arena, a);
    core_heap_free(&p->arena->heap, a, sizeof *a);
}

bool area_are_one(const struct area *a, const struct area *b)
{
    return a->behind == b->behind && a->wanted == b->wanted && a->end == b->start &&
           a->rights == b->rights && a->adopted == b->adopted && a->locked == b->locked &&
           a->shared == b->shared && a->lent == b->lent &&
           (!area_file(a) || a->offset + (a->end - a->start) == b->offset);
}

static void join_next(struct process *p, struct area *a)
{
    struct area *b = a->next;
    if (b && area_are_one(a, b)) {
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
    struct area *new = core_heap_take(&p->arena->heap, sizeof *new);
    if (!new)
        return -ENOMEM;
    *new = area;
    p = process_memory(p);
    new->locked = p->locks_memory;
    insert(p, new);
    join_next(p, new);
    if (new->prev)
        join_next(p, new->prev);
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

/* Makes the pages of a file's part of an area. */
static long fill(struct process *p, const struct area *a)
{
    long e = 0;

    if (a->lent)
        return port_lend(a->start, a->end - a->start, a->rights, a->lent, a->offset / PAGE_SIZE)
                   ? 0
                   : -ENOMEM;
    if (a->shared->stored && a->rights & RIGHT_WRITE)
        e = stored_show(a->shared, a->offset, a->end - a->start);
    return e ? e : show_pages(p, a->start, a->end, a->rights, a->shared, a->offset);
}

/* An area of a file, or of what is behind its end. */
static long add_filled(struct process *p, const struct area *a)
{
    long e = !a->behind ? fill(p, a) : port_map(a->start, a->end - a->start, 0) ? 0 : -ENOMEM;

    if (!e && (e = add(p, *a)) != 0)
        port_unmap(a->start, a->end - a->start);
    return e;
}

/* Where the whole pages behind the end of its file begin. */
static vaddr_t file_end(const struct area *a)
{
    const uint64_t size = page_up(area_file(a)->size);
    const uint64_t left = a->offset < size ? size - a->offset : 0;

    return a->end - a->start < left ? a->end : a->start + left;
}

static long add_of_file(struct process *p, struct area a)
{
    const vaddr_t end = file_end(&a);
    struct area first = a, behind = a;
    long e = 0;

    first.end = behind.start = end;
    behind.offset += end - a.start;
    behind.behind = true;
    behind.wanted = a.rights;
    behind.rights = 0;
    share(&first);
    if (end > a.start)
        e = add_filled(p, &first);
    if (e)
        unshare(p->arena, &first);
    if (e || end == a.end)
        return e;
    share(&behind);
    if (end == a.start)
        unshare(p->arena, &first); /* the other one holds the file */
    e = add_filled(p, &behind);
    if (e) {
        unshare(p->arena, &behind);
        if (end > a.start)
            area_unmap(p, a.start, end);
    }
    return e;
}

long area_show(struct process *p, vaddr_t start, vaddr_t end, rights_t rights, struct node *n,
               uint64_t offset)
{
    return add_of_file(
        p,
        (struct area){.start = start, .end = end, .rights = rights, .shared = n, .offset = offset});
}

long area_lend(struct process *p, vaddr_t start, vaddr_t end, rights_t rights, struct node *n,
               uint64_t offset)
{
    return add_of_file(
        p,
        (struct area){.start = start, .end = end, .rights = rights, .lent = n, .offset = offset});
}

/* Cuts an area in two at an address inside of it. ENOMEM. */
static long cut(struct process *p, struct area *a, vaddr_t at)
{
    struct area *upper = core_heap_take(&p->arena->heap, sizeof *upper);
    if (!upper)
        return -ENOMEM;

    *upper = *a;
    upper->start = at;
    upper->offset += area_file(a) ? at - a->start : 0;
    share(upper);
    a->end = at;
    link_between(p, a, upper, a->next);
    return 0;
}

/* Makes `at` a border between areas if it lies inside one. ENOMEM. */
static long split(struct process *p, vaddr_t at)
{
    struct area *a = first_above(p, at);

    return a && a->start < at ? cut(p, a, at) : 0;
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
    struct area *a = first_above(p, start), *last;
    long e = 0;

    p->area_last = a;
    if (a && a->start < start) {
        e = cut(p, a, start);
        a = a->next;
    }
    for (last = a; last && last->end < end;)
        last = last->next;
    if (!e && last && last->start < end && last->end > end)
        e = cut(p, last, end);
    if (e) {
        join_range(p, start, end);
        return e;
    }
    while (a && a->start < end) { /* those that touch one another at once */
        last = a;
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
    if (!area_has(p, start, end - start, 0))
        return -ENOMEM;

    long e = split_both(p, start, end);
    if (e)
        return e;

    for (struct area *a = p->areas; a && a->start < end && !e; a = a->next) {
        if (a->behind && a->start >= start)
            a->wanted = rights;
        if (a->behind || a->start < start || a->rights == rights)
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

long area_lock(struct process *p, vaddr_t start, vaddr_t end, bool locked)
{
    p = process_memory(p);
    if (!area_has(p, start, end - start, 0))
        return -ENOMEM;

    long e = split_both(p, start, end);
    for (struct area *a = p->areas; a && a->start < end && !e; a = a->next)
        if (a->start >= start)
            a->locked = locked;
    join_range(p, start, end);
    return e;
}

void area_lock_all(struct process *p, bool locked)
{
    p = process_memory(p);
    for (struct area *a = p->areas; a; a = a->next)
        a->locked = locked;
    if (p->areas)
        join_range(p, 0, USER_TOP);
}

static bool has_grown(const struct area *a)
{
    return a && a->behind && file_end(a) > a->start;
}

bool area_repair(struct process *p, vaddr_t va)
{
    struct area *a = (struct area *)area_find(p, va);

    p = process_memory(p);
    if (!has_grown(a) || va >= file_end(a) || split(p, file_end(a)))
        return false;
    a->behind = false;
    a->rights = a->wanted;
    a->wanted = 0;
    extents_forget(p);
    port_unmap(a->start, a->end - a->start);
    if (fill(p, a)) {
        a->behind = true;
        a->wanted = a->rights;
        a->rights = 0;
        port_map(a->start, a->end - a->start, 0); /* tables are there */
        return false;
    }
    join_range(p, a->start, a->end);
    return true;
}

void area_cut(struct process *p, struct node *n)
{
    p = process_memory(p);
    for (struct area *a = p->areas; a; a = a->next) {
        if (a->behind || area_file(a) != n || file_end(a) == a->end)
            continue;
        if (file_end(a) > a->start) { /* what is left of it stays; the rest is the next one */
            if (split(p, file_end(a)))
                return;
            continue;
        }
        a->behind = true;
        a->wanted = a->rights;
        a->rights = 0;
        extents_forget(p);
        port_unmap(a->start, a->end - a->start);
        port_map(a->start, a->end - a->start, 0);
    }
}

bool area_copy_all(struct process *to, const struct process *from)
{
    struct area *last = NULL;
    bool unlocked = false;

    for (const struct area *a = from->areas; a; a = a->next) {
        struct area *new = core_heap_take(&to->arena->heap, sizeof *new);
        if (!new) {
            area_forget_all(to);
            return false;
        }
        *new = *a;
        unlocked |= new->locked;
        new->locked = false;
        share(new);
        new->next = NULL;
        new->prev = last;
        if (last)
            last->next = new;
        else
            to->areas = new;
        last = new;
    }
    if (unlocked)
        join_range(to, 0, USER_TOP);
    return true;
}

void area_forget_all(struct process *p)
{
    while (p->areas)
        drop(p, p->areas);
}

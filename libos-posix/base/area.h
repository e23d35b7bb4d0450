/*
 * The memory areas of a process: what it may use, so that a wrong pointer is an error and not a
 * fault. The list is the core's own; the page tables follow it.
 *
 * Invariants. area_check() tests them all and names the broken one.
 *   A1  start < end, both whole pages, within the layout's program range unless adopted
 *   A2  areas are sorted and do not overlap
 *   A3  two areas that touch differ in rights, locks or what they show (else they would be one)
 *   A4  what is kept of an extent is so
 *   A5  what is behind the end of a file shows a file, or is lent one, and nobody may use it
 *   A6  where one was put in last is an area of the list, or NULL
 */
#pragma once

#include "libos-posix/base/arena.h"

struct area {
    vaddr_t start, end;  /* bytes, page-aligned, [start, end) */
    rights_t rights;     /* RIGHT_READ, _WRITE, _EXEC */
    bool behind;         /* whole pages behind the end of its file: a use is SIGBUS */
    rights_t wanted;     /* then what they will have when the file has grown; else 0 */
    bool locked;         /* by mlock: told, and nothing else, as nothing is paged out */
    bool adopted;        /* was there before the core: the libOS's own image and stack */
    struct node *shared; /* shows pages of this file, which it holds; NULL: private memory */
    struct node *lent;   /* private, and begins as pages of this file, which it holds; or NULL */
    uint64_t offset;     /* bytes into `shared` or `lent`, of `start` */
    struct area *next, *prev;
};

/* What it shows, or is lent; NULL: nothing. */
static inline struct node *area_file(const struct area *a)
{
    return a->shared ? a->shared : a->lent;
}

/* Would two areas be one (A3)? */
bool area_are_one(const struct area *a, const struct area *b);

static inline vaddr_t page_up(vaddr_t va)
{
    return (va + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* How many bytes from `va` on are usable with all of `need`; 0 when not even the first. It may be
 * fewer than there are, but not if that is fewer than `least`. What was found is kept, by a few
 * bits of the address, until the areas change: area_usable looks there, and area_search at all that
 * is kept and then in the list. */
size_t area_search(struct process *p, vaddr_t va, size_t least, rights_t need);

static inline struct extent *area_kept(struct process *p, vaddr_t va)
{
    return &p->extents[va / PAGE_SIZE % EXTENT_COUNT];
}

static inline size_t area_usable(struct process *p, vaddr_t va, size_t least, rights_t need)
{
    const struct extent *kept = area_kept(p, va);
    const vaddr_t inside = va - kept->start;

    if (inside < kept->bytes && least <= kept->bytes - inside && !(need & ~kept->rights))
        return kept->bytes - inside;
    return area_search(p, va, least, need);
}

/* Some of them, which may be followed by others. */
static inline size_t area_extent(struct process *p, vaddr_t va, rights_t need)
{
    return area_usable(p, va, 1, need);
}

/* Are `bytes` from `va` on usable so? */
static inline bool area_has(struct process *p, vaddr_t va, size_t bytes, rights_t need)
{
    const struct extent *kept = area_kept(p, va);

    if (bytes <= kept->bytes && va - kept->start <= kept->bytes - bytes && !(need & ~kept->rights))
        return true;
    return area_search(p, va, bytes, need) >= bytes;
}

/* The area that `va` lies in, or NULL. */
const struct area *area_find(const struct process *p, vaddr_t va);

/* Is no area in [start, end)? */
bool area_is_free(const struct process *p, vaddr_t start, vaddr_t end);

/* The highest free range of `bytes` in the layout's map range; 0 when there is none. */
vaddr_t area_find_gap(const struct process *p, size_t bytes);

/* New zeroed memory. Pre: page-aligned, in the program range, free. ENOMEM. */
long area_map(struct process *p, vaddr_t start, vaddr_t end, rights_t rights);

/* Memory that shows the pages of file `n` from byte `offset` (page-aligned) on, made where there
 * are none yet; what is behind the file's end cannot be used. Pre: as for area_map. ENOMEM. */
long area_show(struct process *p, vaddr_t start, vaddr_t end, rights_t rights, struct node *n,
               uint64_t offset);

/* Private memory that begins as what file `n` holds from byte `offset` (page-aligned) on. Whether a
 * page shows what is written to the file until it is used first is not said. Pre: as for area_map;
 * the file is of RAM. ENOMEM. */
long area_lend(struct process *p, vaddr_t start, vaddr_t end, rights_t rights, struct node *n,
               uint64_t offset);

/* The area at `va` is behind the end of its file, of which the caller has memory. True: not any
 * more, for the file has grown; false: it still is, or there was no memory for it. */
bool area_repair(struct process *p, vaddr_t va);

/* A file has been cut: what the calling process has of it behind its end cannot be used any more.
 * Other processes see zeroes there. */
void area_cut(struct process *p, struct node *n);

/* Registers memory that is there already. Pre: page-aligned and free. ENOMEM. */
long area_adopt(struct process *p, vaddr_t start, vaddr_t end, rights_t rights);

/* Removes what is in [start, end), holes allowed. ENOMEM: a split needs memory. */
long area_unmap(struct process *p, vaddr_t start, vaddr_t end);

/* Changes the rights of all of [start, end). ENOMEM: there is a hole, or a split needs memory. */
long area_protect(struct process *p, vaddr_t start, vaddr_t end, rights_t rights);

/* Locks or unlocks all of [start, end). ENOMEM: as area_protect. */
long area_lock(struct process *p, vaddr_t start, vaddr_t end, bool locked);

/* The same of all areas. */
void area_lock_all(struct process *p, bool locked);

/* Is a page of [start, end) locked? */
bool area_is_locked(const struct process *p, vaddr_t start, vaddr_t end);

/* Gives a process without areas copies of another's, without its locks: for the memory that
 * port_fork copies. False: no memory; then it has none. */
bool area_copy_all(struct process *to, const struct process *from);

/* Forgets all areas of a process that ends; its memory goes with it. */
void area_forget_all(struct process *p);

/* Bytes in all areas. */
uint64_t area_total(const struct process *p);

/* NULL when A1 to A5 hold, else a sentence that begins with the broken invariant's name. */
const char *area_check(const struct process *p);

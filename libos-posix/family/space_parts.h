/* Between the files of a member's memory. */
#pragma once

#include "libos-posix/family/space.h"
#include "libos/areas.h"

#define SPACE_RIGHTS      (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC) /* that a page may get later */
#define SPACE_TABLE_BYTES (512 * PAGE_SIZE)

#pragma GCC visibility push(hidden)
/* AREA_FRAMES with a slot are lent: by the file in the arena that the slot names, from page `pfn`
 * of it on; those without one are shown. */
extern struct areas space_areas;

/* Pages side by side that are in use, all seen or all hidden. */
struct run {
    vaddr_t va;
    const volatile uint64_t *entry;
    uint32_t count;
};

/* The next run of [*va, end), behind which *va is then. False: there is none. */
bool space_next_run(vaddr_t *va, vaddr_t end, struct run *r);

/* Gives the pages of a run, or of a part of one, back. */
void space_drop(const struct run *r);

/* space_renew.c: are there pages that were kept, and not looked at? Makes what was kept in
 * [low, high) of an area what it is to be, or lets it go. */
extern bool space_is_unsettled;
void space_fit(vaddr_t low, vaddr_t high);

/* The page of the arena that a lent area has for an address, or 0: then it begins with `*bytes`
 * at `*from`, and zeroes. */
vaddr_t space_lent_page(const struct area *a, vaddr_t va, const void **from, size_t *bytes);

/* Binds pages of one table, which is there. */
enum err space_bind(vaddr_t va, pfn_t frame, uint32_t count, rights_t rights);
#pragma GCC visibility pop

/* Names a file of the arena by 32 bits: blocks of its heap begin at multiples of 16. */
static inline slot_t space_file_name(const void *file)
{
    return 1 + (slot_t)(((vaddr_t)file - FAMILY_CORE) / 16);
}

static inline const void *space_file(slot_t name)
{
    return (const void *)(FAMILY_CORE + (vaddr_t)(name - 1) * 16);
}
_Static_assert((FAMILY_END - FAMILY_CORE) / 16 < UINT32_MAX, "it fits");

/* Is a frame of the pool bound here? */
static inline bool space_is_of_pool(uint64_t pte)
{
    return cpu_pte_is_bound(pte) && frame_list_has(POOL, cpu_pte_pfn(pte));
}

/* Does this page show what a file lends? Pre: it is bound. */
static inline bool space_is_lent(uint64_t pte)
{
    return !(pte & SPACE_SHOWN) && frame_list_has(POOL, cpu_pte_pfn(pte)) &&
           (frame_list_mark(POOL, cpu_pte_pfn(pte)) & FRAME_LIST_ARENA);
}

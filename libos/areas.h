/*
 * Areas: what a program's addresses are for. A sorted array; no calls to the kernel, so that it
 * runs anywhere.
 *
 * Invariants. areas_check() tests them all and names the broken one.
 *   A1  an area is not empty, and its ends are page-aligned
 *   A2  areas are sorted by address and do not overlap
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

#define AREAS_MAX 1024u

enum area_kind {
    AREA_ZERO,   /* each page is a fresh frame of zeroes at its first use                        */
    AREA_FRAMES, /* pages are the frames from `pfn` on, bound by `slot` at their first use       */
    AREA_FIXED   /* not virtual memory's business: a fault there is an error                     */
};

struct area {
    vaddr_t low, high; /* bytes, page-aligned; [low, high)      */
    rights_t rights;   /* 0: reserved, nobody may touch it      */
    enum area_kind kind;
    slot_t slot; /* AREA_FRAMES                                 */
    pfn_t pfn;   /* AREA_FRAMES: frame of the page at `low`     */
};

struct areas {
    struct area at[AREAS_MAX];
    uint32_t count;
    uint32_t last; /* index that was looked for last, if it still fits; any */
};

/* The area that holds `va`, or NULL. */
const struct area *areas_find(struct areas *set, vaddr_t va);

/* The first area that ends above `va`, or NULL. For walking a range. */
const struct area *areas_from(struct areas *set, vaddr_t va);

/* Adds an area, and joins it with neighbours that differ in nothing but their place.
 * BAD_ARG: empty or unaligned. IN_USE: overlaps another. NO_MEM: there are AREAS_MAX. */
enum err areas_add(struct areas *set, const struct area *area);

/* Lowest address of a hole of `bytes` inside [low, high). NO_MEM: none. */
enum err areas_hole(struct areas *set, vaddr_t low, vaddr_t high, uint64_t bytes, vaddr_t *va);

/* Splits areas so that none crosses `low` or `high`. NO_MEM: there are AREAS_MAX. */
enum err areas_split(struct areas *set, vaddr_t low, vaddr_t high);

/* Removes, or changes the rights of, the areas inside [low, high). Pre: areas_split(low, high). */
void areas_remove(struct areas *set, vaddr_t low, vaddr_t high);
void areas_set_rights(struct areas *set, vaddr_t low, vaddr_t high, rights_t rights);

/* NULL when A1 and A2 hold, else a sentence that begins with the broken invariant's name. */
const char *areas_check(const struct areas *set);

/*
 * Page tables of a library OS: what it wants to know about each of its pages. Two structures behind
 * one interface, to be exchanged freely: linear (a record for each page of a range; no search) and
 * inverted (a hash with room for the pages that have something to say; no matter how far apart).
 * Memory comes from the caller; no calls to the kernel, so that they run anywhere.
 *
 * Invariants. pagetable_check() tests them all and names the broken one.
 *   T1  `count` is the number of records in use
 *   T2  every record in use is found under its address
 */
#pragma once

#include "exo/abi/types.h"

struct page_record {
    vaddr_t va; /* page-aligned; 0: the record is not in use         */
    pfn_t pfn;  /* the rest is the user's; zero when it is added     */
    rights_t rights;
    uint32_t state, block;
};

struct pagetable {
    /* The record of the page at `va`, page-aligned, or NULL. It stays in place until the next
     * add or remove. */
    struct page_record *(*find)(const struct pagetable *t, vaddr_t va);
    /* A new record. NULL: there is one, the table is full, or it does not serve `va`. */
    struct page_record *(*add)(struct pagetable *t, vaddr_t va);
    void (*remove)(struct pagetable *t, vaddr_t va);
    struct page_record *records;
    uint32_t capacity, count;
    vaddr_t low;    /* linear: address of record 0   */
    uint32_t shift; /* inverted: 64 - log2(capacity); linear: 0 */
};

/* The records of `count` pages from `va` on, side by side, in use or not; NULL: they do not lie so,
 * as in an inverted table. */
static inline struct page_record *pagetable_adjacent(const struct pagetable *t, vaddr_t va,
                                                     uint32_t count)
{
    uint64_t index = (va - t->low) >> PAGE_BITS;

    return t->shift == 0 && index + count <= t->capacity ? &t->records[index] : NULL;
}

/* For the pages [low, low + pages). `records` holds as many, all zero; low is aligned, not 0. */
void pagetable_linear(struct pagetable *t, struct page_record *records, vaddr_t low,
                      uint32_t pages);

/* For pages anywhere but at 0, up to three quarters of `capacity`, which is a power of two from 4
 * on. `records` holds `capacity`, all zero. */
void pagetable_inverted(struct pagetable *t, struct page_record *records, uint32_t capacity);

/* NULL when T1 and T2 hold, else a sentence that begins with the broken invariant's name. */
const char *pagetable_check(const struct pagetable *t);

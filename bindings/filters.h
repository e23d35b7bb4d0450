/*
 * Tables of filters (exo/abi/ring.h, decision 43): keys of a ring beyond its own, each with a graft
 * or none. The object is its frames: struct filters, and behind it the filters.
 *
 * Invariants. filters_check() tests those of one table and names the broken one.
 *   Y1  a filter that is in use is bound to the table's ring, one that is not has no graft
 *   Y2  the table counts its filters in use, the ring those of all its tables
 *   Y3  a table without ring has none in use
 *
 * Locking: the forest lock.
 */
#pragma once

#include "bindings/ring.h"

struct filter {
    struct node graft; /* child of the graft's capability; no parent: there is none, or no more */
    struct ring_bound bound;
    bool in_use;
    bool is_lost; /* its graft was taken back: takes nothing                             */
};

struct filters {
    struct node node;  /* child of the ring's capability; no parent: it was taken back       */
    struct list link;  /* of the ring's tables                                               */
    struct ring *ring; /* NULL: it is gone, or its memory                                    */
    uint32_t count, used;
    _Alignas(NODE_AT_FILTERS) struct filter at[]; /* [count]                                 */
};
_Static_assert(sizeof(struct filter) == 128, "node offsets are ABI");
_Static_assert(offsetof(struct filters, at) == NODE_AT_FILTERS, "node offsets are ABI");

/* The filter that a key in a table is of. */
static inline struct filter *filter_of(struct ring_bound *b)
{
    return LIST_ITEM(b, struct filter, bound);
}

/* Makes a zeroed object a table of `count` filters. Pre: the ring has its memory. */
void filters_begin(struct filters *f, struct cap *ring, uint32_t count);

/* What one filter becomes. */
struct filter_plan {
    struct ring_key key;
    struct cap *graft; /* NULL: none */
    uint32_t tag;
};

/* Makes `plan` the filters [first, first + count); NULL: empties them. Pre: there is a ring, the
 * keys fit, and steal nothing. */
void filters_set(struct filters *f, uint32_t first, uint32_t count, const struct filter_plan *plan);

/* All filters of a ring go, because its memory does. */
void filters_end_of(struct ring *r);

/* The object goes. */
void filters_destroy(struct filters *f);

/* A binding in the table is taken back; unlinks `n`. */
void filters_drop(struct filters *f, struct node *n);

const char *filters_check(const struct filters *f);

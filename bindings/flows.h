/*
 * Parts of the network card (exo/abi/ring.h, decision 66): which keys rings may have that were made
 * by one. The object is one frame.
 *
 * Invariants. flows_check() tests those of one part and names the broken one.
 *   L1  each key of a part lies inside one of the larger part's
 *   L2  each key of a ring lies inside one of those of the part that the ring was made by
 *   L3  no more rings were made by a part, and no more keys, and keys of other masks than its own,
 * are bound to them than it allows
 *
 * Locking: the forest lock.
 */
#pragma once

#include "bindings/ring.h"

struct flows {
    struct node larger; /* child of the capability that it was made by                        */
    struct flows *of;   /* the larger part; NULL: the whole card                               */
    uint32_t count;     /* of keys                                                            */
    uint32_t rings;     /* that may be made by it: smaller parts have had theirs              */
    uint32_t bound;     /* keys that these may have: the same                                  */
    uint32_t narrow;    /* and those of them of other masks than the part's own: the same     */
    uint32_t had_rings, had_bound, had_narrow; /* what the larger part gets back at the end   */
    struct ring_key keys[FLOWS_KEYS];
};
_Static_assert(offsetof(struct flows, larger) == NODE_AT_LARGER, "node offsets are ABI");
_Static_assert(sizeof(struct flows) <= PAGE_SIZE, "a part is one frame");

/* The part that a capability names, which a ring may be made by; NULL: the whole card. Pre: CAP_NIC
 * or CAP_FLOWS. */
struct flows *flows_of_cap(const struct cap *c);

/* The part that a ring was made by; NULL: the whole card. Pre: the ring has its card. */
struct flows *flows_of_ring(const struct ring *r);

/* Lies each of the keys inside one of the part's? NULL has all. */
bool flows_hold(const struct flows *f, const struct ring_key *keys, uint32_t count);

/* How many of the keys have another mask than each of the part's? */
uint32_t flows_narrow(const struct flows *f, const struct ring_key *keys, uint32_t count);

/* May there be so many more rings of it, keys of these, and keys of other masks, or may it give
 * them on? */
bool flows_fit(const struct flows *f, int64_t rings, int64_t keys, int64_t narrow);

/* Makes a zeroed object a part of what `nic` names. Pre: it holds the keys, and has what is to be
 * given on. */
void flows_begin(struct flows *f, struct cap *nic, const struct flows_load *load);

/* The object goes; what it had is the larger part's. Pre: nothing is derived from it any more. */
void flows_end(struct flows *f);

const char *flows_check(const struct flows *f);

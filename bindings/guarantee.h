/*
 * Guarantees: what a capability promised an environment not to take below a minimum, neither by it
 * nor by what is derived from it. Who stands above that capability is not bound.
 *
 * Invariants. guarantee_check() tests those of one environment and names the broken one.
 *   R1  `held` is what the environment's capabilities with CAP_COUNTED come to; without a guarantee
 *       none has it
 *   R2  the promising and the asking capability are there, and have CAP_NAMED
 *
 * Locking: the forest lock.
 */
#pragma once

#include "bindings/holding.h"

/* A capability has come into its slot, or is about to leave it. */
void guarantee_cap_made(struct cap *c);
void guarantee_cap_gone(struct cap *c);

/* `less` units of a ranged capability go. */
void guarantee_cap_shrunk(struct cap *c, uint32_t less);

/* How much of a kind may be taken from `e` by `by` or what is derived from it: UINT32_MAX when
 * nothing that binds it is guaranteed. */
uint32_t guarantee_room(struct env *e, uint32_t kind, const struct node *by);

/* Is taking `n` against the will of its holder forbidden to `by`? `actor`, or NULL, is who wants
 * it. */
bool guarantee_keeps(struct node *n, const struct node *by, const struct env *actor);

/* Promises `least` units for `c`, or, when 0, withdraws what was promised. False: not done yet; the
 * same again goes on. */
bool guarantee_set(struct env *e, uint32_t kind, struct cap *c, uint32_t least);

const char *guarantee_check(struct env *e);

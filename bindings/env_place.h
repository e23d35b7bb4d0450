/*
 * Places of environments (exo/abi/graft_hooks.def): nodes in struct env.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/types.h"

struct env;
struct node;

/* The node of the place of that hook; NULL: environments have no such place. */
struct node *env_place(struct env *e, uint32_t hook);

/* Is `n` one of those? */
bool env_place_is(const struct env *e, const struct node *n);

/* One of them was linked or unlinked. */
void env_place_changed(struct env *e);

/* `e` goes: so do its bindings. */
void env_places_end(struct env *e);

/* Which position the graft of `e` would have taken next, below `end`; without one, or when it says
 * none, `position`. */
uint32_t env_place_reclaim(struct env *e, uint32_t position, uint32_t end);

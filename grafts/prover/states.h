/*
 * States as the prover handles them: the checker's own, in the form that a claim has (bases are
 * classes of that claim alone). Joining and widening only guess; the checker judges the guess.
 */
#pragma once

#include "grafts/prover/flow.h"
#include "grafts/state.h"

/* Numbers at which a bound that grows may come to rest, ascending. */
struct thresholds {
    uint64_t *at;
    uint32_t count;
};

/* From the constants of the program, the sizes of maps, and powers of 2. */
struct thresholds thresholds_find(struct work *w, const struct linked *p);

/* Forgets what is not read any more, and gives bases the names that a claim at `at` has. */
void states_normalise(struct state *s, const struct flow *f, uint32_t at);

/* Makes `into` include `from`, both normalised for `at`. False: no state can; *into is unchanged.
 */
bool states_join(struct state *into, const struct state *from, const struct flow *f, uint32_t at);

/* `now` includes `before`: moves every bound of `now` that has moved on to the next threshold. */
void states_widen(struct state *now, const struct state *before, const struct thresholds *t);

/* How much would be lost if both were joined; UINT32_MAX when they cannot be. */
uint32_t states_distance(const struct state *a, const struct state *b);

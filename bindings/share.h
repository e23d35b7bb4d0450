/*
 * Shares: upper entries that lead to tables which other entries have. A table belongs to the entry
 * that is its frame's `origin`; a share's node is a child of the node of the entry it was made
 * from.
 *
 * Invariants. share_check() tests those of one entry and names the broken one.
 *   H1  an entry above level 1 that leads to a table is marked as a share exactly when it is not
 *       the table's origin
 *   H2  a share comes from an entry that leads to the same table, and allows no more than that
 *   H3  env.lends and env.borrows count the shares of tables of the environment, and those in its
 *       space
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/arch/mmu.h"

struct env;
struct node;

/* Makes the empty entry `e` of `env` a share of the table that `from` leads to. */
void share_show(pte_t *e, struct env *env, pte_t *from, rights_t rights);

/* The share `e` in the space of `env` came (1) or went (-1). */
void share_count(struct env *env, pte_t e, int change);

/* NULL when H1 and H2 hold for a present entry above level 1, else a sentence that begins with the
 * broken one's name. */
const char *share_check(const pte_t *e);

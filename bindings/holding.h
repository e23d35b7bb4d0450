/*
 * What an environment holds of each kind that can be asked for (exo/abi/revoke.h), and where it
 * came from. Objects count where they were made; ranges of blocks, lines and ports, which are no
 * objects, where they came in from outside.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/abi/revoke.h"

struct env;

struct holding {
    struct node *node; /* NULL: nothing is there          */
    struct env *env;   /* who holds it                    */
    uint32_t kind;     /* enum revoke_kind                */
    uint32_t units;    /* how much of its kind it is      */
};

/* Positions from 0 to below this one may hold something of that kind. */
uint32_t holding_positions(const struct env *e, uint32_t kind);

/* What is there; any number may be asked for. A position is what the kind's names are. */
struct holding holding_at(struct env *e, uint32_t kind, uint32_t position);

/* What a node of the forest counts as. A ring's capability counts as a ring; its filter is another
 * node. */
struct holding holding_of(struct node *n);

/* Does `n` come from the capability of that name? Adds the nodes looked at to *steps. */
bool holding_comes_from(const struct node *n, node_t from, uint32_t *steps);

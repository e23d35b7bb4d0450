/*
 * What the objects, tables and environments that nodes stand for have in them.
 *
 * Locking: the caller holds the forest's lock.
 */
#pragma once

#include "bindings/node.h"
#include "exo/mem/frame.h"

/* What kind of frame the node itself lies in. */
static inline enum frame_type node_lies_in(const struct node *n)
{
    return frame_of(frame_number(n))->type;
}

/* The next of the things that go with what `n` stands for, or NULL when it is empty: of an
 * environment its threads first, so that nothing runs while the rest goes. */
struct node *node_contents(struct node *n);

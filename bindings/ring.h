/* Rings: the network card bound to an environment's memory (exo/abi/ring.h). One frame each. */
#pragma once

struct node;
struct ring;

/* Ends a ring: nothing is received into its memory or sent from it any more on return. */
void ring_destroy(struct ring *r);

/* A binding that the ring holds (NODE_AT_MEMORY, NODE_AT_FILTER or NODE_AT_NOTIFY) is taken back;
 * unlinks `n`. Without its memory a ring is dead; without filter it receives nothing. */
void ring_drop(struct ring *r, struct node *n);

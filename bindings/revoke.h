/*
 * Taking back: everything derived from a node goes, leaf by leaf, whichever API made it; with an
 * object's first capability the object, and with an object what it contains.
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"

struct thread;

/* Takes away what is derived from `n` and, if `itself`, what `n` stands for too. Returns ERR_OK;
 * CALL_AGAIN after a bounded number of steps with more to do; CALL_NO_REPLY when all is done and
 * `caller` went with it. No CPU holds a stale translation on return. */
int revoke(const struct thread *caller, struct node *n, bool itself);

/* The same, to the end and without a caller: for parts of longer operations. */
void revoke_all(struct node *n, bool itself);

/* Takes away a capability from which nothing is derived, and its object if it is the first. */
void cap_destroy(struct cap *c);

/* Makes a CAP_FRAMES, whose object it is, or a CAP_EXTENT end behind its first `keep`; frames that
 * are cut off are free. Pre: nothing is derived from it, 0 < keep < count. */
void cap_shrink(struct cap *c, uint32_t keep);

/* The page-table entry that a node in a FRAME_NODES frame stands for, and its table's frame. */
uint64_t *node_entry(const struct node *n, uint32_t *table);

/* The node of an entry of a page table. */
struct node *entry_node(const uint64_t *entry);

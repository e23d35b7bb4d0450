/*
 * The derivation forest: which authority came from which. Nodes lie inside capability tables,
 * beside page tables, and in objects that hold a binding (exo/abi/cap.h says how they are told
 * apart).
 *
 * Invariants. forest_check() tests those of one tree and names the broken one.
 *   D1  a node's children have it as parent, and each is the `prev` of its `next`
 *   D2  a node without parent is in no list of children
 *   D3  each node of a tree is in use: its capability, page-table entry or object is there
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"

struct node *node_at(node_t name);
node_t node_name(const struct node *n);

/* Hangs `child`, which is in no tree, under `parent`. */
void node_link(struct node *parent, struct node *child);

/* Takes a node without children out of its tree. */
void node_unlink(struct node *n);

/* Hangs `n`, with all below it, under another parent. */
void node_move(struct node *n, struct node *parent);

/* The node after `n` in a walk of the tree under `top` that visits parents first; NULL at its end.
 */
struct node *node_after(const struct node *top, const struct node *n);

struct walk;

/* Begins a walk over all below `top`, or goes on with that one: w->at is where. */
void node_walk_on(struct walk *w, struct node *top);

/* A step of it ends before the walk does: what goes is passed by from now on, and without its top
 * there is no walk any more. And: it ends, if there is one. */
void node_walk_wait(struct walk *w);
void node_walk_end(struct walk *w);

/* `n` is about to move: walks that wait in a tree that it is in begin anew. */
void node_walks_again(const struct node *n);

/* NULL when D1 and D2 hold for the tree under `root`, else a sentence that begins with the broken
 * one's name. Ends on broken trees too: it visits at most `limit` nodes. */
const char *forest_check(const struct node *root, uint32_t limit);

/* The page-table entry that a node in a FRAME_NODES frame stands for, and its table's frame. */
uint64_t *node_entry(const struct node *n, uint32_t *table);

/* The node of an entry of a page table. */
struct node *entry_node(const uint64_t *entry);

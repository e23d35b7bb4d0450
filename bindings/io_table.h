/*
 * I/O page tables: frames shown to devices. As with page tables, an entry is the binding, and the
 * node beside the table is its place in the forest.
 *
 * Invariants. io_table_check() tests them for one table and names the broken one.
 *   Q1  an entry is present exactly when its node has a parent
 *   Q2  an entry of level 1 shows what its parent, a CAP_FRAMES, names, with no more rights
 *   Q3  an entry above leads to an I/O page table of the next level
 * frame_info.pins counts the entries of level 1 that show the frame; frame_info.bindings counts
 * them with those of page tables (P2).
 *
 * Locking: the forest lock.
 */
#pragma once

#include "exo/abi/cap.h"
#include "exo/arch/iommu.h"

#define PINS_MAX 255u

/* The entry for `address` in the table of `level` under `root`, or NULL when a table is missing
 * above it. Pre: address < DEVICE_ADDRESS_TOP. */
iopte_t *io_entry(pfn_t root, uint64_t address, unsigned level);

/* The node of an entry, and back. */
struct node *io_node(const iopte_t *e);
iopte_t *io_node_entry(const struct node *n, pfn_t *table);

/* Shows a frame through an empty entry, as a child of `frames`. Pre: pins below PINS_MAX. */
void io_show(iopte_t *e, struct cap *frames, pfn_t pfn, rights_t rights);

/* Puts the table that lies in `frame` (TABLE_FRAMES, taken) into an entry of `level + 1`. */
void io_table_show(iopte_t *e, struct node *parent, pfn_t frame, unsigned level);

/* Makes the frames of a root: `frame` and the two behind it. */
void io_root_make(pfn_t frame);

/* The first binding or table that a table contains, or that the entry of `n` leads to; or NULL. */
struct node *io_table_contents(pfn_t table);
struct node *io_contents(const struct node *n);

/* Ends what the entry of `n` says, whose device may use it until the next flush. Returns the table
 * that it led to, which is empty, or 0. */
pfn_t io_drop(struct node *n);

/* The root over a table. */
pfn_t io_root(pfn_t table);

const char *io_table_check(pfn_t table);

/*
 * Disk rings: blocks of the disk bound to an environment's memory (exo/abi/disk.h). One frame each.
 *
 * A request goes to the disk and from it without a copy, so neither its frames nor its blocks may
 * change hands while it is in flight: whoever takes them away waits for that, or stops the disk.
 * Requests of other rings that the stop hit are given to the disk again, after the same checks; but
 * those of a tree as they were, for what they change of it has been noted.
 *
 * Invariants. disk_ring_check() tests those of one ring and names the broken one.
 *   K1  done <= taken <= done + DISK_SLOTS, counted modulo 2^32
 *   K2  the slots between done and taken that have no state are those in flight and those to be
 *       given again
 *   K3  a ring without memory or without extent has none of either
 *
 * Locking: the forest lock.
 */
#pragma once

#include "bindings/tree.h"
#include "exo/abi/cap.h"
#include "exo/abi/disk.h"
#include "exo/abi/kinfo.h"

#define DISK_RINGS_MAX 64u
_Static_assert(DISK_RINGS_MAX == OBJECT_GRAFTS - OBJECT_DISK_RINGS, "each has its public record");

struct disk_ring {
    struct node memory;   /* child of the frames' capability; no parent: it was taken back    */
    struct node extent;   /* child of an extent's or a tree's; no parent: it was taken back   */
    struct node notify;   /* child of a notification's capability; no parent: nobody is told  */
    struct node handler;  /* child of a graft's capability; no parent: there is none          */
    uint32_t index;       /* in the disk's table                                              */
    uint32_t base, count; /* frames; meaningful while `memory` has a parent                  */
    uint32_t taken;       /* free-running: slots looked at                                    */
    uint32_t done;        /* free-running, the kernel's own copy of the header's counter      */
    uint32_t in_flight;   /* requests in the disk's hands                                     */
    uint64_t finished;    /* bit per slot: has its state, but an earlier one has none         */
    uint64_t again;       /* bit per slot: was stopped, and is to be given again              */
    bool waits;           /* more is posted than was taken                                    */
    struct tree_flight flights[DISK_SLOTS]; /* of those in flight or to be given again         */
};
_Static_assert(offsetof(struct disk_ring, memory) == NODE_AT_BUFFER, "node offsets are ABI");
_Static_assert(offsetof(struct disk_ring, extent) == NODE_AT_EXTENT, "node offsets are ABI");
_Static_assert(offsetof(struct disk_ring, notify) == NODE_AT_TELL, "node offsets are ABI");
_Static_assert(offsetof(struct disk_ring, handler) == NODE_AT_HANDLER, "node offsets are ABI");
_Static_assert(sizeof(struct disk_ring) <= PAGE_SIZE, "a disk ring is one frame");

/* Is there room in the disk's table? */
bool disk_ring_has_room(void);

/* Enters a zeroed ring into the table. `notification` may be NULL. Pre: disk_ring_has_room(). */
void disk_ring_begin(struct disk_ring *r, struct cap *frames, struct cap *extent,
                     struct cap *notification);

/* Has a ring that was made with an extent requests for these blocks in flight? */
bool disk_ring_is_busy(uint32_t first, uint32_t count);

/* Has it the memory and the extent that it was made with? */
bool disk_ring_is_alive(const struct disk_ring *r);

/* Gives posted requests to the disk as far as it has room; the rest follows by itself. Returns how
 * many slots were taken. Pre: the ring is alive. */
uint32_t disk_ring_take(struct disk_ring *r);

/* What the disk has for the kernel: takes it, and gives waiting requests. */
void disk_ring_serve(void);

/* Ends a ring: the disk touches neither its memory nor its blocks for it any more on return. */
void disk_ring_destroy(struct disk_ring *r);

/* A binding that the ring holds (NODE_AT_BUFFER, NODE_AT_EXTENT, NODE_AT_TELL or NODE_AT_HANDLER)
 * is taken back; unlinks `n`. Without memory or extent a ring is dead. */
void disk_ring_drop(struct disk_ring *r, struct node *n);

/* NULL when K1 to K3 hold, else a sentence that begins with the broken invariant's name. */
const char *disk_ring_check(const struct disk_ring *r);

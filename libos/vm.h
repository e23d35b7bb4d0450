/*
 * Self-paged virtual memory: the program decides what lies at its addresses, and its own fault
 * handler puts it there. Sizes are in bytes and rounded up to pages; addresses are page-aligned.
 * For one thread at a time; threads that share memory take turns by a lock of their own, and must
 * have it bound (vm_populate) before they run without.
 */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* Where addresses are chosen, and the highest that may be asked for. */
#define VM_LOW  ((vaddr_t)0x10000000000)
#define VM_HIGH ((vaddr_t)0x300000000000)

/* Adopts what the program was started with and installs the fault handler.
 * Pre: slots_init(), region_init(), upcall_init(). */
enum err vm_init(void);

/* Fresh memory of zeroes at *va, or, when *va is 0, at an address that is chosen and stored there.
 * `rights` of 0 only keeps the addresses.
 * BAD_ARG: unaligned, of no length, or not below VM_HIGH. IN_USE: something is there already.
 * NO_MEM: no room in the address space or for the book-keeping. */
enum err vm_map(vaddr_t *va, uint64_t bytes, rights_t rights);

/* Shows `count` frames from `pfn` on, bound by `slot` (which must allow `rights`). They are bound
 * at first use and stay the caller's after vm_unmap. Errors as vm_map. */
enum err vm_map_frames(slot_t slot, pfn_t pfn, uint32_t count, vaddr_t *va, rights_t rights);

/* Takes whatever is in the range away; frames of zeroes areas are free again. Holes are no error.
 * BAD_ARG; NO_MEM: an area would have to be split, and no room is left for that. */
enum err vm_unmap(vaddr_t va, uint64_t bytes);

/* Gives the whole range, which must be mapped, new rights. Contents stay, with rights of 0, too.
 * BAD_ARG; NOT_BOUND: part of it is not mapped; NO_MEM as vm_unmap; NO_RIGHT: the frames' slot
 * does not allow it. */
enum err vm_protect(vaddr_t va, uint64_t bytes, rights_t rights);

/* Binds all pages of the range now, so that no fault happens there. BAD_ARG; NOT_BOUND; NO_MEM. */
enum err vm_populate(vaddr_t va, uint64_t bytes);

struct vm_info {
    vaddr_t low, high; /* the area                               */
    rights_t rights;
    bool bound;    /* the page has a frame now               */
    bool accessed; /* as the MMU marked it                   */
    bool dirty;
    pfn_t pfn; /* when bound                             */
};

/* What is known about an address. NOT_BOUND: no area holds it. */
enum err vm_query(vaddr_t va, struct vm_info *info);

/* Does a fault of the given rights at `va` have a cause that can be repaired? Does it. False: it is
 * an error of the program. */
bool vm_repair(vaddr_t va, rights_t need);

/* The kernel took the frames by `slot`: forgets areas that show frames of that slot. Pages of
 * zeroes need no word: the page tables, which the kernel emptied, are their only record. */
void vm_lost(slot_t slot);

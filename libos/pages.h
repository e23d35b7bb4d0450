/*
 * Paged ranges: memory whose paging the program itself decides, down to the trap. A range has a
 * budget of frames; who leaves when it is used up is the program's choice, and where to is a
 * backing store. What is known of its pages is in a page table of either kind (libos/pagetable.h);
 * whether a page was written to is read in the MMU's own table, in place. A range can be shared
 * with another environment copy-on-write. One thread at a time. Beside libos/vm.h, whose addresses
 * must not meet the range's.
 *
 * Invariants. pages_check() tests them all and names the broken one.
 *   G1  a page with a record that says so, and no other, is bound, and to the record's frame
 *   G2  `resident` is the number of such pages, and at most the budget
 */
#pragma once

#include "libos/backing.h"
#include "libos/frame_pool.h"
#include "libos/pagetable.h"
#include "libos/start/cpu.h"
#include "libos/tables.h"

#include "exo/abi/batch.h"
#include "exo/abi/utcb.h"

#define PAGES_LENT_MAX 256u
#define PAGES_NO_TABLE (~(vaddr_t)0) /* in no table of the user's */

/* Bits of page_record.state. */
#define PAGES_RESIDENT 1u /* it has the frame `pfn`                                          */
#define PAGES_COPIED   2u /* the backing store holds what it was when it was read from there */
#define PAGES_SHARED   4u /* the frame is, or was, shown in another environment              */

struct pages;

/* A write to a page of the range that is bound for reading. Runs in the light fault handler
 * (libos/start/integer.h applies; KEEPS_REGISTERS). True: go on with `frame`, which it may change.
 */
typedef bool (*pages_trap_fn)(struct pages *p, struct upcall_frame *frame) KEEPS_REGISTERS;

/* Which page shall leave? Any address in it. An answer that names no resident page is corrected to
 * the next resident one in the order of addresses. */
typedef vaddr_t (*pages_choose_fn)(struct pages *p);

struct pages {
    /* Filled in by the program; what is 0 is not wanted. */
    vaddr_t low, high; /* page-aligned                                                        */
    struct pagetable *table; /* empty, and serving the range                                  */
    uint32_t budget;         /* frames                                                        */
    pages_trap_fn trap;
    pages_choose_fn choose;  /* NULL: in the order of addresses, round and round              */
    struct backing *backing; /* with a block for each page of the range; NULL: none leaves    */
    void *argument;          /* the program's                                                 */

    /* Kept here. */
    uint64_t bytes; /* high - low                                                         */
    uint32_t resident, lent_count;
    uint32_t shared; /* 1: pages may be PAGES_SHARED                                       */
    vaddr_t hand;
    struct frame_run reserve;     /* taken, and not used yet                                      */
    uint64_t ins, outs, copies;   /* pages read in, written out, copied on write                */
    const volatile uint64_t *mmu; /* the MMU's table of the 2 MiB around `mmu_low`               */
    vaddr_t mmu_low;              /* PAGES_NO_TABLE: none yet                                    */
    struct pages *next;
    pfn_t lent[PAGES_LENT_MAX]; /* frames left to another environment                         */
};

/* Begins paging. Pre: libos_setup(). BAD_ARG: the range is empty, unaligned, or at 0; no budget or
 * no table; the backing store has too few blocks. IN_USE: it meets another range. NO_MEM. */
enum err pages_init(struct pages *p);

/* Ends it and frees the frames, but those still shown elsewhere, which stay taken. */
void pages_destroy(struct pages *p);

/* Gives `count` pages from `va` on new rights: RIGHT_READ, or with RIGHT_WRITE. In one kernel call.
 * BAD_ARG: out of the range, more than BATCH_MAX pages, or other rights. NO_MEM: the page table is
 * full; those before have changed. */
enum err pages_protect(struct pages *p, vaddr_t va, uint32_t count, rights_t rights);

/* Was the page at `va`, any address in the range, written to since it was bound? */
bool pages_look_dirty(struct pages *p, vaddr_t va);
static inline bool pages_is_dirty(struct pages *p, vaddr_t va)
{
    if (__builtin_expect((va ^ p->mmu_low) >> TABLE_BITS != 0, 0))
        return pages_look_dirty(p, va);
    return p->mmu[TABLE_INDEX(va)] & CPU_PTE_DIRTY;
}

/* Shows the range to an environment that has nothing there, copy-on-write: both keep what is there
 * now. In that environment pages_adopt() takes it up. The frames stay the caller's: with the caller
 * the other side's pages go, too.
 * BAD_STATE: a page is in the backing store; NO_MEM: more than PAGES_LENT_MAX pages, or no room for
 * page tables; errors of page_bind. After these two a part may be shared. */
enum err pages_share(struct pages *p, slot_t env);

/* Takes up what another environment shared into the range. Pre: pages_init(), nothing touched.
 * NO_MEM: more pages than the budget or the page table allow. */
enum err pages_adopt(struct pages *p);

/* Gives `count` frames of all ranges back to libos/frames.h, as far as pages can leave before the
 * time-stamp counter is at `deadline`: frames not in use, then pages as the ranges choose them,
 * whose budget falls with them. Returns how many. Not from within the ranges' own functions. */
uint32_t pages_surrender(uint32_t count, uint64_t deadline);

/* The kernel took frames by `slot`: pages that were in them hold what their backing store has of
 * them, or zeroes. */
void pages_lost(slot_t slot);

/* NULL when G1 and G2 hold, else a sentence that begins with the broken invariant's name. */
const char *pages_check(const struct pages *p);

/* For the files of this module: binds frame `pfn` at `va` by `slot`, with page tables as needed. */
enum err pages_bind(slot_t env, slot_t slot, vaddr_t va, pfn_t pfn, rights_t rights);

/* The same: repairs a write to a page that is PAGES_SHARED. */
bool pages_unshare(struct pages *p, struct page_record *record);

/* The same: the ranges, by `next`. */
struct pages *pages_ranges(void);

/* The same: a frame for the range, from the reserve, new, or by eviction. */
bool pages_take_frame(struct pages *p, pfn_t *pfn, slot_t *slot, bool *zero);

/* The same: where a frame is filled before it is shown. */
#define PAGES_SCRATCH ((vaddr_t)0x303000000000)

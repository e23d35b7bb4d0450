/*
 * A member's memory: areas, which are its own, and the pages in them, of which the page tables are
 * the only record. Frames come from the pool. A page that another member may see too, since a fork,
 * is copied at the first write, and the last who sees it writes in place: the frame table says how
 * many do. A page whose area allows nothing keeps its frame in a note in the empty entry.
 *
 * Addresses and sizes are whole pages. False: out of memory; nothing has changed, unless said.
 */
#pragma once

#include "libos/start/cpu.h"
#include "libos-posix/family/family.h"

#pragma GCC visibility push(hidden)

/* What is noted in an empty entry: frame, and that there is one. */
#define SPACE_HIDDEN           ((uint64_t)2)
#define SPACE_NOTE(frame)      ((uint64_t)(frame) << PAGE_BITS | SPACE_HIDDEN)
#define SPACE_SHOWN            ((uint64_t)1 << 10) /* note of a page of the arena */
#define SPACE_IS_HIDDEN(entry) (((entry) & (CPU_PTE_PRESENT | SPACE_HIDDEN)) == SPACE_HIDDEN)

/* Pages that were there before the process: the image and its blocks are known without. */
bool space_map(vaddr_t va, uint64_t bytes, rights_t rights);
bool space_protect(vaddr_t va, uint64_t bytes, rights_t rights);
bool space_unmap(vaddr_t va, uint64_t bytes);

/* A process without areas begins, in an environment that may have kept pages of another; each that
 * fits into an area that is made from then on is made what it is to begin as, and the others go: at
 * once or, outside of all areas, with space_settle(). */
void space_renew(void);
void space_settle(void);

/* Gives the pages back, and keeps the area. */
void space_discard(vaddr_t va, uint64_t bytes);

/* Shows pages of the arena. */
bool space_show(vaddr_t va, vaddr_t core, uint64_t bytes, rights_t rights);

/* Pages that begin as those of a file of the arena, from `index` on, and stay there meanwhile: as
 * space_look says of each, at its first use. It is posix_page of the core. */
bool space_lend(vaddr_t va, uint64_t bytes, rights_t rights, const void *file, uint64_t index);
extern const void *(*space_look)(const void *file, uint64_t index, size_t *bytes);

/* Keeps other threads of the process from changing its memory. Faults may come while their own
 * thread changes something: then it has the lock already, which is false, and handed to
 * space_unlock. */
bool space_lock(void);
void space_unlock(bool taken);

/* A fault of this thread: true when its cause is gone. Runs on the stack of faults, and touches
 * bound memory only. */
bool space_fault(struct libos_regs *regs);

/* Is there no memory any more, so that a fault was not repaired that could be? */
bool space_is_exhausted(vaddr_t va, rights_t need);

/* The entry of level 1 for an address of `member`; NULL: there is no table. */
const volatile uint64_t *space_entry(uint32_t member, vaddr_t va);

/* Takes up to `want` frames, remembered as the task's until space_let_go(). 0: none is left. */
uint32_t space_take(uint32_t task, uint32_t want, pfn_t *first, bool *zero);
void space_let_go(uint32_t task);

/* How often a frame of the pool is bound. Where the kernel hides tables of owners it is asked. */
uint32_t space_bindings(pfn_t frame);

/* Do others see a private page that has this entry, too? Makes a page that they see the process'
 * own: it is copied, at another frame. False: no memory. Pre: space_lock(). */
bool space_is_common(uint64_t pte);
bool space_own(vaddr_t page);

/* Gives a frame of the pool back that had `mark` when it was used, if nobody uses it now. */
void space_give(pfn_t frame, uint32_t mark);

/* Pages side by side of one table, in use: entries [index, end) hold the next such at *index.
 * Returns how many, up to `most`; 0: none. */
uint32_t space_next(const volatile uint64_t *table, uint32_t *index, uint32_t end, uint32_t most);
#pragma GCC visibility pop

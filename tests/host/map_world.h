/* What tests of map and grant items share: a giver with pages in a row, and a taker. */
#pragma once

#include "tests/host/kernel_ipc.h"

#define FRAMES   40u
#define PAGES    64u
#define SOURCE   ((vaddr_t)0x10040000) /* 64 pages of its, aligned to their size */
#define TARGET   ((vaddr_t)0x10080000) /* the taker has a table                 */
#define FAR      ((vaddr_t)0x8000000000)
#define COMPLETE FPAGE_COMPLETE
#define RIGHTS   (FPAGE_READ | FPAGE_WRITE)

extern struct party giver, taker;
extern pfn_t pfn; /* of the first of its pages */

int map_set_up(void **state);
word_t fpage(vaddr_t base, unsigned bits, word_t rwx);

/* Pages of the taker from `va` on that show the giver's frames in order, beginning with frame
 * `first`. */
unsigned run_at(vaddr_t va, uint32_t first);

/* One map item of the giver for the taker. */
bool map(word_t place, word_t page, word_t window);

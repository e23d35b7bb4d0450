/* Where pages go when their frames are wanted: blocks of PAGE_SIZE, by number. */
#pragma once

#include "exo/abi/error.h"
#include "exo/abi/types.h"

/* Both functions are called from fault handlers: they touch bound memory only. */
struct backing {
    uint32_t blocks;
    enum err (*read)(struct backing *b, uint32_t block, void *page);
    enum err (*write)(struct backing *b, uint32_t block, const void *page);
};

/* Memory as a backing store: for what is kept off the budget of a paged range, and for tests. */
struct backing_ram {
    struct backing backing;
    vaddr_t memory;
    uint64_t reads, writes;
};

/* Pre: vm_init(). BAD_ARG: no blocks; NO_MEM. */
enum err backing_ram_init(struct backing_ram *ram, uint32_t blocks);
void backing_ram_destroy(struct backing_ram *ram);

/* Memory before there are regions: the boot map, and frames taken from it for ever. */
#pragma once

#include "exo/abi/types.h"
#include "exo/arch/upward.h"

struct boot_range {
    paddr_t base; /* bytes, page-aligned */
    paddr_t end;  /* first byte behind   */
};

/* Notes usable memory [base, base + bytes); call in ascending order. Ranges beyond the sixteenth
 * and memory above 64 GiB are not used. */
void boot_mem_add(paddr_t base, paddr_t bytes);

/* Takes [base, base + bytes) out of what was added. */
void boot_mem_reserve(paddr_t base, paddr_t bytes);

/* boot_frames, which takes frames for ever, is declared in exo/arch/upward.h. */

/* The same, with what was in them: for who writes each word. */
paddr_t boot_frames_dirty(uint32_t count);

/* What is left. Returns how many ranges `*ranges` has. */
unsigned boot_mem_rest(const struct boot_range **ranges);

/* First frame number behind the highest usable memory. */
pfn_t boot_mem_top(void);

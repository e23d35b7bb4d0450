/* What disk_life.c and drive_life.c write for the next life, and how they judge what they read. */
#pragma once

#include "exo/abi/disk.h"

#define LIFE_FIRST 10u /* blocks from here on are durable; each byte is its block's number */
#define LIFE_COUNT 8u
#define LIFE_PAGES (LIFE_COUNT + 2) /* with the blocks before and behind, which are zero */

/* Fills LIFE_COUNT pages with what belongs to the blocks. */
void life_fill(void *pages);

/* Wrong bytes in LIFE_PAGES pages that were read from the block before the first on. */
uint32_t life_judge(const void *pages);

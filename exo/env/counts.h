/* What happened for each environment on each CPU, exported (kinfo.h). */
#pragma once

#include "exo/abi/kinfo.h"

/* CPUs that have records, and the bytes of the records of all environments there. */
extern unsigned counts_cpus;
#define COUNTS_BYTES(cpus) ((size_t)ENV_MAX * (cpus) * sizeof(struct env_counts))

/* Boot, once: they lie in `table`, zeroed. */
void counts_init(struct env_counts *table, unsigned cpus);

/* The record of environment `number` (0: those that have ended) on `cpu`. */
struct env_counts *counts_at(uint32_t number, unsigned cpu);

/* It has ended: what was counted is nobody's. Under the forest lock. */
void counts_end(uint32_t number);

/* Where the prover's memory comes from: the C library, or the heap of a library OS (libos-graft/).
 */
#pragma once

#include <stddef.h>

/* Memory of zeroes, aligned for anything; NULL: there is none. */
void *prover_memory_take(size_t bytes);
void prover_memory_give(void *memory);

/* The prover's memory in the host command and in tests: the C library's. */
#include "grafts/prover/memory.h"

#include <stdlib.h>

void *prover_memory_take(size_t bytes)
{
    return calloc(1, bytes);
}

void prover_memory_give(void *memory)
{
    free(memory);
}

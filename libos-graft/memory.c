/* The prover's memory in a library OS: its heap. */
#include "grafts/prover/memory.h"

#include "libos/heap.h"

void *prover_memory_take(size_t bytes)
{
    return heap_alloc_zero(1, bytes);
}

void prover_memory_give(void *memory)
{
    heap_free(memory);
}

/* Counts calls by their last bits: a call of a function, a loop, global data and a map, to be
 * loaded by a guest. */
#include "grafts/include/graft_helpers.h"
#include "tests/vectors/bpf/load/calls.h"

MAP(counts, GRAFT_MAP_ARRAY, uint32_t, uint64_t, CALLS_KINDS);

volatile uint32_t self = 1; /* global data: a map of one entry that does not begin as zeros */

uint64_t calls(const struct graft_system_call *c);

static __attribute__((noinline)) uint64_t all(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < CALLS_KINDS; i++) {
        uint64_t *n = map_lookup_elem(&counts, &i);
        if (n)
            sum += *n;
    }
    return sum;
}

GRAFT(system_call) uint64_t calls(const struct graft_system_call *c)
{
    uint32_t kind = (uint32_t)c->number & (CALLS_KINDS - 1);
    uint64_t *n = map_lookup_elem(&counts, &kind);

    if (c->number == CALLS_SUM)
        return all();
    if (n)
        *n += 1;
    return CALLS_ANSWER(1, self);
}

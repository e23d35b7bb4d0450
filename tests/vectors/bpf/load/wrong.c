/* Refused: what a map has for a key is used without a look whether it is there. */
#include "grafts/include/graft_helpers.h"

MAP(counts, GRAFT_MAP_HASH, uint32_t, uint64_t, 16);

uint64_t wrong(const struct graft_system_call *c);

GRAFT(system_call) uint64_t wrong(const struct graft_system_call *c)
{
    uint32_t kind = (uint32_t)c->number;
    uint64_t *n = map_lookup_elem(&counts, &kind);

    return *n; /* line 13 */
}

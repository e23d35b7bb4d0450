/* The least that a predicate on waiting can do: any bit wakes, as without a graft. */
#include "grafts/include/graft_helpers.h"

uint64_t wake_any(const struct graft_wake_up *w);

GRAFT(wake_up) uint64_t wake_any(const struct graft_wake_up *w)
{
    (void)w;
    return 1;
}

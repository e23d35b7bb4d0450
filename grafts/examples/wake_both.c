/* A predicate on waiting: the thread goes on when both of two bits are raised, and not for one. */
#include "grafts/include/graft_helpers.h"

#define BOTH 3u

uint64_t wake_both(const struct graft_wake_up *w);

GRAFT(wake_up) uint64_t wake_both(const struct graft_wake_up *w)
{
    return (w->raised & BOTH) == BOTH;
}

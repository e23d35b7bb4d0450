/* Clean pages first: of what is taken by force, what the libOS has marked as clean goes before what
 * would have to be written out; the highest slot first. */
#include "grafts/examples/marks.h"
#include "grafts/include/graft_helpers.h"

struct marks {
    uint8_t slot[4096]; /* enum mark */
};
MAP(marks, GRAFT_MAP_WINDOW, uint32_t, struct marks, 1);

uint64_t reclaim_clean(const struct graft_reclaim *r);

GRAFT(reclaim) uint64_t reclaim_clean(const struct graft_reclaim *r)
{
    uint32_t key = 0;
    const struct marks *m = map_lookup_elem(&marks, &key);

    if (!m)
        return r->position;
    for (uint32_t i = MARK_SLOTS; i-- > 0;)
        if (m->slot[i] == MARK_CLEAN)
            return i;
    return r->position;
}

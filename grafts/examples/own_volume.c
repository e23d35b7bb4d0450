/* Which blocks a volume block owns: the roots of its file systems. */
#include "grafts/examples/small_fs.h"
#include "grafts/include/graft_helpers.h"

#define ROOT_OF_A_TREE 255u /* TREE_ROOT of exo/abi/tree.h */

uint64_t own_volume(const struct graft_ownership *o);

GRAFT(ownership) uint64_t own_volume(const struct graft_ownership *o)
{
    const struct small_volume *v = (const void *)(uintptr_t)o->data;

    if ((uint64_t)(v + 1) > o->data_end || v->magic != SMALL_VOLUME_MAGIC)
        return 1;
    for (uint32_t i = 0; i < SMALL_ROOTS; i++)
        if (v->roots[i])
            owns(v->roots[i], 1, ROOT_OF_A_TREE);
    return 0;
}

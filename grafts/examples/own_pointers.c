/* Which blocks a block of pointers owns: each that it names. */
#include "grafts/examples/small_fs.h"
#include "grafts/include/graft_helpers.h"

uint64_t own_pointers(const struct graft_ownership *o);

GRAFT(ownership) uint64_t own_pointers(const struct graft_ownership *o)
{
    const struct small_pointers *b = (const void *)(uintptr_t)o->data;

    if ((uint64_t)(b + 1) > o->data_end)
        return 1;
    for (uint32_t i = 0; i < SMALL_POINTER_COUNT; i++)
        if (b->to[i])
            owns(b->to[i], 1, 0);
    return 0;
}

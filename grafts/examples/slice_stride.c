/* Stride scheduling where slices begin: the thread with the lowest pass is next, and its pass grows
 * by its stride. The libOS fills the table, and may at any time. */
#include "grafts/examples/stride.h"
#include "grafts/include/graft_helpers.h"

MAP(table, GRAFT_MAP_ARRAY, uint32_t, struct stride, 1);

uint64_t slice_stride(const struct graft_slice *slice);

GRAFT(slice_end) uint64_t slice_stride(const struct graft_slice *slice)
{
    uint32_t key = 0;
    struct stride *s = map_lookup_elem(&table, &key);
    struct stride_thread *next = 0;

    (void)slice;
    if (!s)
        return 0;
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < STRIDE_THREADS; i++) {
        struct stride_thread *t = &s->threads[i];
        if (t->number && (!next || t->pass < next->pass))
            next = t;
    }
    if (!next)
        return 0;
    next->pass += next->stride;
    next->count++;
    return next->number;
}

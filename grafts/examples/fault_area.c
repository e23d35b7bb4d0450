/* Pages at first touch: an area of addresses is shown frames of one capability, in their order. The
 * libOS says where and which in memory that both see, and may at any time. */
#include "grafts/examples/fault_area.h"
#include "grafts/include/graft_helpers.h"

#define PAGE_BITS 12

volatile struct fault_area area; /* a map of one entry */

uint64_t fault_area(const struct graft_page_fault *f);

GRAFT(page_fault) uint64_t fault_area(const struct graft_page_fault *f)
{
    uint64_t offset = f->address - area.begin;

    if (offset >= area.bytes)
        return GRAFT_FAULT_DEFAULT;
    return GRAFT_FAULT_BIND_OF(area.slot, offset >> PAGE_BITS, area.rights);
}

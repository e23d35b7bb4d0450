/* Tells the owner of a disk ring when the last of its requests is done, and not of each. */
#include "grafts/include/graft_helpers.h"

uint64_t disk_last(const struct graft_disk_done *d);

GRAFT(disk_done) uint64_t disk_last(const struct graft_disk_done *d)
{
    return d->in_flight == 0;
}

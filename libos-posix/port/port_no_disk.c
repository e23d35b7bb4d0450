/* For platforms and programs without a disk. */
#include "libos-posix/port.h"

bool port_disk_get(unsigned disk, struct port_disk *out)
{
    (void)disk;
    *out = (struct port_disk){0};
    return false;
}

bool port_disk_move(unsigned disk, bool write, const struct port_disk_move *list, size_t count)
{
    (void)disk, (void)write, (void)list, (void)count;
    return false;
}

bool port_disk_flush(unsigned disk)
{
    (void)disk;
    return false;
}

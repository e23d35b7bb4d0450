/* Fake: the disk of disk.h under the kernel's own disk rings. */
#include "tests/host/fakes/disk.h"

#include "exo/base/assert.h"

struct fake_disk fake_disk = {.room = 64};

void fake_disk_reset(void)
{
    fake_disk = (struct fake_disk){.room = 64};
}

bool disk_present(void)
{
    return !fake_disk.absent;
}

uint32_t disk_blocks(void)
{
    return FAKE_DISK_BLOCKS;
}

bool disk_read_only(void)
{
    return false;
}

bool disk_is_cached(void)
{
    return !fake_disk.uncached;
}

bool disk_submit(const struct disk_request *r, uint32_t cookie)
{
    ASSERT(r->block <= FAKE_DISK_BLOCKS && r->count <= FAKE_DISK_BLOCKS - r->block);
    ASSERT(fake_disk.given < sizeof fake_disk.cookies / sizeof fake_disk.cookies[0]);
    if (fake_disk.absent || fake_disk.given - fake_disk.finished >= fake_disk.room)
        return false;
    fake_disk.requests[fake_disk.given] = *r;
    fake_disk.cookies[fake_disk.given++] = cookie;
    return true;
}

void disk_push(void)
{
    fake_disk.pushes++;
}

void fake_disk_finishes(enum disk_result result)
{
    ASSERT(fake_disk.finished < fake_disk.given);
    hook_disk_done(fake_disk.cookies[fake_disk.finished++], result);
}

void disk_poll(void)
{
    while (fake_disk.eager && fake_disk.finished < fake_disk.given)
        fake_disk_finishes(DISK_RESULT_OK);
}

void disk_restart(void)
{
    fake_disk.restarts++;
    fake_disk.absent |= fake_disk.broken;
    for (unsigned end = fake_disk.given; fake_disk.finished < end;)
        fake_disk_finishes(DISK_RESULT_STOPPED);
}

/* Blocks of the disk as a backing store: a page at a time, waited for. */
#include "libos/backing_disk.h"

#include "libos/string.h"

_Static_assert(DISK_BLOCK_BYTES == PAGE_SIZE, "a page is a block");

#define DISK_PAGE 0u /* of the ring: the one that pages go through */

static enum err disk_in(struct backing *b, uint32_t block, void *page)
{
    struct backing_disk *d = (struct backing_disk *)b;

    if (block >= b->blocks)
        return ERR_BAD_ARG;
    enum err e = disk_read(&d->disk, d->first + block, 1, DISK_PAGE);
    if (e == ERR_OK)
        memcpy(page, disk_page(&d->disk, DISK_PAGE), PAGE_SIZE);
    return e;
}

static enum err disk_out(struct backing *b, uint32_t block, const void *page)
{
    struct backing_disk *d = (struct backing_disk *)b;

    if (block >= b->blocks)
        return ERR_BAD_ARG;
    memcpy(disk_page(&d->disk, DISK_PAGE), page, PAGE_SIZE);
    return disk_write(&d->disk, d->first + block, 1, DISK_PAGE);
}

enum err backing_disk_init(struct backing_disk *b, slot_t extent, uint32_t first, uint32_t blocks)
{
    if (!blocks || first > UINT32_MAX - blocks)
        return ERR_BAD_ARG;
    *b = (struct backing_disk){.backing = {blocks, disk_in, disk_out}, .first = first};
    return disk_open(&b->disk, extent, 1);
}

void backing_disk_destroy(struct backing_disk *b)
{
    disk_close(&b->disk);
}

/* A disk of one's own as a backing store: a page at a time, waited for. */
#include "libos/backing_drive.h"

#include "libos/string.h"

#define PAGE 0u /* of the drive */

static enum err drive_in(struct backing *b, uint32_t block, void *page)
{
    struct backing_drive *d = (struct backing_drive *)b;

    if (block >= b->blocks)
        return ERR_BAD_ARG;
    enum err e = drive_read(d->drive, d->first + block, 1, PAGE);
    if (e == ERR_OK)
        memcpy(page, drive_page(d->drive, PAGE), PAGE_SIZE);
    return e;
}

static enum err drive_out(struct backing *b, uint32_t block, const void *page)
{
    struct backing_drive *d = (struct backing_drive *)b;

    if (block >= b->blocks)
        return ERR_BAD_ARG;
    memcpy(drive_page(d->drive, PAGE), page, PAGE_SIZE);
    return drive_write(d->drive, d->first + block, 1, PAGE);
}

enum err backing_drive_init(struct backing_drive *b, struct drive *drive, uint32_t first,
                            uint32_t blocks)
{
    if (!blocks || blocks > drive->blocks || first > drive->blocks - blocks || !drive->pages)
        return ERR_BAD_ARG;
    if (drive->read_only)
        return ERR_NO_RIGHT;
    *b = (struct backing_drive){{blocks, drive_in, drive_out}, drive, first};
    return ERR_OK;
}

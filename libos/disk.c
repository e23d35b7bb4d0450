/* Disk rings from their owner's side. */
#include "libos/disk.h"

#include "libos/call.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/vm.h"

#define BIT ((word_t)1) /* of the notification */

static volatile struct disk_header *header_of(const struct disk *d)
{
    return (volatile struct disk_header *)d->va;
}

static enum err make_memory(struct disk *d, uint32_t frames)
{
    enum err e = region_frames(frames, &d->frames, &d->first);

    if (e == ERR_OK)
        e = vm_map_frames(d->frames, d->first, frames, &d->va, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = vm_populate(d->va, frames * PAGE_SIZE);
    if (e == ERR_OK)
        memset((void *)d->va, 0, PAGE_SIZE);
    return e;
}

static enum err make_ring(struct disk *d, slot_t extent)
{
    pfn_t frame;
    enum err e = notify_new(&d->notification);

    if (e)
        return e;
    header_of(d)->notify_bits = BIT;
    e = slot_take(&d->ring);
    if (e)
        return e;
    e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_disk_ring_create(extent, SLOT_MEMORY, frame, d->frames, d->notification, d->ring);
    if (e) {
        slot_give(d->ring);
        d->ring = SLOT_NONE;
    }
    return e;
}

enum err disk_open(struct disk *d, slot_t extent, uint32_t pages)
{
    *d = (struct disk){.pages = pages};
    enum err e = make_memory(d, 1 + pages);

    if (e == ERR_OK)
        e = make_ring(d, extent);
    if (e)
        disk_close(d);
    return e;
}

void disk_close(struct disk *d)
{
    uint32_t frames = 1 + d->pages;

    if (d->ring)
        slot_delete(d->ring);
    if (d->notification)
        slot_delete(d->notification);
    if (d->va)
        vm_unmap(d->va, frames * PAGE_SIZE);
    if (d->frames)
        region_give_frames(d->frames, d->first, frames);
    *d = (struct disk){0};
}

void *disk_page(const struct disk *d, uint32_t page)
{
    return (void *)(d->va + PAGE_SIZE + page * PAGE_SIZE);
}

enum err disk_post(struct disk *d, enum disk_op op, uint32_t block, uint32_t count, uint32_t page,
                   uint32_t *ticket)
{
    volatile struct disk_header *h = header_of(d);
    uint32_t posted = h->posted;
    volatile struct disk_slot *slot = &h->slots[posted % DISK_SLOTS];

    if (page > d->pages || count > d->pages - page)
        return ERR_BAD_ARG;
    if (posted - __atomic_load_n(&h->done, __ATOMIC_ACQUIRE) >= DISK_SLOTS)
        return ERR_IN_USE;
    slot->offset = op == DISK_FLUSH ? 0 : PAGE_SIZE + page * PAGE_SIZE;
    slot->block = block;
    slot->count = count;
    slot->op = op;
    slot->state = 0;
    *ticket = posted;
    __atomic_store_n(&h->posted, posted + 1, __ATOMIC_RELEASE);
    return ERR_OK;
}

enum err disk_kick(struct disk *d)
{
    return exo_disk_kick(d->ring);
}

uint32_t disk_state(const struct disk *d, uint32_t ticket)
{
    return __atomic_load_n(&header_of(d)->slots[ticket % DISK_SLOTS].state, __ATOMIC_ACQUIRE);
}

enum err disk_wait(struct disk *d, uint32_t ticket)
{
    while (!disk_state(d, ticket)) {
        enum err e = disk_kick(d);
        if (e == ERR_OK && !disk_state(d, ticket))
            e = notify_until(d->notification, BIT, FOREVER, NULL);
        if (e && !disk_state(d, ticket))
            return e;
    }
    static const uint8_t errors[] = {[DISK_DONE] = ERR_OK,
                                     [DISK_BAD] = ERR_BAD_ARG,
                                     [DISK_ORDER] = ERR_IN_USE,
                                     [DISK_MALFORMED] = ERR_BAD_GRAFT,
                                     [DISK_OWNER] = ERR_NO_RIGHT};
    uint32_t state = disk_state(d, ticket);
    bool known = state < sizeof errors && state != DISK_FAILED;
    return known ? (enum err)errors[state] : ERR_BAD_STATE;
}

static enum err run(struct disk *d, uint32_t op, uint32_t block, uint32_t count, uint32_t page)
{
    uint32_t ticket;
    enum err e = disk_post(d, (enum disk_op)op, block, count, page, &ticket);

    return e ? e : disk_wait(d, ticket);
}

enum err disk_read(struct disk *d, uint32_t block, uint32_t count, uint32_t page)
{
    return run(d, DISK_READ, block, count, page);
}

enum err disk_write(struct disk *d, uint32_t block, uint32_t count, uint32_t page)
{
    return run(d, DISK_WRITE, block, count, page);
}

enum err disk_write_as(struct disk *d, uint32_t type, uint32_t block, uint32_t page)
{
    return run(d, DISK_OF(DISK_WRITE, type), block, 1, page);
}

enum err disk_flush(struct disk *d)
{
    return run(d, DISK_FLUSH, 0, 0, 0);
}

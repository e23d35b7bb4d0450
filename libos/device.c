/* A device of one's own: its registers, its memory, its messages. */
#include "libos/device.h"

#include "libos/book.h"
#include "libos/notify.h"
#include "libos/string.h"
#include "libos/vm.h"

/* I/O address 0 is nobody's, so that one that was forgotten is noticed. */
#define FIRST_ADDRESS PAGE_SIZE

#define TABLE_PAGES 512u /* that one I/O page table maps */
_Static_assert(TABLE_PAGES <= DEVICE_MAP_MAX, "one call fills a table");

bool device_is_stopped(const struct device *d)
{
    return device_info(d)->faults != d->faults;
}

enum err device_find(uint16_t vendor, uint16_t product, uint32_t from, uint32_t *function)
{
    for (uint32_t i = from; i < KINFO->device_count; i++) {
        const volatile struct device_info *info = device_entry(i);
        if (info->vendor == vendor && info->device == product && info->state == DEVICE_FREE) {
            *function = i;
            return ERR_OK;
        }
    }
    return ERR_NO_DEVICE;
}

bool device_is_confined(void)
{
    return KINFO->iommu;
}

enum err device_open(struct device *d, slot_t pci, uint32_t function)
{
    pfn_t base;
    slot_t slot;

    *d = (struct device){.function = function, .next_address = FIRST_ADDRESS};
    enum err e = slot_take(&slot);
    if (e)
        return e;
    e = region_find(DEVICE_FRAMES, &base);
    if (e == ERR_OK)
        e = exo_device_open(pci, function, SLOT_MEMORY, base, slot);
    if (e) {
        slot_give(slot);
        return e;
    }
    d->slot = slot;
    d->faults = device_info(d)->faults;
    e = notify_new(&d->notification);
    if (e) {
        d->notification = SLOT_NONE;
        device_close(d);
    }
    return e;
}

void device_close(struct device *d)
{
    for (unsigned i = 0; i < d->window_count; i++) {
        vm_unmap(d->windows[i].va, d->windows[i].pages * PAGE_SIZE);
        slot_delete(d->windows[i].slot);
    }
    if (d->notification)
        slot_delete(d->notification);
    if (d->slot)
        slot_delete(d->slot);
    *d = (struct device){.slot = SLOT_NONE};
}

uint32_t device_config(const struct device *d, unsigned offset)
{
    word_t value = 0;

    return exo_device_config_read_get(d->slot, offset, &value) ? UINT32_MAX : (uint32_t)value;
}

enum err device_show(struct device *d, unsigned bar, uint64_t offset, uint64_t bytes,
                     volatile uint8_t **at)
{
    uint64_t size = bar < DEVICE_BARS ? device_info(d)->bar_bytes[bar] : 0;
    uint64_t into = offset % PAGE_SIZE;

    if (!bytes || offset > size || bytes > size - offset)
        return ERR_BAD_ARG;
    if (d->window_count == DEVICE_WINDOWS)
        return ERR_NO_MEM;
    uint32_t pages = (uint32_t)((into + bytes + PAGE_SIZE - 1) / PAGE_SIZE);
    slot_t slot;
    vaddr_t va = 0;
    word_t first = 0;
    enum err e = slot_take(&slot);
    if (e)
        return e;
    e = exo_device_window_get(d->slot, bar, (uint32_t)(offset / PAGE_SIZE), pages, slot, &first);
    if (e) {
        slot_give(slot);
        return e;
    }
    e = vm_map_frames(slot, (pfn_t)first, pages, &va, RIGHT_READ | RIGHT_WRITE);
    if (e) {
        slot_delete(slot);
        return e;
    }
    d->windows[d->window_count].slot = slot;
    d->windows[d->window_count].va = va;
    d->windows[d->window_count++].pages = pages;
    *at = (volatile uint8_t *)va + into;
    return vm_populate(va, pages * PAGE_SIZE);
}

/* Puts the I/O page tables that are missing on the way to `address`. */
static enum err make_tables(const struct device *d, uint64_t address)
{
    pfn_t frame;
    enum err e;

    do {
        e = region_find(TABLE_FRAMES, &frame);
        if (e == ERR_OK)
            e = exo_device_table(d->slot, SLOT_MEMORY, frame, address);
    } while (e == ERR_OK);
    return e == ERR_IN_USE ? ERR_OK : e; /* none is missing any more */
}

/* Lets the device reach all of it, one table's part at a time. */
static enum err map(const struct device *d, const struct device_memory *m)
{
    uint32_t part;

    for (uint32_t done = 0; done < m->count; done += part) {
        uint64_t address = m->address + done * PAGE_SIZE;
        part = TABLE_PAGES - (uint32_t)(address / PAGE_SIZE % TABLE_PAGES);
        part = part < m->count - done ? part : m->count - done;
        enum err e = make_tables(d, address);
        if (e == ERR_OK)
            e = exo_device_map(d->slot, m->frames, m->first + done, part, address,
                               RIGHT_READ | RIGHT_WRITE);
        if (e)
            return e;
    }
    return ERR_OK;
}

enum err device_memory_make(struct device *d, uint32_t frames, struct device_memory *memory)
{
    *memory = (struct device_memory){.count = frames, .address = d->next_address};
    enum err e = region_frames(frames, &memory->frames, &memory->first);

    if (e == ERR_OK)
        e = vm_map_frames(memory->frames, memory->first, frames, &memory->va,
                          RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = vm_populate(memory->va, frames * PAGE_SIZE);
    if (e == ERR_OK) {
        memset((void *)memory->va, 0, frames * PAGE_SIZE);
        e = map(d, memory);
    }
    if (e)
        device_memory_free(memory);
    else
        d->next_address += frames * PAGE_SIZE;
    return e;
}

void device_memory_free(struct device_memory *memory)
{
    if (memory->va)
        vm_unmap(memory->va, memory->count * PAGE_SIZE);
    if (memory->frames) /* what the device could do with them is derived from their capability */
        region_give_frames(memory->frames, memory->first, memory->count);
    *memory = (struct device_memory){.frames = SLOT_NONE};
}

enum err device_listen(struct device *d, uint32_t vector, word_t bits)
{
    uint32_t cpu = vector == DEVICE_FAULT_VECTOR ? 0 : (uint32_t)*book_tcr(TCR_PROCESSOR);

    exo_device_interrupt(d->slot, vector, SLOT_NONE, 0, 0); /* of who listened before */
    return exo_device_interrupt(d->slot, vector, d->notification, bits, cpu);
}

enum err device_wait(struct device *d, word_t bits, uint64_t deadline, word_t *got)
{
    return notify_until(d->notification, bits, deadline, got);
}

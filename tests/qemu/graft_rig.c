/* Maps and grafts for guest tests. */
#include "tests/qemu/graft_rig.h"

#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "libos/archive.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/vm.h"
#include "tests/qemu/tap.h"

#define OWN_FRAMES 8u /* enough for small maps in frames of the kernel's */

static struct archive archive;

bool graft_rig_begin(void)
{
    return archive_map(&archive) == ERR_OK;
}

static slot_t take_slot(void)
{
    slot_t slot = SLOT_NONE;

    slot_take(&slot);
    return slot;
}

slot_t make_map(struct graft_map_def def, uint32_t pages, slot_t note, vaddr_t *va)
{
    struct graft_map_load l = {
        .def = def, .frames = SLOT_NONE, .notification = note, .bits = GRAFT_RIG_TOLD};
    slot_t slot = take_slot();
    pfn_t first, frame = 0;

    if (pages) {
        region_frames(pages, &l.frames, &first);
        vm_map_frames(l.frames, first, pages, va, RIGHT_READ | RIGHT_WRITE);
        vm_populate(*va, pages * PAGE_SIZE);
    }
    region_find(pages ? 1 : OWN_FRAMES, &frame);
    tap_is(exo_graft_map_create(SLOT_MEMORY, frame, slot, (vaddr_t)&l), ERR_OK, "make a map");
    return slot;
}

slot_t make_graft(const char *name, uint32_t hook, const slot_t *maps, uint32_t count)
{
    struct archive_entry e;
    struct graft_report report = {0};
    slot_t slot = take_slot();
    pfn_t frame = PFN_ANY;

    if (archive_find(&archive, name, &e) != ERR_OK)
        return SLOT_NONE;
    for (size_t i = 0; i < e.bytes; i++)
        (void)*(const volatile uint8_t *)(e.data + i); /* bound before the kernel reads it */
    const struct graft_load l = {.object = (vaddr_t)e.data,
                                 .bytes = e.bytes,
                                 .report = (vaddr_t)&report,
                                 .hook = hook,
                                 .map_count = count,
                                 .maps = (vaddr_t)maps};
    region_find(GRAFT_FRAMES(e.bytes), &frame);
    tap_is(exo_graft_create(SLOT_MEMORY, frame, slot, (vaddr_t)&l), ERR_OK, name);
    if (report.reason)
        tap_note("refused: reason %u, instruction %u", report.reason, report.instruction);
    return slot;
}

/* Its public record; one of nothing when there is none. */
static struct object_info record_of(slot_t graft)
{
    struct object_info o;

    for (uint32_t i = OBJECT_GRAFTS; i < OBJECT_MAX; i++) {
        book_read(INFO_OBJECTS, i, 1, &o);
        if (o.frame == slot_cap(graft)->base && o.kind == CAP_GRAFT)
            return o;
    }
    return (struct object_info){0};
}

uint64_t runs_of(slot_t graft)
{
    return record_of(graft).counts[COUNT_RUNS];
}

uint8_t state_of(slot_t graft)
{
    return record_of(graft).state;
}

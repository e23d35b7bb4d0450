/* Grafts and their maps for experiments. */
#include "tests/lab/graft_tools.h"

#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/vm.h"
#include "tests/lab/graft_object.h"
#include "tests/lab/lab.h"

#define KERNEL_FRAMES 8u /* of a small map */
#define LOAD_LONG     0x18
#define EXIT          0x95

enum err lab_graft_create(slot_t slot, const void *at, size_t bytes, uint32_t hook,
                          const slot_t *maps, uint32_t count, struct graft_report *report)
{
    const struct graft_load l = {.object = (vaddr_t)at,
                                 .bytes = bytes,
                                 .report = (vaddr_t)report,
                                 .hook = hook,
                                 .map_count = count,
                                 .maps = (vaddr_t)maps};
    pfn_t frame = PFN_ANY;

    region_find(GRAFT_FRAMES(bytes), &frame);
    return exo_graft_create(SLOT_MEMORY, frame, slot, (vaddr_t)&l);
}

slot_t lab_graft(const struct archive *a, const char *name, uint32_t hook, slot_t map)
{
    return lab_graft_of(a, name, hook, &map, map != SLOT_NONE);
}

slot_t lab_graft_of(const struct archive *a, const char *name, uint32_t hook, const slot_t *maps,
                    uint32_t count)
{
    static struct graft_report report;
    struct archive_entry e;
    slot_t slot;

    if (archive_find(a, name, &e) || slot_take(&slot))
        lab_fail(name, ERR_BAD_ARG);
    for (size_t i = 0; i < e.bytes; i++)
        (void)*(const volatile uint8_t *)(e.data + i); /* bound before the kernel reads it */
    enum err err = lab_graft_create(slot, e.data, e.bytes, hook, maps, count, &report);
    if (err)
        lab_fail(name, err);
    return slot;
}

static slot_t make_map(struct graft_map_def def, uint32_t pages, vaddr_t *at)
{
    struct graft_map_load l = {.def = def, .notification = SLOT_NONE};
    pfn_t first, frame;
    slot_t slot;

    if (slot_take(&slot) || region_frames(pages, &l.frames, &first) ||
        vm_map_frames(l.frames, first, pages, at, RIGHT_READ | RIGHT_WRITE) ||
        vm_populate(*at, pages * PAGE_SIZE) || region_find(KERNEL_FRAMES, &frame))
        lab_fail("a map", ERR_NO_MEM);
    enum err e = exo_graft_map_create(SLOT_MEMORY, frame, slot, (vaddr_t)&l);
    if (e)
        lab_fail("a map", e);
    return slot;
}

slot_t lab_map(uint32_t value_bytes, uint32_t pages, vaddr_t *at)
{
    return make_map((struct graft_map_def){GRAFT_MAP_ARRAY, 4, value_bytes, 1}, pages, at);
}

slot_t lab_ring_buffer(uint32_t bytes, vaddr_t *at)
{
    return make_map((struct graft_map_def){GRAFT_MAP_RINGBUF, 0, 0, bytes}, 1 + bytes / PAGE_SIZE,
                    at);
}

void lab_bind(const char *key, slot_t graft, slot_t target, uint32_t hook)
{
    enum err e = exo_graft_bind(graft, target, hook);

    if (e)
        lab_fail(key, e);
}

slot_t lab_constant(uint32_t hook, uint64_t number)
{
    static struct graft_report report;
    size_t bytes;
    slot_t slot;

    lab_code[0] = (struct lab_insn){LOAD_LONG, 0, 0, (int32_t)(uint32_t)number};
    lab_code[1] = (struct lab_insn){0, 0, 0, (int32_t)(uint32_t)(number >> 32)};
    lab_code[2] = (struct lab_insn){EXIT, 0, 0, 0};
    const void *at = lab_object(3, 0, &bytes);
    if (slot_take(&slot))
        lab_fail("a graft", ERR_NO_MEM);
    enum err e = lab_graft_create(slot, at, bytes, hook, NULL, 0, &report);
    if (e)
        lab_fail("a graft", e);
    return slot;
}

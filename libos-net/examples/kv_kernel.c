/* The key-value store's packet handler: its map, and binding it. */
#include "libos-net/examples/kv_kernel.h"

#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "exo/abi/graft_map.h"
#include "libos-net/direct/packet.h"
#include "libos-net/examples/kv_serve.h"
#include "libos/call.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/vm.h"

#define HANDLER       ".exo4/handler_kv.o"
#define TABLE_PAGES   ((uint32_t)((sizeof(struct kv) + PAGE_SIZE - 1) / PAGE_SIZE))
#define KERNEL_FRAMES 8u /* of the map, beside its value's */

enum err kv_kernel_table(struct kv **kv, slot_t *map)
{
    struct graft_map_load l = {.def = {GRAFT_MAP_ARRAY, sizeof(uint32_t), sizeof(struct kv), 1},
                               .notification = SLOT_NONE};
    pfn_t first, frame;
    vaddr_t at = 0;
    enum err e = slot_take(map);

    if (e == ERR_OK)
        e = region_frames(TABLE_PAGES, &l.frames, &first);
    if (e == ERR_OK)
        e = vm_map_frames(l.frames, first, TABLE_PAGES, &at, RIGHT_READ | RIGHT_WRITE);
    if (e == ERR_OK)
        e = vm_populate(at, TABLE_PAGES * PAGE_SIZE);
    if (e == ERR_OK)
        e = region_find(KERNEL_FRAMES, &frame);
    if (e != ERR_OK)
        return e;
    *kv = (struct kv *)at;
    memset(*kv, 0, sizeof **kv);
    return exo_graft_map_create(SLOT_MEMORY, frame, *map, (vaddr_t)&l);
}

/* Has the object's pages bound: the kernel reads what is there and repairs nothing. */
static void touch(const struct archive_entry *e)
{
    for (size_t i = 0; i < e->bytes; i++)
        (void)*(const volatile uint8_t *)(e->data + i);
}

enum err kv_kernel_bind(struct kv *kv, slot_t map, const struct answer_host *me,
                        const struct archive *a, slot_t ring)
{
    static struct graft_report report;
    struct archive_entry object;
    slot_t graft;
    pfn_t frame;

    kv->zero = kv_zero();
    kv->address[0] = net16(me->address >> 16);
    kv->address[1] = net16(me->address);
    kv->port = net16(me->port);
    if (archive_find(a, HANDLER, &object) || !object.bytes || object.bytes > GRAFT_OBJECT_MAX)
        return ERR_BAD_ARG;
    touch(&object);
    const struct graft_load load = {.object = (vaddr_t)object.data,
                                    .bytes = object.bytes,
                                    .report = (vaddr_t)&report,
                                    .hook = GRAFT_HOOK_PACKET_HANDLER,
                                    .map_count = 1,
                                    .maps = (vaddr_t)&map};
    enum err e = slot_take(&graft);
    if (e == ERR_OK)
        e = region_find(GRAFT_FRAMES(object.bytes), &frame);
    if (e == ERR_OK)
        e = exo_graft_create(SLOT_MEMORY, frame, graft, (vaddr_t)&load);
    if (e == ERR_BAD_GRAFT)
        log_error_line("%s: refused: reason %u at instruction %u, line %u", HANDLER, report.reason,
                       report.instruction, report.line);
    return e == ERR_OK ? exo_graft_bind(graft, ring, GRAFT_HOOK_PACKET_HANDLER) : e;
}

/* Mapping the boot archive. */
#include "libos/archive.h"

#include "exo/abi/kinfo.h"
#include "libos/libos.h"
#include "libos/slots.h"
#include "libos/vm.h"

enum err archive_map(struct archive *a)
{
    const volatile struct cap *cap = slot_cap(SLOT_ARCHIVE);
    vaddr_t va = 0;

    uint64_t before = KINFO->archive_base % PAGE_SIZE; /* in its first frame */
    if (!cap || cap->kind != CAP_FRAMES || START->archive_bytes + before > cap->count * PAGE_SIZE)
        return ERR_BAD_CAP;
    enum err e = vm_map_frames(SLOT_ARCHIVE, cap->base, cap->count, &va, RIGHT_READ);
    if (e == ERR_OK)
        *a =
            (struct archive){.bytes = (const uint8_t *)va + before, .length = START->archive_bytes};
    return e;
}

/* A machine with a second card and disk and no IOMMU: nobody gets them, and nothing is pretended.
 */
#include "libos-net/card.h"

#include "libos/book.h"
#include "libos/drive.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

int main(void)
{
    static struct card card;
    static struct drive drive;
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    uint32_t function = 0;
    struct rig rig;

    if (libos_setup())
        return 1;
    tap_is(KINFO->iommu, 0, "the machine has no IOMMU");
    tap_is(virtio_pci_find(VIRTIO_NET, 0, &function), ERR_OK, "it has a card that nobody drives");
    uint32_t before = region_free_count();
    tap_is(card_open(&card, SLOT_PCI, function), ERR_NO_DEVICE, "which nobody gets");
    tap_is(virtio_pci_find(VIRTIO_BLOCK, 0, &function), ERR_OK, "and such a disk");
    tap_is(drive_open(&drive, SLOT_PCI, function, 1), ERR_NO_DEVICE, "which nobody gets");
    tap_is(region_free_count(), before, "nothing is left behind");
    rig_prepare(&rig);
    tap_is(rig_create(&rig), ERR_OK, "the kernel's card is shared as ever");
    tap_ok(exo_ring_keys(rig.slot, (vaddr_t)&all, 1) == ERR_OK && rig_ask_and_hear(&rig),
           "and works");
    return tap_done();
}

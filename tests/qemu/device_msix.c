/* A dedicated device with an MSI-X table: who writes the table, and that the next holder of a
 * virtio device finds it reset. */
#include "exo/abi/cap.h"
#include "exo/abi/device.h"
#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define DEVICES     ((const volatile struct device_info *)WINDOW_DEVICES)
#define VENDOR      0x1af4u /* virtio 1.1, "PCI Device Discovery" */
#define BLOCK       0x1042u
#define CAP_POINTER 0x34u
#define CAP_VIRTIO  0x09u
#define CAP_MSIX    0x11u
#define KIND_COMMON 1u
#define AT_STATUS   20u
#define FOUND       1u
#define VIEW        (GUEST_FREE + 16 * PAGE_SIZE)
#define RW          (RIGHT_READ | RIGHT_WRITE)

static uint32_t function;
static slot_t device, window;

static uint32_t config(uint32_t offset)
{
    word_t word = 0;

    exo_device_config_read_get(device, offset & ~3u, &word);
    return (uint32_t)word >> (offset & 3) * 8;
}

/* The capability with that identity and, if not 0, virtio kind. */
static uint32_t find(uint32_t identity, uint32_t kind)
{
    uint32_t at = config(CAP_POINTER) & 0xff;

    for (unsigned i = 0; at && i < 48; i++, at = config(at + 1) & 0xff)
        if ((config(at) & 0xff) == identity && (!kind || (config(at + 3) & 0xff) == kind))
            return at;
    return 0;
}

static bool open(void)
{
    for (function = 0; function < KINFO->device_count; function++)
        if (DEVICES[function].vendor == VENDOR && DEVICES[function].device == BLOCK &&
            DEVICES[function].state == DEVICE_FREE)
            break;
    return tap_is(exo_device_open(SLOT_PCI, function, SLOT_MEMORY, PFN_ANY, device), ERR_OK,
                  "open the disk");
}

/* The byte that says how far a driver has come. */
static volatile uint8_t *status(void)
{
    uint32_t at = find(CAP_VIRTIO, KIND_COMMON), offset = config(at + 8) + AT_STATUS;
    word_t first = 0;

    exo_device_window_get(device, config(at + 4) & 0xff, offset >> PAGE_BITS, 1, window, &first);
    guest_tables(SLOT_ENV, VIEW);
    guest_bind(SLOT_ENV, window, VIEW, (pfn_t)first, RW);
    return (volatile uint8_t *)(VIEW + offset % PAGE_SIZE);
}

static void test_table(void)
{
    uint32_t at = find(CAP_MSIX, 0), entries = (config(at + 2) & 0x7ff) + 1;
    uint32_t where = config(at + 4), pending = config(at + 8);
    slot_t dst = guest_slot(), note = SLOT_NONE;
    bool all = true;

    tap_ok(at != 0, "it has an MSI-X table");
    tap_is(DEVICES[function].vectors, entries, "whose length the device table tells");
    tap_is(exo_device_window(device, where & 7, where >> PAGE_BITS, 1, dst), ERR_NO_RIGHT,
           "its page is not shown");
    tap_is(exo_device_window(device, pending & 7, pending >> PAGE_BITS, 1, dst), ERR_NO_RIGHT,
           "nor that of the pending bits");
    slot_give(dst);
    notify_new(&note);
    for (uint32_t i = 0; i < entries; i++)
        all &= exo_device_interrupt(device, i, note, 1, 0) == ERR_OK;
    tap_ok(all, "each message can be bound");
    tap_ok(config(at + 2) & 0x8000, "messages are on");
    tap_is(exo_device_interrupt(device, entries, note, 1, 0), ERR_BAD_ARG, "and no more");
    slot_delete(note);
}

static void test_reset(void)
{
    volatile uint8_t *s = status();

    *s = FOUND;
    tap_is(*s, FOUND, "a driver begins");
    slot_delete(device);
    device = guest_slot();
    tap_ok(probe_read(VIEW), "with the device its registers go");
    if (!open())
        return;
    s = status();
    tap_is(*s, 0, "whoever opens it next finds it reset");
}

int main(void)
{
    guest_begin();
    device = guest_slot();
    window = guest_slot();
    if (open()) {
        test_table();
        test_reset();
    }
    return tap_done();
}

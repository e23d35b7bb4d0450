/* Dedicated devices: the device table, opening, configuration space, register windows, messages and
 * the end; and every error of these calls. DMA is tests/qemu/device_dma.c. Run without an IOMMU it
 * shows that nothing is given away. */
#include "exo/abi/cap.h"
#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "tests/qemu/edu.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define BITS       ((word_t)6)
#define PAUSE      ((uint64_t)50 * CLOCK_NS_PER_MS)
#define OTHER_VIEW (GUEST_FREE + 16 * PAGE_SIZE)
#define RW         (RIGHT_READ | RIGHT_WRITE)

static struct edu edu;
static slot_t note;

static slot_t weaker(slot_t src, rights_t rights, uint32_t base, uint32_t count)
{
    slot_t slot = guest_slot();

    return exo_cap_copy(SLOT_ENV, slot, src, rights, base, count) == ERR_OK ? slot : SLOT_NONE;
}

static void test_table(void)
{
    uint32_t n = edu_find();
    const volatile struct device_info *d = &DEVICES[n];

    tap_ok(n < KINFO->device_count, "the device table lists the device");
    tap_is(d->state, DEVICE_FREE, "it is free");
    tap_is(d->vectors, 1, "it has one message");
    tap_is((long)d->bar_bytes[0], 1 << 20, "and 1 MiB of registers");
    tap_is(DEVICES[0].class >> 16, 6, "the first function is a bridge");
    tap_is(DEVICES[0].state, DEVICE_KERNEL, "which the machine needs");
}

static void test_none(void)
{
    tap_is(exo_device_open(SLOT_PCI, edu_find(), SLOT_MEMORY, PFN_ANY, guest_slot()), ERR_NO_DEVICE,
           "without an IOMMU nothing is given away");
    tap_is(DEVICES[edu_find()].owner, 0, "nobody has it");
}

static void test_open_errors(void)
{
    slot_t dst = guest_slot(), reader = weaker(SLOT_PCI, RIGHT_READ, 0, 0);
    slot_t first = weaker(SLOT_PCI, RW, 0, 1);
    pfn_t free = 0;
    uint32_t n = edu_find();

    region_find(8, &free);
    slot_t small = weaker(SLOT_MEMORY, RW, free, DEVICE_FRAMES - 1);
    tap_is(exo_device_open(SLOT_PCI, KINFO->device_count, SLOT_MEMORY, PFN_ANY, dst), ERR_BAD_ARG,
           "open a function behind the table");
    tap_is(exo_device_open(first, n, SLOT_MEMORY, PFN_ANY, dst), ERR_BAD_ARG,
           "open one outside the range");
    tap_is(exo_device_open(SLOT_PCI, n, small, free, dst), ERR_BAD_ARG,
           "open with frames beyond the region");
    tap_is(exo_device_open(SLOT_PCI, n, SLOT_MEMORY, PFN_ANY, SLOT_NONE), ERR_BAD_ARG,
           "open into no slot");
    tap_is(exo_device_open(SLOT_CPU, n, SLOT_MEMORY, PFN_ANY, dst), ERR_BAD_CAP,
           "open by no functions");
    tap_is(exo_device_open(SLOT_PCI, n, SLOT_CPU, PFN_ANY, dst), ERR_BAD_CAP,
           "open with frames of no region");
    tap_is(exo_device_open(reader, n, SLOT_MEMORY, PFN_ANY, dst), ERR_NO_RIGHT,
           "open without the right");
    tap_is(exo_device_open(SLOT_PCI, 0, SLOT_MEMORY, PFN_ANY, dst), ERR_BAD_STATE,
           "open what the kernel keeps");
    tap_is(exo_device_open(SLOT_PCI, n, SLOT_MEMORY, PFN_ANY, SLOT_CPU), ERR_IN_USE,
           "open into a slot in use");
    tap_is(exo_device_open(SLOT_PCI, n, small, PFN_ANY, dst), ERR_NO_MEM,
           "open with too few frames");
    slot_delete(reader);
    slot_delete(first);
    slot_delete(small);
    slot_give(dst);
}

static void test_open(void)
{
    slot_t second = guest_slot();

    tap_is(edu_open(&edu), ERR_OK, "open the device");
    tap_is(DEVICES[edu.function].state, DEVICE_OPEN, "the table says so");
    tap_ok(DEVICES[edu.function].owner != 0, "and whose it is");
    tap_is(exo_device_open(SLOT_PCI, edu.function, SLOT_MEMORY, PFN_ANY, second), ERR_IN_USE,
           "open it again");
    slot_give(second);
}

static void test_config(void)
{
    slot_t writer = weaker(edu.device, RIGHT_WRITE, 0, 0);
    word_t word = 0;

    exo_device_config_read_get(edu.device, 0, &word);
    tap_is((long)word, EDU_DEVICE << 16 | EDU_VENDOR, "configuration space can be read");
    tap_is(exo_device_config_read(edu.device, 256), ERR_BAD_ARG, "read behind it");
    tap_is(exo_device_config_read(edu.device, 2), ERR_BAD_ARG, "read half a word");
    tap_is(exo_device_config_read(SLOT_PCI, 0), ERR_BAD_CAP, "read of no device");
    tap_is(exo_device_config_read(writer, 0), ERR_NO_RIGHT, "read without the right");
    slot_delete(writer);
}

static void test_window_errors(void)
{
    slot_t dst = guest_slot(), writer = weaker(edu.device, RIGHT_WRITE, 0, 0);

    tap_is(exo_device_window(edu.device, DEVICE_BARS, 0, 1, dst), ERR_BAD_ARG,
           "a window on no range");
    tap_is(exo_device_window(edu.device, 1, 0, 1, dst), ERR_BAD_ARG, "on an empty range");
    tap_is(exo_device_window(edu.device, 0, 256, 1, dst), ERR_BAD_ARG, "behind the range");
    tap_is(exo_device_window(edu.device, 0, 1, 256, dst), ERR_BAD_ARG, "across its end");
    tap_is(exo_device_window(edu.device, 0, 0, 0, dst), ERR_BAD_ARG, "of no pages");
    tap_is(exo_device_window(edu.device, 0, 0, 1, SLOT_NONE), ERR_BAD_ARG, "into no slot");
    tap_is(exo_device_window(edu.window, 0, 0, 1, dst), ERR_BAD_CAP, "of no device");
    tap_is(exo_device_window(writer, 0, 0, 1, dst), ERR_NO_RIGHT, "without the right");
    tap_is(exo_device_window(edu.device, 0, 0, 1, SLOT_CPU), ERR_IN_USE, "into a slot in use");
    slot_delete(writer);
    slot_give(dst);
}

static enum err bind_here(slot_t frames, rights_t rights)
{
    return guest_bind(SLOT_ENV, frames, OTHER_VIEW, edu.window_first, rights);
}

static void test_window(void)
{
    slot_t part = weaker(edu.window, RIGHT_READ, edu.window_first, 1);

    tap_is(edu.regs[EDU_AT_IDENTITY], EDU_IDENTITY, "registers can be read");
    edu.regs[EDU_AT_INVERTED] = 0x12345678;
    tap_is(edu.regs[EDU_AT_INVERTED], (uint32_t)~0x12345678u, "and written");
    guest_tables(SLOT_ENV, OTHER_VIEW);
    tap_is(bind_here(part, RW), ERR_NO_RIGHT, "show a reader's window for writing");
    tap_is(bind_here(edu.window, RIGHT_READ | RIGHT_EXEC), ERR_NO_RIGHT, "show one to execute it");
    tap_is(guest_bind(SLOT_ENV, part, OTHER_VIEW, edu.window_first + 1, RIGHT_READ), ERR_BAD_ARG,
           "show what is not in it");
    tap_is(bind_here(part, RIGHT_READ), ERR_OK, "show it for reading");
    tap_ok(!probe_read(OTHER_VIEW), "it can be read there");
    tap_ok(probe_write(OTHER_VIEW), "and not written");
    tap_is(exo_console_write(SLOT_CONSOLE, 1, OTHER_VIEW, 4), ERR_BAD_USER,
           "calls do not read through it");
    tap_is(guest_unbind(SLOT_ENV, OTHER_VIEW), ERR_OK, "it can be unbound");
    tap_ok(probe_read(OTHER_VIEW), "and is gone");
    tap_is(bind_here(part, RIGHT_READ), ERR_OK, "show it again");
    slot_delete(part);
    tap_ok(probe_read(OTHER_VIEW), "it goes with its capability");
}

static void test_interrupt_errors(void)
{
    slot_t reader = weaker(edu.device, RIGHT_READ, 0, 0), weak = weaker(note, RIGHT_READ, 0, 0);

    tap_is(exo_device_interrupt(edu.device, 0, note, 0, 0), ERR_BAD_ARG, "bind no bits");
    tap_is(exo_device_interrupt(edu.device, 1, note, BITS, 0), ERR_BAD_ARG, "bind no message");
    tap_is(exo_device_interrupt(edu.device, 0, note, BITS, KINFO->cpu_count), ERR_BAD_ARG,
           "bind to no CPU");
    tap_is(exo_device_interrupt(edu.device, DEVICE_FAULT_VECTOR, note, BITS, 1), ERR_BAD_ARG,
           "bind faults to a CPU");
    tap_is(exo_device_interrupt(edu.window, 0, note, BITS, 0), ERR_BAD_CAP, "bind of no device");
    tap_is(exo_device_interrupt(edu.device, 0, SLOT_CPU, BITS, 0), ERR_BAD_CAP,
           "bind to no notification");
    tap_is(exo_device_interrupt(reader, 0, note, BITS, 0), ERR_NO_RIGHT, "bind without the right");
    tap_is(exo_device_interrupt(edu.device, 0, weak, BITS, 0), ERR_NO_RIGHT,
           "bind to what may not be raised");
    slot_delete(reader);
    slot_delete(weak);
}

/* Has the device send its message; true when `slot` hears of it. */
static bool rings(slot_t slot)
{
    edu.regs[EDU_AT_RAISE] = 1;
    bool heard = notify_until(slot, BITS, clock_deadline(PAUSE), NULL) == ERR_OK;
    edu.regs[EDU_AT_QUIET] = 1;
    return heard;
}

static void test_interrupts(void)
{
    slot_t other = SLOT_NONE;
    uint32_t last = KINFO->cpu_count - 1;
    bool all = true;

    tap_ok(!rings(note), "an unbound message is not heard");
    tap_is(exo_device_interrupt(edu.device, 0, note, BITS, 0), ERR_OK, "bind it");
    tap_is(exo_device_interrupt(edu.device, 0, note, BITS, 0), ERR_IN_USE, "bind it again");
    for (unsigned i = 0; i < 20; i++)
        all &= rings(note);
    tap_ok(all, "now it is heard, each time");
    tap_is(exo_device_interrupt(edu.device, 0, SLOT_NONE, 0, 0), ERR_OK, "unbind it");
    tap_ok(!rings(note), "now it is not");
    tap_is(exo_device_interrupt(edu.device, 0, SLOT_NONE, 0, 0), ERR_OK, "unbind nothing");
    tap_is(exo_device_interrupt(edu.device, 0, note, BITS, last), ERR_OK,
           "bind it to the last CPU");
    tap_ok(rings(note), "it is heard from there");
    tap_is(exo_device_interrupt(edu.device, 0, SLOT_NONE, 0, 0), ERR_OK, "unbind it there");
    notify_new(&other);
    tap_is(exo_device_interrupt(edu.device, 0, other, BITS, 0), ERR_OK, "bind to another");
    tap_ok(rings(other), "which hears it");
    slot_delete(other);
    tap_ok(!rings(note), "it goes with the notification");
    tap_is(exo_device_interrupt(edu.device, 0, note, BITS, 0), ERR_OK, "and can be bound anew");
    tap_ok(rings(note), "and be heard");
}

/* As many messages as there are vectors for: one device's is bound and unbound often. */
static void test_vectors_last(void)
{
    bool all = true;

    exo_device_interrupt(edu.device, 0, SLOT_NONE, 0, 0);
    for (unsigned i = 0; i < 300; i++)
        all &= exo_device_interrupt(edu.device, 0, note, BITS, 0) == ERR_OK &&
               exo_device_interrupt(edu.device, 0, SLOT_NONE, 0, 0) == ERR_OK;
    tap_ok(all, "vectors that are given back come again");
}

static void test_faults_errors(void)
{
    slot_t reader = weaker(edu.device, RIGHT_READ, 0, 0);

    tap_is(exo_device_faults(edu.window), ERR_BAD_CAP, "ask no device for faults");
    tap_is(exo_device_faults(reader), ERR_NO_RIGHT, "ask without the right");
    slot_delete(reader);
}

static void test_ends(void)
{
    slot_t pci = weaker(SLOT_PCI, RW, edu.function, 1), device = guest_slot();

    exo_device_interrupt(edu.device, 0, note, BITS, 0);
    tap_is(exo_cap_delete(edu.device), ERR_OK, "give the device back");
    tap_is(DEVICES[edu.function].state, DEVICE_FREE, "it is free");
    tap_is(DEVICES[edu.function].owner, 0, "and nobody's");
    tap_ok(probe_read((vaddr_t)edu.regs), "its window went with it");
    tap_is(exo_device_open(pci, edu.function, SLOT_MEMORY, PFN_ANY, device), ERR_OK,
           "open it by a capability for one function");
    tap_is(exo_cap_delete(pci), ERR_OK, "delete that capability");
    tap_is(DEVICES[edu.function].state, DEVICE_FREE, "the device goes with it");
    tap_is(exo_device_config_read(device, 0), ERR_BAD_CAP, "its slot is empty");
    slot_give(device);
    tap_is(edu_open(&edu), ERR_OK, "open it once more");
    tap_is(edu.regs[EDU_AT_IDENTITY], EDU_IDENTITY, "and it is there");
}

int main(void)
{
    guest_begin();
    if (notify_new(&note) != ERR_OK)
        return 1;
    test_table();
    if (KINFO->iommu == IOMMU_NONE) {
        test_none();
        return tap_done();
    }
    test_open_errors();
    test_open();
    test_config();
    test_window_errors();
    test_window();
    test_interrupt_errors();
    test_interrupts();
    test_vectors_last();
    test_faults_errors();
    test_ends();
    return tap_done();
}

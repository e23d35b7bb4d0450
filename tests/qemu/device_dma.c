/* What a dedicated device reaches: the frames that are mapped for it, with the rights they are
 * mapped with, for as long as they are; and what happens when it tries otherwise. And every error
 * of these calls. */
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

#define BITS    ((word_t)9)
#define PAUSE   ((uint64_t)50 * CLOCK_NS_PER_MS)
#define VIEW    (GUEST_FREE + 32 * PAGE_SIZE)
#define PAGES   4u
#define RW      (RIGHT_READ | RIGHT_WRITE)
#define SECRET  0x5ec2e70u
#define ADDRESS ((uint64_t)0x12345000) /* of I/O; nothing else is there */
#define SOURCE  (ADDRESS + 64 * PAGE_SIZE)

static struct edu edu;
static slot_t note;

/* Memory, and where it is seen here. */
static slot_t frames;
static pfn_t first;
static volatile uint32_t *page[PAGES];

/* Of it the device reads what it is to write. */
static slot_t source_frames;
static volatile uint32_t *source;

static slot_t weaker(slot_t src, rights_t rights, uint32_t base, uint32_t count)
{
    slot_t slot = guest_slot();

    return exo_cap_copy(SLOT_ENV, slot, src, rights, base, count) == ERR_OK ? slot : SLOT_NONE;
}

static bool set_up(void)
{
    pfn_t pfn;
    enum err e = notify_new(&note);

    frames = guest_frames(PAGES, &first);
    source_frames = guest_frames(1, &pfn);
    if (e == ERR_OK)
        e = guest_tables(SLOT_ENV, VIEW);
    for (uint32_t i = 0; i < PAGES && e == ERR_OK; i++) {
        e = guest_bind(SLOT_ENV, frames, VIEW + i * PAGE_SIZE, first + i, RW);
        page[i] = (volatile uint32_t *)(VIEW + i * PAGE_SIZE);
    }
    source = (volatile uint32_t *)(VIEW + PAGES * PAGE_SIZE);
    if (e == ERR_OK)
        e = guest_bind(SLOT_ENV, source_frames, (vaddr_t)source, pfn, RW);
    if (e == ERR_OK)
        e = edu_open(&edu);
    if (e == ERR_OK)
        e = edu_tables(&edu, SOURCE);
    if (e == ERR_OK)
        e = exo_device_map(edu.device, source_frames, pfn, 1, SOURCE, RIGHT_READ);
    return tap_is(e, ERR_OK, "open a device, and show it a page to read");
}

/* Has the device write `value` at an I/O address. */
static void store(uint64_t address, uint32_t value)
{
    *source = value;
    edu_read(&edu, SOURCE);
    edu_write(&edu, address);
}

static word_t faults(void)
{
    word_t count = 0;

    exo_device_faults_get(edu.device, &count);
    return count;
}

/* The device writes `value` to ADDRESS + `page`; true when that was stopped, reported, and `at` is
 * as it was. */
static bool stopped(uint32_t offset, volatile uint32_t *at)
{
    uint32_t before = *at;

    faults();
    store(ADDRESS + offset * PAGE_SIZE, ~before);
    return *at == before && faults() == 1 &&
           DEVICES[edu.function].fault_address == ADDRESS + offset * PAGE_SIZE;
}

static void test_table_errors(void)
{
    slot_t reader = weaker(edu.device, RIGHT_READ, 0, 0);
    pfn_t free = 0;

    region_find(8, &free);
    slot_t small = weaker(SLOT_MEMORY, RW, free, 2);
    tap_is(exo_device_table(edu.device, SLOT_MEMORY, PFN_ANY, DEVICE_ADDRESS_TOP), ERR_BAD_ARG,
           "a table for too high an address");
    tap_is(exo_device_table(edu.device, small, free, 0), ERR_BAD_ARG, "beyond the region");
    tap_is(exo_device_table(edu.window, SLOT_MEMORY, PFN_ANY, 0), ERR_BAD_CAP, "of no device");
    tap_is(exo_device_table(edu.device, SLOT_CPU, PFN_ANY, 0), ERR_BAD_CAP, "from no region");
    tap_is(exo_device_table(reader, SLOT_MEMORY, PFN_ANY, 0), ERR_NO_RIGHT, "without the right");
    tap_is(exo_device_table(edu.device, SLOT_MEMORY, PFN_ANY, ADDRESS), ERR_IN_USE,
           "where none is missing");
    tap_is(exo_device_table(edu.device, SLOT_MEMORY, first, (uint64_t)1 << 31), ERR_IN_USE,
           "in a frame that is not free");
    tap_is(exo_device_table(edu.device, small, PFN_ANY, (uint64_t)1 << 31), ERR_NO_MEM,
           "from too few frames");
    slot_delete(reader);
    slot_delete(small);
}

static enum err map(uint32_t from, uint32_t count, uint64_t address, rights_t rights)
{
    return exo_device_map(edu.device, frames, first + from, count, address, rights);
}

static void test_map_errors(void)
{
    slot_t reader = weaker(edu.device, RIGHT_READ, 0, 0), weak = weaker(frames, RIGHT_READ, 0, 0);

    tap_is(map(0, 0, ADDRESS, RW), ERR_BAD_ARG, "map nothing");
    tap_is(map(0, DEVICE_MAP_MAX + 1, ADDRESS, RW), ERR_BAD_ARG, "map too much");
    tap_is(map(0, 1, ADDRESS + 1, RW), ERR_BAD_ARG, "map at an odd address");
    tap_is(map(0, 2, DEVICE_ADDRESS_TOP - PAGE_SIZE, RW), ERR_BAD_ARG, "map across the top");
    tap_is(map(0, 1, ADDRESS, 0), ERR_BAD_ARG, "map without rights");
    tap_is(map(0, 1, ADDRESS, RIGHT_EXEC), ERR_BAD_ARG, "map for execution");
    tap_is(map(0, PAGES + 1, ADDRESS, RW), ERR_BAD_ARG, "map more than one has");
    tap_is(map(PAGES, 1, ADDRESS, RW), ERR_BAD_ARG, "map what one has not");
    tap_is(exo_device_map(edu.window, frames, first, 1, ADDRESS, RW), ERR_BAD_CAP,
           "map for no device");
    tap_is(exo_device_map(edu.device, edu.window, edu.window_first, 1, ADDRESS, RW), ERR_BAD_CAP,
           "map registers");
    tap_is(exo_device_map(reader, frames, first, 1, ADDRESS, RW), ERR_NO_RIGHT,
           "map without the right to the device");
    tap_is(exo_device_map(edu.device, weak, first, 1, ADDRESS, RW), ERR_NO_RIGHT,
           "map for writing what one may read");
    tap_is(map(0, 1, (uint64_t)1 << 31, RW), ERR_NO_TABLE, "map where no table is");
    tap_is(map(0, 1, SOURCE, RW), ERR_IN_USE, "map where something is");
    tap_is(exo_device_unmap(edu.device, SOURCE, 0), ERR_BAD_ARG, "unmap nothing");
    tap_is(exo_device_unmap(edu.device, SOURCE + 8, 1), ERR_BAD_ARG, "unmap at an odd address");
    tap_is(exo_device_unmap(edu.window, SOURCE, 1), ERR_BAD_CAP, "unmap of no device");
    tap_is(exo_device_unmap(reader, SOURCE, 1), ERR_NO_RIGHT, "unmap without the right");
    tap_is(exo_device_unmap(edu.device, SOURCE, 2), ERR_NOT_BOUND, "unmap more than there is");
    tap_is(exo_device_unmap(edu.device, (uint64_t)1 << 31, 1), ERR_NOT_BOUND,
           "unmap where no table is");
    slot_delete(reader);
    slot_delete(weak);
}

static void test_pins_max(void)
{
    enum err e = ERR_OK;

    edu_tables(&edu, SOURCE + ((uint64_t)1 << 21));
    for (uint32_t i = 1; i <= 255 && e == ERR_OK; i++)
        e = map(0, 1, SOURCE + i * PAGE_SIZE, RIGHT_READ);
    tap_is(e, ERR_OK, "map a frame 255 times");
    tap_is(map(0, 1, SOURCE + 256 * PAGE_SIZE, RIGHT_READ), ERR_IN_USE, "and once more");
    tap_is(exo_device_unmap(edu.device, SOURCE + PAGE_SIZE, 255), ERR_OK, "unmap them all");
}

static const volatile struct frame_info *frame(uint32_t i)
{
    return (const volatile struct frame_info *)WINDOW_FRAMES + first + i;
}

static void test_dma(void)
{
    uint32_t bindings = frame(1)->bindings;

    tap_is(map(0, 2, ADDRESS, RW), ERR_OK, "map two pages");
    tap_is(frame(1)->pins, 1, "the frame table counts it");
    tap_is(frame(1)->bindings, bindings + 1, "among the bindings, too");
    store(ADDRESS + PAGE_SIZE, SECRET);
    tap_is(*page[1], SECRET, "the device writes to memory");
    *page[0] = SECRET + 1;
    edu_read(&edu, ADDRESS);
    edu_write(&edu, ADDRESS + PAGE_SIZE + 4);
    tap_is(page[1][1], SECRET + 1, "and reads it");
    tap_is((long)faults(), 0, "nothing was stopped");
}

static void test_outside(void)
{
    tap_is(exo_device_interrupt(edu.device, DEVICE_FAULT_VECTOR, note, BITS, 0), ERR_OK,
           "have faults told");
    tap_ok(stopped(2, page[2]), "a write to an address that is not mapped is stopped and reported");
    tap_is(notify_until(note, BITS, clock_deadline(PAUSE), NULL), ERR_OK, "its holder is told");
    tap_ok(DEVICES[edu.function].fault_reason != 0, "with a reason");
    store((uint64_t)(first + 3) << PAGE_BITS, SECRET);
    tap_ok(*page[3] != SECRET, "the frame's own number is no address");
    tap_is((long)faults(), 1, "it was stopped");
    *page[3] = SECRET;
    edu_read(&edu, (uint64_t)(first + 3) << PAGE_BITS);
    edu_write(&edu, ADDRESS);
    tap_ok(*page[0] != SECRET, "what is not mapped cannot be read");
    tap_is((long)faults(), 1, "that was stopped, too");
}

static void test_rights(void)
{
    tap_is(map(2, 1, ADDRESS + 2 * PAGE_SIZE, RIGHT_READ), ERR_OK, "map a page for reading");
    tap_ok(stopped(2, page[2]), "a write to it is stopped");
    *page[2] = SECRET + 2;
    edu_read(&edu, ADDRESS + 2 * PAGE_SIZE);
    edu_write(&edu, ADDRESS);
    tap_is(*page[0], SECRET + 2, "it can be read");
    tap_is(exo_device_unmap(edu.device, ADDRESS + 2 * PAGE_SIZE, 1), ERR_OK, "unmap it");
    tap_is(map(2, 1, ADDRESS + 2 * PAGE_SIZE, RIGHT_WRITE), ERR_OK, "map it for writing");
    *page[0] = 0;
    edu_read(&edu, ADDRESS + 2 * PAGE_SIZE);
    edu_write(&edu, ADDRESS);
    tap_ok(*page[0] != SECRET + 2, "now it cannot be read");
    store(ADDRESS + 2 * PAGE_SIZE, SECRET + 3);
    tap_is(*page[2], SECRET + 3, "but written");
    tap_is(exo_device_unmap(edu.device, ADDRESS + 2 * PAGE_SIZE, 1), ERR_OK, "unmap it again");
    tap_is(frame(2)->pins, 0, "it is not pinned");
}

static void test_unmap(void)
{
    store(ADDRESS, SECRET); /* translated, and so cached */
    tap_is(exo_device_unmap(edu.device, ADDRESS, 1), ERR_OK, "unmap a page");
    tap_ok(stopped(0, page[0]), "then a write to it is stopped");
    store(ADDRESS + PAGE_SIZE, SECRET + 4);
    tap_is(*page[1], SECRET + 4, "its neighbour stays");
}

/* The frame changes hands while the device has it in its caches. */
static void test_revoked(void)
{
    slot_t part = weaker(frames, RW, first + 2, 1), mine = SLOT_NONE;
    pfn_t pfn = 0;

    tap_is(exo_device_map(edu.device, part, first + 2, 1, ADDRESS + 2 * PAGE_SIZE, RW), ERR_OK,
           "map by a capability for one frame");
    store(ADDRESS + 2 * PAGE_SIZE, SECRET + 5);
    tap_is(*page[2], SECRET + 5, "the device writes there");
    slot_delete(part);
    tap_ok(stopped(2, page[2]), "not any more without that capability");
    tap_is(frame(2)->pins, 0, "nothing is pinned");

    mine = guest_frames(1, &pfn);
    guest_tables(SLOT_ENV, VIEW);
    vaddr_t va = VIEW + 8 * PAGE_SIZE;
    tap_is(exo_device_map(edu.device, mine, pfn, 1, ADDRESS + 3 * PAGE_SIZE, RW), ERR_OK,
           "map a frame");
    store(ADDRESS + 3 * PAGE_SIZE, SECRET);
    slot_delete(mine);
    mine = guest_slot();
    tap_is(exo_frames_alloc(SLOT_MEMORY, pfn, 1, mine), ERR_OK, "free the frame, take it again");
    guest_bind(SLOT_ENV, mine, va, pfn, RW);
    tap_ok(stopped(3, (volatile uint32_t *)va), "whoever has it now is not written to");
    slot_delete(mine);
}

/* A write to this address is an interrupt, in the format of before remapping: any vector. The
 * kernel found out at boot whether the IOMMU stops it. */
static void test_forged(void)
{
    const uint64_t messages = 0xfee00000;
    bool heard = false;

    exo_device_interrupt(edu.device, DEVICE_FAULT_VECTOR, SLOT_NONE, 0, 0);
    notify_until(note, BITS, 1, NULL);
    exo_device_interrupt(edu.device, 0, note, BITS, 0);
    for (uint32_t vector = 0x20; vector < 0x30; vector++)
        store(messages, vector); /* the device's own is among them */
    heard = notify_until(note, BITS, 1, NULL) == ERR_OK;
    tap_is(heard, KINFO->iommu == IOMMU_DMA, "forged interrupts are stopped, or known to get by");
    exo_device_interrupt(edu.device, 0, SLOT_NONE, 0, 0);
    faults();
}

static void test_flood(void)
{
    faults();
    uint32_t before = DEVICES[edu.function].faults;
    for (unsigned i = 0; i < DEVICE_FAULTS_KEPT + 8; i++)
        edu_write(&edu, ADDRESS + 5 * PAGE_SIZE);
    tap_is(DEVICES[edu.function].faults - before, DEVICE_FAULTS_KEPT, "a flood is not recorded");
    tap_is((long)faults(), DEVICE_FAULTS_KEPT, "so many are told");
    edu_write(&edu, ADDRESS + 5 * PAGE_SIZE);
    tap_is((long)faults(), 1, "then recording goes on");
}

/* A new holder starts with nothing, whatever the device remembers. */
static void test_ends(void)
{
    store(ADDRESS + PAGE_SIZE, SECRET + 6);
    tap_is(*page[1], SECRET + 6, "a page is still mapped");
    slot_delete(edu.device);
    tap_is(frame(1)->pins, 0, "its pin goes with the device");
    tap_is(guest_unbind(SLOT_ENV, (vaddr_t)edu.regs), ERR_NOT_BOUND, "so does the window");
    tap_is(edu_open(&edu), ERR_OK, "open it anew");
    edu_write(&edu, ADDRESS + PAGE_SIZE);
    tap_is((long)faults(), 0, "it does not reach the IOMMU");
    pfn_t pfn = 0;
    slot_t other = guest_frames(1, &pfn);
    edu_tables(&edu, SOURCE);
    tap_is(exo_device_map(edu.device, other, pfn, 1, SOURCE, RIGHT_READ), ERR_OK,
           "until something is mapped");
    uint32_t value = *page[1];
    edu_read(&edu, SOURCE);
    edu_write(&edu, ADDRESS + PAGE_SIZE);
    tap_is(*page[1], value, "and what was mapped before is not");
    tap_is((long)faults(), 1, "that is stopped");
}

int main(void)
{
    guest_begin();
    if (!set_up())
        return tap_done();
    test_table_errors();
    test_map_errors();
    test_pins_max();
    test_dma();
    test_outside();
    test_rights();
    test_unmap();
    test_revoked();
    test_forged();
    test_flood();
    test_ends();
    return tap_done();
}

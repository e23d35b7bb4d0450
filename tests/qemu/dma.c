/* A driver that tells its card and its disk of memory that is not theirs: the access is stopped and
 * reported, the memory is as it was, the neighbours live on, and the device works again after a
 * reset. */
#include "libos-net/card.h"

#include "libos/book.h"
#include "libos/clock.h"
#include "libos/drive.h"
#include "libos/libos.h"
#include "libos/region.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/card_rig.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)

static struct card card;
static struct card_pair *const pair = &card.pairs[0];
static struct drive drive;
static uint32_t card_function, disk_function;

/* Memory of this program that no device was given. */
static struct {
    slot_t frames;
    pfn_t first;
    vaddr_t va;
} victim;

static void make_victim(void)
{
    region_frames(1, &victim.frames, &victim.first);
    vm_map_frames(victim.frames, victim.first, 1, &victim.va, RIGHT_READ | RIGHT_WRITE);
    memset((void *)victim.va, 0x5a, PAGE_SIZE);
}

static bool is_victim_whole(void)
{
    const uint8_t *bytes = (const uint8_t *)victim.va;

    for (size_t i = 0; i < PAGE_SIZE; i++)
        if (bytes[i] != 0x5a)
            return false;
    return true;
}

/* Waits for the device table to say one more fault; what it says of it is then complete. */
static bool is_reported(const struct device *d, uint32_t before, uint64_t address)
{
    const volatile struct device_info *info = device_info(d);
    const uint64_t deadline = clock_deadline(PATIENCE);

    while (info->faults == before && cpu_ticks() < deadline)
        continue;
    return info->faults > before && (info->fault_address & ~(PAGE_SIZE - 1)) == address;
}

static bool is_answered(void)
{
    return card_ask(pair, 1) == 1 && card_hear(pair, 1) == 1;
}

static void reopen_card(const char *what)
{
    card_close(&card);
    tap_ok(card_open(&card, SLOT_PCI, card_function) == ERR_OK && is_answered(), what);
}

/* The card is to read a packet from `address`. */
static void test_read(uint64_t address, const char *what)
{
    uint32_t before = device_info(&card.device)->faults;
    uint16_t buffer;

    card_take(pair, &buffer);
    pair->tx.desc[buffer].address = address;
    card_send(pair, buffer, RIG_PACKET);
    card_push(pair);
    tap_ok(is_reported(&card.device, before, address), what);
}

/* The card is to write a packet to `address`: into all the buffers that it has for packets. */
static void test_write(uint64_t address, const char *what)
{
    uint32_t before = device_info(&card.device)->faults;

    for (uint16_t i = 0; i < pair->count; i++)
        pair->rx.desc[i].address = address;
    card_ask(pair, 1);
    tap_ok(is_reported(&card.device, before, address), what);
}

/* A queue itself lies where it may not. */
static void test_queue(void)
{
    uint32_t before = device_info(&card.device)->faults;
    struct device_memory lie = card.queues;
    struct virtqueue q;
    uint64_t agreed;

    virtio_pci_reset(&card.pci);
    virtio_pci_agree(&card.pci, 0, VIRTIO_NET_F_MAC, &agreed);
    lie.address = victim.first * PAGE_SIZE;
    tap_is(virtio_pci_queue(&card.pci, &q, VIRTIO_NET_QUEUE_TX, VIRTQ_MAX, &lie, 0), ERR_OK,
           "a queue in memory that the card was not given");
    virtio_pci_start(&card.pci);
    virtqueue_offer(&q, 0);
    virtqueue_push(&q);
    /* What was offered is looked at first. */
    tap_ok(is_reported(&card.device, before, lie.address + VIRTQ_AT_AVAIL),
           "is stopped at the first look");
}

static void test_card(struct rig *neighbour)
{
    const struct frame_info *frames = (const struct frame_info *)WINDOW_FRAMES;
    pfn_t kernel = 1;

    while (frames[kernel].type != FRAME_KERNEL)
        kernel++;
    test_write(victim.first * PAGE_SIZE, "a packet into memory that the card was not given");
    tap_ok(is_victim_whole(), "did not arrive there");
    tap_is(card_wait(pair, clock_deadline(PATIENCE)), ERR_BAD_STATE,
           "the driver is told that its card gave up");
    tap_ok(rig_ask_and_hear(neighbour), "the neighbour does not notice");
    reopen_card("opened anew the card works");
    test_read(victim.first * PAGE_SIZE, "a packet from there was not read");
    reopen_card("the card is well again");
    test_read((uint64_t)kernel * PAGE_SIZE, "nor one from the kernel");
    reopen_card("and again");
    test_write((uint64_t)kernel * PAGE_SIZE, "nor does one get into the kernel");
    reopen_card("and again");
    test_queue();
    tap_ok(rig_ask_and_hear(neighbour), "the neighbour is well");
}

/* Memory is the card's until its owner takes it back, and not a moment longer. */
static void test_taken_back(void)
{
    uint64_t address = pair->buffers.address;
    uint32_t before = device_info(&card.device)->faults;
    pfn_t first = pair->buffers.first;

    tap_ok(is_answered(), "a card whose memory is its own works");
    device_memory_free(&pair->buffers);
    tap_is(book_frame(first)->type, FRAME_FREE, "its memory is taken and free");
    pair->tx.desc[0].address = address;
    pair->tx.desc[0].length = VIRTIO_NET_HEADER_BYTES + RIG_PACKET;
    virtqueue_offer(&pair->tx, 0);
    virtqueue_push(&pair->tx);
    tap_ok(is_reported(&card.device, before, address), "the card cannot reach it any more");
    card_close(&card);
}

static void test_disk(void)
{
    uint64_t bad = victim.first * PAGE_SIZE;
    uint32_t before, ticket;

    tap_is(drive_open(&drive, SLOT_PCI, disk_function, 4), ERR_OK, "a disk of one's own");
    memset(drive_page(&drive, 0), 0x77, PAGE_SIZE);
    tap_is(drive_write(&drive, 3, 1, 0), ERR_OK, "writes");
    before = device_info(&drive.device)->faults;
    drive.page_memory.address = bad;
    tap_is(drive_post(&drive, DISK_READ, 3, 1, 0, &ticket), ERR_OK, "a block into memory");
    drive_push(&drive);
    tap_ok(is_reported(&drive.device, before, bad), "that it was not given is stopped");
    tap_is(drive_wait(&drive, ticket), ERR_BAD_STATE, "the driver is told");
    tap_ok(is_victim_whole(), "the memory is as it was");
    drive_close(&drive);
    tap_is(drive_open(&drive, SLOT_PCI, disk_function, 4), ERR_OK, "opened anew the disk");
    tap_is(drive_read(&drive, 3, 1, 0), ERR_OK, "reads");
    tap_is(*(uint8_t *)drive_page(&drive, 0), 0x77, "what was written");
    drive_close(&drive);
}

int main(void)
{
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    struct rig neighbour;

    if (libos_setup())
        return 1;
    make_victim();
    rig_prepare(&neighbour);
    tap_ok(rig_create(&neighbour) == ERR_OK &&
               exo_ring_keys(neighbour.slot, (vaddr_t)&all, 1) == ERR_OK,
           "a neighbour on the kernel's card");
    if (virtio_pci_find(VIRTIO_NET, 0, &card_function) ||
        virtio_pci_find(VIRTIO_BLOCK, 0, &disk_function) ||
        !tap_is(card_open(&card, SLOT_PCI, card_function), ERR_OK, "a card of one's own"))
        return 1;
    test_card(&neighbour);
    reopen_card("the card is well");
    test_taken_back();
    test_disk();
    return tap_done();
}

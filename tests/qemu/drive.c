/* A disk of one's own on the real machine: data that stays, many requests at once, no entry into
 * the kernel for them, and a range of memory that is paged to it. */
#include "libos/drive.h"

#include "libos/backing_drive.h"
#include "libos/book.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/pages.h"
#include "libos/string.h"
#include "tests/qemu/tap.h"

#define PAGES       64u
#define BLOCKS      4096u /* of the runner's 16 MiB */
#define RANGE       ((vaddr_t)0x340000000000)
#define RANGE_PAGES 64u
#define PATIENCE    ((uint64_t)5000 * CLOCK_NS_PER_MS)

static struct drive drive;

static void fill(uint32_t page, uint64_t value)
{
    uint64_t *word = drive_page(&drive, page);

    for (size_t i = 0; i < PAGE_SIZE / sizeof *word; i++)
        word[i] = value * 1000003 + i;
}

static bool is_filled(uint32_t page, uint64_t value)
{
    const uint64_t *word = drive_page(&drive, page);

    for (size_t i = 0; i < PAGE_SIZE / sizeof *word; i++)
        if (word[i] != value * 1000003 + i)
            return false;
    return true;
}

static void test_data(void)
{
    for (uint32_t i = 0; i < 8; i++)
        fill(i, 100 + i);
    tap_is(drive_write(&drive, 100, 8, 0), ERR_OK, "eight blocks are written");
    tap_is(drive_flush(&drive), ERR_OK, "and made durable");
    for (uint32_t i = 0; i < 8; i++)
        fill(i, 0);
    tap_is(drive_read(&drive, 104, 1, 9), ERR_OK, "one is read");
    tap_ok(is_filled(9, 104), "and is the right one");
    tap_is(drive_read(&drive, 99, 10, 20), ERR_OK, "they are read with their neighbours");
    bool right =
        *(uint64_t *)drive_page(&drive, 20) == 0 && *(uint64_t *)drive_page(&drive, 29) == 0;
    for (uint32_t i = 0; i < 8; i++)
        right &= is_filled(21 + i, 100 + i);
    tap_ok(right, "and are what was written, and nothing else was");
    tap_is(drive_write(&drive, BLOCKS - 1, 1, 0), ERR_OK, "the last block");
    tap_is(drive_write(&drive, BLOCKS, 1, 0), ERR_BAD_ARG, "one behind it");
    tap_is(drive_read(&drive, BLOCKS - 1, 2, 0), ERR_BAD_ARG, "over the end");
    tap_is(drive_read(&drive, 0, 1, PAGES), ERR_BAD_ARG, "into a page that is not there");
}

/* Polls for all requests' ends. Returns how many were good. */
static unsigned poll_all(const uint32_t *tickets, unsigned count)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    unsigned good = 0;

    for (unsigned i = 0; i < count; i++) {
        while (!drive_state(&drive, tickets[i]) && cpu_ticks() < deadline)
            continue;
        good += drive_state(&drive, tickets[i]) == DISK_DONE;
    }
    return good;
}

/* Entries of this program into the kernel until now. */
static uint64_t entries_of(void)
{
    const struct env_counts c = book_env_counts((uint32_t)book_utcb()->env);

    return book_entries(&c);
}

static void test_many(void)
{
    const volatile struct cpu_info *cpu = book_cpu((uint32_t)*book_tcr(TCR_PROCESSOR));
    uint32_t tickets[DRIVE_REQUESTS];
    uint64_t slices = cpu->slices_run, entries = entries_of();
    unsigned good = 0, right = 0;

    for (unsigned i = 0; i < DRIVE_REQUESTS; i++) {
        fill(i, 500 + i);
        drive_post(&drive, DISK_WRITE, 1000 + i * 3, 1, i, &tickets[i]);
    }
    drive_push(&drive);
    good += poll_all(tickets, DRIVE_REQUESTS);
    for (unsigned i = 0; i < DRIVE_REQUESTS; i++)
        drive_post(&drive, DISK_READ, 1000 + i * 3, 1, DRIVE_REQUESTS - 1 - i, &tickets[i]);
    drive_push(&drive);
    good += poll_all(tickets, DRIVE_REQUESTS);
    entries = entries_of() - entries;
    slices = cpu->slices_run - slices;
    for (unsigned i = 0; i < DRIVE_REQUESTS; i++)
        right += is_filled(DRIVE_REQUESTS - 1 - i, 500 + i);
    tap_is(good, 2 * DRIVE_REQUESTS, "64 writes and 64 reads at once are done");
    tap_is(right, DRIVE_REQUESTS, "with what was written");
    tap_ok(entries <= slices, "and the kernel was not entered once for them");
}

/* A range of memory four times as large as its frames, the rest of it on the disk. */
static void test_paging(void)
{
    static struct page_record records[RANGE_PAGES];
    static struct pagetable table;
    static struct pages range;
    struct backing_drive store;
    volatile uint64_t *words = (volatile uint64_t *)RANGE;
    unsigned right = 0;

    tap_is(backing_drive_init(&store, &drive, BLOCKS - 1, 2), ERR_BAD_ARG, "no store over the end");
    tap_is(backing_drive_init(&store, &drive, 2000, RANGE_PAGES), ERR_OK, "a store for pages");
    pagetable_linear(&table, records, RANGE, RANGE_PAGES);
    range = (struct pages){.low = RANGE,
                           .high = RANGE + RANGE_PAGES * PAGE_SIZE,
                           .table = &table,
                           .budget = RANGE_PAGES / 4,
                           .backing = &store.backing};
    tap_is(pages_init(&range), ERR_OK, "a range that is paged to it");
    for (uint32_t i = 0; i < RANGE_PAGES; i++)
        words[i * (PAGE_SIZE / 8)] = i * 7 + 1;
    for (uint32_t i = 0; i < RANGE_PAGES; i++)
        right += words[i * (PAGE_SIZE / 8)] == i * 7 + 1;
    tap_is(right, RANGE_PAGES, "all pages come back as they were");
    tap_ok(*(volatile uint64_t *)&range.ins >= RANGE_PAGES / 2, "from the disk");
    tap_ok(drive_read(&drive, 2000, 1, 1) == ERR_OK && *(uint64_t *)drive_page(&drive, 1) == 1,
           "which has them");
    pages_destroy(&range);
}

int main(void)
{
    uint32_t function = 0;

    if (libos_setup())
        return 1;
    tap_is(virtio_pci_find(VIRTIO_BLOCK, 0, &function), ERR_OK, "there is a disk for a program");
    if (!tap_is(drive_open(&drive, SLOT_PCI, function, PAGES), ERR_OK, "it is this one's now"))
        return tap_done();
    tap_is(drive.blocks, BLOCKS, "with all its blocks");
    test_data();
    test_many();
    test_paging();
    drive_close(&drive);
    return tap_done();
}

/* A disk of one's own, against a device that lives in this process, keeps blocks, and also lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos/backing_drive.h"
#include "tests/host/fakes/own_device.h"

#define PCI      12u
#define FUNCTION 3u
#define PAGES    8u

static struct drive drive;
static struct fake_blocks blocks;
static struct fake_queue *const queue = &own_device.queue[VIRTIO_BLOCK_QUEUE];

static void set_sectors(uint64_t sectors)
{
    memcpy(own_device.config, &sectors, sizeof sectors);
}

/* The disk works only while its driver waits. */
static bool serve(void)
{
    return device_serves(queue, &blocks);
}

static void fresh_device(void)
{
    own_device_reset(VIRTIO_BLOCK, 1, VIRTIO_BLOCK_F_FLUSH | 1u << 1 | 1u << 28);
    memset(&blocks, 0, sizeof blocks);
    set_sectors(FAKE_BLOCKS * 8 + 7); /* a tail that is no whole block */
    own_device.on_wait = serve;
}

static int fresh_drive(void **state)
{
    (void)state;
    fresh_device();
    assert_int_equal(drive_open(&drive, PCI, FUNCTION, PAGES), ERR_OK);
    return 0;
}

static int close_drive(void **state)
{
    (void)state;
    drive_close(&drive);
    assert_int_equal(own_device.opened + own_device.memories, 0);
    return 0;
}

static void a_disk_comes_up_with_its_whole_blocks(void **state)
{
    (void)state;
    assert_int_equal(drive.blocks, FAKE_BLOCKS);
    assert_true(drive.cached && !drive.read_only);
    assert_true(own_device.status & VIRTIO_STATUS_GOING);
    assert_false(own_device.memory_at_reset);
    assert_true(own_device.accepted ==
                (VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_BLOCK_F_FLUSH));
}

static void disks_that_do_not_fit_leave_nothing_behind(void **state)
{
    (void)state;
    static const enum err want[] = {ERR_NO_DEVICE, ERR_NO_DEVICE, ERR_NO_DEVICE, ERR_BAD_STATE,
                                    ERR_NO_MEM,    ERR_NO_MEM,    ERR_NO_MEM,    ERR_BAD_ARG};

    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        fresh_device();
        own_device.closed_bus = i == 0;
        set_sectors(i == 1 ? 7 : 800);
        own_device.limit = i == 2 ? 2 : 256;
        own_device.deaf = i == 3;
        own_device.status = i == 3;
        own_device.memory_left = i >= 4 && i < 7 ? i - 4 : 100;
        own_device.vectors = i == 7 ? 0 : 2;
        assert_int_equal(drive_open(&drive, PCI, FUNCTION, PAGES), want[i]);
        assert_int_equal(own_device.opened + own_device.memories, 0);
        assert_false(own_device.status & VIRTIO_STATUS_GOING);
    }
    fresh_device();
    set_sectors(UINT64_MAX);
    assert_int_equal(drive_open(&drive, PCI, FUNCTION, PAGES), ERR_OK);
    assert_int_equal(drive.blocks, UINT32_MAX);
    drive_close(&drive);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    memset(drive_page(&drive, 0), 0xa1, DISK_BLOCK_BYTES);
    memset(drive_page(&drive, 1), 0xa2, DISK_BLOCK_BYTES);
    assert_int_equal(drive_write(&drive, 14, 2, 0), ERR_OK);
    assert_int_equal(blocks.bytes[15][4095], 0xa2);
    assert_int_equal(blocks.bytes[13][4095], 0);
    assert_int_equal(drive_read(&drive, 15, 1, 7), ERR_OK);
    assert_int_equal(((uint8_t *)drive_page(&drive, 7))[0], 0xa2);
    assert_int_equal(drive_flush(&drive), ERR_OK);
    assert_int_equal(blocks.flushes, 1);
}

static void requests_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned op;
        uint32_t block, count, page;
    } rows[] = {
        {0, 0, 1, 0},
        {4, 0, 1, 0},
        {DISK_READ, 0, 0, 0},
        {DISK_READ, FAKE_BLOCKS, 1, 0},
        {DISK_WRITE, FAKE_BLOCKS - 1, 2, 0},
        {DISK_READ, UINT32_MAX, 2, 0},
        {DISK_READ, 0, 1, PAGES},
        {DISK_READ, 0, 2, PAGES - 1},
        {DISK_READ, 0, 2, UINT32_MAX},
        {DISK_READ, 0, PAGES + 1, 0},
        {DISK_FLUSH, 1, 0, 0},
        {DISK_FLUSH, 0, 1, 0},
        {DISK_FLUSH, 0, 0, 1},
    };
    uint32_t ticket;

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(drive_post(&drive, (enum disk_op)rows[i].op, rows[i].block, rows[i].count,
                                    rows[i].page, &ticket),
                         ERR_BAD_ARG);
    drive_push(&drive);
    assert_false(serve());
}

static void many_are_in_flight_and_no_more(void **state)
{
    (void)state;
    uint32_t tickets[DRIVE_REQUESTS], ticket;

    for (unsigned i = 0; i < DRIVE_REQUESTS; i++)
        assert_int_equal(drive_post(&drive, DISK_READ, i % FAKE_BLOCKS, 1, i % PAGES, &tickets[i]),
                         ERR_OK);
    assert_int_equal(drive_post(&drive, DISK_READ, 0, 1, 0, &ticket), ERR_IN_USE);
    drive_push(&drive);
    assert_int_equal(drive_state(&drive, tickets[0]), 0);
    assert_true(serve());
    assert_int_equal(drive_state(&drive, tickets[0]), DISK_DONE);
    assert_int_equal(drive_state(&drive, tickets[1]), 0);
    assert_int_equal(drive_post(&drive, DISK_READ, 0, 1, 0, &ticket), ERR_OK);
    assert_int_equal(drive_post(&drive, DISK_READ, 0, 1, 0, &ticket), ERR_IN_USE);
    assert_int_equal(own_device.waits, 0);
    assert_int_equal(drive_flush(&drive), ERR_OK); /* after all of them */
    assert_int_equal(drive_state(&drive, tickets[DRIVE_REQUESTS - 1]), DISK_DONE);
    assert_int_equal(blocks.flushes, 1);
}

static void a_small_queue_is_taken(void **state)
{
    (void)state;
    uint32_t ticket;

    fresh_device();
    own_device.limit = 8;
    assert_int_equal(drive_open(&drive, PCI, FUNCTION, PAGES), ERR_OK);
    assert_int_equal(drive.requests, 2);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(drive_read(&drive, i % FAKE_BLOCKS, 1, i % PAGES), ERR_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(drive_post(&drive, DISK_READ, 0, 1, 0, &ticket), ERR_OK);
    assert_int_equal(drive_post(&drive, DISK_READ, 0, 1, 0, &ticket), ERR_IN_USE);
    drive_close(&drive);
}

static void errors_of_the_disk_are_told(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {1, 2, 3, VIRTIO_BLOCK_NO_STATUS};

    for (unsigned i = 0; i < sizeof statuses; i++) {
        blocks.status = statuses[i];
        assert_int_equal(drive_read(&drive, 0, 1, 0), ERR_BAD_STATE);
    }
    blocks.status = VIRTIO_BLOCK_OK;
    blocks.lie = -1; /* a read that wrote less than it ought to */
    assert_int_equal(drive_read(&drive, 0, 1, 0), ERR_BAD_STATE);
    blocks.lie = 0;
    assert_int_equal(drive_read(&drive, 0, 1, 0), ERR_OK);
}

static void answers_to_nothing_do_no_harm(void **state)
{
    (void)state;
    device_use(queue, 3 * DRIVE_REQUESTS, 1); /* a request that does not exist */
    device_use(queue, UINT32_MAX, 1);
    assert_int_equal(drive_state(&drive, 0), DISK_DONE);
    assert_int_equal(drive_read(&drive, 0, 1, 0), ERR_OK);
}

static bool disk_gives_up(void)
{
    own_device.status |= VIRTIO_STATUS_NEEDS_RESET;
    return true;
}

static void a_disk_that_gives_up_ends_the_waiting(void **state)
{
    (void)state;
    own_device.on_wait = disk_gives_up;
    assert_int_equal(drive_read(&drive, 0, 1, 0), ERR_BAD_STATE);
    assert_int_equal(drive_flush(&drive), ERR_BAD_STATE);
    own_device.on_wait = NULL;
    own_device.status = 0;
    assert_int_equal(drive_flush(&drive), ERR_TIMEOUT); /* as device_wait() says it */
}

static bool disk_is_stopped(void)
{
    own_device.stopped = true;
    return serve(); /* and says that all went well */
}

static void a_stopped_disk_is_not_believed(void **state)
{
    (void)state;
    own_device.on_wait = disk_is_stopped;
    assert_int_equal(drive_read(&drive, 0, 1, 0), ERR_BAD_STATE);
}

static void disks_without_writes_or_cache(void **state)
{
    (void)state;
    uint32_t ticket;

    fresh_device();
    own_device.features |= VIRTIO_BLOCK_F_READ_ONLY;
    own_device.features &= ~VIRTIO_BLOCK_F_FLUSH;
    assert_int_equal(drive_open(&drive, PCI, FUNCTION, PAGES), ERR_OK);
    assert_int_equal(drive_write(&drive, 0, 1, 0), ERR_NO_RIGHT);
    blocks.status = 1;
    assert_int_equal(drive_read(&drive, 0, 1, 0), ERR_BAD_STATE);
    for (unsigned i = 0; i < DRIVE_REQUESTS; i++)
        assert_int_equal(drive_flush(&drive), ERR_OK); /* with nothing to do, whatever failed */
    assert_int_equal(drive_post(&drive, DISK_FLUSH, 0, 0, 0, &ticket), ERR_OK);
    assert_int_equal(drive_state(&drive, ticket), DISK_DONE);
    assert_int_equal(blocks.flushes, 0);
    drive_close(&drive);
}

static void a_drive_is_a_backing_store(void **state)
{
    (void)state;
    static uint8_t page[PAGE_SIZE];
    struct backing_drive b;

    assert_int_equal(backing_drive_init(&b, &drive, 0, 0), ERR_BAD_ARG);
    assert_int_equal(backing_drive_init(&b, &drive, 10, FAKE_BLOCKS - 9), ERR_BAD_ARG);
    assert_int_equal(backing_drive_init(&b, &drive, 1, UINT32_MAX), ERR_BAD_ARG);
    assert_int_equal(backing_drive_init(&b, &drive, 10, 4), ERR_OK);
    memset(page, 0x5a, sizeof page);
    assert_int_equal(b.backing.write(&b.backing, 3, page), ERR_OK);
    assert_int_equal(b.backing.write(&b.backing, 4, page), ERR_BAD_ARG);
    assert_int_equal(blocks.bytes[13][4095], 0x5a);
    memset(page, 0, sizeof page);
    assert_int_equal(b.backing.read(&b.backing, 3, page), ERR_OK);
    assert_int_equal(page[4095], 0x5a);
    assert_int_equal(b.backing.read(&b.backing, 4, page), ERR_BAD_ARG);
    drive.read_only = true;
    assert_int_equal(backing_drive_init(&b, &drive, 10, 4), ERR_NO_RIGHT);
}

int main(void)
{
#define ON_DRIVE(test) cmocka_unit_test_setup_teardown(test, fresh_drive, close_drive)
    const struct CMUnitTest tests[] = {
        ON_DRIVE(a_disk_comes_up_with_its_whole_blocks),
        cmocka_unit_test(disks_that_do_not_fit_leave_nothing_behind),
        ON_DRIVE(what_is_written_is_read_back),
        ON_DRIVE(requests_that_make_no_sense_are_refused),
        ON_DRIVE(many_are_in_flight_and_no_more),
        cmocka_unit_test(a_small_queue_is_taken),
        ON_DRIVE(errors_of_the_disk_are_told),
        ON_DRIVE(answers_to_nothing_do_no_harm),
        ON_DRIVE(a_disk_that_gives_up_ends_the_waiting),
        ON_DRIVE(a_stopped_disk_is_not_believed),
        cmocka_unit_test(disks_without_writes_or_cache),
        ON_DRIVE(a_drive_is_a_backing_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

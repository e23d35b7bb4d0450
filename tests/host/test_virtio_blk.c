/* The disk on a virtqueue, against a device that lives in this file, keeps blocks, and also lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exo/io/disk.h"
#include "tests/host/fakes/virtio.h"

static _Alignas(4096) uint8_t buffer[4][DISK_BLOCK_BYTES];

static struct fake_blocks blocks;

static struct {
    unsigned count;
    uint32_t cookies[256];
    unsigned results[256];
} seen;

void hook_disk_interrupt(void)
{
    disk_poll();
}

void hook_disk_done(uint32_t cookie, unsigned result)
{
    seen.cookies[seen.count] = cookie;
    seen.results[seen.count++] = result;
}

static void set_sectors(uint64_t sectors)
{
    memcpy(fake_virtio.config, &sectors, sizeof sectors);
}

static bool disk_serves(void)
{
    return device_serves(&fake_virtio.queue[VIRTIO_BLOCK_QUEUE], &blocks);
}

static int fresh_disk(void **state)
{
    (void)state;
    memset(&blocks, 0, sizeof blocks);
    memset(&seen, 0, sizeof seen);
    fake_virtio_reset(VIRTIO_BLOCK, 1, VIRTIO_BLOCK_F_READ_ONLY | VIRTIO_BLOCK_F_FLUSH);
    fake_virtio.features = VIRTIO_BLOCK_F_FLUSH;
    set_sectors(FAKE_BLOCKS * 8 + 7); /* a tail that is no whole block */
    disk_init();
    return 0;
}

static bool submit(enum disk_op op, uint32_t block, uint32_t count, unsigned from, uint32_t cookie)
{
    const struct disk_request r = {op, block, count, (paddr_t)(uintptr_t)buffer[from]};

    return disk_submit(&r, cookie);
}

static void assert_done(unsigned at, uint32_t cookie, enum disk_result result)
{
    assert_true(at < seen.count);
    assert_int_equal(seen.cookies[at], cookie);
    assert_int_equal(seen.results[at], result);
}

static void a_disk_comes_up_with_its_whole_blocks(void **state)
{
    (void)state;
    assert_true(disk_present() && fake_virtio.running && disk_is_cached());
    assert_false(disk_read_only());
    assert_int_equal(disk_blocks(), FAKE_BLOCKS);
}

static void disks_that_do_not_fit_are_left_alone(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        fresh_disk(state);
        fake_virtio.missing = i == 0;
        fake_virtio.limit = i == 1 ? 2 : 256;
        fake_virtio.disobeys = i == 2;
        set_sectors(i == 3 ? 7 : 800);
        fake_virtio_reboot();
        disk_init();
        assert_false(disk_present() || fake_virtio.running);
        assert_int_equal(disk_blocks(), 0);
        assert_false(submit(DISK_READ, 0, 1, 0, 1));
        disk_poll();
        disk_push();
        disk_restart();
        assert_int_equal(seen.count + fake_virtio.bells[0], 0);
    }
}

static void a_disk_larger_than_names_is_cut(void **state)
{
    fresh_disk(state);
    set_sectors(UINT64_MAX);
    fake_virtio_reboot();
    disk_init();
    assert_int_equal(disk_blocks(), UINT32_MAX);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    memset(buffer[0], 0xa1, DISK_BLOCK_BYTES);
    memset(buffer[1], 0xa2, DISK_BLOCK_BYTES);
    assert_true(submit(DISK_WRITE, 14, 2, 0, 7));
    disk_push();
    assert_int_equal(fake_virtio.bells[0], 1);
    assert_int_equal(seen.count, 0);
    assert_true(disk_serves());
    fake_virtio.handler();
    assert_done(0, 7, DISK_RESULT_OK);
    assert_int_equal(blocks.bytes[15][4095], 0xa2);
    assert_int_equal(blocks.bytes[13][4095], 0);
    assert_true(submit(DISK_READ, 15, 1, 3, 8));
    assert_true(submit(DISK_FLUSH, 0, 0, 0, 9));
    assert_true(disk_serves() && disk_serves());
    fake_virtio.handler();
    assert_done(1, 8, DISK_RESULT_OK);
    assert_done(2, 9, DISK_RESULT_OK);
    assert_int_equal(blocks.flushes, 1);
    assert_int_equal(buffer[3][0], 0xa2);
}

static void errors_of_the_disk_are_told(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {1, 2, 3, 0xff};

    for (unsigned i = 0; i < sizeof statuses; i++) {
        blocks.status = statuses[i];
        assert_true(submit(DISK_READ, 0, 1, 0, i));
        assert_true(disk_serves());
        disk_poll();
        assert_done(i, i, DISK_RESULT_ERROR);
    }
    assert_int_equal(disk_restarts(), 0);
}

static void a_read_that_wrote_less_is_an_error(void **state)
{
    (void)state;
    blocks.lie = -1;
    assert_true(submit(DISK_READ, 0, 1, 0, 5));
    assert_true(disk_serves());
    disk_poll();
    assert_done(0, 5, DISK_RESULT_ERROR);
}

static void a_full_disk_refuses_until_requests_are_done(void **state)
{
    (void)state;
    uint32_t count = 0;

    while (submit(DISK_WRITE, count % FAKE_BLOCKS, 1, 0, count))
        count++;
    assert_int_equal(count, 64);
    disk_serves();
    disk_poll();
    assert_true(submit(DISK_WRITE, 0, 1, 0, count));
    assert_false(submit(DISK_WRITE, 0, 1, 0, count));
    while (disk_serves())
        continue;
    disk_poll();
    assert_int_equal(seen.count, 65);
}

static void a_small_queue_is_taken(void **state)
{
    fresh_disk(state);
    fake_virtio.limit = 8;
    fake_virtio_reboot();
    disk_init();
    assert_true(submit(DISK_READ, 0, 1, 0, 1) && submit(DISK_READ, 1, 1, 0, 2));
    assert_false(submit(DISK_READ, 2, 1, 0, 3)); /* three pieces each */
    assert_true(submit(DISK_FLUSH, 0, 0, 0, 4)); /* two pieces        */
    for (unsigned i = 0; i < 3; i++)
        assert_true(disk_serves());
    disk_poll();
    assert_done(2, 4, DISK_RESULT_OK);
}

static void a_lying_disk_is_restarted_and_owners_are_told(void **state)
{
    (void)state;
    static const struct {
        uint32_t id, length;
    } lies[] = {{250, 1}, {0xffffffff, 1}, {0, DISK_BLOCK_BYTES + 2}};

    for (unsigned i = 0; i < 3; i++) {
        seen.count = 0;
        assert_true(submit(DISK_READ, 0, 1, 0, 10) && submit(DISK_WRITE, 1, 1, 1, 11));
        device_use(&fake_virtio.queue[0], lies[i].id, lies[i].length);
        fake_virtio.handler();
        assert_int_equal(disk_restarts(), i + 1);
        assert_int_equal(seen.count, 2);
        assert_done(0, 10, DISK_RESULT_ERROR);
        assert_done(1, 11, DISK_RESULT_ERROR);
        assert_true(disk_present() && fake_virtio.running);
    }
}

static void a_restart_stops_what_is_in_flight(void **state)
{
    (void)state;
    assert_true(submit(DISK_WRITE, 3, 1, 0, 1) && submit(DISK_READ, 4, 1, 1, 2));
    disk_restart();
    assert_int_equal(seen.count, 2);
    assert_done(0, 1, DISK_RESULT_STOPPED);
    assert_done(1, 2, DISK_RESULT_STOPPED);
    assert_false(disk_serves()); /* nothing was left in the new queue */
    assert_true(submit(DISK_READ, 0, 1, 0, 3) && disk_serves());
    disk_poll();
    assert_done(2, 3, DISK_RESULT_OK);
}

static void a_disk_that_changes_or_disobeys_is_given_up(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        fresh_disk(state);
        assert_true(submit(DISK_WRITE, 3, 1, 0, 1));
        set_sectors(FAKE_BLOCKS * 8 - (i == 0 ? 8 : 0));
        fake_virtio.features =
            (i == 1 ? VIRTIO_BLOCK_F_READ_ONLY : 0u) | (i != 2 ? VIRTIO_BLOCK_F_FLUSH : 0u);
        fake_virtio.disobeys = i == 3;
        disk_restart();
        assert_false(disk_present() || fake_virtio.running);
        assert_done(0, 1, DISK_RESULT_STOPPED);
        assert_int_equal(disk_blocks(), FAKE_BLOCKS); /* extents keep their meaning */
        assert_false(submit(DISK_READ, 0, 1, 0, 2));
    }
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup(test, fresh_disk)
    const struct CMUnitTest tests[] = {
        ON_DISK(a_disk_comes_up_with_its_whole_blocks),
        ON_DISK(disks_that_do_not_fit_are_left_alone),
        ON_DISK(a_disk_larger_than_names_is_cut),
        ON_DISK(what_is_written_is_read_back),
        ON_DISK(errors_of_the_disk_are_told),
        ON_DISK(a_read_that_wrote_less_is_an_error),
        ON_DISK(a_full_disk_refuses_until_requests_are_done),
        ON_DISK(a_small_queue_is_taken),
        ON_DISK(a_lying_disk_is_restarted_and_owners_are_told),
        ON_DISK(a_restart_stops_what_is_in_flight),
        ON_DISK(a_disk_that_changes_or_disobeys_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The disk on a virtqueue, against a device that lives in this file, keeps blocks, and also lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exo/io/disk.h"
#include "exo/io/virtio.h"
#include "tests/host/fakes/virtq_device.h"

/* "Physical" addresses of the fake are addresses of this process. */
#define POOL_FRAMES 8u
#define BLOCKS      16u
#define TYPE_READ   0u
#define TYPE_WRITE  1u
#define TYPE_FLUSH  4u
static _Alignas(4096) uint8_t pool[POOL_FRAMES * 4096];
static _Alignas(4096) uint8_t buffer[4][DISK_BLOCK_BYTES];
static uint32_t pool_used;

static struct {
    bool missing, disobeys;
    bool read_only, cached;
    uint64_t sectors;
    uint16_t limit;
    bool running;
    unsigned resets, bells, flushes;
    uint8_t status; /* that it answers with           */
    int32_t lie;    /* added to the length it reports */
    struct fake_queue queue;
    void (*handler)(void);
    uint8_t blocks[BLOCKS][DISK_BLOCK_BYTES];
} fake;

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

bool virtio_open(struct virtio_device *d, uint16_t number, void (*handler)(void))
{
    (void)d;
    assert_int_equal(number, 2);
    fake.handler = handler;
    return !fake.missing;
}

struct virtio_memory virtio_memory(uint32_t frames)
{
    uint8_t *at = pool + pool_used * 4096u;

    assert_true(pool_used + frames <= POOL_FRAMES);
    pool_used += frames;
    memset(at, 0, frames * 4096u);
    return (struct virtio_memory){at, (paddr_t)(uintptr_t)at};
}

bool virtio_reset(struct virtio_device *d)
{
    (void)d;
    fake.resets++;
    fake.running = false;
    return !fake.disobeys;
}

bool virtio_agree(struct virtio_device *d, uint64_t wanted, uint64_t *agreed)
{
    (void)d;
    assert_int_equal(wanted, 1u << 5 | 1u << 9);
    *agreed = VIRTIO_F_VERSION_1 | (fake.read_only ? 1u << 5 : 0) | (fake.cached ? 1u << 9 : 0);
    return true;
}

uint16_t virtio_queue_limit(struct virtio_device *d, unsigned index)
{
    (void)d;
    return index == 0 ? fake.limit : 0;
}

bool virtio_queue_start(struct virtio_device *d, unsigned index, paddr_t queue, uint16_t size)
{
    (void)d;
    assert_true(index == 0 && size <= fake.limit);
    fake.queue = (struct fake_queue){.memory = (uint8_t *)(uintptr_t)queue, .size = size};
    return true;
}

void virtio_start(struct virtio_device *d)
{
    (void)d;
    fake.running = true;
}

void virtio_notify(struct virtio_device *d, unsigned index)
{
    (void)d;
    assert_int_equal(index, 0);
    fake.bells++;
}

uint8_t virtio_config8(const struct virtio_device *d, unsigned offset)
{
    (void)d;
    return (uint8_t)(offset < 8 ? fake.sectors >> 8 * offset : 0xff);
}

/* What the specification says of a request: header, data, status, each with its direction. */
static bool device_serves(void)
{
    struct fake_queue *q = &fake.queue;
    uint16_t head = device_next(q);

    if (head == VIRTQ_END)
        return false;
    const struct virtq_desc *d = &desc_of(q)[head];
    const uint8_t *header = (uint8_t *)(uintptr_t)d->address;
    uint32_t type, written = 1;
    uint64_t sector;
    memcpy(&type, header, 4);
    memcpy(&sector, header + 8, 8);
    assert_true(d->length == 16 && d->flags == 1);
    d = &desc_of(q)[d->next];
    if (type == TYPE_FLUSH) {
        assert_int_equal(sector, 0);
        fake.flushes++;
    } else {
        uint8_t *data = (uint8_t *)(uintptr_t)d->address, *disk = fake.blocks[sector / 8];
        assert_true(sector % 8 == 0 && sector / 8 + d->length / DISK_BLOCK_BYTES <= BLOCKS);
        assert_int_equal(d->flags, type == TYPE_READ ? 3 : 1);
        memcpy(type == TYPE_READ ? data : disk, type == TYPE_READ ? disk : data, d->length);
        written += type == TYPE_READ ? d->length : 0;
        d = &desc_of(q)[d->next];
    }
    assert_true(d->length == 1 && d->flags == 2);
    *(uint8_t *)(uintptr_t)d->address = fake.status;
    device_use(q, head, written + (uint32_t)fake.lie);
    return true;
}

static int fresh_disk(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(&seen, 0, sizeof seen);
    memset(pool, 0xee, sizeof pool);
    pool_used = 0;
    fake.limit = 256;
    fake.cached = true;
    fake.sectors = BLOCKS * 8 + 7; /* a tail that is no whole block */
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
    assert_true(disk_present() && fake.running && disk_is_cached());
    assert_false(disk_read_only());
    assert_int_equal(disk_blocks(), BLOCKS);
}

static void disks_that_do_not_fit_are_left_alone(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        fresh_disk(state);
        fake.missing = i == 0;
        fake.limit = i == 1 ? 2 : 256;
        fake.disobeys = i == 2;
        fake.sectors = i == 3 ? 7 : 800;
        fake.running = false;
        pool_used = 0;
        disk_init();
        assert_false(disk_present() || fake.running);
        assert_int_equal(disk_blocks(), 0);
        assert_false(submit(DISK_READ, 0, 1, 0, 1));
        disk_poll();
        disk_push();
        disk_restart();
        assert_int_equal(seen.count + fake.bells, 0);
    }
}

static void a_disk_larger_than_names_is_cut(void **state)
{
    fresh_disk(state);
    fake.sectors = UINT64_MAX;
    pool_used = 0;
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
    assert_int_equal(fake.bells, 1);
    assert_int_equal(seen.count, 0);
    assert_true(device_serves());
    fake.handler();
    assert_done(0, 7, DISK_RESULT_OK);
    assert_int_equal(fake.blocks[15][4095], 0xa2);
    assert_int_equal(fake.blocks[13][4095], 0);
    assert_true(submit(DISK_READ, 15, 1, 3, 8));
    assert_true(submit(DISK_FLUSH, 0, 0, 0, 9));
    assert_true(device_serves() && device_serves());
    fake.handler();
    assert_done(1, 8, DISK_RESULT_OK);
    assert_done(2, 9, DISK_RESULT_OK);
    assert_int_equal(fake.flushes, 1);
    assert_int_equal(buffer[3][0], 0xa2);
}

static void errors_of_the_disk_are_told(void **state)
{
    (void)state;
    static const uint8_t statuses[] = {1, 2, 3, 0xff};

    for (unsigned i = 0; i < sizeof statuses; i++) {
        fake.status = statuses[i];
        assert_true(submit(DISK_READ, 0, 1, 0, i));
        assert_true(device_serves());
        disk_poll();
        assert_done(i, i, DISK_RESULT_ERROR);
    }
    assert_int_equal(disk_restarts(), 0);
}

static void a_read_that_wrote_less_is_an_error(void **state)
{
    (void)state;
    fake.lie = -1;
    assert_true(submit(DISK_READ, 0, 1, 0, 5));
    assert_true(device_serves());
    disk_poll();
    assert_done(0, 5, DISK_RESULT_ERROR);
}

static void a_full_disk_refuses_until_requests_are_done(void **state)
{
    (void)state;
    uint32_t count = 0;

    while (submit(DISK_WRITE, count % BLOCKS, 1, 0, count))
        count++;
    assert_int_equal(count, 64);
    device_serves();
    disk_poll();
    assert_true(submit(DISK_WRITE, 0, 1, 0, count));
    assert_false(submit(DISK_WRITE, 0, 1, 0, count));
    while (device_serves())
        continue;
    disk_poll();
    assert_int_equal(seen.count, 65);
}

static void a_small_queue_is_taken(void **state)
{
    fresh_disk(state);
    fake.limit = 8;
    pool_used = 0;
    disk_init();
    assert_true(submit(DISK_READ, 0, 1, 0, 1) && submit(DISK_READ, 1, 1, 0, 2));
    assert_false(submit(DISK_READ, 2, 1, 0, 3)); /* three pieces each */
    assert_true(submit(DISK_FLUSH, 0, 0, 0, 4)); /* two pieces        */
    for (unsigned i = 0; i < 3; i++)
        assert_true(device_serves());
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
        device_use(&fake.queue, lies[i].id, lies[i].length);
        fake.handler();
        assert_int_equal(disk_restarts(), i + 1);
        assert_int_equal(seen.count, 2);
        assert_done(0, 10, DISK_RESULT_ERROR);
        assert_done(1, 11, DISK_RESULT_ERROR);
        assert_true(disk_present() && fake.running);
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
    assert_false(device_serves()); /* nothing was left in the new queue */
    assert_true(submit(DISK_READ, 0, 1, 0, 3) && device_serves());
    disk_poll();
    assert_done(2, 3, DISK_RESULT_OK);
}

static void a_disk_that_changes_or_disobeys_is_given_up(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        fresh_disk(state);
        assert_true(submit(DISK_WRITE, 3, 1, 0, 1));
        fake.sectors -= i == 0 ? 8 : 0;
        fake.read_only = i == 1;
        fake.cached = i != 2;
        fake.disobeys = i == 3;
        disk_restart();
        assert_false(disk_present() || fake.running);
        assert_done(0, 1, DISK_RESULT_STOPPED);
        assert_int_equal(disk_blocks(), BLOCKS); /* extents keep their meaning */
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

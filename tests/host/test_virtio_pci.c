/* Driving a virtio device of one's own: what is found in its configuration, agreed, handed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos/virtio_pci.h"
#include "tests/host/fakes/own_device.h"

#define PCI    12u
#define NUMBER VIRTIO_NET
#define F_ONE  ((uint64_t)1 << 5)
#define F_TWO  ((uint64_t)1 << 40)

static struct device device;
static struct virtio_pci pci;
static struct device_memory memory;
static struct virtqueue queue;

static int fresh_device(void **state)
{
    (void)state;
    own_device_reset(NUMBER, 2, F_ONE | F_TWO);
    own_device.config[9] = 0x12;
    own_device.config[10] = 0x34;
    assert_int_equal(device_open(&device, PCI, 3), ERR_OK);
    return 0;
}

static void open_it(void)
{
    assert_int_equal(virtio_pci_open(&pci, &device, NUMBER), ERR_OK);
}

static void agree(void)
{
    uint64_t agreed;

    open_it();
    assert_int_equal(virtio_pci_agree(&pci, 0, 0, &agreed), ERR_OK);
    assert_int_equal(device_memory_make(&device, VIRTQ_FRAMES, &memory), ERR_OK);
}

static void a_device_is_found_by_its_type(void **state)
{
    (void)state;
    const uint16_t transitional = VIRTIO_DEVICE_TRANSITIONAL + NUMBER;
    uint32_t function = 0;

    assert_int_equal(virtio_pci_find(NUMBER, 0, &function), ERR_OK);
    assert_int_equal(function, 3);
    assert_int_equal(virtio_pci_find(NUMBER, 4, &function), ERR_NO_DEVICE);
    assert_int_equal(virtio_pci_find(VIRTIO_BLOCK, 0, &function), ERR_NO_DEVICE);
    memcpy(own_device.space + 2, &transitional, 2);
    assert_int_equal(virtio_pci_find(NUMBER, 0, &function), ERR_OK);
    open_it();
}

static void an_opened_device_is_reset_before_it_has_memory(void **state)
{
    (void)state;
    own_device.status = VIRTIO_STATUS_GOING;
    open_it();
    assert_int_equal(own_device.resets, 1);
    assert_int_equal(own_device.status, 0);
    assert_false(own_device.memory_at_reset);
    assert_int_equal(virtio_pci_config(&pci, 9, 2), 0x3412);
    assert_int_equal(virtio_pci_config(&pci, 15, 2), 0); /* beyond the end */
}

/* One spoilt thing each. */
static void spoil(unsigned i)
{
    static const uint8_t bytes[][2] = {
        {0x00, 0x11},                   /* another maker                         */
        {0x02, 0x99},                   /* another product                       */
        {0x06, 0x00},                   /* no list of capabilities               */
        {0x34, 0x00},                   /* an empty one                          */
        {0x70 + VIRTIO_CAP_KIND, 5},    /* no common structure                   */
        {0x70 + VIRTIO_CAP_LENGTH, 55}, /* one that is too short                 */
        {0x50 + VIRTIO_CAP_KIND, 1},    /* a second one in place of the device's */
        {0x90 + VIRTIO_CAP_KIND, 9},    /* no bells                              */
        {0x91, 0x40},                   /* a loop (and see the last)             */
    };

    own_device.space[bytes[i][0]] = bytes[i][1];
    if (i == 8)
        own_device.space[0x90 + VIRTIO_CAP_KIND] = 9;
}

static void devices_that_lack_something_are_refused(void **state)
{
    for (unsigned i = 0; i < 9; i++) {
        fresh_device(state);
        spoil(i);
        assert_int_equal(virtio_pci_open(&pci, &device, NUMBER), ERR_NO_DEVICE);
    }
    fresh_device(state);
    own_device.space[0x70 + VIRTIO_CAP_BAR] = 2;
    assert_int_equal(virtio_pci_open(&pci, &device, NUMBER), ERR_BAD_ARG);
}

static void a_device_that_does_not_stop_is_refused(void **state)
{
    (void)state;
    own_device.status = VIRTIO_STATUS_GOING;
    own_device.deaf = true;
    assert_int_equal(virtio_pci_open(&pci, &device, NUMBER), ERR_BAD_STATE);
}

static void both_get_the_features_that_both_want(void **state)
{
    (void)state;
    const uint64_t always = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM;
    uint64_t agreed = 0;

    open_it();
    assert_int_equal(virtio_pci_agree(&pci, F_TWO | 1, F_ONE, &agreed), ERR_OK);
    assert_true(agreed == (always | F_ONE | F_TWO));
    assert_true(own_device.accepted == agreed);
    assert_int_equal(virtio_pci_agree(&pci, 0, 0, &agreed), ERR_OK);
    assert_true(agreed == always);
}

static void features_that_must_be_are(void **state)
{
    uint64_t agreed;

    for (unsigned i = 0; i < 4; i++) {
        fresh_device(state);
        open_it();
        own_device.features &= i == 0   ? ~VIRTIO_F_VERSION_1
                               : i == 1 ? ~VIRTIO_F_ACCESS_PLATFORM /* it would pass the IOMMU by */
                               : i == 2 ? ~F_ONE
                                        : ~(uint64_t)0;
        own_device.refuses = i == 3;
        assert_int_equal(virtio_pci_agree(&pci, 0, F_ONE, &agreed), ERR_NO_DEVICE);
    }
}

static void a_queue_is_handed_over_by_its_io_address(void **state)
{
    (void)state;
    agree();
    own_device.limit = 64;
    own_device_rang(1);
    assert_int_equal(virtio_pci_queue(&pci, &queue, 1, 256, &memory, 1), ERR_OK);
    assert_int_equal(queue.size, 64);
    assert_int_equal(own_device.vector[1], 1);
    assert_ptr_equal(own_device.queue[1].memory, memory.va);
    virtio_pci_start(&pci);
    assert_int_equal(own_device.status, VIRTIO_STATUS_FOUND | VIRTIO_STATUS_DRIVER |
                                            VIRTIO_STATUS_AGREED | VIRTIO_STATUS_GOING);
    assert_false(own_device_rang(1));
    virtqueue_offer(&queue, 9);
    virtqueue_push(&queue);
    assert_true(own_device_rang(1));
    assert_int_equal(device_next(&own_device.queue[1]), 9);
}

static void queues_that_do_not_fit_are_refused(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        fresh_device(state);
        agree();
        own_device.limit = i == 0 ? 0 : 256;
        own_device.bell_offset[1] = i == 1 ? OWN_QUEUES : 1; /* behind the end */
        assert_int_equal(
            virtio_pci_queue(&pci, &queue, i == 2 ? 2 : 1, 256, &memory, i == 3 ? 2 : 0),
            ERR_NO_DEVICE);
    }
}

static void a_device_says_that_it_gave_up(void **state)
{
    (void)state;
    agree();
    assert_false(virtio_pci_is_broken(&pci));
    own_device.status |= VIRTIO_STATUS_NEEDS_RESET;
    assert_true(virtio_pci_is_broken(&pci));
    own_device.status = VIRTIO_STATUS_GOING;
    own_device.stopped = true;
    assert_true(virtio_pci_is_broken(&pci));
}

static void a_queue_goes_round(void **state)
{
    (void)state;
    struct fake_queue *q = &own_device.queue[0];
    uint16_t head;
    uint32_t length;

    agree();
    assert_int_equal(virtio_pci_queue(&pci, &queue, 0, 4, &memory, 0), ERR_OK);
    assert_false(virtqueue_take(&queue, &head, &length));
    for (uint32_t i = 0; i < 70000; i++) { /* the free-running counters go round, too */
        virtqueue_offer(&queue, i % 4);
        assert_int_equal(virtqueue_in_flight(&queue), 1);
        assert_int_equal(device_next(q), FAKE_NONE); /* not shown yet */
        virtqueue_push(&queue);
        assert_int_equal(device_next(q), i % 4);
        assert_false(virtqueue_ready(&queue));
        device_use(q, i % 4, i);
        assert_true(virtqueue_take(&queue, &head, &length));
        assert_true(head == i % 4 && length == i && virtqueue_in_flight(&queue) == 0);
    }
}

static void bells_and_interrupts_only_when_wanted(void **state)
{
    (void)state;
    struct virtq_avail *avail;

    agree();
    assert_int_equal(virtio_pci_queue(&pci, &queue, 0, 4, &memory, 0), ERR_OK);
    avail = (struct virtq_avail *)(own_device.queue[0].memory + VIRTQ_AT_AVAIL);
    own_device_rang(0);
    virtqueue_push(&queue); /* of nothing */
    assert_false(own_device_rang(0));
    used_of(&own_device.queue[0])->flags = VIRTQ_USED_NO_NOTIFY;
    virtqueue_offer(&queue, 1);
    virtqueue_push(&queue);
    assert_false(own_device_rang(0));
    assert_int_equal(avail->flags, VIRTQ_AVAIL_NO_INTERRUPT);
    assert_false(virtqueue_interrupt(&queue, true));
    assert_int_equal(avail->flags, 0);
    device_use(&own_device.queue[0], 1, 0);
    assert_true(virtqueue_interrupt(&queue, false)); /* the one for which no interrupt came */
    assert_int_equal(avail->flags, VIRTQ_AVAIL_NO_INTERRUPT);
}

int main(void)
{
#define ON_DEVICE(test) cmocka_unit_test_setup(test, fresh_device)
    const struct CMUnitTest tests[] = {
        ON_DEVICE(a_device_is_found_by_its_type),
        ON_DEVICE(an_opened_device_is_reset_before_it_has_memory),
        ON_DEVICE(devices_that_lack_something_are_refused),
        ON_DEVICE(a_device_that_does_not_stop_is_refused),
        ON_DEVICE(both_get_the_features_that_both_want),
        ON_DEVICE(features_that_must_be_are),
        ON_DEVICE(a_queue_is_handed_over_by_its_io_address),
        ON_DEVICE(queues_that_do_not_fit_are_refused),
        ON_DEVICE(a_device_says_that_it_gave_up),
        ON_DEVICE(a_queue_goes_round),
        ON_DEVICE(bells_and_interrupts_only_when_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

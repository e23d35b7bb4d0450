/* The virtqueue, the driver's side, against a device that lives in this file and also lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exo/io/virtq.h"
#include "tests/host/fakes/virtq_device.h"

static _Alignas(4096) uint8_t pool[VIRTQ_FRAMES * 4096];

/* A queue of 8 descriptors, with the device's half. */
struct bare {
    struct virtq q;
    struct fake_queue device;
};

static int fresh_queue(void **state)
{
    struct bare *b = calloc(1, sizeof *b);

    memset(pool, 0xee, sizeof pool);
    virtq_init(&b->q, pool, 8);
    b->device = (struct fake_queue){.memory = pool, .size = 8};
    *state = b;
    return 0;
}

static int drop_queue(void **state)
{
    struct bare *b = *state;

    assert_null(virtq_check(&b->q));
    free(b);
    return 0;
}

static const struct virtq_piece three[] = {{0x1000, 10}, {0x2000, 20}, {0x3000, 30}};

static void a_chain_shows_its_pieces_in_order(void **state)
{
    struct bare *b = *state;

    assert_true(virtq_offer(&b->q, three, 1, 2, 77));
    struct virtq_desc *d = desc_of(&b->device);
    uint16_t at = device_next(&b->device);
    assert_int_equal(d[at].address, 0x1000);
    assert_int_equal(d[at].length, 10);
    assert_int_equal(d[at].flags, 1);
    at = d[at].next;
    assert_int_equal(d[at].address, 0x2000);
    assert_int_equal(d[at].flags, 3);
    at = d[at].next;
    assert_int_equal(d[at].address, 0x3000);
    assert_int_equal(d[at].flags, 2);
    assert_int_equal(device_next(&b->device), FAKE_NONE);
}

static void a_full_queue_refuses_and_keeps_what_it_has(void **state)
{
    struct bare *b = *state;

    assert_true(virtq_offer(&b->q, three, 3, 0, 1));
    assert_true(virtq_offer(&b->q, three, 3, 0, 2));
    assert_false(virtq_offer(&b->q, three, 3, 0, 3));
    assert_true(virtq_offer(&b->q, three, 2, 0, 4));
    assert_false(virtq_offer(&b->q, three, 1, 0, 5));
    assert_int_equal(b->q.in_flight, 3);
}

static void chains_come_back_in_the_devices_order(void **state)
{
    struct bare *b = *state;
    struct virtq_done done;

    virtq_offer(&b->q, three, 0, 3, 1);
    virtq_offer(&b->q, three, 0, 2, 2);
    uint16_t first = device_next(&b->device), second = device_next(&b->device);
    assert_int_equal(virtq_take(&b->q, &done), VIRTQ_EMPTY);
    device_use(&b->device, second, 30);
    device_use(&b->device, first, 60);
    assert_int_equal(virtq_take(&b->q, &done), VIRTQ_TAKEN);
    assert_int_equal(done.cookie, 2);
    assert_int_equal(done.length, 30);
    assert_int_equal(virtq_take(&b->q, &done), VIRTQ_TAKEN);
    assert_int_equal(done.cookie, 1);
    assert_int_equal(done.length, 60);
    assert_int_equal(virtq_take(&b->q, &done), VIRTQ_EMPTY);
    assert_int_equal(b->q.free_count, 8);
}

static void indices_may_wrap(void **state)
{
    struct bare *b = *state;
    struct virtq_done done;

    for (uint32_t i = 0; i < 70000; i++) {
        assert_true(virtq_offer(&b->q, three, 1, 1 + i % 2, i));
        device_use(&b->device, device_next(&b->device), 5);
        assert_int_equal(virtq_take(&b->q, &done), VIRTQ_TAKEN);
        assert_int_equal(done.cookie, i);
    }
}

/* Each is a lie of the device that would lead an honest driver astray. */
static void lies_of_the_device_are_noticed(void **state)
{
    static const struct {
        uint32_t id, length;
        uint16_t extra; /* entries claimed beyond the one written */
    } lies[] = {
        {8, 0, 0},          /* no such descriptor              */
        {0xffffffff, 0, 0}, /* far outside                     */
        {1, 0, 0},          /* in a chain, but not its head    */
        {5, 0, 0},          /* free                            */
        {0, 51, 0},         /* more than it was given          */
        {0, 50, 1},         /* more chains than are in flight  */
        {0, 50, 0x8000},
    };

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct bare *b = *state;
        struct virtq_done done;

        virtq_init(&b->q, pool, 8);
        b->device = (struct fake_queue){.memory = pool, .size = 8};
        virtq_offer(&b->q, three, 1, 2, 9);
        assert_int_equal(device_next(&b->device), 0);
        device_use(&b->device, lies[i].id, lies[i].length);
        used_of(&b->device)->index = (uint16_t)(1 + lies[i].extra);
        assert_int_equal(virtq_take(&b->q, &done), VIRTQ_BROKEN);
        assert_int_equal(b->q.in_flight, 1);
    }
}

static void a_chain_used_twice_is_noticed(void **state)
{
    struct bare *b = *state;
    struct virtq_done done;

    virtq_offer(&b->q, three, 1, 0, 1);
    virtq_offer(&b->q, three, 1, 0, 2);
    uint16_t head = device_next(&b->device);
    device_use(&b->device, head, 0);
    device_use(&b->device, head, 0);
    assert_int_equal(virtq_take(&b->q, &done), VIRTQ_TAKEN);
    assert_int_equal(virtq_take(&b->q, &done), VIRTQ_BROKEN);
}

static void descriptors_scribbled_on_do_no_harm(void **state)
{
    struct bare *b = *state;
    struct virtq_done done;

    virtq_offer(&b->q, three, 1, 2, 3);
    uint16_t head = device_next(&b->device);
    memset(desc_of(&b->device), 0xff, 8 * sizeof(struct virtq_desc));
    device_use(&b->device, head, 50);
    assert_int_equal(virtq_take(&b->q, &done), VIRTQ_TAKEN);
    assert_int_equal(b->q.free_count, 8);
}

static void the_device_may_ask_not_to_be_told(void **state)
{
    struct bare *b = *state;

    assert_true(virtq_wants_notify(&b->q));
    used_of(&b->device)->flags = 1;
    assert_false(virtq_wants_notify(&b->q));
}

static void check_names_the_broken_invariant(void **state)
{
    struct bare *b = *state;

    virtq_offer(&b->q, three, 3, 0, 1);
    struct virtq good = b->q;

    b->q.records[b->q.free].next = b->q.free;
    assert_memory_equal(virtq_check(&b->q), "Q1", 2);
    b->q = good;
    b->q.records[1].next = VIRTQ_END;
    assert_memory_equal(virtq_check(&b->q), "Q1", 2);
    b->q = good;
    b->q.records[0].chained = 0;
    assert_memory_equal(virtq_check(&b->q), "Q1", 2);
    b->q = good;
    b->q.free_count--;
    assert_memory_equal(virtq_check(&b->q), "Q2", 2);
    b->q = good;
    b->q.in_flight++;
    assert_memory_equal(virtq_check(&b->q), "Q3", 2);
    b->q = good;
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fresh_queue, drop_queue)
    const struct CMUnitTest tests[] = {
        T(a_chain_shows_its_pieces_in_order),     T(a_full_queue_refuses_and_keeps_what_it_has),
        T(chains_come_back_in_the_devices_order), T(indices_may_wrap),
        T(lies_of_the_device_are_noticed),        T(a_chain_used_twice_is_noticed),
        T(descriptors_scribbled_on_do_no_harm),   T(the_device_may_ask_not_to_be_told),
        T(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

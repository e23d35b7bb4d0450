/* The owner's side of a packet ring, against a kernel that lives in this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/ring.h"

#define BITS 8u

struct fixture {
    struct ring ring;
    struct ring_header *header;
    uint8_t *memory;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->memory = aligned_alloc(PAGE_SIZE, RING_FRAMES * PAGE_SIZE);
    memset(f->memory, 0xee, RING_FRAMES * PAGE_SIZE);
    f->header = (struct ring_header *)f->memory;
    ring_begin(&f->ring, f->memory, BITS);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;

    free(f->memory);
    free(f);
    return 0;
}

/* The kernel fills the next posted buffer. */
static bool arrives(struct fixture *f, uint8_t fill, uint32_t length)
{
    struct ring_header *h = f->header;

    if (h->rx_posted == h->rx_done)
        return false;
    struct ring_slot *s = &h->rx[h->rx_done % RING_SLOTS];
    assert_true(s->length >= length && s->offset >= PAGE_SIZE);
    assert_true(s->offset + s->length <= RING_FRAMES * PAGE_SIZE);
    memset(f->memory + s->offset, fill, length);
    s->length = length;
    s->state = RING_DONE;
    h->rx_done++;
    return true;
}

static void a_ring_begins_with_all_slots_posted(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->header->rx_posted, RING_SLOTS);
    assert_int_equal(f->header->tx_posted, 0);
    assert_int_equal(f->header->notify_bits, BITS);
    assert_int_equal(ring_spare(&f->ring), RING_RX_BUFFERS - RING_SLOTS);
}

static void packets_are_taken_in_order_and_buffers_come_round(void **state)
{
    struct fixture *f = *state;
    uint32_t buffer, length;

    assert_false(ring_receive(&f->ring, &buffer, &length));
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(arrives(f, (uint8_t)i, 60 + i));
        assert_true(arrives(f, (uint8_t)(i + 1), 61 + i));
        for (unsigned j = 0; j < 2; j++) {
            assert_true(ring_receive(&f->ring, &buffer, &length));
            assert_int_equal(length, 60 + i + j);
            assert_int_equal(ring_rx_memory(&f->ring, buffer)[length - 1], (uint8_t)(i + j));
            ring_rx_free(&f->ring, buffer);
        }
    }
    assert_int_equal(f->header->rx_posted - f->header->rx_done, RING_SLOTS);
}

static void buffers_in_use_are_not_posted_again(void **state)
{
    struct fixture *f = *state;
    uint32_t held[RING_RX_BUFFERS], length;
    bool used[RING_RX_BUFFERS] = {false};
    unsigned count = 0;

    while (arrives(f, 1, 60)) {
        assert_true(ring_receive(&f->ring, &held[count], &length));
        assert_false(used[held[count]]);
        used[held[count++]] = true;
    }
    assert_int_equal(count, RING_RX_BUFFERS);
    assert_int_equal(ring_spare(&f->ring), 0);
    ring_rx_free(&f->ring, held[5]);
    assert_true(arrives(f, 2, 60));
    assert_true(ring_receive(&f->ring, &length, &length));
}

static void counters_may_wrap(void **state)
{
    struct fixture *f = *state;
    uint32_t buffer, length;
    const uint32_t base = 0xffffffe0u;

    ring_begin(&f->ring, memset(f->memory, 0, RING_FRAMES * PAGE_SIZE), BITS);
    f->header->rx_posted += base;
    f->header->rx_done = f->ring.rx_taken = base;
    f->header->tx_posted = f->header->tx_done = f->ring.kicked = base;
    for (unsigned i = 0; i < 200; i++) {
        assert_true(arrives(f, 7, 64));
        assert_true(ring_receive(&f->ring, &buffer, &length));
        ring_rx_free(&f->ring, buffer);
        assert_non_null(ring_send_buffer(&f->ring));
        ring_send(&f->ring, 64);
        f->header->tx_done++;
    }
    assert_int_equal(ring_unkicked(&f->ring), 200);
}

static void refused_buffers_are_counted_and_come_back(void **state)
{
    struct fixture *f = *state;
    uint32_t buffer, length;

    f->header->rx[0].state = RING_BAD;
    f->header->rx_done++;
    assert_true(arrives(f, 3, 60));
    assert_true(ring_receive(&f->ring, &buffer, &length));
    assert_int_equal(f->ring.refused, 1);
    assert_int_equal(ring_rx_memory(&f->ring, buffer)[0], 3);
}

static void sending_fills_slots_until_none_is_free(void **state)
{
    struct fixture *f = *state;
    unsigned count = 0;

    for (uint8_t *b; (b = ring_send_buffer(&f->ring)) != NULL; count++) {
        memset(b, (int)count, RING_PACKET_MAX);
        ring_send(&f->ring, 60 + count);
    }
    assert_int_equal(count, RING_SLOTS);
    assert_int_equal(ring_unkicked(&f->ring), RING_SLOTS);
    ring_kicked(&f->ring);
    assert_int_equal(ring_unkicked(&f->ring), 0);
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        assert_int_equal(f->header->tx[i].length, 60 + i);
        assert_int_equal(f->memory[f->header->tx[i].offset], i);
        assert_true(f->header->tx[i].offset + RING_PACKET_MAX <= RING_FRAMES * PAGE_SIZE);
    }
    f->header->tx_done++;
    assert_non_null(ring_send_buffer(&f->ring));
}

static void a_quiet_owner_asks_for_what_he_waits_for(void **state)
{
    struct fixture *f = *state;
    uint32_t buffer, length;

    assert_int_equal(f->header->quiet, 0);
    f->header->tx_posted = f->header->tx_done = 5;
    ring_be_quiet(&f->ring);
    assert_int_equal(f->header->quiet, RING_QUIET_SENT);
    assert_int_equal(f->header->tx_wake, 5); /* it is there already */
    while (ring_send_buffer(&f->ring))
        ring_send(&f->ring, 60);
    ring_want_room(&f->ring);
    assert_int_equal(f->header->tx_wake, 5 + RING_SLOTS / 2);

    ring_wake(&f->ring);
    assert_int_equal(f->header->quiet, RING_QUIET_SENT | RING_QUIET_RECEIVED);
    assert_true(ring_sleep(&f->ring));
    assert_int_equal(f->header->quiet, RING_QUIET_SENT);
    assert_true(arrives(f, 1, 60));
    assert_false(ring_sleep(&f->ring)); /* one that came before the kernel knew */
    assert_true(ring_receive(&f->ring, &buffer, &length));
    assert_true(ring_sleep(&f->ring));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_ring_begins_with_all_slots_posted),
        T(packets_are_taken_in_order_and_buffers_come_round),
        T(buffers_in_use_are_not_posted_again),
        T(counters_may_wrap),
        T(refused_buffers_are_counted_and_come_back),
        T(sending_fills_slots_until_none_is_free),
        T(a_quiet_owner_asks_for_what_he_waits_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

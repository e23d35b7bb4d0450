/* A network card of one's own, against a device that lives in this process: buffers go round and
 * are never in two hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/card.h"
#include "tests/host/fakes/own_device.h"

#define PCI      12u
#define FUNCTION 3u
#define SPARES   (CARD_BUFFERS / 4)

static struct card card;
static struct card_pair *const pair = &card.pairs[0];
static struct fake_queue *const rx = &own_device.queue[VIRTIO_NET_QUEUE_RX];
static struct fake_queue *const tx = &own_device.queue[VIRTIO_NET_QUEUE_TX];

static void set_mtu(uint16_t mtu)
{
    own_device.features |= VIRTIO_NET_F_MTU;
    memcpy(own_device.config + VIRTIO_NET_CONFIG_MTU, &mtu, sizeof mtu);
}

static void fresh_device(void)
{
    own_device_reset(VIRTIO_NET, 3, VIRTIO_NET_F_MAC | 1u << 15 | 1u << 28);
    for (uint8_t i = 0; i < 6; i++)
        own_device.config[i] = (uint8_t)(0x50 + i);
}

static int fresh_card(void **state)
{
    (void)state;
    fresh_device();
    assert_int_equal(card_open(&card, PCI, FUNCTION), ERR_OK);
    return 0;
}

static int close_card(void **state)
{
    (void)state;
    card_close(&card);
    assert_int_equal(own_device.opened + own_device.memories, 0);
    return 0;
}

static void a_card_comes_up_with_its_address(void **state)
{
    (void)state;
    static const uint8_t want[6] = {0x50, 0x51, 0x52, 0x53, 0x54, 0x55};

    assert_memory_equal(card.mac, want, 6);
    assert_int_equal(card.mtu, 1500);
    assert_true(own_device.status & VIRTIO_STATUS_GOING);
    assert_false(own_device.memory_at_reset);
    assert_int_equal(card.offloads, 0);
    assert_true(own_device.accepted ==
                (VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_NET_F_MAC));
    assert_true(own_device_rang(VIRTIO_NET_QUEUE_RX));
}

static void any_card_will_do(void **state)
{
    (void)state;
    fresh_device();
    assert_int_equal(card_open_any(&card, "test", 0), ERR_OK);
    card_close(&card);
    own_device.others_take = true; /* the first of two that were free */
    assert_int_equal(card_open_any(&card, "test", 0), ERR_OK);
    assert_int_equal(card.device.function, 3);
    card_close(&card);
    own_device.others_take = false;
    own_device.closed_bus = true;
    assert_int_equal(card_open_any(&card, "test", 0), ERR_NO_DEVICE);
    own_device_reset(VIRTIO_BLOCK, 1, 0);
    assert_int_equal(card_open_any(&card, "test", 0), ERR_NO_DEVICE);
}

static void cards_that_do_not_fit_leave_nothing_behind(void **state)
{
    (void)state;
    static const enum err want[] = {ERR_NO_DEVICE, ERR_NO_DEVICE, ERR_NO_DEVICE, ERR_BAD_STATE,
                                    ERR_NO_DEVICE, ERR_NO_MEM,    ERR_NO_MEM,    ERR_NO_DEVICE};

    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        fresh_device();
        own_device.closed_bus = i == 0;
        own_device.features &= i == 1 ? ~VIRTIO_NET_F_MAC : ~(uint64_t)0;
        if (i == 2)
            set_mtu(67);
        own_device.deaf = i == 3;
        own_device.status = i == 3;
        own_device.queues = i == 4 ? 1 : 3;
        own_device.memory_left = i == 5 ? 0 : i == 6 ? 1 : 100;
        own_device.vectors = i == 7 ? 0 : 2;
        assert_int_equal(card_open(&card, PCI, FUNCTION), want[i]);
        assert_int_equal(own_device.opened + own_device.memories, 0);
        assert_false(own_device.status & VIRTIO_STATUS_GOING);
    }
}

static void a_smaller_mtu_and_queue_are_taken(void **state)
{
    (void)state;
    uint16_t buffer;
    unsigned arrived = 0, taken = 0;

    fresh_device();
    set_mtu(1400);
    own_device.limit = 32;
    assert_int_equal(card_open(&card, PCI, FUNCTION), ERR_OK);
    assert_int_equal(card.mtu, 1400);
    while (device_receives(rx, 1, 60))
        arrived++;
    while (card_take(pair, &buffer))
        taken++;
    assert_int_equal(taken, 8);
    assert_int_equal(arrived, 24);
    card_close(&card);
}

static void packets_arrive_and_buffers_go_back(void **state)
{
    (void)state;
    uint16_t buffer;
    uint32_t length;

    assert_false(card_receive(pair, &buffer, &length));
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(device_receives(rx, (uint8_t)i, 60 + i % 1455));
        assert_true(card_receive(pair, &buffer, &length));
        assert_int_equal(length, 60 + i % 1455);
        assert_int_equal(card_packet(pair, buffer)[0], (uint8_t)i);
        assert_int_equal(card_packet(pair, buffer)[length - 1], (uint8_t)i);
        card_free(pair, buffer);
        card_push(pair);
    }
    assert_int_equal(own_device.waits, 0);
}

static void a_flood_stops_at_the_buffers_there_are(void **state)
{
    (void)state;
    uint16_t buffer;
    uint32_t length;
    unsigned arrived = 0, received = 0;

    while (device_receives(rx, 1, 60))
        arrived++;
    assert_int_equal(arrived, CARD_BUFFERS - SPARES);
    while (card_receive(pair, &buffer, &length)) {
        card_free(pair, buffer);
        received++;
    }
    assert_int_equal(received, arrived);
    card_push(pair);
    assert_true(device_receives(rx, 1, 60));
}

static void what_is_no_packet_is_dropped(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 11, 12 + 13, 12 + 1515, UINT32_MAX};
    uint16_t buffer;
    uint32_t length;

    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        device_use(rx, device_next(rx), lengths[i]);
    assert_false(card_receive(pair, &buffer, &length));
    card_push(pair);
    for (unsigned i = 0; i < CARD_BUFFERS - SPARES; i++)
        assert_true(device_receives(rx, 1, 60)); /* all buffers are back */
}

static void a_packet_is_answered_in_place(void **state)
{
    (void)state;
    static const uint8_t zeros[VIRTIO_NET_HEADER_BYTES];
    uint16_t buffer;
    uint32_t length;

    assert_true(device_receives(rx, 7, 100));
    memset(device_reach(rx, &desc_of(rx)[used_of(rx)->ring[0].id]), 0xff, 12); /* its header */
    assert_true(card_receive(pair, &buffer, &length));
    card_packet(pair, buffer)[0] = 9;
    card_send(pair, buffer, 80);
    assert_int_equal(card_sending(pair), 1);
    own_device_rang(VIRTIO_NET_QUEUE_TX);
    card_push(pair);
    assert_true(own_device_rang(VIRTIO_NET_QUEUE_TX));

    uint16_t head = device_next(tx);
    const struct virtq_desc *d = &desc_of(tx)[head];
    assert_true(d->flags == 0 && d->length == VIRTIO_NET_HEADER_BYTES + 80);
    assert_memory_equal(device_reach(tx, d), zeros, VIRTIO_NET_HEADER_BYTES);
    assert_int_equal(device_reach(tx, d)[VIRTIO_NET_HEADER_BYTES], 9);
    assert_int_equal(device_reach(tx, d)[VIRTIO_NET_HEADER_BYTES + 79], 7);
    device_use(tx, head, 0);
    card_push(pair);
    assert_int_equal(card_sending(pair), 0);
}

static void a_buffer_is_in_one_hand_at_a_time(void **state)
{
    (void)state;
    bool mine[CARD_BUFFERS] = {false};
    uint16_t buffer;
    uint32_t length;
    unsigned count = 0, arrived = 0;

    while (card_take(pair, &buffer)) {
        assert_false(mine[buffer]);
        mine[buffer] = true;
        card_send(pair, buffer, 60);
        count++;
    }
    assert_int_equal(count, SPARES);
    card_push(pair);
    while (device_receives(rx, 2, 60))
        arrived++;
    while (card_receive(pair, &buffer, &length)) {
        assert_false(mine[buffer]);
        mine[buffer] = true;
        count++;
    }
    assert_int_equal(count, CARD_BUFFERS);
    for (unsigned i = 0; i < SPARES; i++)
        device_use(tx, device_next(tx), 0); /* sent, so free to be taken again */
    card_push(pair);
    for (count = 0; card_take(pair, &buffer); count++)
        continue;
    assert_int_equal(count, SPARES);
}

static bool packet_arrives(void)
{
    const struct virtq_avail *avail = (struct virtq_avail *)(rx->memory + VIRTQ_AT_AVAIL);

    assert_int_equal(avail->flags, 0); /* the card is asked to interrupt while this waits */
    return own_device.waits < 3 || device_receives(rx, 5, 60);
}

static bool card_gives_up(void)
{
    own_device.status |= VIRTIO_STATUS_NEEDS_RESET;
    return true;
}

static void waiting_ends_with_a_packet(void **state)
{
    (void)state;
    const struct virtq_avail *avail = (struct virtq_avail *)(rx->memory + VIRTQ_AT_AVAIL);

    assert_int_equal(card_wait(pair, 0), ERR_TIMEOUT);
    own_device.on_wait = packet_arrives;
    own_device.waits = 0;
    assert_int_equal(card_wait(pair, 0), ERR_OK);
    assert_int_equal(own_device.waits, 3);
    assert_int_equal(avail->flags, VIRTQ_AVAIL_NO_INTERRUPT);
    assert_int_equal(card_wait(pair, 0), ERR_OK); /* it is there: nobody waits */
    assert_int_equal(own_device.waits, 3);
}

static bool nothing_arrives(void)
{
    return true;
}

/* A burst of as many packets as there are buffers, all answered, and a card that is slow to send.
 */
static void who_has_all_buffers_on_their_way_out_does_not_wait(void **state)
{
    (void)state;
    uint16_t buffer;
    uint32_t length;
    unsigned sent = 0;

    for (; virtqueue_in_flight(&pair->rx); sent++) {
        device_receives(rx, 5, 60);
        assert_true(card_receive(pair, &buffer, &length));
        card_send(pair, buffer, 60);
    }
    card_push(pair);
    assert_int_equal(card_wait(pair, 0), ERR_OK);
    assert_int_equal(own_device.waits, 0);
    for (; sent; sent--)
        device_use(tx, device_next(tx), 0);
    card_push(pair);
    assert_int_equal(card_wait(pair, 0), ERR_TIMEOUT);
}

static void waiting_ends_when_others_want_it(void **state)
{
    (void)state;
    own_device.on_wait = nothing_arrives;
    own_device.raised = 1 | 8;
    assert_int_equal(card_wait(pair, 0), ERR_OK);
    assert_int_equal(own_device.waits, 1);
}

static void waiting_ends_when_the_card_gives_up(void **state)
{
    (void)state;
    own_device.on_wait = card_gives_up;
    assert_int_equal(card_wait(pair, 0), ERR_BAD_STATE);
}

static bool card_is_stopped(void)
{
    own_device.stopped = true;
    return device_receives(rx, 5, 60); /* as if it had written there */
}

static void a_stopped_card_is_not_believed(void **state)
{
    (void)state;
    own_device.on_wait = card_is_stopped;
    assert_int_equal(card_wait(pair, 0), ERR_BAD_STATE);
}

static bool link_turns(void)
{
    own_device.config[VIRTIO_NET_CONFIG_LINK] ^= VIRTIO_NET_LINK_IS_UP;
    return own_device.waits < 10;
}

static void open_with_link(uint16_t messages)
{
    fresh_device();
    own_device.features |= VIRTIO_NET_F_STATUS;
    own_device.config[VIRTIO_NET_CONFIG_LINK] = VIRTIO_NET_LINK_IS_UP;
    own_device.vectors = messages;
    assert_int_equal(card_open(&card, PCI, FUNCTION), ERR_OK);
    own_device.on_wait = link_turns;
}

static void waiting_ends_when_the_link_goes_down_or_up(void **state)
{
    (void)state;
    open_with_link(2);
    assert_true(pair->is_up);
    assert_int_equal(own_device.config_vector, 1);
    assert_int_equal(own_device.heard[1] & card_bits_free(pair), 0);
    assert_int_equal(card_wait(pair, 0), ERR_OK);
    assert_false(pair->is_up);
    assert_int_equal(card_wait(pair, 0), ERR_OK);
    assert_true(pair->is_up);
    assert_int_equal(own_device.waits, 2);
    card_close(&card);
}

static void a_card_without_a_message_for_it_does_not_tell_its_link(void **state)
{
    (void)state;
    open_with_link(1);
    assert_int_equal(card_wait(pair, 0), ERR_TIMEOUT);
    assert_true(pair->is_up);
    card_close(&card);
}

#define SENDING  (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4)
#define OFFLOADS (SENDING | VIRTIO_NET_F_GUEST_CSUM)
#define TCP_SUM  CSUM_OFFLOAD(34, 16)

static void only_who_asks_gets_packets_without_sums(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        fresh_device();
        own_device.features |= i < 2 ? OFFLOADS : i == 2 ? VIRTIO_NET_F_HOST_TSO4 : 0;
        assert_int_equal(card_open_accepting(&card, PCI, FUNCTION, 1, i ? NIC_OFFLOADS : 0),
                         ERR_OK);
        assert_true((own_device.accepted & OFFLOADS) == (i == 0   ? SENDING
                                                         : i == 1 ? OFFLOADS
                                                         : i == 2 ? VIRTIO_NET_F_HOST_TSO4
                                                                  : 0));
        assert_int_equal(card.offloads, i == 0 ? NIC_CSUM | NIC_TSO4 : i == 1 ? NIC_OFFLOADS : 0);
        close_card(state);
    }
}

static int open_offloads(void **state)
{
    (void)state;
    fresh_device();
    own_device.features |= OFFLOADS;
    assert_int_equal(card_open_accepting(&card, PCI, FUNCTION, 1, NIC_RX_CSUM), ERR_OK);
    return 0;
}

/* The header before the packet that the card takes next, and its whole length. */
static const struct virtio_net_header *next_header(uint32_t length)
{
    const uint16_t head = device_next(tx);
    const struct virtq_desc *d = &desc_of(tx)[head];

    assert_true(d->flags == 0 && d->length == VIRTIO_NET_HEADER_BYTES + length);
    device_use(tx, head, 0);
    return (const struct virtio_net_header *)(const void *)device_reach(tx, d);
}

static void work_stands_in_the_header(void **state)
{
    (void)state;
    static const struct virtio_net_header none,
        sum = {.flags = VIRTIO_NET_HEADER_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16},
        cut = {.flags = VIRTIO_NET_HEADER_NEEDS_CSUM,
               .segments = VIRTIO_NET_HEADER_TCPV4,
               .head_bytes = 66,
               .segment_bytes = 1448,
               .csum_start = 34,
               .csum_offset = 16};
    struct device_memory memory;
    uint32_t busy = 0;
    uint16_t buffer;

    assert_int_equal(device_memory_make(&card.device, 17, &memory), ERR_OK);
    for (unsigned i = 0; i < 3 * SPARES; i++) {
        assert_true(card_take(pair, &buffer));
        memset(card_packet(pair, buffer) - 12, 0xff, 12);
        card_send_offload(pair, buffer, 600, TCP_SUM);
        card_push(pair);
        assert_memory_equal(next_header(600), &sum, sizeof sum);
        assert_true(card_take(pair, &buffer));
        card_send(pair, buffer, 600);
        card_push(pair);
        assert_memory_equal(next_header(600), &none, sizeof none);
        assert_true(card_take(pair, &buffer));
        card_send_offload(pair, buffer, 600, 0);
        card_push(pair);
        assert_memory_equal(next_header(600), &none, sizeof none);
        ((uint8_t *)memory.va)[100 + 34 + 12] = 8 << 4;
        assert_true(card_take(pair, &buffer));
        card_send_from_offload(pair, buffer, &memory, 100, 60000, TCP_SUM | TSO_OFFLOAD(1448),
                               &busy);
        assert_int_equal(busy, 1);
        card_push(pair);
        assert_memory_equal(next_header(60000), &cut, sizeof cut);
        card_push(pair);
        assert_int_equal(busy, 0);
    }
    device_memory_free(&memory);
}

static void received_packets_say_what_the_card_says(void **state)
{
    (void)state;
    static const uint32_t says[] = {0, CSUM_PARTIAL, CSUM_VALID, CSUM_PARTIAL};
    uint16_t buffer;
    uint32_t length;

    for (uint8_t flags = 0; flags < 4; flags++) {
        assert_true(device_receives(rx, 1, 60));
        device_reach(rx, &desc_of(rx)[used_of(rx)->ring[flags].id])[0] = flags;
        assert_true(card_receive(pair, &buffer, &length));
        assert_int_equal(card_csum(pair, buffer), says[flags]);
        card_free(pair, buffer);
        card_push(pair);
    }
}

int main(void)
{
#define ON_CARD(test) cmocka_unit_test_setup_teardown(test, fresh_card, close_card)
    const struct CMUnitTest tests[] = {
        ON_CARD(a_card_comes_up_with_its_address),
        cmocka_unit_test(any_card_will_do),
        cmocka_unit_test(cards_that_do_not_fit_leave_nothing_behind),
        cmocka_unit_test(a_smaller_mtu_and_queue_are_taken),
        ON_CARD(packets_arrive_and_buffers_go_back),
        ON_CARD(a_flood_stops_at_the_buffers_there_are),
        ON_CARD(what_is_no_packet_is_dropped),
        ON_CARD(a_packet_is_answered_in_place),
        ON_CARD(a_buffer_is_in_one_hand_at_a_time),
        ON_CARD(waiting_ends_with_a_packet),
        ON_CARD(who_has_all_buffers_on_their_way_out_does_not_wait),
        ON_CARD(waiting_ends_when_others_want_it),
        ON_CARD(waiting_ends_when_the_card_gives_up),
        ON_CARD(a_stopped_card_is_not_believed),
        cmocka_unit_test(waiting_ends_when_the_link_goes_down_or_up),
        cmocka_unit_test(a_card_without_a_message_for_it_does_not_tell_its_link),
        cmocka_unit_test(only_who_asks_gets_packets_without_sums),
        cmocka_unit_test_setup_teardown(work_stands_in_the_header, open_offloads, close_card),
        cmocka_unit_test_setup_teardown(received_packets_say_what_the_card_says, open_offloads,
                                        close_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

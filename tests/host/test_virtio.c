/* The network card on virtqueues, against a device that also lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exo/io/nic.h"
#include "tests/host/fakes/virtio.h"

/* What came up by the hooks. */
static struct {
    unsigned received, sent;
    uint32_t length;
    uint8_t first;
    bool told; /* of the packet's sum: what follows */
    struct nic_csum csum;
    uint32_t cookies[1024];
} seen;

void hook_nic_interrupt(void)
{
    nic_poll();
}

void hook_nic_received(uint8_t *packet, uint32_t length, struct nic_csum *csum)
{
    seen.told = csum;
    seen.csum = csum ? *csum : (struct nic_csum){0};
    seen.received++;
    seen.length = length;
    seen.first = packet[0];
    assert_int_equal(packet[length - 1], packet[0]);
}

void hook_nic_sent(uint32_t cookie)
{
    seen.cookies[seen.sent++] = cookie;
}

static void set_mtu(uint16_t mtu)
{
    fake_virtio.features |= VIRTIO_NET_F_MTU;
    memcpy(fake_virtio.config + VIRTIO_NET_CONFIG_MTU, &mtu, sizeof mtu);
}

static bool packet_arrives(uint8_t fill, uint32_t length)
{
    return device_receives(&fake_virtio.queue[VIRTIO_NET_QUEUE_RX], fill, length);
}

static int fresh_card(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    fake_virtio_reset(VIRTIO_NET, 2, VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | 0x803u);
    fake_virtio.features = VIRTIO_NET_F_MAC;
    for (uint8_t i = 0; i < 6; i++)
        fake_virtio.config[i] = (uint8_t)(0x50 + i);
    nic_init();
    return 0;
}

static void a_card_comes_up_with_its_address(void **state)
{
    (void)state;
    static const uint8_t want[6] = {0x50, 0x51, 0x52, 0x53, 0x54, 0x55};
    uint8_t mac[6];

    assert_true(nic_present() && fake_virtio.running);
    nic_mac(mac);
    assert_memory_equal(mac, want, 6);
    assert_int_equal(nic_mtu(), 1500);
    assert_int_equal(fake_virtio.bells[0], 1);
}

static void cards_that_do_not_fit_are_left_alone(void **state)
{
    for (unsigned i = 0; i < 5; i++) {
        fresh_card(state);
        fake_virtio.missing = i == 0;
        fake_virtio.features = i == 1 ? 0 : VIRTIO_NET_F_MAC;
        if (i == 2)
            set_mtu(67);
        fake_virtio.limit = i == 3 ? 2 : 256;
        fake_virtio.disobeys = i == 4;
        fake_virtio_reboot();
        nic_init();
        assert_false(nic_present() || fake_virtio.running);
        assert_false(nic_send(&(struct nic_segment){0x1000, 60}, 1, 1));
        nic_poll();
        nic_flush();
    }
}

static void a_smaller_mtu_and_queue_are_taken(void **state)
{
    fresh_card(state);
    set_mtu(1400);
    fake_virtio.limit = 32;
    fake_virtio_reboot();
    nic_init();
    assert_true(nic_present());
    assert_int_equal(nic_mtu(), 1400);
    for (uint32_t i = 0; i < 16; i++)
        assert_true(nic_send(&(struct nic_segment){0x1000, 60}, 1, i));
    assert_false(nic_send(&(struct nic_segment){0x1000, 60}, 1, 99));
}

static void packets_arrive_and_buffers_go_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(packet_arrives((uint8_t)i, 60 + i % 1455));
        fake_virtio.handler();
        assert_int_equal(seen.received, i + 1);
        assert_int_equal(seen.length, 60 + i % 1455);
        assert_int_equal(seen.first, (uint8_t)i);
    }
}

static void a_flood_is_taken_in_bounded_bites(void **state)
{
    (void)state;
    unsigned arrived = 0;

    while (packet_arrives(1, 60))
        arrived++;
    assert_int_equal(arrived, 128);
    fake_virtio.handler();
    assert_int_equal(seen.received, 128);
    assert_true(packet_arrives(1, 60)); /* the buffers are back */
}

static void runts_are_dropped(void **state)
{
    (void)state;
    struct fake_queue *q = &fake_virtio.queue[0];

    device_use(q, device_next(q), 12 + 13);
    device_use(q, device_next(q), 0);
    fake_virtio.handler();
    assert_int_equal(seen.received, 0);
    assert_int_equal(nic_restarts(), 0);
}

static void a_packet_is_sent_from_where_it_lies(void **state)
{
    (void)state;
    const struct nic_segment parts[] = {{0x5000, 54}, {0x9100, 1000}};
    struct fake_queue *q = &fake_virtio.queue[1];

    assert_true(nic_send(parts, 2, 4711));
    nic_flush();
    assert_int_equal(fake_virtio.bells[1], 1);
    struct virtq_desc *d = desc_of(q);
    uint16_t head = device_next(q);
    static const uint8_t zeros[12];
    assert_int_equal(d[head].length, 12);
    assert_memory_equal((void *)(uintptr_t)d[head].address, zeros, 12);
    assert_int_equal(d[d[head].next].address, 0x5000);
    assert_int_equal(d[d[d[head].next].next].address, 0x9100);
    assert_int_equal(seen.sent, 0);
    device_use(q, head, 0);
    fake_virtio.handler();
    assert_int_equal(seen.sent, 1);
    assert_int_equal(seen.cookies[0], 4711);
}

static void a_full_card_refuses_until_packets_are_sent(void **state)
{
    (void)state;
    const struct nic_segment part = {0x5000, 60};
    struct fake_queue *q = &fake_virtio.queue[1];
    uint32_t count = 0;

    while (nic_send(&part, 1, count))
        count++;
    assert_int_equal(count, 128);
    device_use(q, device_next(q), 0);
    nic_poll();
    assert_true(nic_send(&part, 1, count));
    assert_false(nic_send(&part, 1, count));
}

static void a_lying_card_is_restarted_and_owners_are_told(void **state)
{
    (void)state;
    uint32_t before = nic_restarts();

    for (uint32_t i = 0; i < 3; i++)
        assert_true(nic_send(&(struct nic_segment){0x5000, 60}, 1, i));
    device_use(&fake_virtio.queue[1], 250, 0);
    fake_virtio.handler();
    assert_int_equal(nic_restarts(), before + 1);
    assert_int_equal(seen.sent, 3);
    assert_true(nic_present() && fake_virtio.running);
    assert_true(packet_arrives(3, 60));
    fake_virtio.handler();
    assert_int_equal(seen.received, 1);
}

static void a_card_that_will_not_stop_is_given_up(void **state)
{
    (void)state;
    assert_true(nic_send(&(struct nic_segment){0x5000, 60}, 1, 8));
    fake_virtio.disobeys = true;
    nic_restart();
    assert_false(nic_present());
    assert_int_equal(seen.sent, 1);
    assert_int_equal(seen.cookies[0], 8);
}

#define OFFLOADS (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_GUEST_CSUM)
#define SUM      CSUM_OFFLOAD(34, 16)

static int fresh_offloads(void **state)
{
    fresh_card(state);
    fake_virtio.features |= OFFLOADS | 1u << 12 | 1u << 7; /* and others, unwanted */
    fake_virtio_reboot();
    nic_init();
    return 0;
}

static void a_card_offers_what_it_has(void **state)
{
    static const struct {
        uint64_t features;
        uint32_t offloads;
    } rows[] = {{0, 0},
                {VIRTIO_NET_F_CSUM, NIC_CSUM},
                {VIRTIO_NET_F_HOST_TSO4, 0}, /* is of no use without sums */
                {VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4, NIC_CSUM | NIC_TSO4},
                {VIRTIO_NET_F_GUEST_CSUM, NIC_RX_CSUM},
                {OFFLOADS, NIC_OFFLOADS}};

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fresh_card(state);
        fake_virtio.features |= rows[i].features;
        fake_virtio_reboot();
        nic_init();
        assert_true(nic_present());
        assert_int_equal(nic_offloads(), rows[i].offloads);
    }
}

/* The headers of two packets at once, and of one without work between them. */
static void work_stands_in_the_header(void **state)
{
    (void)state;
    const struct nic_segment parts[] = {{0x5000, 48}, {0x9100, 60000}};
    struct fake_queue *q = &fake_virtio.queue[1];
    struct virtq_desc *d = desc_of(q);
    static const struct virtio_net_header want[] = {
        {.flags = VIRTIO_NET_HEADER_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16},
        {0},
        {.flags = VIRTIO_NET_HEADER_NEEDS_CSUM,
         .segments = VIRTIO_NET_HEADER_TCPV4,
         .head_bytes = 66,
         .segment_bytes = 1448,
         .csum_start = 34,
         .csum_offset = 16}};

    for (unsigned round = 0; round < 100; round++) {
        uint16_t heads[3];
        assert_true(nic_send_offload(parts, 1, SUM, 1, 1));
        assert_true(nic_send(parts, 1, 2));
        assert_true(nic_send_offload(parts, 2, SUM | TSO_OFFLOAD(1448), 66, 3));
        for (unsigned i = 0; i < 3; i++) {
            heads[i] = device_next(q);
            assert_int_equal(d[heads[i]].length, VIRTIO_NET_HEADER_BYTES);
        }
        for (unsigned i = 0; i < 3; i++)
            assert_memory_equal((void *)(uintptr_t)d[heads[i]].address, &want[i], sizeof want[i]);
        device_use(q, heads[round % 3], 0);
        device_use(q, heads[(round + 1) % 3], 0);
        device_use(q, heads[(round + 2) % 3], 0);
        nic_poll();
    }
}

static void a_full_card_refuses_work_too(void **state)
{
    (void)state;
    const struct nic_segment part = {0x5000, 60};
    uint32_t count = 0;

    while (nic_send_offload(&part, 1, SUM, 1, count))
        count++;
    assert_int_equal(count, 128);
    nic_restart();
    assert_int_equal(seen.sent, 128);
    assert_true(nic_send_offload(&part, 1, SUM, 1, count));
}

/* What the card says of a received packet. */
static void tells(const struct virtio_net_header *header, uint32_t length)
{
    struct fake_queue *q = &fake_virtio.queue[0];
    const uint16_t slot = (uint16_t)(used_of(q)->index % q->size);

    seen.told = false;
    assert_true(packet_arrives(1, length));
    const struct virtq_desc *d = &desc_of(q)[used_of(q)->ring[slot].id];
    memcpy((void *)(uintptr_t)d->address, header, sizeof *header);
    fake_virtio.handler();
    assert_int_equal(seen.length, length);
}

static void what_the_card_says_of_sums_is_checked(void **state)
{
    static const struct {
        struct virtio_net_header header;
        bool told, valid;
    } rows[] = {
        {{.flags = 0, .csum_start = 34, .csum_offset = 16}, false, false},
        {{.flags = 2}, true, true},
        {{.flags = 1, .csum_start = 34, .csum_offset = 16}, true, false},
        {{.flags = 3, .csum_start = 34, .csum_offset = 24}, true, false},
        {{.flags = 1, .csum_start = 34, .csum_offset = 25}, false, false}, /* beyond its end */
        {{.flags = 1, .csum_start = 60, .csum_offset = 0}, false, false},
        {{.flags = 1, .csum_start = 65535, .csum_offset = 65535}, false, false},
        {{.flags = 1, .csum_start = 13, .csum_offset = 16},
         false,
         false}, /* in the Ethernet header */
        {{.flags = 4}, false, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tells(&rows[i].header, 60);
        assert_int_equal(seen.told, rows[i].told);
        assert_int_equal(seen.csum.is_valid, rows[i].valid);
        if (seen.told && !seen.csum.is_valid)
            assert_true(seen.csum.start == rows[i].header.csum_start &&
                        seen.csum.offset == rows[i].header.csum_offset);
    }
    fresh_card(state); /* what was not agreed on says nothing */
    tells(&rows[1].header, 60);
    assert_false(seen.told);
}

/* What its users were told of a card, they rely on. */
static void a_card_that_can_less_than_before_is_given_up(void **state)
{
    (void)state;
    fake_virtio.features &= ~VIRTIO_NET_F_HOST_TSO4;
    nic_restart();
    assert_false(nic_present());
    assert_false(nic_send_offload(&(struct nic_segment){0x5000, 60}, 1, SUM, 1, 1));
}

int main(void)
{
#define ON_CARD(test)     cmocka_unit_test_setup(test, fresh_card)
#define ON_OFFLOADS(test) cmocka_unit_test_setup(test, fresh_offloads)
    const struct CMUnitTest tests[] = {
        ON_CARD(a_card_comes_up_with_its_address),
        ON_CARD(cards_that_do_not_fit_are_left_alone),
        ON_CARD(a_smaller_mtu_and_queue_are_taken),
        ON_CARD(packets_arrive_and_buffers_go_back),
        ON_CARD(a_flood_is_taken_in_bounded_bites),
        ON_CARD(runts_are_dropped),
        ON_CARD(a_packet_is_sent_from_where_it_lies),
        ON_CARD(a_full_card_refuses_until_packets_are_sent),
        ON_CARD(a_lying_card_is_restarted_and_owners_are_told),
        ON_CARD(a_card_that_will_not_stop_is_given_up),
        ON_CARD(a_card_offers_what_it_has),
        ON_OFFLOADS(work_stands_in_the_header),
        ON_OFFLOADS(a_full_card_refuses_work_too),
        ON_OFFLOADS(what_the_card_says_of_sums_is_checked),
        ON_OFFLOADS(a_card_that_can_less_than_before_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

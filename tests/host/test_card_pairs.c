/* A card of several pairs, against a device that lives in this process: what is asked by the
 * control queue, also of one that refuses or is silent, and pairs that have nothing in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/card.h"
#include "tests/host/fakes/own_device.h"

#define PCI      12u
#define FUNCTION 3u
#define MOST     4u /* pairs that the device has */
#define CONTROL  (2 * MOST)
#define FEATURES (VIRTIO_NET_F_MAC | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS)
#define KEY      40u

static struct card card;

/* The device's side of the control queue. */
static struct {
    uint8_t answer;
    bool silent, breaks;
    unsigned count; /* commands */
    uint8_t command[1024];
    uint32_t bytes;
} control;

static void serve_control(void)
{
    struct fake_queue *q = &own_device.queue[CONTROL];
    uint16_t head = q->memory && !control.silent ? device_next(q) : FAKE_NONE;

    if (q->memory && control.breaks)
        own_device.status |= VIRTIO_STATUS_NEEDS_RESET;
    if (head == FAKE_NONE)
        return;
    const struct virtq_desc *d = &desc_of(q)[head];
    assert_int_equal(d->flags, VIRTQ_DESC_NEXT);
    control.bytes = d->length;
    memcpy(control.command, device_reach(q, d), d->length);
    d = &desc_of(q)[d->next];
    assert_true(d->flags == VIRTQ_DESC_WRITE && d->length == 1);
    *device_reach(q, d) = control.answer;
    device_use(q, head, 1);
    control.count++;
}

static void put_config(unsigned at, uint32_t value, unsigned bytes)
{
    memcpy(own_device.config + at, &value, bytes);
}

static void fresh_device(void)
{
    memset(&control, 0, sizeof control);
    own_device_reset(VIRTIO_NET, CONTROL + 1, FEATURES);
    own_device.vectors = CONTROL + 2;
    own_device.on_look = serve_control;
    put_config(VIRTIO_NET_CONFIG_PAIRS, MOST, 2);
    put_config(VIRTIO_NET_CONFIG_KEY, KEY, 1);
    put_config(VIRTIO_NET_CONFIG_TABLE, 128, 2);
    put_config(VIRTIO_NET_CONFIG_TYPES, 0x1ff, 4);
}

static int fresh_card(void **state)
{
    (void)state;
    fresh_device();
    assert_int_equal(card_open_pairs(&card, PCI, FUNCTION, 3), ERR_OK);
    return 0;
}

static int close_card(void **state)
{
    (void)state;
    card_close(&card);
    assert_int_equal(own_device.opened + own_device.memories, 0);
    return 0;
}

static void pairs_come_up(void **state)
{
    (void)state;
    static const uint8_t want[] = {4, 0, 3, 0};

    assert_true(own_device.accepted == (FEATURES | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM));
    assert_int_equal(control.count, 1);
    assert_int_equal(control.bytes, sizeof want);
    assert_memory_equal(control.command, want, sizeof want);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(own_device_rang(2 * i));
        assert_int_equal(own_device.vector[2 * i], i);
        assert_true(own_device.heard[i] == (word_t)1 << 8 * i);
    }
    assert_null(own_device.queue[6].memory); /* a fourth was not asked for */
    assert_int_equal(own_device.vector[CONTROL], VIRTIO_NO_VECTOR);
}

/* What is broken, and what opening says of it. */
static enum err open_spoilt(unsigned how)
{
    fresh_device();
    switch (how) {
    case 0:
        own_device.features &= ~VIRTIO_NET_F_MQ;
        break;
    case 1:
        own_device.features &= ~VIRTIO_NET_F_CTRL_VQ;
        break;
    case 2:
        put_config(VIRTIO_NET_CONFIG_PAIRS, 2, 2);
        break;
    case 3:
        own_device.vectors = 2;
        break;
    case 4:
        own_device.queues = CONTROL; /* the control queue is missing */
        break;
    case 5:
        own_device.limit = 1;
        break;
    case 6:
        control.answer = 1;
        break;
    case 7:
        control.answer = VIRTIO_NET_NO_ANSWER;
        break;
    case 8:
        control.breaks = true;
        break;
    case 9:
        control.silent = true;
        break;
    default:
        own_device.memory_left = how - 10;
    }
    return card_open_pairs(&card, PCI, FUNCTION, 3);
}

static void cards_that_do_not_fit_leave_nothing_behind(void **state)
{
    (void)state;
    static const enum err want[] = {ERR_NO_DEVICE, ERR_NO_DEVICE, ERR_NO_DEVICE, ERR_NO_DEVICE,
                                    ERR_NO_DEVICE, ERR_NO_DEVICE, ERR_BAD_STATE, ERR_BAD_STATE,
                                    ERR_BAD_STATE, ERR_TIMEOUT,   ERR_NO_MEM,    ERR_NO_MEM,
                                    ERR_NO_MEM,    ERR_NO_MEM,    ERR_OK};

    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(open_spoilt(i), want[i]);
        if (want[i])
            assert_int_equal(own_device.opened + own_device.memories, 0);
    }
    card_close(&card);
    fresh_device();
    assert_int_equal(card_open_pairs(&card, PCI, FUNCTION, 0), ERR_BAD_ARG);
    assert_int_equal(card_open_pairs(&card, PCI, FUNCTION, CARD_PAIRS_MAX + 1), ERR_BAD_ARG);
    assert_int_equal(own_device.opened + own_device.memories, 0);
}

static uint8_t key[KEY + 1];
static uint16_t table[256];
static const struct card_steering good = {.hash_types = VIRTIO_NET_HASH_UDP4,
                                          .unclassified = 2,
                                          .table_length = 4,
                                          .key_bytes = 3,
                                          .key = key,
                                          .table = table};

static void fill_steering(void)
{
    for (uint16_t i = 0; i < 256; i++)
        table[i] = i % 3;
    for (uint8_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(0xa0 + i);
}

static void a_table_is_told_as_it_is(void **state)
{
    (void)state;
    static const uint8_t want[] = {4, 1,       /* class, command      */
                                   4, 0, 0, 0, /* UDP on IPv4         */
                                   3, 0, 2, 0, /* mask, unclassified  */
                                   0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 3, 0xa0, 0xa1, 0xa2};

    fill_steering();
    assert_int_equal(card_steer(&card, &good), ERR_OK);
    assert_int_equal(control.bytes, sizeof want);
    assert_memory_equal(control.command, want, sizeof want);
    struct card_steering s = good;
    s.table_length = 128;
    s.key_bytes = KEY;
    assert_int_equal(card_steer(&card, &s), ERR_OK);
    assert_int_equal(control.bytes, 2 + 8 + 2 * 128 + 3 + KEY);
    assert_memory_equal(control.command + 2 + 8 + 2 * 128 + 3, key, KEY);
    assert_int_equal(control.count, 3);
}

static void nonsense_is_not_told(void **state)
{
    (void)state;
    struct card_steering s[9];

    fill_steering();
    for (unsigned i = 0; i < 9; i++)
        s[i] = good;
    s[0].table_length = 0;
    s[1].table_length = 3;
    s[2].table_length = 256;
    s[3].key_bytes = 0;
    s[4].key_bytes = KEY + 1;
    s[5].unclassified = 3;
    s[6].hash_types = 0x200;
    s[7].table = (const uint16_t[4]){0, 1, 2, 3};
    s[8].table = (const uint16_t[4]){UINT16_MAX, 0, 0, 0};
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(card_steer(&card, &s[i]), ERR_BAD_ARG);
    assert_int_equal(control.count, 1);
}

static void a_refusal_is_told_and_can_be_followed(void **state)
{
    (void)state;
    fill_steering();
    control.answer = 1;
    assert_int_equal(card_steer(&card, &good), ERR_BAD_STATE);
    control.answer = 0;
    assert_int_equal(card_steer(&card, &good), ERR_OK);
}

static void after_silence_nothing_is_asked(void **state)
{
    (void)state;
    fill_steering();
    control.silent = true;
    assert_int_equal(card_steer(&card, &good), ERR_TIMEOUT);
    control.silent = false;
    assert_int_equal(card_steer(&card, &good), ERR_BAD_STATE);
    assert_int_equal(control.count, 1);
}

static void some_cards_know_no_tables(void **state)
{
    (void)state;
    fill_steering();
    fresh_device();
    own_device.features &= ~VIRTIO_NET_F_RSS;
    assert_int_equal(card_open_pairs(&card, PCI, FUNCTION, 3), ERR_OK);
    assert_int_equal(card_steer(&card, &good), ERR_NO_DEVICE);
    assert_int_equal(control.count, 1);
    card_close(&card);
}

/* A table longer than this library's is the card's own business. */
static void long_tables_are_cut(void **state)
{
    (void)state;
    fresh_device();
    put_config(VIRTIO_NET_CONFIG_TABLE, 0x8000, 2);
    assert_int_equal(card_open_pairs(&card, PCI, FUNCTION, 2), ERR_OK);
    assert_int_equal(card.table_most, CARD_TABLE_MAX);
    card_close(&card);
}

static void pairs_have_nothing_in_common(void **state)
{
    (void)state;
    uint16_t buffer;
    uint32_t length;

    for (uint8_t i = 0; i < 3; i++)
        assert_true(device_receives(&own_device.queue[2 * i], (uint8_t)(7 + i), 60 + i));
    for (uint8_t i = 3; i-- > 0;) {
        struct card_pair *p = &card.pairs[i];
        assert_true(card_receive(p, &buffer, &length));
        assert_true(length == 60u + i && card_packet(p, buffer)[0] == 7 + i);
        assert_false(card_receive(p, &buffer, &length));
        card_send(p, buffer, 60);
        card_push(p);
        assert_int_equal(device_next(&own_device.queue[2 * i + 1]), buffer);
        assert_int_equal(p->received + p->sent, 2);
    }
}

static bool nothing_comes(void)
{
    return true;
}

static void each_waits_for_its_own_bits(void **state)
{
    (void)state;
    own_device.on_wait = nothing_comes;
    for (unsigned i = 0; i < 3; i++) {
        struct card_pair *p = &card.pairs[i];
        assert_true(card_bits_free(p) == (word_t)0xfc << 8 * i);
        own_device.raised = card_bits_free(p);
        assert_int_equal(card_wait(p, 0), ERR_OK);
        assert_true(own_device.awaited == (word_t)0xff << 8 * i);
    }
}

/* The device wants to hear no bells, but that one that was dry may keep something elsewhere. */
static void a_pair_that_was_dry_rings_for_all(void **state)
{
    (void)state;
    struct fake_queue *rx = &own_device.queue[2];
    uint16_t buffer;
    uint32_t length;

    for (unsigned i = 0; i < 3; i++) {
        used_of(&own_device.queue[2 * i])->flags = VIRTQ_USED_NO_NOTIFY;
        own_device_rang(2 * i);
    }
    assert_true(device_receives(rx, 1, 60));
    assert_true(card_receive(&card.pairs[1], &buffer, &length));
    card_free(&card.pairs[1], buffer);
    card_push(&card.pairs[1]);
    for (unsigned i = 0; i < 3; i++)
        assert_false(own_device_rang(2 * i));
    while (device_receives(rx, 1, 60))
        ;
    card_push(&card.pairs[1]); /* has nothing to give */
    for (unsigned i = 0; i < 3; i++)
        assert_false(own_device_rang(2 * i));
    assert_true(card_receive(&card.pairs[1], &buffer, &length));
    card_free(&card.pairs[1], buffer);
    card_push(&card.pairs[1]);
    for (unsigned i = 0; i < 3; i++)
        assert_true(own_device_rang(2 * i));
}

int main(void)
{
#define ON_CARD(test) cmocka_unit_test_setup_teardown(test, fresh_card, close_card)
    const struct CMUnitTest tests[] = {
        ON_CARD(pairs_come_up),
        cmocka_unit_test(cards_that_do_not_fit_leave_nothing_behind),
        ON_CARD(a_table_is_told_as_it_is),
        ON_CARD(nonsense_is_not_told),
        ON_CARD(a_refusal_is_told_and_can_be_followed),
        ON_CARD(after_silence_nothing_is_asked),
        cmocka_unit_test(some_cards_know_no_tables),
        cmocka_unit_test(long_tables_are_cut),
        ON_CARD(pairs_have_nothing_in_common),
        ON_CARD(each_waits_for_its_own_bits),
        ON_CARD(a_pair_that_was_dry_rings_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The packet grafts of grafts/examples, compiled for this machine: what the UDP filter takes, and
 * what the echo makes of a datagram. */
#include "tests/host/host.h"

#include <string.h>

/* Helpers that nobody calls; and their numbers, which are functions to them. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#include "grafts/examples/filter_udp.c"
#include "grafts/examples/handler_echo.c"
#pragma GCC diagnostic pop

#define BYTES      64u
#define CLIENT     4660u
#define OTHER_PORT 8u

static _Alignas(8) union {
    struct udp_packet udp;
    uint8_t bytes[BYTES];
    uint16_t words[BYTES / 2];
} p;

static uint16_t big(uint16_t x)
{
    return __builtin_bswap16(x);
}

static int datagram(void **state)
{
    (void)state;
    p.udp = (struct udp_packet){.to_mac = {1, 2, 3},
                                .from_mac = {4, 5, 6},
                                .type = big(UDP_TYPE_IPV4),
                                .head = UDP_HEAD,
                                .protocol = UDP_PROTOCOL,
                                .from = {10, 11},
                                .to = {12, 13},
                                .from_port = big(CLIENT),
                                .to_port = big(UDP_PORT_ECHO),
                                .checksum = 77};
    return 0;
}

static uint64_t ask(uint64_t (*graft)(const struct graft_packet *), uint32_t bytes)
{
    const struct graft_packet packet = {
        .data = (uintptr_t)p.bytes, .data_end = (uintptr_t)p.bytes + bytes, .length = bytes};

    return graft(&packet);
}

static void the_filter_takes_datagrams_for_its_port(void **state)
{
    (void)state;
    assert_int_equal(ask(filter_udp, BYTES), 1);
    assert_int_equal(ask(filter_udp, sizeof p.udp), 1);
    assert_int_equal(ask(filter_udp, sizeof p.udp - 1), 0);
    p.udp.fragment = big(UDP_MORE); /* the first one has ports */
    assert_int_equal(ask(filter_udp, BYTES), 1);
    p.udp.fragment = big(1);
    assert_int_equal(ask(filter_udp, BYTES), 0);
    p.udp.fragment = 0;
    p.udp.to_port = big(OTHER_PORT);
    assert_int_equal(ask(filter_udp, BYTES), 0);
    datagram(NULL);
    p.udp.protocol = 6;
    assert_int_equal(ask(filter_udp, BYTES), 0);
    datagram(NULL);
    p.udp.type = big(0x86dd);
    assert_int_equal(ask(filter_udp, BYTES), 0);
}

/* With options the ports lie further behind. */
static void the_filter_reads_past_options(void **state)
{
    (void)state;
    p.udp.to_port = big(OTHER_PORT);
    p.udp.head = 0x46;
    p.words[20] = big(UDP_PORT_ECHO); /* 14 + 24 + 2 */
    assert_int_equal(ask(filter_udp, BYTES), 1);
    p.words[20] = big(OTHER_PORT);
    assert_int_equal(ask(filter_udp, BYTES), 0);
    p.udp.head = 0x4f; /* 14 + 60 is more than there is */
    assert_int_equal(ask(filter_udp, BYTES), 0);
    p.udp.head = 0x44; /* less than a header */
    assert_int_equal(ask(filter_udp, BYTES), 0);
    p.udp.head = 0x65;
    assert_int_equal(ask(filter_udp, BYTES), 0);
}

static void the_echo_swaps_both_sides(void **state)
{
    const struct udp_packet was = p.udp;

    (void)state;
    assert_int_equal(ask(handler_echo, BYTES), GRAFT_ANSWER);
    assert_memory_equal(p.udp.to_mac, was.from_mac, sizeof was.from_mac);
    assert_memory_equal(p.udp.from_mac, was.to_mac, sizeof was.to_mac);
    assert_memory_equal(p.udp.to, was.from, sizeof was.from);
    assert_memory_equal(p.udp.from, was.to, sizeof was.to);
    assert_int_equal(p.udp.to_port, was.from_port);
    assert_int_equal(p.udp.from_port, was.to_port);
    assert_int_equal(p.udp.checksum, was.checksum); /* the same words are summed */
}

static void what_it_does_not_answer_is_left_as_it_is(void **state)
{
    const struct udp_packet was = p.udp;

    (void)state;
    assert_int_equal(ask(handler_echo, sizeof p.udp - 1), GRAFT_PASS);
    assert_memory_equal(&p.udp, &was, sizeof was);
    p.udp.to_port = big(OTHER_PORT);
    assert_int_equal(ask(handler_echo, BYTES), GRAFT_PASS);
    datagram(NULL);
    p.udp.fragment = big(UDP_MORE);
    assert_int_equal(ask(handler_echo, BYTES), GRAFT_PASS);
    datagram(NULL);
    p.udp.head = 0x46;
    assert_int_equal(ask(handler_echo, BYTES), GRAFT_PASS);
    datagram(NULL);
    p.udp.from_port = big(UDP_PORT_ECHO); /* two echoes would go on for ever */
    assert_int_equal(ask(handler_echo, BYTES), GRAFT_DROP);
    assert_int_equal(p.udp.from[0], was.from[0]);
}

#define TEST(f) cmocka_unit_test_setup(f, datagram)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_filter_takes_datagrams_for_its_port),
        TEST(the_filter_reads_past_options),
        TEST(the_echo_swaps_both_sides),
        TEST(what_it_does_not_answer_is_left_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

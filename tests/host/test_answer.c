/* Answers to packets made in place: right ones, with sums that are right, and none to the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/answer.h"

#define UDP_AT  34u
#define DATA_AT 42u
#define PORT    7u

static const struct answer_host me = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}, PORT, 0x0a00020f};

static uint8_t packet[1514];
static uint32_t length;

/* The sum of the Internet, over big-endian words; 0 when it covers a right one of itself. */
static uint16_t sum_of(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
    for (uint32_t i = 0; i < bytes; i += 2)
        sum += (uint32_t)at[i] << 8 | (i + 1 < bytes ? at[i + 1] : 0);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_sum(uint8_t *at, uint16_t sum)
{
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

static uint32_t udp_sum_start(uint32_t bytes)
{
    uint32_t sum = 17 + bytes;

    for (unsigned i = 26; i < 34; i += 2)
        sum += (uint32_t)packet[i] << 8 | packet[i + 1];
    return sum;
}

static void sum_ip(void)
{
    put_sum(packet + 24, 0);
    put_sum(packet + 24, sum_of(packet + 14, 20, 0));
}

/* An IP packet from 10.0.2.2 to 10.0.2.15 with `bytes` bytes of data behind 8 of header. */
static void make_ip(uint8_t protocol, uint32_t bytes)
{
    static const uint8_t head[] = {0x52, 0x54, 0,    0x12, 0x34, 0x56, 0x52, 0x55, 10,   0, 2,  2,
                                   8,    0,    0x45, 0,    0,    0,    0x12, 0x34, 0x40, 0, 33, 0,
                                   0,    0,    10,   0,    2,    2,    10,   0,    2,    15};

    memset(packet, 0, sizeof packet);
    memcpy(packet, head, sizeof head);
    packet[23] = protocol;
    packet[16] = (uint8_t)((28 + bytes) >> 8);
    packet[17] = (uint8_t)(28 + bytes);
    for (uint32_t i = 0; i < bytes; i++)
        packet[DATA_AT + i] = (uint8_t)(i * 7 + 1);
    sum_ip();
    length = DATA_AT + bytes;
}

static void make_udp(uint32_t bytes)
{
    static const uint8_t head[] = {0x12, 0x34, 0, PORT};

    make_ip(17, bytes);
    memcpy(packet + UDP_AT, head, sizeof head);
    packet[38] = (uint8_t)((8 + bytes) >> 8);
    packet[39] = (uint8_t)(8 + bytes);
    put_sum(packet + 40, sum_of(packet + UDP_AT, 8 + bytes, udp_sum_start(8 + bytes)));
}

static void make_ping(uint32_t bytes)
{
    make_ip(1, bytes);
    packet[34] = 8;
    put_sum(packet + 36, sum_of(packet + 34, 8 + bytes, 0));
}

static void make_arp(void)
{
    static const uint8_t head[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x55, 10, 0, 2, 2, 8, 6, 0, 1, 8, 0,  6, 4, 0,
        1,    0x52, 0x55, 10,   0,    2,    2,    10,   0,  2, 2, 0, 0, 0, 0, 0, 0, 10, 0, 2, 15};

    memset(packet, 0xee, sizeof packet);
    memcpy(packet, head, sizeof head);
    length = sizeof head;
}

static const uint8_t turned_link[] = {0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56};

static void an_arp_request_is_answered(void **state)
{
    (void)state;
    static const uint8_t want[] = {8,    6,    0,  1,    8,    0,    6,  4, 0, 2,
                                   0x52, 0x54, 0,  0x12, 0x34, 0x56, 10, 0, 2, 15,
                                   0x52, 0x55, 10, 0,    2,    2,    10, 0, 2, 2};
    static const uint8_t zeros[18];

    make_arp();
    assert_int_equal(answer_make(&me, packet, length), 60);
    assert_memory_equal(packet, turned_link, 12);
    assert_memory_equal(packet + 12, want, sizeof want);
    assert_memory_equal(packet + 42, zeros, sizeof zeros);
}

static void udp_comes_back_with_right_sums(void **state)
{
    (void)state;
    uint8_t data[1472];

    for (uint32_t bytes = 0; bytes <= 1472; bytes += 1 + bytes / 7) {
        make_udp(bytes);
        memcpy(data, packet + DATA_AT, bytes);
        assert_int_equal(answer_make(&me, packet, length), bytes < 18 ? 60 : DATA_AT + bytes);
        assert_memory_equal(packet, turned_link, 12);
        assert_memory_equal(packet + 26, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
        assert_memory_equal(packet + UDP_AT, "\x00\x07\x12\x34", 4);
        assert_memory_equal(packet + DATA_AT, data, bytes);
        assert_int_equal(packet[22], 64);
        assert_int_equal(sum_of(packet + 14, 20, 0), 0);
        assert_int_equal(sum_of(packet + UDP_AT, 8 + bytes, udp_sum_start(8 + bytes)), 0);
    }
}

static void a_ping_is_answered(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < 200; bytes += 13) {
        make_ping(bytes);
        assert_int_equal(answer_make(&me, packet, length), bytes < 18 ? 60 : DATA_AT + bytes);
        assert_int_equal(packet[34], 0);
        assert_int_equal(sum_of(packet + 14, 20, 0), 0);
        assert_int_equal(sum_of(packet + 34, 8 + bytes, 0), 0);
    }
}

static void assert_no_answer(void)
{
    uint8_t before[sizeof packet];

    memcpy(before, packet, sizeof packet);
    assert_int_equal(answer_make(&me, packet, length), 0);
    assert_memory_equal(packet, before, sizeof packet);
}

/* Changes one byte, and the sum of the IP header unless that is what is meant. */
static void without_answer(void (*make)(uint32_t), uint32_t at, uint8_t value, bool sum)
{
    make(20);
    assert_int_not_equal(packet[at], value);
    packet[at] = value;
    if (sum)
        sum_ip();
    assert_no_answer();
}

static void packets_that_get_no_answer(void **state)
{
    (void)state;
    static const struct {
        uint16_t at;
        uint8_t value;
    } rows[] = {
        {0, 0x53},  /* another's link address              */
        {6, 0x53},  /* from a group                        */
        {12, 0x86}, /* another protocol                    */
        {14, 0x46}, /* options                             */
        {14, 0x65}, /* another version                     */
        {16, 1},    /* longer than the packet              */
        {17, 27},   /* shorter than its headers            */
        {20, 0x20}, /* more fragments follow               */
        {21, 1},    /* a later fragment                    */
        {23, 6},    /* TCP                                 */
        {26, 0xe0}, /* from a group                        */
        {33, 16},   /* to somebody else                    */
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        without_answer(make_udp, rows[i].at, rows[i].value, rows[i].at >= 14);
        without_answer(make_ping, rows[i].at, rows[i].value, rows[i].at >= 14);
    }
    without_answer(make_ping, 34, 0, false); /* an answer to a ping                     */
    without_answer(make_udp, 37, 8, false);  /* another port                            */
    without_answer(make_udp, 39, 29, false); /* the two lengths disagree                */
    without_answer(make_udp, 25, (uint8_t)~packet[25], false); /* a wrong sum           */
    make_udp(20);
    memcpy(packet + UDP_AT, "\0\7", 2); /* from an echo server */
    assert_no_answer();
    memcpy(packet + UDP_AT, "\0\0", 2);
    assert_no_answer();
    make_udp(20);
    memcpy(packet + 26, packet + 30, 4); /* from this very host */
    sum_ip();
    assert_no_answer();
    memset(packet + 26, 0, 4);
    sum_ip();
    assert_no_answer();
}

static void short_packets_get_no_answer(void **state)
{
    (void)state;
    make_udp(0);
    for (length = 0; length < DATA_AT; length++)
        assert_no_answer();
    make_arp();
    for (length = 0; length < 42; length++)
        assert_no_answer();
}

static void arp_that_gets_no_answer(void **state)
{
    (void)state;
    static const uint8_t at[] = {14, 16, 18, 19, 21, 41};

    for (unsigned i = 0; i < sizeof at; i++) {
        make_arp();
        packet[at[i]] ^= 0x11;
        assert_no_answer();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arp_request_is_answered),
        cmocka_unit_test(udp_comes_back_with_right_sums),
        cmocka_unit_test(a_ping_is_answered),
        cmocka_unit_test(packets_that_get_no_answer),
        cmocka_unit_test(short_packets_get_no_answer),
        cmocka_unit_test(arp_that_gets_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

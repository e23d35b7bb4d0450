/* Checksums that are left to a card: which frames, where, and what stands there until then. What a
 * card adds is checksum_complete()'s, and both are tested against sums by pairs of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bindings/checksum.h"
#include "libos-net/offload.h"
#include "tests/fuzz/chance.h"

#define FRAME 1514u
#define IP    14u
#define TCP   6u
#define UDP   17u

static uint8_t frame[FRAME];

static void put16(uint32_t at, uint32_t value)
{
    frame[at] = (uint8_t)(value >> 8);
    frame[at + 1] = (uint8_t)value;
}

static uint32_t get16(uint32_t at)
{
    return (uint32_t)frame[at] << 8 | frame[at + 1];
}

/* Pairs of bytes of the frame, added up to one. */
static uint32_t pairs(uint32_t from, uint32_t to, uint32_t sum)
{
    for (uint32_t i = from; i < to; i++)
        sum += (uint32_t)frame[i] << ((i - from) & 1 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* A frame of random bytes over IPv4 with `words` of header, whose sum is missing. Its length. */
static uint32_t make4(uint32_t words, uint8_t protocol, uint32_t contents)
{
    const uint32_t length = IP + 4 * words + contents;

    for (uint32_t i = 0; i < FRAME; i++)
        frame[i] = (uint8_t)rnd(256);
    put16(12, 0x0800);
    frame[IP] = (uint8_t)(0x40 | words);
    put16(IP + 2, length - IP);
    put16(IP + 6, 0x4000);
    frame[IP + 9] = protocol;
    put16(IP + 4 * words + (protocol == TCP ? 16 : 6), 0);
    return length;
}

static uint32_t make6(uint8_t protocol, uint32_t contents)
{
    for (uint32_t i = 0; i < FRAME; i++)
        frame[i] = (uint8_t)rnd(256);
    put16(12, 0x86dd);
    put16(IP + 4, contents);
    frame[IP + 6] = protocol;
    put16(IP + 40 + (protocol == TCP ? 16 : 6), 0);
    return IP + 40 + contents;
}

/* What a receiver tests: the pseudo header and all behind it add up to all ones. */
static uint32_t receiver_sum(uint32_t start, uint32_t end, uint32_t from, uint32_t to,
                             uint8_t protocol)
{
    return pairs(start, end, pairs(from, to, protocol + end - start));
}

static void sums_are_whole_when_the_card_has_added(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        const uint8_t protocol = i & 1 ? TCP : UDP;
        const bool six = i & 2;
        const uint32_t words = 5 + rnd(11), contents = 20 + rnd(1380);
        const uint32_t length = six ? make6(protocol, contents) : make4(words, protocol, contents);
        const uint32_t start = length - contents, offset = protocol == TCP ? 16 : 6;
        const uint32_t padded = length < 60 ? 60 : length; /* with zeroes, as frames are */

        memset(frame + length, 0, padded - length);
        const uint32_t work = offload_begin(frame, padded);
        assert_int_equal(work, CSUM_OFFLOAD(start, offset));
        assert_int_equal(CSUM_START(work), start);
        assert_int_equal(CSUM_OFFSET(work), offset);
        assert_int_equal(TSO_MSS(work), 0);
        assert_int_equal(work & CSUM_VALID, 0);
        checksum_complete(frame, padded, start, offset);
        assert_int_equal(
            receiver_sum(start, length, six ? IP + 8 : IP + 12, six ? IP + 40 : IP + 20, protocol),
            0xffff);
        assert_int_not_equal(get16(start + offset), 0);
        assert_true(offload_is_tested(frame, padded));
        assert_int_equal(offload_begin(frame, padded), 0); /* it is not missing any more */
    }
}

/* The complement of 0xffff: "no checksum" in UDP. */
static void a_sum_of_nothing_is_all_ones(void **state)
{
    (void)state;
    memset(frame, 0, sizeof frame);
    put16(40, 0xffff);
    checksum_complete(frame, 60, 34, 16);
    assert_int_equal(get16(50), 0xffff);
    put16(50, 0);
    frame[40] = 0x12;
    frame[59] = 0x34; /* an odd number of bytes */
    checksum_complete(frame, 60, 35, 16);
    assert_int_equal(pairs(35, 60, 0), 0xffff);
}

static void other_frames_stay_as_they_are(void **state)
{
    (void)state;
    uint8_t before[FRAME];
    uint32_t length = 0;

    for (unsigned i = 0; i < 13; i++) {
        length = i == 12 ? make6(TCP, 60) : make4(5, i == 11 ? UDP : TCP, 60);
        if (i == 0)
            put16(12, 0x0806); /* ARP */
        if (i == 1)
            frame[IP + 9] = 1; /* ICMP */
        if (i == 2)
            put16(IP + 6, 0x2000); /* a fragment, the first */
        if (i == 3)
            put16(IP + 6, 1); /* another */
        if (i == 4)
            frame[IP] = 0x44; /* a header too short */
        if (i == 5)
            frame[IP] = 0x55; /* IP of another version */
        if (i == 6)
            put16(IP + 2, length - IP + 1); /* longer than the frame */
        if (i == 7)
            put16(IP + 2, 20 + 19); /* shorter than TCP's header */
        if (i == 8)
            put16(IP + 2, 19); /* shorter than its own */
        if (i == 9)
            length = IP + 19;
        if (i == 10)
            put16(IP + 20 + 16, 1); /* not missing */
        if (i == 11)
            put16(IP + 2, 20 + 7); /* shorter than UDP's header */
        if (i == 12)
            frame[IP + 6] = 0; /* hop-by-hop options first */
        memcpy(before, frame, FRAME);
        assert_int_equal(offload_begin(frame, length), 0);
        assert_memory_equal(frame, before, FRAME);
        assert_int_equal(offload_is_tested(frame, length), i == 10);
    }
}

/* No frame leads beyond its end: what lies behind is unreadable. */
static void random_frames_are_read_within(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        const uint32_t length = rnd(120);
        uint8_t *p = malloc(length ? length : 1);

        for (uint32_t j = 0; j < length; j++)
            p[j] = (uint8_t)rnd(256);
        if (length > 24 && i & 1) {
            p[12] = i & 2 ? 0x08 : 0x86;
            p[13] = i & 2 ? 0x00 : 0xdd;
            p[14] = i & 2 ? (uint8_t)(0x45 + rnd(11)) : 0x60;
            p[16] = 0;
            p[18] = 0;
            p[20] = i & 2 ? 0 : TCP;
            p[21] = 0;
            p[23] = i & 4 ? TCP : UDP;
        }
        const uint32_t work = offload_begin(p, length);
        if (work)
            assert_true(CSUM_START(work) + CSUM_OFFSET(work) + 2 <= length);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_whole_when_the_card_has_added),
        cmocka_unit_test(a_sum_of_nothing_is_all_ones),
        cmocka_unit_test(other_frames_stay_as_they_are),
        cmocka_unit_test(random_frames_are_read_within),
    };
    rnd_state = 67;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

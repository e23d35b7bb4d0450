/* The hash by which a card chooses among its pairs, against the examples of its definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/rss.h"

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* "Verifying the RSS Hash Calculation" of NDIS: from, to, hash of addresses, with ports. */
static const struct {
    struct rss_flow flow;
    uint32_t addresses, with_ports;
} examples[] = {
    {{ADDRESS(66, 9, 149, 187), ADDRESS(161, 142, 100, 80), 2794, 1766}, 0x323e8fc2, 0x51ccc178},
    {{ADDRESS(199, 92, 111, 2), ADDRESS(65, 69, 140, 83), 14230, 4739}, 0xd718262a, 0xc626b0ea},
    {{ADDRESS(24, 19, 198, 95), ADDRESS(12, 22, 207, 184), 12898, 38024}, 0xd2d0a5de, 0x5c2b394a},
    {{ADDRESS(38, 27, 205, 30), ADDRESS(209, 142, 163, 6), 48228, 2217}, 0x82989176, 0xafc7327f},
    {{ADDRESS(153, 39, 163, 191), ADDRESS(202, 188, 127, 2), 44251, 1303}, 0x5d1809c5, 0x10e828a2},
};

/* A table of two entries shows one bit of the hash, of four two, and so on. */
static void flows_go_where_the_examples_say(void **state)
{
    (void)state;
    static uint16_t table[256];

    for (uint16_t i = 0; i < 256; i++)
        table[i] = (uint16_t)(i ^ 0x5a);
    for (unsigned i = 0; i < sizeof examples / sizeof examples[0]; i++)
        for (uint16_t length = 1; length <= 256; length *= 2) {
            const struct card_steering s = {
                .table_length = length, .key_bytes = RSS_KEY_BYTES, .key = rss_key, .table = table};
            uint32_t low = length - 1u;
            assert_int_equal(rss_pair(&s, &examples[i].flow, false),
                             (examples[i].addresses & low) ^ 0x5a);
            assert_int_equal(rss_pair(&s, &examples[i].flow, true),
                             (examples[i].with_ports & low) ^ 0x5a);
        }
}

/* Bit by bit: where data has one bit, the hash is the key from that bit on. */
static void one_bit_shows_the_key(void **state)
{
    (void)state;
    uint8_t data[RSS_KEY_BYTES - 4];

    for (unsigned bit = 0; bit < 8 * sizeof data; bit++) {
        uint32_t want = 0;
        memset(data, 0, sizeof data);
        data[bit / 8] = (uint8_t)(0x80 >> bit % 8);
        for (unsigned i = bit; i < bit + 32; i++)
            want = want << 1 | (rss_key[i / 8] >> (7 - i % 8) & 1);
        assert_int_equal(rss_hash(rss_key, data, sizeof data), want);
    }
    assert_int_equal(rss_hash(rss_key, data, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_go_where_the_examples_say),
        cmocka_unit_test(one_bit_shows_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

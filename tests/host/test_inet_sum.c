/* The sum of packets by words, beside the plain one by pairs of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exo/abi/checksum.h"

#define BYTES_MOST 1600
#define PLACES     8

/* RFC 1071, in memory's order. */
static uint16_t plain_sum(const uint8_t *at, int count)
{
    uint32_t sum = 0;

    for (int i = 0; i < count; i++)
        sum += (uint32_t)at[i] << (i % 2 * 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* Each in a block of its own, so that a byte too far is seen. */
static void look_at(int place, int count, int kind)
{
    uint8_t *block = malloc((size_t)(place + count));

    for (int i = 0; i < place + count; i++)
        block[i] = (uint8_t)(kind ? 0xff : rand());
    assert_int_equal(sum_of(block + place, (size_t)count), plain_sum(block + place, count));
    free(block);
}

static void every_length_and_place_has_the_plain_sum(void **state)
{
    (void)state;
    srand(1);
    for (int count = 0; count <= BYTES_MOST; count++)
        for (int place = 0; place < PLACES; place++)
            look_at(place, count, 0);
}

static void carries_come_in_again(void **state)
{
    (void)state;
    for (int count = 0; count <= BYTES_MOST; count++)
        look_at(count % PLACES, count, 1);
}

static void a_longest_packet_has_it_too(void **state)
{
    (void)state;
    look_at(1, 65535, 0);
    look_at(0, 65535, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_place_has_the_plain_sum),
        cmocka_unit_test(carries_come_in_again),
        cmocka_unit_test(a_longest_packet_has_it_too),
    };

    return cmocka_run_group_tests_name("inet_sum", tests, NULL, NULL);
}

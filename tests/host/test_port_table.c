/* The books of a port authority: who gets which port, and who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "libos-net/keys.h"
#include "libos-net/port_table.h"

static struct port_table t;
static uint32_t place;

static int fresh(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    return 0;
}

static enum err take(uint32_t holder, bool low, uint8_t protocol, uint16_t port)
{
    const enum err e = port_take(&t, holder, low, protocol, &port, &place);

    assert_null(port_table_check(&t));
    return e;
}

static void a_port_is_one_holders(void **state)
{
    (void)state;
    assert_int_equal(take(0, false, KEYS_UDP, 5000), ERR_OK);
    assert_int_equal(take(1, false, KEYS_UDP, 5000), ERR_IN_USE);
    assert_int_equal(take(0, false, KEYS_UDP, 5000), ERR_IN_USE);
    assert_int_equal(take(1, false, KEYS_TCP, 5000), ERR_OK); /* of another protocol */
    assert_int_equal(port_find(&t, 1, KEYS_UDP, 5000, &place), ERR_NOT_BOUND);
    assert_int_equal(port_find(&t, 0, KEYS_UDP, 5000, &place), ERR_OK);
    port_give(&t, 0, place);
    assert_int_equal(take(1, false, KEYS_UDP, 5000), ERR_OK);
    assert_int_equal(port_find(&t, 0, KEYS_UDP, 5000, &place), ERR_NOT_BOUND);
}

static void low_ports_are_for_who_may(void **state)
{
    (void)state;
    assert_int_equal(take(0, false, KEYS_TCP, 1023), ERR_NO_RIGHT);
    assert_int_equal(take(0, false, KEYS_TCP, 1), ERR_NO_RIGHT);
    assert_int_equal(take(0, false, KEYS_TCP, 1024), ERR_OK);
    assert_int_equal(take(1, true, KEYS_TCP, 1023), ERR_OK);
    assert_int_equal(take(0, false, KEYS_ICMP, 0), ERR_NO_RIGHT);
    assert_int_equal(take(1, true, KEYS_ICMP, 0), ERR_OK);
    assert_int_equal(take(2, true, KEYS_ICMP, 0), ERR_IN_USE);
    assert_int_equal(take(2, true, KEYS_UDP, 68), ERR_IN_USE); /* the authority's own */
}

static void what_is_no_port_is_refused(void **state)
{
    (void)state;
    assert_int_equal(take(0, true, KEYS_ICMP, 7), ERR_BAD_ARG);
    assert_int_equal(take(0, true, 0, 7), ERR_BAD_ARG);
    assert_int_equal(take(0, true, 132, 7), ERR_BAD_ARG);
}

static void a_free_one_is_chosen(void **state)
{
    uint16_t port = 0;

    (void)state;
    assert_int_equal(take(0, false, KEYS_UDP, PORTS_FREE_FIRST), ERR_OK);
    assert_int_equal(port_take(&t, 1, false, KEYS_UDP, &port, &place), ERR_OK);
    assert_int_equal(port, PORTS_FREE_FIRST + 1);
    t.next = (uint16_t)(65535 - PORTS_FREE_FIRST);
    port = 0;
    assert_int_equal(port_take(&t, 1, false, KEYS_UDP, &port, &place), ERR_OK);
    assert_int_equal(port, 65535);
    port = 0;
    assert_int_equal(port_take(&t, 1, false, KEYS_UDP, &port, &place), ERR_OK);
    assert_int_equal(port, PORTS_FREE_FIRST + 2); /* round the end, past who has one */
}

static void nobody_takes_all(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PORTS_PER_HOLDER; i++)
        assert_int_equal(take(0, false, KEYS_UDP, (uint16_t)(2000 + i)), ERR_OK);
    assert_int_equal(take(0, false, KEYS_UDP, 3000), ERR_NO_MEM);
    assert_int_equal(take(0, false, KEYS_UDP, 0), ERR_NO_MEM);
    assert_int_equal(take(1, false, KEYS_UDP, 3000), ERR_OK);
    port_give(&t, 0, 2);
    assert_int_equal(take(0, false, KEYS_UDP, 3001), ERR_OK);
    assert_int_equal(place, 2);
    for (uint32_t h = 1; h < PORT_HOLDERS; h++)
        for (uint32_t i = 0; i < PORTS_PER_HOLDER; i++)
            assert_int_equal(take(h, false, KEYS_TCP, 0), h == 1 && i == 3 ? ERR_NO_MEM : ERR_OK);
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    assert_int_equal(take(0, false, KEYS_UDP, 5000), ERR_OK);
    t.at[3][1] = t.at[0][0];
    assert_memory_equal(port_table_check(&t), "T1", 2);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, fresh)
    const struct CMUnitTest tests[] = {
        T(a_port_is_one_holders), T(low_ports_are_for_who_may), T(what_is_no_port_is_refused),
        T(a_free_one_is_chosen),  T(nobody_takes_all),          T(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

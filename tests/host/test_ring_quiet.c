/* What the owner of a ring is told of, and when the card is to interrupt for what it has sent: as
 * long as somebody waits for that, and not longer. */
#include "tests/host/ring_world.h"

static void quiet(unsigned i, uint32_t what, uint32_t wake)
{
    header(i)->quiet = what;
    header(i)->tx_wake = wake;
}

static void post(unsigned i, unsigned count)
{
    for (; count; count--)
        post_tx(i, PAGE_SIZE, 60);
}

static void a_quiet_owner_is_not_told_of_what_is_sent(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 0);
    post(0, 3);
    assert_int_equal(ring_take(ring(0)), 3);
    assert_true(is_silent_card);
    for (unsigned i = 0; i < 3; i++)
        card_finishes();
    assert_int_equal(header(0)->tx_done, 3);
    assert_int_equal(header(0)->tx[2].state, RING_DONE);
    assert_int_equal(raises, 0);
    post_rx(0, PAGE_SIZE, 1514);
    arrives(1, 60); /* of that he is */
    assert_int_equal(raises, 1);
}

static void another_owner_is_told_of_each(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 0);
    post(0, 1);
    ring_take(ring(0));
    assert_true(is_silent_card);
    make(1, 2);
    ring_set_keys(ring(0), NULL, 0);
    post(1, 2);
    ring_take(ring(1));
    assert_false(is_silent_card);
    card_finishes();
    assert_int_equal(raises, 0);
    card_finishes();
    assert_int_equal(raises, 1);
    ring_serve_card();
    assert_false(is_silent_card); /* one is not sent yet */
    card_finishes();
    assert_int_equal(raises, 2);
    ring_serve_card();
    assert_true(is_silent_card);
    drop(1);
}

static void who_waits_is_told_once(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 2);
    post(0, 3);
    ring_take(ring(0));
    assert_false(is_silent_card);
    card_finishes();
    assert_int_equal(raises, 0);
    card_finishes();
    assert_int_equal(raises, 1);
    ring_serve_card();
    assert_true(is_silent_card);
    card_finishes();
    assert_int_equal(raises, 1);
}

static void what_the_card_kept_to_itself_is_not_missed(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 0);
    post(0, 2);
    ring_take(ring(0));
    card.kept = 2; /* and no interrupt says so */
    header(0)->tx_wake = 2;
    assert_int_equal(ring_take(ring(0)), 0);
    assert_int_equal(header(0)->tx_done, 2);
    assert_true(is_silent_card);

    post(0, 2);
    ring_take(ring(0));
    header(0)->tx_wake = 4;
    card.kept = 1;
    ring_take(ring(0));
    assert_int_equal(header(0)->tx_done, 3);
    assert_false(is_silent_card);
    const unsigned before = raises;
    card_finishes();
    assert_int_equal(raises, before + 1);
}

/* It is sent between the look of the kick and the moment when the card learns of who waits. */
static void a_packet_sent_meanwhile_is_told(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 0);
    post(0, 1);
    ring_take(ring(0));
    header(0)->tx_wake = 1;
    card.sends_late = 1;
    ring_take(ring(0));
    card.sends_late = 0;
    assert_int_equal(header(0)->tx_done, 1);
    assert_int_equal(raises, 1);
}

static void a_kick_takes_what_is_sent(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 0);
    post(0, RING_SLOTS);
    ring_take(ring(0));
    card.kept = 5;
    post(0, 5); /* in slots that are not known to be free */
    assert_int_equal(ring_take(ring(0)), 5);
    assert_int_equal(header(0)->tx_done, 5);
    assert_int_equal(raises, 0);
}

static void who_waits_for_the_cards_room_gets_it(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 0);
    card.room = 3;
    post(0, 5);
    assert_int_equal(ring_take(ring(0)), 3);
    assert_false(is_silent_card);
    card_finishes();
    ring_serve_card();
    assert_int_equal(card.given, 4);
    card_finishes();
    ring_serve_card();
    assert_int_equal(card.given, 5);
    assert_true(is_silent_card);
    assert_int_equal(raises, 0);
}

/* The card has room by the time it learns that somebody waits for it, and will not say so. */
static void room_that_no_interrupt_tells_of_is_taken(void **state)
{
    (void)state;
    quiet(0, RING_QUIET_SENT, 0);
    card.room = 3;
    post(0, 3);
    ring_take(ring(0));
    post(0, 2);
    card.sends_late = 1;
    assert_int_equal(ring_take(ring(0)), 1);
    card.sends_late = 0;
    assert_int_equal(header(0)->tx_done, 1);
    assert_false(is_silent_card);
}

static void a_wake_up_that_lies_outside_is_none(void **state)
{
    (void)state;
    static const uint32_t lies[] = {0, 3, RING_SLOTS, 0x80000000u, 0xffffffffu};

    for (uint32_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        quiet(0, RING_QUIET_SENT, header(0)->tx_done + lies[i]);
        post(0, 2);
        ring_take(ring(0));
        assert_true(is_silent_card);
        card_finishes();
        card_finishes();
        assert_int_equal(raises, 0);
    }
}

static void who_looks_himself_is_not_told_of_what_came(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        post_rx(0, PAGE_SIZE, 1514);
    quiet(0, RING_QUIET_RECEIVED, 0);
    arrives(1, 60);
    assert_int_equal(header(0)->rx_done, 1);
    assert_int_equal(raises, 0);
    quiet(0, 0, 0);
    arrives(1, 60);
    assert_int_equal(raises, 1);
    quiet(0, RING_QUIET_RECEIVED, 0);
    post_tx(0, 2 * PAGE_SIZE, 60);
    ring_take(ring(0));
    card_finishes(); /* of that he is told */
    assert_int_equal(raises, 2);
}

static void a_ring_that_goes_leaves_nobody_waiting(void **state)
{
    (void)state;
    make(1, 2);
    ring_set_keys(ring(0), NULL, 0);
    card.eager = true;
    post(1, 2);
    ring_take(ring(1));
    assert_false(is_silent_card);
    drop(1);
    ring_serve_card();
    assert_true(is_silent_card);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fresh, end)
    const struct CMUnitTest tests[] = {
        T(a_quiet_owner_is_not_told_of_what_is_sent),
        T(another_owner_is_told_of_each),
        T(who_waits_is_told_once),
        T(what_the_card_kept_to_itself_is_not_missed),
        T(a_packet_sent_meanwhile_is_told),
        T(a_kick_takes_what_is_sent),
        T(who_waits_for_the_cards_room_gets_it),
        T(room_that_no_interrupt_tells_of_is_taken),
        T(a_wake_up_that_lies_outside_is_none),
        T(who_looks_himself_is_not_told_of_what_came),
        T(a_ring_that_goes_leaves_nobody_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

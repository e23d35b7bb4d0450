/* Host tests of sockets over a card: peers that say of their windows and of the longest segment
 * what would have data cut small, or connections end. */
#include "tests/host/posix_inet_peer.h"

/* Bytes of the last segment's data. */
static size_t last_data(void)
{
    const uint8_t *tcp = last_segment();
    return get16(tcp - IP4 + 2) - IP4 - (tcp[12] >> 4) * 4u;
}

/* A listener's first connection, with more to say than the peer has room for. */
static long says_much(long s)
{
    long c = accepted(s);

    while (SYS(write, c, world.user, 1000) == 1000)
        continue;
    return c;
}

/* Whoever knows the ports of a connection can say that, without its numbers. */
static void no_segment_makes_the_next_ones_shorter(void **state)
{
    (void)state;
    long s = open_listener(2010);
    struct end e = peer_connects_by(2010, 3000, 1460);
    long c = says_much(s);
    e.mss = 100;
    give_segment(&e, TCP_ACK_BIT, NULL);
    e.mss = 0;
    e.ack += 1460; /* makes room for what is said now */
    give_segment(&e, TCP_ACK_BIT, NULL);
    assert_true(SYS(write, c, world.user, 1000) > 0);
    IS(last_data(), 1460);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
    give_segment(&e, TCP_ACK_BIT | TCP_RST_BIT, NULL);
}

static void a_window_may_begin_with_nothing_and_grow_by_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 3; first++) {
        long s = open_listener(2011);
        struct end e = peer_connects_by(2011, first, 1460);
        long c = says_much(s);
        for (unsigned window = 1; window < 40; window += 3) {
            fake.now_ns += SECOND; /* the window is looked at by sending something */
            serve();
            e.window = window;
            e.ack = get32(last_segment() + 4) + (uint32_t)last_data();
            give_segment(&e, TCP_ACK_BIT, NULL);
            SYS(write, c, world.user, 1000);
        }
        e.window = WINDOW;
        give_segment(&e, TCP_ACK_BIT, NULL);
        for (int i = 0; i < 200; i++) { /* all of it comes */
            fake.now_ns += SECOND / 4;
            serve();
            e.ack = get32(last_segment() + 4) + (uint32_t)last_data();
            give_segment(&e, TCP_ACK_BIT, NULL);
        }
        assert_true(SYS(write, c, world.user, 1000) == 1000);
        IS(SYS(close, c), 0);
        IS(SYS(close, s), 0);
        give_segment(&e, TCP_ACK_BIT | TCP_RST_BIT, NULL);
    }
}

/* Half of all numbers away, which is before and behind: it is not taken, and answered. */
static void numbers_from_the_other_side_are_not_taken(void **state)
{
    (void)state;
    static const uint32_t seqs[] = {0x7fffffff, 0x80000000, 0, 0},
                          acks[] = {0, 0, 0x7fffffff, 0x80000000};
    long s = open_listener(2013);
    struct end e = peer_connects(2013);
    long c = accepted(s);

    IS(SYS(write, c, user_text("a"), 1), 1);
    e.ack++;
    give_segment(&e, TCP_ACK_BIT, NULL);
    for (unsigned i = 0; i < 4; i++) {
        struct end far = e;
        far.seq += seqs[i];
        far.ack += acks[i];
        const uint32_t before = fake_net.sent;
        give_segment(&far, TCP_ACK_BIT, "x");
        IS(fake_net.sent - before, 1);
        IS(get32(last_segment() + 8), e.seq);
        give_segment(&far, TCP_ACK_BIT | TCP_RST_BIT, NULL);
        IS(SYS(read, c, world.user, 100), -EAGAIN);
    }
    give_segment(&e, TCP_ACK_BIT, "x");
    IS(SYS(read, c, world.user, 100), 1);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
    e.seq++;
    give_segment(&e, TCP_ACK_BIT | TCP_RST_BIT, NULL);
}

static void nobody_has_data_cut_into_single_bytes(void **state)
{
    (void)state;
    long s = open_listener(2012);
    struct end e = peer_connects_by(2012, WINDOW, 1);
    long c = says_much(s);
    assert_true(last_data() >= 48);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
    give_segment(&e, TCP_ACK_BIT | TCP_RST_BIT, NULL);
}

static int card_set_up(void **state)
{
    int e = inet_set_up(state);

    fake_net.is_there = true;
    IS(inet_ops.start("10.0.2.15/24,10.0.2.2,10.0.2.3"), 0);
    return e;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INET_TEST(no_segment_makes_the_next_ones_shorter),
        INET_TEST(a_window_may_begin_with_nothing_and_grow_by_bytes),
        INET_TEST(numbers_from_the_other_side_are_not_taken),
        INET_TEST(nobody_has_data_cut_into_single_bytes),
    };
    return cmocka_run_group_tests(tests, card_set_up, family_tear_down);
}

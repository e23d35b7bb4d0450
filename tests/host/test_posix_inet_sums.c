/* Sockets over a card that makes sums: what is left to it, and what is not; whose sums are tested.
 */
#include "tests/host/posix_inet_peer.h"

#define P(text) user_text(text)

static long pair_of(uint16_t port, long *listener, struct end *e)
{
    *listener = SYS(socket, AF_INET, SOCK_STREAM | O_NONBLOCK, 0);
    IS(SYS(bind, *listener, name4(0, 0, 0, 0, port), 16), 0);
    IS(SYS(listen, *listener, 10), 0);
    *e = peer_connects(port);
    const long c = SYS(accept4, *listener, 0, 0, O_NONBLOCK);
    assert_true(c >= 0);
    return c;
}

/* Is the sum of what the packet says behind IP's header whole? */
static bool is_whole(const struct fake_packet *p, unsigned protocol)
{
    const unsigned bytes = get16(p->data + HEAD + 2) - IP4;

    IS(p->data[HEAD + 9], protocol);
    return sum_of(p->data + HEAD + IP4, bytes, protocol) == 0; /* complemented */
}

/* The last one that was sent of TCP is: others may ask for addresses. */
static bool is_last_segment_whole(void)
{
    uint32_t back = 0;

    while (fake_net_sent(back)->data[HEAD + 9] != 6 ||
           get16(fake_net_sent(back)->data + 12) != 0x800)
        back++;
    return is_whole(fake_net_sent(back), 6);
}

static void segments_get_their_sums_from_the_card(void **state)
{
    struct end e;
    long s;

    (void)state;
    const uint32_t before = fake_net.completed, sent = fake_net.sent;
    long c = pair_of(3001, &s, &e);
    IS(SYS(write, c, P("answer"), 6), 6);
    assert_true(is_last_segment_whole());
    IS(get32(last_segment() + TCP), get32((const uint8_t *)"answer"));
    IS(fake_net.completed - before, 2); /* SYN and bytes; ARP has none */
    assert_true(fake_net.sent - sent >= 2);
    for (int i = 0; i < 40; i++) { /* sent again: the sum is missing again */
        fake.now_ns += SECOND / 8;
        serve();
    }
    assert_true(fake_net.completed - before >= 3 && is_last_segment_whole());
    e.ack += 6;
    give_segment(&e, TCP_ACK_BIT | TCP_RST_BIT, NULL);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
}

/* One packet is the card's, fragments are not: their sum is one of all. */
static void whole_datagrams_only_are_the_cards(void **state)
{
    (void)state;
    uint32_t sum;
    long u = SYS(socket, AF_INET, SOCK_DGRAM, 0);

    IS(SYS(bind, u, name4(0, 0, 0, 0, 3002), 16), 0);
    IS(SYS(sendto, u, world.user, 1, 0, name4(10, 0, 2, 2, 9), 16), 1);
    answer_arp();
    for (unsigned bytes = 0; bytes <= 1472; bytes += 16) {
        const uint32_t before = fake_net.completed;
        for (unsigned i = 0; i < bytes; i++)
            world.user[4096 + i] = (char)(i % 100);
        IS(SYS(sendto, u, world.user + 4096, bytes, 0, name4(10, 0, 2, 2, 9), 16), bytes);
        IS(fake_net.completed - before, 1);
        assert_true(is_whole(fake_net_sent(0), 17));
        assert_int_not_equal(get16(fake_net_sent(0)->data + HEAD + IP4 + 6), 0);
    }
    const uint32_t before = fake_net.completed;
    IS(SYS(sendto, u, world.user + 4096, 2000, 0, name4(10, 0, 2, 2, 9), 16), 2000);
    IS(fake_net.completed, before);
    const uint8_t *first = fake_net_sent(1)->data + HEAD, *last = fake_net_sent(0)->data + HEAD;
    const unsigned one = get16(first + 2) - IP4, two = get16(last + 2) - IP4;
    IS(one + two, UDP + 2000);
    assert_int_not_equal(get16(first + IP4 + 6), 0);
    sum = add(add(0, peer_address, 4), our_address, 4) + 17 + one + two;
    IS(fold(add(add(sum, first + IP4, one), last + IP4, two)), 0);
    IS(SYS(close, u), 0);
}

/* Nobody makes the sums of what this machine sends to itself, and nobody misses them. */
static void the_own_address_needs_no_sums(void **state)
{
    (void)state;
    const uint32_t sent = fake_net.sent;
    long s = SYS(socket, AF_INET, SOCK_STREAM, 0), c = SYS(socket, AF_INET, SOCK_STREAM, 0);

    IS(SYS(bind, s, name4(0, 0, 0, 0, 3003), 16), 0);
    IS(SYS(listen, s, 10), 0);
    IS(SYS(connect, c, name4(10, 0, 2, 15, 3003), 16), 0);
    long a = SYS(accept4, s, 0, 0, 0);
    IS(SYS(write, c, P("hello"), 5), 5);
    IS(SYS(read, a, world.user, 100), 5);
    long u = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(bind, u, name4(0, 0, 0, 0, 3004), 16), 0);
    for (unsigned bytes = 100; bytes < 4000; bytes *= 3) {
        IS(SYS(sendto, u, world.user, bytes, 0, name4(10, 0, 2, 15, 3004), 16), bytes);
        IS(SYS(read, u, world.user, 4000), bytes);
    }
    IS(fake_net.sent, sent);
    IS(SYS(close, u), 0);
    IS(SYS(close, a), 0);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
}

static void sums_are_tested_unless_the_card_has(void **state)
{
    struct end e;
    uint8_t p[FAKE_PACKET];
    long s;

    (void)state;
    long c = pair_of(3005, &s, &e);
    const uint32_t bytes = segment(p, &e, TCP_ACK_BIT, "hello");
    p[HEAD + IP4 + 16] ^= 0x55;
    fake_net_give(p, bytes);
    serve();
    IS(SYS(read, c, world.user, 100), -EAGAIN);
    fake_net.vouches = true;
    fake_net_give(p, bytes);
    serve();
    fake_net.vouches = false;
    IS(SYS(read, c, world.user, 100), 5);
    e.seq += 5;
    segment(p, &e, TCP_ACK_BIT, "hello");
    p[HEAD + IP4 + 16] ^= 0x55;
    fake_net_give(p, bytes);
    serve();
    IS(SYS(read, c, world.user, 100), -EAGAIN); /* the one before says nothing of it */
    give_segment(&e, TCP_ACK_BIT | TCP_RST_BIT, NULL);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
}

static int card_set_up(void **state)
{
    int e = inet_set_up(state);

    fake_net.is_there = true;
    fake_net.sums = true;
    IS(inet_ops.start("10.0.2.15/24,10.0.2.2,10.0.2.3"), 0);
    return e;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INET_TEST(segments_get_their_sums_from_the_card),
        INET_TEST(whole_datagrams_only_are_the_cards),
        INET_TEST(the_own_address_needs_no_sums),
        INET_TEST(sums_are_tested_unless_the_card_has),
    };
    return cmocka_run_group_tests(tests, card_set_up, family_tear_down);
}

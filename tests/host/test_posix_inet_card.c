/* Host tests of sockets over a card in the test's hands: a peer that is made of single packets,
 * what is wrong with them, and what is left when all is over. */
#include "tests/host/posix_inet_peer.h"

#define P(text) user_text(text)

static void a_peer_is_served(void **state)
{
    (void)state;
    long s = open_listener(2001);
    struct end e = peer_connects(2001);
    long c = accepted(s);
    assert_memory_equal(name_of(c, true)->address, peer_address, 4);
    assert_memory_equal(name_of(c, false)->address, our_address, 4);
    give_segment(&e, TCP_ACK_BIT, "hello");
    IS(SYS(read, c, world.user, 100), 5);
    IS(SYS(write, c, P("answer"), 6), 6);
    assert_memory_equal(last_segment() + TCP, "answer", 6);
    e.seq += 5;
    e.ack += 6;
    give_segment(&e, TCP_ACK_BIT | TCP_FIN_BIT, NULL);
    IS(SYS(read, c, world.user, 100), 0);
    IS(SYS(close, c), 0);
    e.seq++;
    e.ack++;
    give_segment(&e, TCP_ACK_BIT, NULL);
    IS(SYS(close, s), 0);
    IS(fake_net.held, 0);
}

static void disorder_and_repetition_do_not_show(void **state)
{
    (void)state;
    long s = open_listener(2002);
    struct end e = peer_connects(2002), later = e;
    long c = accepted(s);
    later.seq += 3;
    give_segment(&later, TCP_ACK_BIT, "def");
    give_segment(&later, TCP_ACK_BIT, "def");
    IS(SYS(read, c, world.user, 100), -EAGAIN);
    give_segment(&e, TCP_ACK_BIT, "abc");
    give_segment(&e, TCP_ACK_BIT, "abc");
    give_segment(&e, TCP_ACK_BIT, "abcdefg"); /* overlaps what was there */
    IS(SYS(read, c, world.user, 100), 7);
    assert_memory_equal(world.user, "abcdefg", 7);
    e.seq += 7;
    give_segment(&e, TCP_ACK_BIT | TCP_RST_BIT, NULL);
    IS(SYS(read, c, world.user, 100), -ECONNRESET);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
}

/* Sent, not acknowledged, sent again; and given up when nobody ever answers. */
static void what_is_lost_is_sent_again(void **state)
{
    (void)state;
    long s = open_listener(2003);
    peer_connects(2003);
    long c = accepted(s);
    IS(SYS(write, c, P("once"), 4), 4);
    const uint32_t seq = get32(last_segment() + 4), before = fake_net.sent;
    for (int i = 0; i < 40; i++) {
        fake.now_ns += SECOND / 8;
        serve();
    }
    assert_true(fake_net.sent > before);
    IS(get32(last_segment() + 4), seq);
    for (int i = 0; i < 12000 && !(ready(c, POLLIN) & POLLERR); i++) {
        fake.now_ns += SECOND / 4;
        serve();
        answer_arp();
    }
    IS(SYS(read, c, world.user, 100), -ETIMEDOUT);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
}

static uint32_t datagram(uint8_t *p, unsigned to, size_t bytes)
{
    uint8_t *udp = p + HEAD + IP4;

    put16(udp, 30000);
    put16(udp + 2, to);
    put16(udp + 4, (unsigned)(UDP + bytes));
    put16(udp + 6, 0);
    for (size_t i = 0; i < bytes; i++)
        udp[UDP + i] = (uint8_t)(i / 3);
    put16(udp + 6, sum_of(udp, UDP + bytes, 17));
    return wrap(p, 17, UDP + bytes, 2, 0);
}

static void give_fragment(const uint8_t *whole, size_t from, size_t bytes, bool more)
{
    uint8_t p[FAKE_PACKET];

    memcpy(p + HEAD + IP4, whole + HEAD + IP4 + from, bytes);
    fake_net_give(p, wrap(p, 17, bytes, 77, (unsigned)(from / 8) | (more ? MORE_FOLLOWS : 0)));
    serve();
}

static void fragments_become_one(void **state)
{
    uint8_t whole[FAKE_PACKET];

    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM | O_NONBLOCK, 0);
    IS(SYS(bind, s, name4(0, 0, 0, 0, 2004), 16), 0);
    datagram(whole, 2004, 1200);
    give_fragment(whole, 800, 408, false); /* the last one first */
    give_fragment(whole, 0, 400, true);
    give_fragment(whole, 0, 400, true);
    IS(SYS(read, s, world.user, 2000), -EAGAIN);
    give_fragment(whole, 400, 400, true);
    IS(SYS(read, s, world.user, 2000), 1200);
    assert_memory_equal(world.user, whole + HEAD + IP4 + UDP, 1200);
    give_fragment(whole, 0, 400, true); /* the others never come */
    for (int i = 0; i < 40; i++) {
        fake.now_ns += SECOND;
        serve();
    }
    IS(SYS(close, s), 0);
    IS(fake_net.held, 0);
}

/* Wrong in the head, or only half there. */
static void broken_packets_are_dropped(void **state)
{
    uint8_t p[FAKE_PACKET];

    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM | O_NONBLOCK, 0);
    IS(SYS(bind, s, name4(0, 0, 0, 0, 2005), 16), 0);
    for (uint32_t i = 0; i < HEAD + IP4 + UDP + 20; i++) {
        datagram(p, 2005, 20);
        fake_net_give(p, i); /* cut off */
        p[i] ^= 0x11;        /* or one byte changed: but the hardware addresses, sums see it */
        if (i >= 12)
            fake_net_give(p, HEAD + IP4 + UDP + 20);
        serve();
        IS(SYS(read, s, world.user, 100), -EAGAIN);
    }
    fake_net_give(p, datagram(p, 2005, 20));
    serve();
    IS(SYS(read, s, world.user, 100), 20);
    IS(SYS(close, s), 0);
}

/* Changes a packet somewhere, at times with the sum made right again. */
static uint32_t damage(uint8_t *p, uint32_t bytes)
{
    if (bytes < HEAD + IP4 + UDP)
        return bytes;
    for (uint32_t i = random_below(4); i; i--)
        p[random_below(bytes)] = (uint8_t)random_below(256);
    if (random_below(8) == 0)
        bytes = random_below(bytes + 1);
    else if (random_below(4)) {
        uint8_t *ip = p + HEAD;
        put16(ip + 10, 0);
        put16(ip + 10, fold(add(0, ip, IP4)));
        if (ip[9] == 6 && bytes > HEAD + IP4 + 18) {
            put16(ip + IP4 + 16, 0);
            put16(ip + IP4 + 16, sum_of(ip + IP4, bytes - HEAD - IP4, 6));
        } else if (ip[9] == 17) {
            put16(ip + IP4 + 6, 0); /* UDP's may be left out */
        }
    }
    return bytes;
}

/* Near, or about where numbers turn round, or where a window ends. */
static uint32_t random_distance(void)
{
    static const uint32_t far[] = {0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 180 * 1460,
                                   WINDOW,     0x40000000, 0xc0000000, 1};

    if (random_below(2))
        return random_below(4000);
    return far[random_below(sizeof far / sizeof *far)] + random_below(3) - 1;
}

static void give_random(const struct end *e)
{
    static const unsigned all_flags[] = {TCP_ACK_BIT,
                                         TCP_SYN_BIT,
                                         TCP_ACK_BIT | TCP_FIN_BIT,
                                         TCP_RST_BIT,
                                         TCP_ACK_BIT | TCP_SYN_BIT,
                                         0x3f,
                                         0};
    static uint8_t kept[8][FAKE_PACKET];
    static uint32_t kept_bytes[8];
    uint8_t p[FAKE_PACKET];
    struct end now = *e;
    uint32_t bytes;

    now.seq += random_below(3) ? 0 : random_distance();
    now.ack += random_below(3) ? 0 : random_distance();
    now.window = random_below(3) ? WINDOW : random_below(200);
    now.mss = random_below(8) ? 0 : random_below(2000);
    const unsigned slot = random_below(8);
    switch (random_below(6)) {
    case 0:
        bytes = datagram(p, random_below(2) ? 2006 : random_below(65536), random_below(1400));
        if (random_below(3) == 0)
            bytes = wrap(p, 17, bytes - HEAD - IP4, random_below(4),
                         random_below(200) | (random_below(2) ? MORE_FOLLOWS : 0));
        break;
    case 1: /* an older one again */
        bytes = kept_bytes[slot];
        memcpy(p, kept[slot], bytes);
        break;
    case 2:
        bytes = random_below(200);
        for (uint32_t i = 0; i < bytes; i++)
            p[i] = (uint8_t)random_below(256);
        if (bytes > HEAD) {
            memcpy(p, our_mac, 6);
            put16(p + 12, random_below(2) ? 0x86dd : random_below(2) ? 0x806 : 0x800);
        }
        break;
    default:
        bytes = segment(p, &now, all_flags[random_below(7)], random_below(2) ? "some bytes" : NULL);
    }
    if (bytes && random_below(3))
        bytes = damage(p, bytes);
    kept_bytes[slot] = bytes;
    memcpy(kept[slot], p, bytes);
    fake_net_give(p, bytes);
}

/* Whatever comes: structures stay sound, no buffer is kept, and all memory comes back. */
static void time_goes_by(void)
{
    for (int i = 0; i < 12000; i++) {
        fake.now_ns += SECOND / 4;
        serve();
    }
}

static void random_packets_do_no_harm(void **state)
{
    (void)state;
    long s = open_listener(2006), u = SYS(socket, AF_INET, SOCK_DGRAM | O_NONBLOCK, 0);
    IS(SYS(bind, u, name4(0, 0, 0, 0, 2006), 16), 0);
    for (int round = 0; round < 60; round++) {
        struct end e = peer_connects(2006);
        long c = SYS(accept4, s, 0, 0, O_NONBLOCK);
        for (int i = 0; i < 200; i++) {
            give_random(&e);
            if (random_below(4) == 0)
                serve();
            if (random_below(8) == 0)
                SYS(sendto, c, world.user, 300, MSG_NOSIGNAL, 0, 0);
            if (random_below(8) == 0)
                SYS(read, c, world.user + PAGE_SIZE, PAGE_SIZE);
        }
        serve();
        time_goes_by(); /* ports that were damaged are not those of a later round */
        IS(fake_net.held, 0);
        const char *broken = arena_check(arena_get());
        if (broken)
            fail_msg("%s", broken);
        SYS(close, c);
        while ((c = SYS(accept4, s, 0, 0, O_NONBLOCK)) >= 0)
            SYS(close, c);
    }
    IS(SYS(close, s), 0);
    IS(SYS(close, u), 0);
}

/* Opened and closed, in all orders: nothing is left. */
static void ten_thousand_connections_leave_nothing(void **state)
{
    (void)state;
    long s = listener(2007, 100);
    size_t least = 0;
    for (int i = 0; i < 10000; i++) {
        if (i == 1000 || i == 9999) { /* the first thousand fills what is kept for ever */
            time_goes_by();
            if (i == 9999)
                IS(arena_get()->heap.in_use, least);
            least = arena_get()->heap.in_use;
        }
        long c = SYS(socket, AF_INET, SOCK_STREAM, 0);
        IS(SYS(connect, c, LOCAL(2007)), 0);
        long a = SYS(accept, s, 0, 0);
        IS(SYS(sendto, c, world.user, 50, 0, 0, 0), 50);
        if (i % 3)
            IS(SYS(read, a, world.user, 100), 50);
        IS(SYS(close, i % 2 ? a : c), 0);
        IS(SYS(close, i % 2 ? c : a), 0);
    }
    IS(SYS(close, s), 0);
}

/* SYNs of peers that are not there: who is there is let in all the time, and what half began goes.
 */
static void a_flood_of_beginnings_shuts_nobody_out(void **state)
{
    (void)state;
    static const struct {
        int backlog;
        uint16_t port;
    } rows[] = {{1, 2008}, {100, 2009}};

    for (unsigned row = 0; row < 2; row++) {
        long s = SYS(socket, AF_INET, SOCK_STREAM | O_NONBLOCK, 0);
        IS(SYS(bind, s, name4(0, 0, 0, 0, rows[row].port), 16), 0);
        IS(SYS(listen, s, rows[row].backlog), 0);
        for (unsigned i = 0; i < 2000; i++) {
            struct end false_one = {
                .from = 1024 + i, .to = rows[row].port, .seq = i * 7919, .window = WINDOW};
            give_segment(&false_one, TCP_SYN_BIT, NULL);
            if (i % 500 != 499)
                continue;
            struct end e = peer_connects(rows[row].port);
            long c = accepted(s);
            give_segment(&e, TCP_ACK_BIT, "hello");
            IS(SYS(read, c, world.user, 100), 5);
            IS(SYS(close, c), 0);
        }
        IS(SYS(accept4, s, 0, 0, O_NONBLOCK), -EAGAIN);
        IS(SYS(close, s), 0);
    }
}

/* As many clients as a benchmark has, all of which begin before the first has gone on. */
static void a_burst_of_clients_is_no_flood(void **state)
{
    (void)state;
    struct end clients[200];
    long s = SYS(socket, AF_INET, SOCK_STREAM | O_NONBLOCK, 0);

    IS(SYS(bind, s, name4(0, 0, 0, 0, 2011), 16), 0);
    IS(SYS(listen, s, 511), 0);
    for (unsigned i = 0; i < 200; i++) {
        clients[i] = (struct end){.from = 30000 + i, .to = 2011, .seq = 1000};
        give_segment(&clients[i], TCP_SYN_BIT, NULL);
        answer_arp();
        clients[i].seq++;
        clients[i].ack = get32(last_segment() + 4) + 1;
    }
    for (unsigned i = 0; i < 200; i++)
        give_segment(&clients[i], TCP_ACK_BIT, NULL);
    for (unsigned i = 0; i < 200; i++) {
        IS(SYS(close, accepted(s)), 0);
        give_segment(&clients[i], TCP_RST_BIT, NULL); /* that is all of it */
    }
    IS(SYS(close, s), 0);
}

/* So many may wait to be accepted, and no more begin while they do. */
static void a_full_queue_takes_no_more(void **state)
{
    (void)state;
    long s = SYS(socket, AF_INET, SOCK_STREAM | O_NONBLOCK, 0);
    IS(SYS(bind, s, name4(0, 0, 0, 0, 2010), 16), 0);
    IS(SYS(listen, s, 2), 0);
    peer_connects(2010);
    peer_connects(2010);
    const uint32_t sent = fake_net.sent;
    struct end e = {.from = 50000, .to = 2010, .seq = 1, .window = WINDOW};
    give_segment(&e, TCP_SYN_BIT, NULL);
    IS(fake_net.sent, sent);
    IS(SYS(close, accepted(s)), 0);
    peer_connects(2010);
    IS(SYS(listen, s, 1), 0);
    IS(SYS(close, accepted(s)), 0);
    const uint32_t now = fake_net.sent;
    give_segment(&e, TCP_SYN_BIT, NULL);
    IS(fake_net.sent, now); /* one waits, and that is the whole queue now */
    IS(SYS(close, s), 0);
}

/* We end first, and remember it. A newer connection by the same ports takes its place; what is not
 * newer hears of the old one. */
static void the_same_ports_serve_again_at_once(void **state)
{
    (void)state;
    long s = open_listener(2011);
    struct end e = peer_connects(2011);
    long c = accepted(s);
    IS(SYS(close, c), 0);
    e.ack++;
    give_segment(&e, TCP_ACK_BIT | TCP_FIN_BIT, NULL);
    e.seq++;
    struct end again = {e.from, e.to, e.seq - 1, 0, WINDOW, 0};
    give_segment(&again, TCP_SYN_BIT, NULL);
    IS(last_segment()[13] & 0x3f, TCP_ACK_BIT);
    IS(get32(last_segment() + 8), e.seq);
    again.seq = e.seq + 70000;
    give_segment(&again, TCP_SYN_BIT, NULL);
    IS(last_segment()[13] & 0x3f, TCP_SYN_BIT | TCP_ACK_BIT);
    IS(get32(last_segment() + 8), ++again.seq);
    again.ack = get32(last_segment() + 4) + 1;
    give_segment(&again, TCP_ACK_BIT, "again");
    c = accepted(s);
    IS(SYS(read, c, world.user, 100), 5);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
    IS(fake_net.held, 0);
}

static int card_set_up(void **state)
{
    int e = inet_set_up(state);

    fake_net.is_there = true;
    IS(inet_ops.start("10.0.2/24"), -EINVAL);
    IS(inet_ops.start("10.0.2.15/24,10.0.2.2,10.0.2.3"), 0);
    return e;
}

static void the_address_is_what_was_said(void **state)
{
    (void)state;
    assert_true(inet_ops.has_address());
    IS(inet_ops.tell(arena_get()), 0);
    long f = SYS(open, P("/etc/resolv.conf"), 0, 0);
    IS(SYS(read, f, world.user, 100), 20);
    assert_memory_equal(world.user, "nameserver 10.0.2.3\n", 20);
    IS(SYS(close, f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INET_TEST(the_address_is_what_was_said),
        INET_TEST(a_peer_is_served),
        INET_TEST(disorder_and_repetition_do_not_show),
        INET_TEST(what_is_lost_is_sent_again),
        INET_TEST(fragments_become_one),
        INET_TEST(broken_packets_are_dropped),
        INET_TEST(random_packets_do_no_harm),
        INET_TEST(a_flood_of_beginnings_shuts_nobody_out),
        INET_TEST(a_burst_of_clients_is_no_flood),
        INET_TEST(a_full_queue_takes_no_more),
        INET_TEST(the_same_ports_serve_again_at_once),
        INET_TEST(ten_thousand_connections_leave_nothing),
    };
    return cmocka_run_group_tests(tests, card_set_up, family_tear_down);
}

/* Host tests of control messages and multicast: what comes along with packets, and to whom. */
#include "tests/host/posix_inet_peer.h"

#define SOL_SOCKET 1
#define SOL_IPV6   41
#define PART_AT    (world.user + 2048)
#define HEAD_AT    (world.user + 2112)
#define CONTROL_AT (world.user + 2200)
#define DATA_AT    (world.user + 2600)
#define GROUP      224, 5, 6, 7
#define P(text)    user_text(text)

struct message_head {
    uint64_t name;
    uint32_t name_bytes, pad;
    uint64_t parts, part_count, control, control_bytes;
    uint32_t flags, pad2;
};

struct control {
    uint64_t bytes;
    int32_t level, type;
    uint8_t data[];
};

static int32_t *number(int32_t v)
{
    int32_t *at = (int32_t *)(world.user + 1500);

    *at = v;
    return at;
}

static int32_t option(long fd, int level, int name)
{
    *number(0) = -1;
    IS(SYS(getsockopt, fd, level, name, world.user + 1500, name_room(4)), 0);
    return *(const int32_t *)(world.user + 1500);
}

/* A message of `bytes` bytes at DATA_AT with `room` bytes of control messages. */
static struct message_head *header(size_t bytes, size_t room)
{
    uint64_t *part = (uint64_t *)PART_AT;
    struct message_head *m = (struct message_head *)HEAD_AT;

    part[0] = (uint64_t)DATA_AT;
    part[1] = bytes;
    *m = (struct message_head){.parts = (uint64_t)part,
                               .part_count = 1,
                               .control = (uint64_t)CONTROL_AT,
                               .control_bytes = room};
    return m;
}

static const struct control *received(int level, int type)
{
    const struct message_head *m = (const struct message_head *)HEAD_AT;

    for (uint64_t at = 0; at + sizeof(struct control) <= m->control_bytes;) {
        const struct control *c = (const void *)(CONTROL_AT + at);
        if (c->level == level && c->type == type)
            return c;
        at += (c->bytes + 7) & ~7ull;
    }
    return NULL;
}

static struct message_head *with(size_t bytes, int level, int type, const void *data, size_t length)
{
    struct message_head *m = header(bytes, sizeof(struct control) + length);
    struct control *c = (struct control *)CONTROL_AT;

    *c = (struct control){sizeof *c + length, level, type};
    memcpy(c->data, data, length);
    return m;
}

static void a_packet_tells_where_it_went(void **state)
{
    (void)state;
    long a = SYS(socket, AF_INET, SOCK_DGRAM, 0), b = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(bind, a, name4(0, 0, 0, 0, 1101), 16), 0);
    IS(SYS(setsockopt, a, 0, 8, number(1), 4), 0);
    IS(SYS(setsockopt, a, 0, 12, number(1), 1), 0); /* SOL_IP takes a byte */
    IS(SYS(setsockopt, a, 0, 13, number(1), 4), 0);
    IS(SYS(setsockopt, a, SOL_SOCKET, 29, number(1), 4), 0);
    IS(option(a, 0, 8), 1);
    IS(option(a, 0, 12), 1);
    IS(SYS(setsockopt, b, 0, 2, number(33), 4), 0);
    IS(SYS(setsockopt, b, 0, 1, number(16), 4), 0);
    IS(SYS(sendto, b, world.user, 5, 0, LOCAL(1101)), 5);
    IS(SYS(recvmsg, a, header(100, 200), 0), 5);
    IS(((const struct message_head *)HEAD_AT)->flags, 0);
    const struct control *c = received(0, 8);
    assert_non_null(c);
    IS(c->bytes, 28);
    assert_memory_equal(c->data, "\1\0\0\0\x7f\0\0\1\x7f\0\0\1", 12);
    c = received(0, 2);
    IS(c->bytes, 20);
    IS(c->data[0], 33);
    c = received(0, 1);
    IS(c->bytes, 17);
    IS(c->data[0], 16);
    c = received(SOL_SOCKET, 29);
    IS(c->bytes, 32);
    assert_true(((const int64_t *)(const void *)c->data)[0] > 0);
    IS(SYS(sendto, b, world.user, 5, 0, LOCAL(1101)), 5);
    IS(SYS(recvmsg, a, header(100, 60), 0), 5); /* room for the first and some */
    const struct message_head *m = (const struct message_head *)HEAD_AT;
    IS(m->flags, 8);
    IS(m->control_bytes, 60);
    assert_non_null(received(0, 8));
    assert_null(received(0, 2));
    IS(SYS(setsockopt, a, 0, 8, number(0), 4), 0);
    IS(SYS(sendto, b, world.user, 5, 0, LOCAL(1101)), 5);
    IS(SYS(recvmsg, a, header(100, 200), 0), 5);
    assert_null(received(0, 8));
    IS(SYS(close, a), 0);
    IS(SYS(close, b), 0);
}

static void a_packet_of_the_sixth_version_does_too(void **state)
{
    (void)state;
    long a = SYS(socket, AF_INET6, SOCK_DGRAM, 0), b = SYS(socket, AF_INET6, SOCK_DGRAM, 0);
    struct name6 *any = name6(1102);
    any->address[15] = 0;
    IS(SYS(bind, a, any, sizeof *any), 0);
    IS(SYS(setsockopt, a, SOL_IPV6, 49, number(1), 4), 0);
    IS(SYS(setsockopt, a, SOL_IPV6, 51, number(1), 1), -EINVAL);
    IS(SYS(setsockopt, a, SOL_IPV6, 51, number(1), 4), 0);
    IS(SYS(setsockopt, a, SOL_IPV6, 66, number(1), 4), 0);
    IS(SYS(setsockopt, b, SOL_IPV6, 16, number(7), 4), 0);
    IS(SYS(sendto, b, world.user, 5, 0, LOCAL6(1102)), 5);
    IS(SYS(recvmsg, a, header(100, 200), 0), 5);
    const struct control *c = received(SOL_IPV6, 50);
    IS(c->bytes, 36);
    assert_memory_equal(c->data, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\0\0\0", 20);
    IS(received(SOL_IPV6, 52)->data[0], 7);
    IS(received(SOL_IPV6, 67)->data[0], 0);
    long four = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(sendto, four, world.user, 5, 0, LOCAL(1102)), 5);
    IS(SYS(recvmsg, a, header(100, 200), 0), 5);
    assert_memory_equal(received(SOL_IPV6, 50)->data + 10, "\xff\xff\x7f\0\0\1", 6);
    assert_null(received(SOL_IPV6, 52));
    assert_null(received(0, 2));
    IS(SYS(close, a), 0);
    IS(SYS(close, b), 0);
    IS(SYS(close, four), 0);
}

/* The bytes of the IP packet that came out last. */
static const uint8_t *last_ip(void)
{
    return fake_net_sent(0)->data + HEAD;
}

static void a_message_says_how_it_goes(void **state)
{
    static const uint8_t from[12] = {2, 0, 0, 0, 10, 0, 2, 15};
    static const uint8_t nobody[12] = {0, 0, 0, 0, 10, 0, 2, 99};
    static const uint8_t no_interface[12] = {9};
    const int32_t hops = 5, wrong = 256;

    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(connect, s, name4(10, 0, 2, 2, 9), 16), 0);
    IS(SYS(sendmsg, s, with(20, 0, 2, &hops, 4), 0), 20);
    answer_arp();
    IS(last_ip()[8], 5);
    IS(SYS(sendmsg, s, with(20, 0, 1, "\x10", 1), 0), 20);
    IS(last_ip()[8], 255);
    IS(last_ip()[1], 16);
    IS(SYS(sendmsg, s, with(20, 0, 8, from, 12), 0), 20);
    IS(last_ip()[1], 0);
    assert_memory_equal(last_ip() + 12, our_address, 4);
    IS(SYS(sendmsg, s, with(20, 0, 8, nobody, 12), 0), -EINVAL);
    IS(SYS(sendmsg, s, with(20, 0, 8, no_interface, 12), 0), -ENODEV);
    IS(SYS(sendmsg, s, with(20, 0, 8, from, 11), 0), -EINVAL);
    IS(SYS(sendmsg, s, with(20, 0, 2, &wrong, 4), 0), -EINVAL);
    IS(SYS(sendmsg, s, with(20, 0, 77, &hops, 4), 0), -EINVAL);
    IS(SYS(sendmsg, s, with(20, 99, 77, &hops, 4), 0), 20);
    struct message_head *m = with(20, 0, 2, &hops, 4);
    ((struct control *)CONTROL_AT)->bytes = 99;
    IS(SYS(sendmsg, s, m, 0), -EINVAL);
    IS(option(s, 0, 2), 255); /* as before */
    IS(SYS(close, s), 0);
}

/* ICMPv6 with ourselves, and what a filter leaves of it. */
static void a_raw_socket_filters(void **state)
{
    uint8_t *filter = (uint8_t *)world.user + 1700;

    (void)state;
    long s = SYS(socket, AF_INET6, SOCK_RAW | O_NONBLOCK, 58);
    IS(SYS(setsockopt, s, 255, 7, number(2), 4), 0);
    IS(SYS(setsockopt, s, 255, 7, number(4), 4), -EINVAL);
    memset(DATA_AT, 0, 40);
    DATA_AT[0] = (char)128; /* echo */
    IS(SYS(sendto, s, DATA_AT, 3, 0, LOCAL6(0)), -EINVAL);
    IS(SYS(sendto, s, DATA_AT, 40, 0, LOCAL6(0)), 40);
    IS(SYS(read, s, DATA_AT, 100), 40);
    IS((uint8_t)DATA_AT[0], 128);
    IS(SYS(read, s, DATA_AT, 100), 40);
    IS((uint8_t)DATA_AT[0], 129);
    memset(filter, 0xff, 32);
    filter[16] &= (uint8_t)~2; /* only answers */
    IS(SYS(setsockopt, s, 58, 1, filter, 32), 0);
    DATA_AT[0] = (char)128;
    DATA_AT[2] = DATA_AT[3] = 0;
    IS(SYS(sendto, s, DATA_AT, 40, 0, LOCAL6(0)), 40);
    IS(SYS(read, s, DATA_AT, 100), 40);
    IS((uint8_t)DATA_AT[0], 129);
    IS(SYS(read, s, DATA_AT, 100), -EAGAIN);
    IS(SYS(close, s), 0);
}

static void *request4(unsigned a, unsigned b, unsigned c, unsigned d, int interface)
{
    int32_t *at = (int32_t *)(world.user + 1704);
    const uint8_t group[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};

    memcpy(at, group, 4);
    at[1] = 0;
    at[2] = interface;
    return at;
}

static uint32_t to_group(uint8_t *p, size_t bytes)
{
    uint8_t *udp = p + HEAD + IP4;

    put16(udp, 30000);
    put16(udp + 2, 1104);
    put16(udp + 4, (unsigned)(UDP + bytes));
    put16(udp + 6, 0); /* without a sum */
    memset(udp + UDP, 'g', bytes);
    const uint32_t whole = wrap(p, 17, UDP + bytes, 3, 0);
    memcpy(p, "\x01\x00\x5e\x05\x06\x07", 6);
    memcpy(p + HEAD + 16, "\xe0\5\6\7", 4);
    put16(p + HEAD + 10, 0);
    put16(p + HEAD + 10, fold(add(0, p + HEAD, IP4)));
    return whole;
}

static bool was_reported(unsigned kind)
{
    for (uint32_t i = 0; i < fake_net.sent && i < 4; i++) {
        const uint8_t *p = fake_net_sent(i)->data;
        if (get16(p + 12) == 0x800 && p[HEAD + 9] == 2 && p[HEAD + 24] == kind &&
            !memcmp(p + HEAD + 28, "\xe0\5\6\7", 4))
            return true;
    }
    return false;
}

static void a_group_is_joined_and_left(void **state)
{
    uint8_t p[FAKE_PACKET];

    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM | O_NONBLOCK, 0);
    IS(SYS(bind, s, name4(0, 0, 0, 0, 1104), 16), 0);
    fake_net_give(p, to_group(p, 9));
    serve();
    IS(SYS(read, s, DATA_AT, 100), -EAGAIN); /* not joined */
    IS(SYS(setsockopt, s, 0, 35, request4(10, 0, 0, 1, 0), 12), -EINVAL);
    IS(SYS(setsockopt, s, 0, 35, request4(GROUP, 9), 12), -ENODEV);
    IS(SYS(setsockopt, s, 0, 35, request4(GROUP, 0), 7), -EINVAL);
    IS(SYS(setsockopt, s, 0, 36, request4(GROUP, 0), 12), -EADDRNOTAVAIL);
    IS(SYS(setsockopt, s, 0, 35, request4(GROUP, 0), 12), 0);
    IS(was_reported(0x16), true);
    IS(SYS(setsockopt, s, 0, 35, request4(GROUP, 2), 12), -EADDRINUSE);
    fake_net_give(p, to_group(p, 9));
    serve();
    IS(SYS(read, s, DATA_AT, 100), 9);
    IS(SYS(setsockopt, s, 0, 36, request4(GROUP, 0), 8), 0);
    IS(was_reported(0x17), true);
    fake_net_give(p, to_group(p, 9));
    serve();
    IS(SYS(read, s, DATA_AT, 100), -EAGAIN);
    long stream = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(setsockopt, stream, 0, 35, request4(GROUP, 0), 12), -EPROTO);
    IS(SYS(close, stream), 0);
    for (int i = 0; i < 20; i++)
        IS(SYS(setsockopt, s, 0, 35, request4(224, 5, 7, (unsigned)i, 0), 12), 0);
    IS(SYS(setsockopt, s, 0, 35, request4(GROUP, 0), 12), -ENOBUFS);
    IS(SYS(close, s), 0); /* leaves them all */
}

static void packets_to_groups_loop_and_end(void **state)
{
    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM | O_NONBLOCK, 0);
    IS(SYS(bind, s, name4(0, 0, 0, 0, 1104), 16), 0);
    IS(SYS(setsockopt, s, 0, 35, request4(GROUP, 0), 12), 0);
    IS(option(s, 0, 33), 1);
    IS(option(s, 0, 34), 1);
    IS(SYS(sendto, s, P("group"), 5, 0, name4(GROUP, 1104), 16), 5);
    IS(last_ip()[8], 1);
    assert_memory_equal(fake_net_sent(0)->data, "\x01\x00\x5e\x05\x06\x07", 6);
    IS(SYS(read, s, DATA_AT, 100), 5);
    IS(SYS(setsockopt, s, 0, 34, number(0), 1), 0);
    IS(SYS(setsockopt, s, 0, 33, number(9), 1), 0);
    IS(SYS(sendto, s, P("group"), 5, 0, name4(GROUP, 1104), 16), 5);
    IS(last_ip()[8], 9);
    IS(SYS(read, s, DATA_AT, 100), -EAGAIN);
    IS(SYS(setsockopt, s, 0, 33, number(256), 4), -EINVAL);
    IS(SYS(setsockopt, s, 0, 32, ((struct name4 *)name4(0, 0, 0, 0, 0))->address, 4), 0);
    IS(was_reported(0x17), false);
    IS(SYS(close, s), 0);
    IS(was_reported(0x17), true);
}

static void groups_of_the_sixth_version_work(void **state)
{
    uint8_t *request = (uint8_t *)world.user + 1700;
    static const uint8_t group[16] = {0xff, 2, [14] = 0x12, 0x34};

    (void)state;
    long s = SYS(socket, AF_INET6, SOCK_DGRAM | O_NONBLOCK, 0);
    struct name6 *to = name6(1105);
    to->address[15] = 0;
    IS(SYS(bind, s, to, sizeof *to), 0);
    memcpy(request, group, 16);
    memcpy(request + 16, (uint32_t[]){2}, 4);
    IS(SYS(setsockopt, s, SOL_IPV6, 20, request, 19), -EINVAL);
    IS(SYS(setsockopt, s, SOL_IPV6, 20, request, 20), 0);
    IS(SYS(setsockopt, s, SOL_IPV6, 20, request, 20), -EADDRINUSE);
    IS(SYS(setsockopt, s, SOL_IPV6, 17, number(2), 4), 0);
    IS(option(s, SOL_IPV6, 17), 2);
    IS(SYS(setsockopt, s, SOL_IPV6, 18, number(3), 4), 0);
    to = name6(1105);
    memcpy(to->address, group, 16);
    to->scope = 2;
    IS(SYS(sendto, s, P("six"), 3, 0, to, sizeof *to), 3);
    IS(last_ip()[7], 3);
    assert_memory_equal(fake_net_sent(0)->data, "\x33\x33\0\0\x12\x34", 6);
    IS(SYS(read, s, DATA_AT, 100), 3);
    memcpy(request, group, 16);
    memcpy(request + 16, (uint32_t[]){2}, 4);
    IS(SYS(setsockopt, s, SOL_IPV6, 21, request, 20), 0);
    IS(SYS(setsockopt, s, SOL_IPV6, 21, request, 20), -EADDRNOTAVAIL);
    IS(SYS(close, s), 0);
}

static int card_set_up(void **state)
{
    int e = inet_set_up(state);

    fake_net.is_there = true;
    IS(inet_ops.start("10.0.2.15/24,10.0.2.2,10.0.2.3"), 0);
    for (int i = 0; i < 20; i++) { /* the address of the link is ours then */
        fake.now_ns += SECOND / 4;
        serve();
    }
    return e;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INET_TEST(a_packet_tells_where_it_went),
        INET_TEST(a_packet_of_the_sixth_version_does_too),
        INET_TEST(a_message_says_how_it_goes),
        INET_TEST(a_raw_socket_filters),
        INET_TEST(a_group_is_joined_and_left),
        INET_TEST(packets_to_groups_loop_and_end),
        INET_TEST(groups_of_the_sixth_version_work),
    };
    return cmocka_run_group_tests(tests, card_set_up, family_tear_down);
}

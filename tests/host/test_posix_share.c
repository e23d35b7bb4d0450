/* Host tests of ports that several sockets share, long queues of connections, and what is said of a
 * connection. */
#include "tests/host/posix_inet.h"

#define SOL_SOCKET   1
#define SOL_TCP      6
#define SO_REUSEADDR 2
#define SO_SNDBUF    7
#define SO_REUSEPORT 15
#define P(text)      user_text(text)

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

static long sharing(unsigned type)
{
    long s = SYS(socket, AF_INET, type | O_NONBLOCK, 0);

    IS(SYS(setsockopt, s, SOL_SOCKET, SO_REUSEPORT, number(1), 4), 0);
    IS(option(s, SOL_SOCKET, SO_REUSEPORT), 1);
    return s;
}

static long client(uint16_t port)
{
    long c = SYS(socket, AF_INET, SOCK_STREAM, 0);

    IS(SYS(connect, c, LOCAL(port)), 0);
    return c;
}

/* Accepts all that wait; how many there were. */
static int accept_all(long s)
{
    int count = 0;

    for (long c; (c = SYS(accept, s, 0, 0)) >= 0; count++)
        IS(SYS(close, c), 0);
    return count;
}

static void listeners_share_connections(void **state)
{
    long s[3], c[30];
    int got[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        s[i] = sharing(SOCK_STREAM);
        IS(SYS(bind, s[i], LOCAL(1201)), 0);
        IS(SYS(listen, s[i], 30), 0);
    }
    for (int i = 0; i < 30; i++)
        c[i] = client(1201);
    int all = 0;
    for (int i = 0; i < 3; i++) {
        IS(ready(s[i], POLLIN), POLLIN);
        got[i] = accept_all(s[i]);
        assert_in_range(got[i], 2, 26);
        all += got[i];
    }
    IS(all, 30);
    for (int i = 0; i < 30; i++)
        IS(SYS(close, c[i]), 0);
    IS(SYS(close, s[0]), 0); /* who began it goes: the others go on */
    for (int i = 0; i < 20; i++)
        c[i] = client(1201);
    IS(accept_all(s[1]) + accept_all(s[2]), 20);
    IS(SYS(shutdown, s[1], 0), 0);
    for (int i = 0; i < 20; i++)
        IS(SYS(close, c[i]), 0);
    c[0] = client(1201);
    IS(accept_all(s[2]), 1);
    IS(SYS(close, c[0]), 0);
    IS(SYS(close, s[2]), 0);
    IS(SYS(close, s[1]), 0);
    c[0] = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(connect, c[0], LOCAL(1201)), -ECONNREFUSED);
    IS(SYS(close, c[0]), 0);
}

static void a_full_queue_leaves_it_to_the_others(void **state)
{
    long a = sharing(SOCK_STREAM), b = sharing(SOCK_STREAM), c[10];

    (void)state;
    IS(SYS(bind, a, LOCAL(1202)), 0);
    IS(SYS(bind, b, LOCAL(1202)), 0);
    IS(SYS(listen, a, 1), 0);
    IS(SYS(listen, b, 9), 0);
    for (int i = 0; i < 10; i++)
        c[i] = client(1202);
    IS(accept_all(a), 1);
    IS(accept_all(b), 9);
    for (int i = 0; i < 10; i++)
        IS(SYS(close, c[i]), 0);
    IS(SYS(close, b), 0);
    IS(SYS(close, a), 0);
}

static void who_does_not_share_is_refused(void **state)
{
    (void)state;
    long a = sharing(SOCK_STREAM), b = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(bind, a, LOCAL(1203)), 0);
    IS(SYS(bind, b, LOCAL(1203)), -EADDRINUSE);
    IS(SYS(setsockopt, b, SOL_SOCKET, SO_REUSEADDR, number(1), 4), 0);
    IS(SYS(bind, b, LOCAL(1203)), -EADDRINUSE);
    IS(SYS(setsockopt, b, SOL_SOCKET, SO_REUSEPORT, number(1), 4), 0);
    IS(SYS(bind, b, LOCAL(1203)), 0);
    IS(SYS(close, b), 0);
    IS(SYS(close, a), 0);
    a = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(bind, a, LOCAL(1203)), 0);
    b = sharing(SOCK_STREAM); /* the first one did not ask for it */
    IS(SYS(bind, b, LOCAL(1203)), -EADDRINUSE);
    IS(SYS(close, b), 0);
    IS(SYS(close, a), 0);
    a = sharing(SOCK_STREAM);
    IS(SYS(bind, a, LOCAL(1203)), 0);
    IS(SYS(setresuid, -1, 99, -1), 0); /* another user's */
    b = sharing(SOCK_STREAM);
    IS(SYS(bind, b, LOCAL(1203)), -EADDRINUSE);
    IS(SYS(setresuid, -1, 0, -1), 0);
    IS(SYS(close, b), 0);
    IS(SYS(close, a), 0);
}

static void datagrams_of_one_peer_stay_together(void **state)
{
    long s[2], from;
    int got[2] = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        s[i] = sharing(SOCK_DGRAM);
        IS(SYS(bind, s[i], LOCAL(1204)), 0);
    }
    for (int i = 0; i < 20; i++) {
        from = SYS(socket, AF_INET, SOCK_DGRAM, 0);
        IS(SYS(sendto, from, world.user, 1, 0, LOCAL(1204)), 1);
        IS(SYS(sendto, from, world.user, 2, 0, LOCAL(1204)), 2);
        const int which = ready(s[0], POLLIN) ? 0 : 1;
        IS(SYS(read, s[which], world.user, 10), 1);
        IS(SYS(read, s[which], world.user, 10), 2);
        got[which]++;
        IS(SYS(close, from), 0);
    }
    assert_true(got[0] > 1 && got[1] > 1);
    IS(SYS(close, s[0]), 0);
    from = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(sendto, from, world.user, 1, 0, LOCAL(1204)), 1);
    IS(SYS(read, s[1], world.user, 10), 1);
    IS(SYS(close, from), 0);
    IS(SYS(close, s[1]), 0);
}

/* More than lwIP's own count of eight bits. */
static void many_connections_wait(void **state)
{
    long s = listener(1205, 400), c[400];

    (void)state;
    for (int i = 0; i < 400; i++)
        c[i] = client(1205);
    IS(SYS(fcntl, s, 4, O_NONBLOCK), 0);
    long more = SYS(socket, AF_INET, SOCK_STREAM | O_NONBLOCK, 0);
    IS(SYS(connect, more, LOCAL(1205)), -EINPROGRESS); /* no room: it is asked again later */
    IS(ready(more, POLLOUT), 0);
    IS(accept_all(s), 400);
    for (int i = 0; i < 40 && !ready(more, POLLOUT); i++) {
        fake.now_ns += 1000000000;
        inet_ops.run(arena_get());
    }
    IS(ready(more, POLLOUT), POLLOUT);
    IS(accept_all(s), 1);
    for (int i = 0; i < 400; i++)
        IS(SYS(close, c[i]), 0);
    IS(SYS(close, more), 0);
    IS(SYS(close, s), 0);
}

static void a_small_buffer_holds_little(void **state)
{
    long ends[2], sent = 0, n;

    (void)state;
    connection(1206, ends);
    IS(SYS(setsockopt, ends[0], SOL_SOCKET, SO_SNDBUF, number(20000), 4), 0);
    IS(option(ends[0], SOL_SOCKET, SO_SNDBUF), 40000);
    IS(SYS(setsockopt, ends[1], SOL_SOCKET, SO_SNDBUF, number(1), 4), 0);
    IS(option(ends[1], SOL_SOCKET, SO_SNDBUF), 4608);
    IS(SYS(fcntl, ends[0], 4, O_NONBLOCK), 0);
    while ((n = SYS(write, ends[0], world.user + PAGE_SIZE, PAGE_SIZE)) > 0)
        sent += n;
    IS(n, -EAGAIN);
    assert_in_range(sent, 262800, 262800 + 20000); /* what the other end's window takes, and this */
    long all = 0;
    while (all < 30000 && (n = SYS(write, ends[1], world.user + PAGE_SIZE, PAGE_SIZE)) > 0)
        all += n; /* goes through a buffer that is smaller than a piece */
    assert_true(all >= 30000);
    IS(SYS(fcntl, ends[1], 4, O_NONBLOCK), 0);
    while ((n = SYS(read, ends[1], world.user + PAGE_SIZE, PAGE_SIZE)) > 0)
        sent -= n;
    IS(sent, 0);
    IS(ready(ends[0], POLLOUT), POLLOUT);
    IS(SYS(close, ends[0]), 0);
    IS(SYS(close, ends[1]), 0);
}

static const uint32_t *info(long fd, int32_t want)
{
    int32_t *room = name_room(104);

    IS(SYS(getsockopt, fd, SOL_TCP, 11, world.user + 1600, room), 0);
    IS(*room, 104);
    IS(((const uint8_t *)world.user)[1600], want);
    return (const uint32_t *)(world.user + 1600);
}

static void a_connection_is_described(void **state)
{
    long ends[2];

    (void)state;
    connection(1207, ends);
    const uint32_t *i = info(ends[0], 1); /* established */
    IS(i[4], 1460);
    assert_true(i[20] > 0); /* the congestion window */
    IS(SYS(shutdown, ends[0], 1), 0);
    info(ends[1], 8); /* the peer sends no more */
    long s = SYS(socket, AF_INET, SOCK_STREAM, 0);
    info(s, 7);
    IS(SYS(bind, s, LOCAL(1208)), 0);
    IS(SYS(listen, s, 9), 0);
    long c = client(1208);
    i = info(s, 10);
    IS(i[6], 1); /* waits */
    IS(i[7], 9);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
    s = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(getsockopt, s, SOL_TCP, 11, world.user + 1600, name_room(104)), -ENOPROTOOPT);
    IS(SYS(close, s), 0);
    IS(SYS(close, ends[0]), 0);
    IS(SYS(close, ends[1]), 0);
}

static void a_socket_keeps_to_an_interface(void **state)
{
    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(getsockopt, s, SOL_SOCKET, 25, world.user, name_room(16)), 0);
    IS(*name_room(0), 0);
    IS(SYS(setsockopt, s, SOL_SOCKET, 25, P("lo"), 3), 0);
    int32_t *room = name_room(16);
    IS(SYS(getsockopt, s, SOL_SOCKET, 25, world.user, room), 0);
    IS(*room, 3);
    assert_string_equal(world.user, "lo");
    IS(option(s, SOL_SOCKET, 62), 1);
    IS(SYS(setsockopt, s, SOL_SOCKET, 25, P("eth7"), 5), -ENODEV);
    IS(SYS(setsockopt, s, SOL_SOCKET, 62, number(9), 4), -ENODEV);
    IS(SYS(setsockopt, s, SOL_SOCKET, 25, P(""), 1), 0);
    IS(option(s, SOL_SOCKET, 62), 0);
    IS(SYS(close, s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INET_TEST(listeners_share_connections),   INET_TEST(a_full_queue_leaves_it_to_the_others),
        INET_TEST(who_does_not_share_is_refused), INET_TEST(datagrams_of_one_peer_stay_together),
        INET_TEST(many_connections_wait),         INET_TEST(a_small_buffer_holds_little),
        INET_TEST(a_connection_is_described),     INET_TEST(a_socket_keeps_to_an_interface),
    };
    return cmocka_run_group_tests(tests, inet_set_up, family_tear_down);
}

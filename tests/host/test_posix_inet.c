/* Host tests of sockets of the Internet between processes of a family. */
#include "tests/host/posix_inet.h"

#define P(text)     user_text(text)
#define SOL_SOCKET  1
#define SOL_TCP     6
#define SOL_IPV6    41
#define O_WAITS_NOT O_NONBLOCK

static int32_t *number(int32_t v)
{
    int32_t *at = (int32_t *)(world.user + 1500);

    *at = v;
    return at;
}

static void streams_carry_bytes(void **state)
{
    long ends[2];

    (void)state;
    connection(1001, ends);
    IS(SYS(write, ends[0], P("abc"), 3), 3);
    IS(SYS(write, ends[0], P("def"), 3), 3);
    IS(SYS(recvfrom, ends[1], world.user, 10, MSG_PEEK, 0, 0), 6);
    IS(SYS(ioctl, ends[1], 0x541b, number(0)), 0);
    IS(*number(6), 6);
    IS(SYS(read, ends[1], world.user, 4), 4);
    IS(SYS(read, ends[1], world.user + 4, 10), 2);
    assert_memory_equal(world.user, "abcdef", 6);
    IS(SYS(recvfrom, ends[1], world.user, 1, MSG_DONTWAIT, 0, 0), -EAGAIN);
    IS(__builtin_bswap16(name_of(ends[0], true)->port), 1001);
    const uint16_t port = name_of(ends[0], false)->port;
    IS(name_of(ends[1], true)->port, port);
    assert_memory_equal(name_of(ends[1], false)->address, "\x7f\0\0\1", 4);
    IS(SYS(shutdown, ends[0], 1), 0);
    IS(SYS(read, ends[1], world.user, 1), 0);
    IS(ready(ends[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
    IS(SYS(write, ends[1], P("x"), 1), 1); /* the other way still works */
    IS(SYS(read, ends[0], world.user, 1), 1);
    IS(SYS(sendto, ends[0], P("x"), 1, MSG_NOSIGNAL, 0, 0), -EPIPE);
    IS(SYS(close, ends[1]), 0);
    IS(SYS(read, ends[0], world.user, 1), 0);
    IS(SYS(close, ends[0]), 0);
}

static void nobody_there_refuses(void **state)
{
    (void)state;
    long s = SYS(socket, AF_INET, SOCK_STREAM | O_WAITS_NOT, 0);
    IS(ready(s, POLLIN | POLLOUT), POLLOUT | POLLHUP);
    IS(SYS(read, s, world.user, 1), -ENOTCONN);
    IS(SYS(connect, s, LOCAL(9)), -ECONNREFUSED);
    IS(SYS(connect, s, LOCAL(9)), -ECONNREFUSED); /* a socket may try again */
    IS(SYS(connect, s, name4(192, 0, 2, 1, 9), sizeof(struct name4)), -ENETUNREACH);
    IS(SYS(getpeername, s, NAME_AT, name_room(16)), -ENOTCONN);
    IS(SYS(close, s), 0);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    IS(SYS(socket, AF_INET, 9, 0), -EPROTONOSUPPORT);
    IS(SYS(socket, AF_INET, SOCK_STREAM, 17), -EPROTONOSUPPORT);
    IS(SYS(socket, AF_INET, SOCK_STREAM | 0x100, 0), -EINVAL);
    IS(SYS(socket, 17, SOCK_RAW, 0), -EAFNOSUPPORT);
    long s = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(bind, s, name4(127, 0, 0, 1, 80), 15), -EINVAL);
    IS(SYS(bind, s, LOCAL6(80)), -EAFNOSUPPORT);
    IS(SYS(bind, s, name4(10, 9, 8, 7, 80), 16), -EADDRNOTAVAIL);
    IS(SYS(bind, s, world.hole, 16), -EFAULT);
    IS(SYS(bind, s, LOCAL(1002)), 0);
    IS(SYS(bind, s, LOCAL(1003)), -EINVAL);
    IS(SYS(accept, s, 0, 0), -EINVAL);
    IS(SYS(listen, s, 1), 0);
    IS(SYS(connect, s, LOCAL(1003)), -EISCONN);
    long other = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(bind, other, LOCAL(1002)), -EADDRINUSE);
    IS(SYS(setsockopt, other, SOL_SOCKET, 2, number(1), 4), 0);
    IS(SYS(shutdown, other, 0), -ENOTCONN);
    IS(SYS(shutdown, other, 3), -EINVAL);
    IS(SYS(sendto, other, world.user, 1, MSG_NOSIGNAL, 0, 0), -ENOTCONN);
    IS(SYS(close, s), 0);
    IS(SYS(close, other), 0);
}

static void child_serves(struct task *t)
{
    (void)t;
    for (int i = 0; i < 3; i++) {
        long c = SYS(accept, 3, 0, 0);
        assert_true(c >= 0);
        long n = SYS(read, c, world.user, 100);
        IS(SYS(write, c, world.user, n), n);
        IS(SYS(close, c), 0);
    }
    SYS(exit_group, 7);
}

/* A listener that a child has inherited; each connection waits. */
static void a_child_serves(void **state)
{
    (void)state;
    IS(listener(1004, 5), 3);
    int32_t pid = child_start(child_serves);
    IS(SYS(close, 3), 0);
    for (int i = 0; i < 3; i++) {
        long s = SYS(socket, AF_INET, SOCK_STREAM, 0);
        IS(SYS(connect, s, LOCAL(1004)), 0);
        IS(SYS(write, s, P("hello"), 5), 5);
        IS(SYS(read, s, world.user, 100), 5);
        IS(SYS(read, s, world.user, 100), 0);
        IS(SYS(close, s), 0);
    }
    IS(child_wait(pid), EXITED(7));
    long s = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(connect, s, LOCAL(1004)), -ECONNREFUSED);
    IS(SYS(close, s), 0);
}

static void child_reads_all(struct task *t)
{
    long total = 0, n;

    (void)t;
    IS(SYS(close, 4), 0); /* else its end would never come */
    while ((n = SYS(read, 3, world.user + PAGE_SIZE, 3000)) > 0)
        total += n;
    IS(n, 0);
    IS(total, 3000000);
    SYS(exit_group, 0);
}

/* More than any window: the sender waits. */
static void much_goes_through(void **state)
{
    long ends[2], sent = 0;

    (void)state;
    connection(1005, ends);
    IS(SYS(dup2, ends[1], 3), 3);
    int32_t pid = child_start(child_reads_all);
    while (sent < 3000000) {
        long n = SYS(write, ends[0], world.user + PAGE_SIZE, 7 * PAGE_SIZE);
        assert_true(n > 0);
        sent += n;
        if (3000000 - sent < 7 * (long)PAGE_SIZE) {
            IS(SYS(write, ends[0], world.user, 3000000 - sent), 3000000 - sent);
            sent = 3000000;
        }
    }
    IS(SYS(close, ends[0]), 0);
    IS(SYS(close, ends[1]), 0);
    IS(SYS(close, 3), 0);
    IS(child_wait(pid), EXITED(0));
}

/* Without waiting: as much as fits, then not; readable again when it was read. */
static void a_full_stream_says_so(void **state)
{
    long ends[2], sent = 0, got = 0, n;

    (void)state;
    connection(1006, ends);
    IS(SYS(fcntl, ends[0], 4, O_NONBLOCK), 0);
    while ((n = SYS(write, ends[0], world.user + PAGE_SIZE, PAGE_SIZE)) > 0)
        sent += n;
    IS(n, -EAGAIN);
    IS(ready(ends[0], POLLOUT), 0);
    assert_true(sent > 200000 && sent < 2000000);
    while ((n = SYS(recvfrom, ends[1], world.user + PAGE_SIZE, PAGE_SIZE, MSG_DONTWAIT, 0, 0)) > 0)
        got += n;
    IS(n, -EAGAIN);
    IS(got, sent);
    IS(ready(ends[0], POLLOUT), POLLOUT);
    IS(SYS(close, ends[0]), 0);
    IS(SYS(close, ends[1]), 0);
}

static void who_leaves_bytes_unread_resets(void **state)
{
    long ends[2];

    (void)state;
    connection(1007, ends);
    IS(SYS(write, ends[0], P("abc"), 3), 3);
    IS(SYS(close, ends[1]), 0);
    IS(ready(ends[0], POLLIN) & POLLERR, POLLERR);
    IS(SYS(read, ends[0], world.user, 1), -ECONNRESET);
    IS(SYS(read, ends[0], world.user, 1), 0);
    IS(SYS(sendto, ends[0], world.user, 1, MSG_NOSIGNAL, 0, 0), -EPIPE);
    IS(SYS(close, ends[0]), 0);
}

static void datagrams_keep_borders(void **state)
{
    (void)state;
    long a = SYS(socket, AF_INET, SOCK_DGRAM, 0), b = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(bind, a, LOCAL(1008)), 0);
    IS(SYS(write, b, world.user, 1), -EDESTADDRREQ);
    memcpy(world.user, "abcdef", 6);
    IS(SYS(sendto, b, world.user, 6, 0, LOCAL(1008)), 6);
    IS(SYS(sendto, b, world.user, 0, 0, LOCAL(1008)), 0);
    IS(SYS(recvfrom, a, world.user, 3, MSG_TRUNC, NAME_AT, name_room(16)), 6);
    const uint16_t from = ((const struct name4 *)NAME_AT)->port;
    IS(from, name_of(b, false)->port);
    IS(SYS(recvfrom, a, world.user, 3, 0, 0, 0), 0);
    IS(SYS(recvfrom, a, world.user, 3, MSG_DONTWAIT, 0, 0), -EAGAIN);
    IS(SYS(sendto, b, world.user, 65508, 0, LOCAL(1008)), -EMSGSIZE);
    IS(SYS(sendto, b, world.user + PAGE_SIZE, 10000, 0, LOCAL(1008)), 10000);
    IS(SYS(read, a, world.user + PAGE_SIZE, 12000), 10000);
    IS(SYS(close, a), 0);
    IS(SYS(connect, b, LOCAL(1008)), 0);
    IS(SYS(write, b, world.user, 1), 1); /* comes back as ICMP */
    IS(SYS(write, b, world.user, 1), -ECONNREFUSED);
    IS(SYS(close, b), 0);
}

static void the_sixth_version_works(void **state)
{
    (void)state;
    long s = SYS(socket, AF_INET6, SOCK_STREAM, 0);
    struct name6 *any = name6(1009);
    any->address[15] = 0;
    IS(SYS(bind, s, any, sizeof *any), 0);
    IS(SYS(listen, s, 2), 0);
    long c = SYS(socket, AF_INET6, SOCK_STREAM, 0);
    IS(SYS(connect, c, LOCAL6(1009)), 0);
    long a = SYS(accept, s, 0, 0);
    IS(SYS(write, c, P("six"), 3), 3);
    IS(SYS(read, a, world.user, 10), 3);
    IS(SYS(close, a), 0);
    IS(SYS(close, c), 0);
    c = SYS(socket, AF_INET, SOCK_STREAM, 0); /* and IPv4 comes in its form */
    IS(SYS(connect, c, LOCAL(1009)), 0);
    a = SYS(accept, s, NAME_AT, name_room(28));
    assert_memory_equal(((const struct name6 *)NAME_AT)->address,
                        "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    IS(SYS(close, a), 0);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
    s = SYS(socket, AF_INET6, SOCK_STREAM, 0);
    IS(SYS(setsockopt, s, SOL_IPV6, 26, number(1), 4), 0);
    any = name6(1010);
    any->address[15] = 0;
    IS(SYS(bind, s, any, sizeof *any), 0);
    IS(SYS(listen, s, 2), 0);
    c = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(connect, c, LOCAL(1010)), -ECONNREFUSED);
    IS(SYS(close, c), 0);
    IS(SYS(close, s), 0);
}

static int32_t option(long fd, int level, int name)
{
    int32_t *room = name_room(4);

    *number(0) = -1;
    IS(SYS(getsockopt, fd, level, name, world.user + 1500, room), 0);
    IS(*room, 4);
    return *(const int32_t *)(world.user + 1500);
}

static void errors_of_unconnected_sockets_are_told_if_asked_for(void **state)
{
    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    IS(SYS(sendto, s, world.user, 1, 0, LOCAL(1020)), 1); /* comes back as ICMP */
    IS(SYS(sendto, s, world.user, 1, 0, LOCAL(1020)), 1);
    IS(SYS(setsockopt, s, 0, 11, number(1), 4), 0);
    IS(option(s, 0, 11), 1);
    IS(SYS(sendto, s, world.user, 1, 0, LOCAL(1020)), 1);
    IS(SYS(recvfrom, s, world.user, 1, MSG_DONTWAIT, 0, 0), -ECONNREFUSED);
    IS(SYS(recvfrom, s, world.user, 1, MSG_ERRQUEUE, 0, 0), -EAGAIN);
    IS(SYS(recvfrom, s, world.user, 1, MSG_OOB, 0, 0), -EOPNOTSUPP);
    IS(SYS(setsockopt, s, 0, 11, number(0), 4), 0);
    IS(SYS(sendto, s, world.user, 1, 0, LOCAL(1020)), 1);
    IS(option(s, SOL_SOCKET, 4), 0);
    IS(SYS(close, s), 0);
    s = SYS(socket, AF_INET6, SOCK_DGRAM, 0);
    IS(SYS(setsockopt, s, 41, 25, number(1), 4), 0);
    IS(SYS(sendto, s, world.user, 1, 0, LOCAL6(1020)), 1);
    IS(option(s, SOL_SOCKET, 4), ECONNREFUSED);
    IS(SYS(close, s), 0);
}

static void options_are_kept(void **state)
{
    static const struct {
        int level, name, value;
    } both[] = {{SOL_SOCKET, 2, 1}, {SOL_SOCKET, 9, 1}, {SOL_SOCKET, 6, 1}, {SOL_TCP, 1, 1},
                {SOL_TCP, 3, 1},    {SOL_TCP, 4, 60},   {SOL_TCP, 5, 10},   {SOL_TCP, 6, 3},
                {0, 1, 16},         {0, 2, 33}};
    int64_t *time = (int64_t *)(world.user + 1600);

    (void)state;
    long s = SYS(socket, AF_INET, SOCK_STREAM, 0);
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        IS(SYS(setsockopt, s, both[i].level, both[i].name, number(both[i].value), 4), 0);
        IS(option(s, both[i].level, both[i].name), both[i].value);
    }
    IS(option(s, SOL_SOCKET, 3), SOCK_STREAM);
    IS(option(s, SOL_SOCKET, 4), 0);
    IS(option(s, SOL_SOCKET, 39), AF_INET);
    IS(SYS(setsockopt, s, SOL_TCP, 4, number(0), 4), -EINVAL);
    IS(SYS(setsockopt, s, SOL_TCP, 1, number(1), 2), -EINVAL);
    IS(SYS(setsockopt, s, SOL_TCP, 99, number(1), 4), -ENOPROTOOPT);
    IS(SYS(setsockopt, s, SOL_SOCKET, 2, world.hole, 4), -EFAULT);
    time[0] = 0;
    time[1] = 20000;
    IS(SYS(setsockopt, s, SOL_SOCKET, 20, time, 16), 0);
    IS(SYS(bind, s, LOCAL(1011)), 0);
    IS(SYS(listen, s, 1), 0);
    const uint64_t before = fake.now_ns;
    IS(SYS(accept, s, 0, 0), -EAGAIN);
    assert_true(fake.now_ns - before >= 20000000 && fake.now_ns - before < 40000000);
    IS(SYS(close, s), 0);
}

/* An interface list as `ifconfig` asks for it. */
static void interfaces_are_told(void **state)
{
    struct {
        int32_t bytes, pad;
        char *at;
    } *list = (void *)(world.user + 1704);
    char *one = world.user + 1800;

    (void)state;
    long s = SYS(socket, AF_INET, SOCK_DGRAM, 0);
    list->bytes = 400;
    list->at = one;
    IS(SYS(ioctl, s, 0x8912, list), 0);
    IS(list->bytes, 40);
    assert_string_equal(one, "lo");
    assert_memory_equal(one + 20, "\x7f\0\0\1", 4);
    IS(SYS(ioctl, s, 0x8913, one), 0);
    IS(*(uint16_t *)(void *)(one + 16) & 9, 9);
    IS(SYS(ioctl, s, 0x8913, P("none")), -ENODEV);
    IS(SYS(ioctl, s, 0x8912, world.hole), -EFAULT);
    IS(SYS(ioctl, s, 0x5401, one), -ENOTTY);
    IS(SYS(close, s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INET_TEST(streams_carry_bytes),
        INET_TEST(nobody_there_refuses),
        INET_TEST(wrong_arguments_are_refused),
        INET_TEST(a_child_serves),
        INET_TEST(much_goes_through),
        INET_TEST(a_full_stream_says_so),
        INET_TEST(who_leaves_bytes_unread_resets),
        INET_TEST(datagrams_keep_borders),
        INET_TEST(the_sixth_version_works),
        INET_TEST(errors_of_unconnected_sockets_are_told_if_asked_for),
        INET_TEST(options_are_kept),
        INET_TEST(interfaces_are_told),
    };
    return cmocka_run_group_tests(tests, inet_set_up, family_tear_down);
}

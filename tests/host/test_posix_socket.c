/* Host tests of sockets between processes. */
#include "tests/host/posix_family.h"

#include "libos-posix/channel/socket.h"

#define P(text) user_text(text)

static int32_t ends[2];

static void make_pair(long type)
{
    int32_t *fd = (int32_t *)world.user;

    IS(SYS(socketpair, AF_UNIX, type, 0, fd), 0);
    ends[0] = fd[0];
    ends[1] = fd[1];
}

static void *address(const char *path, size_t bytes)
{
    struct linux_sockaddr_un *a = (struct linux_sockaddr_un *)(world.user + 1024);

    memset(a, 0, sizeof *a);
    a->family = AF_UNIX;
    memcpy(a->path, path, bytes);
    return a;
}

static void streams_have_no_borders(void **state)
{
    (void)state;
    make_pair(SOCK_STREAM);
    IS(SYS(write, ends[0], P("abc"), 3), 3);
    IS(SYS(write, ends[0], P("def"), 3), 3);
    IS(SYS(recvfrom, ends[1], world.user, 10, MSG_PEEK, 0, 0), 6);
    IS(SYS(read, ends[1], world.user, 4), 4);
    IS(SYS(read, ends[1], world.user + 4, 10), 2);
    assert_memory_equal(world.user, "abcdef", 6);
    IS(SYS(recvfrom, ends[1], world.user, 1, MSG_DONTWAIT, 0, 0), -EAGAIN);
    assert_null(socket_check(arena_get()));
    IS(SYS(shutdown, ends[0], 1), 0);
    IS(SYS(read, ends[1], world.user, 1), 0);
    IS(SYS(write, ends[1], P("x"), 1), 1); /* the other way still works */
    IS(SYS(close, ends[0]), 0);
    IS(SYS(sendto, ends[1], world.user, 1, MSG_NOSIGNAL, 0, 0), -EPIPE);
    assert_null(socket_check(arena_get()));
}

static void packets_keep_theirs(void **state)
{
    (void)state;
    make_pair(SOCK_SEQPACKET);
    IS(SYS(write, ends[0], P("abc"), 3), 3);
    IS(SYS(write, ends[0], P("defgh"), 5), 5);
    IS(SYS(read, ends[1], world.user, 10), 3);
    IS(SYS(recvfrom, ends[1], world.user, 2, MSG_TRUNC, 0, 0), 5); /* the rest is lost */
    IS(SYS(recvfrom, ends[1], world.user, 2, MSG_DONTWAIT, 0, 0), -EAGAIN);
    IS(SYS(sendto, ends[0], world.user, 4, 0, address("x", 1), 4), -EISCONN);
}

static void child_connects(struct task *t)
{
    (void)t;
    long s = SYS(socket, AF_UNIX, SOCK_STREAM, 0);
    IS(SYS(connect, s, address("/sock", 6), 8), 0);
    IS(SYS(write, s, P("hello"), 5), 5);
    IS(SYS(read, s, world.user + 512, 5), 2);
    SYS(exit_group, 0);
}

static void a_listener_accepts(void **state)
{
    int32_t *bytes = (int32_t *)(world.user + 900);

    (void)state;
    long s = SYS(socket, AF_UNIX, SOCK_STREAM, 0);
    IS(SYS(listen, s, 5), -EINVAL); /* without a name */
    IS(SYS(bind, s, address("/sock", 6), 8), 0);
    IS(SYS(bind, s, address("/sock2", 7), 9), -EINVAL);
    long other = SYS(socket, AF_UNIX, SOCK_STREAM, 0);
    IS(SYS(bind, other, address("/sock", 6), 8), -EADDRINUSE);
    IS(SYS(connect, other, address("/sock", 6), 8), -ECONNREFUSED); /* nobody listens */
    IS(SYS(listen, s, 5), 0);
    int32_t pid = child_start(child_connects);
    *bytes = 110;
    long c = SYS(accept, s, world.user + 700, bytes);
    assert_true(c > 0);
    IS(*bytes, 2); /* the client has no name */
    IS(SYS(read, c, world.user, 10), 5);
    IS(SYS(write, c, P("ok"), 2), 2);
    struct linux_ucred *who = (struct linux_ucred *)(world.user + 800);
    *bytes = sizeof *who;
    IS(SYS(getsockopt, c, 1, 17, who, bytes), 0); /* SO_PEERCRED */
    IS(who->pid, pid);
    IS(child_wait(pid), EXITED(0));
    IS(SYS(open, P("/sock"), O_RDWR), -ENXIO);
    IS(SYS(connect, other, address("/etc/text", 10), 12), -ECONNREFUSED);
    IS(SYS(connect, other, address("/none", 6), 8), -ENOENT);
    assert_null(socket_check(arena_get()));
}

static void datagrams_find_their_names(void **state)
{
    int32_t *bytes = (int32_t *)(world.user + 900);

    (void)state;
    long a = SYS(socket, AF_UNIX, SOCK_DGRAM, 0), b = SYS(socket, AF_UNIX, SOCK_DGRAM, 0);
    IS(SYS(bind, a, address("\0abstract", 9), 11), 0);
    IS(SYS(bind, b, address("/b", 3), 5), 0);
    IS(SYS(sendto, b, P("x"), 1, 0, 0, 0), -EDESTADDRREQ);
    IS(SYS(sendto, b, P("hi"), 2, 0, address("\0abstract", 9), 11), 2);
    *bytes = 110;
    IS(SYS(recvfrom, a, world.user, 10, 0, world.user + 700, bytes), 2);
    assert_string_equal(((struct linux_sockaddr_un *)(world.user + 700))->path, "/b");
    IS(SYS(connect, b, address("\0abstract", 9), 11), 0);
    IS(SYS(close, a), 0);
    IS(SYS(write, b, P("x"), 1), -ECONNREFUSED);
    IS(SYS(socket, 2, SOCK_STREAM, 0), -EAFNOSUPPORT);
    IS(SYS(socket, AF_UNIX, 9, 0), -EPROTONOSUPPORT);
    IS(SYS(listen, 0, 1), -ENOTSOCK);
}

struct message_header {
    uint64_t name;
    uint32_t name_bytes, pad;
    uint64_t parts, part_count, control, control_bytes;
    uint32_t flags, pad2;
};

static struct message_header *message(char *data, size_t bytes, size_t control_bytes)
{
    struct message_header *h = (struct message_header *)(world.user + 1200);
    struct linux_iovec *part = (struct linux_iovec *)(world.user + 1304);

    *part = (struct linux_iovec){(uint64_t)data, bytes};
    *h = (struct message_header){.parts = (uint64_t)part,
                                 .part_count = 1,
                                 .control = (uint64_t)(world.user + 1400),
                                 .control_bytes = control_bytes};
    return h;
}

static void descriptors_travel(void **state)
{
    struct {
        uint64_t bytes;
        int32_t level, type, fd, pad;
    } *c = (void *)(world.user + 1400);

    (void)state;
    make_pair(SOCK_STREAM);
    long file = SYS(open, P("/etc/text"), O_RDONLY);
    c->bytes = 20;
    c->level = c->type = 1;
    c->fd = (int32_t)file;
    IS(SYS(sendmsg, ends[0], message(P("f"), 1, 24), 0), 1);
    IS(SYS(close, file), 0);
    memset(c, 0, sizeof *c);
    struct message_header *h = message(world.user, 10, 24);
    IS(SYS(recvmsg, ends[1], h, MSG_CMSG_CLOEXEC), 1);
    IS(c->bytes, 20);
    IS(h->control_bytes, 24);
    IS(SYS(fcntl, c->fd, F_GETFD), FD_CLOEXEC);
    IS(SYS(read, c->fd, world.user, 3), 3);
    assert_memory_equal(world.user, "one", 3);

    c->bytes = 20;
    IS(SYS(sendmsg, ends[0], message(P("f"), 1, 24), 0), 1);
    h = message(world.user, 10, 8); /* no room for it */
    IS(SYS(recvmsg, ends[1], h, 0), 1);
    IS(h->flags, MSG_CTRUNC);
    c->fd = 999;
    IS(SYS(sendmsg, ends[0], message(P("f"), 1, 24), 0), -EBADF);
    c->bytes = 4;
    IS(SYS(sendmsg, ends[0], message(P("f"), 1, 24), 0), -EINVAL);
    c->bytes = 20;
    c->fd = 0;
    IS(SYS(sendmsg, ends[0], message(P("f"), 1, 24), 0), 1); /* never read: goes with the socket */
    IS(SYS(close, ends[1]), 0);
    assert_null(socket_check(arena_get()));
}

struct many {
    struct message_header header;
    uint32_t moved, pad;
};

/* Three messages of one part each, `bytes` long, behind one another in the program's memory. */
static struct many *three(size_t bytes)
{
    struct many *m = (struct many *)(world.user + 2048);
    struct linux_iovec *part = (struct linux_iovec *)(world.user + 2400);

    for (unsigned i = 0; i < 3; i++) {
        part[i] = (struct linux_iovec){(uint64_t)(world.user + 2600 + 16 * i), bytes};
        m[i] = (struct many){.header = {.parts = (uint64_t)&part[i], .part_count = 1}, .moved = 77};
    }
    return m;
}

static void many_messages_in_one_call(void **state)
{
    struct linux_timespec *limit = (struct linux_timespec *)(world.user + 2704);
    struct many *m;

    (void)state;
    make_pair(SOCK_SEQPACKET);
    memcpy(world.user + 2600, "abc", 3);
    m = three(3);
    IS(SYS(sendmmsg, ends[0], m, 3, 0), 3);
    IS(m[2].moved, 3);
    m = three(10);
    IS(SYS(recvmmsg, ends[1], m, 2, 0, 0), 2);
    IS(m[0].moved, 3);
    IS(m[2].moved, 77);
    assert_memory_equal(world.user + 2600, "abc", 3);
    m = three(10);
    IS(SYS(recvmmsg, ends[1], m, 3, 0x10000, 0), 1); /* MSG_WAITFORONE */
    IS(SYS(recvmmsg, ends[1], m, 3, MSG_DONTWAIT, 0), -EAGAIN);

    m = three(3);
    IS(SYS(sendmmsg, ends[0], m, 3, 0), 3);
    *limit = (struct linux_timespec){0, 0};
    IS(SYS(recvmmsg, ends[1], m, 3, 0, limit), 1); /* the time is over behind the first */
    *limit = (struct linux_timespec){60, 0};
    IS(SYS(recvmmsg, ends[1], m, 2, 0, limit), 2);
    limit->nanoseconds = 1000000000;
    IS(SYS(recvmmsg, ends[1], m, 1, 0, limit), -EINVAL);
    IS(SYS(recvmmsg, ends[1], m, 1, 0, 1), -EFAULT);
    IS(SYS(sendmmsg, ends[0], 1, 1, 0), -EFAULT);
    IS(SYS(sendmmsg, 99, m, 1, 0), -EBADF);
}

static void child_fills(struct task *t)
{
    (void)t;
    for (int i = 0; i < 300; i++)
        IS(SYS(write, ends[0], world.user + PAGE_SIZE, 1000), 1000);
    SYS(exit_group, 0);
}

static void a_full_socket_makes_wait(void **state)
{
    long total = 0, n;

    (void)state;
    make_pair(SOCK_STREAM);
    int32_t pid = child_start(child_fills);
    IS(SYS(close, ends[0]), 0);
    while ((n = SYS(read, ends[1], world.user + PAGE_SIZE, PAGE_SIZE)) > 0)
        total += n;
    IS(n, 0);
    IS(total, 300000);
    IS(child_wait(pid), EXITED(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY_TEST(streams_have_no_borders),   FAMILY_TEST(packets_keep_theirs),
        FAMILY_TEST(a_listener_accepts),        FAMILY_TEST(datagrams_find_their_names),
        FAMILY_TEST(descriptors_travel),        FAMILY_TEST(a_full_socket_makes_wait),
        FAMILY_TEST(many_messages_in_one_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

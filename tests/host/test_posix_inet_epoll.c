/* Host tests of epoll on sockets of the Internet, which tell of what changes: nobody asks those
 * again that did not. */
#include "tests/host/posix_inet.h"

#include "libos-posix/channel/event.h"

#define EDGE       (1u << 31)
#define ONESHOT    (1u << 30)
#define ADD        1
#define DEL        2
#define MOD        3
#define SOL_SOCKET 1
#define SNDBUF     7
#define PLACES     64u
#define OUT        (world.user + PAGE_SIZE)
#define BYTES      (world.user + 2 * PAGE_SIZE)

struct __attribute__((packed)) event {
    uint32_t events;
    uint64_t data;
};

static void ctl(long epoll, long what, long fd, uint32_t events)
{
    struct event *e = (struct event *)(world.user + 1600);

    *e = (struct event){events, (uint64_t)fd};
    IS(SYS(epoll_ctl, epoll, what, fd, e), 0);
}

static long wait(long epoll, unsigned most)
{
    const long n = SYS(epoll_wait, epoll, OUT, most, 0);
    const char *broken = arena_check(arena_get());

    if (broken)
        print_error("%s\n", broken);
    assert_null(broken);
    return n;
}

static const struct event *told(unsigned i)
{
    return (const struct event *)OUT + i;
}

static void close_all(const long ends[2], long epoll)
{
    IS(SYS(close, ends[0]), 0);
    IS(SYS(close, ends[1]), 0);
    IS(SYS(close, epoll), 0);
}

static void a_level_is_told_while_it_lasts(void **state)
{
    long ends[2], e = SYS(epoll_create1, 0);

    (void)state;
    connection(3001, ends);
    ctl(e, ADD, ends[1], POLLIN);
    IS(wait(e, 8), 0);
    IS(SYS(write, ends[0], BYTES, 10), 10);
    IS(wait(e, 8), 1);
    IS(wait(e, 8), 1);
    IS(told(0)->events, POLLIN);
    IS(told(0)->data, (uint64_t)ends[1]);
    IS(SYS(read, ends[1], BYTES, 4), 4);
    IS(wait(e, 8), 1);
    IS(SYS(read, ends[1], BYTES, 10), 6);
    IS(wait(e, 8), 0);
    ctl(e, MOD, ends[1], POLLIN | POLLOUT);
    IS(wait(e, 8), 1);
    IS(told(0)->events, POLLOUT);
    ctl(e, MOD, ends[1], POLLIN | POLLRDHUP);
    IS(wait(e, 8), 0);
    IS(SYS(close, ends[0]), 0);
    IS(wait(e, 8), 1);
    IS(told(0)->events, POLLIN | POLLRDHUP);
    IS(SYS(close, ends[1]), 0); /* and is watched no more */
    IS(wait(e, 8), 0);
    IS(SYS(close, e), 0);
}

static void an_edge_is_told_once(void **state)
{
    long ends[2], e = SYS(epoll_create1, 0);

    (void)state;
    connection(3002, ends);
    ctl(e, ADD, ends[1], POLLIN | POLLOUT | EDGE);
    IS(wait(e, 8), 1);
    IS(told(0)->events, POLLOUT);
    IS(wait(e, 8), 0);
    for (int i = 0; i < 3; i++) {
        IS(SYS(write, ends[0], BYTES, 10), 10);
        IS(wait(e, 8), 1);
        IS(told(0)->events, POLLIN | POLLOUT);
        IS(wait(e, 8), 0);
    }
    IS(SYS(read, ends[1], BYTES, 100), 30);
    IS(wait(e, 8), 0);
    IS(SYS(write, ends[0], BYTES, 1), 1);
    IS(wait(e, 8), 1);
    IS(SYS(close, ends[0]), 0);
    IS(wait(e, 8), 1);
    IS(SYS(close, ends[1]), 0);
    IS(SYS(close, e), 0);
}

static void once_is_told_until_it_is_asked_for_again(void **state)
{
    long ends[2], e = SYS(epoll_create1, 0);

    (void)state;
    connection(3003, ends);
    ctl(e, ADD, ends[1], POLLIN | ONESHOT);
    IS(SYS(write, ends[0], BYTES, 1), 1);
    IS(wait(e, 8), 1);
    IS(SYS(write, ends[0], BYTES, 1), 1);
    IS(wait(e, 8), 0);
    ctl(e, MOD, ends[1], POLLIN | ONESHOT);
    IS(wait(e, 8), 1);
    IS(wait(e, 8), 0);
    close_all(ends, e);
}

/* With one place all have their turn; a place that nobody may write to loses nothing. */
static void all_have_their_turn(void **state)
{
    long ends[4][2], e = SYS(epoll_create1, 0);
    unsigned seen = 0;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        connection((uint16_t)(3010 + i), ends[i]);
        ctl(e, ADD, ends[i][1], POLLIN);
        IS(SYS(write, ends[i][0], BYTES, 1), 1);
    }
    IS(SYS(epoll_wait, e, world.hole, 8, 0), -EFAULT);
    for (unsigned round = 0; round < 4; round++) {
        IS(wait(e, 1), 1);
        for (unsigned i = 0; i < 4; i++)
            seen |= told(0)->data == (uint64_t)ends[i][1] ? 1u << i : 0;
    }
    IS(seen, 15);
    ctl(e, DEL, ends[2][1], 0);
    IS(wait(e, 8), 3);
    IS(SYS(close, e), 0);
    for (unsigned i = 0; i < 4; i++) {
        IS(SYS(close, ends[i][0]), 0);
        IS(SYS(close, ends[i][1]), 0);
    }
}

static void set_send_most(long fd, int32_t most)
{
    int32_t *bytes = (int32_t *)(world.user + 1500);

    *bytes = most;
    IS(SYS(setsockopt, fd, SOL_SOCKET, SNDBUF, bytes, 4), 0);
}

static void room_is_told_when_there_is_some(void **state)
{
    long ends[2], e = SYS(epoll_create1, 0);

    (void)state;
    connection(3004, ends);
    ctl(e, ADD, ends[0], POLLOUT);
    IS(SYS(fcntl, ends[0], 4, O_NONBLOCK), 0);
    IS(wait(e, 8), 1);
    while (SYS(write, ends[0], BYTES, PAGE_SIZE) > 0)
        ;
    IS(wait(e, 8), 0);
    while (SYS(recvfrom, ends[1], BYTES, PAGE_SIZE, MSG_DONTWAIT, 0, 0) > 0)
        ;
    IS(wait(e, 8), 1);
    /* Little is asked for, and is taken: there is none; more is asked for, and there is. */
    set_send_most(ends[0], 4096);
    while (SYS(write, ends[0], BYTES, PAGE_SIZE) > 0)
        ;
    IS(wait(e, 8), 0);
    set_send_most(ends[0], 200000);
    IS(wait(e, 8), 1);
    close_all(ends, e);
}

/* There is none from one moment to the other, though nothing was sent. */
static void room_that_was_taken_away_comes_back(void **state)
{
    long ends[2], e = SYS(epoll_create1, 0), got = 0;

    (void)state;
    connection(3006, ends);
    ctl(e, ADD, ends[0], POLLOUT);
    IS(SYS(fcntl, ends[0], 4, O_NONBLOCK), 0);
    while (SYS(write, ends[0], BYTES, PAGE_SIZE) > 0)
        ;
    while (!wait(e, 8)) {
        assert_true(SYS(read, ends[1], BYTES, PAGE_SIZE) > 0);
        got += (long)PAGE_SIZE;
    }
    assert_true(got < 400000);
    set_send_most(ends[0], 4096);
    IS(wait(e, 8), 0);
    while (SYS(recvfrom, ends[1], BYTES, PAGE_SIZE, MSG_DONTWAIT, 0, 0) > 0)
        ;
    IS(wait(e, 8), 1);
    close_all(ends, e);
}

static struct file *file_of(long fd)
{
    return file_get(process_current(), (word_t)fd);
}

/* What holders of the lock that are lost may leave. */
static void lists_are_made_anew(void **state)
{
    long ends[2], e = SYS(epoll_create1, 0), other = SYS(epoll_create1, 0);

    (void)state;
    connection(3005, ends);
    ctl(e, ADD, ends[1], POLLIN);
    ctl(e, ADD, ends[0], POLLIN);
    ctl(other, ADD, ends[1], POLLIN);
    IS(wait(e, 8), 0);
    file_of(ends[1])->watches = NULL;
    assert_non_null(arena_check(arena_get()));
    IS(SYS(write, ends[0], BYTES, 1), 1); /* which nobody is told of */
    epoll_restore(arena_get());
    IS(wait(e, 8), 1);
    IS(wait(other, 8), 1);
    ctl(e, DEL, ends[1], 0);
    IS(wait(e, 8), 0);
    IS(wait(other, 8), 1);
    IS(SYS(close, other), 0);
    close_all(ends, e);
}

#define SOCKETS 12u
#define STEPS   20000u

static struct {
    long fd[SOCKETS], listener, epoll, outer;
    uint32_t wants[SOCKETS]; /* 0: not watched */
} all;

static uint16_t random_port(void)
{
    return (uint16_t)(4000 + rand() % 2);
}

static void replace(unsigned i)
{
    if (all.fd[i] >= 0)
        IS(SYS(close, all.fd[i]), 0);
    all.wants[i] = 0;
    if (rand() % 2)
        all.fd[i] = SYS(accept4, all.listener, 0, 0, O_NONBLOCK);
    else
        all.fd[i] = SYS(socket, AF_INET, SOCK_STREAM | O_NONBLOCK, 0);
}

static void watch(unsigned i)
{
    static const uint32_t wants[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, POLLIN | POLLRDHUP,
                                     POLLERR};
    const uint32_t want = wants[rand() % 5];

    if (all.wants[i] && rand() % 4 == 0) {
        ctl(all.epoll, DEL, all.fd[i], 0);
        all.wants[i] = 0;
        return;
    }
    ctl(all.epoll, all.wants[i] ? MOD : ADD, all.fd[i], want);
    all.wants[i] = want;
}

static void step(unsigned i)
{
    if (all.fd[i] < 0) {
        replace(i);
        return;
    }
    switch (rand() % 12) {
    case 0:
        replace(i);
        break;
    case 1:
    case 2:
        watch(i);
        break;
    case 3:
        SYS(connect, all.fd[i], LOCAL(random_port()));
        break;
    case 4:
        SYS(shutdown, all.fd[i], rand() % 3);
        break;
    case 5:
        set_send_most(all.fd[i], rand() % 100000);
        break;
    case 6:
    case 7:
    case 8:
        SYS(sendto, all.fd[i], BYTES, 1 + rand() % 40000, MSG_NOSIGNAL, 0, 0);
        break;
    default:
        SYS(read, all.fd[i], BYTES, 1 + rand() % 60000);
    }
}

/* What poll says of each, epoll says, and nothing else. */
static void compare(void)
{
    unsigned expected = 0;
    const long count = wait(all.epoll, PLACES);

    for (unsigned i = 0; i < SOCKETS; i++) {
        const short now = all.wants[i] ? ready(all.fd[i], (short)all.wants[i]) : 0;
        uint32_t found = 0;
        for (long n = 0; n < count; n++)
            if (told((unsigned)n)->data == (uint64_t)all.fd[i])
                found = told((unsigned)n)->events;
        IS(found, (uint32_t)now);
        expected += now != 0;
    }
    IS(count, expected);
    IS(wait(all.outer, 1), expected != 0);
}

static void whatever_happens_it_says_what_poll_says(void **state)
{
    (void)state;
    srand(1);
    all.listener = listener(4000, 8);
    all.epoll = SYS(epoll_create1, 0);
    all.outer = SYS(epoll_create1, 0);
    ctl(all.outer, ADD, all.epoll, POLLIN);
    IS(SYS(fcntl, all.listener, 4, O_NONBLOCK), 0);
    for (unsigned i = 0; i < SOCKETS; i++)
        all.fd[i] = -1;
    for (unsigned n = 0; n < STEPS; n++) {
        step((unsigned)rand() % SOCKETS);
        compare();
    }
    for (unsigned i = 0; i < SOCKETS; i++)
        if (all.fd[i] >= 0)
            SYS(close, all.fd[i]);
    IS(SYS(close, all.listener), 0);
    IS(SYS(close, all.outer), 0);
    IS(SYS(close, all.epoll), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INET_TEST(a_level_is_told_while_it_lasts),
        INET_TEST(an_edge_is_told_once),
        INET_TEST(once_is_told_until_it_is_asked_for_again),
        INET_TEST(all_have_their_turn),
        INET_TEST(room_is_told_when_there_is_some),
        INET_TEST(room_that_was_taken_away_comes_back),
        INET_TEST(lists_are_made_anew),
        INET_TEST(whatever_happens_it_says_what_poll_says),
    };
    return cmocka_run_group_tests(tests, inet_set_up, family_tear_down);
}

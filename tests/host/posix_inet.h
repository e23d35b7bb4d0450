/* What tests of sockets of the Internet need: one family for all of them, since lwIP's variables
 * are a program's, and addresses in the program's memory. */
#pragma once

#include "tests/host/posix_family.h"

#include "libos-posix/channel/inet.h"
#include "libos-posix/channel/socket.h"
#include "tests/host/fakes/net_card.h"

struct name4 {
    uint16_t family, port;
    uint8_t address[4], zero[8];
};
struct name6 {
    uint16_t family, port;
    uint32_t flow;
    uint8_t address[16];
    uint32_t scope;
};

static inline int inet_set_up(void **state)
{
    return family_set_up(state);
}

/* No test may leave a socket. */
static inline int inet_tear_down(void **state)
{
    const char *broken = arena_check(arena_get());

    (void)state;
    if (broken)
        print_error("%s\n", broken);
    return broken != NULL;
}
#define INET_TEST(f) cmocka_unit_test_teardown(f, inet_tear_down)

static inline void *name4(unsigned a, unsigned b, unsigned c, unsigned d, uint16_t port)
{
    struct name4 *n = (struct name4 *)(world.user + 1024);

    *n = (struct name4){
        AF_INET, __builtin_bswap16(port), {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}, {0}};
    return n;
}
#define LOCAL(port) name4(127, 0, 0, 1, (port)), sizeof(struct name4)

static inline void *name6(uint16_t port)
{
    struct name6 *n = (struct name6 *)(world.user + 1024);

    *n = (struct name6){.family = AF_INET6, .port = __builtin_bswap16(port), .address = {[15] = 1}};
    return n;
}
#define LOCAL6(port) name6(port), sizeof(struct name6)

/* Where a call writes a name. */
static inline int32_t *name_room(int32_t bytes)
{
    int32_t *room = (int32_t *)(world.user + 1200);

    *room = bytes;
    return room;
}
#define NAME_AT (world.user + 1300)

static inline const struct name4 *name_of(long fd, bool peer)
{
    int32_t *room = name_room(sizeof(struct name4));

    IS(peer ? SYS(getpeername, fd, NAME_AT, room) : SYS(getsockname, fd, NAME_AT, room), 0);
    return (const struct name4 *)NAME_AT;
}

static inline short ready(long fd, short events)
{
    struct {
        int32_t fd;
        int16_t events, found;
    } *one = (void *)(world.user + 1400);

    one->fd = (int32_t)fd;
    one->events = events;
    one->found = 0;
    assert_true(SYS(poll, one, 1, 0) >= 0);
    return one->found;
}

static inline long listener(uint16_t port, int backlog)
{
    long s = SYS(socket, AF_INET, SOCK_STREAM, 0);

    assert_true(s >= 0);
    IS(SYS(bind, s, LOCAL(port)), 0);
    IS(SYS(listen, s, backlog), 0);
    return s;
}

/* A connection of this process with itself: its two ends. */
static inline void connection(uint16_t port, long both[2])
{
    long s = listener(port, 1);

    both[0] = SYS(socket, AF_INET, SOCK_STREAM, 0);
    IS(SYS(connect, both[0], LOCAL(port)), 0);
    both[1] = SYS(accept, s, 0, 0);
    assert_true(both[1] >= 0);
    IS(SYS(close, s), 0);
}

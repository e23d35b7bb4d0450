/* Host tests of routing netlink: what programs hear of interfaces, addresses and ways. */
#include "tests/host/posix_inet_peer.h"

#define RTM_GETLINK 18
#define RTM_GETADDR 22
#define RTM_GETWAY  26
#define REQUEST     1
#define ACK         4
#define DUMP        0x300
#define REPLY_AT    ((uint8_t *)world.user + 2048)
#define REPLY_BYTES 4096

struct head {
    uint32_t bytes;
    uint16_t type, flags;
    uint32_t sequence, port_id;
};

struct question {
    struct head head;
    uint8_t body[64];
};

struct netlink_address {
    uint16_t family, pad;
    uint32_t port_id, groups;
};

static long replied; /* bytes of the last datagram */

static long opened(void)
{
    long s = SYS(socket, AF_NETLINK, SOCK_RAW | O_NONBLOCK, 0);

    assert_true(s >= 0);
    return s;
}

static long ask(long s, uint16_t type, uint16_t flags, const void *body, size_t bytes)
{
    struct question *q = (struct question *)(world.user + 1024);

    *q = (struct question){.head = {(uint32_t)(sizeof q->head + bytes), type, flags, 77, 0}};
    memcpy(q->body, body, bytes);
    return SYS(sendto, s, q, q->head.bytes, 0, 0, 0);
}

static long reply(long s)
{
    replied = SYS(recvfrom, s, REPLY_AT, REPLY_BYTES, 0, 0, 0);
    return replied;
}

/* The message of that number in the last datagram, or NULL. */
static const struct head *message(unsigned number)
{
    const uint8_t *at = REPLY_AT, *end = at + replied;

    for (; at < end; number--) {
        const struct head *h = (const void *)at;
        assert_true(h->bytes >= sizeof *h && at + h->bytes <= end);
        if (!number)
            return h;
        at += (h->bytes + 3) & ~3u;
    }
    return NULL;
}

/* The attribute of a message whose body has so many bytes before them, or NULL. */
static const uint8_t *attribute(const struct head *h, size_t body, uint16_t type, unsigned *bytes)
{
    const uint8_t *at = (const uint8_t *)(h + 1) + body, *end = (const uint8_t *)h + h->bytes;

    for (unsigned length; at < end; at += (length + 3) & ~3u) {
        uint16_t head[2];
        memcpy(head, at, sizeof head);
        length = head[0];
        assert_true(length >= 4 && at + length <= end);
        *bytes = length - 4;
        if (head[1] == type)
            return at + 4;
    }
    return NULL;
}

static void is_done(long s)
{
    assert_true(reply(s) > 0);
    IS(message(0)->type, 3);
    IS(message(0)->flags, 2);
    IS(reply(s), -EAGAIN);
}

static const char no_body[16];

static void interfaces_are_listed(void **state)
{
    unsigned bytes;
    long s = opened();

    (void)state;
    IS(ask(s, RTM_GETLINK, REQUEST | DUMP, no_body, 16), 32);
    assert_true(reply(s) > 0);
    const struct head *lo = message(0), *card = message(1);
    assert_non_null(card);
    assert_null(message(2));
    IS(lo->type, 16);
    IS(lo->flags, 2);
    IS(lo->sequence, 77);
    assert_string_equal(attribute(lo, 16, 3, &bytes), "lo");
    assert_string_equal(attribute(card, 16, 3, &bytes), "eth0");
    IS(bytes, 5);
    assert_memory_equal(attribute(card, 16, 1, &bytes), our_mac, 6);
    IS(((const uint16_t *)(card + 1))[1], 1); /* Ethernet */
    IS(((const int32_t *)(card + 1))[1], 2);  /* the number */
    IS(((const uint32_t *)(card + 1))[2], 0x11043);
    IS(((const uint32_t *)(lo + 1))[2], 0x10049);
    is_done(s);
    IS(SYS(close, s), 0);
}

static void addresses_are_listed_by_family(void **state)
{
    static const uint8_t six[16] = {AF_INET6};
    uint8_t link_local[16] = {0xfe, 0x80};
    unsigned bytes;
    long s = opened();

    (void)state;
    IS(ask(s, RTM_GETADDR, REQUEST | DUMP, no_body, 1), 17);
    assert_true(reply(s) > 0);
    const struct head *lo = message(0), *card = message(2);
    assert_non_null(card);
    assert_memory_equal(attribute(lo, 8, 2, &bytes), "\x7f\0\0\1", 4);
    IS(bytes, 4);
    assert_null(attribute(lo, 8, 4, &bytes)); /* no broadcast */
    assert_memory_equal(attribute(card, 8, 2, &bytes), our_address, 4);
    assert_memory_equal(attribute(card, 8, 4, &bytes), "\x0a\0\2\xff", 4);
    IS(((const uint8_t *)(card + 1))[1], 24);
    is_done(s);
    IS(ask(s, RTM_GETADDR, REQUEST | DUMP, six, 16), 32);
    assert_true(reply(s) > 0);
    lo = message(0), card = message(1);
    assert_null(message(2));
    IS(*(const uint8_t *)(lo + 1), AF_INET6);
    IS(((const uint8_t *)(lo + 1))[1], 128);
    link_local[8] = our_mac[0] ^ 2;
    memcpy(link_local + 9, (uint8_t[]){our_mac[1], our_mac[2], 0xff, 0xfe}, 4);
    memcpy(link_local + 13, our_mac + 3, 3);
    assert_memory_equal(attribute(card, 8, 1, &bytes), link_local, 16);
    IS(((const uint8_t *)(card + 1))[3], 253); /* of the link */
    is_done(s);
    IS(SYS(close, s), 0);
}

static void ways_are_listed_and_found(void **state)
{
    struct {
        uint8_t family, to_bits, rest[10];
        uint16_t bytes, type;
        uint8_t to[4];
    } one = {AF_INET, 32, {0}, 8, 1, {8, 8, 8, 8}};
    static const uint8_t four[12] = {AF_INET};
    unsigned bytes;
    long s = opened();

    (void)state;
    IS(ask(s, RTM_GETWAY, REQUEST | DUMP, four, 12), 28);
    assert_true(reply(s) > 0);
    IS(((const uint8_t *)(message(0) + 1))[1], 0);
    assert_memory_equal(attribute(message(0), 12, 5, &bytes), peer_address, 4);
    IS(((const uint8_t *)(message(1) + 1))[1], 24);
    assert_memory_equal(attribute(message(1), 12, 1, &bytes), "\x0a\0\2\0", 4);
    is_done(s);
    IS(ask(s, RTM_GETWAY, REQUEST, &one, sizeof one), 36);
    assert_true(reply(s) > 0);
    assert_memory_equal(attribute(message(0), 12, 5, &bytes), peer_address, 4);
    assert_memory_equal(attribute(message(0), 12, 7, &bytes), our_address, 4);
    IS(reply(s), -EAGAIN);
    memcpy(one.to, (uint8_t[]){10, 0, 2, 9}, 4);
    IS(ask(s, RTM_GETWAY, REQUEST, &one, sizeof one), 36);
    assert_true(reply(s) > 0);
    assert_null(attribute(message(0), 12, 5, &bytes));
    IS(*(const uint32_t *)(const void *)attribute(message(0), 12, 4, &bytes), 2);
    IS(SYS(close, s), 0);
}

static int32_t error_of_reply(long s)
{
    assert_true(reply(s) >= 36);
    IS(message(0)->type, 2);
    IS(message(0)->sequence, 77);
    IS(reply(s), -EAGAIN);
    return *(const int32_t *)(const void *)(REPLY_AT + 16);
}

static void wrong_questions_are_answered(void **state)
{
    struct {
        uint8_t body[16];
        uint16_t bytes, type;
        char name[8];
    } named = {{0}, 12, 3, "eth0"};
    int32_t index[4] = {0, 9};
    unsigned bytes;
    long s = opened();

    (void)state;
    IS(ask(s, 16, REQUEST, no_body, 16), 32); /* would change an interface */
    IS(error_of_reply(s), -EOPNOTSUPP);
    IS(ask(s, 34, REQUEST | DUMP, no_body, 16), 32); /* rules */
    IS(error_of_reply(s), -EOPNOTSUPP);
    IS(ask(s, RTM_GETLINK, REQUEST, index, 16), 32);
    IS(error_of_reply(s), -ENODEV);
    IS(ask(s, RTM_GETLINK, REQUEST, no_body, 16), 32);
    IS(error_of_reply(s), -EINVAL);
    IS(ask(s, RTM_GETLINK, REQUEST, no_body, 4), 20);
    IS(error_of_reply(s), -EINVAL);
    IS(ask(s, 1, REQUEST | ACK, no_body, 16), 32);
    IS(error_of_reply(s), 0);
    IS(ask(s, RTM_GETLINK, 0, no_body, 16), 32); /* no question */
    IS(reply(s), -EAGAIN);
    IS(ask(s, RTM_GETLINK, REQUEST, &named, sizeof named), 44);
    assert_true(reply(s) > 0);
    assert_string_equal(attribute(message(0), 16, 3, &bytes), "eth0");
    struct question *q = (struct question *)(world.user + 1024);
    *q =
        (struct question){.head = {200, RTM_GETLINK, REQUEST | DUMP, 0, 0}}; /* longer than it is */
    IS(SYS(sendto, s, q, 32, 0, 0, 0), 32);
    q->head.bytes = 3;
    IS(SYS(sendto, s, q, 32, 0, 0, 0), 32);
    IS(SYS(sendto, s, q, 5, 0, 0, 0), 5);
    IS(reply(s), -EAGAIN);
    IS(SYS(sendto, s, world.user, 5000, 0, 0, 0), -EMSGSIZE);
    IS(SYS(sendto, s, world.hole, 32, 0, 0, 0), -EFAULT);
    IS(SYS(close, s), 0);
}

/* Bytes of all kinds as questions: each is answered or not, and nothing breaks. */
static void random_questions_do_no_harm(void **state)
{
    long s = opened();

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct question *q = (struct question *)(world.user + 1024);
        const unsigned bytes = random_below(sizeof *q + 1);
        for (unsigned b = 0; b < sizeof *q; b++)
            ((uint8_t *)q)[b] = (uint8_t)random_below(random_below(2) ? 256 : 4);
        q->head.bytes = random_below(3) ? bytes : q->head.bytes % 128;
        q->head.type = (uint16_t)(random_below(4) ? 16 + random_below(20) : random_below(200));
        q->head.flags = (uint16_t)(REQUEST | (random_below(2) ? DUMP : 0));
        IS(SYS(sendto, s, q, bytes, 0, 0, 0), bytes);
        while (reply(s) > 0)
            for (unsigned n = 0; message(n); n++)
                IS(message(n)->port_id, (uint32_t)process_current()->pid);
    }
    IS(SYS(close, s), 0);
}

/* A queue that nobody reads: what is lost is told once, and who watches for errors alone is told.
 */
static void a_full_queue_is_told(void **state)
{
    long s = opened(), e = SYS(epoll_create1, 0), told = 0, n;

    (void)state;
    memset(world.user + 1600, 0, 12); /* no event asked for */
    IS(SYS(epoll_ctl, e, 1, s, world.user + 1600), 0);
    for (int i = 0; i < 2000; i++) {
        if (ask(s, RTM_GETLINK, REQUEST | DUMP, no_body, 16) != 32)
            fail_msg("a question was refused");
        told += SYS(epoll_wait, e, world.user + 1600, 1, 0);
    }
    assert_in_range(told, 1, 1999); /* while there was room it was not */
    IS(*(uint32_t *)(world.user + 1600), POLLERR);
    IS(SYS(close, e), 0);
    while ((n = reply(s)) > 0)
        ;
    IS(n, -ENOBUFS);
    IS(reply(s), -EAGAIN);
    IS(SYS(close, s), 0);
}

static const struct netlink_address *address_of(long s, bool peer)
{
    IS(peer ? SYS(getpeername, s, NAME_AT, name_room(12))
            : SYS(getsockname, s, NAME_AT, name_room(12)),
       0);
    return (const struct netlink_address *)NAME_AT;
}

static void sockets_have_names(void **state)
{
    struct netlink_address *n = (struct netlink_address *)(world.user + 1024);
    long a, b;

    (void)state;
    IS(SYS(socket, AF_NETLINK, SOCK_STREAM, 0), -ESOCKTNOSUPPORT);
    IS(SYS(socket, AF_NETLINK, SOCK_RAW, 15), -EPROTONOSUPPORT);
    a = opened(), b = opened();
    IS(address_of(a, false)->port_id, 0);
    *n = (struct netlink_address){.family = AF_INET};
    IS(SYS(bind, a, n, 12), -EINVAL);
    n->family = AF_NETLINK;
    IS(SYS(bind, a, n, 11), -EINVAL);
    IS(SYS(bind, a, n, 12), 0);
    const uint32_t pid = address_of(a, false)->port_id;
    IS(pid, (uint32_t)process_current()->pid);
    n->port_id = pid;
    IS(SYS(bind, b, n, 12), -EADDRINUSE);
    IS(SYS(bind, a, n, 12), 0);
    n->port_id = 0;
    IS(SYS(connect, b, n, 12), 0);
    assert_true((int32_t)address_of(b, false)->port_id < 0);
    IS(address_of(b, true)->port_id, 0);
    n->port_id = pid;
    IS(SYS(sendto, b, no_body, 0, 0, n, 12), -ECONNREFUSED);
    n->groups = 1;
    n->port_id = 0;
    IS(SYS(bind, b, n, 12), -EOPNOTSUPP);
    IS(SYS(listen, a, 1), -EOPNOTSUPP);
    IS(SYS(shutdown, a, 2), -EOPNOTSUPP);
    IS(SYS(close, a), 0);
    IS(SYS(close, b), 0);
}

/* musl's if_nametoindex asks a socket of AF_UNIX. */
static void any_socket_tells_of_interfaces(void **state)
{
    char *one = (char *)world.user + 1800;

    (void)state;
    long s = SYS(socket, AF_UNIX, SOCK_DGRAM, 0);
    memcpy(one, "eth0", 5);
    IS(SYS(ioctl, s, 0x8933, one), 0);
    IS(*(int32_t *)(void *)(one + 16), 2);
    memcpy(one, "eth9", 5);
    IS(SYS(ioctl, s, 0x8933, one), -ENODEV);
    IS(SYS(close, s), 0);
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
        INET_TEST(interfaces_are_listed),       INET_TEST(addresses_are_listed_by_family),
        INET_TEST(ways_are_listed_and_found),   INET_TEST(wrong_questions_are_answered),
        INET_TEST(random_questions_do_no_harm), INET_TEST(a_full_queue_is_told),
        INET_TEST(sockets_have_names),          INET_TEST(any_socket_tells_of_interfaces),
    };
    return cmocka_run_group_tests(tests, card_set_up, family_tear_down);
}

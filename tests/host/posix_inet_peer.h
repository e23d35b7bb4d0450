/* A peer behind the card in the test's hands, which is made of single packets. */
#pragma once

#include "tests/host/posix_inet.h"

#define HEAD         14u
#define IP4          20u
#define TCP          20u
#define UDP          8u
#define TCP_FIN_BIT  1u
#define TCP_SYN_BIT  2u
#define TCP_RST_BIT  4u
#define TCP_ACK_BIT  16u
#define MORE_FOLLOWS 0x2000u
#define SECOND       1000000000ull

static const uint8_t our_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t our_address[4] = {10, 0, 2, 15}, peer_address[4] = {10, 0, 2, 2};

static uint64_t chance = 11;

static inline unsigned random_below(unsigned most)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)((chance >> 16) % most);
}

static inline void put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static inline void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

static inline unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline uint32_t add(uint32_t sum, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static inline unsigned fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static inline void serve(void)
{
    inet_ops.run(arena_get());
}

/* The heads of Ethernet and IP before `bytes` bytes at p + HEAD + IP4. */
static inline uint32_t wrap(uint8_t *p, unsigned protocol, size_t bytes, unsigned id,
                            unsigned fragment)
{
    memcpy(p, our_mac, 6);
    memcpy(p + 6, peer_mac, 6);
    put16(p + 12, 0x800);
    uint8_t *ip = p + HEAD;
    memset(ip, 0, IP4);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)(IP4 + bytes));
    put16(ip + 4, id);
    put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    memcpy(ip + 12, peer_address, 4);
    memcpy(ip + 16, our_address, 4);
    put16(ip + 10, fold(add(0, ip, IP4)));
    return (uint32_t)(HEAD + IP4 + bytes);
}

static inline unsigned sum_of(const uint8_t *from, size_t bytes, unsigned protocol)
{
    uint32_t sum = add(add(0, peer_address, 4), our_address, 4) + protocol + (uint32_t)bytes;
    return fold(add(sum, from, bytes));
}

/* Answers the question for the peer's hardware address, if that was asked. */
static inline void answer_arp(void)
{
    for (uint32_t i = 0; i < fake_net.sent && i < 4; i++) {
        const uint8_t *q = fake_net_sent(i)->data;
        if (get16(q + 12) != 0x806 || get16(q + 20) != 1 || memcmp(q + 38, peer_address, 4))
            continue;
        uint8_t p[60] = {0};
        memcpy(p, our_mac, 6);
        memcpy(p + 6, peer_mac, 6);
        memcpy(p + 12, "\x08\x06\0\x01\x08\0\x06\x04\0\x02", 10);
        memcpy(p + 22, peer_mac, 6);
        memcpy(p + 28, peer_address, 4);
        memcpy(p + 32, our_mac, 6);
        memcpy(p + 38, our_address, 4);
        fake_net_give(p, sizeof p);
        serve();
        return;
    }
}

/* One end of a connection, at the peer. */
struct end {
    unsigned from, to;
    uint32_t seq, ack;
    unsigned window;
    unsigned mss; /* said as an option, whatever the flags; 0: none */
};

#define WINDOW 60000u

static inline uint32_t segment(uint8_t *p, const struct end *e, unsigned flags, const char *data)
{
    const size_t bytes = data ? strlen(data) : 0, options = e->mss ? 4 : 0;
    uint8_t *tcp = p + HEAD + IP4;

    memset(tcp, 0, TCP);
    put16(tcp, e->from);
    put16(tcp + 2, e->to);
    put32(tcp + 4, e->seq);
    put32(tcp + 8, e->ack);
    tcp[12] = (uint8_t)((TCP + options) / 4 << 4);
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, e->window);
    put16(tcp + TCP, 0x0204);
    put16(tcp + TCP + 2, e->mss);
    if (bytes)
        memcpy(tcp + TCP + options, data, bytes);
    put16(tcp + 16, sum_of(tcp, TCP + options + bytes, 6));
    return wrap(p, 6, TCP + options + bytes, 1, 0);
}

static inline void give_segment(const struct end *e, unsigned flags, const char *data)
{
    uint8_t p[FAKE_PACKET];

    fake_net_give(p, segment(p, e, flags, data));
    serve();
}

/* The last TCP packet that came out, to that port; 0: to any. */
static inline const uint8_t *last_segment_to(unsigned port)
{
    for (uint32_t i = 0; i < fake_net.sent && i < FAKE_PACKETS; i++) {
        const uint8_t *p = fake_net_sent(i)->data;
        if (get16(p + 12) == 0x800 && p[HEAD + 9] == 6 &&
            (!port || get16(p + HEAD + IP4 + 2) == port))
            return p + HEAD + IP4;
    }
    fail_msg("nothing was sent by TCP");
    return NULL;
}

static inline const uint8_t *last_segment(void)
{
    return last_segment_to(0);
}

/* The peer connects to a listener, and says that about its window and its segments. */
static inline struct end peer_connects_by(unsigned port, unsigned window, unsigned mss)
{
    static unsigned from = 20000;
    struct end e = {++from, port, 1000, 0, window, mss};

    give_segment(&e, TCP_SYN_BIT, NULL);
    answer_arp();
    const uint8_t *tcp = last_segment_to(e.from);
    IS(tcp[13] & 0x3f, TCP_SYN_BIT | TCP_ACK_BIT);
    e.seq++;
    e.ack = get32(tcp + 4) + 1;
    e.mss = 0;
    give_segment(&e, TCP_ACK_BIT, NULL);
    return e;
}

static inline struct end peer_connects(unsigned port)
{
    return peer_connects_by(port, WINDOW, 0);
}

static inline long accepted(long s)
{
    long c = SYS(accept4, s, 0, 0, O_NONBLOCK);
    assert_true(c >= 0);
    return c;
}

static inline long open_listener(uint16_t port)
{
    long s = SYS(socket, AF_INET, SOCK_STREAM | O_NONBLOCK, 0);

    IS(SYS(bind, s, name4(0, 0, 0, 0, port), 16), 0);
    IS(SYS(listen, s, 100), 0);
    return s;
}

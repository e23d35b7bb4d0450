/*
 * SYN cookies (Bernstein, 1996): the first sequence number of a connection says all that is to be
 * known when its first acknowledgement comes. Five bits of a clock, three for the size of segments,
 * 24 of a keyed hash (SipHash-2-4: Aumasson, Bernstein, 2012) over the addresses, the ports, the
 * peer's own number, and the eight bits.
 */
#include "libos-net/direct/tcp_parts.h"

#define PERIOD      64u /* seconds of the clock         */
#define PERIODS     32u
#define PERIODS_OLD 2u /* that a cookie is good for    */

static const uint16_t sizes[8] = {64, 256, 536, 1024, 1220, 1380, 1440, 1460};

static uint64_t turn(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
}

/* Of words only: the last one is the length, as the standard has it. */
static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, unsigned count)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};

    for (unsigned i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : (uint64_t)count * sizeof *words << 56;
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* `low`: the eight bits; `number`: the peer's first sequence number. */
static uint32_t cookie_of(const struct tcp *t, const struct tcp_head *h, uint32_t number,
                          uint32_t low)
{
    const uint64_t words[] = {
        (uint64_t)h->source << 32 | h->target,
        (uint64_t)h->source_port << 48 | (uint64_t)h->target_port << 32 | number, low};

    return (uint32_t)sip_hash(t->secret, words, 3) << 8 | low;
}

uint32_t cookie_make(const struct tcp *t, const struct segment *s, uint16_t segment)
{
    uint32_t size = 0;

    while (size < 7 && sizes[size + 1] <= segment)
        size++;
    return cookie_of(t, s->head, s->sequence, (uint32_t)(t->second / PERIOD % PERIODS) << 3 | size);
}

uint16_t cookie_read(const struct tcp *t, const struct segment *s)
{
    uint32_t cookie = s->acknowledged - 1;
    uint64_t age = (t->second / PERIOD - (cookie >> 3)) % PERIODS;

    if (age >= PERIODS_OLD || cookie != cookie_of(t, s->head, s->sequence - 1, cookie & 0xff))
        return 0;
    return sizes[cookie & 7];
}

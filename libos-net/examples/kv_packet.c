/* The key-value store's packets: which are its own, and the heads of its answers. */
#include "libos-net/direct/packet.h"
#include "libos-net/examples/kv.h"

#define UDP_AT   (ETHERNET_BYTES + IP_BYTES)
#define HEADS_AT ((uint32_t)offsetof(struct kv_packet, heads))
#define UDP      17u
#define SHORTEST 60u
_Static_assert(sizeof(struct kv_packet) == 74, "as on the wire");
_Static_assert(offsetof(struct kv_packet, heads) + KV_ANSWER_MOST <= 1514, "answers fit");

/* A number of four bytes, as on the wire. */
static uint32_t number_at(const uint16_t at[2])
{
    uint32_t number;

    __builtin_memcpy(&number, at, sizeof number);
    return net32(number);
}

static bool is_for_me(const struct answer_host *me, const struct kv_packet *h, uint32_t length)
{
    if (length < sizeof *h || h->type != net16(TYPE_IPV4) || h->version != IP_PLAIN ||
        h->protocol != UDP || number_at(h->to) != me->address || h->to_port != net16(me->port) ||
        !is_mac((const uint8_t *)h->to_mac, me->mac) || h->from_mac[0] & 1 ||
        h->fragment & net16(IP_IN_PIECES))
        return false;
    const uint32_t from = number_at(h->from), bytes = net16(h->bytes);
    if (bytes < KV_HEADS + 8 || bytes > length - UDP_AT || net16(h->length) != bytes + IP_BYTES ||
        !from || from == me->address || from >= 0xe0000000u || !h->from_port ||
        h->from_port == h->to_port)
        return false;
    if (sum_fold(sum_bytes(&h->version, IP_BYTES, 0)) != 0xffff)
        return false;
    return !h->sum ||
           sum_fold(sum_bytes(h->from, bytes + 8, (uint64_t)net16(UDP) + h->bytes)) == 0xffff;
}

/* Turned round, with all lengths and sums, round contents of so many bytes. */
static uint32_t complete(const struct answer_host *me, const struct kv_packet *q,
                         struct kv_packet *a, uint32_t contents)
{
    const uint32_t bytes = 8 + contents;

    memcpy(a->to_mac, q->from_mac, sizeof a->to_mac);
    memcpy(a->from_mac, me->mac, sizeof a->from_mac);
    a->type = q->type;
    a->version = IP_PLAIN;
    a->service = 0;
    a->length = net16(IP_BYTES + bytes);
    a->id = 0;
    a->fragment = net16(IP_WHOLE);
    a->time_to_live = 64;
    a->protocol = UDP;
    a->ip_sum = a->sum = 0;
    for (unsigned i = 0; i < 2; i++) {
        a->from[i] = q->to[i];
        a->to[i] = q->from[i];
    }
    a->from_port = q->to_port;
    a->to_port = q->from_port;
    a->bytes = net16(bytes);
    a->ip_sum = (uint16_t)~sum_fold(sum_bytes(&a->version, IP_BYTES, 0));
    a->sum = (uint16_t)~sum_fold(sum_bytes(a->from, bytes + 8, (uint64_t)net16(UDP) + a->bytes));
    if (!a->sum)
        a->sum = 0xffff;
    return HEADS_AT + contents;
}

uint32_t kv_answer_packet(struct kv *kv, const struct answer_host *me, const uint8_t *packet,
                          uint32_t length, uint8_t *to)
{
    const struct kv_packet *q = (const struct kv_packet *)(const void *)packet;

    if (!is_for_me(me, q, length))
        return 0;
    const uint32_t contents = kv_answer(kv, packet + HEADS_AT, net16(q->bytes) - 8u, to + HEADS_AT);
    if (!contents)
        return 0;
    uint32_t bytes = complete(me, q, (struct kv_packet *)(void *)to, contents);
    for (; bytes < SHORTEST; bytes++)
        to[bytes] = 0;
    return bytes;
}

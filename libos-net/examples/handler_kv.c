/*
 * A packet handler that answers GETs of the key-value store (kv.h) in the kernel, out of the table
 * that it shares with the program. Whatever is not the whole of a request for an item that is there
 * goes to the ring, and with it what the program is changing just then: it answers those.
 */
#include "grafts/include/graft_helpers.h"
#include "libos-net/examples/kv_table.h"

#define TYPE_IPV4  0x0800u
#define IP_PLAIN   0x45u
#define IP_WHOLE   0x4000u
#define IP_PIECES  0x3fffu
#define UDP        17u
#define MULTICAST  224u /* first byte of addresses that are nobody's */
#define RIGHT      0xffffu
#define NS         1000000000u
#define KEY_WORDS  32u
#define WORD       8u
#define EXTRAS     4u /* of an answer: the flags */
#define IP_AT      14u
#define IP_BYTES   20u
#define UDP_AT     34u
#define PSEUDO_AT  26u /* what UDP's sum covers begins with the addresses */
#define HEADS_END  ((uint32_t)sizeof(struct kv_packet))
#define EXTRAS_END (HEADS_END + EXTRAS)

MAP(table, GRAFT_MAP_ARRAY, uint32_t, struct kv, 1);

uint64_t handler_kv(const struct graft_packet *packet);

struct key {
    const uint8_t *at, *end;  /* in the packet; the packet's end */
    uint64_t hash, sum, last; /* its last bytes, fewer than a word */
    uint32_t bytes;
};

static inline uint16_t wire16(uint32_t x)
{
    return graft_host16((uint16_t)x);
}

static inline uint64_t fold(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

static inline uint64_t sum_words(const uint8_t *at, uint32_t bytes)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < bytes; i += 4)
        sum += *(const uint32_t *)(const void *)(at + i);
    return sum;
}

/* A whole GET for this store, from somebody who can be answered? All but the sum of UDP. */
static inline int is_get(const volatile struct kv *store, const struct kv_packet *p)
{
    const uint32_t key = wire16(p->heads.key_bytes), bytes = 8 + KV_HEADS + key;
    const uint32_t opcode = p->heads.opcode;

    if (p->type != wire16(TYPE_IPV4) || p->version != IP_PLAIN || p->protocol != UDP ||
        p->fragment & wire16(IP_PIECES) || p->to_port != store->port ||
        p->to[0] != store->address[0] || p->to[1] != store->address[1])
        return 0;
    if ((p->to_mac[0] | p->from_mac[0]) & 1 || !p->from_port || p->from_port == p->to_port ||
        !(p->from[0] | p->from[1]) || (p->from[0] & 0xff) >= MULTICAST ||
        (p->from[0] == p->to[0] && p->from[1] == p->to[1]))
        return 0;
    if (opcode != KV_GET && opcode != KV_GET_QUIET && opcode != KV_GET_KEY &&
        opcode != KV_GET_KEY_QUIET)
        return 0;
    return p->heads.magic == KV_REQUEST && !p->heads.number && p->heads.count == wire16(1) &&
           !p->heads.extra_bytes && key && key <= KV_KEY_MOST && p->bytes == wire16(bytes) &&
           p->length == wire16(bytes + IP_BYTES) && !p->heads.body_bytes[0] &&
           p->heads.body_bytes[1] == p->heads.key_bytes &&
           fold(sum_words((const uint8_t *)p + IP_AT, IP_BYTES)) == RIGHT;
}

/* Hashes and sums it. 0: the packet has less. */
static inline int read_key(struct key *k)
{
    const uint32_t words = k->bytes / WORD;
    const uint8_t *at = k->at;

    k->hash = k->bytes;
    k->sum = 0;
    k->last = 0;
    for (uint32_t i = 0; i < KEY_WORDS && i < words; i++, at += WORD) {
        if (at + WORD > k->end)
            return 0;
        const uint64_t word = *(const uint64_t *)(const void *)at;
        k->hash = kv_mix(k->hash, word);
        k->sum += (word & UINT32_MAX) + (word >> 32);
    }
    for (uint32_t n = 0; n < WORD - 1 && n < k->bytes % WORD; n++) {
        if (at + n + 1 > k->end)
            return 0;
        k->last |= (uint64_t)at[n] << n * 8;
    }
    k->hash = kv_mix(k->hash, k->last);
    k->sum += (k->last & UINT32_MAX) + (k->last >> 32);
    return 1;
}

/* Is it the item's? */
static inline int is_key(const volatile struct kv_item *item, const struct key *k)
{
    const uint32_t words = k->bytes / WORD;
    const uint64_t some = ((uint64_t)1 << k->bytes % WORD * 8) - 1;
    const volatile uint64_t *held = (const volatile uint64_t *)(const volatile void *)item->bytes;
    const uint8_t *at = k->at;
    uint32_t i = 0;

    if (!item->version || item->key_bytes != k->bytes)
        return 0;
    for (; i < KEY_WORDS && i < words; i++, at += WORD)
        if (at + WORD > k->end || held[i] != *(const uint64_t *)(const void *)at)
            return 0;
    return (held[i] & some) == k->last;
}

static inline int is_over(const volatile struct kv *store, const volatile struct kv_item *item)
{
    const uint64_t ends = item->ends;

    return ends && ends <= (store->zero + ktime_get_ns()) / NS;
}

/* Turned round, with all lengths and sums; `sum` is that of what is behind the heads. */
static inline void complete(struct kv_packet *p, uint32_t key, uint32_t body, uint64_t version,
                            uint64_t sum)
{
    const uint32_t bytes = 8 + KV_HEADS + body;
    uint8_t *at = (uint8_t *)p;

    for (unsigned i = 0; i < 3; i++) {
        const uint16_t mac = p->to_mac[i];
        p->to_mac[i] = p->from_mac[i];
        p->from_mac[i] = mac;
    }
    for (unsigned i = 0; i < 2; i++) {
        const uint16_t half = p->to[i];
        p->to[i] = p->from[i];
        p->from[i] = half;
    }
    const uint16_t port = p->to_port;
    p->to_port = p->from_port;
    p->from_port = port;
    p->service = 0;
    p->id = 0;
    p->fragment = wire16(IP_WHOLE);
    p->time_to_live = 64;
    p->length = wire16(bytes + IP_BYTES);
    p->ip_sum = 0;
    p->ip_sum = (uint16_t)~fold(sum_words(at + IP_AT, IP_BYTES));
    p->bytes = wire16(bytes);
    p->sum = 0;
    p->heads.unused = 0;
    p->heads.magic = KV_ANSWER;
    p->heads.key_bytes = wire16(key);
    p->heads.extra_bytes = EXTRAS;
    p->heads.data_type = 0;
    p->heads.status = 0;
    p->heads.body_bytes[0] = 0;
    p->heads.body_bytes[1] = wire16(body);
    for (unsigned i = 0; i < 4; i++)
        p->heads.cas[i] = wire16((uint16_t)(version >> (48 - 16 * i)));
    sum += sum_words(at + PSEUDO_AT, HEADS_END - PSEUDO_AT) + wire16(UDP) + p->bytes;
    const uint16_t folded = (uint16_t)~fold(sum);
    p->sum = folded ? folded : 0xffff;
}

/* Answers with the item, unless it changes meanwhile. */
static inline uint64_t answer(volatile struct kv *store, struct kv_packet *p,
                              volatile struct kv_item *item, const struct key *k, uint64_t turn)
{
    const uint64_t version = item->version;
    const uint32_t value = item->value_bytes, key = p->heads.opcode >= KV_GET_KEY ? k->bytes : 0;
    const uint8_t *bytes = (const uint8_t *)item->bytes;
    const void *flags = (const void *)&item->flags;
    uint64_t sum;

    if (value > KV_VALUE_MOST || is_over(store, item))
        return GRAFT_PASS;
    sum = answer_store(HEADS_END, flags, EXTRAS, 0);
    if (key)
        sum = answer_store(EXTRAS_END, bytes, k->bytes + value, sum);
    else
        sum = answer_store(EXTRAS_END, bytes + k->bytes, value, sum);
    if (sum > UINT32_MAX || item->turn != turn)
        return GRAFT_PASS;
    complete(p, key, EXTRAS + key + value, version, sum);
    store->handled += 1;
    store->asked += 1;
    item->asked = store->asked;
    return GRAFT_ANSWER;
}

GRAFT(packet_handler) uint64_t handler_kv(const struct graft_packet *packet)
{
    struct kv_packet *p = (struct kv_packet *)packet->data;
    const uint8_t *end = (const uint8_t *)packet->data_end;
    const uint32_t only = 0;
    volatile struct kv *store = map_lookup_elem(&table, &only);
    struct key k;

    if (!store || (const uint8_t *)(p + 1) > end || !is_get(store, p))
        return GRAFT_PASS;
    k.at = (const uint8_t *)(p + 1);
    k.end = end;
    k.bytes = wire16(p->heads.key_bytes);
    if (k.bytes > KV_KEY_MOST || !read_key(&k))
        return GRAFT_PASS;
    if (p->sum && fold(sum_words((const uint8_t *)p + PSEUDO_AT, HEADS_END - PSEUDO_AT) + k.sum +
                       wire16(UDP) + p->bytes) != RIGHT)
        return GRAFT_PASS;
    volatile struct kv_item *set = store->items[k.hash % KV_SETS];
    for (uint32_t i = 0; i < KV_PLACES; i++) {
        volatile struct kv_item *item = &set[i];
        const uint64_t turn = item->turn;
        if (!(turn & 1) && is_key(item, &k))
            return answer(store, p, item, &k, turn);
    }
    return GRAFT_PASS;
}

/* A key-value store that speaks memcached's binary protocol. */
#include "libos-net/examples/kv.h"

#include "libos-net/direct/packet.h"

struct kv_packet {
    uint8_t to[6], from[6];
    uint16_t type;
    uint8_t version, service;
    uint16_t length, id, fragment;
    uint8_t time_to_live, protocol;
    uint16_t ip_sum;
    uint32_t source, target;
    uint16_t source_port, target_port, bytes, sum;
    uint16_t request, number, count, unused; /* of a datagram of memcached's */
    uint8_t magic, opcode;
    uint16_t key_bytes;
    uint8_t extra_bytes, data_type;
    uint16_t status; /* in a request: the place of a bucket */
    uint32_t body_bytes;
    uint32_t opaque;
    uint64_t cas;
} __attribute__((packed));

#define UDP_AT   (ETHERNET_BYTES + IP_BYTES)
#define FRAME_AT (UDP_AT + 8u)
#define BODY_AT  ((uint32_t)sizeof(struct kv_packet))
#define HEAD     (BODY_AT - FRAME_AT) /* bytes of memcached's heads */
#define UDP      17u
#define REQUEST  0x80u
#define ANSWER   0x81u
#define SHORTEST 60u
#define MONTH    (60u * 60 * 24 * 30) /* longer times are moments */
#define VERSION  "exo4"
_Static_assert(sizeof(struct kv_packet) == 74, "as on the wire");
_Static_assert(sizeof(struct kv_packet) + 4 + KV_KEY_MOST + KV_VALUE_MOST <= 1514, "answers fit");

enum opcode {
    GET = 0x00,
    SET,
    ADD,
    REPLACE,
    DELETE,
    GET_QUIET = 0x09,
    NOTHING,
    TELL_VERSION,
    GET_KEY,
    GET_KEY_QUIET
};

enum status { DONE = 0x00, NOT_FOUND, EXISTS, TOO_LARGE, BAD_ARGUMENTS, UNKNOWN = 0x81 };

static const char *const texts[] = {"", "Not found", "Data exists for key.", "Too large.",
                                    "Invalid arguments"};

/* A request, checked. */
struct question {
    const struct kv_packet *head;
    const uint8_t *extras, *key, *value;
    uint32_t extra_bytes, key_bytes, value_bytes;
};

/* What an answer has behind its head; filled in its place. */
struct reply {
    uint8_t *at;
    uint32_t extra_bytes, key_bytes, value_bytes;
    uint64_t cas;
};

static bool is_for_me(const struct answer_host *me, const struct kv_packet *h, uint32_t length)
{
    if (length < BODY_AT || h->type != net16(TYPE_IPV4) || h->version != IP_PLAIN ||
        h->protocol != UDP || h->target != net32(me->address) ||
        h->target_port != net16(me->port) || !is_mac(h->to, me->mac) || h->from[0] & 1 ||
        h->fragment & net16(IP_IN_PIECES))
        return false;
    const uint32_t from = net32(h->source), bytes = net16(h->bytes);
    if (bytes < HEAD + 8 || bytes > length - UDP_AT || net16(h->length) != bytes + IP_BYTES ||
        !from || from == me->address || from >= 0xe0000000u || !h->source_port ||
        h->source_port == h->target_port)
        return false;
    if (sum_fold(sum_bytes(&h->version, IP_BYTES, 0)) != 0xffff)
        return false;
    return !h->sum ||
           sum_fold(sum_bytes(&h->source, bytes + 8, (uint64_t)net16(UDP) + h->bytes)) == 0xffff;
}

/* False: it is no whole request. */
static bool read_question(const struct kv_packet *h, struct question *q)
{
    const uint32_t body = net16(h->bytes) - 8u - HEAD;

    q->head = h;
    q->extra_bytes = h->extra_bytes;
    q->key_bytes = net16(h->key_bytes);
    if (h->magic != REQUEST || h->number || h->count != net16(1) || net32(h->body_bytes) != body ||
        q->extra_bytes + q->key_bytes > body)
        return false;
    q->value_bytes = body - q->extra_bytes - q->key_bytes;
    q->extras = (const uint8_t *)(h + 1);
    q->key = q->extras + q->extra_bytes;
    q->value = q->key + q->key_bytes;
    return true;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    const uint64_t mixed = (hash ^ word) * 0x9e3779b97f4a7c15u;

    return mixed ^ mixed >> 32;
}

/* Keys that differ in any byte are to lie in any sets. */
static struct kv_item *set_of(struct kv *kv, const struct question *q)
{
    const uint8_t *at = q->key;
    uint32_t bytes = q->key_bytes;
    uint64_t hash = bytes, word;

    for (; bytes >= sizeof word; bytes -= (uint32_t)sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = mix(hash, word);
    }
    for (word = 0; bytes; bytes--)
        word = word << 8 | *at++;
    return kv->items[mix(hash, word) % KV_SETS];
}

static void forget(struct kv_item *item)
{
    item->version = 0;
    item->asked = 0;
}

static struct kv_item *find(struct kv *kv, const struct question *q)
{
    struct kv_item *set = set_of(kv, q);

    for (unsigned i = 0; i < KV_PLACES; i++) {
        struct kv_item *item = &set[i];
        if (!item->version || item->key_bytes != q->key_bytes ||
            memcmp(item->bytes, q->key, q->key_bytes))
            continue;
        if (item->ends && item->ends <= kv->second) {
            forget(item);
            return NULL;
        }
        item->asked = ++kv->asked;
        return item;
    }
    return NULL;
}

static struct kv_item *place_for(struct kv *kv, const struct question *q)
{
    struct kv_item *set = set_of(kv, q), *found = set;

    for (unsigned i = 1; i < KV_PLACES; i++)
        if (set[i].asked < found->asked)
            found = &set[i];
    return found;
}

static enum status get(struct kv *kv, const struct question *q, bool with_key, struct reply *r)
{
    if (q->extra_bytes || q->value_bytes || !q->key_bytes || q->key_bytes > KV_KEY_MOST)
        return BAD_ARGUMENTS;
    const struct kv_item *item = find(kv, q);
    if (!item) {
        kv->missed++;
        return NOT_FOUND;
    }
    kv->found++;
    memcpy(r->at, &item->flags, sizeof item->flags);
    r->extra_bytes = sizeof item->flags;
    r->key_bytes = with_key ? item->key_bytes : 0;
    r->value_bytes = item->value_bytes;
    memcpy(r->at + r->extra_bytes, item->bytes + item->key_bytes - r->key_bytes,
           r->key_bytes + r->value_bytes);
    r->cas = item->version;
    return DONE;
}

static enum status set(struct kv *kv, const struct question *q, enum opcode how, struct reply *r)
{
    uint32_t expires;

    if (q->extra_bytes != 8 || !q->key_bytes || q->key_bytes > KV_KEY_MOST)
        return BAD_ARGUMENTS;
    if (q->value_bytes > KV_VALUE_MOST)
        return TOO_LARGE;
    struct kv_item *item = find(kv, q);
    if (!item && (how == REPLACE || q->head->cas))
        return NOT_FOUND;
    if (item && (how == ADD || (q->head->cas && net64(q->head->cas) != item->version)))
        return EXISTS;
    if (!item)
        item = place_for(kv, q);
    memcpy(&expires, q->extras + 4, sizeof expires);
    expires = net32(expires);
    memcpy(&item->flags, q->extras, sizeof item->flags);
    item->ends = expires && expires <= MONTH ? kv->second + expires : expires;
    item->key_bytes = (uint16_t)q->key_bytes;
    item->value_bytes = (uint16_t)q->value_bytes;
    memcpy(item->bytes, q->key, q->key_bytes + q->value_bytes); /* they are neighbours there, too */
    item->version = ++kv->version;
    item->asked = ++kv->asked;
    kv->stored++;
    r->cas = item->version;
    return DONE;
}

static enum status delete (struct kv *kv, const struct question *q) {
    if (q->extra_bytes || q->value_bytes || !q->key_bytes ||
        q->key_bytes > KV_KEY_MOST) return BAD_ARGUMENTS;
    struct kv_item *item = find(kv, q);
    if (!item) return NOT_FOUND;
    if (q->head->cas && net64(q->head->cas) != item->version) return EXISTS;
    forget(item);
    return DONE;
}

static enum status perform(struct kv *kv, const struct question *q, struct reply *r)
{
    const uint8_t opcode = q->head->opcode;

    switch (opcode) {
    case GET:
    case GET_QUIET:
        return get(kv, q, false, r);
    case GET_KEY:
    case GET_KEY_QUIET:
        return get(kv, q, true, r);
    case SET:
    case ADD:
    case REPLACE:
        return set(kv, q, (enum opcode)opcode, r);
    case DELETE:
        return delete (kv, q);
    case NOTHING:
        return DONE;
    case TELL_VERSION:
        r->value_bytes = sizeof VERSION - 1;
        memcpy(r->at, VERSION, r->value_bytes);
        return DONE;
    default:
        return UNKNOWN;
    }
}

/* Turned round, with all lengths and sums. */
static uint32_t complete(const struct answer_host *me, const struct kv_packet *q,
                         struct kv_packet *a, enum status status, const struct reply *r)
{
    const uint32_t body = r->extra_bytes + r->key_bytes + r->value_bytes;
    const uint32_t bytes = 8 + HEAD + body;

    *a = (struct kv_packet){.type = q->type,
                            .version = IP_PLAIN,
                            .length = net16(IP_BYTES + bytes),
                            .fragment = net16(IP_WHOLE),
                            .time_to_live = 64,
                            .protocol = UDP,
                            .source = q->target,
                            .target = q->source,
                            .source_port = q->target_port,
                            .target_port = q->source_port,
                            .bytes = net16(bytes),
                            .request = q->request,
                            .count = net16(1),
                            .magic = ANSWER,
                            .opcode = q->opcode,
                            .key_bytes = net16(r->key_bytes),
                            .extra_bytes = (uint8_t)r->extra_bytes,
                            .status = net16(status),
                            .body_bytes = net32(body),
                            .opaque = q->opaque,
                            .cas = net64(r->cas)};
    memcpy(a->to, q->from, sizeof a->to);
    memcpy(a->from, me->mac, sizeof a->from);
    a->ip_sum = (uint16_t)~sum_fold(sum_bytes(&a->version, IP_BYTES, 0));
    a->sum = (uint16_t)~sum_fold(sum_bytes(&a->source, bytes + 8, (uint64_t)net16(UDP) + a->bytes));
    if (!a->sum)
        a->sum = 0xffff;
    return BODY_AT + body;
}

uint32_t kv_answer(struct kv *kv, const struct answer_host *me, const uint8_t *packet,
                   uint32_t length, uint8_t *to)
{
    const struct kv_packet *h = (const struct kv_packet *)(const void *)packet;
    struct reply r = {.at = to + BODY_AT};
    struct question q;

    if (!is_for_me(me, h, length) || !read_question(h, &q))
        return 0;
    enum status status = perform(kv, &q, &r);
    bool quiet = h->opcode == GET_QUIET || h->opcode == GET_KEY_QUIET;
    if (status == NOT_FOUND && quiet)
        return 0;
    if (status != DONE) {
        const char *text = status == UNKNOWN ? "Unknown command" : texts[status];
        r = (struct reply){.at = r.at, .value_bytes = (uint32_t)strlen(text)};
        memcpy(r.at, text, r.value_bytes);
    }
    uint32_t bytes = complete(me, h, (struct kv_packet *)(void *)to, status, &r);
    for (; bytes < SHORTEST; bytes++)
        to[bytes] = 0;
    return bytes;
}

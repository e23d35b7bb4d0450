/* A key-value store that speaks memcached's binary protocol: what datagrams contain. */
#include "libos-net/examples/kv.h"

#include "libos-net/direct/packet.h"

#define MONTH   (60u * 60 * 24 * 30) /* longer times are moments */
#define VERSION "exo4"
_Static_assert(sizeof(struct kv_heads) == KV_HEADS, "as on the wire");

enum status { DONE = 0x00, NOT_FOUND, EXISTS, TOO_LARGE, BAD_ARGUMENTS, UNKNOWN = 0x81 };

static const char *const texts[] = {"", "Not found", "Data exists for key.", "Too large.",
                                    "Invalid arguments"};

/* A request, checked. */
struct question {
    const struct kv_heads *head;
    const uint8_t *extras, *key, *value;
    uint32_t extra_bytes, key_bytes, value_bytes;
};

/* What an answer has behind its head; filled in its place. */
struct reply {
    uint8_t *at;
    uint32_t extra_bytes, key_bytes, value_bytes;
    uint64_t cas;
};

/* A number of four bytes, as on the wire. */
static uint32_t number_at(const uint16_t at[2])
{
    uint32_t number;

    __builtin_memcpy(&number, at, sizeof number);
    return net32(number);
}

static uint64_t cas_of(const struct kv_heads *h)
{
    uint64_t number;

    __builtin_memcpy(&number, h->cas, sizeof number);
    return net64(number);
}

/* False: it is no whole request. */
static bool read_question(const uint8_t *contents, uint32_t length, struct question *q)
{
    const struct kv_heads *h = (const struct kv_heads *)(const void *)contents;

    if (length < KV_HEADS)
        return false;
    const uint32_t body = length - KV_HEADS;
    q->head = h;
    q->extra_bytes = h->extra_bytes;
    q->key_bytes = net16(h->key_bytes);
    if (h->magic != KV_REQUEST || h->number || h->count != net16(1) ||
        number_at(h->body_bytes) != body || q->extra_bytes + q->key_bytes > body)
        return false;
    q->value_bytes = body - q->extra_bytes - q->key_bytes;
    q->extras = (const uint8_t *)(h + 1);
    q->key = q->extras + q->extra_bytes;
    q->value = q->key + q->key_bytes;
    return true;
}

static struct kv_item *set_of(struct kv *kv, const struct question *q)
{
    const uint8_t *at = q->key;
    uint32_t bytes = q->key_bytes;
    uint64_t hash = bytes, word;

    for (; bytes >= sizeof word; bytes -= (uint32_t)sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = kv_mix(hash, word);
    }
    word = 0;
    for (uint32_t i = 0; i < bytes; i++)
        word |= (uint64_t)at[i] << 8 * i;
    return kv->items[kv_mix(hash, word) % KV_SETS];
}

/* Between the two nobody else takes what the item has. */
static void change(struct kv_item *item)
{
    __atomic_store_n(&item->turn, item->turn + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void show(struct kv_item *item)
{
    __atomic_store_n(&item->turn, item->turn + 1, __ATOMIC_RELEASE);
}

static void forget(struct kv_item *item)
{
    change(item);
    item->version = 0;
    show(item);
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

    for (unsigned i = 0; i < KV_PLACES; i++) {
        if (!set[i].version)
            return &set[i];
        if (set[i].asked < found->asked)
            found = &set[i];
    }
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

static enum status set(struct kv *kv, const struct question *q, enum kv_opcode how, struct reply *r)
{
    const uint64_t cas = cas_of(q->head);
    uint32_t expires;

    if (q->extra_bytes != 8 || !q->key_bytes || q->key_bytes > KV_KEY_MOST)
        return BAD_ARGUMENTS;
    if (q->value_bytes > KV_VALUE_MOST)
        return TOO_LARGE;
    struct kv_item *item = find(kv, q);
    if (!item && (how == KV_REPLACE || cas))
        return NOT_FOUND;
    if (item && (how == KV_ADD || (cas && cas != item->version)))
        return EXISTS;
    if (!item)
        item = place_for(kv, q);
    memcpy(&expires, q->extras + 4, sizeof expires);
    expires = net32(expires);
    change(item);
    memcpy(&item->flags, q->extras, sizeof item->flags);
    item->ends = expires && expires <= MONTH ? kv->second + expires : expires;
    item->key_bytes = (uint16_t)q->key_bytes;
    item->value_bytes = (uint16_t)q->value_bytes;
    memcpy(item->bytes, q->key, q->key_bytes + q->value_bytes); /* they are neighbours there, too */
    item->version = ++kv->version;
    item->asked = ++kv->asked;
    show(item);
    kv->stored++;
    r->cas = item->version;
    return DONE;
}

static enum status delete (struct kv *kv, const struct question *q) {
    if (q->extra_bytes || q->value_bytes || !q->key_bytes ||
        q->key_bytes > KV_KEY_MOST) return BAD_ARGUMENTS;
    struct kv_item *item = find(kv, q);
    if (!item) return NOT_FOUND;
    if (cas_of(q->head) && cas_of(q->head) != item->version) return EXISTS;
    forget(item);
    return DONE;
}

static enum status perform(struct kv *kv, const struct question *q, struct reply *r)
{
    const uint8_t opcode = q->head->opcode;

    switch (opcode) {
    case KV_GET:
    case KV_GET_QUIET:
        return get(kv, q, false, r);
    case KV_GET_KEY:
    case KV_GET_KEY_QUIET:
        return get(kv, q, true, r);
    case KV_SET:
    case KV_ADD:
    case KV_REPLACE:
        return set(kv, q, (enum kv_opcode)opcode, r);
    case KV_DELETE:
        return delete (kv, q);
    case KV_NOTHING:
        return DONE;
    case KV_TELL_VERSION:
        r->value_bytes = sizeof VERSION - 1;
        memcpy(r->at, VERSION, r->value_bytes);
        return DONE;
    default:
        return UNKNOWN;
    }
}

/* Turned round. Returns the bytes of the whole. */
static uint32_t complete(const struct kv_heads *q, struct kv_heads *a, enum status status,
                         const struct reply *r)
{
    const uint32_t body = r->extra_bytes + r->key_bytes + r->value_bytes;
    const uint64_t cas = net64(r->cas);

    *a = (struct kv_heads){.request = q->request,
                           .count = net16(1),
                           .magic = KV_ANSWER,
                           .opcode = q->opcode,
                           .key_bytes = net16(r->key_bytes),
                           .extra_bytes = (uint8_t)r->extra_bytes,
                           .status = net16(status),
                           .body_bytes = {0, net16(body)},
                           .opaque = {q->opaque[0], q->opaque[1]}};
    __builtin_memcpy(a->cas, &cas, sizeof a->cas);
    return KV_HEADS + body;
}

uint32_t kv_answer(struct kv *kv, const uint8_t *contents, uint32_t length, uint8_t *to)
{
    struct reply r = {.at = to + KV_HEADS};
    struct question q;

    if (!read_question(contents, length, &q))
        return 0;
    const uint8_t opcode = q.head->opcode;
    enum status status = perform(kv, &q, &r);
    if (status == NOT_FOUND && (opcode == KV_GET_QUIET || opcode == KV_GET_KEY_QUIET))
        return 0;
    if (status != DONE) {
        const char *text = status == UNKNOWN ? "Unknown command" : texts[status];
        r = (struct reply){.at = r.at, .value_bytes = (uint32_t)strlen(text)};
        memcpy(r.at, text, r.value_bytes);
    }
    return complete(q.head, (struct kv_heads *)(void *)to, status, &r);
}

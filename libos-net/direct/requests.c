/* Requests on a connection of direct/tcp.h, and the documents that answer them. */
#include "libos-net/direct/requests.h"

#define KNOWN       256u /* requests that are known as they are, byte for byte */
#define KNOWN_BYTES 512u /* longer ones are not                                */

static struct known {
    struct document *document; /* NULL: none */
    uint32_t forgotten;        /* of the cache, when it was known */
    uint32_t count;
    uint8_t bytes[KNOWN_BYTES];
} known[KNOWN];

static struct known *place_of(const uint8_t *bytes, uint32_t count)
{
    uint64_t sum = sum_bytes(bytes, count, count);

    return &known[(sum * 0x9e3779b97f4a7c15u) >> 56];
}

static bool is_same(const struct known *k, const uint8_t *bytes, uint32_t count)
{
    uint64_t a, b;
    uint32_t at = 0;

    if (k->count != count || count < sizeof a)
        return false;
    /* The last word may have bytes of the one before it. */
    for (;;
         at = at + 2 * sizeof a <= count ? at + (uint32_t)sizeof a : count - (uint32_t)sizeof a) {
        __builtin_memcpy(&a, k->bytes + at, sizeof a);
        __builtin_memcpy(&b, bytes + at, sizeof b);
        if (a != b)
            return false;
        if (at + sizeof a == count)
            return true;
    }
}

/* Answers a request that was parsed. */
static void answer(struct tcp *t, struct tcp_connection *c, enum http_status status,
                   const struct http_request *r, const uint8_t *bytes, uint32_t count)
{
    struct document *d =
        status == HTTP_OK ? cache_find(t->cache, r->path) : cache_status(t->cache, status);
    bool stays = status == HTTP_OK && r->keep_alive;

    if (!d) { /* more documents at once than there is room for */
        c->closing = true;
        return;
    }
    if (stays && !r->head && !r->body && count <= KNOWN_BYTES) {
        struct known *k = place_of(bytes, count);
        *k = (struct known){.document = d, .forgotten = t->cache->forgotten, .count = count};
        memcpy(k->bytes, bytes, count);
    }
    c->skip = stays ? r->body : 0;
    direct_answer(t, c, d, stays ? ENDS_NOT : ENDS_AFTER, !r->head);
}

uint32_t direct_read(struct tcp *t, struct tcp_connection *c, const uint8_t *bytes, uint32_t count)
{
    uint32_t at = 0;

    while (at < count && c->count < TCP_ANSWERS && !c->closing) {
        struct http_request r;
        uint32_t left = count - at;
        if (c->skip) {
            uint32_t part = c->skip < left ? c->skip : left;
            c->skip -= part;
            at += part;
            continue;
        }
        const struct known *k = place_of(bytes + at, left);
        if (k->document && k->forgotten == t->cache->forgotten && is_same(k, bytes + at, left)) {
            direct_answer(t, c, k->document, ENDS_NOT, true);
            return count;
        }
        enum http_status status = http_parse((const char *)bytes + at, left, &r);
        if (status == HTTP_MORE)
            break;
        uint32_t head = status == HTTP_OK ? (uint32_t)r.head_size : left;
        answer(t, c, status, &r, bytes + at, head);
        at += head;
    }
    return c->closing ? count : at;
}

void direct_answer(struct tcp *t, struct tcp_connection *c, struct document *d, enum ending ending,
                   bool body)
{
    struct answer *a = &c->answers[(c->first + c->count) % TCP_ANSWERS];
    struct front *f = ending == ENDS_NOT && body ? cache_front(t->cache, d, t->second) : NULL;
    uint32_t head_bytes = d->head_bytes;

    if (ending == ENDS_AFTER) {
        char head[CACHE_HEAD];
        head_bytes = cache_head(d, ending, t->second, head);
        c->closing = true;
    }
    *a = (struct answer){.document = d,
                         .front = f,
                         .second = t->second,
                         .begin = c->end,
                         .bytes = head_bytes + (body ? d->count : 0),
                         .head_bytes = (uint16_t)head_bytes,
                         .ending = ending};
    d->users++;
    d->asked = ++t->cache->asked;
    c->count++;
    c->end += a->bytes;
    t->figures.answered++;
}

void requests_forget(void)
{
    memset(known, 0, sizeof known);
}

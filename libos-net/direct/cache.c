/* Documents as packets. */
#include "libos-net/direct/cache.h"

#include "libos-net/examples/http_text.h"

#define BEFORE 12u /* of a place: what a card's header is written into */
_Static_assert(BEFORE + HEADS_BYTES + SEGMENT_MOST <= CACHE_PLACE, "a packet fits its place");

void cache_begin(struct cache *c, uint8_t *arena, uint32_t bytes)
{
    memset(c, 0, sizeof *c);
    c->arena = arena;
    c->place_count = bytes / CACHE_PLACE < CACHE_PLACES ? bytes / CACHE_PLACE : CACHE_PLACES;
    for (uint32_t i = 0; i < c->place_count; i++)
        c->packets[i].at = i * CACHE_PLACE + BEFORE;
}

static struct document **bucket_of(struct cache *c, const char *path)
{
    uint32_t hash = 2166136261u;

    for (; *path; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619u;
    return &c->buckets[(hash ^ hash >> 16) % CACHE_DOCUMENTS];
}

static uint16_t number_of(const struct cache *c, const struct document *d)
{
    return (uint16_t)(d - c->documents + 1);
}

static struct packet *packets_of(const struct document *d)
{
    return d->rest - CACHE_FRONTS;
}

static bool is_in_use(const struct document *d)
{
    if (d->users)
        return true;
    for (uint32_t i = 0; i < d->places; i++)
        if (packets_of(d)[i].busy)
            return true;
    return false;
}

static void take_packets_away(struct cache *c, struct document *d)
{
    for (uint32_t i = 0; i < d->places; i++)
        c->owner[packets_of(d) + i - c->packets] = 0;
    d->places = 0;
    d->rest = NULL;
}

static void forget(struct cache *c, struct document *d)
{
    struct document **at = bucket_of(c, d->path);

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    take_packets_away(c, d);
    d->path[0] = '\0';
    c->forgotten++;
}

/* The document not asked for the longest that nobody needs and that has packets, or any. */
static struct document *oldest(struct cache *c, bool with_packets)
{
    struct document *found = NULL;

    for (uint32_t i = 0; i < CACHE_DOCUMENTS; i++) {
        struct document *d = &c->documents[i];
        if (d->path[0] && (d->places || !with_packets) && !is_in_use(d) &&
            (!found || d->asked < found->asked))
            found = d;
    }
    return found;
}

/* So many free places side by side, or NULL. */
static struct packet *free_run(struct cache *c, uint32_t count)
{
    uint32_t run = 0;

    for (uint32_t i = 0; i < c->place_count; i++) {
        run = c->owner[i] ? 0 : run + 1;
        if (run == count)
            return &c->packets[i + 1 - count];
    }
    return NULL;
}

uint16_t cache_head(const struct document *d, enum ending ending, uint64_t second,
                    char to[CACHE_HEAD])
{
    struct http_text t = {to, CACHE_HEAD, 0};

    http_put(&t, "HTTP/1.1 ");
    http_put_number(&t, d->status);
    http_put(&t, " ");
    http_put(&t, http_reason(d->status));
    http_put(&t, "\r\nDate: ");
    http_put_date(&t, second);
    http_put(&t, "\r\nServer: exo4\r\nContent-Type: ");
    http_put(&t, d->type);
    http_put(&t, "\r\nContent-Length: ");
    http_put_number(&t, d->count);
    if (d->status == HTTP_BAD_METHOD)
        http_put(&t, "\r\nAllow: GET, HEAD");
    if (d->status == HTTP_MOVED) {
        http_put(&t, "\r\nLocation: ");
        http_put_url(&t, d->path);
        http_put(&t, "/");
    }
    http_put(&t, ending == ENDS_NOT ? "\r\nConnection: keep-alive\r\n\r\n"
                                    : "\r\nConnection: close\r\n\r\n");
    return (uint16_t)t.used;
}

static uint8_t *contents(const struct cache *c, const struct packet *p)
{
    return c->arena + p->at + HEADS_BYTES;
}

static void write_front(struct cache *c, struct document *d, struct front *f, uint64_t second)
{
    char head[CACHE_HEAD];
    uint16_t bytes = cache_head(d, ENDS_NOT, second, head);
    struct packet *p = f->packet;
    uint32_t room = SEGMENT_MOST - bytes, body = d->count < room ? d->count : room;

    memcpy(contents(c, p), head, bytes);
    memcpy(contents(c, p) + bytes, d->bytes, body);
    p->bytes = (uint16_t)(bytes + body);
    p->sum = sum_fold(sum_bytes(contents(c, p), p->bytes, 0));
    f->second = second;
}

/* Cuts the document, if there is room. */
static void cut(struct cache *c, struct document *d, uint64_t second)
{
    uint32_t room = SEGMENT_MOST - d->head_bytes;
    uint32_t left = d->count > room ? d->count - room : 0;
    uint32_t places = CACHE_FRONTS + left / SEGMENT_MOST + (left % SEGMENT_MOST > 0);
    struct document *other = NULL;
    struct packet *p = NULL;

    if (places > c->place_count)
        return;
    while (!(p = free_run(c, places)) && (other = oldest(c, true)))
        forget(c, other);
    if (!p)
        return;
    for (uint32_t i = 0; i < places; i++)
        c->owner[p + i - c->packets] = number_of(c, d);
    d->places = places;
    d->rest = p + CACHE_FRONTS;
    for (uint32_t i = 0; i < CACHE_FRONTS; i++) {
        d->fronts[i] = (struct front){.packet = p + i};
        write_front(c, d, &d->fronts[i], second);
    }
    for (uint32_t i = CACHE_FRONTS; i < places; i++) {
        uint32_t begin = d->count - left, bytes = left < SEGMENT_MOST ? left : SEGMENT_MOST;
        memcpy(contents(c, p + i), d->bytes + begin, bytes);
        p[i].bytes = (uint16_t)bytes;
        p[i].sum = sum_fold(sum_bytes(contents(c, p + i), bytes, 0));
        left -= bytes;
    }
}

static struct document *unused(struct cache *c)
{
    struct document *d = NULL;

    for (uint32_t i = 0; i < CACHE_DOCUMENTS && !d; i++)
        if (!c->documents[i].path[0])
            d = &c->documents[i];
    if (!d && (d = oldest(c, false)))
        forget(c, d);
    return d;
}

/* A document that nobody has asked for yet. Its packets are cut when they are wanted. */
static struct document *enter(struct cache *c, const char *path, enum http_status status,
                              const struct source *s)
{
    struct document *d = unused(c), **bucket = bucket_of(c, path);
    char head[CACHE_HEAD];

    if (!d)
        return NULL;
    *d = (struct document){
        .next = *bucket, .bytes = s->bytes, .count = s->count, .type = s->type, .status = status};
    memcpy(d->path, path, strlen(path) + 1);
    d->head_bytes = cache_head(d, ENDS_NOT, 0, head);
    *bucket = d;
    return d;
}

static struct document *known(struct cache *c, const char *path)
{
    struct document *d = *bucket_of(c, path);

    while (d && strcmp(d->path, path))
        d = d->next;
    if (d)
        d->asked = ++c->asked;
    return d;
}

static struct document *enter_status(struct cache *c, const char *path, enum http_status status)
{
    const char *phrase = http_reason(status);
    const struct source s = {(const uint8_t *)phrase, (uint32_t)strlen(phrase),
                             "text/plain; charset=utf-8"};

    return enter(c, path, status, &s);
}

struct document *cache_status(struct cache *c, enum http_status status)
{
    const char *phrase = http_reason(status); /* no path is called so: they begin with '/' */
    struct document *d = known(c, phrase);

    return d ? d : enter_status(c, phrase, status);
}

struct document *cache_find(struct cache *c, const char *path)
{
    struct document *d = known(c, path);
    struct source s;

    if (d)
        return d;
    if (strlen(path) >= CACHE_PATH)
        return cache_status(c, HTTP_TARGET_TOO_LONG);
    enum http_status status = http_is_hidden(path) ? HTTP_NOT_FOUND : direct_find(path, &s);
    if (status != HTTP_OK && status != HTTP_MOVED)
        return cache_status(c, status);
    d = status == HTTP_OK ? enter(c, path, HTTP_OK, &s) : enter_status(c, path, HTTP_MOVED);
    if (d)
        d->asked = ++c->asked;
    return d;
}

struct front *cache_front(struct cache *c, struct document *d, uint64_t second)
{
    struct front *f = &d->fronts[d->front];

    if (!d->rest) {
        cut(c, d, second);
        if (!d->rest)
            return NULL;
    }
    if (f->second != second) {
        struct front *other = &d->fronts[(d->front + 1u) % CACHE_FRONTS];
        if (!f->users && !f->packet->busy) {
            write_front(c, d, f, second);
        } else if (!other->users && !other->packet->busy) {
            write_front(c, d, other, second);
            d->front = (uint8_t)((d->front + 1u) % CACHE_FRONTS);
            f = other;
        }
    }
    f->users++;
    return f;
}

const char *cache_check(const struct cache *c)
{
    uint32_t places = 0;

    for (uint32_t i = 0; i < CACHE_DOCUMENTS; i++) {
        const struct document *d = &c->documents[i];
        uint32_t users = 0;

        places += d->places;
        for (uint32_t j = 0; j < d->places; j++)
            if (c->owner[packets_of(d) + j - c->packets] != number_of(c, d))
                return "C1: a document's place is another's";
        if ((d->users || d->places) && !d->path[0])
            return "C2: a document in use is forgotten";
        for (uint32_t j = 0; d->rest && j < CACHE_FRONTS; j++)
            users += d->fronts[j].users;
        if (users > d->users)
            return "C3: fronts have more users than their document";
    }
    for (uint32_t i = 0; i < c->place_count; i++)
        places -= c->owner[i] != 0;
    return places ? "C1: a place has an owner that does not know it" : NULL;
}

/* A web server of documents without a machine. */
#define _GNU_SOURCE
#include "tests/host/direct_world.h"

#include <stdio.h>

#define DOCUMENT_MOST (8u << 20)
#define CLIENTS       64u
#define SHORTEST      60u

struct tcp server;
struct cache cache;
struct outlet outlet;
struct weather weather;
uint32_t arena_bytes = 2u << 20, link_room = RING_SLOTS;

static uint8_t *documents;
static struct client *clients[CLIENTS];
static uint8_t room[LINK_PACKET_MAX];
static uint64_t chance;
static uint32_t now;

/* What the link was given and has not read: a packet of its own, or where one lies. */
static struct posted {
    struct wire_packet packet;
    uint32_t at, *busy;
} posted[RING_SLOTS];
static uint32_t posted_count;

/* To the server. */
static struct wire_packet inbox[WIRE_MOST];
static uint32_t inbox_count;

unsigned chance_below(unsigned most)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)((chance >> 16) % most);
}

uint8_t world_byte(uint32_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

enum http_status direct_find(const char *path, struct source *out)
{
    unsigned bytes = 0;

    if (!strcmp(path, "/dir"))
        return HTTP_MOVED;
    if (sscanf(path, "/%u", &bytes) != 1 || bytes > DOCUMENT_MOST)
        return HTTP_NOT_FOUND;
    *out = (struct source){documents, bytes, "text/plain"};
    return HTTP_OK;
}

static void receive_at(struct client *c, const struct segment *s)
{
    uint32_t offset = s->sequence - c->in;

    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t at = c->got_count + offset + i;
        if ((int32_t)(offset + i) < 0)
            continue;
        assert_true(at < CLIENT_ROOM);
        assert_true(offset + i < c->window || c->window == 0);
        assert_true(!c->has[at] || c->got[at] == s->bytes[i]); /* the same bytes again */
        c->got[at] = s->bytes[i];
        c->has[at] = 1;
    }
    while (c->has[c->got_count]) {
        c->got_count++;
        c->in++;
    }
    if (s->flags & TCP_FIN && s->sequence + s->count == c->in) {
        c->ends++;
        c->in++;
    }
}

/* What the client makes of a packet whose sums are right. */
static void client_receive(struct client *c, const struct segment *s)
{
    c->packets++;
    c->flags = s->flags;
    c->acknowledged = s->acknowledged;
    c->resets += (s->flags & TCP_RST) != 0;
    c->acks += !s->count && s->flags == TCP_ACK;
    if (s->flags & TCP_SYN) {
        c->in = s->sequence + 1;
        return;
    }
    if (s->flags & TCP_RST)
        return;
    receive_at(c, s);
    if ((s->count || s->flags & TCP_FIN) && !c->is_quiet)
        client_send_at(c, c->out, TCP_ACK, NULL, 0);
}

/* To whom it belongs; a packet that is not whole is a fault of the server's. */
static void deliver(const struct wire_packet *p)
{
    const struct tcp_head *h = (const struct tcp_head *)(const void *)p->bytes;
    const uint32_t bytes = net16(h->length), words = h->words >> 4;

    assert_true(p->length >= SHORTEST || p->length == bytes + ETHERNET_BYTES);
    assert_int_equal(sum_fold(sum_bytes(p->bytes + ETHERNET_BYTES, IP_BYTES, 0)), 0xffff);
    assert_int_equal(
        sum_fold(sum_bytes(p->bytes + ETHERNET_BYTES + IP_BYTES - 8, bytes - IP_BYTES + 8,
                           (uint64_t)net16(PROTOCOL_TCP) + net16(bytes - IP_BYTES))),
        0xffff);
    const struct segment s = {.head = h,
                              .bytes = p->bytes + ETHERNET_BYTES + IP_BYTES + 4 * words,
                              .count = bytes - IP_BYTES - 4 * words,
                              .sequence = net32(h->sequence),
                              .acknowledged = net32(h->acknowledged),
                              .window = net16(h->window),
                              .flags = h->flags};
    for (unsigned i = 0; i < CLIENTS; i++)
        if (clients[i] && net32(h->target) == clients[i]->address &&
            net16(h->target_port) == clients[i]->port)
            client_receive(clients[i], &s);
}

static void into(struct wire_packet *list, uint32_t *count, const struct wire_packet *p)
{
    if (*count == WIRE_MOST || chance_below(1000) < weather.lost)
        return;
    list[(*count)++] = *p;
    if (*count < WIRE_MOST && chance_below(1000) < weather.doubled)
        list[(*count)++] = *p;
    if (*count > 1 && chance_below(1000) < weather.late) {
        uint32_t other = chance_below(*count);
        struct wire_packet was = list[other];
        list[other] = list[*count - 1];
        list[*count - 1] = was;
    }
}

/* The link reads what lies ready, as late as this. */
static uint32_t read_posted(void)
{
    static struct wire_packet out[WIRE_MOST];
    uint32_t count = 0, were = posted_count;

    for (uint32_t i = 0; i < were; i++) {
        struct posted *p = &posted[i];
        if (p->busy) {
            memcpy(p->packet.bytes, outlet.arena + p->at, p->packet.length);
            --*p->busy;
        }
        into(out, &count, &p->packet);
    }
    posted_count = 0;
    for (uint32_t i = 0; i < count; i++)
        deliver(&out[i]);
    return were;
}

static uint8_t *link_place(struct link *l)
{
    (void)l;
    return posted_count < link_room ? room : NULL;
}

static void link_send(struct link *l, uint32_t length)
{
    (void)l;
    assert_true(posted_count < link_room);
    struct posted *p = &posted[posted_count++];
    p->packet.length = length;
    p->busy = NULL;
    memcpy(p->packet.bytes, room, length);
    memset(room, 0xee, sizeof room);
}

static bool send_from(struct outlet *o, uint32_t at, uint32_t length, uint32_t *busy)
{
    if (posted_count >= link_room)
        return false;
    assert_true(at + length <= o->arena_bytes && *busy == 0);
    ++*busy;
    posted[posted_count].packet.length = length;
    posted[posted_count].at = at;
    posted[posted_count++].busy = busy;
    return true;
}

static void collect(struct outlet *o)
{
    (void)o;
}

int world_begin(void **state)
{
    static struct link link = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
                               .mtu = 1500,
                               .room = link_place,
                               .send = link_send};
    (void)state;

    chance = 11;
    now = 100000;
    weather = (struct weather){0, 0, 0};
    link_room = RING_SLOTS;
    posted_count = inbox_count = 0;
    if (!documents) {
        documents = malloc(DOCUMENT_MOST);
        for (uint32_t i = 0; i < DOCUMENT_MOST; i++)
            documents[i] = world_byte(i);
    }
    outlet = (struct outlet){.link = &link,
                             .arena = malloc(arena_bytes),
                             .arena_bytes = arena_bytes,
                             .send_from = send_from,
                             .collect = collect};
    const struct tcp_config config = {.outlet = &outlet,
                                      .cache = &cache,
                                      .address = SERVER_ADDRESS,
                                      .port = SERVER_PORT,
                                      .secret = {1, 2}};
    requests_forget();
    cache_begin(&cache, outlet.arena, arena_bytes);
    direct_begin(&server, &config);
    direct_now(&server, now, 1000000000 + now / 1000);
    return 0;
}

int world_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++)
        if (clients[i])
            client_free(clients[i]);
    weather = (struct weather){0, 0, 0};
    link_room = RING_SLOTS;
    world_run(60000);
    assert_int_equal(server.figures.open, 0);
    for (unsigned i = 0; i < CACHE_DOCUMENTS; i++)
        assert_int_equal(cache.documents[i].users, 0);
    for (unsigned i = 0; i < CACHE_PLACES; i++)
        assert_int_equal(cache.packets[i].busy, 0);
    free(outlet.arena);
    return 0;
}

struct client *client_new(uint16_t port)
{
    struct client *c = calloc(1, sizeof *c);

    *c = (struct client){.address = CLIENT_ADDRESS,
                         .port = port,
                         .segment = SEGMENT_MOST,
                         .first = 0xfffffff0u + port,
                         .window = 65535,
                         .got = calloc(1, CLIENT_ROOM),
                         .has = calloc(1, CLIENT_ROOM)};
    c->out = c->first;
    for (unsigned i = 0; i < CLIENTS; i++)
        if (!clients[i]) {
            clients[i] = c;
            return c;
        }
    assert_true(false);
    return NULL;
}

void client_free(struct client *c)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (clients[i] == c)
            clients[i] = NULL;
    free(c->got);
    free(c->has);
    free(c);
}

static void put_sums(struct tcp_head *h, uint32_t bytes)
{
    const uint8_t *at = (const uint8_t *)h;

    h->ip_sum = (uint16_t)~sum_fold(sum_bytes(at + ETHERNET_BYTES, IP_BYTES, 0));
    h->sum = (uint16_t)~sum_fold(sum_bytes(at + ETHERNET_BYTES + IP_BYTES - 8, 8 + bytes,
                                           (uint64_t)net16(PROTOCOL_TCP) + net16(bytes)));
}

uint32_t client_write(const struct client *c, uint32_t sequence, uint8_t flags, const void *bytes,
                      uint32_t count, uint8_t *packet)
{
    struct tcp_head *h = (struct tcp_head *)(void *)packet;
    uint32_t options = flags & TCP_SYN ? 4 : 0;

    *h = (struct tcp_head){.type = net16(TYPE_IPV4),
                           .from = {2, 0, 0, 0, 0, 2},
                           .version = IP_PLAIN,
                           .length = net16(IP_BYTES + TCP_BYTES + options + count),
                           .time_to_live = 64,
                           .protocol = PROTOCOL_TCP,
                           .source = net32(c->address),
                           .target = net32(SERVER_ADDRESS),
                           .source_port = net16(c->port),
                           .target_port = net16(SERVER_PORT),
                           .sequence = net32(sequence),
                           .acknowledged = flags & TCP_ACK ? net32(c->in) : 0,
                           .words = (uint8_t)((TCP_BYTES + options) / 4 << 4),
                           .flags = flags,
                           .window = net16(c->window)};
    memcpy(h->to, server.mac, 6);
    if (options) {
        const uint8_t size[4] = {2, 4, (uint8_t)(c->segment >> 8), (uint8_t)c->segment};
        memcpy(packet + HEADS_BYTES, size, 4);
    }
    if (count)
        memcpy(packet + HEADS_BYTES + options, bytes, count);
    put_sums(h, TCP_BYTES + options + count);
    return HEADS_BYTES + options + count;
}

void client_send_at(struct client *c, uint32_t sequence, uint8_t flags, const void *bytes,
                    uint32_t count)
{
    struct wire_packet p;

    p.length = client_write(c, sequence, flags, bytes, count, p.bytes);
    into(inbox, &inbox_count, &p);
}

void client_send(struct client *c, const char *text)
{
    uint32_t count = (uint32_t)strlen(text);

    client_send_at(c, c->out, TCP_ACK | TCP_PSH, text, count);
    c->out += count;
}

void client_end(struct client *c)
{
    client_send_at(c, c->out, TCP_ACK | TCP_FIN, NULL, 0);
    c->out++;
}

void client_open(struct client *c)
{
    const struct weather was = weather;

    weather = (struct weather){0, 0, 0};
    client_send_at(c, c->first, TCP_SYN, NULL, 0);
    world_run(1);
    assert_int_equal(c->flags, TCP_SYN | TCP_ACK);
    c->out = c->first + 1;
    client_send_at(c, c->out, TCP_ACK, NULL, 0);
    world_run(1);
    weather = was;
}

/* Each packet that arrives ends in memory that is just as long. */
static void receive_all(void)
{
    static struct wire_packet were[WIRE_MOST];
    uint32_t count = inbox_count;

    memcpy(were, inbox, count * sizeof *were);
    inbox_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *exact = malloc(were[i].length);
        memcpy(exact, were[i].bytes, were[i].length);
        direct_receive(&server, exact, were[i].length);
        free(exact);
    }
}

static void assert_whole(void)
{
    const char *wrong = direct_check(&server);

    if (!wrong)
        wrong = cache_check(&cache);
    if (wrong)
        fail_msg("%s", wrong);
}

void world_run(uint32_t milliseconds)
{
    const uint32_t end = now + milliseconds;

    do {
        direct_now(&server, now, 1000000000 + now / 1000);
        do {
            receive_all();
            direct_turn(&server);
        } while (read_posted() || inbox_count);
        assert_whole();
        now += milliseconds > 10 ? 10 : 1;
    } while (now < end);
}

uint32_t world_answer(const struct client *c, uint32_t at, uint32_t bytes)
{
    char length[64];
    const char *head = (const char *)c->got + at;
    const char *end = memmem(head, c->got_count - at, "\r\n\r\n", 4);

    assert_non_null(end);
    assert_memory_equal(head, "HTTP/1.1 200 OK\r\nDate: ", 23);
    int n = snprintf(length, sizeof length, "\r\nContent-Length: %u\r\n", bytes);
    assert_non_null(memmem(head, (size_t)(end - head) + 4, length, (size_t)n));
    const uint32_t begin = (uint32_t)(end - head) + 4;
    assert_true(c->got_count - at >= begin + bytes);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(c->got[at + begin + i], world_byte(i));
    return begin + bytes;
}

struct client *client_opened(uint16_t port)
{
    struct client *c = client_new(port);

    client_open(c);
    assert_int_equal(c->resets, 0);
    return c;
}

const char *world_get(uint32_t bytes)
{
    static char text[64];

    snprintf(text, sizeof text, "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n", bytes);
    return text;
}

/* Connections: finding them, their timers, their end. */
#include "libos-net/direct/tcp_parts.h"

#define CHALLENGES 100u /* answers to strange packets in a tick (RFC 5961) */

static struct tcp_connection **bucket_of(const struct tcp *t, uint32_t address, uint16_t port)
{
    uint64_t mixed = (((uint64_t)address << 16) ^ port ^ t->secret[0]) * 0x9e3779b97f4a7c15u;

    return (struct tcp_connection **)&t->buckets[mixed >> 32 & (TCP_CONNECTIONS - 1)];
}
_Static_assert((TCP_CONNECTIONS & (TCP_CONNECTIONS - 1)) == 0, "a mask picks the bucket");

void direct_begin(struct tcp *t, const struct tcp_config *config)
{
    memset(t, 0, sizeof *t);
    t->outlet = config->outlet;
    t->cache = config->cache;
    t->address = net32(config->address);
    t->port = net16(config->port);
    memcpy(t->mac, config->outlet->link->mac, sizeof t->mac);
    memcpy(t->secret, config->secret, sizeof t->secret);
    t->challenges_left = CHALLENGES;
    for (unsigned i = 0; i < TCP_CONNECTIONS; i++) {
        t->connections[i].next = t->free;
        t->free = &t->connections[i];
    }
    for (unsigned i = 0; i < TCP_BUFFERS; i++) {
        t->buffers[i].next = t->free_buffers;
        t->free_buffers = &t->buffers[i];
    }
}

struct tcp_connection *direct_connection(const struct tcp *t, const struct tcp_head *h)
{
    struct tcp_connection *c = *bucket_of(t, h->source, h->source_port);

    while (c && (c->head.target != h->source || c->head.target_port != h->source_port))
        c = c->next;
    return c;
}

void direct_buffer_free(struct tcp *t, struct tcp_connection *c)
{
    if (!c->buffer)
        return;
    c->buffer->next = t->free_buffers;
    t->free_buffers = c->buffer;
    c->buffer = NULL;
}

void direct_forget_answer(struct tcp_connection *c)
{
    struct answer *a = &c->answers[c->first];

    a->document->users--;
    if (a->front)
        a->front->users--;
    c->first = (uint8_t)((c->first + 1u) % TCP_ANSWERS);
    c->count--;
}

void direct_set_due(struct tcp *t, struct tcp_connection *c)
{
    if (c->is_due)
        return;
    c->is_due = true;
    c->next_due = t->due;
    t->due = c;
}

static void unlink_due(struct tcp *t, struct tcp_connection *c)
{
    struct tcp_connection **at = &t->due;

    if (!c->is_due)
        return;
    while (*at != c)
        at = &(*at)->next_due;
    *at = c->next_due;
    c->is_due = false;
}

/* Nothing of it is left. The peer is not told. */
void direct_drop(struct tcp *t, struct tcp_connection *c)
{
    struct tcp_connection **at = bucket_of(t, c->head.target, c->head.target_port);

    while (c->count)
        direct_forget_answer(c);
    direct_buffer_free(t, c);
    unlink_due(t, c);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->state = TCP_FREE;
    c->next = t->free;
    t->free = c;
    t->figures.open--;
}

/* Who is remembered only, or else who has asked for nothing the longest. */
static struct tcp_connection *least_needed(struct tcp *t)
{
    struct tcp_connection *found = NULL;

    for (unsigned i = 0; i < TCP_CONNECTIONS; i++) {
        struct tcp_connection *c = &t->connections[i];
        if (c->state == TCP_FREE || c->count)
            continue;
        bool better = !found || (c->state == TCP_WAITING && found->state == TCP_OPEN) ||
                      (c->state == found->state && is_before(c->progress, found->progress));
        if (better)
            found = c;
    }
    return found;
}

/* What all packets of a connection have alike, and the sums of it. */
static void fill_head(const struct tcp *t, struct tcp_connection *c, const struct tcp_head *from)
{
    struct tcp_head *h = &c->head;
    uint8_t *bytes = (uint8_t *)h;

    *h = (struct tcp_head){.type = net16(TYPE_IPV4),
                           .version = IP_PLAIN,
                           .fragment = net16(IP_WHOLE),
                           .time_to_live = 64,
                           .protocol = PROTOCOL_TCP,
                           .source = t->address,
                           .target = from->source,
                           .source_port = t->port,
                           .target_port = from->source_port,
                           .words = TCP_BYTES / 4 << 4};
    memcpy(h->to, from->from, sizeof h->to);
    memcpy(h->from, t->mac, sizeof h->from);
    c->ip_sum = sum_fold(sum_bytes(bytes + ETHERNET_BYTES, IP_BYTES, 0));
    c->head_sum = sum_fold(
        sum_bytes(bytes + ETHERNET_BYTES + IP_BYTES - 8, 8 + TCP_BYTES, net16(PROTOCOL_TCP)));
}

struct tcp_connection *direct_open(struct tcp *t, const struct segment *s, uint16_t segment)
{
    struct tcp_connection *c = t->free;

    if (!c) {
        c = least_needed(t);
        if (!c) {
            t->figures.refused++;
            return NULL;
        }
        if (c->state == TCP_OPEN) {
            direct_send_bare(t, c, c->next_out, TCP_RST | TCP_ACK);
            t->figures.turned_out++;
        }
        direct_drop(t, c);
    }
    t->free = c->next;
    struct tcp_connection **bucket = bucket_of(t, s->head->source, s->head->source_port);
    uint32_t number = s->acknowledged;
    *c = (struct tcp_connection){.next = *bucket,
                                 .state = TCP_OPEN,
                                 .una = number,
                                 .next_out = number,
                                 .top = number,
                                 .end = number,
                                 .in = s->sequence,
                                 .window = s->window,
                                 .window_in = s->sequence,
                                 .congestion = TCP_FIRST_WINDOW,
                                 .threshold = UINT32_MAX,
                                 .progress = t->now,
                                 .retry = TCP_RETRY_FIRST,
                                 .segment = segment};
    *bucket = c;
    fill_head(t, c, s->head);
    direct_set_timer(t, c);
    t->figures.accepted++;
    t->figures.open++;
    return c;
}

static bool is_outstanding(const struct tcp_connection *c)
{
    return c->una != c->next_out || is_before(c->next_out, c->end);
}

/* The timer of what is not acknowledged, or of a request that does not come. */
void direct_set_timer(struct tcp *t, struct tcp_connection *c)
{
    if (c->state == TCP_OPEN && is_outstanding(c))
        c->deadline = t->now + c->retry;
    else
        c->deadline = t->now + (c->state == TCP_OPEN ? TCP_READ_TIME : TCP_WAIT_TIME);
}

/* Nothing was acknowledged in time. */
static void retry(struct tcp *t, struct tcp_connection *c)
{
    if (t->now - c->progress >= TCP_SEND_TIME) {
        direct_send_bare(t, c, c->next_out, TCP_RST | TCP_ACK);
        t->figures.turned_out++;
        direct_drop(t, c);
        return;
    }
    direct_again(t, c);
    direct_set_timer(t, c);
}

static void run_timer(struct tcp *t, struct tcp_connection *c)
{
    if (c->state == TCP_WAITING) {
        direct_drop(t, c);
        return;
    }
    if (is_outstanding(c)) {
        retry(t, c);
        return;
    }
    /* A client that asks for nothing, or never ends what it began. */
    direct_send_bare(t, c, c->next_out, TCP_RST | TCP_ACK);
    t->figures.turned_out++;
    direct_drop(t, c);
}

static void run_timers(struct tcp *t)
{
    t->last_tick = t->now;
    t->challenges_left = CHALLENGES;
    for (unsigned i = 0; t->figures.open && i < TCP_CONNECTIONS; i++) {
        struct tcp_connection *c = &t->connections[i];
        if (c->state != TCP_FREE && !is_before(t->now, c->deadline))
            run_timer(t, c);
    }
}

bool direct_turn(struct tcp *t)
{
    struct tcp_connection *list = t->due;

    t->due = NULL;
    while (list) {
        struct tcp_connection *c = list;
        list = c->next_due;
        c->is_due = false;
        direct_output(t, c);
        if (c->owes && !direct_send_bare(t, c, c->next_out, TCP_ACK))
            direct_set_due(t, c);
    }
    if (t->now - t->last_tick >= TCP_TICK)
        run_timers(t);
    return !t->due;
}

uint32_t direct_pause(const struct tcp *t)
{
    uint32_t gone = t->now - t->last_tick;

    if (!t->figures.open)
        return UINT32_MAX;
    return gone < TCP_TICK ? TCP_TICK - gone : 0;
}

static const char *check_answers(const struct tcp_connection *c)
{
    uint32_t at = c->una;

    for (unsigned i = 0; i < c->count; i++) {
        const struct answer *a = &c->answers[(c->first + i) % TCP_ANSWERS];
        if (i ? a->begin != at : is_before(at, a->begin))
            return "T1: answers do not follow each other";
        at = a->begin + a->bytes;
    }
    return c->count && at != c->end ? "T1: the last answer is not the end" : NULL;
}

const char *direct_check(const struct tcp *t)
{
    uint32_t open = 0, due = 0, buffers = 0;

    for (unsigned i = 0; i < TCP_CONNECTIONS; i++) {
        const struct tcp_connection *c = &t->connections[i];
        const char *wrong = c->state == TCP_FREE ? NULL : check_answers(c);
        if (wrong)
            return wrong;
        if (c->state == TCP_FREE)
            continue;
        open++;
        due += c->is_due;
        buffers += c->buffer != NULL;
        if (is_before(c->next_out, c->una) || is_before(c->top, c->next_out) ||
            is_before(c->end + 1, c->top))
            return "T1: sequence numbers do not follow each other";
        if (c->buffer && !c->buffer->count)
            return "T2: a buffer with nothing in it";
    }
    for (const struct tcp_connection *c = t->due; c; c = c->next_due)
        due--;
    for (const struct tcp_buffer *b = t->free_buffers; b; b = b->next)
        buffers++;
    if (due)
        return "T3: not all that are due are on the list";
    if (buffers != TCP_BUFFERS)
        return "T2: buffers are lost";
    return open != t->figures.open ? "T1: connections are miscounted" : NULL;
}

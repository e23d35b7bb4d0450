/* Sending: packets of the cache with 54 bytes written, copies where they do not fit, and packets
 * without contents. */
#include "libos-net/direct/tcp_parts.h"

#define OPTION_SIZE       2u /* kind: the longest segment that is taken; four bytes */
#define OPTION_SIZE_BYTES 4u

/* Completes a head for `bytes` bytes of contents with that sum. */
static inline void write_head(struct tcp_connection *c, struct tcp_head *h, uint32_t sequence,
                              uint8_t flags, uint32_t bytes, uint32_t sum)
{
    const uint16_t length = net16(IP_BYTES + TCP_BYTES + bytes), window = net16(direct_room(c));
    const uint32_t number = net32(sequence), in = net32(c->in);

    *h = c->head;
    h->length = length;
    h->ip_sum = (uint16_t)~sum_fold((uint64_t)c->ip_sum + length);
    h->sequence = number;
    h->acknowledged = in;
    h->flags = flags;
    h->window = window;
    h->sum = (uint16_t)~sum_fold((uint64_t)c->head_sum + net16(TCP_BYTES + bytes) + number + in +
                                 ((uint32_t)flags << 8) + window + sum);
}

static struct answer *answer_at(struct tcp_connection *c, uint32_t sequence)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct answer *a = &c->answers[(c->first + i) % TCP_ANSWERS];
        if (sequence - a->begin < a->bytes)
            return a;
    }
    return NULL;
}

/* Bytes of an answer, from offset `at` on. */
static void copy_answer(const struct answer *a, uint32_t at, uint8_t *to, uint32_t count)
{
    if (at < a->head_bytes) {
        char head[CACHE_HEAD];
        uint32_t left = a->head_bytes - at, part = left < count ? left : count;
        cache_head(a->document, a->ending, a->front ? a->front->second : a->second, head);
        memcpy(to, head + at, part);
        to += part;
        at += part;
        count -= part;
    }
    if (count)
        memcpy(to, a->document->bytes + (at - a->head_bytes), count);
}

static bool send_copy(struct tcp *t, struct tcp_connection *c, const struct answer *a,
                      uint32_t sequence, uint8_t flags, uint32_t count)
{
    struct link *l = t->outlet->link;
    uint8_t *to = l->room(l);

    if (!to)
        return false;
    copy_answer(a, sequence - a->begin, to + HEADS_BYTES, count);
    write_head(c, (struct tcp_head *)(void *)to, sequence, flags, count,
               sum_fold(sum_bytes(to + HEADS_BYTES, count, 0)));
    l->send(l, HEADS_BYTES + count);
    c->owes = false;
    t->figures.copies++;
    return true;
}

/* The link still reads the packet that lies ready: another one like it. */
static bool send_twin(struct tcp *t, struct tcp_connection *c, const struct packet *p,
                      uint32_t sequence, uint8_t flags)
{
    struct link *l = t->outlet->link;
    uint8_t *to = l->room(l);

    if (!to)
        return false;
    memcpy(to + HEADS_BYTES, t->outlet->arena + p->at + HEADS_BYTES, p->bytes);
    write_head(c, (struct tcp_head *)(void *)to, sequence, flags, p->bytes, p->sum);
    l->send(l, HEADS_BYTES + p->bytes);
    c->owes = false;
    t->figures.twins++;
    return true;
}

static bool send_packet(struct tcp *t, struct tcp_connection *c, struct packet *p,
                        uint32_t sequence, uint8_t flags)
{
    struct outlet *o = t->outlet;
    struct tcp_head *h = (struct tcp_head *)(void *)(o->arena + p->at);

    write_head(c, h, sequence, flags, p->bytes, p->sum);
    if (!o->send_from(o, p->at, HEADS_BYTES + p->bytes, &p->busy))
        return false;
    c->owes = false;
    return true;
}

/* At most `most` bytes from offset `at`, and no more than to where the next packet of the cache
 * begins. */
static uint32_t up_to_next(const struct answer *a, uint32_t at, uint32_t most)
{
    uint32_t first = a->front->packet->bytes;
    uint32_t rest = at < first ? first - at : SEGMENT_MOST - (at - first) % SEGMENT_MOST;

    return most < rest ? most : rest;
}

/* Sends what one packet takes, at most `room` bytes. Returns how many; 0: the outlet is full, or so
 * little is not sent while more is on its way. */
uint32_t direct_send_at(struct tcp *t, struct tcp_connection *c, uint32_t sequence, uint32_t room)
{
    const struct answer *a = answer_at(c, sequence);
    uint32_t at = sequence - a->begin, left = a->bytes - at;
    struct packet *p = NULL;

    if (a->front && c->segment >= SEGMENT_MOST)
        p = cache_packet(a->document, a->front, at);
    if (p && p->bytes <= room) {
        uint32_t bytes = p->bytes;
        uint8_t flags = TCP_ACK | (bytes == left ? TCP_PSH : 0);
        if (p->busy)
            t->outlet->collect(t->outlet);
        bool sent =
            p->busy ? send_twin(t, c, p, sequence, flags) : send_packet(t, c, p, sequence, flags);
        return sent ? bytes : 0;
    }
    uint32_t most = left < c->segment ? left : c->segment;
    if (room < most && sequence != c->una)
        return 0;
    if (a->front && c->segment >= SEGMENT_MOST)
        most = up_to_next(a, at, most);
    most = most < room ? most : room;
    return send_copy(t, c, a, sequence, TCP_ACK | (most == left ? TCP_PSH : 0), most) ? most : 0;
}

bool direct_send_bare(struct tcp *t, struct tcp_connection *c, uint32_t sequence, uint8_t flags)
{
    struct link *l = t->outlet->link;
    uint8_t *to = l->room(l);

    if (!to)
        return false;
    write_head(c, (struct tcp_head *)(void *)to, sequence, flags, 0, 0);
    memset(to + HEADS_BYTES, 0, 60 - HEADS_BYTES); /* the shortest packet there is */
    l->send(l, 60);
    c->owes = false;
    return true;
}

static void send_end(struct tcp *t, struct tcp_connection *c)
{
    if (!direct_send_bare(t, c, c->end, TCP_FIN | TCP_ACK)) {
        direct_set_due(t, c);
        return;
    }
    c->sent_end = true;
    c->next_out = c->end + 1;
    if (is_before(c->top, c->next_out))
        c->top = c->next_out;
}

static void begin_timing(struct tcp *t, struct tcp_connection *c)
{
    if (c->times || c->next_out != c->top) /* what is sent again tells nothing */
        return;
    c->times = true;
    c->timed = c->next_out;
    c->timed_at = t->now;
}

void direct_output(struct tcp *t, struct tcp_connection *c)
{
    uint32_t limit = c->window < c->congestion ? c->window : c->congestion;

    if (c->state != TCP_OPEN)
        return;
    while (is_before(c->next_out, c->end)) {
        uint32_t flight = c->next_out - c->una;
        if (flight >= limit)
            return;
        uint32_t sent = direct_send_at(t, c, c->next_out, limit - flight);
        if (!sent) {
            if (!t->outlet->link->room(t->outlet->link))
                direct_set_due(t, c);
            return;
        }
        begin_timing(t, c);
        c->next_out += sent;
        if (is_before(c->top, c->next_out))
            c->top = c->next_out;
    }
    if (c->next_out == c->end && (c->closing || c->heard_end) && !c->buffer)
        send_end(t, c);
}

/* The timer ran out: all that is not acknowledged goes again, one packet at first; to a peer
 * without room one byte. */
void direct_again(struct tcp *t, struct tcp_connection *c)
{
    uint32_t flight = c->next_out - c->una;

    c->retry = c->retry * 2 < TCP_RETRY_MOST ? c->retry * 2 : TCP_RETRY_MOST;
    c->times = false;
    if (!c->window && is_before(c->una, c->end)) {
        if (direct_send_at(t, c, c->una, 1))
            c->next_out = c->una + 1;
        if (is_before(c->top, c->next_out))
            c->top = c->next_out;
        return;
    }
    if (!c->tries++) {
        uint32_t half = flight / 2;
        c->threshold = half > 2u * SEGMENT_MOST ? half : 2u * SEGMENT_MOST;
    }
    c->congestion = c->segment;
    c->recovering = false;
    c->repeats = 0;
    c->next_out = c->una;
    t->figures.again++;
    direct_output(t, c);
}

/* A packet to somebody who is no connection: with the other's addresses turned round. */
static struct tcp_head *turn_head(struct tcp *t, const struct tcp_head *from, uint8_t *to,
                                  uint32_t options)
{
    struct tcp_head *h = (struct tcp_head *)(void *)to;

    memset(to, 0, 60);
    *h = (struct tcp_head){.type = from->type,
                           .version = IP_PLAIN,
                           .length = net16(IP_BYTES + TCP_BYTES + options),
                           .fragment = net16(IP_WHOLE),
                           .time_to_live = 64,
                           .protocol = PROTOCOL_TCP,
                           .source = t->address,
                           .target = from->source,
                           .source_port = from->target_port,
                           .target_port = from->source_port,
                           .words = (uint8_t)((TCP_BYTES + options) / 4 << 4)};
    memcpy(h->to, from->from, sizeof h->to);
    memcpy(h->from, t->mac, sizeof h->from);
    return h;
}

static void send_turned(struct tcp *t, struct tcp_head *h, uint32_t options)
{
    const uint8_t *bytes = (const uint8_t *)h;

    h->ip_sum = (uint16_t)~sum_fold(sum_bytes(bytes + ETHERNET_BYTES, IP_BYTES, 0));
    h->sum = (uint16_t)~sum_fold(
        sum_bytes(bytes + ETHERNET_BYTES + IP_BYTES - 8, 8 + TCP_BYTES + options,
                  (uint64_t)net16(PROTOCOL_TCP) + net16(TCP_BYTES + options)));
    t->outlet->link->send(t->outlet->link, 60);
}

void direct_send_reset(struct tcp *t, const struct segment *s)
{
    uint8_t *to = t->outlet->link->room(t->outlet->link);

    if (!to)
        return;
    struct tcp_head *h = turn_head(t, s->head, to, 0);
    h->flags = TCP_RST;
    if (s->flags & TCP_ACK) {
        h->sequence = s->head->acknowledged;
    } else {
        h->flags = TCP_RST | TCP_ACK;
        h->acknowledged = net32(s->sequence + s->count + (s->flags & TCP_SYN ? 1 : 0) +
                                (s->flags & TCP_FIN ? 1 : 0));
    }
    send_turned(t, h, 0);
}

void direct_send_cookie(struct tcp *t, const struct segment *s, uint32_t sequence)
{
    uint8_t *to = t->outlet->link->room(t->outlet->link);

    if (!to)
        return;
    struct tcp_head *h = turn_head(t, s->head, to, OPTION_SIZE_BYTES);
    h->flags = TCP_SYN | TCP_ACK;
    h->sequence = net32(sequence);
    h->acknowledged = net32(s->sequence + 1);
    h->window = net16(TCP_WINDOW);
    to[HEADS_BYTES] = OPTION_SIZE;
    to[HEADS_BYTES + 1] = OPTION_SIZE_BYTES;
    to[HEADS_BYTES + 2] = SEGMENT_MOST >> 8;
    to[HEADS_BYTES + 3] = SEGMENT_MOST & 0xff;
    send_turned(t, h, OPTION_SIZE_BYTES);
}

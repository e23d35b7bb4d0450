/* Receiving: what a packet says to a connection, or to none. */
#include "libos-net/direct/tcp_parts.h"

#define OPTION_END  0u
#define OPTION_NONE 1u
#define OPTION_SIZE 2u /* kind: the longest segment that is taken; four bytes */
#define SIZE_USUAL  536u
#define REPEATS     3u /* acknowledgements that say that something is lost */

/* Whether a packet is a whole one of TCP for this port; fills *s. */
static bool read_segment(struct tcp *t, const uint8_t *packet, uint32_t length, struct segment *s)
{
    const struct tcp_head *h = (const struct tcp_head *)(const void *)packet;

    if (length < HEADS_BYTES || h->type != net16(TYPE_IPV4) || h->version != IP_PLAIN ||
        h->protocol != PROTOCOL_TCP || h->target != t->address || h->target_port != t->port ||
        !is_mac(h->to, t->mac) || h->fragment & net16(IP_IN_PIECES))
        return false;
    const uint32_t bytes = net16(h->length), words = h->words >> 4;
    const uint8_t first = (uint8_t)h->source; /* of the address */
    if (bytes > length - ETHERNET_BYTES || words < TCP_BYTES / 4 || bytes < IP_BYTES + 4 * words ||
        h->source == t->address || h->from[0] & 1 || !first || first >= 224 || !h->source_port)
        return false;
    /* Once over all of TCP and the addresses before it. */
    if ((!t->outlet->link->csum &&
         sum_fold(sum_bytes(packet + ETHERNET_BYTES + IP_BYTES - 8, bytes - IP_BYTES + 8,
                            (uint64_t)net16(PROTOCOL_TCP) + net16(bytes - IP_BYTES))) != 0xffff) ||
        sum_fold(sum_bytes(packet + ETHERNET_BYTES, IP_BYTES, 0)) != 0xffff) {
        t->figures.bad_sums++;
        return false;
    }
    s->head = h;
    s->bytes = packet + ETHERNET_BYTES + IP_BYTES + 4 * words;
    s->count = bytes - IP_BYTES - 4 * words;
    s->sequence = net32(h->sequence);
    s->acknowledged = net32(h->acknowledged);
    s->window = net16(h->window);
    s->flags = h->flags;
    return true;
}

/* What a SYN says of the longest segment that its sender takes. */
static uint16_t read_size(const struct segment *s)
{
    const uint8_t *at = (const uint8_t *)(s->head + 1);

    while (at < s->bytes && *at != OPTION_END) {
        if (*at == OPTION_NONE) {
            at++;
            continue;
        }
        if (s->bytes - at < 2 || at[1] < 2 || at[1] > s->bytes - at)
            break;
        if (at[0] == OPTION_SIZE && at[1] == 4)
            return (uint16_t)(at[2] << 8 | at[3]);
        at += at[1];
    }
    return SIZE_USUAL;
}

/* Hands requests on, from the buffer, as long as there is room for answers. */
static void drain(struct tcp *t, struct tcp_connection *c)
{
    struct tcp_buffer *b = c->buffer;

    if (!b)
        return;
    uint32_t before = direct_room(c), taken = direct_read(t, c, b->bytes, b->count);
    b->count -= taken;
    if (taken && b->count)
        memmove(b->bytes, b->bytes + taken, b->count);
    /* What is left of a request when nothing more comes is of no use. */
    if (!b->count || (c->heard_end && c->count < TCP_ANSWERS))
        direct_buffer_free(t, c);
    if (before < SEGMENT_MOST && direct_room(c) >= SEGMENT_MOST) { /* the peer may wait for that */
        c->owes = true;
        direct_set_due(t, c);
    }
}

/* Takes bytes that are next. Those for which there is no place come again. */
static void take(struct tcp *t, struct tcp_connection *c, const uint8_t *bytes, uint32_t count)
{
    if (c->closing) {
        c->in += count;
        return;
    }
    if (!c->buffer) {
        uint32_t taken = direct_read(t, c, bytes, count);
        c->in += taken;
        bytes += taken;
        count -= taken;
        if (!count || !t->free_buffers)
            return;
        c->buffer = t->free_buffers;
        t->free_buffers = c->buffer->next;
        c->buffer->count = 0;
    }
    uint32_t room = direct_room(c), part = count < room ? count : room;
    memcpy(c->buffer->bytes + c->buffer->count, bytes, part);
    c->buffer->count += part;
    c->in += part;
    drain(t, c);
}

/* How long an answer takes to be acknowledged (RFC 6298). */
static void take_time(struct tcp *t, struct tcp_connection *c)
{
    uint32_t took = t->now - c->timed_at;

    c->times = false;
    if (!c->smoothed) {
        c->smoothed = took ? took : 1;
        c->varied = took / 2;
    } else {
        uint32_t off = took > c->smoothed ? took - c->smoothed : c->smoothed - took;
        c->varied = (3 * c->varied + off) / 4;
        c->smoothed = (7 * c->smoothed + took) / 8;
    }
    c->retry = c->smoothed + 4 * c->varied;
    if (c->retry < TCP_RETRY_LEAST)
        c->retry = TCP_RETRY_LEAST;
    if (c->retry > TCP_RETRY_MOST)
        c->retry = TCP_RETRY_MOST;
}

static void grow(struct tcp_connection *c, uint32_t bytes)
{
    if (c->congestion < c->threshold)
        c->congestion += bytes < SEGMENT_MOST ? bytes : SEGMENT_MOST;
    else if (c->congestion < UINT16_MAX)
        c->congestion += SEGMENT_MOST * SEGMENT_MOST / c->congestion + 1;
    if (c->congestion > 4u * UINT16_MAX)
        c->congestion = 4u * UINT16_MAX;
}

/* Something arrived over there. */
static void take_progress(struct tcp *t, struct tcp_connection *c, uint32_t acknowledged)
{
    uint32_t bytes = acknowledged - c->una;

    c->una = acknowledged;
    if (is_before(c->next_out, c->una))
        c->next_out = c->una;
    c->repeats = 0;
    c->tries = 0;
    c->progress = t->now;
    while (c->count) {
        const struct answer *a = &c->answers[c->first];
        if (is_before(acknowledged, a->begin + a->bytes))
            break;
        direct_forget_answer(c);
    }
    if (c->times && is_before(c->timed, acknowledged))
        take_time(t, c);
    if (!c->recovering) {
        grow(c, bytes);
    } else if (is_before(acknowledged, c->recover)) { /* the next one is lost, too (RFC 6582) */
        if (is_before(acknowledged, c->end))
            direct_send_at(t, c, acknowledged, c->segment);
        c->congestion = c->congestion > bytes ? c->congestion - bytes + c->segment : c->segment;
    } else {
        c->congestion = c->threshold;
        c->recovering = false;
    }
}

/* It says again what it has said: something behind that has arrived. */
static void take_repeat(struct tcp *t, struct tcp_connection *c)
{
    uint32_t half = (c->next_out - c->una) / 2;

    if (c->recovering) {
        c->congestion += c->segment;
        return;
    }
    if (++c->repeats != REPEATS)
        return;
    c->threshold = half > 2u * c->segment ? half : 2u * c->segment;
    c->congestion = c->threshold + REPEATS * c->segment;
    c->recover = c->top;
    c->recovering = true;
    c->times = false;
    t->figures.again++;
    if (is_before(c->una, c->end))
        direct_send_at(t, c, c->una, c->segment);
}

/* An answer to what may be an attack, or a peer that forgot: not too many. */
static void challenge(struct tcp *t, struct tcp_connection *c)
{
    if (!t->challenges_left)
        return;
    t->challenges_left--;
    t->figures.challenges++;
    direct_send_bare(t, c, c->next_out, TCP_ACK);
}

/* False: the packet is of no use. */
static bool take_acknowledgement(struct tcp *t, struct tcp_connection *c, const struct segment *s)
{
    if (is_before(c->top, s->acknowledged)) { /* of what was never sent */
        challenge(t, c);
        return false;
    }
    bool news = is_before(c->una, s->acknowledged);
    bool repeat = s->acknowledged == c->una && c->una != c->next_out && !s->count &&
                  s->window == c->window && !(s->flags & TCP_FIN);
    if (!is_before(s->sequence, c->window_in) && !is_before(s->acknowledged, c->una)) {
        c->window = s->window;
        c->window_in = s->sequence;
    }
    if (news)
        take_progress(t, c, s->acknowledged);
    else if (repeat)
        take_repeat(t, c);
    return true;
}

static void take_end(struct tcp *t, struct tcp_connection *c)
{
    c->in++;
    c->heard_end = true;
    c->owes = true;
    drain(t, c);
    direct_set_due(t, c);
}

/* Both have ended, and both know: who ended first remembers it for a while. False: it is gone. */
static bool end_if_over(struct tcp *t, struct tcp_connection *c)
{
    if (!c->sent_end || !c->heard_end || c->una != c->end + 1 || c->state == TCP_WAITING)
        return true;
    if (!c->closing) {
        direct_drop(t, c);
        return false;
    }
    c->state = TCP_WAITING;
    return true;
}

/* What is in order of a packet that is not: its last part may be. False: nothing is. */
static bool trim(struct tcp *t, struct tcp_connection *c, struct segment *s)
{
    uint32_t known = c->in - s->sequence;
    uint32_t length = s->count + (s->flags & TCP_FIN ? 1 : 0);

    c->owes = true;
    direct_set_due(t, c);
    if (is_before(c->in, s->sequence) || known >= length) { /* ahead, or all known */
        bool acceptable = is_before(s->sequence, c->in + TCP_WINDOW) &&
                          !is_before(s->sequence + TCP_WINDOW + length, c->in);
        if (acceptable && s->flags & TCP_ACK && length == known)
            take_acknowledgement(t, c, s);
        if (acceptable && is_before(c->in, s->sequence))
            take_acknowledgement(t, c, s);
        return false;
    }
    s->bytes += known;
    s->count -= known < s->count ? known : s->count;
    s->sequence = c->in;
    return true;
}

/* A reset counts when it knows what comes next; other strange things are answered (RFC 5961). */
static void take_strange(struct tcp *t, struct tcp_connection *c, const struct segment *s)
{
    if (s->flags & TCP_RST && s->sequence == c->in)
        direct_drop(t, c);
    else if (!(s->flags & TCP_RST) || s->sequence - c->in < TCP_WINDOW)
        challenge(t, c);
}

static void take_segment(struct tcp *t, struct tcp_connection *c, struct segment *s)
{
    if (__builtin_expect(s->flags & (TCP_SYN | TCP_RST), 0)) {
        take_strange(t, c, s);
        return;
    }
    if (!(s->flags & TCP_ACK) || (s->sequence != c->in && !trim(t, c, s)) ||
        !take_acknowledgement(t, c, s))
        return;
    if (c->buffer && c->count < TCP_ANSWERS)
        drain(t, c);
    if (s->count && !c->heard_end) {
        const uint32_t before = c->in;
        c->owes = true;
        take(t, c, s->bytes, s->count);
        if (c->in - before != s->count)
            s->flags &= (uint8_t)~TCP_FIN; /* it comes again, with the rest */
    }
    if (s->flags & TCP_FIN && !c->heard_end)
        take_end(t, c);
    if (!end_if_over(t, c))
        return;
    direct_output(t, c);
    if (c->owes)
        direct_set_due(t, c);
    direct_set_timer(t, c);
}

/* Nobody is known there: the beginning of a handshake, or its end, or something that is answered by
 * a reset. */
static void take_stranger(struct tcp *t, struct segment *s)
{
    if (s->flags & TCP_RST)
        return;
    if ((s->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN) {
        direct_send_cookie(t, s, cookie_make(t, s, read_size(s)));
        return;
    }
    uint16_t size = (s->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK ? cookie_read(t, s) : 0;
    if (!size) {
        direct_send_reset(t, s);
        return;
    }
    struct tcp_connection *c = direct_open(t, s, size);
    if (c)
        take_segment(t, c, s);
}

void direct_receive(struct tcp *t, const uint8_t *packet, uint32_t length)
{
    struct segment s;

    if (!read_segment(t, packet, length, &s))
        return;
    struct tcp_connection *c = direct_connection(t, s.head);
    bool begins = (s.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
    if (c && c->state == TCP_WAITING && begins && is_before(c->in, s.sequence)) {
        direct_drop(t, c); /* the same ports once more (RFC 9293) */
        c = NULL;
    }
    if (__builtin_expect(c != NULL, 1))
        take_segment(t, c, &s);
    else
        take_stranger(t, &s);
}

/* Clients of a web server: they ask, acknowledge, count, and check the sums. */
#include "tests/lab/web.h"

#include "libos-net/answer.h"
#include "libos/string.h"
#include "tests/lab/lab.h"

/* As many packets as a link keeps back before it shows them, so that the other side sees them at
 * moments that do not depend on the host. */
#define WINDOW (28u * SEGMENT_MOST)
#define KEY    "http: the answer"

static void lay(struct web *w, uint32_t client, uint8_t flags, const char *text, uint32_t bytes)
{
    struct web_client *c = &w->clients[client];
    uint16_t buffer;

    if (!card_take(w->pair, &buffer))
        lab_fail(KEY, ERR_NO_MEM);
    uint8_t *packet = card_packet(w->pair, buffer);
    struct tcp_head h = {.type = net16(TYPE_IPV4),
                         .version = IP_PLAIN,
                         .length = net16(IP_BYTES + TCP_BYTES + bytes),
                         .fragment = net16(IP_WHOLE),
                         .time_to_live = 64,
                         .protocol = PROTOCOL_TCP,
                         .source = net32(WEB_ADDRESS),
                         .target = net32(WEB_SERVER),
                         .source_port = net16(w->first_port + client),
                         .target_port = net16(w->port),
                         .sequence = net32(c->out),
                         .acknowledged = flags & TCP_ACK ? net32(c->in) : 0,
                         .words = TCP_BYTES / 4 << 4,
                         .flags = flags,
                         .window = net16(WINDOW)};
    memcpy(h.to, w->server_mac, sizeof h.to);
    memcpy(h.from, w->pair->card->mac, sizeof h.from);
    if (flags & TCP_SYN) { /* it takes the longest segments */
        static const char size[] = {2, 4, SEGMENT_MOST >> 8, (char)(SEGMENT_MOST & 0xff)};
        text = size;
        bytes = sizeof size;
        h.words = (TCP_BYTES + 4) / 4 << 4;
        h.length = net16(IP_BYTES + TCP_BYTES + 4);
    }
    h.ip_sum = (uint16_t)~sum_fold(sum_bytes((uint8_t *)&h + ETHERNET_BYTES, IP_BYTES, 0));
    memset(packet, 0, 60);
    memcpy(packet, &h, sizeof h);
    memcpy(packet + HEADS_BYTES, text, bytes);
    h.sum =
        (uint16_t)~sum_fold(sum_bytes(packet + ETHERNET_BYTES + IP_BYTES - 8, 8 + TCP_BYTES + bytes,
                                      (uint64_t)net16(PROTOCOL_TCP) + net16(TCP_BYTES + bytes)));
    memcpy(packet, &h, sizeof h);
    card_send(w->pair, buffer, HEADS_BYTES + bytes < 60 ? 60 : HEADS_BYTES + bytes);
    c->out += flags & TCP_SYN ? 1 : bytes;
    c->owed = 0;
}

void web_greet(struct web *w)
{
    w->first_port += WEB_CLIENTS;
    for (uint32_t i = 0; i < w->count; i++) {
        w->clients[i] = (struct web_client){.out = 1000000 * (i + 1)};
        lay(w, i, TCP_SYN, "", 0);
    }
}

void web_ask(struct web *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        w->clients[i].got = 0;
        lay(w, i, TCP_ACK | TCP_PSH, w->request, (uint32_t)strlen(w->request));
    }
}

uint32_t web_acknowledge(struct web *w)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->count; i++)
        if (w->clients[i].owed) {
            lay(w, i, TCP_ACK, "", 0);
            count++;
        }
    return count;
}

static void take(struct web *w, const uint8_t *packet)
{
    const struct tcp_head *h = (const struct tcp_head *)(const void *)packet;
    const uint32_t client = net16(h->target_port) - w->first_port, length = net16(h->length);
    const uint64_t begin = (uint64_t)net16(PROTOCOL_TCP) + net16(length - IP_BYTES);

    if (client >= w->count || h->flags & TCP_RST ||
        sum_fold(sum_bytes(packet + ETHERNET_BYTES + IP_BYTES - 8, length - IP_BYTES + 8, begin)) !=
            0xffff)
        lab_fail(KEY, ERR_BAD_STATE);
    struct web_client *c = &w->clients[client];
    if (h->flags & TCP_SYN) {
        c->in = net32(h->sequence) + 1;
        c->owed = 1;
        return;
    }
    const uint32_t bytes = length - IP_BYTES - 4u * (h->words >> 4);
    if (net32(h->sequence) != c->in)
        lab_fail(KEY, ERR_BAD_STATE);
    c->in += bytes;
    c->got += bytes;
    c->owed += bytes > 0;
}

uint32_t web_collect(struct web *w)
{
    struct answer_host me = {.address = WEB_ADDRESS};
    uint32_t length, count = 0;
    uint16_t buffer;

    memcpy(me.mac, w->pair->card->mac, sizeof me.mac);
    for (; card_receive(w->pair, &buffer, &length); count++) {
        uint8_t *packet = card_packet(w->pair, buffer);
        const struct tcp_head *h = (const struct tcp_head *)(const void *)packet;
        if (h->type == net16(TYPE_IPV4) && h->protocol == PROTOCOL_TCP) {
            take(w, packet);
            card_free(w->pair, buffer);
            continue;
        }
        uint32_t answer = answer_make(&me, packet, length);
        if (answer)
            card_send(w->pair, buffer, answer);
        else
            card_free(w->pair, buffer);
    }
    card_push(w->pair);
    return count;
}

bool web_is_done(const struct web *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->clients[i].got < w->clients[i].expected)
            return false;
    return true;
}

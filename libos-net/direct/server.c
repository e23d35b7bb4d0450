/* The loop of a web server of documents. */
#include "libos-net/direct/server.h"

#include "exo/abi/kinfo.h"
#include "libos/start/cpu.h"

#define SHORT_WAIT 1u  /* milliseconds, while packets wait for room */
#define TURN_MOST  64u /* packets between two looks at what is due  */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void tell_time(struct server *s)
{
    const uint64_t ticks = cpu_ticks(), since = ticks - KINFO->tsc_boot;

    direct_now(&s->tcp, (uint32_t)(ticks / KINFO->tsc_khz),
               KINFO->boot_realtime + since / (KINFO->tsc_khz * 1000));
}

void server_begin(struct server *s, struct outlet *o, uint32_t address, uint16_t port)
{
    const struct tcp_config config = {.outlet = o,
                                      .cache = &s->cache,
                                      .address = address,
                                      .port = port,
                                      .secret = {mix(cpu_ticks() ^ KINFO->boot_realtime << 32),
                                                 mix(cpu_ticks() * 0x9e3779b97f4a7c15u)}};

    requests_forget();
    cache_begin(&s->cache, o->arena, o->arena_bytes);
    direct_begin(&s->tcp, &config);
    s->host = (struct answer_host){.address = address}; /* no port: UDP is nobody's */
    memcpy(s->host.mac, o->link->mac, sizeof s->host.mac);
    tell_time(s);
}

/* ARP and ping, answered in a packet of their own. */
static void answer_other(struct server *s, const uint8_t *packet, uint32_t length)
{
    struct link *l = s->tcp.outlet->link;
    uint8_t *to = l->room(l);

    if (!to || length > LINK_PACKET_MAX)
        return;
    memcpy(to, packet, length);
    uint32_t bytes = answer_make(&s->host, to, length);
    if (bytes)
        l->send(l, bytes);
}

static bool is_tcp(const uint8_t *packet, uint32_t length)
{
    const struct tcp_head *h = (const struct tcp_head *)(const void *)packet;

    return length >= HEADS_BYTES && h->type == net16(TYPE_IPV4) && h->protocol == PROTOCOL_TCP;
}

static bool is_other(const uint8_t *packet, uint32_t length)
{
    const struct tcp_head *h = (const struct tcp_head *)(const void *)packet;

    return length >= ETHERNET_BYTES + IP_BYTES &&
           (h->type != net16(TYPE_IPV4) || h->protocol == PROTOCOL_ICMP);
}

bool server_serve(struct server *s)
{
    struct link *l = s->tcp.outlet->link;
    uint32_t buffer, length, count = 0;
    uint8_t *packet;

    tell_time(s);
    for (; count < TURN_MOST && l->receive(l, &buffer, &packet, &length); count++) {
        if (is_tcp(packet, length))
            direct_receive(&s->tcp, packet, length);
        else if (is_other(packet, length))
            answer_other(s, packet, length);
        l->give_back(l, buffer);
    }
    direct_turn(&s->tcp);
    return l->flush(l) || count > 0;
}

/* When to look again though nothing comes. */
static uint64_t wake_at(const struct server *s)
{
    uint32_t pause = s->tcp.due ? SHORT_WAIT : direct_pause(&s->tcp);

    return pause == UINT32_MAX ? UINT64_MAX : cpu_ticks() + (uint64_t)pause * KINFO->tsc_khz;
}

void server_run(struct server *s, uint32_t idle)
{
    struct link *l = s->tcp.outlet->link;
    uint32_t looks = 0;

    for (;;) {
        looks = server_serve(s) ? 0 : looks + 1;
        if (looks <= idle)
            continue;
        looks = 0;
        const uint64_t until = wake_at(s);
        if (!l->wait(l, until) && cpu_ticks() < until)
            return;
    }
}

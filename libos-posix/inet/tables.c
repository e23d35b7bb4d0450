/* The texts of /proc/net: sockets, interfaces and ways, in the columns that netstat reads. */
#include "libos-posix/inet/inet.h"

#include "libos-posix/file/node.h"

#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>

#define STATE_ESTABLISHED 1u
#define STATE_TIME_WAIT   6u
#define STATE_UNBOUND     7u
#define LINE              150u /* bytes of a line about a socket */
#define LINE_OF_WAY       128u
#define WAY_UP            1u
#define WAY_GATEWAY       2u

static void add_hex(struct text *t, uint64_t value, unsigned digits, const char *letters)
{
    while (digits)
        text_add_bytes(t, &letters[value >> --digits * 4 & 15], 1);
}

static void hex(struct text *t, uint64_t value, unsigned digits)
{
    add_hex(t, value, digits, "0123456789ABCDEF");
}

/* Words of an address as they lie in memory, which is how Linux writes them, and the port. */
static void add_name(struct text *t, bool six, const ip_addr_t *address, uint16_t port)
{
    static const ip_addr_t none = {0};
    const uint32_t *words = ip_2_ip6(address)->addr;
    const bool is_four = IP_IS_V4(address);

    if (IP_IS_ANY_TYPE_VAL(*address))
        words = ip_2_ip6(&none)->addr;
    if (six && is_four && words[0]) {
        text_add(t, "0000000000000000FFFF0000");
        hex(t, words[0], 8);
    } else {
        for (unsigned i = 0; i < (six ? 4u : 1u); i++)
            hex(t, is_four && i ? 0 : words[i], 8);
    }
    text_add(t, ":");
    hex(t, port, 4);
}

static void fill(struct text *t, size_t from, size_t bytes)
{
    while (t->bytes < t->capacity && t->bytes - from < bytes - 1)
        text_add(t, " ");
    text_add(t, "\n");
}

struct row {
    const ip_addr_t *local, *remote;
    uint16_t local_port, remote_port;
    uint8_t state;
    uint32_t sent, received, user; /* bytes that wait in the two queues */
    uint64_t file;                 /* the number of the socket's node, 0: it has none */
};

static void add_row(struct text *t, bool six, uint64_t number, const struct row *r)
{
    const size_t from = t->bytes;

    text_add_number(t, number, 4, ' ');
    text_add(t, ": ");
    add_name(t, six, r->local, r->local_port);
    text_add(t, " ");
    add_name(t, six, r->remote, r->remote_port);
    text_add(t, " ");
    hex(t, r->state, 2);
    text_add(t, " ");
    hex(t, r->sent, 8);
    text_add(t, ":");
    hex(t, r->received, 8);
    text_add(t, " 00:00000000 00000000 ");
    text_add_number(t, r->user, 5, ' ');
    text_add(t, "        0 ");
    text_add_number(t, r->file, 1, ' ');
    text_add(t, " 2 0000000000000000 0");
    fill(t, from, six ? LINE + 48 : LINE);
}

static struct row row_of(const struct inet_socket *s)
{
    return (struct row){.local = &s->local,
                        .remote = &s->remote,
                        .local_port = s->local_port,
                        .remote_port = s->remote_port,
                        .received = (uint32_t)s->queued,
                        .user = s->owner,
                        .file = s->file ? s->file->node->ino : 0};
}

/* Connections whose sockets are closed, which lwIP still has. */
static uint64_t add_closed(struct text *t, bool six, uint64_t number, const struct tcp_pcb *list,
                           uint8_t state)
{
    for (const struct tcp_pcb *p = list; p; p = p->next) {
        const struct inet_socket as = {.tcp = (struct tcp_pcb *)(uintptr_t)p};
        const struct row r = {.local = &p->local_ip,
                              .remote = &p->remote_ip,
                              .local_port = p->local_port,
                              .remote_port = p->remote_port,
                              .state = state ? state : stream_state_number(&as)};
        if (!p->callback_arg && IP_IS_V6(&p->local_ip) == six)
            add_row(t, six, number++, &r);
    }
    return number;
}

static void streams(struct text *t, bool six)
{
    uint64_t number = 0;

    for (const struct inet_socket *s = inet_sockets; s; s = s->next) {
        struct row r = row_of(s);
        r.state = stream_state_number(s);
        if (s->type != SOCK_STREAM || (s->domain == AF_INET6) != six || r.state == STATE_UNBOUND)
            continue;
        if (s->state == STREAM_LISTENS) {
            r.received = s->pending_count;
            r.remote = IP4_ADDR_ANY;
        } else {
            r.sent = s->send_most - (uint32_t)s->tcp->snd_buf;
        }
        add_row(t, six, number++, &r);
    }
    number = add_closed(t, six, number, tcp_active_pcbs, 0);
    add_closed(t, six, number, tcp_tw_pcbs, STATE_TIME_WAIT);
}

static void datagrams(struct text *t, bool six, uint32_t type)
{
    uint64_t number = 0;

    for (const struct inet_socket *s = inet_sockets; s; s = s->next) {
        struct row r = row_of(s);
        if (s->type != type || s->domain != (six ? AF_INET6 : AF_INET) ||
            (type == SOCK_DGRAM && !s->local_port))
            continue;
        r.state = s->state == STREAM_CONNECTED ? STATE_ESTABLISHED : STATE_UNBOUND;
        if (r.state == STATE_UNBOUND)
            r.remote = IP4_ADDR_ANY, r.remote_port = 0;
        if (type == SOCK_RAW)
            r.local_port = s->protocol;
        add_row(t, six, number++, &r);
    }
}

static void add_counts(struct text *t, uint64_t bytes, uint64_t packets)
{
    text_add_number(t, bytes, 8, ' ');
    text_add(t, " ");
    text_add_number(t, packets, 7, ' ');
    text_add(t, "    0    0    0     0          0         0");
}

static void interfaces(struct text *t)
{
    const struct netif *n;

    text_add(t,
             "Inter-|   Receive                                                |  Transmit\n"
             " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
             "errs drop fifo colls carrier compressed\n");
    for (uint32_t i = 1; (n = interface_at(i)) != NULL; i++) {
        const struct traffic *c = interface_traffic(n);
        text_add(t, n == card_netif() ? "  " : "    ");
        text_add(t, interface_name(n));
        text_add(t, ":");
        add_counts(t, c->received_bytes, c->received);
        text_add(t, " ");
        add_counts(t, c->sent_bytes, c->sent);
        text_add(t, "\n");
    }
}

static void add_way(struct text *t, uint32_t to, uint32_t gateway, uint32_t mask)
{
    const size_t from = t->bytes;

    text_add(t, interface_name(card_netif()));
    text_add(t, "\t");
    hex(t, to, 8);
    text_add(t, "\t");
    hex(t, gateway, 8);
    text_add(t, "\t");
    hex(t, WAY_UP | (gateway ? WAY_GATEWAY : 0), 4);
    text_add(t, "\t0\t0\t0\t");
    hex(t, mask, 8);
    text_add(t, "\t0\t0\t0");
    fill(t, from, LINE_OF_WAY);
}

static void ways(struct text *t)
{
    const size_t from = t->bytes;
    const struct netif *n = card_netif();
    const uint32_t address = ip4_addr_get_u32(netif_ip4_addr(n));
    const uint32_t mask = ip4_addr_get_u32(netif_ip4_netmask(n));
    const uint32_t gateway = ip4_addr_get_u32(netif_ip4_gw(n));

    text_add(t,
             "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
    fill(t, from, LINE_OF_WAY);
    if (address && gateway)
        add_way(t, 0, gateway, 0);
    if (address)
        add_way(t, address & mask, 0, mask);
}

/* The scope has other numbers here than in netlink. */
static uint8_t scope_of(const ip6_addr_t *a)
{
    return ip6_addr_isloopback(a)    ? 0x10
           : ip6_addr_islinklocal(a) ? 0x20
           : ip6_addr_issitelocal(a) ? 0x40
                                     : 0;
}

static void addresses6(struct text *t)
{
    struct netif *n;

    for (uint32_t number = 1; (n = interface_at(number)) != NULL; number++)
        for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
            const ip6_addr_t *a = netif_ip6_addr(n, i);
            if (ip6_addr_isinvalid(netif_ip6_addr_state(n, i)))
                continue;
            const uint32_t values[] = {number, interface_bits6(n), scope_of(a),
                                       interface_flags6(n, i)};
            for (unsigned w = 0; w < 4; w++)
                add_hex(t, lwip_ntohl(a->addr[w]), 8, "0123456789abcdef");
            for (unsigned v = 0; v < 4; v++) {
                text_add(t, " ");
                add_hex(t, values[v], 2, "0123456789abcdef");
            }
            text_add(t, n == card_netif() ? "     " : "       ");
            text_add(t, interface_name(n));
            text_add(t, "\n");
        }
}

void table_text(uint32_t kind, struct text *t)
{
    static const char head[] = "  sl  local_address rem_address   st tx_queue rx_queue tr "
                               "tm->when retrnsmt   uid  timeout inode";
    static const char head6[] =
        "  sl  local_address                         remote_address                        st "
        "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
    const bool six = kind == MADE_NET_TCP6 || kind == MADE_NET_UDP6 || kind == MADE_NET_RAW6;
    const size_t from = t->bytes;

    if (stack_begin())
        return;
    if (kind <= MADE_NET_RAW6) {
        text_add(t, six ? head6 : head);
        fill(t, from, six ? LINE + 48 : LINE);
    }
    if (kind == MADE_NET_TCP || kind == MADE_NET_TCP6)
        streams(t, six);
    else if (kind == MADE_NET_UDP || kind == MADE_NET_UDP6)
        datagrams(t, six, SOCK_DGRAM);
    else if (kind == MADE_NET_RAW || kind == MADE_NET_RAW6)
        datagrams(t, six, SOCK_RAW);
    else if (kind == MADE_NET_DEV)
        interfaces(t);
    else if (kind == MADE_NET_ROUTE)
        ways(t);
    else
        addresses6(t);
}

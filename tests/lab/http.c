/*
 * Web servers, per request, by the size of the document: the one that goes round the stack
 * (libos-net/direct/) on a card of its own and on a ring of the kernel's card, and lwIP's on a
 * ring. The client is the lab's own, behind another card on the same wire; what it does is not
 * counted.
 *
 * On a card of its own nothing but the server works: that is counted. Of a ring the kernel does a
 * part, whenever the card interrupts: counted is from the client's bell until all is sent; from it
 * is taken what was spent waiting, which is counted by loops. An answer of several windows is the
 * sum of its turns.
 */
#include "libos-net/direct/server.h"
#include "libos-net/examples/http_server.h"
#include "libos-net/examples/http_text.h"
#include "libos-net/keys.h"
#include "libos-net/net.h"
#include "libos-net/ring_link.h"
#include "libos/heap.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/string.h"
#include "tests/lab/lab.h"
#include "tests/lab/wait.h"
#include "tests/lab/web.h"

#define ARENA_FRAMES  1024u
#define PORT          80u
#define LWIP_PORT     8080u
#define TURNS_MOST    5000u
#define PATIENCE      10000000u
#define QUIET_LOOKS   20000u /* at a counter, until nothing more is expected */
#define LEFT_TURNS    3u
#define USER_MOST     10240u /* longer ones meet interrupts while they are made */
#define DOCUMENT_MOST (1u << 20)

static struct card client_card, server_card;
static struct web web;
static struct server server;
static struct lab_series series, user_series;
static uint8_t *documents;
static uint64_t empty;

/* The form that is measured. */
static struct form {
    const char *name;
    struct link *link;
    const volatile struct ring_header *ring; /* NULL: a card of its own */
    void (*serve)(void);
    bool (*flush)(struct link *l); /* the link's own */
    uint64_t kicks;                /* instructions of the kernel's calls */
} form;

static enum http_status find(const char *path, const uint8_t **bytes, uint32_t *count)
{
    *bytes = documents;
    *count = 0;
    for (path++; *path >= '0' && *path <= '9'; path++)
        *count = *count * 10 + (uint32_t)(*path - '0');
    return *count <= DOCUMENT_MOST ? HTTP_OK : HTTP_NOT_FOUND;
}

enum http_status direct_find(const char *path, struct source *out)
{
    out->type = "text/plain";
    return find(path, &out->bytes, &out->count);
}

enum http_status http_find(const char *path, struct http_content *out)
{
    const uint8_t *bytes;
    uint32_t count;
    enum http_status status = find(path, &bytes, &count);

    *out = (struct http_content){(const char *)bytes, count, "text/plain", NULL};
    return status;
}

void http_release(void *page)
{
    (void)page;
}

uint64_t http_seconds(void)
{
    return KINFO->boot_realtime + (cpu_ticks() - KINFO->tsc_boot) / (KINFO->tsc_khz * 1000);
}

static void serve_direct(void)
{
    server_serve(&server);
}

static void serve_lwip(void)
{
    net_poll(0);
}

/* The kernel's part of sending, apart from the rest. */
static bool counted_flush(struct link *l)
{
    uint64_t begin = lab_stamp();
    bool any = form.flush(l);

    form.kicks += lab_stamp() - begin;
    return any;
}

static uint64_t wait_until(const volatile uint32_t *counter, uint32_t want, uint64_t limit)
{
    return wait_loops(counter, want, client_card.pci.common + VIRTIO_AT_STATUS, limit);
}

/* The card has sent what it was shown, and what came of it is there. */
static void settle_card(const struct card *c)
{
    const struct virtqueue *q = &c->pairs[0].tx;

    for (uint64_t i = 0; q->used->index != q->offered; i++)
        if (virtio_pci_is_broken(&c->pci) || i > PATIENCE)
            lab_fail("http: the card", ERR_TIMEOUT);
}

/* Has the client's bell rung; the server gets what there is, and answers. Returns the instructions
 * of both sides of the kernel's border, and adds those of the server to *user. */
static uint64_t turn_ring(uint64_t *user)
{
    const volatile struct ring_header *h = form.ring;
    uint32_t packets = card_sending(&web.pair[0]);
    const uint32_t want = h->rx_done + packets;
    uint64_t begin = lab_stamp(), waited = 0;

    card_push(web.pair);
    waited += wait_until(&h->rx_done, want, PATIENCE);
    form.kicks = 0;
    uint64_t serving = lab_stamp();
    form.serve();
    *user += lab_stamp() - serving - form.kicks;
    waited += wait_until(&h->tx_done, h->tx_posted, PATIENCE);
    uint64_t ticks = lab_stamp() - begin - waited * WAIT_LOOP;
    if (waited > PATIENCE)
        lab_fail(form.name, ERR_TIMEOUT);
    return ticks;
}

static uint64_t turn_card(uint64_t *user)
{
    card_push(web.pair);
    settle_card(&client_card);
    uint64_t begin = lab_stamp();
    form.serve();
    uint64_t ticks = lab_stamp() - begin;
    settle_card(&server_card);
    *user += ticks;
    return ticks;
}

static uint64_t turn(uint64_t *user)
{
    uint64_t ticks = form.ring ? turn_ring(user) : turn_card(user);

    web_collect(&web);
    return ticks;
}

/* A request of each client, until each has its answer. */
static uint64_t exchange(uint64_t *user)
{
    uint64_t ticks = 0;

    web_ask(&web);
    for (uint32_t i = 0; i < TURNS_MOST; i++) {
        ticks += turn(user);
        if (web_is_done(&web))
            return ticks;
        web_acknowledge(&web);
    }
    lab_fail(form.name, ERR_TIMEOUT);
}

/* Handshakes, which are not counted. */
static void greet(void)
{
    web_greet(&web);
    for (uint32_t i = 0; i < 4; i++) {
        card_push(web.pair);
        settle_card(&client_card);
        for (uint64_t j = 0; j < QUIET_LOOKS; j++)
            (void)virtio_pci_is_broken(&client_card.pci);
        form.serve();
        for (uint64_t j = 0; j < QUIET_LOOKS; j++)
            (void)virtio_pci_is_broken(&client_card.pci);
        web_collect(&web);
        web_acknowledge(&web);
    }
}

static void measure(const char *size, uint32_t bytes, uint32_t clients, const char *more)
{
    static char request[64], key[64];
    struct http_text t = {request, sizeof request - 1, 0};

    http_put(&t, "GET /");
    http_put_number(&t, bytes);
    http_put(&t, " HTTP/1.1\r\nHost: a\r\n\r\n");
    request[t.used] = '\0';
    web.request = request;
    web.count = clients;
    web.port = (uint16_t)(web.port ? web.port : PORT);
    greet();
    for (uint32_t i = 0; i < clients; i++)
        web.clients[i].expected = bytes + 1;
    uint64_t user = 0;
    exchange(&user);
    for (uint32_t i = 0; i < LEFT_TURNS; i++) { /* what may be left of it */
        web_acknowledge(&web);
        turn(&user);
    }
    for (uint32_t i = 0; i < clients; i++)
        web.clients[i].expected = web.clients[i].got;
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        user = 0;
        uint64_t ticks = exchange(&user);
        lab_keep(&series, i, ticks, before);
        lab_keep(&user_series, i, user, before);
    }
    web_acknowledge(&web); /* or it would be sent again */
    turn(&user);
    t = (struct http_text){key, sizeof key - 6, 0};
    http_put(&t, "http.");
    http_put(&t, size);
    http_put(&t, ".");
    http_put(&t, form.name);
    http_put(&t, more);
    key[t.used] = '\0';
    lab_report(key, &series, empty, clients, clients);
    if (!form.ring || bytes > USER_MOST)
        return;
    memcpy(key + t.used, ".user", 6);
    lab_report(key, &user_series, empty, clients, clients);
}

static void measure_sizes(void)
{
    measure("0", 0, WEB_CLIENTS, "");
    measure("1k", 1024, WEB_CLIENTS, "");
    measure("1k", 1024, 1, ".one");
    measure("10k", 10240, 1, "");
    measure("100k", 102400, 1, "");
    measure("1M", 1048576, 1, "");
}

static void use_link(const char *name, struct link *l, const volatile struct ring_header *ring,
                     void (*serve)(void))
{
    form = (struct form){name, l, ring, serve, l->flush, 0};
    if (ring)
        l->flush = counted_flush;
}

static void on_card(void)
{
    static struct card_outlet outlet;
    uint32_t function = 0;
    enum err e = virtio_pci_find(VIRTIO_NET, 0, &function);

    if (e == ERR_OK)
        e = card_open(&server_card, SLOT_PCI, function);
    if (e == ERR_OK)
        e = card_outlet_open(&outlet, &server_card, ARENA_FRAMES);
    if (e)
        lab_fail("http.dedicated", e);
    memcpy(web.server_mac, server_card.mac, 6);
    server_begin(&server, &outlet.outlet, WEB_SERVER, PORT);
    use_link("dedicated", outlet.outlet.link, NULL, serve_direct);
    measure_sizes();
}

static void on_ring(void)
{
    static struct ring_outlet outlet;
    enum err e = ring_outlet_open(&outlet, ARENA_FRAMES);

    if (e == ERR_OK)
        e = keys_bind_port(outlet.link.slot, WEB_SERVER, KEYS_TCP, PORT);
    if (e)
        lab_fail("http.shared", e);
    memcpy(web.server_mac, KINFO->nic_mac, 6);
    server_begin(&server, &outlet.outlet, WEB_SERVER, PORT);
    use_link("shared", outlet.outlet.link, outlet.link.ring.header, serve_direct);
    measure_sizes();
}

static void on_lwip(void)
{
    struct net_config config = NET_CONFIG_USER;

    config.dhcp = false;
    config.tcp_port = LWIP_PORT;
    enum err e = net_open(&config);
    if (e || !http_serve(LWIP_PORT))
        lab_fail("http.lwip", e);
    memcpy(web.server_mac, KINFO->nic_mac, 6);
    web.port = LWIP_PORT;
    web.count = 1; /* before it knows the link address it forgets all but one answer */
    use_link("lwip", net_link(), ((struct ring_link *)net_link())->ring.header, serve_lwip);
    greet();
    measure_sizes();
}

/* `card`: in a machine with two cards on one wire beside the kernel's; else its ring. */
int main(int argc, char **argv)
{
    uint32_t function = 0;
    enum err e = libos_setup();

    empty = lab_empty();
    if (e == ERR_OK)
        e = virtio_pci_find(VIRTIO_NET, 0, &function);
    if (e == ERR_OK)
        e = card_open(&client_card, SLOT_PCI, function);
    documents = heap_alloc(DOCUMENT_MOST);
    if (e || !documents)
        lab_fail("http", e ? e : ERR_NO_MEM);
    memset(documents, 'x', DOCUMENT_MOST);
    web.first_port = 5000;
    web.pair = &client_card.pairs[0];
    if (argc > 1 && !strcmp(argv[1], "card")) {
        on_card();
    } else {
        on_ring();
        on_lwip();
    }
    log_line("end");
    return 0;
}

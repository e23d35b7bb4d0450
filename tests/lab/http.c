/*
 * Web servers, per request, by the size of the document: the one that goes round the stack
 * (libos-net/direct/) on a card of its own and on a ring of the kernel's card, and lwIP's on a
 * ring. The client is the lab's own, behind another card on the same wire; what it does is not
 * counted.
 *
 * What is counted, served.c says. An answer of several windows is the sum of its turns. Behind
 * them GETs of the key-value store in the same two forms, and answered in the kernel (kv.c).
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
#include "tests/lab/kv.h"
#include "tests/lab/served.h"
#include "tests/lab/web.h"

#define ARENA_FRAMES  1024u
#define PORT          80u
#define LWIP_PORT     8080u
#define TURNS_MOST    5000u
#define GREET_TURNS   4u
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
static struct served form;

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

/* A request of each client, until each has its answer. */
static uint64_t exchange(uint64_t *user)
{
    uint64_t ticks = 0;

    web_ask(&web);
    for (uint32_t i = 0; i < TURNS_MOST; i++) {
        ticks += served_turn(user);
        web_collect(&web);
        if (web_is_done(&web))
            return ticks;
        web_acknowledge(&web);
    }
    lab_fail("http: the answer", ERR_TIMEOUT);
}

/* Handshakes, which are not counted. */
static void greet(void)
{
    web_greet(&web);
    for (uint32_t i = 0; i < GREET_TURNS; i++) {
        served_turn_quietly();
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
        served_turn(&user);
        web_collect(&web);
    }
    for (uint32_t i = 0; i < clients; i++)
        web.clients[i].expected = web.clients[i].got;
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = served_begin();
        user = 0;
        uint64_t ticks = exchange(&user);
        served_keep(&series, i, ticks, before);
        served_keep(&user_series, i, user, before);
    }
    web_acknowledge(&web); /* or it would be sent again */
    served_turn(&user);
    web_collect(&web);
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
    form = (struct served){.name = name,
                           .client = &client_card,
                           .link = l,
                           .ring = ring,
                           .card = ring ? NULL : &server_card,
                           .serve = serve};
    served_use(&form);
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
    lab_kv("kv.get.dedicated", form, empty);
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
    e = keys_bind_port(outlet.link.slot, WEB_SERVER, KEYS_UDP, KV_PORT);
    if (e)
        lab_fail("kv.get.ring", e);
    lab_kv("kv.get.ring", form, empty);
    lab_kv_graft("kv.get.graft", form, outlet.link.slot, empty);
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

/*
 * Servers over POSIX sockets, per packet or request: an unmodified Linux program
 * (sockets_server.c), of a family that has the kernel's card (`posix`), and clients in here, behind
 * another card on the same wire.
 *
 *   lab_sockets udp|http|kv [WAY]   starts `posix` with what `.exo4/argv` names, which matches
 *
 * The client has a lower priority than all of the family, and does nothing but wait, by loops that
 * are counted, while the family works: counted is from its bell until it has all answers and a
 * little longer, less those loops. So the figure has in it the kernel, the keeper and the process.
 */
#include "libos-net/answer.h"
#include "libos-net/direct/packet.h"
#include "libos-net/examples/http_text.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/servers/program.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/lab/kv.h"
#include "tests/lab/lab.h"
#include "tests/lab/served.h"
#include "tests/lab/wait.h"
#include "tests/lab/web.h"

#define IN_FLIGHT     WEB_CLIENTS
#define POSIX_FRAMES  32768u
#define PRIORITY      (THREAD_PRIORITY / 2)
#define QUIET         20000u    /* looks, until nothing more is expected */
#define LINGER        2000u     /* looks, until the family has said all that it has to */
#define PATIENCE      10000000u /* looks */
#define GREET_TURNS   4u
#define GREET_MOST    500u
#define UDP           17u
#define UDP_AT        (ETHERNET_BYTES + IP_BYTES)
#define DATA_AT       (UDP_AT + 8u)
#define DATA_BYTES    18u /* of the shortest packet that there is */
#define ECHO_PORT     7u
#define FROM_PORT     4660u
#define HTTP_PORT     80u
#define CLIENTS_PORTS 5000u
#define ANSWER_MOST   2048u

static struct card card;
static struct card_pair *const pair = &card.pairs[0];
static struct web web;
static struct lab_series series;
static uint64_t empty;

/* Until so many packets have come to the client. */
static uint64_t look(uint16_t want, uint64_t limit)
{
    return wait_used(&pair->rx.used->index, want, card.pci.common + VIRTIO_AT_STATUS, limit);
}

/* What is laid ready is sent, and so many packets come back. Returns what that took. */
static uint64_t turn(const char *key, uint32_t answers)
{
    const uint16_t came = pair->rx.used->index, never = (uint16_t)(came - 1);
    const uint64_t begin = lab_stamp();

    card_push(pair);
    uint64_t waited = look((uint16_t)(came + answers), PATIENCE);
    const bool late = waited > PATIENCE;
    waited += look(never, LINGER);
    const uint64_t ticks = lab_stamp() - begin - waited * WAIT_LOOP;
    if (late)
        lab_fail(key, ERR_TIMEOUT);
    return ticks;
}

/* The same, not counted, for what comes at a time of its own. */
static void turn_quietly(void)
{
    card_push(pair);
    look((uint16_t)(pair->rx.used->index - 1), QUIET);
}

/* Until the family sleeps: then nothing but the clock enters the kernel. */
static void wait_for_quiet(void)
{
    uint64_t before, clock = 2;

    do {
        before = lab_counters().entries;
        for (uint32_t i = 0; i < QUIET; i++)
            (void)virtio_pci_is_broken(&card.pci);
    } while (lab_counters().entries > before + clock);
}

/* A datagram for the echo, with its number in each byte. */
static void lay_datagram(uint8_t number)
{
    static const uint16_t bytes = 8 + DATA_BYTES;
    const uint16_t words[] = {net16(FROM_PORT), net16(ECHO_PORT), net16(bytes), 0};
    struct tcp_head h = {.type = net16(TYPE_IPV4),
                         .version = IP_PLAIN,
                         .length = net16(IP_BYTES + bytes),
                         .fragment = net16(IP_WHOLE),
                         .time_to_live = 64,
                         .protocol = UDP,
                         .source = net32(WEB_ADDRESS),
                         .target = net32(WEB_SERVER)};
    uint16_t buffer, sum;

    if (!card_take(pair, &buffer))
        lab_fail("sockets.udp.echo", ERR_NO_MEM);
    uint8_t *p = card_packet(pair, buffer);
    memcpy(h.to, web.server_mac, sizeof h.to);
    memcpy(h.from, card.mac, sizeof h.from);
    h.ip_sum = (uint16_t)~sum_fold(sum_bytes((uint8_t *)&h + ETHERNET_BYTES, IP_BYTES, 0));
    memcpy(p, &h, UDP_AT);
    memcpy(p + UDP_AT, words, sizeof words);
    memset(p + DATA_AT, number, DATA_BYTES);
    sum = (uint16_t)~sum_fold(
        sum_bytes(p + UDP_AT - 8, bytes + 8u, (uint64_t)net16(UDP) + net16(bytes)));
    memcpy(p + UDP_AT + 6, &sum, sizeof sum);
    card_send(pair, buffer, DATA_AT + DATA_BYTES);
}

/* Is it the echo of a datagram of this round? Which one is a bit of the result. */
static uint32_t echoed(const uint8_t *p, uint32_t length)
{
    const uint16_t ports[] = {net16(ECHO_PORT), net16(FROM_PORT)}, bytes = 8 + DATA_BYTES;
    const uint8_t number = p[DATA_AT];

    if (length < DATA_AT + DATA_BYTES || memcmp(p + UDP_AT, ports, sizeof ports) ||
        number >= IN_FLIGHT ||
        sum_fold(sum_bytes(p + UDP_AT - 8, bytes + 8u, (uint64_t)net16(UDP) + net16(bytes))) !=
            0xffff)
        return 0;
    for (uint32_t i = 0; i < DATA_BYTES; i++)
        if (p[DATA_AT + i] != number)
            return 0;
    return 1u << number;
}

/* Takes what came, and answers questions for the link address. Returns which echoes it were. */
static uint32_t collect_echoes(void)
{
    struct answer_host me = {.address = WEB_ADDRESS};
    uint32_t length, found = 0;
    uint16_t buffer;

    memcpy(me.mac, card.mac, sizeof me.mac);
    while (card_receive(pair, &buffer, &length)) {
        uint8_t *packet = card_packet(pair, buffer);
        const uint32_t one = packet[23] == UDP ? echoed(packet, length) : 0;
        const uint32_t answer = one ? 0 : answer_make(&me, packet, length);
        if (found & one)
            lab_fail("sockets.udp.echo", ERR_BAD_STATE);
        found |= one;
        if (answer)
            card_send(pair, buffer, answer);
        else
            card_free(pair, buffer);
    }
    card_push(pair);
    return found;
}

/* Each datagram has its echo. */
static uint64_t echo_all(const char *key)
{
    const uint32_t all = (1u << IN_FLIGHT) - 1;

    for (uint8_t i = 0; i < IN_FLIGHT; i++)
        lay_datagram(i);
    const uint64_t ticks = turn(key, IN_FLIGHT);
    uint32_t found = collect_echoes();
    for (uint64_t i = 0; found != all && i < PATIENCE; i++) {
        (void)virtio_pci_is_broken(&card.pci);
        found |= collect_echoes();
    }
    if (found != all)
        lab_fail(key, ERR_TIMEOUT);
    return ticks;
}

static void measure_udp(void)
{
    static const char key[] = "sockets.udp.echo";

    lay_datagram(0); /* the family asks for our link address, and gets it */
    for (uint32_t i = 0; i < GREET_TURNS; i++) {
        turn_quietly();
        collect_echoes();
    }
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        const struct lab_sample before = lab_counters();
        lab_keep(&series, i, echo_all(key), before);
    }
    lab_report(key, &series, empty, IN_FLIGHT, IN_FLIGHT);
}

static bool is_welcome(void)
{
    for (uint32_t i = 0; i < web.count; i++)
        if (!web.clients[i].in)
            return false;
    return true;
}

static void greet(uint32_t clients)
{
    web.count = clients;
    web_greet(&web);
    for (uint32_t i = 0; i < GREET_TURNS || (i < GREET_MOST && !is_welcome()); i++) {
        turn_quietly();
        web_collect(&web);
        web_acknowledge(&web);
    }
}

/* A request of each client, and its whole answer, which is one packet. */
static uint64_t exchange(const char *key)
{
    web_ask(&web);
    const uint64_t ticks = turn(key, web.count);
    web_collect(&web);
    for (uint64_t i = 0; !web_is_done(&web) && i < PATIENCE; i++) {
        (void)virtio_pci_is_broken(&card.pci);
        web_collect(&web);
    }
    if (!web_is_done(&web))
        lab_fail(key, ERR_TIMEOUT);
    return ticks;
}

/* What is laid ready is sent, and some packets come back, nobody knows how many. */
static uint64_t turn_of_some(const char *key)
{
    const volatile uint16_t *const came = &pair->rx.used->index;
    const uint16_t begun = *came;
    const uint64_t begin = lab_stamp();
    uint64_t waited = 0, looks = 0;
    uint16_t before;

    card_push(pair);
    do {
        before = *came;
        waited += look((uint16_t)(before - 1), LINGER);
    } while ((*came == begun || *came != before) && looks++ < PATIENCE / LINGER);
    const uint64_t ticks = lab_stamp() - begin - waited * WAIT_LOOP;
    if (*came == begun)
        lab_fail(key, ERR_TIMEOUT);
    return ticks;
}

/* The same when an answer is several windows. */
static uint64_t exchange_long(const char *key)
{
    uint64_t ticks = 0, looks = 0;

    web_ask(&web);
    ticks += turn_of_some(key);
    for (;;) {
        const uint32_t came = web_collect(&web);
        if (web_is_done(&web))
            return ticks;
        if (came) {
            web_acknowledge(&web);
            ticks += turn_of_some(key);
        } else if (looks++ == PATIENCE) {
            lab_fail(key, ERR_TIMEOUT);
        }
        (void)virtio_pci_is_broken(&card.pci);
    }
}

static void measure_http(const char *key, uint32_t bytes, uint32_t clients)
{
    static char request[64];
    struct http_text t = {request, sizeof request - 1, 0};
    uint64_t (*const one)(const char *) = bytes > SEGMENT_MOST ? exchange_long : exchange;

    http_put(&t, "GET /");
    http_put_number(&t, bytes);
    http_put(&t, " HTTP/1.1\r\nHost: a\r\n\r\n");
    request[t.used] = '\0';
    web.request = request;
    greet(clients);
    for (uint32_t i = 0; i < clients; i++) /* the answer has a head, too */
        web.clients[i].expected = bytes + 1;
    one(key);
    web_acknowledge(&web);
    turn_quietly();
    web_collect(&web);
    for (uint32_t i = 0; i < clients; i++)
        web.clients[i].expected = web.clients[i].got;
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        const struct lab_sample before = lab_counters();
        lab_keep(&series, i, one(key), before);
    }
    web_acknowledge(&web); /* or it would be sent again */
    turn_quietly();
    web_collect(&web);
    lab_report(key, &series, empty, clients, clients);
}

/* A question for the family's link address, by which it learns the client's. */
static void introduce(void)
{
    static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    const uint32_t addresses[] = {net32(WEB_ADDRESS), net32(WEB_SERVER)};
    uint16_t buffer;

    if (!card_take(pair, &buffer))
        lab_fail("kv.get.sockets", ERR_NO_MEM);
    uint8_t *p = card_packet(pair, buffer);
    memset(p, 0, ANSWER_ROOM);
    memset(p, 0xff, 6);
    memcpy(p + 6, card.mac, 6);
    memcpy(p + 12, head, sizeof head);
    memcpy(p + 22, card.mac, 6);
    memcpy(p + 28, &addresses[0], 4);
    memcpy(p + 38, &addresses[1], 4);
    card_send(pair, buffer, ANSWER_ROOM);
    turn_quietly();
    collect_echoes();
}

static void measure_kv(void)
{
    introduce();
    lab_kv("kv.get.sockets", (struct served){.client = &card}, empty);
}

static void be_client(void *name)
{
    wait_for_quiet();
    log_kernel_line("lab_sockets: begins"); /* what run_trace.py waits for */
    if (!strcmp(name, "udp")) {
        measure_udp();
        return;
    }
    if (!strcmp(name, "kv")) {
        measure_kv();
        return;
    }
    greet(1); /* before it knows the link address it forgets all but one answer */
    measure_http("sockets.http.1k.one", 1024, 1); /* first: connections stay, and are polled */
    measure_http("sockets.http.1k", 1024, WEB_CLIENTS);
    measure_http("sockets.http.0", 0, WEB_CLIENTS);
    measure_http("sockets.http.10k", 10240, 1);
    measure_http("sockets.http.100k", 102400, 1);
    measure_http("sockets.http.1M", 1048576, 1);
}

static void start_posix(const char *way)
{
    static const char *arguments[] = {"posix", NULL, "net=10.0.2.15/24", NULL};
    struct spawn_args args = {.arguments = arguments,
                              .give = SPAWN_GIVE_ALL,
                              .memory_frames = POSIX_FRAMES,
                              .cpu = THREAD_CPU_HERE};
    static struct spawn_child child;
    struct archive archive;
    enum err e = archive_map(&archive);

    arguments[1] = way;
    if (e == ERR_OK)
        e = program_start(&archive, "posix", &args, &child);
    if (e)
        lab_fail("posix", e);
}

int main(int argc, char **argv)
{
    struct thread client;
    uint32_t function = 0;
    enum err e = libos_setup();

    empty = lab_empty();
    if (argc < 2)
        lab_fail("lab_sockets: want udp, http or kv", ERR_BAD_ARG);
    if (e == ERR_OK)
        e = virtio_pci_find(VIRTIO_NET, 0, &function);
    if (e == ERR_OK)
        e = card_open(&card, SLOT_PCI, function);
    if (e)
        lab_fail("sockets", e);
    memcpy(web.server_mac, KINFO->nic_mac, sizeof web.server_mac);
    web.pair = pair;
    web.first_port = CLIENTS_PORTS;
    web.port = HTTP_PORT;
    start_posix(argc > 2 ? argv[2] : "via=patched");
    e = thread_run(&client, be_client, argv[1], THREAD_CPU_HERE, PRIORITY);
    if (e)
        lab_fail("sockets", e);
    thread_join(&client);
    log_line("end");
    return 0;
}

/*
 * The port authority: holds the network card alone, starts programs that have none, and gives each
 * the ports that it asks for (libos-net/ports.h), as parts of the card. What is nobody's is its
 * own: it answers ARP and ping, speaks to DHCP servers, hears broadcasts, and refuses connections
 * to ports that nobody has.
 *
 *   run=port_authority [address=ADDRESS,MASK,GATEWAY] [low:]PROGRAM[:ARGUMENT]... ...
 *
 * Without `address` a DHCP server is asked, and 10.0.2.15 taken where none answers. A program that
 * has `low:` in front may have ports below 1024, and ICMP. Ends when all have ended, with the first
 * status that is not 0.
 */
#include "libos-net/address.h"
#include "libos-net/keys.h"
#include "libos-net/lwip.h"
#include "libos-net/net.h"
#include "libos-net/port_table.h"
#include "libos-net/ports.h"

#include "exo/abi/kinfo.h"
#include "libos/archive.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/endpoint.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/servers/program.h"
#include "libos/slots.h"
#include "libos/string.h"

#define PROGRAMS_MAX 16u
#define FIELDS_MAX   8u
#define WORDS_MAX    96u
#define LOOK_MS      50u /* between two looks at who has ended, at most */
#define GIVEN                                                                                      \
    (SPAWN_GIVE(SLOT_CPU) | SPAWN_GIVE(SLOT_CONSOLE) | SPAWN_GIVE(SLOT_INSPECT) |                  \
     SPAWN_GIVE(SLOT_ARCHIVE))
_Static_assert(PROGRAMS_MAX <= PORT_HOLDERS, "each program has its place in the table");

struct client {
    char words[WORDS_MAX];              /* of the command line */
    const char *fields[FIELDS_MAX + 1]; /* which they lie in: the program, its arguments, NULL */
    bool low;                           /* may have ports below 1024 */
    bool ended;
    slot_t parts[PORTS_PER_HOLDER]; /* of the card, by place in the table */
    struct spawn_child child;
};

static struct client clients[PROGRAMS_MAX];
static uint32_t client_count, left;
static struct port_table table;
static struct net_config config = NET_CONFIG_USER;
static char address_words[WORDS_MAX];
static slot_t door;
static int worst;

/* Ends the field at `s`, and returns the next one; NULL: there is none. */
static char *next_field(char *s, char mark)
{
    char *end = strchr(s, mark);

    if (!end)
        return NULL;
    *end = '\0';
    return end + 1;
}

static bool read_client(const char *word)
{
    struct client *c = &clients[client_count];

    c->low = !strncmp(word, "low:", 4);
    word += c->low ? 4 : 0;
    if (client_count == PROGRAMS_MAX || strlen(word) >= WORDS_MAX || !*word)
        return false;
    memcpy(c->words, word, strlen(word) + 1);
    unsigned n = 0;
    for (char *s = c->words, *next; s; s = next) {
        next = next_field(s, ':');
        if (n == FIELDS_MAX)
            return false;
        c->fields[n++] = s;
    }
    client_count++;
    return true;
}

static bool read_address(const char *words)
{
    if (strlen(words) >= WORDS_MAX)
        return false;
    memcpy(address_words, words, strlen(words) + 1);
    char *mask = next_field(address_words, ','), *gateway = mask ? next_field(mask, ',') : NULL;
    config.address = address_words;
    config.mask = mask;
    config.gateway = gateway;
    config.dhcp = false;
    return gateway && address_read(address_words) && address_read(mask) && address_read(gateway);
}

static bool read_words(int argc, char **argv)
{
    bool good = true;

    for (int i = 1; i < argc && good; i++)
        good = strncmp(argv[i], "address=", 8) ? client_count < PROGRAMS_MAX && read_client(argv[i])
                                               : read_address(argv[i] + 8);
    return good && client_count > 0;
}

static uint32_t address_of(const ip4_addr_t *a)
{
    return lwip_ntohl(a->addr);
}

static enum err start(const struct archive *archive, uint32_t i, uint32_t frames)
{
    struct client *c = &clients[i];
    struct archive_entry entry;
    enum err e = program_find(archive, c->fields[0], &entry);

    if (e)
        return e;
    struct spawn_args args = {.image = entry.data,
                              .image_bytes = entry.bytes,
                              .name = c->fields[0],
                              .arguments = c->fields,
                              .give = GIVEN,
                              .memory_frames = frames,
                              .cpu = i % KINFO->cpu_count};
    e = spawn_prepare(&c->child, &args);
    if (e == ERR_OK)
        e = exo_cap_badge(c->child.env, SLOT_NET, door, RIGHT_WRITE, i + 1);
    return e == ERR_OK ? spawn_run(&c->child) : e;
}

static void give_back(uint32_t i, uint32_t place)
{
    port_give(&table, i, place);
    slot_delete(clients[i].parts[place]);
    clients[i].parts[place] = SLOT_NONE;
}

/* All that a program had is free again. */
static void bury(uint32_t i)
{
    struct client *c = &clients[i];
    const int status = program_wait(c->fields[0], &c->child);

    log_kernel_line("port_authority: %s ended with status %d", c->fields[0], status);
    worst = worst ? worst : status;
    spawn_destroy(&c->child);
    for (uint32_t place = 0; place < PORTS_PER_HOLDER; place++)
        if (c->parts[place] != SLOT_NONE)
            give_back(i, place);
    c->ended = true;
    left--;
}

static void bury_all(void)
{
    for (uint32_t i = 0; i < client_count; i++)
        if (!clients[i].ended && book_env_read(clients[i].child.number).state != ENV_ALIVE)
            bury(i);
}

/* Makes the part, and puts it into the asker's slot. */
static enum err make_part(uint32_t i, uint32_t place, const struct flows_load *load, slot_t to)
{
    slot_t slot;
    pfn_t frame;
    enum err e = slot_take(&slot);

    if (e)
        return e;
    e = region_find(1, &frame);
    if (e == ERR_OK)
        e = exo_flows_create(SLOT_NIC, SLOT_MEMORY, frame, (vaddr_t)load, slot);
    if (e) {
        slot_give(slot);
        return e;
    }
    e = exo_cap_copy(clients[i].child.env, to, slot, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT, 0, 0);
    if (e) { /* what it named cannot take it */
        slot_delete(slot);
        return ERR_BAD_ARG;
    }
    clients[i].parts[place] = slot;
    return ERR_OK;
}

/* As many rings and keys as a stack needs, and no masks but the part's: the card has few. */
static struct flows_load load_of(uint32_t address, uint8_t protocol, uint16_t port, uint32_t wants)
{
    struct flows_load load = {.count = 1, .rings = 1, .bound = RING_KEYS};

    load.keys[0] = keys_for(address, KEYS_IPV4, protocol);
    if (protocol != KEYS_ICMP) {
        load.keys[0].value.local_port = port;
        load.keys[0].mask.local_port = UINT16_MAX;
    }
    if (wants & PORTS_WANT_ARP) {
        load.keys[load.count] = keys_for(address, KEYS_ARP, 0);
        load.keys[load.count++].flags = RING_KEY_YIELD | RING_KEY_COPY;
    }
    return load;
}

/* `w` holds the message's words, then those of the answer; *words: how many. */
static enum err ask(uint32_t i, L4_Word_t *w, unsigned *words)
{
    const struct netif *netif = net_interface();
    const uint32_t address = address_of(netif_ip4_addr(netif));
    const uint8_t protocol = (uint8_t)w[0];
    const uint32_t wants = (uint32_t)(w[0] >> 32);
    uint16_t port = (uint16_t)(w[0] >> 16);
    uint32_t place;

    if ((w[0] >> 8 & 0xff) || (wants & ~PORTS_WANTS) || w[2] > UINT32_MAX)
        return ERR_BAD_ARG;
    if (w[1] && w[1] != address)
        return ERR_NO_RIGHT;
    enum err e = port_take(&table, i, clients[i].low, protocol, &port, &place);
    if (e)
        return e;
    const struct flows_load load = load_of(address, protocol, port, wants);
    e = make_part(i, place, &load, (slot_t)w[2]);
    if (e) {
        port_give(&table, i, place);
        return e;
    }
    w[0] = port;
    w[1] = address;
    w[2] = address_of(netif_ip4_netmask(netif));
    w[3] = address_of(netif_ip4_gw(netif));
    *words = 4;
    return ERR_OK;
}

static enum err release(uint32_t i, L4_Word_t name)
{
    uint32_t place;
    enum err e = name >> 32 || (name >> 8 & 0xff)
                     ? ERR_NOT_BOUND
                     : port_find(&table, i, (uint8_t)name, (uint16_t)(name >> 16), &place);

    if (e == ERR_OK)
        give_back(i, place);
    return e;
}

/* Does what a message says, and makes the answer. Whatever somebody sends, this returns. */
static void serve(L4_MsgTag_t tag, uint32_t i)
{
    L4_Word_t w[4] = {0};
    const unsigned words = (unsigned)L4_UntypedWords(tag);
    unsigned answer = 0;
    enum err e = ERR_BAD_CALL;

    if (i >= client_count || L4_TypedWords(tag) || words > 3)
        e = ERR_BAD_ARG;
    else {
        L4_StoreMRs(1, words, w);
        bury_all(); /* whose ports may be the ones that are asked for */
        if (L4_Label(tag) == PORTS_ASK)
            e = words == 3 ? ask(i, w, &answer) : ERR_BAD_ARG;
        else if (L4_Label(tag) == PORTS_RELEASE)
            e = words == 1 ? release(i, w[0]) : ERR_BAD_ARG;
    }
    for (unsigned n = 0; n < answer; n++)
        L4_LoadMR(n + 1, w[n]);
    L4_Set_MsgTag(L4_MsgTagMake(e, answer, 0));
}

/* Until lwIP has something to do, or somebody may have ended. */
static L4_Time_t patience(bool busy)
{
    const uint32_t due = sys_timeouts_sleeptime();

    if (busy || !due)
        return L4_ZeroTime;
    return L4_TimePeriod((uint64_t)(due < LOOK_MS ? due : LOOK_MS) * 1000);
}

/* One message, then one turn of the network: neither can keep the other waiting. */
static void serve_all(void)
{
    L4_ThreadId_t asker = L4_nilthread, from;

    for (bool busy = true; left > 0;) {
        const L4_MsgTag_t tag =
            L4_Ipc(asker, endpoint_id(door), L4_Timeouts(L4_ZeroTime, patience(busy)), &from);
        asker = L4_nilthread;
        if (L4_IpcSucceeded(tag) && from.raw != L4_BOUND && !L4_IsNilThread(from)) {
            asker = from;
            serve(tag, (uint32_t)endpoint_badge() - 1);
        }
        busy = net_poll(0); /* leaves the message registers as they are */
        bury_all();
    }
}

static enum err open_network(void)
{
    config.rest = true;
    enum err e = net_open(&config);

    while (e == ERR_OK && ip4_addr_isany(netif_ip4_addr(net_interface())))
        net_poll(FOREVER);
    if (e == ERR_OK)
        e = endpoint_new(&door);
    book_utcb()->entry[UPCALL_NOTIFY] = 0;
    return e ? e : exo_notify_bind(net_notification(), SLOT_THREAD, ~(word_t)0);
}

int main(int argc, char **argv)
{
    struct archive archive;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = archive_map(&archive);
    if (e)
        program_fail(1, "port_authority", error_text(e));
    if (!read_words(argc, argv))
        program_fail(2, "port_authority",
                     "[address=ADDRESS,MASK,GATEWAY] [low:]PROGRAM[:ARGUMENT]... ...");
    e = open_network();
    const struct region_run run = region_longest();
    const uint32_t frames = (run.end - run.first) / (2 * client_count);
    left = client_count;
    for (uint32_t i = 0; i < client_count && e == ERR_OK; i++)
        e = start(&archive, i, frames);
    if (e)
        program_fail(1, "port_authority", error_text(e));
    log_kernel_line("port_authority: %u programs share the card", client_count);
    serve_all();
    return worst;
}

/*
 * Strangers under one port authority, for test_authority.py:
 *
 *   stranger echo PORT    has UDP PORT, waits for it while somebody else has it, and answers what
 *                         comes there; a datagram that begins with "die" it dies of
 *   stranger spoof        tries to have and to send what is not its own
 *   stranger ping         wants ICMP, and a port below 1024
 *   stranger flood        sends messages of all kinds to the authority, for ever
 */
#include "exo/abi/kinfo.h"
#include "libos-net/address.h"
#include "libos-net/answer.h"
#include "libos-net/ports.h"
#include "libos-net/ring_link.h"

#include "libos/call.h"
#include "libos/clock.h"
#include "libos/endpoint.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"

#define RETRY_NS ((uint64_t)20 * CLOCK_NS_PER_MS)
#define PAYLOAD  42u
#define PACKET   60u
#define SPOOF    4242u
#define MESSAGES 10000u
#define GATEWAY  0x0a000202u

static struct ring_link link;

static int fail(const char *what, enum err e)
{
    log_line("stranger: %s: %s", what, error_text(e));
    return 1;
}

static enum err open_part(slot_t part)
{
    enum err e = ring_link_open_by(&link, part, 0);

    return e == ERR_OK ? ports_bind(link.slot, part) : e;
}

/* Answers what comes, until it dies of it. */
static _Noreturn void answer_all(struct answer_host *me)
{
    struct link *l = &link.link;
    uint32_t buffer, length;
    uint8_t *packet;

    memcpy(me->mac, l->mac, sizeof me->mac);
    for (;;) {
        while (l->receive(l, &buffer, &packet, &length)) {
            if (length > PAYLOAD + 3 && !memcmp(packet + PAYLOAD, "die", 3))
                __builtin_trap();
            const uint32_t bytes = answer_make(me, packet, length);
            uint8_t *room = bytes ? l->room(l) : NULL;
            if (room) {
                memcpy(room, packet, bytes);
                l->send(l, bytes);
            }
            l->give_back(l, buffer);
        }
        l->flush(l);
        l->wait(l, FOREVER);
    }
}

/* Asks for the port until it is to be had. */
static enum err wait_for(struct ports_lease *lease, uint16_t port)
{
    slot_t note;
    enum err e = notify_new(&note);

    if (e == ERR_OK)
        e = ports_ask(lease, KEYS_UDP, port, 0, 0);
    if (e == ERR_IN_USE)
        log_line("stranger: port %u: %s", port, error_text(e));
    while (e == ERR_IN_USE) {
        notify_until(note, 1, clock_deadline(RETRY_NS), NULL);
        e = ports_ask(lease, KEYS_UDP, port, 0, 0);
    }
    return e;
}

static int echo(uint16_t port)
{
    struct ports_lease lease;
    enum err e = wait_for(&lease, port);

    if (e == ERR_OK)
        e = open_part(lease.part);
    if (e)
        return fail("echo", e);
    log_line("stranger: echo on port %u", port);
    answer_all(&(struct answer_host){.port = port, .address = lease.address});
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* What becomes of a datagram from an address and port; port 0: of a claim by ARP. */
static uint32_t fate(uint32_t address, uint16_t port)
{
    static const uint8_t datagram[] = {8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, KEYS_UDP},
                         claim[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    struct ring *r = &link.ring;
    const uint32_t slot = r->header->tx_posted % RING_SLOTS;
    uint8_t *p = ring_send_buffer(r);

    memset(p, 0, PACKET);
    memset(p, 0xff, 6);
    memcpy(p + 6, KINFO->nic_mac, 6);
    memcpy(p + 12, port ? datagram : claim, port ? sizeof datagram : sizeof claim);
    if (!port)
        memcpy(p + 22, KINFO->nic_mac, 6);
    put32(p + (port ? 26 : 28), address);
    put32(p + (port ? 30 : 38), GATEWAY);
    p[34] = (uint8_t)(port >> 8);
    p[35] = (uint8_t)port;
    p[37] = 9;
    ring_send(r, PACKET);
    for (unsigned i = 0; i < 1000 && r->header->tx[slot].state == 0; i++)
        exo_ring_kick(link.slot);
    return r->header->tx[slot].state & (RING_DONE | RING_BAD);
}

static void told(bool good, const char *what)
{
    log_line("%s - %s", good ? "stranger ok" : "stranger FAILED", what);
}

static int spoof(void)
{
    struct ports_lease lease, other;
    struct ring_key keys[RING_KEYS];
    enum err e = ports_ask(&lease, KEYS_UDP, SPOOF, 0, 0);

    if (e == ERR_OK)
        e = ring_link_open_by(&link, lease.part, 0);
    if (e)
        return fail("spoof", e);
    keys[0] = keys_for(lease.address, KEYS_IPV4, KEYS_UDP);
    told(exo_ring_keys(link.slot, (vaddr_t)keys, 1) == ERR_NO_RIGHT, "all ports are not bound");
    keys_of_port(lease.address, KEYS_UDP, SPOOF, keys);
    told(exo_ring_keys(link.slot, (vaddr_t)keys, 3) == ERR_NO_RIGHT, "nor ARP and ping");
    keys[2].value.local_port++;
    told(exo_ring_keys(link.slot, (vaddr_t)&keys[2], 1) == ERR_NO_RIGHT, "nor another port");
    told(exo_ring_create(SLOT_NIC, SLOT_MEMORY, 0, link.frames, SLOT_NONE, link.slot) != ERR_OK,
         "there is no other card");
    told(ports_bind(link.slot, lease.part) == ERR_OK, "the own port is bound");
    told(fate(lease.address, SPOOF) == RING_DONE, "and sent from");
    told(fate(lease.address, SPOOF + 1) == RING_BAD, "another port is not sent from");
    told(fate(lease.address + 1, SPOOF) == RING_BAD, "nor another address");
    told(fate(lease.address, 0) == RING_BAD, "nor ARP of who did not ask for that");
    told(ports_ask(&other, KEYS_UDP, 53, 0, 0) == ERR_NO_RIGHT, "no port below 1024");
    told(ports_ask(&other, KEYS_UDP, 5353, lease.address + 1, 0) == ERR_NO_RIGHT,
         "no other address");
    told(ports_release(&lease) == ERR_OK, "the port is given back");
    lease = (struct ports_lease){.protocol = KEYS_UDP, .port = SPOOF};
    told(ports_release(&lease) == ERR_NOT_BOUND, "once");
    told(fate(lease.address, SPOOF) == RING_BAD, "and sent from no more");
    return 0;
}

static int ping(void)
{
    struct ports_lease icmp, low, any;

    told(ports_ask(&icmp, KEYS_ICMP, 0, 0, 0) == ERR_OK, "ICMP is given to who may have it");
    told(ports_ask(&any, KEYS_ICMP, 0, 0, 0) == ERR_IN_USE, "and to one");
    told(ports_ask(&low, KEYS_UDP, 53, 0, 0) == ERR_OK, "and a port below 1024");
    told(ports_ask(&any, KEYS_TCP, 0, 0, 0) == ERR_OK && any.port >= 49152, "a free one is found");
    const enum err e = open_part(icmp.part);
    if (e)
        return fail("ping", e);
    log_line("stranger: answers ping");
    answer_all(&(struct answer_host){.address = icmp.address});
}

static uint64_t seed = 7;

static uint64_t lot(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 20;
}

/* A message of any kind: most are nonsense. */
static void send_any(void)
{
    const unsigned words = (unsigned)(lot() % 8), typed = lot() % 16 ? 0 : (unsigned)lot() % 4 * 2;
    static const L4_Word_t names[] = {
        KEYS_UDP | 5001u << 16, KEYS_TCP | 5002u << 16, KEYS_ICMP, KEYS_UDP | 1ull << 32,
        KEYS_UDP | 99ull << 32, KEYS_TCP | 7u << 8,     99,        0};

    for (unsigned i = 1; i <= words + typed; i++)
        L4_LoadMR(i, lot() % 4 ? lot() << (lot() % 44) : 0);
    if (lot() % 2)
        L4_LoadMR(1, names[lot() % 8]);
    if (lot() % 2)
        L4_LoadMR(2, 0);
    L4_LoadMR(3, lot() % 3 ? lot() % 64 : lot());
    L4_Set_MsgTag(
        L4_MsgTagMake(lot() % 2 ? lot() % 4 : lot() & 0xffff, lot() % 3 ? 3 : words, typed));
    if (lot() % 4)
        L4_Call(endpoint_id(SLOT_NET));
    else
        L4_Ipc(endpoint_id(SLOT_NET), L4_nilthread, L4_Timeouts(L4_ZeroTime, L4_ZeroTime), NULL);
}

static _Noreturn void flood(void)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        send_any();
    log_line("stranger: %u messages", MESSAGES);
    for (;;)
        send_any();
}

int main(int argc, char **argv)
{
    enum err e = libos_setup();

    if (e)
        return fail("setting up", e);
    if (argc == 3 && !strcmp(argv[1], "echo") && address_read_port(argv[2]))
        return echo(address_read_port(argv[2]));
    if (argc == 2 && !strcmp(argv[1], "spoof"))
        return spoof();
    if (argc == 2 && !strcmp(argv[1], "ping"))
        return ping();
    if (argc == 2 && !strcmp(argv[1], "flood"))
        flood();
    log_line("use: stranger echo PORT | spoof | ping | flood");
    return 2;
}

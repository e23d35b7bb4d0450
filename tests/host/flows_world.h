/*
 * A world for tests of parts of the network card: the kernel's, with its rings; the card is a fake.
 * Included once by a test.
 */
#pragma once

#include "tests/host/kernel_world.h"

#include "bindings/cap.h"
#include "bindings/filters.h"
#include "bindings/flows.h"
#include "exo/entry/main.h"
#include "exo/env/hooks.h"
#include "exo/io/nic.h"

#include <string.h>

#define ADDRESS    0x0a00020fu
#define PEER       0x0a000202u
#define ARP        0x0806u
#define IPV4       0x0800u
#define UDP        17u
#define PACKET     60u
#define LOAD       SCRATCH
#define KEYS       (SCRATCH + 1024)
#define ENTRIES    (SCRATCH + 2048)
#define FRAMES     4u /* of a ring: the header, and buffers */
#define AT_BUFFERS PAGE_SIZE
#define WEAK       50u
#define FREE       51u
#define PART       60u /* the boss's slots, and further parts behind */
#define RING       70u /* ring i's slot; behind them their frames    */
#define MEMORY     80u
#define TABLE      90u
#define MANY       300u /* parts */

/* The card: one packet at a time, sent when it is looked at. */
static unsigned sent;
static uint32_t cookie_of, in_card;

bool nic_present(void)
{
    return true;
}

uint16_t nic_mtu(void)
{
    return 1500;
}

void nic_mac(uint8_t mac[6])
{
    memset(mac, 0, 6);
}

uint32_t nic_offloads(void)
{
    return 0;
}

bool nic_send_offload(const struct nic_segment *segments, unsigned count, uint32_t work,
                      uint32_t heads, uint32_t cookie)
{
    (void)segments, (void)count, (void)work, (void)heads;
    sent++;
    in_card++;
    cookie_of = cookie;
    return true;
}

bool nic_send(const struct nic_segment *segments, unsigned count, uint32_t cookie)
{
    return nic_send_offload(segments, count, 0, 0, cookie);
}

void nic_flush(void)
{
}

void nic_tell_sent(bool wanted)
{
    (void)wanted;
}

void nic_collect(void)
{
    if (in_card)
        hook_nic_sent(cookie_of);
    in_card = 0;
}

void nic_poll(void)
{
    nic_collect();
}

void nic_restart(void)
{
}

bool boot_has_option(const char *word)
{
    (void)word;
    return false;
}

static inline struct ring_key for_port(uint16_t port)
{
    return (struct ring_key){
        .value = {.local = ADDRESS, .local_port = port, .ethertype = IPV4, .protocol = UDP},
        .mask = {.local = UINT32_MAX,
                 .local_port = UINT16_MAX,
                 .ethertype = UINT16_MAX,
                 .protocol = UINT8_MAX}};
}

static inline struct ring_key for_arp(uint32_t flags)
{
    return (struct ring_key){.value = {.local = ADDRESS, .ethertype = ARP},
                             .mask = {.local = UINT32_MAX, .ethertype = UINT16_MAX},
                             .flags = flags};
}

/* One port, and ARP that is to be shared; as many rings as there are, and few keys. */
static inline struct flows_load load_of(uint16_t port)
{
    return (struct flows_load){.count = 2,
                               .rings = 4,
                               .bound = 8,
                               .narrow = 2,
                               .keys = {for_port(port), for_arp(RING_KEY_COPY | RING_KEY_YIELD)}};
}

static inline void put(vaddr_t va, const void *from, size_t bytes)
{
    assert_true(space_copy_out(world.root->root, va, from, bytes));
}

static inline int make_part(slot_t of, slot_t dst, struct flows_load l)
{
    put(LOAD, &l, sizeof l);
    return BOSS(flows_create, of, REGION, PFN_ANY, LOAD, dst);
}

static inline struct flows *part_in(slot_t slot)
{
    return frame_memory(cap_slot(world.root, slot)->base);
}

/* Ring i, made by `nic`. */
static inline int make_ring(unsigned i, slot_t nic)
{
    make_frames(MEMORY + i, FRAMES);
    return BOSS(ring_create, nic, REGION, PFN_ANY, MEMORY + i, SLOT_NONE, RING + i);
}

static inline struct ring_header *header(unsigned i)
{
    return frame_memory(cap_slot(world.root, MEMORY + i)->base);
}

static inline int bind(unsigned i, struct ring_key key)
{
    put(KEYS, &key, sizeof key);
    return BOSS(ring_keys, RING + i, KEYS, 1);
}

static inline int bind_two(unsigned i, struct ring_key one, struct ring_key two)
{
    put(KEYS, &one, sizeof one);
    put(KEYS + sizeof one, &two, sizeof two);
    return BOSS(ring_keys, RING + i, KEYS, 2);
}

static inline int fill(slot_t table, uint32_t first, uint32_t count, struct ring_key key)
{
    struct ring_filter entries[FILTERS_BATCH] = {0};

    for (uint32_t i = 0; i < count; i++)
        entries[i].key = key;
    put(ENTRIES, entries, sizeof entries);
    return BOSS(filters_set, table, first, ENTRIES, count);
}

static inline void write_address(uint8_t *at, uint32_t address)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(address >> (24 - 8 * i));
}

/* A datagram between a port of ours and the peer's; or ARP, whose port is 0. */
static inline void write_packet(uint8_t p[PACKET], uint32_t from, uint32_t to, uint16_t from_port,
                                uint16_t to_port)
{
    const bool arp = !from_port && !to_port;

    memset(p, 0, PACKET);
    p[12] = 8;
    p[13] = arp ? 6 : 0;
    p[14] = arp ? 0 : 0x45;
    p[23] = arp ? 0 : UDP;
    write_address(p + (arp ? 28 : 26), from);
    write_address(p + (arp ? 38 : 30), to);
    if (arp)
        return;
    p[34] = (uint8_t)(from_port >> 8);
    p[35] = (uint8_t)from_port;
    p[36] = (uint8_t)(to_port >> 8);
    p[37] = (uint8_t)to_port;
}

/* Does ring i get what the peer sends to a port of ours (0: ARP)? */
static inline bool hears(unsigned i, uint16_t port)
{
    struct ring_header *h = header(i);
    const uint32_t before = h->rx_done;
    uint8_t packet[PACKET];

    h->rx[h->rx_posted % RING_SLOTS] = (struct ring_slot){.offset = AT_BUFFERS, .length = 2048};
    h->rx_posted++;
    write_packet(packet, PEER, ADDRESS, port ? 1234 : 0, port);
    hook_nic_received(packet, sizeof packet, NULL);
    ring_settle();
    if (h->rx_done == before)
        h->rx_posted--;
    return h->rx_done != before;
}

/* What becomes of a packet that ring i sends from an address and port (0: ARP). */
static inline uint32_t fate(unsigned i, uint32_t from, uint16_t port)
{
    struct ring_header *h = header(i);
    const uint32_t at = h->tx_posted % RING_SLOTS;

    write_packet((uint8_t *)h + AT_BUFFERS + 2048, from, PEER, port, port ? 1234 : 0);
    h->tx[at] = (struct ring_slot){.offset = AT_BUFFERS + 2048, .length = PACKET};
    h->tx_posted++;
    OK(BOSS(ring_kick, RING + i));
    nic_poll();
    ring_settle();
    return h->tx[at].state;
}

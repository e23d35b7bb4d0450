/* Parts of the network card: what rings that are made by one may bind and send, smaller parts, what
 * each may use up, and what ends with what. The rings are the kernel's, the card is a fake. */
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

bool nic_send(const struct nic_segment *segments, unsigned count, uint32_t cookie)
{
    (void)segments, (void)count;
    sent++;
    in_card++;
    cookie_of = cookie;
    return true;
}

void nic_flush(void)
{
}

void nic_poll(void)
{
    if (in_card)
        hook_nic_sent(cookie_of);
    in_card = 0;
}

void nic_restart(void)
{
}

bool boot_has_option(const char *word)
{
    (void)word;
    return false;
}

static struct ring_key for_port(uint16_t port)
{
    return (struct ring_key){
        .value = {.local = ADDRESS, .local_port = port, .ethertype = IPV4, .protocol = UDP},
        .mask = {.local = UINT32_MAX,
                 .local_port = UINT16_MAX,
                 .ethertype = UINT16_MAX,
                 .protocol = UINT8_MAX}};
}

static struct ring_key for_arp(uint32_t flags)
{
    return (struct ring_key){.value = {.local = ADDRESS, .ethertype = ARP},
                             .mask = {.local = UINT32_MAX, .ethertype = UINT16_MAX},
                             .flags = flags};
}

/* One port, and ARP that is to be shared; as many rings as there are, and few keys. */
static struct flows_load load_of(uint16_t port)
{
    return (struct flows_load){.count = 2,
                               .rings = 4,
                               .bound = 8,
                               .narrow = 2,
                               .keys = {for_port(port), for_arp(RING_KEY_COPY | RING_KEY_YIELD)}};
}

static void put(vaddr_t va, const void *from, size_t bytes)
{
    assert_true(space_copy_out(world.root->root, va, from, bytes));
}

static int make_part(slot_t of, slot_t dst, struct flows_load l)
{
    put(LOAD, &l, sizeof l);
    return BOSS(flows_create, of, REGION, PFN_ANY, LOAD, dst);
}

static struct flows *part_in(slot_t slot)
{
    return frame_memory(cap_slot(world.root, slot)->base);
}

/* Ring i, made by `nic`. */
static int make_ring(unsigned i, slot_t nic)
{
    make_frames(MEMORY + i, FRAMES);
    return BOSS(ring_create, nic, REGION, PFN_ANY, MEMORY + i, SLOT_NONE, RING + i);
}

static struct ring_header *header(unsigned i)
{
    return frame_memory(cap_slot(world.root, MEMORY + i)->base);
}

static int bind(unsigned i, struct ring_key key)
{
    put(KEYS, &key, sizeof key);
    return BOSS(ring_keys, RING + i, KEYS, 1);
}

static int bind_two(unsigned i, struct ring_key one, struct ring_key two)
{
    put(KEYS, &one, sizeof one);
    put(KEYS + sizeof one, &two, sizeof two);
    return BOSS(ring_keys, RING + i, KEYS, 2);
}

static int fill(slot_t table, uint32_t first, uint32_t count, struct ring_key key)
{
    struct ring_filter entries[FILTERS_BATCH] = {0};

    for (uint32_t i = 0; i < count; i++)
        entries[i].key = key;
    put(ENTRIES, entries, sizeof entries);
    return BOSS(filters_set, table, first, ENTRIES, count);
}

static void write_address(uint8_t *at, uint32_t address)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(address >> (24 - 8 * i));
}

/* A datagram between a port of ours and the peer's; or ARP, whose port is 0. */
static void write_packet(uint8_t p[PACKET], uint32_t from, uint32_t to, uint16_t from_port,
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
static bool hears(unsigned i, uint16_t port)
{
    struct ring_header *h = header(i);
    const uint32_t before = h->rx_done;
    uint8_t packet[PACKET];

    h->rx[h->rx_posted % RING_SLOTS] = (struct ring_slot){.offset = AT_BUFFERS, .length = 2048};
    h->rx_posted++;
    write_packet(packet, PEER, ADDRESS, port ? 1234 : 0, port);
    hook_nic_received(packet, sizeof packet);
    ring_settle();
    if (h->rx_done == before)
        h->rx_posted--;
    return h->rx_done != before;
}

/* What becomes of a packet that ring i sends from an address and port (0: ARP). */
static uint32_t fate(unsigned i, uint32_t from, uint16_t port)
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

#define BAD_LOAD(error, change)                                                                    \
    do {                                                                                           \
        struct flows_load l = load_of(53);                                                         \
        change;                                                                                    \
        put(LOAD, &l, sizeof l);                                                                   \
        REFUSED(error, world.boss, flows_create, PART, REGION, PFN_ANY, LOAD, FREE);               \
    } while (0)

static void a_part_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    struct thread *b = world.boss;

    OK(make_part(SLOT_NIC, PART, load_of(53)));
    BAD_LOAD(ERR_BAD_ARG, l.count = 0);
    BAD_LOAD(ERR_BAD_ARG, l.count = FLOWS_KEYS + 1);
    BAD_LOAD(ERR_BAD_ARG, l.keys[1].unused = 1);
    BAD_LOAD(ERR_BAD_ARG, l.keys[1].mask.local = 1);
    BAD_LOAD(ERR_BAD_ARG, l.keys[1].flags |= 4);
    BAD_LOAD(ERR_NO_RIGHT, l.keys[0] = for_port(54));
    BAD_LOAD(ERR_NO_RIGHT, l.keys[0].mask.local_port = l.keys[0].value.local_port = 0);
    BAD_LOAD(ERR_NO_RIGHT, l.keys[1].flags = RING_KEY_COPY);
    BAD_LOAD(ERR_NO_MEM, l.rings = 5);
    BAD_LOAD(ERR_NO_MEM, l.bound = 9);
    BAD_LOAD(ERR_NO_MEM, l.narrow = 3);
    BAD_LOAD(ERR_NO_MEM, l.keys[0].mask.remote = UINT32_MAX); /* another mask, and two more */
    BAD_LOAD(ERR_NO_MEM, l.narrow = UINT32_MAX);
    BAD_LOAD(ERR_NO_MEM, l.rings = UINT32_MAX);
    const struct flows_load l = load_of(53);
    put(LOAD, &l, sizeof l);
    REFUSED(ERR_BAD_ARG, b, flows_create, PART, REGION, 0, LOAD, FREE);
    REFUSED(ERR_BAD_ARG, b, flows_create, PART, REGION, PFN_ANY, LOAD, SLOT_NONE);
    REFUSED(ERR_BAD_CAP, b, flows_create, REGION, REGION, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_BAD_CAP, b, flows_create, PART, PART, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_BAD_USER, b, flows_create, PART, REGION, PFN_ANY, 8, FREE);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_READ | RIGHT_GRANT, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, flows_create, WEAK, REGION, PFN_ANY, LOAD, FREE);
    OK(BOSS(cap_delete, WEAK));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_READ | RIGHT_WRITE, 0, 0));
    REFUSED(ERR_NO_RIGHT, b, flows_create, WEAK, REGION, PFN_ANY, LOAD, FREE);
    REFUSED(ERR_IN_USE, b, flows_create, PART, REGION, PFN_ANY, LOAD, WEAK);
    REFUSED(ERR_IN_USE, b, flows_create, PART, REGION, cap_slot(world.root, PART)->base, LOAD,
            FREE);
}

static void what_a_part_is_can_be_read(void **state)
{
    struct flows_load l = load_of(53), got;

    (void)state;
    OK(make_part(SLOT_NIC, PART, l));
    struct flows_load small = {.count = 1, .rings = 1, .bound = 3, .keys = {for_port(53)}};
    OK(make_part(PART, PART + 1, small));
    OK(BOSS(flows_read, PART, LOAD));
    assert_true(space_copy_in(world.root->root, &got, LOAD, sizeof got));
    l.rings -= small.rings;
    l.bound -= small.bound;
    assert_memory_equal(&got, &l, sizeof l);
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_WRITE, 0, 0));
    REFUSED(ERR_NO_RIGHT, world.boss, flows_read, WEAK, LOAD);
    REFUSED(ERR_BAD_CAP, world.boss, flows_read, SLOT_NIC, LOAD);
    REFUSED(ERR_BAD_USER, world.boss, flows_read, PART, 8);
}

static void keys_lie_inside_the_part(void **state)
{
    struct ring_key narrow = for_port(53), wide = for_port(53), other = for_port(53);

    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(BOSS(cap_copy, SLOT_ENV, WEAK, PART, RIGHT_READ, 0, 0));
    make_frames(MEMORY + 3, FRAMES);
    REFUSED(ERR_NO_RIGHT, world.boss, ring_create, WEAK, REGION, PFN_ANY, MEMORY + 3, SLOT_NONE,
            FREE);
    OK(make_ring(0, PART));
    assert_int_equal(bind(0, for_port(54)), ERR_NO_RIGHT);
    wide.mask.local = wide.value.local = 0;
    assert_int_equal(bind(0, wide), ERR_NO_RIGHT);
    other.value.local++;
    assert_int_equal(bind(0, other), ERR_NO_RIGHT);
    assert_int_equal(bind(0, for_arp(RING_KEY_YIELD)), ERR_NO_RIGHT); /* it would keep it */
    assert_int_equal(bind_two(0, for_port(53), for_port(54)), ERR_NO_RIGHT);
    assert_false(hears(0, 53));
    narrow.value.remote = PEER;
    narrow.mask.remote = UINT32_MAX;
    narrow.flags = RING_KEY_YIELD;
    OK(bind(0, narrow));
    assert_true(hears(0, 53));
    OK(bind_two(0, for_port(53), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    assert_true(hears(0, 53));
    assert_true(hears(0, 0));
    assert_false(hears(0, 54));
    OK(BOSS(filters_create, RING, REGION, PFN_ANY, 20, TABLE));
    assert_int_equal(fill(TABLE, 0, 1, for_port(54)), ERR_NO_RIGHT);
    OK(fill(TABLE, 0, 1, for_port(53)));
    assert_int_equal(fill(TABLE, 0, 1, for_arp(0)), ERR_NO_RIGHT);
}

static void what_is_sent_is_its_own(void **state)
{
    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(make_ring(0, PART));
    sent = 0;
    assert_int_equal(fate(0, ADDRESS, 53), RING_BAD); /* no key yet */
    OK(bind_two(0, for_port(53), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    assert_int_equal(fate(0, ADDRESS, 53), RING_DONE);
    assert_int_equal(fate(0, ADDRESS, 0), RING_DONE);
    assert_int_equal(fate(0, ADDRESS, 54), RING_BAD);
    assert_int_equal(fate(0, ADDRESS + 1, 53), RING_BAD);
    assert_int_equal(fate(0, ADDRESS + 1, 0), RING_BAD);
    assert_int_equal(sent, 2);
}

/* Two parts of strangers, and who has the rest. */
static void parts_stand_side_by_side(void **state)
{
    const struct ring_key rest = {.flags = RING_KEY_YIELD};

    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(make_part(SLOT_NIC, PART + 1, load_of(54)));
    OK(make_ring(0, PART));
    OK(make_ring(1, PART + 1));
    OK(make_ring(2, SLOT_NIC));
    OK(bind(2, rest));
    OK(bind_two(0, for_port(53), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    OK(bind_two(1, for_port(54), for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    assert_true(hears(0, 53));
    assert_false(hears(1, 53));
    assert_true(hears(1, 54));
    assert_true(hears(2, 55));
    assert_false(hears(2, 53));
    for (unsigned i = 0; i < 3; i++)
        assert_true(hears(i, 0)); /* all hear ARP */
    assert_int_equal(fate(2, ADDRESS, 53), RING_BAD);
    assert_int_equal(fate(2, ADDRESS, 55), RING_DONE);
    assert_int_equal(fate(1, ADDRESS, 53), RING_BAD);
    OK(bind(2, for_arp(0))); /* the whole card's owner keeps to the rule, too */
    OK(bind(0, for_port(53)));
    struct ring_key part = for_port(53);
    part.mask.remote = UINT32_MAX;
    assert_int_equal(bind(2, part), ERR_IN_USE);
    OK(BOSS(cap_delete, PART));
    OK(bind(2, part));
}

static void with_the_part_go_keys_and_smaller_parts(void **state)
{
    const struct flows_load small = {.count = 1, .rings = 1, .bound = 3, .keys = {for_port(53)}};
    const uint32_t free = world_free();

    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(BOSS(cap_copy, SLOT_ENV, PART + 1, PART, RIGHT_ALL, 0, 0));
    OK(make_part(PART + 1, PART + 2, small));
    OK(make_ring(0, PART + 1));
    OK(make_ring(1, PART + 2));
    OK(bind(0, for_arp(RING_KEY_COPY | RING_KEY_YIELD)));
    OK(BOSS(filters_create, RING + 1, REGION, PFN_ANY, 20, TABLE));
    OK(fill(TABLE, 0, 3, for_port(53)));
    assert_true(hears(1, 53));
    OK(BOSS(cap_revoke, PART)); /* which stays */
    assert_int_equal(cap_slot(world.root, PART + 2)->kind, CAP_NONE);
    assert_int_equal(part_in(PART)->rings, 4);
    assert_int_equal(part_in(PART)->bound, 8);
    assert_false(hears(1, 53));
    assert_false(hears(0, 0));
    assert_int_equal(fate(0, ADDRESS, 0), RING_BAD);
    assert_int_equal(bind(0, for_arp(RING_KEY_COPY | RING_KEY_YIELD)), ERR_BAD_STATE);
    assert_int_equal(fill(TABLE, 0, 1, for_port(53)), ERR_BAD_STATE);
    assert_int_equal(BOSS(filters_create, RING, REGION, PFN_ANY, 20, FREE), ERR_BAD_STATE);
    OK(BOSS(cap_delete, RING));
    OK(BOSS(cap_delete, RING + 1));
    OK(make_ring(2, PART)); /* the next one has it */
    OK(bind(2, for_port(53)));
    assert_true(hears(2, 53));
    for (slot_t s = PART; s < TABLE + 1; s++)
        if (cap_slot(world.root, s)->kind)
            OK(BOSS(cap_delete, s));
    assert_int_equal(world_free(), free);
}

/* The card itself is such a binding, too. */
static void with_the_card_go_its_rings_keys(void **state)
{
    (void)state;
    OK(BOSS(cap_copy, SLOT_ENV, PART, SLOT_NIC, RW | RIGHT_GRANT, 0, 0));
    OK(make_ring(0, PART));
    OK(bind(0, for_port(53)));
    assert_true(hears(0, 53));
    OK(BOSS(cap_delete, PART));
    assert_false(hears(0, 53));
    assert_int_equal(bind(0, for_port(53)), ERR_BAD_STATE);
}

/* So much hangs on one part that taking it back needs several entries: parts, each with a copy. */
static void it_is_taken_back_in_steps(void **state)
{
    const struct flows_load small = {.count = 1, .rings = 0, .bound = 0, .keys = {for_port(53)}};
    struct party p;

    (void)state;
    party_make(&p, 30);
    give(p.env, 20, REGION, RIGHT_ALL);
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    give(p.env, 21, PART, RIGHT_ALL);
    for (unsigned i = 0; i < 1 + 2 * MANY / CAPS_PER_FRAME; i++)
        OK(BOSS(env_extend, p.env, REGION, PFN_ANY));
    memcpy(memory_of(p.t, PARTY_MEMORY), &small, sizeof small);
    const uint32_t free = world_free();
    for (slot_t s = CAPS_PER_FRAME; s < CAPS_PER_FRAME + 2 * MANY; s += 2) {
        OK(CALL(p.t, flows_create, 21, 20, PFN_ANY, PARTY_MEMORY, s));
        OK(CALL(p.t, cap_copy, SLOT_ENV, s + 1, s, RIGHT_ALL, 0, 0));
    }
    OK(make_ring(0, PART));
    OK(bind(0, for_port(53)));
    OK(BOSS(cap_revoke, PART));
    assert_true(world.entries > 1);
    assert_int_equal(cap_slot(world.root, PART)->node.child, 0);
    assert_false(hears(0, 53));
    assert_int_equal(world_free(), free - FRAMES - 1);
}

/* Masks are what the card has least of: those of other masks than the part's count. */
static void keys_of_other_masks_are_bounded(void **state)
{
    struct flows_load l = load_of(53), small = {.count = 1, .rings = 1, .bound = 4};
    struct ring_key near = for_port(53), port = for_port(53);

    (void)state;
    near.flags = port.flags = RING_KEY_YIELD;
    near.mask.remote = UINT32_MAX;
    near.value.remote = PEER;
    port.mask.remote_port = UINT16_MAX;
    OK(make_part(SLOT_NIC, PART, l));
    OK(make_ring(0, PART));
    OK(make_ring(1, PART));
    OK(bind_two(0, near, port));
    OK(bind_two(0, port, near)); /* in place of those */
    assert_int_equal(bind(1, near), ERR_NO_MEM);
    OK(BOSS(filters_create, RING + 1, REGION, PFN_ANY, 20, TABLE));
    assert_int_equal(fill(TABLE, 0, 1, near), ERR_NO_MEM);
    OK(bind(0, near));
    OK(fill(TABLE, 0, 1, near));
    OK(fill(TABLE, 0, 1, port));
    assert_int_equal(fill(TABLE, 1, 1, port), ERR_NO_MEM);
    small.keys[0] = near;
    assert_int_equal(make_part(PART, PART + 1, small), ERR_NO_MEM);
    OK(BOSS(ring_keys, RING, 0, 0));
    OK(make_part(PART, PART + 1, small)); /* in whose rings it counts no more */
    assert_int_equal(part_in(PART)->narrow, 1);
    OK(make_ring(2, PART + 1));
    OK(bind_two(2, near, near));
    near.mask.remote_port = UINT16_MAX;
    assert_int_equal(bind(2, near), ERR_NO_MEM);
    OK(BOSS(cap_delete, PART + 1));
    assert_int_equal(part_in(PART)->narrow, 2);
}

static void each_part_has_its_bounds(void **state)
{
    struct flows_load l = load_of(53), small = {.count = 1, .keys = {for_port(53)}};

    (void)state;
    l.rings = 2;
    l.bound = 5;
    OK(make_part(SLOT_NIC, PART, l));
    OK(make_ring(0, PART));
    OK(make_ring(1, PART));
    make_frames(MEMORY + 2, FRAMES);
    REFUSED(ERR_NO_MEM, world.boss, ring_create, PART, REGION, PFN_ANY, MEMORY + 2, SLOT_NONE,
            RING + 2);
    OK(bind_two(0, for_port(53), for_port(53)));
    OK(BOSS(filters_create, RING + 1, REGION, PFN_ANY, 20, TABLE));
    assert_int_equal(fill(TABLE, 0, 4, for_port(53)), ERR_NO_MEM);
    OK(fill(TABLE, 0, 3, for_port(53)));
    OK(fill(TABLE, 0, 3, for_port(53))); /* in place of those */
    assert_int_equal(fill(TABLE, 1, 3, for_port(53)), ERR_NO_MEM);
    OK(bind_two(0, for_port(53), for_port(53)));
    assert_int_equal(bind(1, for_port(53)), ERR_NO_MEM);
    OK(bind(0, for_port(53)));
    OK(bind(1, for_port(53)));
    assert_int_equal(make_part(PART, PART + 1, small), ERR_OK); /* that gets nothing */
    small.rings = 1;
    assert_int_equal(make_part(PART, PART + 2, small), ERR_NO_MEM);
    OK(BOSS(cap_delete, RING));
    OK(make_part(PART, PART + 2, small));
    OK(BOSS(cap_delete, MEMORY));
    make_frames(MEMORY, FRAMES);
    assert_int_equal(BOSS(ring_create, PART, REGION, PFN_ANY, MEMORY, SLOT_NONE, RING),
                     ERR_NO_MEM); /* given on */
    OK(BOSS(cap_delete, PART + 2));
    OK(BOSS(ring_create, PART, REGION, PFN_ANY, MEMORY, SLOT_NONE, RING));
}

/* A stranger has a copy, gives a smaller part of it to another, and dies. */
static void a_part_ends_with_who_gave_it(void **state)
{
    const struct flows_load l = load_of(53);
    struct party a, b;

    (void)state;
    party_make(&a, 30);
    party_make(&b, 40);
    OK(make_part(SLOT_NIC, PART, l));
    give(a.env, 20, PART, RIGHT_ALL);
    give(a.env, 21, REGION, RIGHT_ALL);
    give(a.env, 22, b.env, RIGHT_ALL);
    memcpy(memory_of(a.t, PARTY_MEMORY), &l, sizeof l);
    OK(CALL(a.t, flows_create, 20, 21, PFN_ANY, PARTY_MEMORY, 23));
    OK(CALL(a.t, cap_copy, 22, 20, 23, RIGHT_ALL, 0, 0));
    give(b.env, 21, REGION, RIGHT_ALL);
    make_frames(MEMORY, FRAMES);
    give(b.env, 22, MEMORY, RIGHT_ALL);
    OK(CALL(b.t, ring_create, 20, 21, PFN_ANY, 22, SLOT_NONE, 23));
    const struct ring_key key = for_port(53);
    memcpy(memory_of(b.t, PARTY_MEMORY), &key, sizeof key);
    OK(CALL(b.t, ring_keys, 23, PARTY_MEMORY, 1));
    assert_true(hears(0, 53));
    assert_int_equal(part_in(PART)->rings, 0);
    OK(BOSS(cap_delete, a.env));
    assert_false(hears(0, 53));
    assert_int_equal(cap_slot(b.e, 20)->kind, CAP_NONE);
    assert_int_equal(CALL(b.t, ring_keys, 23, PARTY_MEMORY, 1), ERR_BAD_STATE);
    assert_int_equal(part_in(PART)->rings, 4);
}

static void check_names_the_broken_invariant(void **state)
{
    (void)state;
    OK(make_part(SLOT_NIC, PART, load_of(53)));
    OK(make_part(PART, PART + 1, load_of(53)));
    OK(make_ring(0, PART + 1));
    OK(bind(0, for_port(53)));
    struct flows *f = part_in(PART + 1), good = *f;
    assert_null(flows_check(f));
    f->keys[0] = for_port(54);
    assert_memory_equal(flows_check(f), "L1", 2);
    assert_memory_equal(hook_check(), "L1", 2);
    f->of = NULL;
    assert_memory_equal(flows_check(f), "L2", 2);
    *f = good;
    f->rings = 0;
    assert_memory_equal(flows_check(f), "L3", 2);
    *f = good;
    f->bound = 0;
    assert_memory_equal(flows_check(f), "L3", 2);
    *f = good;
    OK(BOSS(filters_create, RING, REGION, PFN_ANY, 20, TABLE));
    OK(fill(TABLE, 0, 1, for_port(53)));
    struct filters *t = frame_memory(cap_slot(world.root, TABLE)->base);
    t->at[0].bound.key.value.local_port++;
    assert_memory_equal(flows_check(f), "L2", 2);
    t->at[0].bound.key.value.local_port--;
    assert_null(hook_check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_part_that_is_refused_changes_nothing),
        WORLD_TEST(what_a_part_is_can_be_read),
        WORLD_TEST(keys_lie_inside_the_part),
        WORLD_TEST(what_is_sent_is_its_own),
        WORLD_TEST(parts_stand_side_by_side),
        WORLD_TEST(with_the_part_go_keys_and_smaller_parts),
        WORLD_TEST(with_the_card_go_its_rings_keys),
        WORLD_TEST(it_is_taken_back_in_steps),
        WORLD_TEST(each_part_has_its_bounds),
        WORLD_TEST(keys_of_other_masks_are_bounded),
        WORLD_TEST(a_part_ends_with_who_gave_it),
        WORLD_TEST(check_names_the_broken_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

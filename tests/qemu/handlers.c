/* Packet handlers that leave contents where the owner reads them: copied and summed in one pass,
 * and each block where it belongs. Another card on the wire sends. */
#include "exo/abi/graft.h"
#include "exo/abi/graft_map.h"
#include "grafts/examples/messages.h"
#include "grafts/examples/udp.h"
#include "libos-net/card.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/string.h"
#include "tests/qemu/graft_rig.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)
#define HEAD     ((uint32_t)sizeof(struct udp_packet))
#define OTHER    9u /* a port of nobody's */
#define ODD      5u /* so that blocks come in no order: number n is n * ODD + 3 */

static struct card card;
static struct card_pair *const pair = &card.pairs[0];
static struct rig rig;
static uint32_t to_ring; /* packets that were not for a handler */

static uint16_t big(uint32_t x)
{
    return __builtin_bswap16((uint16_t)x);
}

/* One's complement sum of words as they lie in memory. */
static uint16_t sum_of(const uint8_t *at, uint32_t bytes, uint64_t sum)
{
    for (uint32_t i = 0; i < bytes; i++)
        sum += (uint64_t)at[i] << (i % 2 * 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint8_t content(uint32_t seed, uint32_t at)
{
    return (uint8_t)(seed * 31 + at * 7 + (at >> 8));
}

/* A datagram with its checksum, in a buffer that is the program's. */
static struct udp_packet *make_datagram(uint16_t *buffer, uint32_t port, uint32_t bytes)
{
    card_take(pair, buffer);
    struct udp_packet *p = (struct udp_packet *)(void *)card_packet(pair, *buffer);

    *p = (struct udp_packet){.type = big(UDP_TYPE_IPV4),
                             .head = UDP_HEAD,
                             .time_to_live = 64,
                             .protocol = UDP_PROTOCOL,
                             .length = big(20 + 8 + bytes),
                             .from = {big(0x0a00), big(0x0210)},
                             .to = {big(0x0a00), big(0x020f)},
                             .from_port = big(4660),
                             .to_port = big(port),
                             .bytes = big(8 + bytes)};
    memcpy(p->to_mac, KINFO->nic_mac, 6);
    memcpy(p->from_mac, card.mac, 6);
    p->header_checksum = (uint16_t)~sum_of(&p->head, 20, 0);
    return p;
}

static void send(struct udp_packet *p, uint16_t buffer, uint32_t bytes)
{
    const uint64_t head = (uint64_t)big(UDP_PROTOCOL) + p->bytes;

    p->checksum = 0;
    p->checksum = (uint16_t)~sum_of((const uint8_t *)p->from, 8 + 8 + bytes, head);
    card_send(pair, buffer, HEAD + bytes);
}

/* All that was sent has been looked at: a packet for nobody's port comes to the ring behind it. */
static bool settle(void)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    const volatile uint32_t *done = &rig.ring.header->rx_done;
    uint16_t buffer;
    uint32_t at, length;
    struct udp_packet *p = make_datagram(&buffer, OTHER, 18);

    memset(p + 1, 0, 18);
    send(p, buffer, 18);
    card_push(pair);
    to_ring++;
    while (__atomic_load_n(done, __ATOMIC_ACQUIRE) < to_ring && cpu_ticks() < deadline)
        ;
    const bool good = *done == to_ring;
    while (ring_receive(&rig.ring, &at, &length))
        ring_rx_free(&rig.ring, at);
    card_push(pair);
    return good;
}

static void send_content(uint32_t port, uint32_t seed, uint32_t bytes)
{
    uint16_t buffer;
    struct udp_packet *p = make_datagram(&buffer, port, bytes);

    for (uint32_t i = 0; i < bytes; i++)
        ((uint8_t *)(p + 1))[i] = content(seed, i);
    send(p, buffer, bytes);
}

static bool has_content(const volatile uint8_t *at, uint32_t seed, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        if (at[i] != content(seed, i))
            return false;
    return true;
}

/* A graft with a ring buffer that tells, and the map of its values. Returns the values. */
static void *begin(const char *name, uint32_t bytes, slot_t maps[2], slot_t *graft,
                   const volatile struct graft_ring **log)
{
    const struct graft_map_def values = {GRAFT_MAP_ARRAY, 4, bytes, 1},
                               records = {GRAFT_MAP_RINGBUF, 0, 0, 4096};
    vaddr_t at = 0, ring = 0;

    maps[1] = make_map(values, (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE), SLOT_NONE, &at);
    maps[0] = make_map(records, 2, rig.notification, &ring);
    *graft = make_graft(name, GRAFT_HOOK_PACKET_HANDLER, maps, 2);
    *log = (const volatile struct graft_ring *)ring;
    tap_is(exo_graft_bind(*graft, rig.slot, GRAFT_HOOK_PACKET_HANDLER), ERR_OK, "bind it");
    return (void *)at;
}

/* What the handler refuses: a changed byte, a length that the packet has not, and one that says
 * less than its own header. */
static void send_wrong(void)
{
    uint16_t buffer;
    struct udp_packet *p = make_datagram(&buffer, COPY_PORT, 100);

    memset(p + 1, 1, 100);
    send(p, buffer, 100);
    ((uint8_t *)(p + 1))[99] = 2;
    p = make_datagram(&buffer, COPY_PORT, 200);
    memset(p + 1, 1, 100);
    send(p, buffer, 100);
    p = make_datagram(&buffer, COPY_PORT, 18);
    p->bytes = big(7);
    send(p, buffer, 18);
}

static void test_copy(void)
{
    static const uint32_t lengths[] = {1, 2, 31, 32, 33, 1000, COPY_MOST, 64};
    const volatile struct graft_ring *log;
    slot_t maps[2], graft;
    volatile struct copied *c =
        begin(".exo4/handler_copy.o", sizeof(struct copied), maps, &graft, &log);
    bool good = true;

    for (uint32_t i = 0; i < COPY_PLACES; i++)
        send_content(COPY_PORT, i, lengths[i]);
    tap_ok(settle(), "messages do not go to the ring, others do");
    tap_is(c->count, COPY_PLACES, "each is counted");
    for (uint32_t i = 0; i < COPY_PLACES; i++)
        good = good && c->bytes[i] == lengths[i] && has_content(c->data[i], i, lengths[i]);
    tap_ok(good, "and is where it should be, whatever its length");
    tap_is(log->producer, COPY_PLACES * (GRAFT_RING_HEAD + 8), "with a record for each");
    tap_is(notify_until(rig.notification, GRAFT_RIG_TOLD, clock_deadline(PATIENCE), NULL), ERR_OK,
           "of which the owner is told");
    send_wrong();
    tap_ok(settle(), "what is not right does not go to the ring either");
    tap_is(c->count, COPY_PLACES, "nor is it counted");
    tap_is(c->refused, 2, "but as refused, where a sum was made");
    tap_ok(has_content(c->data[1], 1, lengths[1]), "and it has spoilt nothing that was right");
    exo_graft_bind(SLOT_NONE, rig.slot, GRAFT_HOOK_PACKET_HANDLER);
    slot_delete(graft);
}

static void send_block(uint32_t number)
{
    uint16_t buffer;
    struct udp_packet *p = make_datagram(&buffer, BLOCKS_PORT, sizeof(struct block_message));
    struct block_message *m = (struct block_message *)(void *)(p + 1);

    m->number = __builtin_bswap32(number);
    for (uint32_t i = 0; i < BLOCK_BYTES; i++)
        m->data[i] = content(number, i);
    send(p, buffer, sizeof *m);
}

static void test_blocks(void)
{
    const volatile struct graft_ring *log;
    slot_t maps[2], graft;
    volatile struct blocks *b =
        begin(".exo4/handler_blocks.o", sizeof(struct blocks), maps, &graft, &log);
    bool good = true;

    for (uint32_t i = 0; i < BLOCKS - 1; i++) {
        send_block((i * ODD + 3) % BLOCKS);
        good = good && (i % 16 != 15 || settle());
    }
    tap_ok(good && settle(), "blocks in no order do not go to the ring");
    const uint32_t last = ((BLOCKS - 1) * ODD + 3) % BLOCKS;
    tap_is(b->arrived, ~((uint64_t)1 << last), "all but one are there");
    tap_is(log->producer, 0, "and the owner is not told yet");
    send_block((last + 1) % BLOCKS);
    send_block(BLOCKS);
    tap_ok(settle(), "nor does one come that is there, or that the whole has not");
    tap_is(b->again, 1, "the first of which is counted");
    send_block(last);
    tap_ok(settle(), "the last one");
    tap_is(b->arrived, ~(uint64_t)0, "is there");
    tap_is(log->producer, GRAFT_RING_HEAD + 8, "and the owner is told, once");
    for (uint32_t i = 0; i < BLOCKS; i++)
        good = good && has_content(b->data[i], i, BLOCK_BYTES);
    tap_ok(good, "each is where it belongs");
    slot_delete(graft);
}

static bool open_both(void)
{
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    uint32_t function = 0;

    if (virtio_pci_find(VIRTIO_NET, 0, &function) || card_open(&card, SLOT_PCI, function))
        return false;
    rig_prepare(&rig);
    return rig_create(&rig) == ERR_OK && exo_ring_keys(rig.slot, (vaddr_t)&all, 1) == ERR_OK;
}

int main(void)
{
    if (libos_setup() != ERR_OK || !graft_rig_begin())
        return 1;
    tap_ok(open_both(), "two cards on one wire");
    test_copy();
    test_blocks();
    return tap_done();
}

/* What it costs to send 60,000 bytes of TCP that lie ready in a ring's memory: as segments with
 * sums of one's own, with sums of the card's, and as one packet that the card cuts. On a tap: other
 * networks of QEMU have no offloads. From the first packet posted to the kernel's having taken
 * all. */
#include "exo/abi/kinfo.h"
#include "libos-net/direct/packet.h"
#include "libos-net/offload.h"
#include "libos-net/ring_link.h"
#include "libos/call.h"
#include "libos/error.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "tests/lab/lab.h"

#define CONTENTS 60000u
#define MSS      SEGMENT_MOST
#define SEGMENTS ((CONTENTS + MSS - 1) / MSS)
#define PLACE    1536u
#define FRAMES   36u
#define ARENA    (RING_FRAMES * PAGE_SIZE)
#define LONG     (SEGMENTS * PLACE) /* of the arena: where the long packet lies */
_Static_assert(LONG + HEADS_BYTES + CONTENTS <= FRAMES * PAGE_SIZE, "all of it fits");

static struct ring_link ring;
static struct lab_series series;

static struct tcp_head *head_at(uint32_t at)
{
    return (struct tcp_head *)(void *)(ring.ring.memory + ARENA + at);
}

static void lay(uint32_t at, uint32_t sequence, uint32_t bytes)
{
    struct tcp_head *h = head_at(at);

    *h = (struct tcp_head){.type = net16(TYPE_IPV4),
                           .version = IP_PLAIN,
                           .length = net16(IP_BYTES + TCP_BYTES + bytes),
                           .fragment = net16(IP_WHOLE),
                           .time_to_live = 64,
                           .protocol = PROTOCOL_TCP,
                           .source = net32(0x0a4d0002),
                           .target = net32(0x0a4d0001),
                           .sequence = net32(sequence),
                           .words = TCP_BYTES / 4 << 4,
                           .flags = TCP_ACK};
    memset(h->to, 0xff, sizeof h->to);
    memcpy(h->from, ring.link.mac, sizeof h->from);
    h->ip_sum = (uint16_t)~sum_fold(sum_bytes((uint8_t *)h + ETHERNET_BYTES, IP_BYTES, 0));
    for (uint32_t i = 0; i < bytes; i++)
        ((uint8_t *)(h + 1))[i] = (uint8_t)((sequence + i) * 7 + ((sequence + i) >> 8));
}

static uint32_t segment_bytes(uint32_t i)
{
    return CONTENTS - i * MSS < MSS ? CONTENTS - i * MSS : MSS;
}

/* Heads and contents, all sums of TCP missing; and what was sent before is gone. */
static void prepare(void *argument, uint32_t round)
{
    const struct ring_header volatile *h = ring.ring.header;

    (void)argument, (void)round;
    while (__atomic_load_n(&h->tx_done, __ATOMIC_ACQUIRE) != h->tx_posted)
        exo_ring_kick(ring.slot); /* nobody is told of what is sent */
    for (uint32_t i = 0; i < SEGMENTS; i++)
        head_at(i * PLACE)->sum = 0;
    head_at(LONG)->sum = 0;
}

static void sum_own(struct tcp_head *h, uint32_t bytes)
{
    h->sum = (uint16_t)~sum_fold(
        sum_bytes((uint8_t *)h + ETHERNET_BYTES + IP_BYTES - 8, 8 + TCP_BYTES + bytes,
                  (uint64_t)net16(PROTOCOL_TCP) + net16(TCP_BYTES + bytes)));
}

static void one_own(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    sum_own(head_at(0), MSS);
}

static void one_card(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    (void)offload_begin((uint8_t *)head_at(0), HEADS_BYTES + MSS);
}

static void send_own(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        sum_own(head_at(i * PLACE), segment_bytes(i));
        ring_link_send_from(&ring, ARENA + i * PLACE, HEADS_BYTES + segment_bytes(i));
    }
    ring.link.flush(&ring.link);
}

static void send_sums(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        const uint32_t length = HEADS_BYTES + segment_bytes(i);
        ring_link_send_from_offload(&ring, ARENA + i * PLACE, length,
                                    offload_begin((uint8_t *)head_at(i * PLACE), length));
    }
    ring.link.flush(&ring.link);
}

static void send_long(void *argument, uint32_t round)
{
    const uint32_t length = HEADS_BYTES + CONTENTS;

    (void)argument, (void)round;
    ring_link_send_from_offload(&ring, ARENA + LONG, length,
                                offload_begin((uint8_t *)head_at(LONG), length) | TSO_OFFLOAD(MSS));
    ring.link.flush(&ring.link);
}

int main(void)
{
    static const struct {
        const char *key;
        lab_fn run;
    } rows[] = {{"offload.sum.own", one_own},
                {"offload.sum.card", one_card},
                {"offload.send.own", send_own},
                {"offload.send.card", send_sums},
                {"offload.send.long", send_long}};
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = ring_link_open_more(&ring, FRAMES);
    if (e == ERR_OK)
        e = exo_ring_keys(ring.slot, (vaddr_t)&all, 1);
    if (e == ERR_OK && ~ring.link.offloads & (NIC_CSUM | NIC_TSO4))
        e = ERR_NO_DEVICE;
    if (e)
        lab_fail("offload", e);
    for (uint32_t i = 0; i < SEGMENTS; i++)
        lay(i * PLACE, i * MSS, segment_bytes(i));
    lay(LONG, 0, CONTENTS);
    const uint64_t empty = lab_empty();
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lab_measure(&series, prepare, rows[i].run, NULL);
        lab_report(rows[i].key, &series, empty, 1, 1);
    }
    if (ring.ring.refused)
        lab_fail("offload", ERR_BAD_ARG);
    log_line("end");
    return 0;
}

/*
 * Experiments: contents of datagrams that a handler in the kernel puts where the owner reads them:
 * copied and summed in one pass, and each block where it belongs. From the card's interrupt until
 * all are there, per packet; with the packets' receipt.
 */
#include "exo/abi/graft.h"
#include "grafts/examples/messages.h"
#include "grafts/examples/udp.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/wire.h"

#define IN_FLIGHT  16u
#define LOG_BYTES  4096u
#define AGAIN_MOST 20000u

static struct lab_series series;
static _Alignas(8) uint8_t packets[IN_FLIGHT][WIRE_PACKET];

struct handler {
    const char *key, *name;
    slot_t maps[2], graft;
    volatile struct graft_ring *log;
    vaddr_t values;
};

static uint16_t big(uint32_t x)
{
    return __builtin_bswap16((uint16_t)x);
}

/* A datagram whose contents are zeroes. */
static void make_datagram(uint8_t *at, uint32_t port, uint32_t bytes)
{
    struct udp_packet *p = (struct udp_packet *)(void *)at;
    uint64_t sum = big(UDP_PROTOCOL);

    memset(at, 0, WIRE_PACKET);
    wire_head(at);
    p->length = big(20 + 8 + bytes);
    p->to_port = big(port);
    p->bytes = big(8 + bytes);
    const uint16_t words[] = {p->from[0], p->from[1], p->to[0],     p->to[1],
                              p->bytes,   p->bytes,   p->from_port, p->to_port};
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
        sum += words[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    p->checksum = (uint16_t)~sum;
}

/* So many datagrams; of blocks, each of another one. Returns their bytes. */
static uint32_t make_datagrams(uint32_t port, uint32_t bytes)
{
    for (uint32_t i = 0; i < IN_FLIGHT; i++) {
        make_datagram(packets[i], port, bytes);
        if (port == BLOCKS_PORT)
            packets[i][sizeof(struct udp_packet) + 3] = (uint8_t)i; /* the number's last byte */
    }
    return (uint32_t)sizeof(struct udp_packet) + bytes;
}

static void begin(struct handler *h, const struct archive *a, slot_t ring, uint32_t bytes)
{
    vaddr_t log = 0;

    h->maps[0] = lab_ring_buffer(LOG_BYTES, &log);
    h->maps[1] = lab_map(bytes, (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE), &h->values);
    h->log = (volatile struct graft_ring *)log;
    h->graft = lab_graft_of(a, h->name, GRAFT_HOOK_PACKET_HANDLER, h->maps, 2);
    lab_bind(h->key, h->graft, ring, GRAFT_HOOK_PACKET_HANDLER);
}

static void end(const struct handler *h)
{
    slot_delete(h->graft);
    slot_delete(h->maps[0]);
    slot_delete(h->maps[1]);
}

/* A round with another interrupt is run again. */
static void measure(const struct handler *h, uint32_t bytes, volatile uint64_t *begun_anew)
{
    const volatile uint32_t *count = lab_handled();
    uint32_t again = 0;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS && again < AGAIN_MOST;) {
        h->log->consumer = h->log->producer;
        if (begun_anew)
            *begun_anew = 0;
        wire_lay(packets[0], bytes, IN_FLIGHT);
        const uint32_t want = *count + IN_FLIGHT;
        struct lab_sample before = lab_counters();
        uint64_t begin = lab_stamp();
        wire_push();
        uint64_t waited = wire_wait(count, want, h->key);
        uint64_t ticks = lab_stamp() - begin - waited;
        bool quiet = lab_counters().entries == before.entries + 1;
        if (quiet)
            lab_keep(&series, i++, ticks, before);
        again += !quiet;
    }
    if (again == AGAIN_MOST)
        lab_fail(h->key, ERR_TIMEOUT);
    lab_report(h->key, &series, lab_empty(), IN_FLIGHT, IN_FLIGHT);
}

void lab_contents(const struct archive *a, slot_t ring)
{
    struct handler copy = {.key = "udp.copy.graft", .name = ".exo4/handler_copy.o"},
                   blocks = {.key = "udp.blocks.graft", .name = ".exo4/handler_blocks.o"};

    begin(&copy, a, ring, sizeof(struct copied));
    measure(&copy, make_datagrams(COPY_PORT, BLOCK_BYTES), NULL);
    if (((volatile struct copied *)copy.values)->count % IN_FLIGHT ||
        ((volatile struct copied *)copy.values)->refused)
        lab_fail(copy.key, ERR_BAD_STATE);
    end(&copy);
    begin(&blocks, a, ring, sizeof(struct blocks));
    measure(&blocks, make_datagrams(BLOCKS_PORT, sizeof(struct block_message)),
            &((volatile struct blocks *)blocks.values)->arrived);
    if (((volatile struct blocks *)blocks.values)->arrived != ((uint64_t)1 << IN_FLIGHT) - 1)
        lab_fail(blocks.key, ERR_BAD_STATE);
    end(&blocks);
}

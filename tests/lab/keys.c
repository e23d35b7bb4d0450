/* Experiment: finding whose packet it is, with one filter and with a thousand, for ports, each with
 * a key alone or with a program of its own besides (decision 43). */
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/lab/lab.h"
#include "tests/qemu/filter_rig.h"
#include "tests/qemu/rig.h"

#define MANY         1000u
#define FIRST_PORT   2000u
#define PACKET_BYTES 60u

static struct lab_series series;
static slot_t table;

static slot_t fresh(void)
{
    slot_t slot;

    if (slot_take(&slot))
        lab_fail("graft.filters", ERR_NO_MEM);
    return slot;
}

static void make_table(const struct rig *r)
{
    pfn_t frame = PFN_ANY;

    table = fresh();
    region_find(FILTERS_FRAMES(MANY), &frame);
    enum err e = exo_filters_create(r->slot, SLOT_MEMORY, frame, MANY, table);
    if (e)
        lab_fail("graft.filters", e);
}

/* Binds filters [first, end), the first one of all for `port`. */
static void bind_ports(uint32_t first, uint32_t end, uint16_t port, bool programs)
{
    static struct graft_report report;
    enum err e = ERR_OK;

    for (uint32_t i = first; i < end && e == ERR_OK; i++) {
        const uint16_t its = (uint16_t)(i ? FIRST_PORT + i : port);
        struct ring_filter f = {.key = filter_key(its)};
        if (programs) {
            f.graft = fresh();
            e = filter_graft(its, f.graft, &report);
        }
        if (e == ERR_OK)
            e = exo_filters_set(table, i, (vaddr_t)&f, 1);
    }
    if (e)
        lab_fail("graft.filters", e);
}

/* A datagram from port 1. */
static void post_strange(void *argument, uint32_t round)
{
    static const uint8_t head[] = {8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};
    struct rig *r = argument;
    uint8_t *p = ring_send_buffer(&r->ring);

    (void)round;
    memset(p, 0, PACKET_BYTES);
    memcpy(p + 6, KINFO->nic_mac, 6);
    memcpy(p + 12, head, sizeof head);
    p[35] = 1;
    ring_send(&r->ring, PACKET_BYTES);
}

static void kick(void *argument, uint32_t round)
{
    (void)round;
    exo_ring_kick(((struct rig *)argument)->slot);
}

void lab_programs_begin(const struct rig *r, uint16_t port)
{
    make_table(r);
    bind_ports(0, 1, port, true);
}

void lab_programs_many(void)
{
    bind_ports(1, MANY, 0, true);
}

void lab_keys(struct rig *r, uint64_t empty)
{
    slot_delete(table);
    exo_ring_keys(r->slot, 0, 0);
    make_table(r);
    bind_ports(0, 1, FIRST_PORT, false);
    lab_measure(&series, post_strange, kick, r);
    lab_report("graft.filters.1", &series, empty, 1, 1);
    bind_ports(1, MANY, 0, false);
    lab_measure(&series, post_strange, kick, r);
    lab_report("graft.filters.1000", &series, empty, 1, 1);
}

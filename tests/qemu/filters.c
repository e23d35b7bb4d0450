/*
 * Tables of filters on the real card: a thousand keys, then a thousand programs, and packets for
 * some of them by chance, sent by a second card on the same wire. With the argument `few`, a
 * hundred.
 */
#include "exo/abi/cap.h"
#include "libos-net/card.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/log.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/qemu/filter_rig.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define MANY     1000u
#define FEW      100u
#define SOME     48u /* packets that are sent by chance */
#define LAST     60000u
#define UNMAPPED ((vaddr_t)0x123456789000)
#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)

static struct card card;
static struct rig rig, other;
static slot_t table, last_table;
static uint32_t many = MANY;
static slot_t grafts[MANY];
static uint64_t seed = 11;

static uint32_t lot(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static enum err make_table(const struct rig *r, uint32_t count, slot_t *slot)
{
    pfn_t frame = 0;

    *slot = new_slot();
    region_find(FILTERS_FRAMES(count), &frame);
    return exo_filters_create(r->slot, SLOT_MEMORY, frame, count, *slot);
}

static enum err set(uint32_t at, struct ring_key key, slot_t graft, uint32_t tag)
{
    const struct ring_filter f = {key, graft, tag};

    return exo_filters_set(table, at, (vaddr_t)&f, 1);
}

static void send_to(uint16_t port)
{
    uint16_t buffer;

    while (!card_take(&card.pairs[0], &buffer)) {
        uint32_t length;
        while (card_receive(&card.pairs[0], &buffer, &length))
            card_free(&card.pairs[0], buffer);
    }
    filter_packet(card_packet(&card.pairs[0], buffer), card.mac, port);
    card_send(&card.pairs[0], buffer, FILTER_PACKET);
    card_push(&card.pairs[0]);
}

/* The next packet that the ring gets: its tag, and its port in *port; -1: none comes. */
static long hear(struct rig *r, uint16_t *port)
{
    const uint64_t deadline = clock_deadline(PATIENCE);
    uint32_t buffer, length;

    while (!ring_receive(&r->ring, &buffer, &length))
        if (cpu_ticks() > deadline)
            return -1;
    const uint8_t *p = ring_rx_memory(&r->ring, buffer);
    *port = (uint16_t)(p[36] << 8 | p[37]);
    ring_rx_free(&r->ring, buffer);
    return r->ring.rx_tag;
}

/* A packet that the last filter takes: what was sent before has come, or never will. */
static bool is_last(long tag, uint16_t port)
{
    return tag == LAST && port == LAST;
}

/* The tag by which a datagram for that port is taken; -1: it is not. */
static long tag_for(uint16_t port)
{
    uint16_t heard = 0, then = 0;

    send_to(port);
    send_to(LAST);
    const long tag = hear(&rig, &heard);
    if (is_last(tag, heard))
        return -1;
    const long end = hear(&rig, &then);
    return tag >= 0 && heard == port && is_last(end, then) ? tag : -2;
}

static void test_create(void)
{
    const slot_t weak = weaker(rig.slot, RIGHT_READ, 0, 0);
    const slot_t to = new_slot();
    const pfn_t frame = free_frame();

    tap_is(exo_filters_create(rig.slot, SLOT_MEMORY, frame, 0, to), ERR_BAD_ARG, "no filters");
    tap_is(exo_filters_create(rig.slot, SLOT_MEMORY, frame, FILTERS_MAX + 1, to), ERR_BAD_ARG,
           "too many in a table");
    tap_is(exo_filters_create(rig.slot, SLOT_MEMORY, 0, 1, SLOT_NONE), ERR_BAD_ARG, "no slot");
    tap_is(exo_filters_create(SLOT_ENV, SLOT_MEMORY, frame, 1, to), ERR_BAD_CAP, "of no ring");
    tap_is(exo_filters_create(rig.slot, rig.slot, frame, 1, to), ERR_BAD_CAP, "from no region");
    tap_is(exo_filters_create(weak, SLOT_MEMORY, frame, 1, to), ERR_NO_RIGHT, "without right");
    tap_is(exo_filters_create(rig.slot, SLOT_MEMORY, frame, 1, rig.slot), ERR_IN_USE,
           "into a slot that is filled");
    tap_is(make_table(&rig, many, &table), ERR_OK, "make a table");
    tap_is(make_table(&rig, 1, &last_table), ERR_OK, "and a second one");
    const struct ring_filter last = {.key = filter_key(LAST), .tag = LAST};
    tap_is(exo_filters_set(last_table, 0, (vaddr_t)&last, 1), ERR_OK, "its filter");
    slot_delete(weak);
    slot_give(to);
}

static void test_set(void)
{
    const struct ring_filter good = {.key = filter_key(1)};
    struct ring_filter bad = good;
    const slot_t weak = weaker(table, RIGHT_READ, 0, 0);
    const vaddr_t at = (vaddr_t)&bad;

    tap_is(exo_filters_set(table, 0, at, FILTERS_BATCH + 1), ERR_BAD_ARG, "too many at once");
    tap_is(exo_filters_set(rig.slot, 0, at, 1), ERR_BAD_CAP, "of no table");
    tap_is(exo_filters_set(weak, 0, at, 1), ERR_NO_RIGHT, "without right to it");
    tap_is(exo_filters_set(table, many, at, 1), ERR_BAD_ARG, "beyond the table");
    tap_is(exo_filters_set(table, ~0u, at, 1), ERR_BAD_ARG, "far beyond it");
    tap_is(exo_filters_set(table, many - 1, at, 2), ERR_BAD_ARG, "the last of two beyond it");
    tap_is(exo_filters_set(table, 0, UNMAPPED, 1), ERR_BAD_USER, "what is not there");
    bad.tag = RING_TAG_MAX + 1;
    tap_is(exo_filters_set(table, 0, at, 1), ERR_BAD_ARG, "a tag that is too large");
    bad = good;
    bad.key.value.remote = 1;
    tap_is(exo_filters_set(table, 0, at, 1), ERR_BAD_ARG, "a value outside the mask");
    bad = good;
    bad.graft = rig.slot;
    tap_is(exo_filters_set(table, 0, at, 1), ERR_BAD_CAP, "a graft that is none");
    tap_is(exo_filters_set(table, 0, 0, 1), ERR_OK, "nothing is emptied");
    slot_delete(weak);
}

/* The card has room for so many different masks. */
static void test_bounds(void)
{
    const slot_t small = weaker(SLOT_MEMORY, RIGHT_ALL, free_frame(), 1);
    struct ring_key k = {.mask = {.remote = 1}, .flags = RING_KEY_YIELD};
    enum err e = ERR_OK;

    tap_is(exo_filters_create(rig.slot, small, PFN_ANY, FILTERS_MAX, new_slot()), ERR_NO_MEM,
           "a table of more frames than there are");
    for (; k.mask.remote <= RING_KEYS_MASKS && e == ERR_OK; k.mask.remote++)
        e = set(k.mask.remote, k, SLOT_NONE, 0);
    tap_is(e, ERR_NO_MEM, "more masks than there may be");
    tap_is(exo_ring_keys(other.slot, (vaddr_t)&k, 1), ERR_NO_MEM, "for a ring's own keys, too");
    for (uint32_t i = 0; i < RING_KEYS_MASKS; i += FILTERS_BATCH)
        e = exo_filters_set(table, i, 0, FILTERS_BATCH);
    tap_is(e, ERR_OK, "without these");
    slot_delete(small);
}

/* Packets for filters by chance, and for ports of nobody: how many went wrong. */
static unsigned wrong(bool nobody)
{
    unsigned count = 0;

    for (unsigned n = 0; n < SOME; n++) {
        const uint32_t i = lot(many);
        const long got = tag_for(filter_port(nobody ? many + 1 + i : i));
        if (got != (nobody ? -1 : (long)i + 1))
            tap_note("filter %u: %ld", i, got);
        count += got != (nobody ? -1 : (long)i + 1);
    }
    return count;
}

static void test_keys(void)
{
    struct ring_filter batch[FILTERS_BATCH];
    unsigned failed = 0;

    for (uint32_t i = 0; i < many; i += FILTERS_BATCH) {
        const uint32_t count = many - i < FILTERS_BATCH ? many - i : FILTERS_BATCH;
        for (uint32_t k = 0; k < count; k++)
            batch[k] =
                (struct ring_filter){.key = filter_key(filter_port(i + k)), .tag = i + k + 1};
        failed += exo_filters_set(table, i, (vaddr_t)batch, count) != ERR_OK;
    }
    tap_is(failed, 0, "a thousand keys");
    tap_is(wrong(false), 0, "each packet is taken by its own");
    tap_is(wrong(true), 0, "and others by none");
    tap_is(exo_filters_set(table, 3, 0, 1), ERR_OK, "one is emptied");
    tap_is(tag_for(filter_port(3)), -1, "and takes nothing");
    tap_is(tag_for(filter_port(4)), 5, "its neighbour does");
    struct ring_key part = filter_key(filter_port(4));
    part.mask.remote_port = UINT16_MAX;
    tap_is(exo_ring_keys(other.slot, (vaddr_t)&part, 1), ERR_IN_USE, "nobody takes a part of that");
    part = filter_key(filter_port(4));
    tap_is(exo_ring_keys(other.slot, (vaddr_t)&part, 1), ERR_OK, "an equal key");
    tap_is(tag_for(filter_port(4)), 5, "comes behind it");
}

static void test_grafts(void)
{
    struct graft_report report = {0};
    unsigned refused = 0, unbound = 0;

    for (uint32_t i = 0; i < many; i++) {
        grafts[i] = new_slot();
        refused += filter_graft(filter_port(i), grafts[i], &report) != ERR_OK;
        unbound += set(i, filter_key(filter_port(i)), grafts[i], i + 1) != ERR_OK;
    }
    if (refused)
        tap_note("refused: reason %u, instruction %u", report.reason, report.instruction);
    tap_is(refused, 0, "a thousand programs");
    tap_is(unbound, 0, "bound each by its key");
    tap_is(wrong(false), 0, "each packet is taken by its own program");
    tap_is(wrong(true), 0, "and others by none");
}

/* Programs that take what is others', or nothing; and those that go. */
static void test_hostile(void)
{
    uint16_t heard = 0;

    tap_is(set(7, filter_key(filter_port(7)), grafts[8], 8), ERR_OK, "another port's program");
    tap_is(tag_for(filter_port(7)), -1, "takes nothing of its key");
    tap_is(tag_for(filter_port(8)), 9, "and nothing of the other's");
    tap_is(exo_cap_delete(grafts[9]), ERR_OK, "a program goes");
    tap_is(tag_for(filter_port(9)), -1, "its filter takes nothing");
    tap_is(set(9, filter_key(filter_port(9)), SLOT_NONE, 10), ERR_OK, "until it is set again");
    tap_is(tag_for(filter_port(9)), 10, "without one");
    tap_is(set(9, filter_key(filter_port(9)), grafts[9], 10), ERR_BAD_CAP, "with none that was");
    tap_is(exo_cap_delete(table), ERR_OK, "the table goes");
    tap_is(tag_for(filter_port(10)), -1, "and all its filters");
    send_to(filter_port(4));
    tap_is(hear(&other, &heard), 0, "what was equal to one of them is next");
    tap_is(heard, filter_port(4), "for its port");
    tap_is(exo_cap_delete(rig.frames), ERR_OK, "the ring's memory goes");
    const struct ring_filter again = {.key = filter_key(LAST)};
    tap_is(exo_filters_set(last_table, 0, (vaddr_t)&again, 1), ERR_BAD_STATE,
           "no filters any more");
    tap_is(make_table(&rig, 1, &table), ERR_BAD_STATE, "and no table");
}

int main(int argc, char **argv)
{
    uint32_t function = 0;

    if (argc > 1 && strcmp(argv[1], "few") == 0)
        many = FEW;
    if (libos_setup() || virtio_pci_find(VIRTIO_NET, 0, &function) ||
        card_open(&card, SLOT_PCI, function))
        return 1;
    rig_prepare(&rig);
    rig_prepare(&other);
    tap_plan(55);
    tap_is(rig_create(&rig), ERR_OK, "make a ring");
    tap_is(rig_create(&other), ERR_OK, "make another");
    test_create();
    test_set();
    test_bounds();
    test_keys();
    test_grafts();
    test_hostile();
    card_close(&card);
    return tap_done();
}

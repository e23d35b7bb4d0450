/* Grafts and packet rings on the real card: every error of their calls, a packet to QEMU's user
 * network and back, whose packet it is, and taking away what a ring stands on. Without a card only
 * the error that says so. */
#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "libos/archive.h"
#include "libos/book.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

static struct archive archive;
static struct archive_entry filter_http, filter_all;

static enum err load(const void *object, uint64_t bytes, uint32_t hook, slot_t region, slot_t dst,
                     struct graft_report *report)
{
    struct graft_load l = {
        .object = (vaddr_t)object, .bytes = bytes, .report = (vaddr_t)report, .hook = hook};
    pfn_t frame = PFN_ANY;

    region_find(GRAFT_FRAMES(bytes), &frame);
    return exo_graft_create(region, frame, dst, (vaddr_t)&l);
}

static enum err load_filter(const struct archive_entry *e, slot_t dst)
{
    struct graft_report report;

    for (size_t i = 0; i < e->bytes; i++)
        (void)*(const volatile uint8_t *)(e->data + i); /* bound before the kernel reads it */
    return load(e->data, e->bytes, GRAFT_HOOK_PACKET_FILTER, SLOT_MEMORY, dst, &report);
}

static void test_graft_errors(slot_t graft)
{
    static const uint8_t rubbish[64] = "no object at all";
    const uint32_t hook = GRAFT_HOOK_PACKET_FILTER;
    struct graft_report report = {0};
    struct graft_load l = {.object = (vaddr_t)rubbish,
                           .bytes = sizeof rubbish,
                           .report = (vaddr_t)&report,
                           .hook = hook};
    slot_t small = weaker(SLOT_MEMORY, RIGHT_ALL, free_frame(), 1);

    tap_is(load(rubbish, 0, hook, SLOT_MEMORY, graft, &report), ERR_BAD_ARG, "graft of no bytes");
    tap_is(load(rubbish, GRAFT_OBJECT_MAX + 1, hook, SLOT_MEMORY, graft, &report), ERR_BAD_ARG,
           "graft of too many bytes");
    tap_is(load(rubbish, 64, 0, SLOT_MEMORY, graft, &report), ERR_BAD_ARG, "graft for no hook");
    tap_is(load(rubbish, 64, hook, SLOT_MEMORY, SLOT_NONE, &report), ERR_BAD_ARG, "graft nowhere");
    tap_is(exo_graft_create(SLOT_MEMORY, 0, graft, (vaddr_t)&l), ERR_BAD_ARG,
           "graft in frames outside the region");
    tap_is(load(rubbish, 64, hook, SLOT_ENV, graft, &report), ERR_BAD_CAP, "graft of no region");
    tap_is(exo_graft_create(SLOT_MEMORY, PFN_ANY, graft, 8), ERR_BAD_USER, "no load");
    tap_is(load((void *)8, 64, hook, SLOT_MEMORY, graft, &report), ERR_BAD_USER, "no object");
    tap_is(load(rubbish, 64, hook, SLOT_MEMORY, graft, (void *)8), ERR_BAD_USER, "no report");
    tap_is(load(rubbish, 64, hook, SLOT_MEMORY, SLOT_ENV, &report), ERR_IN_USE, "slot in use");
    tap_is(exo_graft_create(small, PFN_ANY, graft, (vaddr_t)&l), ERR_NO_MEM, "region too small");
    tap_is(load(rubbish, 64, hook, SLOT_MEMORY, graft, &report), ERR_BAD_GRAFT, "rubbish");
    tap_ok(report.reason != GRAFT_ACCEPTED, "the report says why");
    tap_is(load_filter(&filter_http, graft), ERR_OK, "a good filter");
    tap_is(load_filter(&filter_http, graft), ERR_IN_USE, "its slot is taken now");
}

static void test_create_errors(const struct rig *r)
{
    const pfn_t frame = free_frame();
    slot_t read_only = weaker(r->frames, RIGHT_READ, 0, 0);
    slot_t weak_nic = weaker(SLOT_NIC, RIGHT_READ, 0, 0);
    slot_t weak_notification = weaker(r->notification, RIGHT_READ, 0, 0);
    slot_t used = weaker(SLOT_MEMORY, RIGHT_ALL, slot_cap(r->frames)->base, 1);

    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, r->frames, SLOT_NONE, SLOT_NONE),
           ERR_BAD_ARG, "ring nowhere");
    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, 0, r->frames, SLOT_NONE, r->slot), ERR_BAD_ARG,
           "ring outside the region");
    tap_is(exo_ring_create(SLOT_ENV, SLOT_MEMORY, frame, r->frames, SLOT_NONE, r->slot),
           ERR_BAD_CAP, "ring of no card");
    tap_is(exo_ring_create(SLOT_NIC, SLOT_ENV, frame, r->frames, SLOT_NONE, r->slot), ERR_BAD_CAP,
           "ring of no region");
    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, SLOT_ENV, SLOT_NONE, r->slot), ERR_BAD_CAP,
           "ring of no frames");
    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, r->frames, SLOT_ENV, r->slot), ERR_BAD_CAP,
           "ring with a bad notification");
    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, read_only, SLOT_NONE, r->slot),
           ERR_NO_RIGHT, "frames that may not be written");
    tap_is(exo_ring_create(weak_nic, SLOT_MEMORY, frame, r->frames, SLOT_NONE, r->slot),
           ERR_NO_RIGHT, "card without right");
    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, r->frames, weak_notification, r->slot),
           ERR_NO_RIGHT, "notification without right");
    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, frame, r->frames, SLOT_NONE, SLOT_ENV),
           ERR_IN_USE, "ring into a filled slot");
    tap_is(exo_ring_create(SLOT_NIC, used, PFN_ANY, r->frames, SLOT_NONE, r->slot), ERR_NO_MEM,
           "ring of a region that is used up");
    slot_delete(read_only);
    slot_delete(weak_nic);
    slot_delete(weak_notification);
}

static void test_other_errors(const struct rig *r, slot_t graft)
{
    slot_t weak = weaker(r->slot, RIGHT_READ, 0, 0);

    tap_is(exo_ring_filter(SLOT_ENV, graft), ERR_BAD_CAP, "filter of no ring");
    tap_is(exo_ring_filter(r->slot, SLOT_ENV), ERR_BAD_CAP, "filter that is no graft");
    tap_is(exo_ring_filter(weak, graft), ERR_NO_RIGHT, "filter without right");
    tap_is(exo_ring_kick(SLOT_ENV), ERR_BAD_CAP, "kick no ring");
    tap_is(exo_ring_kick(weak), ERR_NO_RIGHT, "kick without right");
    slot_delete(weak);
}

/* Everything that is nobody else's. */
static enum err want_all(const struct rig *r)
{
    const struct ring_key all = {.flags = RING_KEY_YIELD};

    return exo_ring_keys(r->slot, (vaddr_t)&all, 1);
}

static void test_packets(struct rig *first, struct rig *second, slot_t http, slot_t all)
{
    word_t taken = 0;

    tap_is(exo_ring_filter(first->slot, http), ERR_OK, "bind a filter");
    tap_is(want_all(first), ERR_OK, "and a key");
    tap_ok(rig_ask_and_hear(first), "the answer to a question arrives");
    tap_is(exo_ring_filter(second->slot, all), ERR_OK, "another ring has a filter that takes all");
    tap_is(want_all(second), ERR_OK, "and wants everything, too");
    tap_ok(rig_ask_and_hear(first), "the earlier binding keeps its packets");
    tap_is(second->ring.header->rx_done, 0, "the later one sees none of them");
    tap_is(exo_ring_keys(first->slot, 0, 0), ERR_OK, "take the first one's key away");
    rig_ask(second, RIG_ADDRESS);
    tap_is(exo_ring_kick_get(second->slot, &taken), ERR_OK, "the other asks");
    tap_is(taken, 1, "one packet was taken");
    tap_ok(rig_hears(second), "now the other ring hears the answer");
    tap_is(want_all(first), ERR_OK, "the first comes back, behind it");
    tap_is(exo_ring_keys(second->slot, 0, 0) | want_all(second), ERR_OK, "and changes places");

    uint32_t at = first->ring.header->tx_posted % RING_SLOTS;
    rig_ask(first, RIG_ADDRESS);
    first->ring.header->tx[at].offset = RING_FRAMES * PAGE_SIZE - RIG_PACKET + 1;
    exo_ring_kick(first->slot);
    tap_is(first->ring.header->tx[at].state, RING_BAD, "a packet outside the frames is refused");
    first->ring.header->tx_posted += 1000;
    tap_is(exo_ring_kick_get(first->slot, &taken), ERR_OK, "a counter that lies is no error");
    tap_is(taken, 0, "and sends nothing");
    first->ring.header->tx_posted -= 1000;
}

/* The public record of what a slot names. */
static struct object_info record_of(slot_t slot)
{
    struct object_info o;

    for (uint32_t i = 0; i < OBJECT_MAX; i++) {
        book_read(INFO_OBJECTS, i, 1, &o);
        if (o.frame == slot_cap(slot)->base && o.kind == slot_cap(slot)->kind)
            return o;
    }
    return (struct object_info){0};
}

static void test_records(const struct rig *r, slot_t http)
{
    const struct object_info ring = record_of(r->slot), graft = record_of(http);
    const volatile struct ring_header *h = r->ring.header;

    tap_is(ring.owner, book_utcb()->env, "the ring's record names its owner");
    tap_ok(ring.filter == slot_cap(http)->base && ring.keys == 1 && ring.state == 0,
           "its filter, its key, and that it works");
    tap_ok(ring.counts[COUNT_RECEIVED] == h->rx_done && ring.counts[COUNT_SENT] == h->tx_done &&
               ring.counts[COUNT_MATCHED] == h->rx_filtered && h->rx_filtered > 0,
           "and counts what its header counts");
    tap_is(graft.owner, book_utcb()->env, "the graft's record names its owner");
    tap_ok(graft.keys == GRAFT_HOOK_PACKET_FILTER && graft.counts[COUNT_RUNS] > 0 &&
               graft.counts[COUNT_RUNS] <= h->rx_filtered && graft.counts[COUNT_STEPS] > 0,
           "its hook, and how often it ran");
}

static void test_loss(struct rig *first, struct rig *second, slot_t http, slot_t all)
{
    slot_delete(all);
    exo_ring_keys(first->slot, 0, 0);
    tap_ok(!rig_ask_and_hear(second), "a filter that was deleted takes nothing");
    tap_is(exo_ring_filter(second->slot, SLOT_NONE), ERR_OK, "take it away");
    tap_ok(rig_ask_and_hear(second), "without filter the key takes all");
    exo_ring_keys(second->slot, 0, 0);
    tap_is(want_all(first), ERR_OK, "the first ring alone again");
    slot_delete(first->notification);
    notify_new(&first->notification); /* never raised: the ring does not know it */
    rig_ask(first, RIG_ADDRESS);
    exo_ring_kick(first->slot);
    rig_hears(second); /* only waits */
    tap_ok(rig_hears(first), "without its notification a ring goes on in silence");

    for (unsigned i = 0; i < RING_SLOTS / 2; i++)
        rig_ask(first, RIG_ADDRESS);
    tap_is(exo_ring_kick(first->slot), ERR_OK, "many packets at once");
    tap_is(exo_cap_delete(first->frames), ERR_OK, "take the frames from under them");
    tap_is(exo_ring_kick(first->slot), ERR_BAD_STATE, "a ring without memory is dead");
    tap_is(record_of(first->slot).state, OBJECT_DEAD, "and its record says so");
    tap_is(want_all(first), ERR_BAD_STATE, "and gets no keys");
    tap_is(exo_ring_filter(first->slot, SLOT_NONE), ERR_OK, "its filter can still be taken");
    tap_is(exo_cap_delete(first->slot), ERR_OK, "and it can be deleted");

    want_all(second);
    for (unsigned i = 0; i < RING_SLOTS / 2; i++)
        rig_ask(second, RIG_ADDRESS);
    exo_ring_kick(second->slot);
    tap_is(exo_cap_delete(second->slot), ERR_OK, "delete a ring with packets in flight");
    second->slot = new_slot();
    ring_begin(&second->ring, second->ring.memory, RIG_BIT);
    tap_is(rig_create(second), ERR_OK, "its frames serve a new one");
    exo_ring_filter(second->slot, http);
    want_all(second);
    tap_ok(rig_ask_and_hear(second), "which sends and receives");
}

static void test_table_of_rings(const struct rig *r)
{
    slot_t slots[128];
    unsigned count = 0;
    enum err e = ERR_OK;

    for (; e == ERR_OK && count < 128; count++) {
        slots[count] = new_slot();
        e = exo_ring_create(SLOT_NIC, SLOT_MEMORY, free_frame(), r->frames, SLOT_NONE,
                            slots[count]);
    }
    tap_is(e, ERR_NO_MEM, "the card's table of rings is finite");
    for (unsigned i = 0; i + 1 < count; i++)
        slot_delete(slots[i]);
    tap_is(exo_ring_create(SLOT_NIC, SLOT_MEMORY, free_frame(), r->frames, SLOT_NONE, slots[0]),
           ERR_OK, "deleted rings leave their places");
}

int main(void)
{
    static struct rig first, second;

    if (libos_setup() != ERR_OK || archive_map(&archive) != ERR_OK ||
        archive_find(&archive, ".exo4/filter_http.o", &filter_http) != ERR_OK ||
        archive_find(&archive, ".exo4/filter_all.o", &filter_all) != ERR_OK)
        return 1;
    rig_prepare(&first);
    rig_prepare(&second);
    if (!KINFO->nic_present) {
        tap_plan(1);
        tap_is(rig_create(&first), ERR_NO_DEVICE, "a machine without a card");
        return tap_done();
    }

    slot_t http = new_slot(), all = new_slot();
    tap_plan(72);
    test_graft_errors(http);
    test_create_errors(&first);
    tap_is(rig_create(&first), ERR_OK, "make a ring");
    tap_is(rig_create(&second), ERR_OK, "make another");
    tap_is(load_filter(&filter_all, all), ERR_OK, "load another filter");
    test_other_errors(&first, http);
    test_packets(&first, &second, http, all);
    test_records(&first, http);
    test_loss(&first, &second, http, all);
    test_table_of_rings(&second);
    return tap_done();
}

/* Parts of the network card on the real one: every error of their calls, what rings that were made
 * by one may bind and send, smaller parts, and what is left when one is taken back. */
#include "exo/abi/cap.h"
#include "libos/libos.h"
#include "libos/slots.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define OTHER    (RIG_ADDRESS + 1)
#define ARP      0x0806u
#define UNMAPPED ((vaddr_t)0x123456789000)
#define SHARED   (RING_KEY_COPY | RING_KEY_YIELD)

static struct rig first, second, third;
static slot_t part, copy, small, weak;

static struct ring_key for_arp(uint32_t address, uint32_t flags)
{
    return (struct ring_key){.value = {.local = address, .ethertype = ARP},
                             .mask = {.local = UINT32_MAX, .ethertype = UINT16_MAX},
                             .flags = flags};
}

static struct flows_load load_of(struct ring_key key, uint32_t rings)
{
    return (struct flows_load){.count = 1, .rings = rings, .bound = 2 * rings, .keys = {key}};
}

static enum err make(slot_t of, const struct flows_load *l, slot_t dst)
{
    return exo_flows_create(of, SLOT_MEMORY, free_frame(), (vaddr_t)l, dst);
}

static enum err bind(const struct rig *r, struct ring_key key)
{
    return exo_ring_keys(r->slot, (vaddr_t)&key, 1);
}

static void test_errors(void)
{
    struct flows_load l = load_of(for_arp(RIG_ADDRESS, SHARED), 2), got;
    const slot_t free = new_slot();

    tap_is(make(SLOT_NIC, &l, part), ERR_OK, "make a part of the card");
    l.rings = 3;
    tap_is(make(part, &l, free), ERR_NO_MEM, "of that one with more rings");
    l.rings = 1;
    l.keys[0].value.local = OTHER;
    tap_is(make(part, &l, free), ERR_NO_RIGHT, "with another address");
    l.keys[0].mask.local = 0;
    tap_is(make(part, &l, free), ERR_BAD_ARG, "with a value outside the mask");
    l.count = FLOWS_KEYS + 1;
    tap_is(make(part, &l, free), ERR_BAD_ARG, "with too many keys");
    l = load_of(for_arp(RIG_ADDRESS, SHARED), 1);
    tap_is(exo_flows_create(part, SLOT_MEMORY, free_frame(), UNMAPPED, free), ERR_BAD_USER,
           "of what is not there");
    tap_is(make(SLOT_ENV, &l, free), ERR_BAD_CAP, "of no card");
    weak = weaker(part, RIGHT_READ | RIGHT_WRITE, 0, 0);
    tap_is(make(weak, &l, free), ERR_NO_RIGHT, "who may not give it on makes no smaller one");
    tap_is(make(part, &l, weak), ERR_IN_USE, "into a slot that is filled");
    tap_is(exo_flows_read(part, (vaddr_t)&got), ERR_OK, "read it");
    tap_ok(got.count == 1 && got.rings == 2 && got.bound == 4 &&
               got.keys[0].value.local == RIG_ADDRESS && got.keys[0].flags == SHARED,
           "it is what it was made");
    tap_is(exo_flows_read(SLOT_NIC, (vaddr_t)&got), ERR_BAD_CAP, "the card is no part");
    tap_is(exo_flows_read(part, UNMAPPED), ERR_BAD_USER, "read it to nowhere");
    slot_delete(weak);
    weak = weaker(part, RIGHT_GRANT, 0, 0);
    tap_is(exo_flows_read(weak, (vaddr_t)&got), ERR_NO_RIGHT, "read it without right");
    tap_is(rig_create_by(&first, weak), ERR_NO_RIGHT, "a ring by it without right");
}

/* The state of a question after it was posted and kicked. */
static uint32_t fate(struct rig *r, uint32_t as)
{
    const uint32_t slot = r->ring.header->tx_posted % RING_SLOTS;

    rig_ask(r, as);
    exo_ring_kick(r->slot);
    for (unsigned i = 0; i < 1000 && r->ring.header->tx[slot].state == 0; i++)
        exo_ring_kick(r->slot);
    rig_hears(r);
    return r->ring.header->tx[slot].state;
}

static void test_rings(void)
{
    struct ring_key everything = {.flags = SHARED};

    copy = weaker(part, RIGHT_ALL, 0, 0);
    tap_is(rig_create_by(&first, copy), ERR_OK, "make a ring by a copy of it");
    tap_is(bind(&first, everything), ERR_NO_RIGHT, "it does not get everything");
    tap_is(bind(&first, for_arp(OTHER, SHARED)), ERR_NO_RIGHT, "nor another address");
    tap_is(bind(&first, for_arp(RIG_ADDRESS, 0)), ERR_NO_RIGHT, "nor what is shared for itself");
    tap_ok(!rig_ask_and_hear(&first), "so it hears nothing");
    tap_is(bind(&first, for_arp(RIG_ADDRESS, SHARED)), ERR_OK, "it gets its own");
    tap_ok(rig_ask_and_hear(&first), "and hears the answer to its question");
    tap_is(fate(&first, OTHER), RING_BAD, "it does not send from another address");
    tap_is(fate(&first, RIG_ADDRESS), RING_DONE, "from its own it does");
}

static void test_smaller(void)
{
    const struct flows_load l = load_of(for_arp(RIG_ADDRESS, SHARED), 1);

    small = new_slot();
    tap_is(make(copy, &l, small), ERR_OK, "make a smaller part");
    tap_is(rig_create_by(&third, copy), ERR_NO_MEM, "then the larger one has no ring left");
    tap_is(rig_create_by(&second, small), ERR_OK, "the smaller one has");
    tap_is(bind(&second, for_arp(OTHER, SHARED)), ERR_NO_RIGHT, "which gets no other address");
    tap_is(bind(&second, for_arp(RIG_ADDRESS, SHARED)), ERR_OK, "and its own");
    const uint32_t before = first.ring.header->rx_done;
    tap_ok(rig_ask_and_hear(&second), "it hears what is shared");
    tap_is(first.ring.header->rx_done, before + 1, "and so does the other");
}

static void test_end(void)
{
    tap_is(exo_cap_revoke(part), ERR_OK, "take the part back from all who have it");
    tap_ok(!slot_cap(small), "the smaller part is gone");
    tap_is(fate(&first, RIG_ADDRESS), RING_BAD, "the one sends nothing");
    tap_is(fate(&second, RIG_ADDRESS), RING_BAD, "nor the other");
    tap_is(bind(&first, for_arp(RIG_ADDRESS, SHARED)), ERR_BAD_STATE, "they get no keys any more");
    tap_is(rig_create_by(&third, part), ERR_OK, "who makes a ring by it again");
    tap_is(bind(&third, for_arp(RIG_ADDRESS, SHARED)), ERR_OK, "has it");
    tap_ok(rig_ask_and_hear(&third), "and hears");
    const uint32_t before = first.ring.header->rx_done;
    tap_ok(rig_ask_and_hear(&third) && first.ring.header->rx_done == before,
           "of which the first sees nothing");
}

int main(void)
{
    if (libos_setup() != ERR_OK)
        return 1;
    rig_prepare(&first);
    rig_prepare(&second);
    rig_prepare(&third);
    part = new_slot();
    tap_plan(40);
    test_errors();
    test_rings();
    test_smaller();
    test_end();
    return tap_done();
}

/* Keys of packet rings on the real card: every error of the call, several owners at once, the rule
 * where their keys overlap, and that nobody sends in another's name. */
#include "exo/abi/cap.h"
#include "libos/libos.h"
#include "libos/slots.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define OTHER     (RIG_ADDRESS + 1)
#define ARP       0x0806u
#define UNMAPPED  ((vaddr_t)0x123456789000)
#define AT_SOURCE 6u

static struct rig first, second;

static struct ring_key for_address(uint32_t address, uint32_t flags)
{
    return (struct ring_key){
        .value = {.local = address}, .mask = {.local = UINT32_MAX}, .flags = flags};
}

/* A more specific one. */
static struct ring_key for_arp(uint32_t address, uint32_t flags)
{
    struct ring_key k = for_address(address, flags);

    k.value.ethertype = ARP;
    k.mask.ethertype = UINT16_MAX;
    return k;
}

static enum err bind(const struct rig *r, struct ring_key key)
{
    return exo_ring_keys(r->slot, (vaddr_t)&key, 1);
}

static enum err unbind(const struct rig *r)
{
    return exo_ring_keys(r->slot, 0, 0);
}

static void test_errors(void)
{
    struct ring_key key = for_address(RIG_ADDRESS, 0);
    slot_t weak = weaker(first.slot, RIGHT_READ, 0, 0);

    tap_is(exo_ring_keys(first.slot, (vaddr_t)&key, RING_KEYS + 1), ERR_BAD_ARG, "too many keys");
    key.value.remote = 1;
    tap_is(bind(&first, key), ERR_BAD_ARG, "a value outside the mask");
    key = for_address(RIG_ADDRESS, 4);
    tap_is(bind(&first, key), ERR_BAD_ARG, "an unknown flag");
    key = for_address(RIG_ADDRESS, 0);
    key.unused = 1;
    tap_is(bind(&first, key), ERR_BAD_ARG, "something in an unused field");
    key = for_address(RIG_ADDRESS, 0);
    key.mask.unused = 1;
    tap_is(bind(&first, key), ERR_BAD_ARG, "something in an unused field of the mask");
    key = for_address(RIG_ADDRESS, 0);
    tap_is(exo_ring_keys(SLOT_ENV, (vaddr_t)&key, 1), ERR_BAD_CAP, "keys of no ring");
    tap_is(exo_ring_keys(weak, (vaddr_t)&key, 1), ERR_NO_RIGHT, "keys without right");
    tap_is(exo_ring_keys(first.slot, UNMAPPED, 1), ERR_BAD_USER, "keys that are not there");
    slot_delete(weak);
}

static bool heard_by(struct rig *asker, uint32_t as, struct rig *hearer)
{
    rig_ask(asker, as);
    return exo_ring_kick(asker->slot) == ERR_OK && rig_hears(hearer);
}

/* The state of a question after it was posted, spoilt at byte `at` and kicked. */
static uint32_t fate(struct rig *r, uint32_t as, unsigned at)
{
    uint32_t slot = r->ring.header->tx_posted % RING_SLOTS;
    uint8_t *p = rig_ask(r, as);

    if (at)
        p[at] ^= 1;
    exo_ring_kick(r->slot);
    for (unsigned i = 0; i < 1000 && r->ring.header->tx[slot].state == 0; i++)
        exo_ring_kick(r->slot);
    rig_hears(r);
    return r->ring.header->tx[slot].state;
}

static void test_two_owners(void)
{
    tap_ok(!rig_ask_and_hear(&first), "without a key nothing arrives");
    tap_is(fate(&first, RIG_ADDRESS, 0), RING_BAD, "and nothing is sent");
    tap_is(bind(&first, for_address(RIG_ADDRESS, 0)), ERR_OK, "one ring has an address");
    tap_is(bind(&second, for_address(OTHER, 0)), ERR_OK, "a second one another");
    tap_ok(heard_by(&first, RIG_ADDRESS, &first), "the first hears its answer");
    uint32_t before = first.ring.header->rx_done;
    tap_ok(heard_by(&second, OTHER, &second), "the second hears its own");
    tap_is(first.ring.header->rx_done, before, "of which the first sees nothing");
}

static void test_spoofing(void)
{
    tap_is(fate(&first, OTHER, 0), RING_BAD, "nobody sends from another's address");
    tap_is(fate(&first, RIG_ADDRESS, AT_SOURCE + 5), RING_BAD, "nor from another link address");
    tap_is(fate(&first, RIG_ADDRESS, RIG_ARP_FROM + 5), RING_BAD, "nor claims one by ARP");
    tap_is(fate(&first, RIG_ADDRESS, 0), RING_DONE, "from his own he may");
}

static void test_overlap(void)
{
    struct ring_key everything = {.flags = 0};

    tap_is(bind(&second, for_arp(RIG_ADDRESS, 0)), ERR_IN_USE, "nobody takes a part from another");
    tap_ok(heard_by(&second, OTHER, &second), "who tried keeps the keys that he had");
    tap_is(bind(&second, everything), ERR_OK, "what is nobody else's he may have");
    uint32_t before = second.ring.header->rx_done;
    tap_ok(heard_by(&first, RIG_ADDRESS, &first), "the more specific key wins");
    tap_is(second.ring.header->rx_done, before, "though the other matches, too");
    tap_is(fate(&second, RIG_ADDRESS, 0), RING_BAD, "who would not get the answer cannot ask");

    tap_is(bind(&first, for_address(RIG_ADDRESS, RING_KEY_YIELD)), ERR_IN_USE,
           "nor is a part taken from who has everything");
    tap_is(unbind(&second), ERR_OK, "without that");
    tap_is(bind(&first, for_address(RIG_ADDRESS, RING_KEY_YIELD)), ERR_OK, "an owner that yields");
    tap_is(bind(&second, for_arp(RIG_ADDRESS, 0)), ERR_OK, "loses a part");
    tap_ok(heard_by(&second, RIG_ADDRESS, &second), "to the other");
    tap_is(fate(&first, RIG_ADDRESS, 0), RING_BAD, "with the right to send it");
    tap_is(bind(&second, for_arp(RIG_ADDRESS, RING_KEY_COPY)), ERR_OK, "who shares that");
    before = first.ring.header->rx_done;
    tap_ok(heard_by(&second, RIG_ADDRESS, &second), "gets it still");
    tap_is(first.ring.header->rx_done, before + 1, "and the one below a copy");
    tap_ok(heard_by(&first, RIG_ADDRESS, &first), "which may send now, too");
}

static void test_end(void)
{
    tap_is(bind(&second, for_address(RIG_ADDRESS, 0)), ERR_OK, "an equal key");
    tap_ok(heard_by(&first, RIG_ADDRESS, &first), "does not take from the earlier one");
    tap_is(exo_cap_delete(first.slot), ERR_OK, "when that ring is gone");
    tap_ok(heard_by(&second, RIG_ADDRESS, &second), "its packets are the next one's");
    tap_is(exo_cap_delete(second.frames), ERR_OK, "take the memory away");
    tap_is(bind(&second, for_address(RIG_ADDRESS, 0)), ERR_BAD_STATE, "a dead ring gets no keys");
}

int main(void)
{
    if (libos_setup() != ERR_OK)
        return 1;
    rig_prepare(&first);
    rig_prepare(&second);
    tap_plan(43);
    tap_is(rig_create(&first), ERR_OK, "make a ring");
    tap_is(rig_create(&second), ERR_OK, "make another");
    test_errors();
    test_two_owners();
    test_spoofing();
    test_overlap();
    test_end();
    return tap_done();
}

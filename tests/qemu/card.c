/* A network card of one's own on the real machine: packets out and in without one entry into the
 * kernel, sleeping until one comes, giving it back and taking it again, beside a ring on the
 * kernel's card. */
#include "libos-net/card.h"

#include "libos/book.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/string.h"
#include "tests/qemu/card_rig.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)
#define ROUNDS   32u
#define AT_ONCE  32u /* packets in flight */

static struct card card;
static struct card_pair *const pair = &card.pairs[0];

/* The kernel's card and nonsense are not to be had. */
static void test_refusals(uint32_t function)
{
    uint32_t other = 0;

    tap_is(card_open(&card, SLOT_NIC, function), ERR_BAD_CAP, "a card by another capability");
    tap_is(card_open(&card, SLOT_PCI, KINFO->device_count), ERR_BAD_ARG, "a card beyond the table");
    while (other < KINFO->device_count && device_entry(other)->state != DEVICE_KERNEL)
        other++;
    tap_is(card_open(&card, SLOT_PCI, other), ERR_BAD_STATE, "a device of the kernel's");
    tap_is(virtio_pci_find(VIRTIO_NET, function + 1, &other), ERR_NO_DEVICE, "no further card");
}

/* Entries into the kernel while `ROUNDS` times `AT_ONCE` packets go out and come in. */
static void test_no_entries(void)
{
    unsigned heard = 0, asked = 0;
    uint64_t entries = card_entries();

    for (unsigned i = 0; i < ROUNDS; i++) {
        asked += card_ask(pair, AT_ONCE);
        heard += card_hear(pair, AT_ONCE);
    }
    entries = card_entries() - entries;
    tap_is(asked, ROUNDS * AT_ONCE, "1,024 packets go out");
    tap_is(heard, ROUNDS * AT_ONCE, "1,024 packets come in");
    tap_is((long)entries, 0, "and the kernel was not entered once for them");
    tap_ok(card_was_silent(&card), "nor did the card interrupt");
}

static void test_sleep(void)
{
    tap_is(card_wait(pair, clock_deadline(20 * CLOCK_NS_PER_MS)), ERR_TIMEOUT,
           "waiting for nothing ends in time");
    for (unsigned i = 0; i < 8; i++) {
        uint64_t entries = card_entries();
        card_ask(pair, 1);
        enum err e = card_wait(pair, clock_deadline(PATIENCE));
        if (e != ERR_OK || card_entries() == entries || card_hear(pair, 1) != 1) {
            tap_is(e, ERR_OK, "a sleeper is woken by its packet");
            return;
        }
    }
    tap_ok(true, "a sleeper is woken by its packet");
}

static void test_again(uint32_t function)
{
    const volatile struct device_info *info = device_info(&card.device);
    struct rig rig;

    tap_is(info->state, DEVICE_OPEN, "the device table says that it is taken");
    tap_is(info->faults, 0, "and that it kept to its memory");
    rig_prepare(&rig);
    tap_is(rig_create(&rig), ERR_OK, "a ring on the kernel's card, beside it");
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    tap_is(exo_ring_keys(rig.slot, (vaddr_t)&all, 1), ERR_OK, "that wants everything");
    tap_ok(rig_ask_and_hear(&rig), "hears its own answer");
    card_close(&card);
    tap_is(info->state, DEVICE_FREE, "given back, the card is free");
    tap_ok(rig_ask_and_hear(&rig), "the ring goes on");
    tap_is(card_open(&card, SLOT_PCI, function), ERR_OK, "the card is taken once more");
    card_ask(pair, 1);
    tap_is(card_hear(pair, 1), 1, "and works");
    card_close(&card);
}

int main(void)
{
    uint32_t function = 0;

    if (libos_setup())
        return 1;
    tap_is(virtio_pci_find(VIRTIO_NET, 0, &function), ERR_OK, "there is a card for a program");
    test_refusals(function);
    if (!tap_is(card_open(&card, SLOT_PCI, function), ERR_OK, "it is this one's now"))
        return tap_done();
    tap_is(card_open(&(struct card){.pair_count = 0}, SLOT_PCI, function), ERR_IN_USE, "alone");
    card_ask(pair, 1);
    tap_is(card_hear(pair, 1), 1, "a question is answered");
    test_no_entries();
    test_sleep();
    test_again(function);
    return tap_done();
}

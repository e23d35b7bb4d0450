/* What the owner of a ring is told of, on a real card: nothing that he does not wait for, and all
 * that he does, however often the card is asked to speak and to be silent. */
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/tap.h"

#define NOBODY   0x0a000263u /* 10.0.2.99: who is asked, and does not answer */
#define PATIENCE ((uint64_t)5 * CLOCK_NS_PER_S)
#define MOMENT   ((uint64_t)50 * CLOCK_NS_PER_MS)
#define TURNS    300u

static bool is_told(const struct rig *r, uint64_t ns)
{
    return notify_until(r->notification, RIG_BIT, clock_deadline(ns), NULL) == ERR_OK;
}

static bool reaches(const volatile uint32_t *counter, uint32_t want)
{
    const uint64_t deadline = clock_deadline(PATIENCE);

    while (*counter != want)
        if (cpu_ticks() > deadline)
            return false;
    return true;
}

/* Questions in all free slots. */
static void fill(struct rig *r)
{
    uint8_t *p;

    while ((p = ring_send_buffer(&r->ring))) {
        rig_question(p, KINFO->nic_mac, RIG_ADDRESS, NOBODY);
        ring_send(&r->ring, RIG_PACKET);
    }
}

static void test_silence(struct rig *r)
{
    const volatile struct ring_header *h = r->ring.header;

    fill(r);
    tap_is(exo_ring_kick(r->slot), ERR_OK, "send as many as there are slots");
    tap_ok(is_told(r, PATIENCE), "who says nothing is told");
    tap_ok(reaches(&h->tx_done, RING_SLOTS), "and all are sent");
    while (is_told(r, MOMENT))
        ;
    ring_be_quiet(&r->ring);
    fill(r);
    tap_is(exo_ring_kick(r->slot), ERR_OK, "send as many, and be quiet");
    tap_ok(!is_told(r, MOMENT), "then nothing is said");
    tap_is(exo_ring_kick(r->slot), ERR_OK, "but a kick");
    tap_is(h->tx_done, 2 * RING_SLOTS, "shows that they are sent");
}

static void test_waiting(struct rig *r)
{
    const volatile struct ring_header *h = r->ring.header;
    bool all = true;
    uint32_t waits = 0;

    for (uint32_t i = 0; i < TURNS && all; i++) {
        fill(r);
        exo_ring_kick(r->slot);
        ring_want_room(&r->ring);
        exo_ring_kick(r->slot);
        for (; all && h->tx_posted - h->tx_done > RING_SLOTS / 2; waits++)
            all = is_told(r, PATIENCE);
    }
    tap_ok(all, "who waits for room is told, time after time");
    tap_note("%u waits", waits);
}

static void test_receiving(struct rig *r)
{
    const uint32_t before = r->ring.header->rx_done;
    uint32_t buffer, length;

    while (ring_receive(&r->ring, &buffer, &length))
        ring_rx_free(&r->ring, buffer);
    while (is_told(r, MOMENT))
        ;
    ring_wake(&r->ring);
    rig_ask(r, RIG_ADDRESS);
    exo_ring_kick(r->slot);
    tap_ok(reaches(&r->ring.header->rx_done, before + 1), "an answer comes to who looks himself");
    tap_ok(!is_told(r, MOMENT), "and is not told of it");
    tap_ok(!ring_sleep(&r->ring), "before he sleeps he sees it");
    tap_ok(rig_ask_and_hear(r) && rig_ask_and_hear(r), "asleep he is told");
}

static void test_other(struct rig *r, struct rig *other)
{
    const struct ring_key copy = {.flags = RING_KEY_COPY}, all = {.flags = RING_KEY_YIELD};

    tap_is(rig_create(other), ERR_OK, "another ring");
    tap_is(exo_ring_keys(r->slot, (vaddr_t)&copy, 1) | exo_ring_keys(other->slot, (vaddr_t)&all, 1),
           ERR_OK, "may send, too");
    fill(r);
    exo_ring_kick(r->slot);
    rig_question(ring_send_buffer(&other->ring), KINFO->nic_mac, RIG_ADDRESS, NOBODY);
    ring_send(&other->ring, RIG_PACKET);
    exo_ring_kick(other->slot);
    tap_ok(is_told(other, PATIENCE), "and is told, though the first one is quiet");
    fill(r);
    exo_ring_kick(r->slot);
    tap_is(exo_cap_delete(r->slot), ERR_OK, "delete a quiet ring with packets in flight");
    tap_ok(rig_ask_and_hear(other), "the other goes on");
}

int main(void)
{
    static struct rig rig, other;
    const struct ring_key all = {.flags = RING_KEY_YIELD};

    if (libos_setup() != ERR_OK)
        return 1;
    rig_prepare(&rig);
    rig_prepare(&other);
    tap_plan(19);
    tap_is(rig_create(&rig), ERR_OK, "make a ring");
    tap_is(exo_ring_keys(rig.slot, (vaddr_t)&all, 1), ERR_OK, "and its key");
    test_silence(&rig);
    test_waiting(&rig);
    test_receiving(&rig);
    test_other(&rig, &other);
    return tap_done();
}

/*
 * Experiments: how long a datagram waits for its echo while others compute. So many threads of one
 * priority do nothing but look whether something has come; each sends when it is its turn, so that
 * packets come at all moments of all slices. Who answers is a packet handler in the kernel, or the
 * ring's owner when it is woken: with positions of the slice vector as each of the others has, or
 * by a higher priority where nobody has positions.
 *
 * Counted is from the last look before the packet had come to the first one after it was answered,
 * less what a look costs; or to when the owner has told the card. A look stamps first and asks
 * then, so that what comes between one's asking and the next one's is behind the former's stamp.
 * What the wire takes is not in it; what the card says of the answer is, when it does so at once.
 */
#include "tests/lab/load.h"

#include "exo/abi/graft.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/wire.h"

#define WARM      2u
#define KEPT      20u
#define ROUNDS    (WARM + KEPT)
#define BUSY_MOST 20u
#define SLICE     ((uint64_t)SLICE_MICROS * 1000) /* ticks */
#define SPREAD    380401u /* of a slice: where packets come in it, one behind the other */
#define LINGER    2000u   /* looks, until the card has told all */
#define URGENT    (THREAD_PRIORITY + 1)
#define KEY_BYTES 32u

enum phase { IDLE, SENT, ARRIVED, ANSWERED };

static struct {
    slot_t ring, notification;
    uint32_t busy;                    /* threads                                             */
    const volatile uint32_t *arrived; /* a counter of packets that have come, or are answered */
    bool by_owner;                    /* who says himself when he has                        */
    volatile enum phase phase;
    volatile uint32_t round;
    volatile uint64_t last; /* stamp of the last look                              */
    uint64_t in, out;       /* of this packet                                      */
    uint64_t look, tails;   /* a look, and one's end behind an arrival: the shortest so far */
    uint64_t due;           /* when the next packet is sent                        */
    uint32_t seen, left;    /* of `arrived`; looks until all is quiet              */
} load;

static struct lab_series series;
static struct thread threads[BUSY_MOST], owner;

static void least(uint64_t *of, uint64_t value)
{
    *of = value < *of ? value : *of;
}

/* The answer is back: the next round. */
static void keep(uint64_t now)
{
    if (load.round >= WARM)
        series.rounds[load.round - WARM] = (struct lab_sample){.ticks = load.out - load.in};
    load.left = LINGER;
    load.due = now + (uint64_t)load.round * SPREAD % SLICE;
    load.phase = IDLE;
    load.round++;
}

static void send(void)
{
    load.seen = *load.arrived;
    load.phase = SENT;
    load.last = lab_stamp(); /* the packet may have come when the bell has been rung */
    wire_push();
}

/* The owner may have answered between a look's question and this. */
static void arrive(uint64_t now)
{
    const uint64_t in = load.last;
    enum phase sent = SENT;

    if (!__atomic_compare_exchange_n(&load.phase, &sent, ARRIVED, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return;
    load.in = in;
    if (load.by_owner)
        return;
    load.out = lab_stamp();
    least(&load.tails, load.out - now);
    load.phase = ANSWERED;
}

/* What a busy thread does again and again. */
static void look(uint32_t self)
{
    const uint64_t now = lab_stamp();

    if (load.phase == SENT) {
        if (*load.arrived != load.seen)
            arrive(now);
        else
            least(&load.look, now - load.last);
    }
    load.last = now;
    if (load.phase == SENT || load.phase == ANSWERED)
        wire_turn();
    if (load.phase == SENT || load.phase == ARRIVED || load.round % load.busy != self)
        return;
    if (load.phase == ANSWERED) {
        if (wire_take())
            keep(now);
    } else if (load.left) {
        wire_turn();
        if (!--load.left)
            wire_lay_one();
    } else if (now >= load.due) {
        send();
    }
}

static void be_busy(void *self)
{
    while (load.round < ROUNDS)
        look((uint32_t)(uintptr_t)self);
}

static void be_owner(void *unused)
{
    (void)unused;
    while (load.round < ROUNDS) {
        notify_until(load.notification, RIG_BIT, FOREVER, NULL);
        if (!wire_answer())
            continue;
        load.out = lab_stamp();
        if (load.phase == SENT) /* before anybody has looked */
            load.in = load.last;
        load.phase = ANSWERED;
    }
}

static void need(const char *key, enum err e)
{
    if (e)
        lab_fail(key, e);
}

/* Positions turn by turn: each busy thread's, and the owner's, unless it has none. */
static void share(const char *key, bool with_owner)
{
    const uint32_t sharers = load.busy + with_owner;

    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        need(key, exo_slice_bind(SLOT_CPU, 0, i,
                                 i % sharers < load.busy ? threads[i % sharers].slot : owner.slot));
}

static void unshare(void)
{
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        exo_slice_bind(SLOT_CPU, 0, i, SLOT_NONE);
}

static void measure(const char *form, uint32_t busy, bool by_owner, uint32_t priority)
{
    char key[KEY_BYTES] = "load.";
    const bool shared = priority == THREAD_PRIORITY;

    memcpy(key + strlen(key), form, strlen(form));
    const size_t length = strlen(key);
    key[length] = '.';
    key[length + 1] = (char)('0' + busy / 10);
    key[length + 2] = (char)('0' + busy % 10);
    load.busy = busy;
    load.by_owner = by_owner;
    load.round = 0;
    load.phase = IDLE;
    load.left = LINGER;
    load.due = 0;
    load.look = load.tails = UINT64_MAX;
    if (by_owner)
        need(key, thread_run(&owner, be_owner, NULL, THREAD_CPU_HERE, priority));
    for (uint32_t i = 0; i < busy; i++)
        need(key, thread_run(&threads[i], be_busy, (void *)(uintptr_t)i, THREAD_CPU_HERE,
                             THREAD_PRIORITY));
    if (shared)
        share(key, by_owner);
    for (uint32_t i = 0; i < busy; i++)
        notify_until(threads[i].done, 1, FOREVER, NULL);
    if (shared)
        unshare();
    for (uint32_t i = 0; i < busy; i++)
        thread_destroy(&threads[i]);
    if (by_owner) {
        exo_notify(load.notification, RIG_BIT);
        thread_join(&owner);
    }
    lab_report_some(key, &series, KEPT, by_owner ? 0 : load.look + load.tails, 1, 1);
}

void lab_load(const struct archive *a, const struct rig *r)
{
    static const uint32_t counts[] = {1, 2, 5, 10, 15, BUSY_MOST};
    const uint32_t all = sizeof counts / sizeof counts[0];

    load.ring = r->slot;
    load.notification = r->notification;
    load.arrived = &r->ring.header->rx_done;
    for (uint32_t i = 0; i < all; i++)
        measure("slices", counts[i], true, THREAD_PRIORITY);
    for (uint32_t i = 0; i < all; i++)
        measure("priority", counts[i], true, URGENT);
    const slot_t graft = lab_graft(a, ".exo4/handler_echo.o", GRAFT_HOOK_PACKET_HANDLER, SLOT_NONE);
    lab_bind("load.graft", graft, r->slot, GRAFT_HOOK_PACKET_HANDLER);
    load.arrived = lab_handled();
    for (uint32_t i = 0; i < all; i++)
        measure("graft", counts[i], false, THREAD_PRIORITY);
    lab_bind("load.graft", SLOT_NONE, r->slot, GRAFT_HOOK_PACKET_HANDLER);
    slot_delete(graft);
}

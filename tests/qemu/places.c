/* Grafts at work, native and not: a packet handler that answers by itself, counts in memory that
 * both sides see and tells by a ring buffer; what judges waiting, interrupts and a disk's requests.
 */
#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "exo/abi/graft_map.h"
#include "libos/clock.h"
#include "libos/disk.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "tests/qemu/graft_rig.h"
#include "tests/qemu/rig.h"
#include "tests/qemu/rtc.h"
#include "tests/qemu/tap.h"

#define ROUNDS   8u /* of handler_probe */
#define PATIENCE ((uint64_t)5000 * CLOCK_NS_PER_MS)
#define REQUESTS 8u

#define POLLS 12u
#define POLL  ((uint64_t)150 * CLOCK_NS_PER_MS) /* longer than from tick to tick */

static void test_handler(void)
{
    const struct graft_map_def probes = {GRAFT_MAP_ARRAY, 4, 8, 1},
                               found = {GRAFT_MAP_RINGBUF, 0, 0, 4096};
    const struct ring_key all = {.flags = RING_KEY_YIELD};
    static struct rig rig;
    vaddr_t values = 0, records = 0;
    slot_t maps[2];

    rig_prepare(&rig);
    tap_is(rig_create(&rig), ERR_OK, "make a ring");
    tap_is(exo_ring_keys(rig.slot, (vaddr_t)&all, 1), ERR_OK, "that wants everything");
    maps[0] = make_map(probes, 1, SLOT_NONE, &values);
    maps[1] = make_map(found, 2, rig.notification, &records);
    slot_t graft = make_graft(".exo4/handler_probe.o", GRAFT_HOOK_PACKET_HANDLER, maps, 2);
    tap_is(exo_graft_bind(graft, rig.slot, GRAFT_HOOK_PACKET_HANDLER), ERR_OK, "bind it");

    const volatile uint64_t *count = (const volatile uint64_t *)values;
    const volatile struct graft_ring *log = (const volatile struct graft_ring *)records;
    const volatile uint8_t *record =
        (const volatile uint8_t *)records + GRAFT_RING_DATA + GRAFT_RING_HEAD;
    rig_ask(&rig, RIG_ADDRESS);
    tap_is(exo_ring_kick(rig.slot), ERR_OK, "ask once");
    tap_is(notify_until(rig.notification, GRAFT_RIG_TOLD, clock_deadline(PATIENCE), NULL), ERR_OK,
           "the ring buffer's notification is raised");
    tap_is(*count, ROUNDS, "the handler has asked the other times");
    tap_is(rig.ring.header->rx_done, 0, "and the ring has received nothing");
    tap_is(log->producer, GRAFT_RING_HEAD + 8, "one record is there");
    tap_ok(record[0] == 0x52 && record[1] == 0x55, "with the link address of the user network");
    tap_ok(runs_of(graft) >= ROUNDS, "its runs are counted");
    tap_is(exo_graft_bind(SLOT_NONE, rig.slot, GRAFT_HOOK_PACKET_HANDLER), ERR_OK, "unbind it");
    tap_ok(rig_ask_and_hear(&rig), "now the ring receives");
    tap_is(exo_graft_bind(graft, rig.slot, GRAFT_HOOK_PACKET_HANDLER), ERR_OK, "bind it again");
    slot_delete(maps[0]);
    tap_is(exo_graft_bind(graft, rig.slot, GRAFT_HOOK_PACKET_HANDLER), ERR_BAD_CAP,
           "it ends with its map");
    tap_ok(rig_ask_and_hear(&rig), "and the ring receives");
}

static void test_wake_up(void)
{
    slot_t note, graft = make_graft(".exo4/wake_both.o", GRAFT_HOOK_WAKE_UP, NULL, 0);
    word_t got = 0;

    notify_new(&note);
    tap_is(exo_graft_bind(graft, SLOT_THREAD, GRAFT_HOOK_WAKE_UP), ERR_OK, "bind to a thread");
    exo_notify(note, 1);
    tap_is(notify_until(note, 7, clock_deadline(POLL), &got), ERR_TIMEOUT, "one bit is not enough");
    exo_notify(note, 2);
    tap_is(notify_until(note, 7, clock_deadline(POLL), &got), ERR_OK, "two are");
    tap_is(got, 3, "and both are had");
    slot_delete(graft);
    exo_notify(note, 1);
    tap_is(notify_until(note, 7, clock_deadline(POLL), &got), ERR_OK, "without it one is enough");
}

/* The clock interrupts at most once from look to look at RTC_C. */
static void test_irq(void)
{
    slot_t note, line = weaker(SLOT_IRQ, RIGHT_READ | RIGHT_WRITE, RTC_LINE, 1);
    slot_t graft = make_graft(".exo4/irq_other.o", GRAFT_HOOK_IRQ, NULL, 0);
    uint64_t told = 0;

    notify_new(&note);
    tap_is(exo_irq_bind(line, RTC_LINE, note, 1), ERR_OK, "bind a line");
    tap_is(exo_graft_bind(graft, line, GRAFT_HOOK_IRQ), ERR_OK, "and a graft to it");
    rtc_write(RTC_A, RTC_8HZ);
    rtc_write(RTC_B, (uint32_t)rtc_read(RTC_B) | RTC_PERIODIC);
    for (unsigned i = 0; i < POLLS; i++) {
        rtc_read(RTC_C);
        const uint64_t until = clock_deadline(POLL);
        while (cpu_ticks() < until)
            ;
        told += exo_notify_wait(note, 1, 0) == ERR_OK;
    }
    rtc_write(RTC_B, (uint32_t)rtc_read(RTC_B) & ~RTC_PERIODIC);
    uint64_t runs = runs_of(graft);
    tap_ok(runs >= POLLS / 2, "it ran for each interrupt");
    /* the last one may have come after the last look */
    tap_ok(2 * told + 3 >= runs && 2 * told <= runs + 1, "and every other one was told");
    slot_delete(graft);
    slot_delete(line);
}

static void test_disk(void)
{
    slot_t graft = make_graft(".exo4/disk_last.o", GRAFT_HOOK_DISK_DONE, NULL, 0);
    uint32_t tickets[REQUESTS];
    bool done = true;
    struct disk d;

    tap_is(disk_open(&d, SLOT_DISK, REQUESTS), ERR_OK, "open the disk");
    tap_is(exo_graft_bind(graft, d.ring, GRAFT_HOOK_DISK_DONE), ERR_OK, "bind a graft to it");
    for (uint32_t i = 0; i < REQUESTS; i++)
        disk_post(&d, DISK_READ, i, 1, i, &tickets[i]);
    disk_kick(&d);
    tap_is(notify_until(d.notification, ~(word_t)0, clock_deadline(PATIENCE), NULL), ERR_OK,
           "the owner is told");
    for (uint32_t i = 0; i < REQUESTS; i++)
        done = done && disk_state(&d, tickets[i]) == DISK_DONE;
    tap_ok(done, "when all requests are done");
    tap_is(runs_of(graft), REQUESTS, "it ran for each");
    slot_delete(graft);
    tap_is(disk_read(&d, 1, 1, 0), ERR_OK, "without it the disk tells as before");
    disk_close(&d);
}

/* The program's name says what the kernel was told to make of grafts. */
static void test_form(const char *name)
{
    slot_t graft = make_graft(".exo4/wake_any.o", GRAFT_HOOK_WAKE_UP, NULL, 0);
    const uint8_t want = !strcmp(name, "places_interpreted") ? 0
                         : !strcmp(name, "places_masked")    ? OBJECT_NATIVE | OBJECT_MASKED
                                                             : OBJECT_NATIVE;

    tap_is(state_of(graft), want, "grafts run as the command line says");
    slot_delete(graft);
}

int main(int argc, char **argv)
{
    if (libos_setup() != ERR_OK || !graft_rig_begin())
        return 1;
    tap_plan(38);
    test_form(argc ? argv[0] : "");
    test_handler();
    test_wake_up();
    test_irq();
    test_disk();
    return tap_done();
}

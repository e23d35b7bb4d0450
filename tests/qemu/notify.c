/* Notifications: raising, waiting, deadlines, and their end. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SLOT_EMPTY  100u
#define SLOT_BEYOND (CAP_SLOTS + 5u)
#define MS          ((uint64_t)CLOCK_NS_PER_MS)

static void create_errors(void)
{
    slot_t dst = guest_slot(), tiny = guest_slot();
    pfn_t first;

    region_find(1, &first);
    exo_cap_copy(SLOT_ENV, tiny, SLOT_MEMORY, RIGHT_ALL, first, 1);
    tap_is(exo_notification_create(tiny, first + 1, dst), ERR_BAD_ARG, "outside the region");
    tap_is(exo_notification_create(SLOT_MEMORY, PFN_ANY, SLOT_NONE), ERR_BAD_ARG, "SLOT_NONE");
    tap_is(exo_notification_create(SLOT_MEMORY, PFN_ANY, SLOT_BEYOND), ERR_BAD_ARG, "no slot");
    tap_is(exo_notification_create(SLOT_ENV, PFN_ANY, dst), ERR_BAD_CAP, "no region");
    tap_is(exo_notification_create(SLOT_MEMORY, PFN_ANY, SLOT_ENV), ERR_IN_USE, "a filled slot");
    tap_is(exo_notification_create(tiny, PFN_ANY, dst), ERR_OK, "a notification");
    slot_t second = guest_slot();
    tap_is(exo_notification_create(SLOT_MEMORY, first, second), ERR_IN_USE, "the same frame");
    tap_is(exo_notification_create(tiny, PFN_ANY, second), ERR_NO_MEM, "a region without frames");
    slot_give(second);
    slot_delete(dst);
    slot_delete(tiny);
}

static void errors(slot_t bell)
{
    slot_t reader = guest_slot(), writer = guest_slot();

    exo_cap_copy(SLOT_ENV, reader, bell, RIGHT_READ, 0, 0);
    exo_cap_copy(SLOT_ENV, writer, bell, RIGHT_WRITE, 0, 0);
    tap_is(exo_notify(bell, 0), ERR_BAD_ARG, "raise nothing");
    tap_is(exo_notify(SLOT_EMPTY, 1), ERR_BAD_CAP, "raise at an empty slot");
    tap_is(exo_notify(SLOT_ENV, 1), ERR_BAD_CAP, "raise at another kind");
    tap_is(exo_notify(reader, 1), ERR_NO_RIGHT, "raise without the right");
    tap_is(exo_notify_wait(bell, 0, 0), ERR_BAD_ARG, "wait for nothing");
    tap_is(exo_notify_wait(SLOT_EMPTY, 1, 0), ERR_BAD_CAP, "wait at an empty slot");
    tap_is(exo_notify_wait(writer, 1, 0), ERR_NO_RIGHT, "wait without the right");
    slot_delete(reader);
    slot_delete(writer);
}

static void alone(slot_t bell)
{
    word_t got = 99;

    tap_is(exo_notify_wait_get(bell, 1, 0, &got), ERR_TIMEOUT, "nothing raised, no waiting");
    tap_is(exo_notify(bell, 0x8000000000000005), ERR_OK, "raise three bits");
    tap_is(exo_notify_wait_get(bell, 0xf, 0, &got), ERR_OK, "wait for some of them");
    tap_is((long)got, 5, "those among the bits waited for come");
    tap_is(exo_notify_wait_get(bell, 0xf, 0, &got), ERR_TIMEOUT, "and only once");
    tap_is(exo_notify_wait_get(bell, FOREVER, FOREVER, &got), ERR_OK, "the other stayed");
    tap_is((long)got, (long)0x8000000000000000, "until it is asked for");
}

static void deadlines(slot_t bell)
{
    uint64_t before = clock_ns(), after;
    enum err e = exo_notify_wait(bell, 1, clock_deadline(20 * MS));

    after = clock_ns();
    tap_is(e, ERR_TIMEOUT, "wait twenty milliseconds");
    tap_ok(after - before >= 20 * MS, "not less");
    tap_ok(after - before < 2000 * MS, "nor much more");
    tap_is(exo_notify_wait(bell, 1, cpu_ticks() - 1), ERR_TIMEOUT, "a deadline in the past");
}

struct waiter {
    struct thread thread;
    slot_t bell;
    word_t bits, got;
    enum err error;
    volatile bool back;
};

static void wait(void *argument)
{
    struct waiter *w = argument;

    w->error = exo_notify_wait_get(w->bell, w->bits, FOREVER, &w->got);
    w->back = true;
}

static void start(struct waiter *w, slot_t bell, word_t bits, uint32_t priority)
{
    *w = (struct waiter){.bell = bell, .bits = bits};
    thread_run(&w->thread, wait, w, THREAD_CPU_HERE, priority);
}

static void others(slot_t bell)
{
    static struct waiter a, b, c;

    start(&a, bell, 1, THREAD_PRIORITY + 1);
    start(&b, bell, 2, THREAD_PRIORITY);
    start(&c, bell, 6, THREAD_PRIORITY);
    guest_sleep(10000);
    tap_ok(!a.back && !b.back && !c.back, "three threads wait");
    exo_notify(bell, 1);
    tap_ok(a.back && !b.back, "one of higher priority runs before the caller goes on");
    exo_notify(bell, 2);
    guest_sleep(10000);
    tap_ok(b.back && b.got == 2 && !c.back, "one bit wakes the first that waits for it, only");
    exo_notify(bell, 0x14);
    guest_sleep(10000);
    tap_ok(c.back && c.got == 4 && c.error == ERR_OK, "the other gets its own bit");
    tap_is(exo_notify_wait(bell, 0x10, 0), ERR_OK, "and leaves what it did not wait for");
    thread_join(&a.thread);
    thread_join(&b.thread);
    thread_join(&c.thread);
}

static void destroyed(void)
{
    static struct waiter w;
    slot_t bell;

    notify_new(&bell);
    start(&w, bell, 1, THREAD_PRIORITY);
    guest_sleep(10000);
    slot_delete(bell);
    guest_sleep(10000);
    tap_ok(w.back, "destroying a notification wakes who waits");
    tap_is(w.error, ERR_BAD_STATE, "with an error");
    thread_join(&w.thread);
    notify_new(&bell);
    start(&w, bell, 1, THREAD_PRIORITY);
    guest_sleep(10000);
    thread_destroy(&w.thread);
    tap_is(exo_notify(bell, 1), ERR_OK, "a waiter that was destroyed is not woken");
    tap_is(exo_notify_wait(bell, 1, 0), ERR_OK, "and took no bit");
    slot_delete(bell);
}

int main(void)
{
    slot_t bell;

    guest_begin();
    create_errors();
    notify_new(&bell);
    errors(bell);
    alone(bell);
    deadlines(bell);
    others(bell);
    destroyed();
    return tap_done();
}

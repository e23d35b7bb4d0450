/* Events: delivery to a thread that runs, that waits, that masks, on this CPU and on another; and
 * handlers that are no good. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/upcall.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define EVENTS ((uint64_t)1 << UPCALL_CLASS_EVENT)
#define MS     ((uint64_t)CLOCK_NS_PER_MS)
#define LIMIT  (20000 * MS) /* only a failure takes so long */
#define TRIES  20u

static volatile uint64_t got, times, order[8], ordered;
static slot_t bell;

static uint64_t take_bits(void)
{
    return __atomic_exchange_n(&book_utcb()->notified, 0, __ATOMIC_RELAXED);
}

static void on_notify(struct libos_regs *regs)
{
    (void)regs;
    got |= take_bits();
    times++;
}

static void note_order(struct libos_regs *regs)
{
    order[ordered++ & 7] = regs->frame.vector;
}

static void mask(void)
{
    __atomic_fetch_or(&book_utcb()->mask, EVENTS, __ATOMIC_RELAXED);
}

static void unmask(void)
{
    __atomic_fetch_and(&book_utcb()->mask, ~EVENTS, __ATOMIC_RELAXED);
}

static void errors(void)
{
    slot_t weak = guest_slot(), writer = guest_slot();

    exo_cap_copy(SLOT_ENV, weak, SLOT_THREAD, RIGHT_READ, 0, 0);
    exo_cap_copy(SLOT_ENV, writer, bell, RIGHT_WRITE, 0, 0);
    tap_is(exo_notify_bind(bell, SLOT_THREAD, 0), ERR_BAD_ARG, "bind no bits");
    tap_is(exo_notify_bind(SLOT_NONE, SLOT_THREAD, 1), ERR_BAD_ARG, "unbind with bits");
    tap_is(exo_notify_bind(SLOT_THREAD, SLOT_THREAD, 1), ERR_BAD_CAP, "bind no notification");
    tap_is(exo_notify_bind(bell, bell, 1), ERR_BAD_CAP, "bind to no thread");
    tap_is(exo_notify_bind(bell, weak, 1), ERR_NO_RIGHT, "bind to a thread one may not write");
    tap_is(exo_notify_bind(writer, SLOT_THREAD, 1), ERR_NO_RIGHT, "bind what one may not read");
    tap_is(exo_notify_bind(SLOT_NONE, SLOT_THREAD, 0), ERR_NOT_BOUND, "unbind nothing");
    slot_delete(weak);
    slot_delete(writer);
}

static void bound(void)
{
    word_t bits = 0;

    upcall_set_event(UPCALL_NOTIFY, on_notify);
    tap_is(exo_notify_bind(bell, SLOT_THREAD, 6), ERR_OK, "bind");
    tap_is(exo_notify_bind(bell, SLOT_THREAD, 6), ERR_IN_USE, "bind twice");
    tap_is(exo_notify(bell, 7), ERR_OK, "the call that raises succeeds");
    tap_ok(times == 1 && got == 6, "and the handler ran before it returned, with the bound bits");
    tap_is(exo_notify_wait_get(bell, 7, 0, &bits), ERR_OK, "the other bit waits");
    tap_is((long)bits, 1, "alone");
    got = times = 0;
    mask();
    exo_notify(bell, 2);
    exo_notify(bell, 4);
    exo_upcall_poll();
    tap_ok(times == 0 && book_utcb()->pending == 1u << UPCALL_NOTIFY, "masked, it is pending");
    unmask();
    exo_upcall_poll();
    tap_ok(times == 1 && got == 6 && !book_utcb()->pending, "unmasked and polled, it comes once");
    mask();
    exo_notify(bell, 2);
    unmask();
    uint64_t limit = cpu_ticks() + clock_ns_to_ticks(200 * MS);
    while (times == 1 && cpu_ticks() < limit)
        ;
    tap_ok(times == 2, "unmasked and not polled, it comes with the next interrupt");
    /* An interrupt between the last two calls takes the event away from the wait: then again. */
    enum err e = ERR_TIMEOUT;
    for (unsigned i = 0; i < TRIES && e == ERR_TIMEOUT; i++) {
        times = 0;
        mask();
        exo_notify(bell, 2);
        unmask();
        e = exo_notify_wait(bell, 1, clock_deadline(50 * MS));
    }
    tap_is(e, ERR_INTERRUPTED, "a pending event is not slept over");
    tap_ok(times == 1, "it came");
}

static void in_order(void)
{
    for (unsigned u = UPCALL_NOTIFY; u <= UPCALL_RECLAIMED; u++)
        upcall_set_event((enum upcall)u, note_order);
    mask();
    __atomic_fetch_or(&book_utcb()->pending, UPCALL_EVENTS, __ATOMIC_RELAXED);
    exo_upcall_poll();
    unmask();
    for (unsigned i = 0; i < 5; i++)
        exo_upcall_poll();
    bool good = ordered == 5;
    for (unsigned i = 0; i < 5; i++)
        good &= order[i] == (uint64_t)(UPCALL_RECLAIMED - i);
    tap_ok(good, "events come one at a time, the highest number first");
    for (unsigned u = UPCALL_NOTIFY; u <= UPCALL_RECLAIMED; u++)
        upcall_set_event((enum upcall)u, NULL);
    upcall_set_event(UPCALL_NOTIFY, on_notify);
}

static volatile uint64_t spins;

/* Rings when CPU 0 is idle or somebody else's: so its thread waits. */
static void ring_who_waits(void *argument)
{
    uint64_t self = book_utcb()->thread;

    (void)argument;
    for (uint32_t on = (uint32_t)self; on != 0 && on != self;)
        on = book_cpu(0)->thread;
    exo_notify(bell, 4);
}

static void ring_who_runs(void *argument)
{
    (void)argument;
    for (uint64_t before = spins; spins == before;)
        guest_sleep(1000);
    exo_notify(bell, 4);
}

/* On this CPU the other thread runs when this one waits, or, of higher priority, at once. */
static void waking(uint32_t cpu, const char *what)
{
    struct thread t;

    got = times = 0;
    thread_run(&t, ring_who_waits, NULL, cpu, THREAD_PRIORITY - 1);
    tap_is(exo_notify_wait(bell, 1, clock_deadline(LIMIT)), ERR_INTERRUPTED, what);
    tap_ok(times == 1 && got == 4, "by the event");
    thread_join(&t);
    got = times = 0;
    thread_run(&t, ring_who_runs, NULL, cpu, THREAD_PRIORITY + 1);
    uint64_t limit = clock_deadline(LIMIT);
    while (times == 0 && cpu_ticks() < limit)
        spins++;
    tap_ok(times == 1 && got == 4, "a thread that runs is interrupted");
    thread_join(&t);
}

/* Environments with handlers of events that are no good: what happens to them. */
static bool dies(vaddr_t entry, vaddr_t stack, vaddr_t *died)
{
    uint64_t limit = clock_deadline(LIMIT);
    struct raw r;

    raw_make(&r, BLOB(spin));
    raw_exo(&r)->entry[UPCALL_NOTIFY] = entry;
    raw_exo(&r)->stack[UPCALL_CLASS_EVENT] = stack;
    exo_notify_bind(bell, r.thread, 8);
    raw_start(&r, 0);
    while (*raw_data(&r) == 0 && cpu_ticks() < limit)
        guest_sleep(1000);
    exo_notify(bell, 8);
    uint64_t count = *raw_data(&r);
    bool dead = false, runs = false;
    while (!dead && !runs && cpu_ticks() < limit) {
        guest_sleep(2000);
        dead = book_env(r.number)->state == ENV_DYING;
        runs = *raw_data(&r) != count;
    }
    *died = book_env(r.number)->death_ip;
    raw_destroy(&r);
    exo_notify_wait(bell, 8, 0);
    return dead;
}

static void bad_handlers(void)
{
    vaddr_t died, nowhere = 0x10000;

    tap_ok(!dies(0, RAW_STACK_TOP, &died), "without an entry the thread goes on");
    tap_ok(!dies(USER_TOP, RAW_STACK_TOP, &died), "with an entry that is not the user's, too");
    tap_ok(!dies(RAW_CODE, ~(vaddr_t)0, &died), "and with such a stack");
    tap_ok(dies(nowhere, RAW_STACK_TOP, &died) && died == nowhere,
           "an entry where nothing is ends the environment there");
    tap_ok(!dies(RAW_CODE, nowhere, &died), "a stack that is not there harms only who uses it");
}

int main(void)
{
    guest_begin();
    notify_new(&bell);
    errors();
    bound();
    in_order();
    waking(THREAD_CPU_HERE, "a wait is interrupted");
    if (KINFO->cpu_count > 1)
        waking(1, "a wait is interrupted from another CPU");
    bad_handlers();
    return tap_done();
}

/* Each CPU as something to give away and to schedule: whole to one thread and back, by priority
 * where no slice is bound, by directed yield; and quiet when nobody wants it. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define RUNNERS (THREAD_PRIORITY - 10) /* on this test's own CPU they run when it waits */
#define WATCHED 40u                    /* slices */
#define SPARE   4u                     /* slices that keep this test alive on its own CPU */
#define TRIES   20u
#define LIMIT   ((uint64_t)20 * CLOCK_NS_PER_S) /* only a failure takes so long */

static volatile uint64_t turns[2], go, stop, order[3], ordered, last, switches, high_ran, ready;
static volatile uint64_t rival_turns, rival_ran;
static slot_t bell;

static uint64_t slices(void)
{
    return book_cpu((uint32_t)*book_tcr(TCR_PROCESSOR))->slices_run;
}

static void spin(void *argument)
{
    volatile uint64_t *turn = argument;

    while (!stop)
        ++*turn;
}

static void note(void *argument)
{
    order[ordered++ % 3] = (uint64_t)argument;
}

/* Yields to the thread in the slot, as soon as all are there. */
static void yield_to(void *argument)
{
    while (!go)
        ;
    exo_yield(*(const slot_t *)argument);
    note((void *)1);
}

static bool yields(uint32_t cpu)
{
    struct thread driver, a, b;

    go = ordered = 0;
    thread_run(&driver, yield_to, &b.slot, cpu, RUNNERS);
    thread_run(&a, note, (void *)2, cpu, RUNNERS - 1);
    thread_run(&b, note, (void *)3, cpu, RUNNERS - 2);
    go = 1;
    thread_join(&driver);
    thread_join(&a);
    thread_join(&b);
    return ordered == 3 && order[0] == 3 && order[1] == 1 && order[2] == 2;
}

/* The rest of a slice is given: where a host has taken the CPU away there may be none, and then it
 * is tried again. */
static void yielding(uint32_t cpu)
{
    bool good = false;

    for (unsigned i = 0; i < TRIES && !good; i++)
        good = yields(cpu);
    tap_ok(good, "a directed yield goes before priorities, and they decide afterwards");
}

/* Two of these alternate. */
static void alternate(void *argument)
{
    uint64_t self = (uint64_t)argument, from = slices();

    while (slices() < from + WATCHED)
        if (last != self) {
            last = self;
            switches++;
        }
}

static void equals(uint32_t cpu)
{
    struct thread a, b;

    last = switches = 0;
    thread_run(&a, alternate, (void *)1, cpu, RUNNERS);
    thread_run(&b, alternate, (void *)2, cpu, RUNNERS);
    thread_join(&a);
    thread_join(&b);
    tap_ok(switches >= WATCHED / 2 && switches <= 2 * WATCHED,
           "equal priorities take turns, slice by slice");
    tap_note("%lu turns in %u slices", switches, WATCHED);
}

static void wait_for_bell(void *argument)
{
    (void)argument;
    notify_until(bell, 1, FOREVER, NULL);
    high_ran = 1;
}

static void ring(void *argument)
{
    (void)argument;
    exo_notify(bell, 1);
    ready = high_ran; /* of a higher priority, it ran before the call returned */
}

static void preempting(uint32_t cpu, uint32_t waiter, uint64_t want, const char *what)
{
    struct thread high, low;

    high_ran = ready = 0;
    thread_run(&high, wait_for_bell, NULL, cpu, waiter);
    guest_sleep(2000); /* it waits; or, not yet, takes the bit at once */
    thread_run(&low, ring, NULL, cpu, RUNNERS);
    thread_join(&low);
    thread_join(&high);
    tap_ok(high_ran && ready == want, what);
}

/* Sees, from inside, whether anybody else runs on its CPU. */
static void own(void *argument)
{
    uint64_t rival = turns[1], from = slices();

    (void)argument;
    while (slices() < from + WATCHED)
        turns[0]++;
    rival_ran = turns[1] - rival;
}

static void give_core(slot_t cpu_cap, uint32_t cpu, uint32_t count, slot_t thread)
{
    bool good = true;

    for (uint32_t i = 0; i < count; i++)
        good &= exo_slice_bind(cpu_cap, cpu, i, thread) == ERR_OK;
    tap_ok(good, "the slices of a CPU are given to a thread, by a capability for that CPU");
}

static bool core_is_free(uint32_t cpu)
{
    bool free = true;

    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        free &= book_cpu(cpu)->slices[i].thread == 0;
    return free;
}

static void owning(uint32_t cpu)
{
    struct thread owner, rival;
    uint64_t limit = clock_deadline(LIMIT);
    slot_t cap = guest_slot();

    stop = turns[0] = turns[1] = 0;
    rival_ran = UINT64_MAX;
    exo_cap_copy(SLOT_ENV, cap, SLOT_CPU, RIGHT_ALL, cpu, 1);
    tap_is(exo_slice_bind(cap, cpu + 1, 0, SLOT_THREAD), ERR_BAD_ARG, "not for another CPU");
    thread_run(&rival, spin, (void *)&turns[1], cpu, RUNNERS);
    thread_run(&owner, own, NULL, cpu, 1);
    do
        guest_sleep(5000);
    while (turns[1] == 0 && cpu_ticks() < limit);
    tap_ok(turns[0] == 0 && turns[1] > 0, "without slices the higher priority runs alone");
    give_core(cap, cpu, SLICE_COUNT, owner.slot);
    thread_join(&owner);
    tap_is((long)rival_ran, 0, "its owner has the CPU to itself, whatever priorities say");
    tap_ok(core_is_free(cpu), "with the thread the slices are free");
    stop = 1;
    thread_join(&rival);
    slot_delete(cap);
}

/* Turns that both make while this test sleeps. */
static void watch(uint64_t ran[2])
{
    uint64_t before[2] = {turns[0], turns[1]};

    guest_sleep(20000);
    for (unsigned i = 0; i < 2; i++)
        ran[i] = turns[i] - before[i];
}

static void taking_back(uint32_t cpu)
{
    struct thread owner, rival;
    uint64_t ran[2] = {0, 0}, limit = clock_deadline(LIMIT);
    slot_t cap = guest_slot();

    stop = turns[0] = turns[1] = 0;
    exo_cap_copy(SLOT_ENV, cap, SLOT_CPU, RIGHT_ALL, cpu, 1);
    thread_run(&rival, spin, (void *)&turns[1], cpu, RUNNERS);
    thread_run(&owner, spin, (void *)&turns[0], cpu, 1);
    give_core(cap, cpu, SLICE_COUNT - SPARE, owner.slot);
    while (ran[0] == 0 && cpu_ticks() < limit)
        watch(ran);
    tap_ok(ran[0] > 0, "an owner that does not end runs");
    slot_delete(cap);
    tap_ok(core_is_free(cpu), "deleting the capability takes the CPU back");
    do
        watch(ran);
    while ((ran[0] > 0 || ran[1] == 0) && cpu_ticks() < limit);
    tap_ok(ran[0] == 0 && ran[1] > 0, "and from the slice's end on priorities decide again");
    stop = 1;
    thread_join(&rival);
    thread_join(&owner);
}

static void keep_registers(void *argument)
{
    const uint64_t *rounds = argument;
    uint64_t from = slices();
    bool good = true;

    for (uint64_t i = 1; i <= *rounds && good; i++)
        while (good && slices() < from + i * 4) {
            uint64_t now = turns[1];
            good = guest_spin(&turns[1], now + 1);
        }
    ready = good;
}

/* Without entries for the ends of slices the kernel keeps the registers of both. */
static void kernel_saves(uint32_t cpu)
{
    struct thread keeper, rival;
    uint64_t rounds = 8;

    stop = ready = turns[1] = 0;
    thread_run(&rival, spin, (void *)&turns[1], cpu, RUNNERS);
    thread_run(&keeper, keep_registers, &rounds, cpu, RUNNERS);
    for (uint32_t i = 0; i < SLICE_COUNT - SPARE; i++)
        exo_slice_bind(SLOT_CPU, cpu, i, i % 2 ? keeper.slot : rival.slot);
    thread_join(&keeper);
    tap_ok(ready, "registers of a thread without entries are kept from slice to slice");
    stop = 1;
    thread_join(&rival);
}

static void idling(uint32_t cpu)
{
    uint64_t from = book_cpu(cpu)->slices_run;

    guest_sleep(20000);
    tap_ok(book_cpu(cpu)->slices_run - from <= 3, "an idle CPU does not tick");
    tap_ok(cpu == 0 || book_cpu(cpu)->thread == 0, "and shows that it is idle");
}

int main(void)
{
    guest_begin();
    notify_new(&bell);
    for (uint32_t cpu = 0; cpu < KINFO->cpu_count; cpu++) {
        idling(cpu);
        yielding(cpu);
        equals(cpu);
        preempting(cpu, RUNNERS + 1, 1, "a higher priority runs as soon as it can");
        preempting(cpu, RUNNERS - 1, 0, "a lower one does not");
        owning(cpu);
        taking_back(cpu);
        kernel_saves(cpu);
    }
    return tap_done();
}

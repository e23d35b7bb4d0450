/* Shares of the processor follow the slices that are bound. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define ROUNDS 6u  /* of the whole vector */
#define BOUND  60u /* slices given away; the others keep the test itself alive */

static volatile uint64_t turns[3];

static void count(void *argument)
{
    volatile uint64_t *turn = argument;

    for (;;)
        ++*turn;
}

/* Lets the others run for some rounds of the vector, and says what part of 64 each had. */
static void measure(uint64_t part[3])
{
    uint64_t before[3], all = 0, slices = book_cpu(0)->slices_run;

    for (unsigned i = 0; i < 3; i++)
        before[i] = turns[i];
    while (book_cpu(0)->slices_run < slices + ROUNDS * SLICE_COUNT)
        guest_sleep(20000);
    for (unsigned i = 0; i < 3; i++)
        all += part[i] = turns[i] - before[i];
    for (unsigned i = 0; i < 3; i++)
        part[i] = all ? part[i] * 64 / all : 0;
    tap_note("parts of 64: %lu %lu %lu", part[0], part[1], part[2]);
}

static bool near(uint64_t got, uint64_t want)
{
    return got + 8 >= want && got <= want + 8;
}

int main(void)
{
    static struct thread t[3];
    uint64_t part[3];
    uint32_t position = book_cpu(0)->position;
    bool moved = false, unbound = true;

    guest_begin();
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        unbound &= book_cpu(0)->slices[i].thread == 0;
    tap_ok(unbound, "no slice is bound at first");
    for (unsigned i = 0; i < 100 && !moved; i++) {
        guest_sleep(1000);
        moved = book_cpu(0)->position != position;
    }
    tap_ok(moved, "the position that runs can be read, and moves on");
    for (unsigned i = 0; i < 3; i++)
        thread_run(&t[i], count, (void *)&turns[i], THREAD_CPU_HERE, 1);
    measure(part);
    tap_ok(near(part[0], 21) && near(part[1], 21) && near(part[2], 21),
           "without slices, equal priorities share equally");
    for (uint32_t i = 0; i < BOUND; i++)
        exo_slice_bind(SLOT_CPU, 0, i, t[i < 30 ? 0 : i < 45 ? 1 : 2].slot);
    measure(part);
    tap_ok(near(part[0], 32) && near(part[1], 16) && near(part[2], 16),
           "30, 15 and 15 slices give a half and two quarters");
    for (uint32_t i = 0; i < 30; i++) {
        exo_slice_bind(SLOT_CPU, 0, i, SLOT_NONE);
        exo_slice_bind(SLOT_CPU, 0, i, t[2].slot);
    }
    measure(part);
    tap_ok(part[0] < 8 && near(part[1], 16) && near(part[2], 48),
           "slices that are bound anew move the shares");
    exo_thread_stop(t[2].slot);
    measure(part);
    tap_ok(part[0] > 16 && part[1] > 16 && part[2] == 0,
           "slices of a thread that cannot run serve the others");
    for (unsigned i = 0; i < 3; i++)
        thread_destroy(&t[i]);
    unbound = true;
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        unbound &= book_cpu(0)->slices[i].thread == 0;
    tap_ok(unbound, "with the threads their slices are free again");
    return tap_done();
}

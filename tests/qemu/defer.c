/* Deferred notifications: raised when their thread waits, or when its turn is over; between threads
 * of one CPU, of two, and of such with pages of code only. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define TURNS      300u
#define SLOT_EMPTY 100u

struct player {
    struct thread thread;
    slot_t bell, other;
    bool code_only;
    volatile uint64_t turns; /* in which it was woken */
    volatile uint64_t bad;   /* of which the result was another */
};

static void answer(void *argument)
{
    struct player *p = argument;
    word_t got;

    if (p->code_only)
        exo_thread_code_only(SLOT_THREAD, 1);
    for (unsigned i = 0; i < TURNS; i++) {
        p->bad += exo_notify_wait_get(p->bell, 1, FOREVER, &got) != ERR_OK || got != 1;
        p->turns++;
        notify_defer(p->other, 1);
    }
}

/* Turns there and back. The calls that this environment made meanwhile on the first CPU, its own.
 */
static uint64_t play(struct player *p, uint32_t cpu)
{
    const volatile struct env_counts *counts = book_counts((uint32_t)book_utcb()->env, 0);
    uint64_t bad = 0;
    word_t got;

    thread_run(&p->thread, answer, p, cpu, THREAD_PRIORITY);
    guest_sleep(10000); /* it waits */
    const uint64_t before = counts->calls;
    for (unsigned i = 0; i < TURNS; i++) {
        notify_defer(p->bell, 1);
        bad += exo_notify_wait_get(p->other, 1, FOREVER, &got) != ERR_OK || got != 1;
    }
    const uint64_t calls = counts->calls - before;
    tap_ok(p->turns == TURNS && !p->bad && !bad, "hundreds of turns there and back, none lost");
    thread_join(&p->thread);
    return calls;
}

static void here(struct player *p)
{
    p->turns = p->bad = 0;
    const uint64_t calls = play(p, THREAD_CPU_HERE);
    tap_ok(calls <= 2 * TURNS + 20, "with one call for each way");
}

static void code_only(struct player *p)
{
    if (exo_thread_code_only(SLOT_THREAD, 1) != ERR_OK) {
        tap_ok(true, "threads with pages of code only # SKIP no protection keys");
        return;
    }
    p->code_only = true;
    here(p);
    p->code_only = false;
    exo_thread_code_only(SLOT_THREAD, 0);
}

static void wait_once(void *argument)
{
    struct player *p = argument;

    exo_notify_wait(p->bell, 1, FOREVER);
    p->turns = 1;
}

/* Nothing but the end of this thread's turn can raise it. */
static void end_of_turn(struct player *p, uint32_t cpu, const char *what)
{
    const uint64_t end = cpu_ticks() + 5000 * KINFO->tsc_khz;

    p->turns = 0;
    thread_run(&p->thread, wait_once, p, cpu, THREAD_PRIORITY);
    guest_sleep(10000);
    notify_defer(p->bell, 1);
    while (!p->turns && cpu_ticks() < end)
        ;
    tap_ok(p->turns == 1 && !book_utcb()->deferred_bits, what);
    if (!p->turns)
        exo_notify(p->bell, 1);
    thread_join(&p->thread);
}

static void dropped(struct player *p)
{
    slot_t weak = guest_slot();

    exo_cap_copy(SLOT_ENV, weak, p->bell, RIGHT_READ, 0, 0);
    const word_t wrong[] = {SLOT_EMPTY, SLOT_ENV, weak, (word_t)1 << 40 | p->bell, ~(word_t)0};
    bool all = true;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        book_utcb()->deferred = wrong[i];
        book_utcb()->deferred_bits = 1;
        guest_sleep(1000);
        all &= book_utcb()->deferred_bits == 0;
    }
    tap_ok(all, "what is no notification to raise is dropped");
    tap_is(exo_notify_wait(p->bell, 1, 0), ERR_TIMEOUT, "and raises nothing");
    slot_delete(weak);
}

static void itself(struct player *p)
{
    notify_defer(p->bell, 1);
    tap_is(exo_notify_wait(p->bell, 1, FOREVER), ERR_OK,
           "what a thread defers for itself wakes it");
    notify_defer(p->bell, 1);
    tap_ok(!notify_is_deferred(p->other), "a second one has the first raised");
    tap_is(exo_notify_wait(p->bell, 1, 0), ERR_OK, "by a call");
    notify_defer(p->bell, 1);
    tap_ok(notify_is_deferred(p->bell), "but not the same once more");
    tap_is(exo_notify_wait(p->bell, 1, FOREVER), ERR_OK, "which comes once");
}

int main(void)
{
    static struct player p;

    guest_begin();
    notify_new(&p.bell);
    notify_new(&p.other);
    here(&p);
    code_only(&p);
    end_of_turn(&p, THREAD_CPU_HERE, "the end of the turn raises it");
    if (KINFO->cpu_count > 1) {
        p.turns = p.bad = 0;
        play(&p, 1);
        end_of_turn(&p, 1, "for a thread of another CPU, too");
    }
    itself(&p);
    dropped(&p);
    return tap_done();
}

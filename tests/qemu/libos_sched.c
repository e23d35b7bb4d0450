/* An application's own scheduling: threads by slices and directed yield, and user threads, under
 * stride, lottery and earliest deadline first, with shares 3 : 2 : 1. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/dispatch.h"
#include "libos/thread.h"
#include "libos/uthread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define WORKERS 3u
#define QUANTA  120u
#define SLICES  48u
#define STACK   8192u

static volatile uint64_t turns[WORKERS];
static struct dispatch_thread workers[WORKERS];

static void count(void *argument)
{
    volatile uint64_t *turn = argument;

    for (;;)
        ++*turn;
}

static void describe(struct sched_entity *e, uint32_t i)
{
    *e = (struct sched_entity){.tickets = WORKERS - i, .period = 6, .budget = WORKERS - i};
}

/* Is what each counted since it had counted `before` within `percent` of the whole from 3 : 2 : 1?
 * (Differences: a thread that was interrupted in the midst of counting would undo a reset.) */
static bool is_shared(uint64_t before[WORKERS], uint64_t percent)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        before[i] = turns[i] - before[i];
    uint64_t all = before[0] + before[1] + before[2];
    bool good = all > 0;

    for (uint32_t i = 0; i < WORKERS; i++) {
        uint64_t got = before[i] * 600, want = all * (WORKERS - i) * 100, error = all * 6 * percent;
        good &= got + error >= want && got <= want + error;
    }
    tap_note("%lu %lu %lu", before[0], before[1], before[2]);
    return good;
}

/* How they counted in `quanta` slices under a scheduler. */
static bool dispatch(struct scheduler *s, uint64_t quanta, uint64_t percent,
                     uint64_t counted[WORKERS])
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < WORKERS; i++) {
        describe(&workers[i].entity, i);
        e = e ? e : sched_add(s, &workers[i].entity, 0);
        sched_set_ready(s, &workers[i].entity, true, 0);
        counted[i] = turns[i];
    }
    e = e ? e : dispatch_run(s, quanta, false);
    tap_is(e, ERR_OK, "dispatching");
    return is_shared(counted, percent);
}

static void check_dispatch(void)
{
    static struct thread threads[WORKERS];
    struct scheduler s;
    uint64_t counted[WORKERS];
    uint32_t got;

    for (uint32_t i = 0; i < WORKERS; i++) {
        thread_run(&threads[i], count, (void *)&turns[i], THREAD_CPU_HERE, 1);
        workers[i].thread = threads[i].slot;
    }
    tap_is(dispatch_take_slices(SLICES, &got), ERR_OK, "slices for the dispatcher");
    uint64_t slices = book_cpu(0)->slices_run;
    sched_stride(&s);
    tap_ok(dispatch(&s, QUANTA, 2, counted), "stride: 3 : 2 : 1");
    tap_ok(book_cpu(0)->slices_run - slices >= QUANTA, "a slice for each turn");
    sched_edf(&s);
    tap_ok(dispatch(&s, QUANTA, 2, counted), "earliest deadline first: 3 : 2 : 1");
    tap_ok(!workers[0].entity.misses && !workers[1].entity.misses && !workers[2].entity.misses,
           "and no deadline was missed");
    sched_lottery(&s, 2026);
    tap_ok(dispatch(&s, 10 * QUANTA, 5, counted), "lottery: 3 : 2 : 1 on the average");
    exo_thread_stop(threads[0].slot);
    sched_stride(&s);
    dispatch(&s, QUANTA, 100, counted);
    tap_ok(counted[0] == 0 && counted[2] && counted[1] > counted[2] * 19 / 10 &&
               counted[1] < counted[2] * 21 / 10,
           "a thread that cannot run loses its turns, and the others share 2 : 1");
    tap_is(dispatch_take_slices(SLICE_COUNT, &got), ERR_IN_USE, "more slices than are free");
    dispatch_give_slices();
    bool bound = false;
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        bound |= book_cpu(0)->slices[i].thread != 0;
    tap_ok(!bound, "the slices are free again");
    for (uint32_t i = 0; i < WORKERS; i++)
        thread_destroy(&threads[i]);
}

static struct uthreads set;
static struct uthread threads[WORKERS];
static uint8_t stacks[WORKERS][STACK] __attribute__((aligned(16)));
static uint64_t budget; /* turns for all together */

/* Takes turns until the budget is gone, with values in registers and on the stack across each. */
static void take_turns(void *argument)
{
    volatile uint64_t *turn = argument;
    uint64_t a = 1, b = (uint64_t)argument;
    volatile uint64_t local = b;

    while (budget) {
        budget--;
        ++*turn;
        uthread_yield(&set);
        a++;
        if (local != b || b != (uint64_t)argument)
            *turn = 0;
    }
    if (a < 2)
        *turn = 0;
}

static enum err start(struct scheduler *s, void (*run)(void *))
{
    enum err e = ERR_OK;

    uthreads_init(&set, s, NULL);
    for (uint32_t i = 0; i < WORKERS; i++) {
        turns[i] = 0;
        threads[i] = (struct uthread){0};
        describe(&threads[i].entity, i);
        e = e ? e : uthread_start(&set, &threads[i], stacks[i], STACK, run, (void *)&turns[i]);
    }
    return e;
}

/* Blocks in turn; thread 2 wakes the others, and is woken by nobody. */
static void wait_for_two(void *argument)
{
    volatile uint64_t *turn = argument;

    if (turn == &turns[2]) {
        uthread_wake(&threads[0]);
        uthread_wake(&threads[1]);
        ++*turn;
        uthread_block(&set);
        ++*turn;
        return;
    }
    uthread_block(&set);
    ++*turn;
}

static void check_user_threads(void)
{
    struct scheduler s;
    uint64_t counted[WORKERS] = {0};

    sched_stride(&s);
    budget = 600;
    tap_is(start(&s, take_turns), ERR_OK, "user threads");
    tap_is(uthreads_run(&set), ERR_OK, "run until they end");
    tap_ok(is_shared(counted, 1), "stride: 3 : 2 : 1");
    sched_lottery(&s, 2026);
    budget = 6000;
    start(&s, take_turns);
    uthreads_run(&set);
    for (uint32_t i = 0; i < WORKERS; i++)
        counted[i] = 0; /* user threads were not interrupted */
    tap_ok(is_shared(counted, 4), "lottery: 3 : 2 : 1 on the average");
    sched_stride(&s);
    start(&s, wait_for_two);
    tap_is(uthreads_run(&set), ERR_BAD_STATE, "one that nobody wakes");
    tap_ok(turns[0] == 1 && turns[1] == 1 && turns[2] == 1, "the others were woken, and ended");
    uthread_wake(&threads[2]);
    tap_is(uthreads_run(&set), ERR_OK, "it can be woken from outside");
    tap_is(turns[2], 2, "and then ended, too");
    tap_is(uthread_start(&set, &threads[0], stacks[0], 512, take_turns, NULL), ERR_BAD_ARG,
           "a stack that is too small");
    threads[0].entity.tickets = 0;
    tap_is(uthread_start(&set, &threads[0], stacks[0], STACK, take_turns, NULL), ERR_BAD_ARG,
           "a thread without tickets");
}

int main(void)
{
    guest_begin();
    check_user_threads();
    check_dispatch();
    return tap_done();
}

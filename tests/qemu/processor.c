/* The processor: where threads live, the slice vector, directed yield. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SLOT_EMPTY 100u

static volatile uint64_t turns[2];

static void count(void *argument)
{
    volatile uint64_t *turn = argument;

    for (;;)
        ++*turn;
}

static void place_errors(slot_t stopped, slot_t running)
{
    slot_t weak = guest_slot(), weak_cpu = guest_slot();

    exo_cap_copy(SLOT_ENV, weak, stopped, RIGHT_READ, 0, 0);
    exo_cap_copy(SLOT_ENV, weak_cpu, SLOT_CPU, RIGHT_READ, 0, 0);
    tap_is(exo_thread_place(stopped, SLOT_CPU, 0, 256), ERR_BAD_ARG, "a priority above 255");
    tap_is(exo_thread_place(stopped, SLOT_CPU, 1, 1), ERR_BAD_ARG, "a CPU that is not there");
    tap_is(exo_thread_place(stopped, SLOT_CPU, UINT32_MAX, 1), ERR_BAD_ARG, "the last CPU number");
    tap_is(exo_thread_place(SLOT_EMPTY, SLOT_CPU, 0, 1), ERR_BAD_CAP, "place nothing");
    tap_is(exo_thread_place(stopped, SLOT_ENV, 0, 1), ERR_BAD_CAP, "place on no CPU");
    tap_is(exo_thread_place(weak, SLOT_CPU, 0, 1), ERR_NO_RIGHT, "place without the right");
    tap_is(exo_thread_place(stopped, weak_cpu, 0, 1), ERR_NO_RIGHT,
           "place on a CPU that may not be given");
    tap_is(exo_thread_place(running, SLOT_CPU, 0, 1), ERR_OK, "place one that is not stopped");
    tap_is(exo_thread_place(stopped, SLOT_CPU, 0, 255), ERR_OK, "place a stopped one");
    tap_is(exo_thread_place(stopped, SLOT_CPU, 0, THREAD_PRIORITY), ERR_OK, "and back");
    slot_delete(weak);
    slot_delete(weak_cpu);
}

static void slice_errors(slot_t thread)
{
    slot_t weak = guest_slot();

    exo_cap_copy(SLOT_ENV, weak, SLOT_CPU, RIGHT_READ, 0, 0);
    tap_is(exo_slice_bind(SLOT_CPU, 0, SLICE_COUNT, thread), ERR_BAD_ARG, "a position too high");
    tap_is(exo_slice_bind(SLOT_CPU, 1, 0, thread), ERR_BAD_ARG, "a CPU that is not there");
    tap_is(exo_slice_bind(SLOT_ENV, 0, 0, thread), ERR_BAD_CAP, "slices of no CPU");
    tap_is(exo_slice_bind(SLOT_CPU, 0, 0, SLOT_EMPTY), ERR_BAD_CAP, "a slice for no thread");
    tap_is(exo_slice_bind(weak, 0, 0, thread), ERR_NO_RIGHT, "slices without the right");
    tap_is(exo_slice_bind(SLOT_CPU, 0, 5, SLOT_NONE), ERR_NOT_BOUND, "free what is free");
    tap_is(exo_slice_bind(SLOT_CPU, 0, 5, thread), ERR_OK, "bind a slice");
    tap_is(exo_slice_bind(SLOT_CPU, 0, 5, SLOT_THREAD), ERR_IN_USE, "bind it again");
    slot_delete(weak);
}

static void slice_book(slot_t thread, uint64_t id)
{
    const volatile struct slice_info *s = &book_cpu(0)->slices[5];
    slot_t cpu = guest_slot();

    tap_ok(s->thread == id >> 32 && s->env == book_utcb()->env,
           "the vector, read in place, shows it");
    tap_is(exo_slice_bind(SLOT_CPU, 0, 5, SLOT_NONE), ERR_OK, "free it");
    tap_ok(s->thread == 0 && s->env == 0, "the vector shows that, too");
    exo_cap_copy(SLOT_ENV, cpu, SLOT_CPU, RIGHT_ALL, 0, 1);
    exo_slice_bind(cpu, 0, 5, thread);
    exo_slice_bind(cpu, 0, 6, thread);
    tap_is(s[1].thread, (long)(id >> 32), "two slices by a copy of the capability");
    slot_delete(cpu);
    tap_ok(s[0].thread == 0 && s[1].thread == 0, "deleting the copy takes the slices back");
}

/* A spinning thread of low priority runs while we wait, and in its slices although we do not. */
static void slices_run(struct thread *t)
{
    uint64_t before;

    exo_thread_stop(t->slot);
    exo_thread_place(t->slot, SLOT_CPU, 0, 1);
    exo_thread_start(t->slot, (vaddr_t)count, t->memory + t->bytes - 8, (word_t)&turns[0]);
    before = turns[0];
    uint64_t slices = book_cpu(0)->slices_run;
    while (book_cpu(0)->slices_run < slices + 100)
        cpu_pause();
    tap_is((long)(turns[0] - before), 0, "a lower priority does not run while a higher one does");
    for (uint32_t i = 10; i < 14; i++)
        exo_slice_bind(SLOT_CPU, 0, i, t->slot);
    before = turns[0];
    slices = book_cpu(0)->slices_run;
    while (book_cpu(0)->slices_run < slices + 100)
        cpu_pause();
    tap_ok(turns[0] > before, "in its slices it does");
    for (uint32_t i = 10; i < 14; i++)
        exo_slice_bind(SLOT_CPU, 0, i, SLOT_NONE);
}

static volatile uint32_t order[4], ordered;

static void note(void *argument)
{
    order[ordered++ % 4] = (uint32_t)(uintptr_t)argument;
}

static void yielding(void)
{
    static struct thread a, b;
    slot_t idle = guest_slot();
    struct raw r;

    raw_make(&r, BLOB(spin));
    tap_is(exo_yield(SLOT_EMPTY), ERR_BAD_CAP, "yield to nothing");
    tap_is(exo_yield(SLOT_ENV), ERR_BAD_CAP, "yield to what is no thread");
    tap_is(exo_yield(r.thread), ERR_BAD_STATE, "yield to a stopped thread");
    tap_is(exo_yield(SLOT_NONE), ERR_OK, "yield to whoever is next");
    tap_is(exo_yield(SLOT_THREAD), ERR_OK, "yield to oneself");
    raw_destroy(&r);
    slot_give(idle);
    thread_run(&a, note, (void *)1, THREAD_CPU_HERE, 1);
    thread_run(&b, note, (void *)2, THREAD_CPU_HERE, 2);
    tap_is((long)ordered, 0, "two threads of lower priority wait");
    tap_is(exo_yield(a.slot), ERR_OK, "yield to the lowest");
    tap_ok(ordered == 1 && order[0] == 1, "it ran first, and the caller after it");
    thread_join(&b);
    tap_ok(ordered == 2 && order[1] == 2, "the other ran when the caller waited");
    thread_join(&a);
}

int main(void)
{
    static struct thread t;
    struct raw r;

    guest_begin();
    raw_make(&r, BLOB(spin));
    thread_run(&t, count, (void *)&turns[0], THREAD_CPU_HERE, 1);
    place_errors(r.thread, t.slot);
    slice_errors(t.slot);
    slice_book(t.slot, t.id);
    slices_run(&t);
    exo_slice_bind(SLOT_CPU, 0, 7, t.slot);
    uint32_t owner = book_cpu(0)->slices[7].thread;
    thread_destroy(&t);
    tap_ok(owner != 0 && book_cpu(0)->slices[7].thread == 0, "a thread's slices go with it");
    raw_destroy(&r);
    yielding();
    return tap_done();
}

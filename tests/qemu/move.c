/* Threads that a scheduler moves while they run, call, wait, sleep, serve: what they do goes on, on
 * the other CPU or, where there is one only, in another place of its queues. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/pct.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/upcall.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define MOVES   64u
#define MS      ((uint64_t)CLOCK_NS_PER_MS)
#define LIMIT   (20000 * MS) /* only a failure takes so long */
#define FAR     ((uint64_t)1 << 62)
#define RUNNERS (THREAD_PRIORITY - 1) /* they run when this thread waits */

static uint32_t cpus;
static slot_t bell;
static volatile uint64_t stop, turns, wrong, rings, rang_on, ready;
static volatile enum err ended;
static volatile uint64_t ended_at, ended_on;

static enum err move(slot_t thread, uint32_t cpu)
{
    return exo_thread_place(thread, SLOT_CPU, cpu % cpus, RUNNERS);
}

/* From CPU to CPU, and between any two moves it gets somewhere. */
static bool move_often(const struct thread *t, volatile uint64_t *progress)
{
    bool good = true;

    for (uint32_t i = 1; i <= MOVES; i++) {
        uint64_t before = *progress, limit = clock_deadline(LIMIT);
        good &= move(t->slot, i) == ERR_OK;
        for (unsigned n = 0; *progress == before && cpu_ticks() < limit; n++)
            if (cpus == 1 || n > 1000)
                guest_sleep(50);
        good &= *progress != before;
    }
    return good;
}

static void spin(void *argument)
{
    (void)argument;
    while (!stop)
        turns++;
}

static void who_runs(void)
{
    struct thread t;

    stop = turns = 0;
    thread_run(&t, spin, NULL, THREAD_CPU_HERE, RUNNERS);
    tap_ok(move_often(&t, &turns), "a thread that runs is moved, and runs on");
    tap_is(move(t.slot, 1), ERR_OK, "once more");
    stop = 1;
    thread_join(&t);
}

static void keep_registers(void *argument)
{
    (void)argument;
    ready = 1;
    wrong = !guest_spin(&stop, 1);
}

static void registers(void)
{
    struct thread t;

    stop = ready = 0;
    thread_run(&t, keep_registers, NULL, THREAD_CPU_HERE, RUNNERS);
    while (!ready)
        guest_sleep(50);
    for (uint32_t i = 1; i <= MOVES; i++) {
        move(t.slot, i);
        if (cpus == 1 || i % 8 == 0)
            guest_sleep(50);
    }
    stop = 1;
    thread_join(&t);
    tap_ok(!wrong, "with the registers that it had");
}

/* Each call tells what the one before did: none is lost, none is made twice. */
static void call(void *argument)
{
    word_t before;

    (void)argument;
    exo_timer_set(FAR, 1);
    for (; !stop; turns++)
        if (exo_timer_set_get(FAR + turns + 1, 1, &before) || before != FAR + turns)
            wrong++;
    exo_timer_set(FOREVER, 0);
}

static void who_calls(void)
{
    struct thread t;

    stop = turns = wrong = 0;
    thread_run(&t, call, NULL, THREAD_CPU_HERE, RUNNERS);
    tap_ok(move_often(&t, &turns), "a thread that makes calls is moved");
    stop = 1;
    thread_join(&t);
    tap_is((long)wrong, 0, "and each was made once");
}

static void wait(void *argument)
{
    const uint64_t *ns = argument;
    uint64_t deadline = *ns ? clock_deadline(*ns) : FOREVER;

    ready = deadline;
    ended = exo_notify_wait(bell, 2, deadline);
    ended_at = cpu_ticks();
    ended_on = *book_tcr(TCR_PROCESSOR);
}

static void who_waits(void)
{
    struct thread t;
    uint64_t never = 0, soon = 20 * MS;

    ready = ended_at = 0;
    thread_run(&t, wait, &never, THREAD_CPU_HERE, RUNNERS);
    while (!ready)
        guest_sleep(50);
    guest_sleep(1000); /* it waits by now, or else is moved before it does */
    tap_is(move(t.slot, 1), ERR_OK, "a thread that waits is moved");
    guest_sleep(1000);
    tap_ok(!ended_at, "and waits on");
    exo_notify(bell, 2);
    thread_join(&t);
    tap_ok(ended == ERR_OK && ended_on == 1 % cpus, "until what it waits for comes");
    ready = 0;
    thread_run(&t, wait, &soon, THREAD_CPU_HERE, RUNNERS);
    while (!ready)
        guest_sleep(50);
    move(t.slot, 1);
    thread_join(&t);
    tap_ok(ended == ERR_TIMEOUT && ended_at >= ready && ended_on == 1 % cpus,
           "or its deadline, not sooner");
}

static void on_timer(struct libos_regs *regs)
{
    (void)regs;
    __atomic_exchange_n(&book_utcb()->notified, 0, __ATOMIC_RELAXED);
    rang_on = *book_tcr(TCR_PROCESSOR);
    rings++;
}

static void expect_timer(void *argument)
{
    uint64_t at = clock_deadline(100 * MS);

    (void)argument;
    upcall_set_event(UPCALL_NOTIFY, on_timer);
    exo_timer_set(at, 1);
    ready = 1;
    guest_spin(&rings, 1);
    wrong = cpu_ticks() < at;
    upcall_set_event(UPCALL_NOTIFY, NULL);
}

static void who_set_a_timer(void)
{
    struct thread t;

    ready = rings = 0;
    thread_run(&t, expect_timer, NULL, THREAD_CPU_HERE, RUNNERS);
    while (!ready)
        guest_sleep(50);
    bool early = rings == 0;
    move(t.slot, 1);
    thread_join(&t);
    tap_ok(rings == 1 && !wrong && (!early || rang_on == 1 % cpus), "a timer goes with its thread");
}

/* The server of control transfers asks to be moved, and to have its client moved. */
static enum err inside[2];
static slot_t server_slot;
static uint8_t stack[8192] __attribute__((aligned(16)));

static void serve(word_t caller, struct pct_words *words)
{
    (void)caller;
    inside[0] = move(server_slot, 0);
    inside[1] = move(SLOT_THREAD, 0);
    words->w[0]++;
}

static void server(void *argument)
{
    (void)argument;
    pct_serve(serve, (vaddr_t)stack + sizeof stack);
}

static void who_serves(void)
{
    struct thread t;
    struct pct_words words = {{41}};
    uint64_t limit = clock_deadline(LIMIT);

    thread_run(&t, server, NULL, THREAD_CPU_HERE, RUNNERS);
    server_slot = t.slot;
    while (pct_call(t.slot, &words) == ERR_BAD_STATE && cpu_ticks() < limit) {
        guest_sleep(50);
        words.w[0] = 41;
    }
    tap_ok(words.w[0] == 42, "a control transfer");
    tap_is(inside[0], ERR_BAD_STATE, "in it the callee is not moved");
    tap_is(inside[1], ERR_BAD_STATE, "nor its caller");
    if (cpus > 1) {
        tap_is(move(t.slot, 1), ERR_OK, "one that waits for a transfer is");
        tap_is(pct_call(t.slot, &words), ERR_BAD_STATE, "then it cannot be entered from here");
    }
    tap_is(move(t.slot, 0), ERR_OK, "it comes back");
    words.w[0] = 1;
    tap_ok(pct_call(t.slot, &words) == ERR_OK && words.w[0] == 2, "and is entered");
    thread_destroy(&t);
}

static void oneself(void)
{
    uint64_t self = book_utcb()->thread;
    bool good = true;

    for (uint32_t i = 1; i <= MOVES; i++) {
        uint32_t cpu = i % cpus;
        good &= exo_thread_place(SLOT_THREAD, SLOT_CPU, cpu, THREAD_PRIORITY) == ERR_OK;
        good &= *book_tcr(TCR_PROCESSOR) == cpu && book_cpu(cpu)->thread == self;
    }
    tap_ok(good, "a thread moves itself, and runs there when the call returns");
}

/* The order of two threads that could run is that of the priorities that they were given last. */
static volatile uint64_t order[2], ordered;

static void note(void *argument)
{
    order[ordered++ & 1] = (uint64_t)argument;
}

static void priorities(void)
{
    struct thread a, b;

    thread_run(&a, note, (void *)1, THREAD_CPU_HERE, RUNNERS);
    thread_run(&b, note, (void *)2, THREAD_CPU_HERE, RUNNERS - 1);
    tap_is(exo_thread_place(b.slot, SLOT_CPU, 0, THREAD_PRIORITY - 1), ERR_OK, "raise one");
    tap_is(exo_thread_place(a.slot, SLOT_CPU, 0, THREAD_PRIORITY - 2), ERR_OK, "lower another");
    tap_is((long)ordered, 0, "both could run, and do not yet");
    tap_is(exo_thread_place(SLOT_THREAD, SLOT_CPU, 0, 1), ERR_OK, "below both oneself");
    tap_ok(ordered == 2 && order[0] == 2 && order[1] == 1, "they ran, the raised one first");
    exo_thread_place(SLOT_THREAD, SLOT_CPU, 0, THREAD_PRIORITY);
    thread_join(&a);
    thread_join(&b);
}

int main(void)
{
    guest_begin();
    notify_new(&bell);
    cpus = KINFO->cpu_count;
    who_runs();
    registers();
    who_calls();
    who_waits();
    who_set_a_timer();
    who_serves();
    oneself();
    priorities();
    return tap_done();
}

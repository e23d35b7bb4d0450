/* Upcalls at both ends of a slice, the bounded epilogue, what overruns cost, and timers. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/upcall.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define STEP  4u /* every fourth position is the thread's */
#define US    (CLOCK_NS_PER_MS / 1000)
#define ENDS  16u /* of slices, that are watched */
#define TRIES 20u
#define LIMIT ((uint64_t)20 * CLOCK_NS_PER_S) /* only a failure takes so long */

static volatile uint64_t begins, ends, rings, bits;
static volatile bool stop;
static struct utcb_exo *volatile accounts;
static uint8_t stack[16384] __attribute__((aligned(16)));

static void on_begin(struct libos_regs *regs)
{
    (void)regs;
    begins++;
}

static void on_end(struct libos_regs *regs)
{
    (void)regs;
    ends++;
    exo_yield(SLOT_NONE);
}

static void run(void *argument)
{
    (void)argument;
    accounts = book_utcb();
    accounts->stack[UPCALL_CLASS_EVENT] = (vaddr_t)stack + sizeof stack;
    upcall_set_event(UPCALL_SLICE_BEGIN, on_begin);
    upcall_set_event(UPCALL_SLICE_END, on_end);
    while (!stop)
        ;
    upcall_set_event(UPCALL_SLICE_BEGIN, NULL);
    upcall_set_event(UPCALL_SLICE_END, NULL);
}

/* Until enough slices ended well. A host that takes the CPU away skips slices, and lengthens
 * epilogues. */
static void watch_ends(void)
{
    uint64_t limit = clock_deadline(LIMIT);

    while ((!accounts || ends < accounts->overruns + ENDS) && cpu_ticks() < limit)
        guest_sleep(2000);
}

static void give_slices(uint32_t cpu, slot_t thread)
{
    for (uint32_t i = 0; i < SLICE_COUNT; i += STEP)
        exo_slice_bind(SLOT_CPU, cpu, i, thread);
}

/* The handlers of a thread that keeps to the rules. */
static void polite(uint32_t cpu)
{
    struct thread t;

    begins = ends = 0;
    accounts = NULL;
    stop = false;
    thread_run(&t, run, NULL, cpu, THREAD_PRIORITY);
    give_slices(cpu, t.slot);
    watch_ends();
    tap_ok(ends >= ENDS, "slices end by an upcall");
    tap_ok(begins >= ENDS - 1, "and begin by one");
    bool exact = KINFO->cpu_count == 1; /* by instruction count */
    tap_ok(accounts->excess_ticks > 0 &&
               (!exact || accounts->excess_ticks < (ends + 2) * KINFO->epilogue_ticks),
           "what is run in epilogues is charged");
    tap_ok(exact ? accounts->overruns == 0 : accounts->overruns + ENDS <= ends,
           "who yields in time does not overrun");
    tap_note("%lu begins, %lu ends, %lu overruns, %lu ticks of excess", begins, ends,
             accounts->overruns, accounts->excess_ticks);
    stop = true;
    thread_join(&t);
}

/* One that never ends its epilogue; with `masked`, one that never lets it begin. */
static void deaf(uint32_t cpu, uint64_t masked, const char *what)
{
    struct raw r;

    raw_make(&r, BLOB(spin));
    raw_exo(&r)->entry[UPCALL_SLICE_END] = RAW_CODE;
    raw_exo(&r)->stack[UPCALL_CLASS_EVENT] = RAW_STACK_TOP;
    raw_exo(&r)->mask = masked;
    exo_thread_place(r.thread, SLOT_CPU, cpu, THREAD_PRIORITY);
    give_slices(cpu, r.thread);
    raw_start(&r, 0);
    tap_is(raw_wait(&r), ERR_OK, what);
    tap_is(book_env(r.number)->death, DEATH_OVERRUNS, "the book says why");
    tap_is((long)raw_exo(&r)->overruns, OVERRUNS_MAX, "after so many overruns");
    tap_ok(raw_exo(&r)->forfeits >= OVERRUNS_MAX - 2, "most of which cost a slice before");
    raw_destroy(&r);
}

static void on_timer(struct libos_regs *regs)
{
    (void)regs;
    bits |= __atomic_exchange_n(&book_utcb()->notified, 0, __ATOMIC_RELAXED);
    rings++;
}

/* It may ring before the wait begins, where a host takes the CPU away: then again. */
static void timer_ends_wait(slot_t bell)
{
    enum err e = ERR_TIMEOUT;
    uint64_t at = 0;

    upcall_set_event(UPCALL_NOTIFY, on_timer);
    for (unsigned i = 0; i < TRIES && e == ERR_TIMEOUT; i++) {
        rings = bits = 0;
        at = clock_deadline(2000 * US);
        exo_timer_set(at, 2);
        e = exo_notify_wait(bell, 1, at + clock_ns_to_ticks(50000 * US));
    }
    tap_is(e, ERR_INTERRUPTED, "it ends a wait, on an idle CPU");
    tap_ok(rings == 1 && bits == 2 && cpu_ticks() >= at, "by its upcall, not too early");
}

static void timer_taken_back(void)
{
    word_t before = FOREVER;
    enum err e = ERR_OK;

    for (unsigned i = 0; i < TRIES && before == FOREVER; i++) {
        rings = bits = 0;
        exo_timer_set(clock_deadline(1000 * US), 1);
        e = exo_timer_set_get(FOREVER, 0, &before);
    }
    tap_ok(e == ERR_OK && before != FOREVER, "it is taken back");
    guest_sleep(3000);
    tap_ok(rings == 0, "and does not come");
}

static void timers(void)
{
    slot_t bell;
    word_t before = 0;
    uint64_t at;

    notify_new(&bell);
    tap_is(exo_timer_set(clock_deadline(0), 0), ERR_BAD_ARG, "a timer without bits");
    tap_is(exo_timer_set(FOREVER, 1), ERR_BAD_ARG, "bits without a timer");
    at = clock_deadline(3000 * US);
    tap_is(exo_timer_set_get(at, 4, &before), ERR_OK, "a timer is set");
    tap_ok(before == FOREVER, "it was off");
    while (!book_utcb()->notified && cpu_ticks() < at + clock_ns_to_ticks(LIMIT))
        ;
    tap_ok(book_utcb()->notified == 4 && cpu_ticks() >= at, "without handler its bits can be read");
    book_utcb()->notified = 0;
    timer_ends_wait(bell);
    timer_taken_back();
    exo_timer_set(cpu_ticks() - 1, 8);
    for (at = clock_deadline(LIMIT); rings == 0 && cpu_ticks() < at;)
        ;
    tap_ok(rings == 1 && bits == 8, "one that is late comes at once");
    upcall_set_event(UPCALL_NOTIFY, NULL);
    slot_delete(bell);
}

int main(void)
{
    guest_begin();
    tap_ok(KINFO->epilogue_ticks == KINFO->tsc_khz * EPILOGUE_MICROS / 1000,
           "the epilogue's length can be read");
    timers();
    for (uint32_t cpu = 0; cpu < KINFO->cpu_count; cpu++) {
        polite(cpu);
        deaf(cpu, 0, "an environment that never ends its slices ends");
        deaf(cpu, (uint64_t)1 << UPCALL_CLASS_EVENT, "or that masks their end for ever");
    }
    return tap_done();
}

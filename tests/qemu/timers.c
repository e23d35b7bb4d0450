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

#define STEP 4u /* every fourth position is the thread's */
#define US   (CLOCK_NS_PER_MS / 1000)

static volatile uint64_t begins, ends, rings, bits;
static volatile bool stop;
static struct utcb_exo *accounts;
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

static void rounds(uint32_t cpu, uint64_t slices)
{
    uint64_t from = book_cpu(cpu)->slices_run;

    while (book_cpu(cpu)->slices_run < from + slices)
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
    stop = false;
    thread_run(&t, run, NULL, cpu, THREAD_PRIORITY);
    give_slices(cpu, t.slot);
    rounds(cpu, 2 * SLICE_COUNT);
    tap_ok(ends >= SLICE_COUNT / STEP, "slices end by an upcall");
    tap_ok(begins > 0, "and begin by one");
    tap_ok(accounts->excess_ticks > 0 &&
               accounts->excess_ticks < (ends + 2) * KINFO->epilogue_ticks,
           "what is run in epilogues is charged");
    tap_ok(accounts->overruns <= 2, "who yields in time does not overrun");
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

static void timers(void)
{
    slot_t bell;
    word_t before = 0;
    uint64_t at;

    notify_new(&bell);
    tap_is(exo_timer_set(clock_deadline(0), 0), ERR_BAD_ARG, "a timer without bits");
    tap_is(exo_timer_set(FOREVER, 1), ERR_BAD_ARG, "bits without a timer");
    tap_is(exo_timer_set_get(clock_deadline(3000 * US), 4, &before), ERR_OK, "a timer is set");
    tap_ok(before == FOREVER, "it was off");
    at = clock_deadline(1000 * US);
    while (!book_utcb()->notified && cpu_ticks() < at + 1000 * clock_ns_to_ticks(1000 * US))
        ;
    tap_ok(book_utcb()->notified == 4 && cpu_ticks() > at, "without handler its bits can be read");
    upcall_set_event(UPCALL_NOTIFY, on_timer);
    book_utcb()->notified = 0;
    at = clock_deadline(2000 * US);
    exo_timer_set(at, 2);
    tap_is(exo_notify_wait(bell, 1, FOREVER), ERR_INTERRUPTED, "it ends a wait, on an idle CPU");
    tap_ok(rings == 1 && bits == 2 && cpu_ticks() >= at, "by its upcall, not too early");
    exo_timer_set(clock_deadline(1000 * US), 1);
    tap_is(exo_timer_set(FOREVER, 0), ERR_OK, "it is taken back");
    guest_sleep(3000);
    tap_ok(rings == 1, "and does not come");
    exo_timer_set(cpu_ticks() - 1, 8);
    for (at = clock_deadline(100000 * US); rings == 1 && cpu_ticks() < at;)
        ;
    tap_ok(rings == 2 && bits == 10, "one that is late comes at once");
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

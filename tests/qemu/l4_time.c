/* Time of L4 threads: slices among equals, quanta whose end the scheduler is told, and preemption
 * that is delayed; in threads of this space, on one CPU and on the second of two. The machine's
 * time is the count of its instructions, so that a busy host changes nothing. */
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/schedule.h>
#include <l4/thread.h>

#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define LOW    (THREAD_PRIORITY - 20)
#define HIGH   (THREAD_PRIORITY - 10)
#define SECOND (L4_TimePeriod(1000000))
#define SHORT  1000u /* microseconds */
#define LONG   3000u
#define DELAY  20000u

static uint32_t cpu = THREAD_CPU_HERE;

/* Who counts shows when it ran. */
struct counter {
    struct thread thread;
    volatile uint64_t count;
    volatile bool on;
    volatile L4_Word8_t flags; /* to set; and what was found */
    volatile L4_Word_t handler;
    bool yields; /* when it finds that it delays another */
};

static void count(void *argument)
{
    struct counter *c = argument;

    L4_Set_ExceptionHandler(L4_ThreadIdOf(c->handler));
    *(volatile L4_Word8_t *)(L4_Utcb() + L4_TCR_FLAGS) = c->flags;
    while (c->on) {
        c->count++;
        c->flags = *(volatile L4_Word8_t *)(L4_Utcb() + L4_TCR_FLAGS);
        if (c->yields && (c->flags & L4_PREEMPT_PENDING))
            L4_Yield();
    }
}

static L4_ThreadId_t start(struct counter *c, thread_fn run, uint32_t priority)
{
    c->on = true;
    thread_run(&c->thread, run, c, cpu, priority);
    return L4_ThreadIdOf(c->thread.id);
}

static void stop(struct counter *c)
{
    c->on = false;
    thread_join(&c->thread);
}

static void refused(L4_Word_t result, L4_Word_t error, const char *what)
{
    L4_Word_t code = L4_ErrorCode();

    if (!tap_ok(result == L4_SCHEDRESULT_ERROR && code == error, what))
        tap_note("result %lu, error %lu", result, code);
}

/* The share of the first of two equals, in percent, in 200 ms. */
static uint64_t share(L4_Time_t first, L4_Time_t second)
{
    static struct counter a, b;

    a = b = (struct counter){0};
    L4_ThreadId_t ta = start(&a, count, LOW), tb = start(&b, count, LOW);
    if (L4_Set_Timeslice(ta, first, L4_Never) == L4_SCHEDRESULT_ERROR ||
        L4_Set_Timeslice(tb, second, L4_Never) == L4_SCHEDRESULT_ERROR)
        tap_note("error %lu", L4_ErrorCode());
    uint64_t from_a = a.count, from_b = b.count;
    guest_sleep(200000);
    from_a = a.count - from_a;
    from_b = b.count - from_b;
    stop(&a);
    stop(&b);
    return from_a * 100 / (from_a + from_b + 1);
}

/* Is the share outside these, or between them? */
static void shares(L4_Time_t first, L4_Time_t second, uint64_t least, uint64_t most, bool outside,
                   const char *what)
{
    uint64_t percent = share(first, second);

    if (!tap_ok((percent >= least && percent <= most) != outside, what))
        tap_note("%lu percent", percent);
}

static void slices(void)
{
    shares(L4_TimePeriod(SHORT), L4_TimePeriod(SHORT), 40, 60, false,
           "equal slices are equal shares");
    shares(L4_TimePeriod(LONG), L4_TimePeriod(SHORT), 65, 85, false,
           "three times the slice is three times the share");
    shares(L4_Never, L4_TimePeriod(SHORT), 5, 95, true,
           "who has an endless slice keeps the processor");
}

/* Answers with an empty message. False: another came. */
static bool quantum_ends(L4_ThreadId_t t, L4_Word_t *at)
{
    L4_MsgTag_t tag = L4_Receive_Timeout(t, SECOND);
    L4_Word_t words[2];

    L4_StoreMRs(1, 2, words);
    *at = words[0];
    bool good = L4_IpcSucceeded(tag) &&
                (tag.raw & ~(L4_Word_t)TAG_CROSS) == TAG_MAKE(LABEL_PREEMPTION, 2, 0) &&
                words[1] == 0;
    if (!good)
        tap_note("tag %lx, words %lx %lx", tag.raw, words[0], words[1]);
    return good;
}

static void answer(L4_ThreadId_t t)
{
    L4_Set_MsgTag(L4_Niltag);
    L4_Reply(t);
}

static void quanta(void)
{
    static struct counter c;
    L4_Word_t at = 0, last = 0, me = L4_Myself().raw;
    L4_Time_t slice, quantum;
    bool good = true;

    c = (struct counter){0};
    L4_ThreadId_t t = start(&c, count, LOW);
    tap_is(L4_ThreadControl(t, t, L4_ThreadIdOf(me), L4_nilthread, (void *)~(L4_Word_t)0), 1,
           "a thread gets a scheduler");
    L4_Set_Timeslice(t, L4_Never, L4_TimePeriod(10000));
    L4_Timeslice(t, &slice, &quantum);
    tap_ok(slice.raw == TIME_NEVER && quantum.raw != TIME_NEVER, "what is left is told");
    for (unsigned i = 0; i < 5; i++) {
        good &= quantum_ends(t, &at) && (!i || at - last >= 10000);
        last = at;
        answer(t);
    }
    tap_ok(good, "each quantum's end is a message to the scheduler; the answer gives another");
    tap_ok(L4_SystemClock().raw - at < 1000000, "it tells the clock");
    good = quantum_ends(t, &at);
    uint64_t stands = c.count;
    guest_sleep(30000);
    tap_ok(good && c.count == stands, "until the answer comes it does not run");
    tap_is(L4_Set_Timeslice(t, L4_Never, L4_Never), L4_SCHEDRESULT_WAITING,
           "the scheduler sets another quantum");
    answer(t);
    guest_sleep(30000);
    tap_ok(c.count > stands, "and it goes on");
    stop(&c);
    refused(L4_Set_Timeslice(L4_ThreadIdOf(me), L4_ZeroTime, L4_Never), CALL_ERROR_PARAMETER,
            "a slice of no time");
    refused(L4_Schedule(L4_ThreadIdOf(me), L4_UNCHANGED, L4_UNCHANGED, L4_UNCHANGED,
                        (L4_Word_t)256 << 16, NULL),
            CALL_ERROR_PARAMETER, "a sensitive priority that is none");
}

/* Sleeps, and counts how much later than asked for it runs. */
static void sleep_and_count(void *argument)
{
    struct counter *c = argument;
    uint64_t now = L4_SystemClock().raw;

    L4_Sleep(L4_TimePeriod(DELAY));
    c->count = L4_SystemClock().raw - now - DELAY;
}

/* How long a thread of a higher priority waits for the processor after its sleep, while one with
 * these flags runs; what that finds in its flags then. */
static uint64_t waits(L4_Word8_t flags, bool yields, L4_Word_t handler, L4_Word8_t *found)
{
    static struct counter c, urgent;

    c = (struct counter){.flags = flags, .handler = handler, .yields = yields};
    urgent = (struct counter){0};
    L4_ThreadId_t t = start(&c, count, LOW);
    start(&urgent, sleep_and_count, HIGH);
    if (L4_Set_PreemptionDelay(t, HIGH, DELAY) == L4_SCHEDRESULT_ERROR)
        tap_note("error %lu", L4_ErrorCode());
    if (handler) {
        L4_Word_t at;
        tap_ok(quantum_ends(t, &at), "the exception handler is told");
        answer(t);
    }
    L4_Sleep(L4_TimePeriod(3 * DELAY));
    *found = c.flags;
    stop(&c);
    thread_join(&urgent.thread);
    return urgent.count;
}

static void delays(void)
{
    L4_Word8_t found = 0;
    uint64_t at_once = waits(0, false, 0, &found);

    if (!tap_ok(at_once < SHORT && !found, "a higher priority preempts at once"))
        tap_note("%lu us, flags %x", at_once, found);
    uint64_t later = waits(L4_PREEMPT_DELAY, false, 0, &found);
    bool good = later >= DELAY - SHORT && later < DELAY + SHORT &&
                found == (L4_PREEMPT_DELAY | L4_PREEMPT_PENDING);
    if (!tap_ok(good, "but who delays that may go on for so long, and finds it pending"))
        tap_note("%lu us, flags %x", later, found);
    later = waits(L4_PREEMPT_DELAY, true, 0, &found);
    if (!tap_ok(later < DELAY / 2, "ThreadSwitch ends the delay"))
        tap_note("%lu us, flags %x", later, found);
    later = waits(L4_PREEMPT_DELAY | L4_PREEMPT_SIGNAL, false, L4_Myself().raw, &found);
    if (!tap_ok(later >= DELAY - SHORT, "then it is preempted"))
        tap_note("%lu us, flags %x", later, found);
}

int main(void)
{
    guest_begin();
    exo_env_privilege(SLOT_ENV, SLOT_MACHINE);
    slices();
    quanta();
    delays();
    if (L4_NumProcessors(L4_GetKernelInterface()) > 1) {
        cpu = 1;
        slices();
        quanta();
        delays();
    }
    return tap_done();
}

/* Events of libos, wherever they interrupt: a further one comes at every instruction of a handler
 * and of its way back, on one CPU by the timer, on two by another thread. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/libos.h"
#include "libos/notify.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "libos/upcall.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define EVENTS   ((uint64_t)1 << UPCALL_CLASS_EVENT)
#define KINDS    (UPCALL_RECLAIMED - UPCALL_NOTIFY + 1)
#define SWEEP    4000u /* ticks: more than all that is swept over takes */
#define MESSAGES 20000u

static volatile uint64_t taken[UPCALL_COUNT], all, handled;
static slot_t bell;

static void count(const struct libos_regs *regs, enum upcall kind)
{
    (void)regs;
    taken[kind]++;
    all++;
    handled = taken[UPCALL_NOTIFY];
}

static void on_notify(struct libos_regs *regs)
{
    __atomic_exchange_n(&book_utcb()->notified, 0, __ATOMIC_RELAXED);
    count(regs, UPCALL_NOTIFY);
}

static void on_begin(struct libos_regs *regs)
{
    count(regs, UPCALL_SLICE_BEGIN);
}

static void on_end(struct libos_regs *regs)
{
    count(regs, UPCALL_SLICE_END);
}

static void on_revoke(struct libos_regs *regs)
{
    count(regs, UPCALL_REVOKE);
}

static void on_loss(struct libos_regs *regs)
{
    count(regs, UPCALL_RECLAIMED);
}

static void take_all(void)
{
    static const upcall_event_fn hooks[KINDS] = {on_notify, on_begin, on_end, on_revoke, on_loss};

    for (unsigned i = 0; i < KINDS; i++)
        upcall_set_event((enum upcall)(UPCALL_NOTIFY + i), hooks[i]);
}

static void none_is_left_for_the_next_interrupt(void)
{
    uint64_t *mask = &book_utcb()->mask;

    __atomic_fetch_or(mask, EVENTS, __ATOMIC_RELAXED);
    __atomic_fetch_or(&book_utcb()->pending, UPCALL_EVENTS, __ATOMIC_RELAXED);
    __atomic_fetch_and(mask, ~EVENTS, __ATOMIC_RELAXED);
    exo_upcall_poll();
    tap_ok(all == KINDS && !book_utcb()->pending, "one poll brings all that is pending");
}

/* Two events are delivered, and the timer's notification comes `ticks` later: at first before them,
 * at last after all. */
static bool interrupt_after(uint64_t ticks)
{
    uint64_t want = taken[UPCALL_NOTIFY] + 1, before = all;

    exo_timer_set(cpu_ticks() + ticks, 1);
    __atomic_fetch_or(&book_utcb()->pending, 1u << UPCALL_SLICE_END | 1u << UPCALL_REVOKE,
                      __ATOMIC_RELAXED);
    exo_upcall_poll();
    return guest_spin(&handled, want) && all == before + 3;
}

static void sweep(void)
{
    unsigned good = 0;

    for (unsigned i = 0; i < SWEEP; i++)
        good += interrupt_after(i);
    tap_is(good, SWEEP, "an event at any time costs neither a register nor another event");
    tap_ok(!book_utcb()->pending && !book_utcb()->mask, "nothing is pending or masked");
}

struct sender {
    volatile struct utcb_exo *to;
    uint64_t sent[UPCALL_COUNT];
};

/* Events of the other kinds are set by hand, as any thread of an environment may. One that is
 * pending already would come but once. */
static void send(void *argument)
{
    struct sender *s = argument;

    for (unsigned i = 0; i < MESSAGES; i++) {
        enum upcall kind = (enum upcall)(UPCALL_SLICE_BEGIN + i % (KINDS - 1));
        uint64_t bit = (uint64_t)1 << kind;
        if (!(__atomic_fetch_or(&s->to->pending, bit, __ATOMIC_RELAXED) & bit))
            s->sent[kind]++;
        exo_notify(bell, 1);
    }
    s->sent[UPCALL_NOTIFY] = 1;
    handled = UINT64_MAX;
}

static void from_another_cpu(void)
{
    static struct sender s;
    struct thread t;
    uint64_t before[UPCALL_COUNT];
    bool same = true;

    s.to = book_utcb();
    for (unsigned i = 0; i < UPCALL_COUNT; i++)
        before[i] = taken[i];
    exo_notify_bind(bell, SLOT_THREAD, 1);
    tap_is(thread_run(&t, send, &s, 1, THREAD_PRIORITY), ERR_OK, "a sender on another CPU");
    tap_ok(guest_spin(&handled, UINT64_MAX), "registers stay as they were");
    exo_upcall_poll();
    for (unsigned i = UPCALL_SLICE_BEGIN; i < UPCALL_COUNT; i++)
        same &= taken[i] - before[i] == s.sent[i];
    tap_ok(same, "every event that was sent came once");
    tap_ok(taken[UPCALL_NOTIFY] - before[UPCALL_NOTIFY] > 0, "and notifications, too");
    tap_ok(!book_utcb()->pending && !book_utcb()->mask, "nothing is pending or masked");
    thread_join(&t);
}

/* A thread of libos has a stack of events of its own, and its hooks are its own. */
static volatile uint64_t other_rang;

static void on_other(struct libos_regs *regs)
{
    (void)regs;
    __atomic_exchange_n(&book_utcb()->notified, 0, __ATOMIC_RELAXED);
    other_rang++;
}

static void be_rung(void *argument)
{
    (void)argument;
    upcall_set_event(UPCALL_NOTIFY, on_other);
    exo_timer_set(cpu_ticks() + 1000, 1);
    guest_spin(&other_rang, 1);
}

static void own_hooks(void)
{
    struct thread t;
    uint64_t before = all;

    tap_is(thread_run(&t, be_rung, NULL, THREAD_CPU_HERE, THREAD_PRIORITY), ERR_OK, "a thread");
    thread_join(&t);
    tap_ok(other_rang == 1 && all == before, "takes its events by hooks of its own");
}

int main(void)
{
    guest_begin();
    notify_new(&bell);
    take_all();
    none_is_left_for_the_next_interrupt();
    sweep();
    own_hooks();
    if (KINFO->cpu_count > 1)
        from_another_cpu();
    return tap_done();
}

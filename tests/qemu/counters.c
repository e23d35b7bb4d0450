/* Performance counters: who has the right runs `rdpmc`, and nobody else, whichever way threads
 * change places. The emulated CPU has no counters: exception 6 there says that the instruction was
 * allowed. */
#include <l4/ipc.h>

#include "exo/abi/kinfo.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/pct.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define PROTECTION 13u
#define SLOT_EMPTY 100u
#define ROUNDS     32u
#define PARTNERS   (THREAD_PRIORITY + 1) /* they run as soon as they can */
#define MS         ((uint64_t)CLOCK_NS_PER_MS)

static void read_counter(void *argument)
{
    (void)argument;
    __asm__ volatile("rdpmc" : : "c"(0) : "eax", "edx");
}

static bool may_read(void)
{
    return !probe_run(read_counter, NULL) || guest_fault.vector != PROTECTION;
}

static void errors(void)
{
    slot_t thread = guest_slot(), cpu = guest_slot();

    exo_cap_copy(SLOT_ENV, thread, SLOT_THREAD, RIGHT_READ, 0, 0);
    exo_cap_copy(SLOT_ENV, cpu, SLOT_CPU, RIGHT_WRITE, 0, 0);
    tap_is(exo_thread_counters(SLOT_CPU, SLOT_CPU), ERR_BAD_CAP, "of no thread");
    tap_is(exo_thread_counters(SLOT_THREAD, SLOT_EMPTY), ERR_BAD_CAP, "by an empty slot");
    tap_is(exo_thread_counters(SLOT_THREAD, SLOT_ENV), ERR_BAD_CAP, "by what is no CPU");
    tap_is(exo_thread_counters(thread, SLOT_CPU), ERR_NO_RIGHT, "of a thread one may not write");
    tap_is(exo_thread_counters(SLOT_THREAD, cpu), ERR_NO_RIGHT, "by CPUs one may not read");
    tap_is(exo_thread_counters(SLOT_THREAD, SLOT_NONE), ERR_NOT_BOUND, "undo what is not bound");
    tap_ok(!may_read(), "after all these the instruction is exception 13");
    slot_delete(thread);
    slot_delete(cpu);
}

static void oneself(void)
{
    tap_is(exo_thread_counters(SLOT_THREAD, SLOT_CPU), ERR_OK, "bind");
    tap_ok(may_read(), "it is allowed at once");
    guest_sleep(1000);
    tap_ok(may_read(), "and after others ran");
    tap_is(exo_thread_counters(SLOT_THREAD, SLOT_CPU), ERR_IN_USE, "bind twice");
    tap_is(exo_thread_counters(SLOT_THREAD, SLOT_NONE), ERR_OK, "unbind");
    tap_ok(!may_read(), "it is no more");
}

static void a_capability_that_goes(void)
{
    slot_t cpu = guest_slot();

    exo_cap_copy(SLOT_ENV, cpu, SLOT_CPU, RIGHT_READ, 0, 0);
    tap_is(exo_thread_counters(SLOT_THREAD, cpu), ERR_OK,
           "bind by a capability with that right alone");
    tap_ok(may_read(), "that is enough");
    tap_is(exo_cap_delete(cpu), ERR_OK, "delete the capability");
    tap_ok(!may_read(), "and the right goes with it");
    tap_is(exo_thread_counters(SLOT_THREAD, SLOT_NONE), ERR_NOT_BOUND, "as the binding did");
    slot_give(cpu);
}

static volatile bool partner_may;

static void partner(void *argument)
{
    L4_ThreadId_t client;
    L4_MsgTag_t tag = L4_Wait(&client);

    (void)argument;
    while (L4_IpcSucceeded(tag)) {
        partner_may = may_read();
        L4_Set_MsgTag(L4_Niltag);
        tag = L4_ReplyWait(client, &client);
    }
}

static uint8_t stack[16384] __attribute__((aligned(16)));

static void serve(word_t caller, struct pct_words *words)
{
    (void)caller;
    (void)words;
    partner_may = may_read();
}

static void server(void *argument)
{
    (void)argument;
    pct_serve(serve, (vaddr_t)stack + sizeof stack);
}

static slot_t ping, pong;

static void waiter(void *argument)
{
    (void)argument;
    while (notify_until(ping, 1, FOREVER, NULL) == ERR_OK) {
        partner_may = may_read();
        exo_notify(pong, 1);
    }
}

static bool by_ipc(const struct thread *t)
{
    L4_Set_MsgTag(L4_Niltag);
    return L4_IpcSucceeded(L4_Call((L4_ThreadId_t){.raw = t->id}));
}

static bool by_transfer(const struct thread *t)
{
    struct pct_words words = {{0}};

    return pct_call(t->slot, &words) == ERR_OK;
}

static bool by_notification(const struct thread *t)
{
    (void)t;
    return exo_notify(ping, 1) == ERR_OK && notify_until(pong, 1, FOREVER, NULL) == ERR_OK;
}

/* Over and again to the partner and back: each finds what it itself may do. */
static bool each_has_its_own(const struct thread *t, bool (*go)(const struct thread *), bool here,
                             bool there)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        partner_may = !there;
        if (!go(t) || partner_may != there || may_read() != here)
            return false;
    }
    return true;
}

/* The four cases of who of two threads that change places in one way has the right. */
static void two(thread_fn run, bool (*go)(const struct thread *), const char *const what[4])
{
    struct thread t;

    thread_run(&t, run, NULL, THREAD_CPU_HERE, PARTNERS);
    tap_ok(each_has_its_own(&t, go, false, false), what[0]);
    exo_thread_counters(SLOT_THREAD, SLOT_CPU);
    tap_ok(each_has_its_own(&t, go, true, false), what[1]);
    exo_thread_counters(t.slot, SLOT_CPU);
    tap_ok(each_has_its_own(&t, go, true, true), what[2]);
    exo_thread_counters(SLOT_THREAD, SLOT_NONE);
    tap_ok(each_has_its_own(&t, go, false, true), what[3]);
    thread_destroy(&t);
}

static volatile bool stop, allowed;
static volatile uint64_t tries;

static void try_always(void *argument)
{
    (void)argument;
    while (!stop) {
        allowed = may_read();
        tries++;
    }
}

/* Has it tried after this was called, and found that? */
static bool finds(bool want)
{
    uint64_t end = clock_deadline(20000 * MS), from = tries;

    while (tries < from + 3 && cpu_ticks() < end)
        guest_sleep(100);
    return tries >= from + 3 && allowed == want;
}

/* Another thread, on the last CPU, is given the right and loses it while it runs. */
static void who_runs_elsewhere(uint32_t cpu)
{
    struct thread t;
    slot_t cpus = guest_slot();

    thread_run(&t, try_always, NULL, cpu, THREAD_PRIORITY - 1);
    tap_ok(finds(false), "one that runs may not");
    exo_cap_copy(SLOT_ENV, cpus, SLOT_CPU, RIGHT_READ, 0, 0);
    tap_ok(exo_thread_counters(t.slot, cpus) == ERR_OK && finds(true), "is given the right");
    tap_ok(exo_cap_delete(cpus) == ERR_OK && finds(false), "and loses it, while it runs");
    stop = true;
    thread_join(&t);
    slot_give(cpus);
}

/* A right to CPU 0 alone, whose owner goes to the other one and comes back. */
static void who_moves(void)
{
    slot_t first = guest_slot();

    exo_thread_place(SLOT_THREAD, SLOT_CPU, 0, THREAD_PRIORITY);
    exo_cap_copy(SLOT_ENV, first, SLOT_CPU, RIGHT_READ, 0, 1);
    exo_thread_counters(SLOT_THREAD, first);
    tap_ok(may_read(), "of one CPU, while on it");
    exo_thread_place(SLOT_THREAD, SLOT_CPU, 1, THREAD_PRIORITY);
    tap_ok(!may_read(), "not of the other");
    exo_thread_place(SLOT_THREAD, SLOT_CPU, 0, THREAD_PRIORITY);
    tap_ok(may_read(), "again, when it is back");
    slot_delete(first);
    exo_thread_counters(SLOT_THREAD, SLOT_CPU);
    exo_thread_place(SLOT_THREAD, SLOT_CPU, 1, THREAD_PRIORITY);
    tap_ok(may_read(), "with a right to both, on either");
    exo_thread_place(SLOT_THREAD, SLOT_CPU, 0, THREAD_PRIORITY);
    exo_thread_counters(SLOT_THREAD, SLOT_NONE);
}

int main(void)
{
    static const char *const ipc[] = {"IPC: neither may",
                                      "IPC: who calls may, and not who is called", "IPC: both may",
                                      "IPC: who is called may, and not who calls"};
    static const char *const transfer[] = {"transfer: neither may", "transfer: the caller may",
                                           "transfer: both may", "transfer: the callee may"};
    static const char *const notice[] = {"notification: neither may",
                                         "notification: who raises may", "notification: both may",
                                         "notification: who waits may"};

    guest_begin();
    notify_new(&ping);
    notify_new(&pong);
    errors();
    oneself();
    a_capability_that_goes();
    two(partner, by_ipc, ipc);
    two(server, by_transfer, transfer);
    two(waiter, by_notification, notice);
    who_runs_elsewhere(KINFO->cpu_count - 1);
    if (KINFO->cpu_count > 1)
        who_moves();
    return tap_done();
}

/* The counters of an environment tell what it did: each kind of entry, its switches of space, its
 * shootdowns; and nobody can write them. */
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/libos.h"
#include "libos/string.h"
#include "libos/upcall.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#include <l4/ipc.h>

#define ROUNDS 100u

static struct env_counts before;

static void begin(void)
{
    before = book_env_counts((uint32_t)book_utcb()->env);
}

static struct env_counts since(uint32_t env)
{
    struct env_counts now = book_env_counts(env);

    for (uint32_t i = 0; i < sizeof now / sizeof(uint64_t); i++)
        ((uint64_t *)&now)[i] -= ((const uint64_t *)&before)[i];
    return now;
}

static struct env_counts mine(void)
{
    return since((uint32_t)book_utcb()->env);
}

/* Reading the counters with hide=1 makes calls, without it none. */
static void test_calls(void)
{
    begin();
    for (uint32_t i = 0; i < ROUNDS; i++)
        exo_null();
    struct env_counts c = mine();
    tap_is(c.calls, ROUNDS, "a hundred calls");
    tap_is(book_entries(&c) - c.interrupts, ROUNDS, "are a hundred entries");
}

static void on_syscall(struct libos_regs *regs)
{
    regs->rax = 0;
}

static uint8_t stack[16384] __attribute__((aligned(16)));

static void undefined(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}

static void test_upcalls(void)
{
    struct guest_regs r = {.rax = 39};
    vaddr_t va = 0;

    begin();
    upcall_set_syscall(on_syscall, (vaddr_t)stack + sizeof stack);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        r.rax = 39;
        guest_syscall(&r);
    }
    tap_is(mine().foreign, ROUNDS, "calls of another system");
    begin();
    for (uint32_t i = 0; i < ROUNDS; i++)
        probe_read(GUEST_FREE);
    struct env_counts c = mine();
    tap_ok(c.fault_upcalls == ROUNDS && c.faults == 0, "page faults, by upcall");
    begin();
    for (uint32_t i = 0; i < ROUNDS; i++)
        probe_run(undefined, NULL);
    c = mine();
    tap_ok(c.exception_upcalls == ROUNDS && c.exceptions == 0, "exceptions, by upcall");
    vm_map(&va, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    *(volatile uint64_t *)va = 1;
    begin();
    exo_page_protect_run(SLOT_ENV, PAGE_RUN(va, 1), RIGHT_READ);
    tap_is(mine().tlb_flushes, 1, "a translation is invalidated");
}

static uint32_t events;

static void on_notify(struct libos_regs *regs)
{
    (void)regs;
    events++;
}

static void test_events(void)
{
    slot_t n = guest_slot();

    exo_notification_create(SLOT_MEMORY, PFN_ANY, n);
    upcall_set_event(UPCALL_NOTIFY, on_notify);
    exo_notify_bind(n, SLOT_THREAD, 1);
    book_utcb()->mask &= ~(1u << UPCALL_CLASS_EVENT);
    begin();
    for (uint32_t i = 0; i < 10; i++)
        exo_notify(n, 1);
    tap_ok(mine().events == 10 && events == 10, "ten events");
    upcall_set_event(UPCALL_NOTIFY, NULL);
    begin();
    for (uint64_t end = clock_deadline((uint64_t)30 * CLOCK_NS_PER_MS); cpu_ticks() < end;)
        ;
    tap_ok(mine().interrupts > 0, "interrupts come to who runs");
}

/* A program that faults, and has nobody to repair it. */
static void test_others(void)
{
    struct raw r;

    raw_make(&r, BLOB(load));
    before = book_env_counts(r.number);
    raw_start(&r, GUEST_FREE);
    raw_wait(&r);
    struct env_counts c = since(r.number);
    tap_ok(c.faults == 1 && c.fault_upcalls == 0, "a fault that nobody takes");
    tap_ok(c.space_switches >= 1 && c.transfers == 0, "its tables were loaded for it");
    struct env_counts nobody = book_env_counts(0);
    uint32_t number = r.number;
    raw_destroy(&r);
    tap_is(book_env_counts(number).faults, 0, "who has ended has no counters");
    tap_ok(book_env_counts(0).faults > nobody.faults, "they are nobody's");
}

/* The closed IPC of two programs: each change of side is a transfer, and a switch of space. */
static void test_transfers(void)
{
    struct raw r;
    L4_ThreadId_t from;

    raw_make(&r, BLOB(call_ipc));
    raw_start(&r, L4_MyGlobalId().raw);
    L4_Wait(&from);
    L4_MsgTag_t empty = {0};
    for (uint32_t i = 0; i < 2; i++) { /* until each waits for the other */
        L4_LoadMR(0, empty.raw);
        L4_ReplyWait(from, &from);
    }
    before = book_env_counts(r.number);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        L4_LoadMR(0, empty.raw);
        L4_ReplyWait(from, &from);
    }
    struct env_counts c = since(r.number);
    tap_ok(c.transfers >= ROUNDS - 2 && c.transfers <= ROUNDS, "transfers between programs");
    tap_ok(c.space_switches >= ROUNDS - 2 && c.space_switches <= ROUNDS + c.interrupts + 2,
           "and as many switches of space");
    raw_destroy(&r);
}

/* A program on the other CPU whose page is taken away. */
static void test_shootdowns(void)
{
    struct raw r;

    if (KINFO->cpu_count < 2)
        return;
    raw_make(&r, BLOB(spin));
    exo_thread_place(r.thread, SLOT_CPU, 1, 100);
    raw_start(&r, 0);
    for (uint64_t seen = *raw_data(&r); *raw_data(&r) == seen;)
        cpu_pause();
    before = book_env_counts(r.number);
    uint32_t there = (uint32_t)book_counts(r.number, 1)->tlb_flushes;
    guest_protect(r.env, RAW_STACK_TOP - PAGE_SIZE, RIGHT_READ);
    struct env_counts c = since(r.number);
    tap_is(c.shootdowns, 1, "a shootdown is counted where it was asked for");
    tap_is(book_counts(r.number, 1)->tlb_flushes - there, 1, "and where it was done");
    raw_destroy(&r);
}

int main(void)
{
    guest_begin();
    tap_ok(probe_write(WINDOW_COUNTS), "nobody writes counters");
    test_calls();
    test_upcalls();
    test_events();
    test_others();
    test_transfers();
    test_shootdowns();
    return tap_done();
}

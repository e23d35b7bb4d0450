/*
 * Experiments: the same policy as a graft, by the program's own handler, and by a server that is
 * reached by L4 IPC; what a call costs that does it ahead is counted elsewhere (calls.c, pages.c).
 * And what a graft costs that decides nothing.
 */
#include <l4/ipc.h>

#include "exo/abi/batch.h"
#include "exo/abi/graft.h"
#include "grafts/examples/call_rules.h"
#include "grafts/examples/clan.h"
#include "grafts/examples/fault_area.h"
#include "libos/call.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/tables.h"
#include "libos/thread.h"
#include "libos/upcall.h"
#include "tests/lab/graft_object.h"
#include "tests/lab/graft_tools.h"
#include "tests/lab/lab.h"
#include "tests/lab/probe.h"

#define AREA       ((vaddr_t)0x350000000000)
#define UNBOUND    ((const void *)0x320000000000)
#define PAGES      (LAB_WARM + LAB_ROUNDS)
#define CALL_STACK 65536u
#define RW         (RIGHT_READ | RIGHT_WRITE)
#define ONE        ((word_t)1)
#define BOTH       ((word_t)3)

static struct lab_series series;
static uint8_t call_stack[CALL_STACK] __attribute__((aligned(16)));
static slot_t frames;
static pfn_t first;

static void touch(void *argument, uint32_t round)
{
    (void)argument;
    (void)*(volatile uint8_t *)(AREA + round * PAGE_SIZE);
}

static void unbind_all(void)
{
    exo_page_unbind_run(SLOT_ENV, PAGE_RUN(AREA, PAGES));
}

/* The page of the area, by its number, as the graft says it, too. */
static bool bind_page(struct libos_regs *regs)
{
    const uint64_t offset = regs->frame.address - AREA;

    if (offset >= PAGES * PAGE_SIZE)
        return false;
    const word_t what = RUN_FRAMES(first + offset / PAGE_SIZE, RW | RW << 16);
    return exo_page_bind_run(SLOT_ENV, frames, PAGE_RUN(regs->frame.address & ~(PAGE_SIZE - 1), 1),
                             what) == ERR_OK;
}

static void pages_at_first_touch(const struct archive *a, uint64_t empty)
{
    const upcall_fault_fn repair = libos_fault_hook;
    vaddr_t at = 0;
    slot_t map = lab_map(sizeof(struct fault_area), 1, &at);
    slot_t graft = lab_graft(a, ".exo4/fault_area.o", GRAFT_HOOK_PAGE_FAULT, map);

    if (region_frames(PAGES, &frames, &first) || tables_make(AREA))
        lab_fail("page.graft", ERR_NO_MEM);
    libos_fault_hook = bind_page;
    lab_measure(&series, NULL, touch, NULL);
    lab_report("page.upcall", &series, empty, 1, 1);
    libos_fault_hook = repair;
    unbind_all();
    *(volatile struct fault_area *)at =
        (struct fault_area){AREA, PAGES * PAGE_SIZE, (uint32_t)frames, RW};
    lab_bind("page.graft", graft, SLOT_ENV, GRAFT_HOOK_PAGE_FAULT);
    lab_measure(&series, NULL, touch, NULL);
    lab_report("page.graft", &series, empty, 1, 1);
    unbind_all();
    slot_delete(graft);
    slot_delete(map);
}

/* A fault that goes on to the program's handler, or a call that does: there and back. */
static uint64_t fault_trip(void)
{
    struct lab_trip trip;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        probe_fault(&trip, UNBOUND);
        lab_keep(&series, i, trip.after - trip.before, before);
    }
    return lab_median(&series);
}

static uint64_t call_trip(void)
{
    struct lab_trip trip;

    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample before = lab_counters();
        probe_call(&trip);
        lab_keep(&series, i, trip.after - trip.before, before);
    }
    return lab_median(&series);
}

static void answer(struct libos_regs *regs)
{
    regs->rax = 1;
}

static void calls(const struct archive *a, uint64_t empty)
{
    vaddr_t at = 0;
    slot_t map = lab_map(sizeof(struct call_rules), sizeof(struct call_rules) / PAGE_SIZE, &at);
    slot_t graft = lab_graft(a, ".exo4/call_rules.o", GRAFT_HOOK_SYSTEM_CALL, map);
    volatile struct call_rules *rules = (volatile struct call_rules *)at;
    struct utcb_exo *utcb = book_utcb();

    upcall_set_syscall(answer, (vaddr_t)call_stack + sizeof call_stack);
    const uint64_t entry = utcb->entry[UPCALL_SYSCALL];
    for (uint32_t i = 0; i < CALL_RULES; i++)
        rules->of[i].answer = 1;
    lab_bind("call.graft", graft, SLOT_ENV, GRAFT_HOOK_SYSTEM_CALL);
    call_trip();
    lab_report("call.graft", &series, empty, 1, 1);
    slot_delete(graft);
    slot_delete(map);
    utcb->entry[UPCALL_SYSCALL] = (vaddr_t)probe_upcall_call;
    const uint64_t bare = call_trip();
    graft = lab_constant(GRAFT_HOOK_SYSTEM_CALL, GRAFT_CALL_PASS);
    lab_bind("graft.empty.system_call", graft, SLOT_ENV, GRAFT_HOOK_SYSTEM_CALL);
    call_trip();
    lab_report("graft.empty.system_call", &series, bare, 1, 1);
    utcb->entry[UPCALL_SYSCALL] = entry;
    slot_delete(graft);
}

static void empty_fault(void)
{
    struct utcb_exo *utcb = book_utcb();
    const uint64_t entry = utcb->entry[UPCALL_FAULT];
    slot_t graft = lab_constant(GRAFT_HOOK_PAGE_FAULT, GRAFT_FAULT_DEFAULT);

    utcb->entry[UPCALL_FAULT] = (vaddr_t)probe_upcall_fault;
    const uint64_t bare = fault_trip();
    lab_bind("graft.empty.page_fault", graft, SLOT_ENV, GRAFT_HOOK_PAGE_FAULT);
    fault_trip();
    utcb->entry[UPCALL_FAULT] = entry;
    lab_report("graft.empty.page_fault", &series, bare, 1, 1);
    slot_delete(graft);
}

static slot_t note;
static volatile word_t woken;

/* Waits for both bits, and looks itself what is there. */
static void wait_by_itself(void *argument)
{
    word_t got, all = 0;

    (void)argument;
    for (;;) {
        notify_until(note, BOTH, FOREVER, &got);
        all |= got;
        woken += all == BOTH;
    }
}

/* Wants to be woken for both alone. */
static void wait_for_both(void *argument)
{
    word_t got;

    (void)argument;
    for (;;) {
        notify_until(note, BOTH, FOREVER, &got);
        woken++;
    }
}

static void raise_one(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    exo_notify(note, ONE);
}

/* One of two bits is raised that a thread of higher priority waits for. */
static void waits(const struct archive *a, const char *key, thread_fn wait, bool judged,
                  uint64_t empty)
{
    slot_t graft = lab_graft(a, ".exo4/wake_both.o", GRAFT_HOOK_WAKE_UP, SLOT_NONE);
    struct thread t;

    if (notify_new(&note) || thread_run(&t, wait, NULL, THREAD_CPU_HERE, THREAD_PRIORITY + 1))
        lab_fail(key, ERR_NO_MEM);
    if (judged)
        lab_bind(key, graft, t.slot, GRAFT_HOOK_WAKE_UP);
    exo_yield(t.slot);
    exo_notify(note, ONE); /* for the wait that began before the graft was bound */
    woken = 0;
    lab_measure(&series, NULL, raise_one, NULL);
    if (woken)
        lab_fail(key, ERR_BAD_STATE);
    lab_report(key, &series, empty, 1, 1);
    thread_destroy(&t);
    slot_delete(graft);
    slot_delete(note);
}

/* The same in another space, which waits in this one's name. */
static void watched(const struct archive *a, uint64_t empty)
{
    static const char key[] = "wake.server";
    struct spawn_child child;

    lab_partner(a, "watch", &child);
    if (notify_new(&note) ||
        exo_cap_copy(child.env, LAB_SLOT_IN, note, RIGHT_READ | RIGHT_WRITE, 0, 0))
        lab_fail(key, ERR_NO_MEM);
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(L4_ThreadIdOf(child.thread_id));
    lab_measure(&series, NULL, raise_one, NULL);
    lab_report(key, &series, empty, 1, 1);
    spawn_destroy(&child);
    slot_delete(note);
}

static void ask(void *argument, uint32_t round)
{
    (void)round;
    L4_Call(L4_ThreadIdOf(*(const uint64_t *)argument));
}

/* The same, and each message is counted. */
static void monitor(const struct archive *a, const struct spawn_child *child, uint64_t bare)
{
    static const char key[] = "graft.ipc.monitor";
    vaddr_t at = 0;
    uint64_t id = child->thread_id;
    const slot_t map = lab_map(2 * sizeof(struct clan_traffic), 1, &at);
    const slot_t graft = lab_graft(a, ".exo4/ipc_monitor.o", GRAFT_HOOK_IPC, map);
    const volatile struct clan_traffic *traffic = (const volatile struct clan_traffic *)at;

    lab_bind(key, graft, child->env, GRAFT_HOOK_IPC);
    lab_measure(&series, NULL, ask, &id);
    if (traffic[GRAFT_IPC_SEND].messages != LAB_WARM + LAB_ROUNDS ||
        traffic[GRAFT_IPC_RECEIVE].messages != LAB_WARM + LAB_ROUNDS)
        lab_fail(key, ERR_BAD_STATE);
    lab_report(key, &series, bare, 2, 2);
    slot_delete(graft);
    slot_delete(map);
}

/* A question to a server in another space, and its answer. */
static void server(const struct archive *a, uint64_t empty)
{
    struct spawn_child child;

    lab_partner(a, "closed", &child);
    L4_Set_MsgTag(L4_Niltag);
    lab_measure(&series, NULL, ask, &child.thread_id);
    const uint64_t bare = lab_median(&series);
    lab_report("call.server", &series, empty, 1, 1);
    slot_t graft = lab_constant(GRAFT_HOOK_IPC, GRAFT_IPC_DEFAULT);
    lab_bind("graft.empty.ipc", graft, child.env, GRAFT_HOOK_IPC);
    lab_measure(&series, NULL, ask, &child.thread_id);
    if (L4_IpcFailed(L4_MsgTag()))
        lab_fail("call.server", ERR_BAD_STATE);
    lab_report("graft.empty.ipc", &series, bare, 2, 2);
    slot_delete(graft);
    monitor(a, &child, bare);
    spawn_destroy(&child);
}

void lab_policies(const struct archive *a)
{
    const uint64_t empty = lab_empty(), empty_probe = lab_empty_probe();

    pages_at_first_touch(a, empty);
    calls(a, empty_probe);
    server(a, empty);
    waits(a, "wake.graft", wait_for_both, true, empty);
    waits(a, "wake.library", wait_by_itself, false, empty);
    watched(a, empty);
    empty_fault();
}

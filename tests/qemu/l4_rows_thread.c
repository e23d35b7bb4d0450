/* L4 threads as the reference words ThreadControl: arguments that are refused and change nothing,
 * what a new thread is, how it starts, who may schedule it, and what becomes of those who deal with
 * a thread that moves to another space. */
#include <l4/kip.h>
#include <l4/space.h>
#include <l4/thread.h>

#include "exo/abi/kip.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/l4_actor.h"
#include "tests/qemu/l4_giver.h"
#include "tests/qemu/l4_mate.h"
#include "tests/qemu/tap.h"

#define KMEM_FRAMES 512u /* the library takes some of them for itself */
#define AREA_BITS   16u
#define UTCBS       ((L4_Word_t)GUEST_FREE)
#define KIP         ((L4_Word_t)GUEST_FREE + 0x100000)
#define WINDOW      ((L4_Word_t)GUEST_FREE + 0x200000)
#define PAGE        ((L4_Word_t)GUEST_FREE + 0x300000)
#define MARK        0x6000u
#define NO_UTCB     ((void *)~(L4_Word_t)0)
#define TEN_MS      (L4_TimePeriod(10000))

static slot_t kmem;
static pfn_t kmem_first;

static L4_ThreadId_t id(unsigned n)
{
    return L4_GlobalId(4000 + n, 1);
}

static bool control(L4_ThreadId_t t, L4_ThreadId_t space, L4_ThreadId_t scheduler,
                    L4_ThreadId_t pager, L4_Word_t utcb)
{
    return L4_ThreadControl(t, space, scheduler, pager, (void *)utcb);
}

/* The last control call failed with `error`? */
static void refused(bool done, L4_Word_t error, const char *what)
{
    L4_Word_t code = L4_ErrorCode();

    if (!tap_ok(!done && code == error, what))
        tap_note("result %u, error %lu", done, code);
}

static void end(L4_ThreadId_t t)
{
    if (!control(t, L4_nilthread, L4_nilthread, L4_nilthread, ~0ul))
        tap_ok(false, "it ends");
}

static bool set_areas(L4_ThreadId_t space)
{
    L4_Word_t old = 1;

    return L4_SpaceControl(space, 0, L4_FpageLog2(KIP, 12), L4_FpageLog2(UTCBS, AREA_BITS),
                           L4_nilthread, &old) &&
           old == 0;
}

static void prepare(void)
{
    tap_is(exo_env_privilege(SLOT_ENV, SLOT_MACHINE), ERR_OK, "privilege");
    kmem = guest_slot();
    region_find(KMEM_FRAMES, &kmem_first);
    exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, kmem_first, KMEM_FRAMES);
    tap_is(exo_env_kmem(SLOT_ENV, kmem), ERR_OK, "kernel memory");
    guest_tables(SLOT_ENV, UTCBS);
    guest_tables(SLOT_ENV, WINDOW);
    guest_tables(SLOT_ENV, PAGE);
    tap_ok(set_areas(L4_Myself()), "areas, and no control word of this architecture");
}

/* The interface page and the area of UTCBs, of which none is in use. */
static void areas(void)
{
    L4_Fpage_t page = L4_FpageLog2(PAGE, 12), kip = L4_FpageLog2(KIP, 12),
               utcb = L4_FpageLog2(UTCBS + 4096, 12), window = L4_FpageLog2(WINDOW, 12);
    pfn_t pfn;
    slot_t frame = guest_frames(1, &pfn);

    guest_bind(SLOT_ENV, frame, PAGE, pfn, RIGHT_READ | RIGHT_WRITE);
    *(volatile L4_Word_t *)PAGE = MARK;
    giver_start();
    giver_map(page, 0, window);
    tap_ok(shows(WINDOW, MARK), "a page is mapped");
    L4_Flush(L4_FpageAddRights(window, L4_FullyAccessible));
    tap_ok(probe_write(KIP) && !probe_read(KIP), "the interface page is not written to");
    giver_map(kip, 0, window);
    tap_ok(probe_read(WINDOW), "nor mapped on");
    giver_grant(kip, 0, window);
    tap_ok(probe_read(WINDOW) && !probe_read(KIP), "nor granted");
    giver_map(page, 0, kip);
    tap_is(((volatile struct kip *)KIP)->magic, KIP_MAGIC, "nor mapped over");
    L4_Flush(L4_FpageAddRights(kip, L4_FullyAccessible));
    L4_Flush(L4_FpageAddRights(L4_FpageLog2(KIP, 20), L4_FullyAccessible));
    tap_is(((volatile struct kip *)KIP)->magic, KIP_MAGIC, "nor flushed, by itself or in more");
    giver_map(page, 0, utcb);
    tap_ok(probe_read(UTCBS + 4096), "nor is a UTCB's place that nobody uses yet mapped over");
    giver_grant(page, 0, utcb);
    tap_ok(probe_read(UTCBS + 4096) && shows(PAGE, MARK), "nor granted over");
    giver_end();
}

/* What can be told of a thread of this space, and of the kernel memory. */
struct state {
    L4_Word_t local, state, pager, handle, sp, ip, times, frames;
};

static struct state state_of(L4_ThreadId_t t)
{
    L4_Exregs_t r = {L4_EXREGS_DELIVER, 0, 0, 0, 0, {0}};
    struct state s = {0};

    s.local = L4_ExchangeThread(t, &r).raw;
    s.pager = r.pager.raw;
    s.handle = r.handle;
    s.sp = r.sp;
    s.ip = r.ip;
    s.state = L4_Schedule(t, ~0ul, ~0ul, ~0ul, ~0ul, &s.times);
    for (pfn_t n = kmem_first; n < kmem_first + KMEM_FRAMES; n++)
        s.frames += book_frame(n)->type != FRAME_FREE;
    return s;
}

static void refuses(L4_ThreadId_t t)
{
    const L4_ThreadId_t me = L4_Myself(), nil = L4_nilthread, fresh = id(20), none = id(21);
    const L4_ThreadId_t kernel = L4_GlobalId(THREAD_FIRST - 1, 1),
                        high = L4_GlobalId(THREAD_MAX, 1);
    const L4_Word_t place = UTCBS + 8 * UTCB_BYTES;
    const struct {
        L4_ThreadId_t dest, space, scheduler, pager;
        L4_Word_t utcb, error;
        const char *what;
    } rows[] = {
        {nil, me, me, nil, ~0ul, CALL_ERROR_THREAD, "dest: nobody"},
        {L4_anythread, me, me, nil, ~0ul, CALL_ERROR_THREAD, "dest: anybody"},
        {L4_MyLocalId(), me, me, nil, ~0ul, CALL_ERROR_THREAD, "dest: a local ID"},
        {kernel, me, me, nil, ~0ul, CALL_ERROR_THREAD, "dest: a number of the kernel's"},
        {high, me, me, nil, ~0ul, CALL_ERROR_THREAD, "dest: a number beyond all threads"},
        {fresh, nil, nil, nil, ~0ul, CALL_ERROR_THREAD, "deletion of nobody"},
        {me, nil, nil, nil, ~0ul, CALL_ERROR_THREAD, "deletion of oneself"},
        {fresh, none, me, nil, ~0ul, CALL_ERROR_SPACE, "the space of nobody"},
        {fresh, L4_MyLocalId(), me, nil, ~0ul, CALL_ERROR_SPACE, "a space by a local ID"},
        {fresh, fresh, me, me, place, CALL_ERROR_SPACE, "active at once in a space without areas"},
        {t, none, nil, nil, ~0ul, CALL_ERROR_SPACE, "a move to the space of nobody"},
        {fresh, me, nil, me, place, CALL_ERROR_SCHEDULER, "a new thread without scheduler"},
        {fresh, me, none, me, place, CALL_ERROR_SCHEDULER, "one with nobody as scheduler"},
        {t, me, none, nil, ~0ul, CALL_ERROR_SCHEDULER, "a change to nobody as scheduler"},
        {fresh, me, me, me, ~0ul, CALL_ERROR_UTCB_AREA, "active without a UTCB"},
        {fresh, me, me, me, place + 64, CALL_ERROR_UTCB_AREA, "a UTCB that is not aligned"},
        {fresh, me, me, me, KIP, CALL_ERROR_UTCB_AREA, "one outside of the area"},
        {fresh, me, me, me, 0, CALL_ERROR_UTCB_AREA, "one at 0"},
        {fresh, me, me, me, (L4_Word_t)-4096, CALL_ERROR_UTCB_AREA, "one of the kernel's"},
        {fresh, me, me, me, UTCBS, CALL_ERROR_UTCB_AREA, "one that another thread has"},
        {t, me, nil, nil, place, CALL_ERROR_UTCB_AREA, "another one for an active thread"},
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct state before = state_of(t);
        bool done =
            control(rows[i].dest, rows[i].space, rows[i].scheduler, rows[i].pager, rows[i].utcb);
        refused(done, rows[i].error, rows[i].what);
        const struct state after = state_of(t);
        if (memcmp(&before, &after, sizeof before))
            tap_ok(false, "and nothing changed");
    }
    L4_Set_MsgTag(L4_Niltag);
    tap_ok(ipc_failed(L4_Send_Timeout(fresh, L4_ZeroTime), IPC_NO_PARTNER, IPC_SEND_PHASE),
           "of all that was refused there is no thread");
}

/* Of a thread that waits for its start: who else sends, and what else is sent. */
static void start(L4_ThreadId_t t)
{
    static struct mate stranger;
    L4_Time_t slice, quantum;

    tap_is(L4_Timeslice(t, &slice, &quantum), L4_SCHEDRESULT_WAITING,
           "a new thread waits for its start");
    tap_is(quantum.raw, L4_Never.raw, "its quantum is endless");
    stranger = mate(t, L4_nilthread, 1);
    stranger.send = TEN_MS;
    mate_start(&stranger, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    tap_ok(mate_told(&stranger, IPC_TIMEOUT, IPC_SEND_PHASE), "nobody but its pager starts it");
    thread_join(&stranger.thread);
    L4_MapItem_t item = L4_MapItem(L4_FpageAddRights(L4_FpageLog2(PAGE, 12), L4_Readable), WINDOW);
    L4_LoadMRs(1, 2, item.raw);
    L4_Set_MsgTag(L4_MsgTagMake(0, 0, 2));
    tap_ok(ipc_failed(L4_Send_Timeout(t, L4_ZeroTime), IPC_OVERFLOW, IPC_SEND_PHASE) &&
               probe_read(WINDOW),
           "its start takes no items: overflow");
}

static void states(void)
{
    L4_ThreadId_t t = id(5), me = L4_Myself();
    L4_Exregs_t r = {L4_EXREGS_HANDLE, 0, 0, 0, 4711, {0}};

    control(t, me, me, L4_nilthread, ~0ul);
    tap_is(mate_state(t), L4_SCHEDRESULT_INACTIVE, "Schedule tells that a thread is inactive");
    tap_ok(L4_IsNilThread(L4_ExchangeThread(t, &r)) && L4_ErrorCode() == CALL_ERROR_THREAD,
           "ExchangeRegisters refuses it");
    tap_ok(ipc_failed(L4_Send_Timeout(t, L4_ZeroTime), IPC_TIMEOUT, IPC_SEND_PHASE) ||
               L4_ErrorCode() == IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE),
           "nobody's message is taken");
    tap_ok(control(t, me, L4_nilthread, me, UTCBS + 4 * UTCB_BYTES), "it becomes active");
    tap_is(L4_UserDefinedHandleOf(t), 0, "nothing had been set");
    tap_is(L4_PagerOf(t).raw, me.raw, "its pager is who made it so");
    tap_ok(control(t, me, L4_nilthread, id(0), ~0ul) && L4_PagerOf(t).raw == id(0).raw,
           "ThreadControl changes its pager");
    end(t);
    tap_is(mate_state(t), L4_SCHEDRESULT_ERROR, "Schedule knows nobody who has ended");
    struct raw dead;
    raw_make(&dead, BLOB(undefined));
    raw_start(&dead, 0);
    raw_wait(&dead);
    tap_is(mate_state(L4_ThreadIdOf(dead.id)), L4_SCHEDRESULT_DEAD,
           "but who met its end and is still there is dead");
    raw_destroy(&dead);
}

/* By a program without privilege, whose thread is the scheduler, or is not. */
static void schedulers(const struct actor *a, L4_ThreadId_t t)
{
    tap_is(actor_ask(a, ACTOR_SCHEDULE, t.raw, 7), CALL_ERROR_NO_PRIVILEGE,
           "another program is not its scheduler");
    tap_ok(control(t, L4_Myself(), a->id, L4_nilthread, ~0ul), "ThreadControl names that");
    tap_is(actor_ask(a, ACTOR_SCHEDULE, t.raw, 7), 0, "now it is");
    tap_is(actor_ask(a, ACTOR_SCHEDULE, t.raw, 254), CALL_ERROR_NO_PRIVILEGE,
           "but not above its own priority");
    tap_is(actor_ask(a, ACTOR_EXCHANGE, t.raw, 815), CALL_ERROR_THREAD,
           "ExchangeRegisters from another space is refused");
    tap_is(actor_ask(a, ACTOR_EXCHANGE, L4_GlobalId(8, 1).raw, 815), CALL_ERROR_THREAD,
           "and that of an interrupt");
    tap_ok(L4_UserDefinedHandleOf(t) != 815, "it changed nothing");
}

/* `t`, of this space and not started, is taken to another one. */
static void moves(const struct actor *a, L4_ThreadId_t t)
{
    static struct mate local, global, name, sender;
    L4_ThreadId_t local_id = L4_LocalIdOf(t), there = id(6), me = L4_Myself();
    struct raw idle;
    L4_Word_t old;

    raw_make(&idle, BLOB(pct_serve));
    raw_start(&idle, 0);
    tap_ok(control(there, there, me, L4_nilthread, ~0ul) && set_areas(there), "another space");
    L4_SpaceControl(me, 0, L4_Nilpage, L4_Nilpage, a->id, &old);
    local = mate(L4_nilthread, local_id, 0);
    global = mate(L4_nilthread, t, 0);
    sender = mate(t, L4_nilthread, 1);
    name = mate(L4_ThreadIdOf(idle.id), L4_nilthread, 2);
    mate_start(&local, mate_cpu(), L4_SCHEDRESULT_WAITING);
    L4_ThreadId_t waits = mate_start(&global, mate_cpu(), L4_SCHEDRESULT_WAITING);
    mate_start(&sender, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    L4_SpaceControl(me, 0, L4_Nilpage, L4_Nilpage, L4_anythread, &old);
    name.virtual = t;
    mate_start(&name, mate_cpu(), L4_SCHEDRESULT_PENDING_SEND);
    L4_SpaceControl(me, 0, L4_Nilpage, L4_Nilpage, a->id, &old);
    tap_ok(control(t, there, L4_nilthread, L4_nilthread, ~0ul), "a thread moves there");
    L4_SpaceControl(me, 0, L4_Nilpage, L4_Nilpage, L4_anythread, &old);
    tap_ok(mate_told(&local, IPC_NO_PARTNER, IPC_RECEIVE_PHASE),
           "who waits for its local ID is told");
    tap_ok(!global.back && mate_state(waits) == L4_SCHEDRESULT_WAITING,
           "who waits for its global ID goes on");
    tap_ok(mate_told(&name, IPC_NO_PARTNER, IPC_SEND_PHASE), "who sends in its name is told");
    tap_ok(mate_told(&sender, IPC_NO_PARTNER, IPC_SEND_PHASE),
           "and who may not send to its new space");
    L4_Set_MsgTag(L4_Niltag);
    tap_ok(ipc_failed(L4_Send_Timeout(local_id, L4_ZeroTime), IPC_NO_PARTNER, IPC_SEND_PHASE),
           "its local ID is nobody's here");
    tap_ok(L4_IsNilThread(L4_LocalIdOf(t)) && L4_ErrorCode() == CALL_ERROR_THREAD,
           "and ExchangeRegisters has nobody of it");
    end(t);
    tap_ok(mate_told(&global, IPC_NO_PARTNER, IPC_RECEIVE_PHASE), "until it ends");
    end(there);
    thread_join(&local.thread);
    thread_join(&global.thread);
    thread_join(&sender.thread);
    thread_join(&name.thread);
    raw_destroy(&idle);
}

int main(int argc, char **argv)
{
    struct actor a;
    L4_ThreadId_t t = id(1);

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], ACTOR_ROLE))
        actor_run();
    actor_start(&a, argv[0], THREAD_CPU_HERE);
    prepare();
    areas();
    if (!tap_ok(control(t, L4_Myself(), L4_Myself(), L4_Myself(), UTCBS),
                "a thread of this space")) {
        tap_note("error %lu", L4_ErrorCode());
        return tap_done();
    }
    start(t);
    refuses(t);
    states();
    schedulers(&a, t);
    moves(&a, t);
    actor_end(&a);
    return tap_done();
}

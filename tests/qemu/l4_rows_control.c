/* L4 control calls as the reference words them: versions and schedulers of threads, inactive
 * threads that move, areas that stay, what each flag of ExchangeRegisters sets, who is halted while
 * it waits, and threads that Schedule moves. */
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/schedule.h>
#include <l4/thread.h>

#include "exo/abi/kinfo.h"
#include "exo/abi/l4.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define KMEM_FRAMES   64u
#define AREA_BITS     16u
#define UTCBS         ((L4_Word_t)0x10000000)
#define OTHER_UTCBS   ((L4_Word_t)0x18000000)
#define KIP           ((L4_Word_t)0x20000000)
#define NO_UTCB       ((void *)~(L4_Word_t)0)
#define FLAGS_OTHER   0xad7u                /* carry to overflow, with IF and what is always 1 */
#define FLAGS_KERNELS 0x1b7200u             /* IF, IOPL, NT, RF, VM, VIF, VIP */
#define CODE          ((L4_Word_t)0x400000) /* no page is there */

static L4_ThreadId_t id(unsigned n)
{
    return L4_GlobalId(4000 + n, 1);
}

static void refused(L4_Word_t made, L4_Word_t error, const char *what)
{
    L4_Word_t code = L4_ErrorCode();

    if (!tap_ok(!made && code == error, what))
        tap_note("result %lu, error %lu", made, code);
}

static void get_privilege(void)
{
    slot_t kmem = guest_slot();
    pfn_t first;

    refused(L4_ProcessorControl(0, 1000, 1000, 0), CALL_ERROR_NO_PRIVILEGE,
            "ProcessorControl without privilege");
    exo_env_privilege(SLOT_ENV, SLOT_MACHINE);
    refused(L4_ProcessorControl(0, 1000, 1000, 0), CALL_ERROR_PARAMETER,
            "a processor's frequency cannot be changed");
    region_find(KMEM_FRAMES, &first);
    exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, first, KMEM_FRAMES);
    tap_is(exo_env_kmem(SLOT_ENV, kmem), ERR_OK, "kernel memory is named");
}

static L4_Word_t areas(L4_ThreadId_t space, L4_Word_t utcbs)
{
    L4_Word_t old;

    return L4_SpaceControl(space, 0, L4_FpageLog2(KIP, 12), L4_FpageLog2(utcbs, AREA_BITS),
                           L4_nilthread, &old);
}

/* A space with an inactive thread. */
static bool make_space(L4_ThreadId_t t, L4_Word_t utcbs)
{
    return L4_ThreadControl(t, t, L4_Myself(), L4_nilthread, NO_UTCB) && areas(t, utcbs);
}

static void end(L4_ThreadId_t t)
{
    tap_is(L4_ThreadControl(t, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB), 1, "it ends");
}

static L4_Word_t error_of_sending(L4_ThreadId_t to)
{
    L4_Set_MsgTag(L4_Niltag);
    return L4_IpcFailed(L4_Send_Timeout(to, L4_ZeroTime)) ? L4_ErrorCode() : 0;
}

static void dests_and_schedulers(void)
{
    L4_ThreadId_t t = id(0), me = L4_Myself();
    L4_Word_t old;

    refused(L4_ThreadControl(L4_MyLocalId(), t, me, L4_nilthread, NO_UTCB), CALL_ERROR_THREAD,
            "a local ID is no dest");
    refused(L4_ThreadControl(t, t, id(9), L4_nilthread, NO_UTCB), CALL_ERROR_SCHEDULER,
            "a scheduler that is none");
    tap_ok(make_space(t, UTCBS), "a space");
    tap_is(L4_ThreadControl(t, t, L4_nilthread, me, (void *)UTCBS), 1,
           "made active without a word of its scheduler");
    tap_ok(L4_Schedule(t, ~0ul, ~0ul, 7, ~0ul, &old) != L4_SCHEDRESULT_ERROR,
           "who has a scheduler keeps it");
    end(t);
}

static void versions(void)
{
    L4_ThreadId_t t = id(1), next = L4_GlobalId(4001, 2), me = L4_Myself();

    make_space(t, UTCBS);
    L4_ThreadControl(t, t, L4_nilthread, me, (void *)UTCBS);
    tap_is(error_of_sending(t), 0, "an active thread takes its start message");
    tap_is(L4_ThreadControl(next, t, L4_nilthread, L4_nilthread, NO_UTCB), 1,
           "an ID gets a new version");
    tap_is(error_of_sending(t), IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE),
           "the old one is nobody's");
    tap_ok(error_of_sending(next) != IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE),
           "the new one is somebody's");
    end(next);
}

static void inactive_moves(void)
{
    L4_ThreadId_t t = id(2), there = id(3), me = L4_Myself();

    tap_ok(make_space(t, UTCBS) && make_space(there, OTHER_UTCBS), "two spaces");
    tap_is(L4_ThreadControl(t, there, L4_nilthread, L4_nilthread, NO_UTCB), 1,
           "an inactive thread moves");
    refused(L4_ThreadControl(t, there, L4_nilthread, me, (void *)UTCBS), CALL_ERROR_UTCB_AREA,
            "the area that it came from is not its any more");
    tap_is(L4_ThreadControl(t, there, L4_nilthread, me, (void *)OTHER_UTCBS), 1,
           "it becomes active there");
    end(t);
    end(there);
}

static void areas_stay(void)
{
    L4_ThreadId_t t = id(4), second = id(5), me = L4_Myself();

    make_space(t, UTCBS);
    tap_is(areas(t, OTHER_UTCBS), 1, "areas change while no thread is active");
    refused(L4_ThreadControl(t, t, L4_nilthread, me, (void *)UTCBS), CALL_ERROR_UTCB_AREA,
            "the first one is none any more");
    tap_is(L4_ThreadControl(t, t, L4_nilthread, me, (void *)OTHER_UTCBS), 1,
           "a thread is active in the second");
    areas(t, UTCBS);
    refused(L4_ThreadControl(second, t, me, me, (void *)UTCBS), CALL_ERROR_UTCB_AREA,
            "areas stay as they are once a thread is active");
    tap_is(L4_ThreadControl(second, t, me, me, (void *)(OTHER_UTCBS + UTCB_BYTES)), 1,
           "another thread has its place there");
    end(second);
    end(t);
}

/* Waits, and notes what came. */
static volatile uint64_t received, processor, word;

static void receive(void *main_thread)
{
    L4_MsgTag_t tag = L4_Receive(L4_ThreadIdOf(*(const L4_Word_t *)main_thread));

    word = L4_IpcSucceeded(tag) ? L4_Utcb()[1] : 0;
    processor = L4_ProcessorNo() + 1;
    received = 1;
    L4_Sleep(L4_Never);
}

struct registers {
    L4_Word_t sp, ip, flags, handle, pager;
};

static struct registers set(L4_ThreadId_t t, L4_Word_t flags, L4_Word_t value)
{
    L4_Exregs_t r = {flags, value, value, value, value, {value}};

    L4_ExchangeThread(t, &r);
    r = (L4_Exregs_t){L4_EXREGS_DELIVER, 0, 0, 0, 0, {0}};
    L4_ExchangeThread(t, &r);
    return (struct registers){r.sp, r.ip, r.flags, r.handle, r.pager.raw};
}

static bool same(struct registers a, struct registers b)
{
    return a.sp == b.sp && a.ip == b.ip && a.flags == b.flags && a.handle == b.handle &&
           a.pager == b.pager;
}

static void each_flag(void)
{
    static struct thread t;
    L4_Word_t me = L4_Myself().raw;

    thread_run(&t, receive, &me, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    guest_sleep(10000);
    L4_ThreadId_t to = L4_ThreadIdOf(t.id);
    L4_Stop(to);
    struct registers want = set(to, 0, 0);
    want.handle = CODE + 1;
    tap_ok(same(set(to, L4_EXREGS_HANDLE, CODE + 1), want), "the handle alone");
    want.pager = me;
    tap_ok(same(set(to, L4_EXREGS_PAGER, me), want), "the pager alone");
    want.sp = CODE + 8;
    tap_ok(same(set(to, L4_EXREGS_SP, CODE + 8), want), "the stack pointer alone");
    want.ip = CODE + 16;
    tap_ok(same(set(to, L4_EXREGS_IP, CODE + 16), want), "the instruction pointer alone");
    want.flags = FLAGS_OTHER;
    tap_ok(same(set(to, L4_EXREGS_FLAGS, FLAGS_OTHER), want), "the flags alone");
    tap_ok(same(set(to, L4_EXREGS_FLAGS, FLAGS_OTHER ^ FLAGS_KERNELS), want),
           "but for those that are not the user's");
    thread_destroy(&t);
}

static volatile uint64_t went;

static void go(void)
{
    went = 1;
    L4_Sleep(L4_Never);
}

/* Who waits, and whose registers are set without an end to that. */
static void set_while_it_waits(void)
{
    static struct thread t;
    L4_Word_t me = L4_Myself().raw;
    L4_Exregs_t r = {L4_EXREGS_IP, 0, (L4_Word_t)go, 0, 0, {0}};

    received = 0;
    thread_run(&t, receive, &me, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    guest_sleep(10000);
    L4_ThreadId_t to = L4_ThreadIdOf(t.id);
    L4_ExchangeThread(to, &r);
    tap_is(r.control, L4_EXREGS_RECEIVE, "it is told that the thread receives, and is not halted");
    guest_sleep(10000);
    tap_is(went, 0, "a new instruction pointer alone ends no wait");
    L4_Set_MsgTag(L4_Niltag);
    tap_ok(L4_IpcSucceeded(L4_Send_Timeout(to, L4_ZeroTime)) && guest_await(&went, 1),
           "with its message the thread goes on there");
    tap_is(received, 0, "and not where it was");
    L4_Stop(to);
    tap_ok(L4_ThreadWasHalted(L4_Stop(to)), "who is halted is told so");
    thread_destroy(&t);
}

static void halted_while_it_waits(void)
{
    static struct thread t;
    L4_Word_t me = L4_Myself().raw;

    received = 0;
    thread_run(&t, receive, &me, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    guest_sleep(10000);
    L4_ThreadId_t to = L4_ThreadIdOf(t.id);
    L4_Stop(to);
    L4_LoadMR(1, 4711);
    L4_Set_MsgTag(L4_MsgTagMake(0, 1, 0));
    tap_ok(L4_IpcSucceeded(L4_Send_Timeout(to, L4_ZeroTime)),
           "who waits and is halted gets its message first");
    guest_sleep(20000);
    tap_is(received, 0, "it does not run");
    L4_Start(to);
    tap_is(guest_await(&received, 1), 1, "until it may");
    tap_is(word, 4711, "with the message");
    thread_destroy(&t);
}

static void schedule_moves(void)
{
    static struct thread t;
    L4_Word_t me = L4_Myself().raw, last = KINFO->cpu_count - 1, here = L4_ProcessorNo();

    received = 0;
    thread_run(&t, receive, &me, THREAD_CPU_HERE, THREAD_PRIORITY + 1);
    guest_sleep(10000);
    tap_ok(L4_Set_ProcessorNo(L4_ThreadIdOf(t.id), last) != L4_SCHEDRESULT_ERROR,
           "a thread gets a processor");
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(L4_ThreadIdOf(t.id));
    guest_await(&received, 1);
    tap_is(processor, last + 1, "Schedule moves a thread");
    L4_Set_ProcessorNo(L4_Myself(), last);
    tap_is(L4_ProcessorNo(), last, "and its caller");
    L4_Set_ProcessorNo(L4_Myself(), here);
    tap_is(L4_ProcessorNo(), here, "there and back");
    thread_destroy(&t);
}

int main(void)
{
    guest_begin();
    get_privilege();
    dests_and_schedulers();
    versions();
    inactive_moves();
    areas_stay();
    each_flag();
    set_while_it_waits();
    halted_while_it_waits();
    schedule_moves();
    return tap_done();
}

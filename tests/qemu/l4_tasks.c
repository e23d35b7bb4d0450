/* L4 tasks: made in four steps by a pager that gives them their pages, started by a message, and
 * ended; threads of one's own space, what ExchangeRegisters does to them, where their UTCBs are;
 * and areas that SpaceControl refuses. */
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/schedule.h>
#include <l4/thread.h>

#include "exo/abi/kip.h"
#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/string.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define KMEM_FRAMES 64u
#define LIVES       50u
#define AREA_BITS   16u
#define TASK_UTCBS  ((L4_Word_t)0x10000000)
#define TASK_KIP    ((L4_Word_t)0x20000000)
#define OWN_UTCBS   ((L4_Word_t)GUEST_FREE)
#define OWN_KIP     ((L4_Word_t)GUEST_FREE + 0x100000)
#define PATIENCE    (L4_TimePeriod(1000000))
#define NO_UTCB     ((void *)~(L4_Word_t)0)

static slot_t kmem;
static pfn_t kmem_first;
static vaddr_t code, data; /* pages of the task, as seen here */

static L4_ThreadId_t task_id(unsigned n)
{
    return L4_GlobalId(4000 + n, 1);
}

/* `made` is the result of a control call that shall fail. */
static void refused(L4_Word_t made, L4_Word_t error, const char *what)
{
    L4_Word_t code_now = L4_ErrorCode();

    if (!tap_ok(!made && code_now == error, what))
        tap_note("result %lu, error %lu", made, code_now);
}

/* Frames of the kernel memory that are tasks' or in UTCBs: the library takes some for itself. */
static uint32_t task_frames(void)
{
    uint32_t count = 0, me = (uint32_t)book_utcb()->env;

    for (pfn_t n = kmem_first; n < kmem_first + KMEM_FRAMES; n++) {
        const volatile struct frame_info *f = book_frame(n);
        count += f->type != FRAME_FREE && (f->owner != me || f->type == FRAME_UTCB);
    }
    return count;
}

static void privilege(void)
{
    L4_Word_t old;
    L4_ThreadId_t me = L4_Myself();

    refused(L4_ThreadControl(task_id(0), task_id(0), me, L4_nilthread, NO_UTCB),
            CALL_ERROR_NO_PRIVILEGE, "ThreadControl without privilege");
    refused(L4_SpaceControl(me, 0, L4_Nilpage, L4_Nilpage, L4_nilthread, &old),
            CALL_ERROR_NO_PRIVILEGE, "SpaceControl without privilege");
    tap_is(exo_env_privilege(SLOT_ENV, SLOT_CPU), ERR_BAD_CAP, "privilege by no machine");
    tap_is(exo_env_privilege(SLOT_ENV, SLOT_MACHINE), ERR_OK, "privilege by the machine");
    refused(L4_ThreadControl(task_id(0), task_id(0), me, L4_nilthread, NO_UTCB),
            CALL_ERROR_NO_MEMORY, "without kernel memory no task is made");
    kmem = guest_slot();
    region_find(KMEM_FRAMES, &kmem_first);
    exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, kmem_first, KMEM_FRAMES);
    tap_is(exo_env_kmem(SLOT_ENV, kmem), ERR_OK, "kernel memory is named");
}

/* The four steps, but for the message. False: one of them failed. */
static bool make_task(L4_ThreadId_t t)
{
    L4_ThreadId_t me = L4_Myself();
    L4_Word_t old;

    return L4_ThreadControl(t, t, me, L4_nilthread, NO_UTCB) &&
           L4_SpaceControl(t, 0, L4_FpageLog2(TASK_KIP, 12), L4_FpageLog2(TASK_UTCBS, AREA_BITS),
                           L4_nilthread, &old) &&
           L4_ThreadControl(t, t, L4_nilthread, me, (void *)TASK_UTCBS);
}

static L4_MsgTag_t start(L4_ThreadId_t t, L4_Word_t ip, L4_Word_t sp)
{
    L4_LoadMR(1, ip);
    L4_LoadMR(2, sp);
    L4_Set_MsgTag(L4_MsgTagMake(0, 2, 0));
    return L4_Send_Timeout(t, L4_ZeroTime);
}

/* Receives a page fault of `t` in the page of `at`, which asks for some of `rwx`, and maps `page`
 * there. */
static bool serve_fault(L4_ThreadId_t t, L4_Word_t at, L4_Word_t rwx, vaddr_t page,
                        L4_Word_t rights)
{
    L4_MsgTag_t tag = L4_Receive_Timeout(t, PATIENCE);
    L4_Word_t w[2];
    L4_Msg_t reply;

    L4_StoreMRs(1, 2, w);
    bool good = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == 2 && (w[0] ^ at) < PAGE_SIZE &&
                (L4_Label(tag) & ~(L4_Word_t)7) == LABEL_PAGE_FAULT << 16 >> 16 &&
                (L4_Label(tag) & rwx);
    if (!good)
        tap_note("tag %lx, fault at %lx, error %lx", tag.raw, w[0], L4_ErrorCode());
    L4_MsgClear(&reply);
    L4_MsgAppendMapItem(&reply, L4_MapItem(L4_FpageAddRights(L4_FpageLog2(page, 12), rights), at));
    L4_MsgLoad(&reply);
    return L4_IpcSucceeded(L4_Send_Timeout(t, L4_ZeroTime)) && good;
}

static void send_empty(L4_ThreadId_t t)
{
    L4_Set_MsgTag(L4_Niltag);
    L4_Send_Timeout(t, PATIENCE);
}

static void a_task(void)
{
    L4_ThreadId_t t = task_id(0);
    volatile uint64_t *counted = (volatile uint64_t *)data;

    *counted = 0;
    tap_ok(make_task(t), "a task: inactive thread, areas, active thread");
    tap_ok(L4_IpcSucceeded(start(t, RAW_CODE, RAW_STACK_TOP)), "it takes its pager's message");
    tap_ok(serve_fault(t, RAW_CODE, FPAGE_EXEC, code, L4_Readable | L4_eXecutable),
           "it starts where that says: its first instruction is a page fault");
    tap_ok(serve_fault(t, RAW_STACK_TOP - 8, FPAGE_WRITE, data, L4_ReadWriteOnly),
           "and has the stack that it says");
    for (unsigned i = 0; i < 3; i++)
        send_empty(t);
    tap_ok(serve_fault(t, RAW_DATA, FPAGE_READ | FPAGE_WRITE, data, L4_ReadWriteOnly),
           "it got a message: its data is a page fault");
    for (unsigned i = 0; i < 3; i++)
        send_empty(t);
    tap_is(guest_await(counted, 4), 4, "it receives messages");
    refused(L4_ThreadControl(t, L4_Myself(), L4_nilthread, L4_nilthread, NO_UTCB),
            CALL_ERROR_UTCB_AREA, "it does not move to where its UTCB has no place");
    tap_is(L4_ThreadControl(t, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB), 1, "it ends");
    send_empty(t);
    tap_is(L4_ErrorCode(), IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE), "and is nobody's partner");
    tap_is(task_frames(), 0, "its memory came back, the space's too");
}

/* Who waits for a message is taken to an empty space, from another CPU if there is one. It finds
 * its wait cancelled, and then none of its pages: stack, code, data. */
static void moved(void)
{
    L4_ThreadId_t t = task_id(4), there = task_id(5), me = L4_Myself();
    volatile uint64_t *counted = (volatile uint64_t *)data;
    L4_Word_t old;

    *counted = 0;
    tap_ok(make_task(t) && L4_IpcSucceeded(start(t, RAW_CODE, RAW_STACK_TOP)) &&
               serve_fault(t, RAW_CODE, FPAGE_EXEC, code, L4_Readable | L4_eXecutable) &&
               serve_fault(t, RAW_STACK_TOP - 8, FPAGE_WRITE, data, L4_ReadWriteOnly),
           "a task that waits for a message");
    L4_Set_ProcessorNo(t, KINFO->cpu_count - 1);
    guest_sleep(20000);
    tap_ok(L4_ThreadControl(there, there, me, L4_nilthread, NO_UTCB) &&
               L4_SpaceControl(there, 0, L4_FpageLog2(TASK_KIP, 12),
                               L4_FpageLog2(TASK_UTCBS, AREA_BITS), L4_nilthread, &old),
           "another space with the same areas");
    refused(L4_ThreadControl(t, there, L4_nilthread, L4_nilthread, (void *)(TASK_UTCBS + 4096)),
            CALL_ERROR_UTCB_AREA, "it cannot get another UTCB");
    tap_is(L4_ThreadControl(t, there, L4_nilthread, L4_nilthread, NO_UTCB), 1, "it moves there");
    tap_ok(serve_fault(t, RAW_STACK_TOP - 8, FPAGE_READ, data, L4_ReadWriteOnly),
           "it goes on: its stack is a page fault");
    tap_ok(serve_fault(t, RAW_CODE, FPAGE_EXEC, code, L4_Readable | L4_eXecutable),
           "its code, too");
    tap_ok(serve_fault(t, RAW_DATA, FPAGE_READ | FPAGE_WRITE, data, L4_ReadWriteOnly),
           "and its data");
    send_empty(t);
    guest_sleep(20000);
    tap_is(*counted, 2, "its IPC was cancelled, and it receives the next one");
    tap_is(L4_ThreadControl(t, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB), 1, "it ends");
    tap_is(L4_ThreadControl(there, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB), 1,
           "and so does the other thread there");
    tap_is(task_frames(), 0, "both spaces are gone");
}

static void many_lives(void)
{
    bool good = true;

    for (unsigned i = 0; i < LIVES; i++) {
        good &= make_task(task_id(1)) &&
                L4_IpcSucceeded(start(task_id(1), RAW_CODE, RAW_STACK_TOP)) &&
                serve_fault(task_id(1), RAW_CODE, FPAGE_EXEC, code, L4_Readable | L4_eXecutable);
        good &= L4_ThreadControl(task_id(1), L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB);
    }
    tap_ok(good, "fifty tasks, one after the other, ended in a page fault");
    tap_is(task_frames(), 0, "nothing of them stays");
}

static volatile uint64_t rounds;

static void count(void)
{
    for (;;) {
        rounds++;
        L4_Sleep(L4_TimePeriod(1000));
    }
}

static volatile L4_Word_t own_end; /* 1 + its error */

static void end_itself(void)
{
    bool ended = L4_ThreadControl(L4_Myself(), L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB);

    own_end = 1 + (ended ? 0 : L4_ErrorCode());
    count();
}

static bool is_counting(void)
{
    uint64_t before = rounds;

    guest_sleep(50000);
    return rounds > before;
}

static void own_threads(void)
{
    L4_ThreadId_t me = L4_Myself(), t = task_id(2);
    vaddr_t stack = 0;
    L4_Word_t old;

    vm_map(&stack, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    vm_populate(stack, PAGE_SIZE);
    guest_tables(SLOT_ENV, OWN_UTCBS);
    tap_is(L4_SpaceControl(me, 0, L4_FpageLog2(OWN_KIP, 12), L4_FpageLog2(OWN_UTCBS, AREA_BITS),
                           L4_nilthread, &old),
           1, "a program's own space gets areas");
    tap_is(((volatile struct kip *)OWN_KIP)->magic, KIP_MAGIC, "the interface page is there");
    tap_is((vaddr_t)L4_GetKernelInterface(), OWN_KIP, "and `lock; nop` says so");
    tap_is(L4_ThreadControl(t, me, me, me, (void *)OWN_UTCBS), 1, "and an L4 thread");
    tap_is(L4_LocalIdOf(t).raw, OWN_UTCBS + UTCB_MR, "its local ID");
    tap_is(L4_GlobalIdOf(L4_LocalIdOf(t)).raw, t.raw, "and back");
    tap_ok(!is_counting(), "it waits for its start");
    L4_Start_SpIp(t, stack + PAGE_SIZE - 8, (L4_Word_t)count);
    tap_ok(is_counting(), "ExchangeRegisters starts it without a message");
    L4_Stop(t);
    tap_ok(!is_counting(), "and halts it");
    L4_Start(t);
    tap_ok(is_counting(), "and lets it go on");
    L4_Set_UserDefinedHandleOf(t, 4711);
    tap_is(L4_UserDefinedHandleOf(t), 4711, "and changes its words");
    tap_is(L4_LocalIdOf(task_id(9)).raw, L4_nilthread.raw, "a thread that is none");
    tap_is(L4_ErrorCode(), CALL_ERROR_THREAD, "is unavailable");
    refused(L4_ThreadControl(me, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB),
            CALL_ERROR_THREAD, "nobody ends itself");
    L4_Start_SpIp(t, stack + PAGE_SIZE - 8, (L4_Word_t)end_itself);
    tap_ok(is_counting() && own_end == 1 + CALL_ERROR_THREAD, "nor does a thread of L4's");
    tap_is(L4_ThreadControl(t, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB), 1,
           "another may");
    tap_ok(!is_counting(), "and it runs no more");
}

static void relocation(void)
{
    L4_ThreadId_t me = L4_Myself(), t = task_id(4), other = task_id(5);
    L4_Word_t at = OWN_UTCBS + 2 * UTCB_BYTES;

    tap_is(L4_ThreadControl(t, me, me, L4_nilthread, (void *)OWN_UTCBS), 1,
           "an inactive thread is told where its UTCB will be");
    refused(L4_ThreadControl(other, me, me, me, (void *)OWN_UTCBS), CALL_ERROR_UTCB_AREA,
            "nobody else gets that place");
    refused(L4_ThreadControl(t, me, L4_nilthread, L4_nilthread, (void *)OWN_KIP),
            CALL_ERROR_UTCB_AREA, "it is not told a place outside of the area");
    tap_is(L4_ThreadControl(t, me, L4_nilthread, L4_nilthread, (void *)at), 1,
           "but another one inside");
    tap_is(L4_ThreadControl(other, me, me, me, (void *)OWN_UTCBS), 1, "the first one is free");
    tap_is(L4_ThreadControl(t, me, L4_nilthread, me, NO_UTCB), 1,
           "made active without a word of it");
    tap_is(L4_LocalIdOf(t).raw, at + UTCB_MR, "it has its UTCB where it was told last");
    tap_is(((volatile L4_Word_t *)(at + UTCB_MR))[TCR_GLOBAL_ID], t.raw, "and its words are there");
    refused(L4_ThreadControl(t, me, L4_nilthread, L4_nilthread, (void *)(at + UTCB_BYTES)),
            CALL_ERROR_UTCB_AREA, "an active thread's UTCB stays");
    L4_ThreadControl(t, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB);
    L4_ThreadControl(other, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB);
}

static void area_refused(L4_Word_t space, L4_Word_t kip, L4_Word_t utcbs, L4_Word_t error,
                         const char *what)
{
    const uint32_t frames = task_frames();
    L4_Word_t old;

    refused(L4_SpaceControl(L4_ThreadIdOf(space), 0, L4_FpageOf(kip), L4_FpageOf(utcbs),
                            L4_nilthread, &old),
            error, what);
    if (task_frames() != frames)
        tap_ok(false, "and nothing was made");
}

static void areas(void)
{
    const L4_Word_t kip = L4_FpageLog2(TASK_KIP, 12).raw;
    const L4_Word_t utcbs = L4_FpageLog2(TASK_UTCBS, AREA_BITS).raw, kernel = (L4_Word_t)-1 << 47;
    L4_ThreadId_t me = L4_Myself(), t = task_id(6);
    L4_Word_t old;

    L4_ThreadControl(t, t, me, L4_nilthread, NO_UTCB);
    area_refused(L4_nilthread.raw, kip, utcbs, CALL_ERROR_SPACE, "areas of no space");
    area_refused(task_id(7).raw, kip, utcbs, CALL_ERROR_SPACE, "of the space of no thread");
    area_refused(t.raw, kip, 0, CALL_ERROR_UTCB_AREA, "no area of UTCBs");
    area_refused(t.raw, kip, L4_FpageLog2(TASK_UTCBS, 11).raw, CALL_ERROR_UTCB_AREA,
                 "one smaller than a UTCB");
    area_refused(t.raw, kip, kernel | 12 << 4, CALL_ERROR_UTCB_AREA, "in the kernel's half");
    area_refused(t.raw, kip, L4_CompleteAddressSpace.raw, CALL_ERROR_UTCB_AREA, "everywhere");
    area_refused(t.raw, 0, utcbs, CALL_ERROR_KIP_AREA, "no area of the interface page");
    area_refused(t.raw, L4_FpageLog2(TASK_KIP, 11).raw, utcbs, CALL_ERROR_KIP_AREA,
                 "a smaller one");
    area_refused(t.raw, kernel | 12 << 4, utcbs, CALL_ERROR_KIP_AREA, "one in the kernel's half");
    area_refused(t.raw, L4_FpageLog2(TASK_UTCBS, 12).raw, utcbs, CALL_ERROR_KIP_AREA,
                 "one that overlaps the UTCBs");
    refused(L4_ThreadControl(t, t, L4_nilthread, me, (void *)TASK_UTCBS), CALL_ERROR_SPACE,
            "nothing of that was done: no thread becomes active there");
    tap_is(L4_SpaceControl(t, 0, L4_FpageOf(kip), L4_FpageOf(utcbs), L4_nilthread, &old), 1,
           "areas that are good");
    tap_is(L4_ThreadControl(t, t, L4_nilthread, me, (void *)TASK_UTCBS), 1, "and it does");
    tap_is(L4_ThreadControl(t, L4_nilthread, L4_nilthread, L4_nilthread, NO_UTCB), 1, "it ends");
    tap_is(task_frames(), 0, "with all that was its");
}

static void revoked(void)
{
    tap_ok(make_task(task_id(3)), "one more task");
    tap_is(exo_cap_delete(kmem), ERR_OK, "its kernel memory is taken back");
    send_empty(task_id(3));
    tap_is(L4_ErrorCode(), IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE), "and the task with it");
    tap_is(task_frames(), 0, "all of it");
}

int main(void)
{
    guest_begin();
    vm_map(&code, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);
    vm_map(&data, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    memcpy((void *)code, blob_wait_ipc, (size_t)(blob_wait_ipc_end - blob_wait_ipc));
    ((volatile uint64_t *)data)[0] = 0;
    privilege();
    a_task();
    moved();
    many_lives();
    own_threads();
    relocation();
    areas();
    revoked();
    return tap_done();
}

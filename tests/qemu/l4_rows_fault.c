/* L4 faults and exceptions as the reference words them: pagers that are slow, useless or gone, a
 * fault that is aborted, and what a reply to an exception sets. */
#include <l4/ipc.h>
#include <l4/schedule.h>
#include <l4/thread.h>

#include "exo/abi/l4.h"
#include "exo/abi/x86_64/exception.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/thread.h"
#include "libos/vm.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define SECOND  (L4_TimePeriod(1000000))
#define TEN_MS  (L4_TimePeriod(10000))
#define ARRIVED (RAW_CODE + 0x100000)

static uint32_t there(void)
{
    return KINFO->cpu_count > 1 ? 1 : THREAD_CPU_HERE;
}

struct sender {
    struct thread thread;
    L4_ThreadId_t to;
    volatile L4_Word_t error;
    volatile uint64_t back;
};

static void send_briefly(void *argument)
{
    struct sender *s = argument;

    L4_Set_MsgTag(L4_Niltag);
    if (L4_IpcFailed(L4_Send_Timeout(s->to, TEN_MS)))
        s->error = L4_ErrorCode();
    s->back = 1;
}

/* Was it a page fault of `r`, at ARRIVED? */
static bool fault_of(const struct raw *r)
{
    L4_MsgTag_t tag = L4_Receive_Timeout(L4_ThreadIdOf(r->id), SECOND);
    bool good = L4_IpcSucceeded(tag) && L4_UntypedWords(tag) == 2 && L4_Utcb()[1] == ARRIVED &&
                L4_Utcb()[2] == RAW_CODE;

    if (!good)
        tap_note("tag %lx: %lx %lx, error %lx", tag.raw, L4_Utcb()[1], L4_Utcb()[2],
                 L4_ErrorCode());
    return good;
}

static void slow_and_useless_pager(vaddr_t page)
{
    static struct sender other;
    struct raw r;
    L4_Msg_t m;

    raw_make(&r, BLOB(load));
    raw_mr(&r)[TCR_PAGER] = L4_MyGlobalId().raw;
    raw_start(&r, ARRIVED);
    guest_sleep(20000);
    tap_ok(fault_of(&r), "a fault waits for a pager that is busy");
    other = (struct sender){.to = L4_ThreadIdOf(r.id)};
    thread_run(&other.thread, send_briefly, &other, there(), THREAD_PRIORITY + 1);
    guest_await(&other.back, 1);
    tap_is(other.error, IPC_ERROR(IPC_TIMEOUT, IPC_SEND_PHASE), "nobody but the pager answers it");
    thread_join(&other.thread);
    for (unsigned i = 0; i < 3; i++) {
        L4_Set_MsgTag(L4_Niltag);
        L4_Reply(L4_ThreadIdOf(r.id));
        tap_ok(fault_of(&r), "after an answer without use the fault comes again");
    }
    tap_is(*raw_data(&r), 0, "it did not go on");
    L4_MsgClear(&m);
    L4_MsgAppendMapItem(
        &m, L4_MapItem(L4_FpageAddRights(L4_FpageLog2(page, 12), L4_Readable), ARRIVED));
    L4_MsgLoad(&m);
    L4_Reply(L4_ThreadIdOf(r.id));
    tap_is(guest_await(raw_data(&r), 1), 0x4711, "after one with a page it does");
    raw_destroy(&r);
}

static void pager_that_goes(void)
{
    struct raw r, pager;

    raw_make(&pager, BLOB(pct_serve));
    raw_start(&pager, 0);
    raw_make(&r, BLOB(load));
    raw_mr(&r)[TCR_PAGER] = pager.id;
    raw_start(&r, ARRIVED);
    guest_sleep(20000);
    raw_destroy(&pager);
    tap_is(raw_wait(&r), ERR_OK, "a pager that goes ends who waits for it");
    raw_destroy(&r);
}

static volatile uint64_t kept_near, kept_far, kept;

static void after_fault(void)
{
    kept_near = L4_Utcb()[3];
    kept_far = L4_Utcb()[40];
    kept = 1;
    L4_Sleep(L4_Never);
}

static void fault_for_ever(void *argument)
{
    book_utcb()->entry[UPCALL_FAULT] = 0;
    L4_Set_Pager(L4_ThreadIdOf(*(const L4_Word_t *)argument));
    L4_LoadMR(3, 333);
    L4_LoadMR(40, 4040);
    (void)*(volatile L4_Word_t *)GUEST_FREE;
    kept = 2;
}

static void fault_that_is_aborted(void)
{
    struct raw idle;
    struct thread t;
    vaddr_t stack = 0;
    L4_Word_t old, state = 0;

    vm_map(&stack, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    vm_populate(stack, PAGE_SIZE);
    raw_make(&idle, BLOB(pct_serve));
    raw_start(&idle, 0);
    L4_Word_t pager = idle.id;
    thread_run(&t, fault_for_ever, &pager, there(), THREAD_PRIORITY + 1);
    for (unsigned i = 0; i < 1000 && state != L4_SCHEDRESULT_PENDING_SEND; i++) {
        guest_sleep(1000);
        state = L4_Schedule(L4_ThreadIdOf(t.id), ~0ul, ~0ul, ~0ul, ~0ul, &old);
    }
    tap_is(state, L4_SCHEDRESULT_PENDING_SEND, "a page fault waits for its pager");
    L4_Start_SpIp(L4_ThreadIdOf(t.id), stack + PAGE_SIZE - 8, (L4_Word_t)after_fault);
    tap_is(guest_await(&kept, 1), 1, "ExchangeRegisters aborts it");
    tap_ok(kept_near == 333 && kept_far == 4040, "the message registers are as they were");
    thread_destroy(&t);
    raw_destroy(&idle);
}

/* Meets an exception, and tells which of its registers changed. */
static void meet_exception(void *argument)
{
    L4_ThreadId_t handler = L4_ThreadIdOf(*(const L4_Word_t *)argument);
    L4_Word_t rax = 5, rbx = 6, flags;

    book_utcb()->entry[UPCALL_EXCEPTION] = 0;
    L4_Set_ExceptionHandler(handler);
    for (unsigned i = 0; i < 2; i++) {
        __asm__ volatile(
            "ud2\n\tleaq -128(%%rsp), %%rsp\n\tpushfq\n\tpopq %2\n\tleaq 128(%%rsp), %%rsp"
            : "+a"(rax), "+b"(rbx), "=c"(flags)
            :
            : "memory", "cc");
        L4_LoadMR(1, rax);
        L4_LoadMR(2, rbx);
        L4_LoadMR(3, flags);
        L4_Set_MsgTag(L4_MsgTagMake(1, 3, 0));
        L4_Send(handler);
    }
    L4_Sleep(L4_Never);
}

#define IOPL      ((L4_Word_t)3 << 12)
#define INTERRUPT ((L4_Word_t)1 << 9)

static void replies_to_exceptions(void)
{
    struct thread t;
    L4_Word_t me = L4_Myself().raw;
    L4_ThreadId_t from;

    thread_run(&t, meet_exception, &me, there(), THREAD_PRIORITY + 1);
    L4_Wait_Timeout(SECOND, &from);
    L4_Utcb()[EXCEPTION_IP] += 2;
    L4_LoadMR(2, 66); /* rbx; those that follow are not sent */
    L4_LoadMR(EXCEPTION_RAX, 55);
    L4_Set_MsgTag(L4_MsgTagMake(0, 2, 0));
    L4_MsgTag_t tag = L4_Call_Timeouts(from, SECOND, SECOND);
    tap_ok(L4_Label(tag) == 1 && L4_Utcb()[1] == 5 && L4_Utcb()[2] == 66,
           "a reply of two words changes those registers and no others");
    L4_Wait_Timeout(SECOND, &from);
    L4_Utcb()[EXCEPTION_IP] += 2;
    L4_Utcb()[EXCEPTION_FLAGS] = (L4_Utcb()[EXCEPTION_FLAGS] | IOPL | 1) & ~INTERRUPT;
    L4_Set_MsgTag(L4_MsgTagMake(0, EXCEPTION_LAST, 0));
    tag = L4_Call_Timeouts(from, SECOND, SECOND);
    tap_ok(L4_Label(tag) == 1 && (L4_Utcb()[3] & (IOPL | INTERRUPT | 1)) == (INTERRUPT | 1),
           "a reply sets the user's flags, and not the privileged ones");
    thread_destroy(&t);
}

int main(void)
{
    vaddr_t page = 0;

    guest_begin();
    vm_map(&page, PAGE_SIZE, RIGHT_READ | RIGHT_WRITE);
    *(volatile uint64_t *)page = 0x4711;
    slow_and_useless_pager(page);
    pager_that_goes();
    fault_that_is_aborted();
    replies_to_exceptions();
    return tap_done();
}

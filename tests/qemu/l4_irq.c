/* A driver written to L4 X.2: the battery clock's interrupts come as messages of its line.
 * Association and its errors, masking, interrupts that come meanwhile, and what ends it; as
 * `l4_irq_smp` with the handler on the other CPU, too. */
#include <l4/ipc.h>
#include <l4/kip.h>
#include <l4/schedule.h>
#include <l4/thread.h>

#include "exo/abi/cap.h"
#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/region.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define INDEX     0x70u
#define DATA      0x71u
#define REG_A     0x0au
#define REG_B     0x0bu
#define REG_C     0x0cu
#define RATE_32HZ 0x2bu
#define PERIODIC  0x40u
#define TICKS     8u
#define CONSOLE   4u
#define PATIENCE  (L4_TimePeriod(2000000))
#define PAUSE     (L4_TimePeriod(200000)) /* six ticks */

static const L4_ThreadId_t line = {.raw = (L4_Word_t)8 << 32 | 1};
static slot_t kmem;

static word_t clock_read(uint32_t reg)
{
    word_t value = ~(word_t)0;

    exo_port_write(SLOT_PORTS, INDEX, 1, reg);
    exo_port_read_get(SLOT_PORTS, DATA, 1, &value);
    return value;
}

static void clock_write(uint32_t reg, uint32_t value)
{
    exo_port_write(SLOT_PORTS, INDEX, 1, reg);
    exo_port_write(SLOT_PORTS, DATA, 1, value);
}

static void clock_run(bool on)
{
    uint32_t mode = (uint32_t)clock_read(REG_B) & ~PERIODIC;

    clock_write(REG_A, RATE_32HZ);
    clock_write(REG_B, on ? mode | PERIODIC : mode);
    clock_read(REG_C);
}

static void failed(L4_MsgTag_t tag, L4_Word_t error, const char *what)
{
    if (!tap_ok(L4_IpcFailed(tag) && L4_ErrorCode() == error, what))
        tap_note("tag %lx, error %lx", tag.raw, L4_ErrorCode());
}

static void refused(L4_Word_t done, L4_Word_t error, const char *what)
{
    L4_Word_t code = L4_ErrorCode();

    if (!tap_ok(!done && code == error, what))
        tap_note("result %lu, error %lu", done, code);
}

static void errors(void)
{
    L4_ThreadId_t me = L4_Myself(), none = L4_GlobalId(4000, 1);
    L4_KernelInterfacePage_t *kip = L4_GetKernelInterface();
    L4_Word_t lines = L4_ThreadIdSystemBase(kip);
    pfn_t first;

    refused(L4_AssociateInterrupt(line, me), CALL_ERROR_NO_PRIVILEGE,
            "a line is not associated without privilege");
    exo_env_privilege(SLOT_ENV, SLOT_MACHINE);
    refused(L4_AssociateInterrupt(line, me), CALL_ERROR_NO_MEMORY, "nor without kernel memory");
    kmem = guest_slot();
    region_find(1, &first);
    exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, first, 1);
    exo_env_kmem(SLOT_ENV, kmem);
    tap_is(lines, IRQ_LINES, "the interface page says how many lines there are");
    refused(L4_AssociateInterrupt(L4_GlobalId((unsigned)lines, 1), me), CALL_ERROR_THREAD,
            "there is no line behind them");
    refused(L4_AssociateInterrupt(L4_GlobalId(CONSOLE, 1), me), CALL_ERROR_THREAD,
            "a line of the kernel's own");
    refused(L4_AssociateInterrupt(line, none), CALL_ERROR_THREAD, "a handler that is none");
    refused(L4_Set_Priority(line, 90), CALL_ERROR_THREAD,
            "the priority of a line that is not associated");
    L4_Set_MsgTag(L4_Niltag);
    failed(L4_Send(line), IPC_ERROR(IPC_NO_PARTNER, IPC_SEND_PHASE), "it is no partner, either");
}

/* The loop of the reference. True: so many interrupts came, each as it should. */
static bool serve(L4_Word_t flags)
{
    L4_ThreadId_t from;
    bool good = true;

    for (unsigned i = 0; i < TICKS; i++) {
        L4_Set_MsgTag(L4_Niltag);
        L4_MsgTag_t tag = L4_ReplyWait_Timeout(line, PATIENCE, &from);
        bool came = from.raw == line.raw && tag.raw == (TAG_MAKE(LABEL_INTERRUPT, 0, 0) | flags);
        if (!came)
            tap_note("tag %lx from %lx, error %lx", tag.raw, from.raw, L4_ErrorCode());
        good &= came;
        clock_read(REG_C);
    }
    L4_Set_MsgTag(L4_Niltag);
    return good & L4_IpcSucceeded(L4_Reply(line));
}

static volatile L4_Word_t stranger_error;

static void acknowledge_as_stranger(void *unused)
{
    (void)unused;
    L4_Set_MsgTag(L4_Niltag);
    stranger_error = L4_IpcFailed(L4_Reply(line)) ? L4_ErrorCode() : 0;
}

/* The line is masked, and stays so. */
static void wrong_answers(void)
{
    struct thread stranger;
    L4_ThreadId_t from;
    L4_Msg_t m;

    thread_run(&stranger, acknowledge_as_stranger, NULL, THREAD_CPU_HERE, THREAD_PRIORITY);
    thread_join(&stranger);
    tap_is(stranger_error, IPC_ERROR(IPC_TIMEOUT, IPC_SEND_PHASE), "only the handler acknowledges");
    L4_MsgClear(&m);
    L4_MsgAppendMapItem(&m, L4_MapItem(L4_CompleteAddressSpace, 0));
    L4_MsgLoad(&m);
    failed(L4_Reply(line), IPC_ERROR(IPC_OVERFLOW, IPC_SEND_PHASE), "and without items");
    failed(L4_Wait_Timeout(PAUSE, &from), IPC_ERROR(IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "after neither the line is open");
}

static void interrupts(void)
{
    L4_ThreadId_t from;

    tap_is(L4_AssociateInterrupt(line, L4_Myself()), 1, "the clock's line is associated");
    tap_is(L4_Set_Priority(line, 90), L4_SCHEDRESULT_WAITING, "now it has a priority");
    failed(L4_Receive_Timeout(line, PAUSE), IPC_ERROR(IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "the clock does not interrupt by itself");
    clock_run(true);
    tap_ok(serve(0), "it does when told to, again and again");
    tap_ok(L4_IpcSucceeded(L4_Wait_Timeout(PATIENCE, &from)), "one more");
    clock_read(REG_C);
    guest_sleep(100000);
    clock_read(REG_C);
    guest_sleep(100000);
    clock_read(REG_C);
    failed(L4_Wait_Timeout(L4_ZeroTime, &from), IPC_ERROR(IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "the line is masked until that is acknowledged");
    wrong_answers();
    clock_run(false);
    L4_Set_MsgTag(L4_Niltag);
    tap_ok(L4_IpcSucceeded(L4_ReplyWait_Timeout(line, L4_ZeroTime, &from)),
           "then what came meanwhile is told at once");
    L4_Set_MsgTag(L4_Niltag);
    failed(L4_ReplyWait_Timeout(line, PAUSE, &from), IPC_ERROR(IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "and once");
}

static void pending(void)
{
    L4_ThreadId_t from;

    clock_run(true);
    guest_sleep(100000);
    tap_is(L4_Set_Priority(line, 80), L4_SCHEDRESULT_PENDING_SEND,
           "an interrupt stays pending while its handler does something else");
    tap_ok(L4_IpcSucceeded(L4_Wait_Timeout(L4_ZeroTime, &from)) && from.raw == line.raw,
           "it is there when the handler waits");
    clock_read(REG_C);
    tap_ok(serve(0), "and those after it");
}

static volatile bool served;

static void serve_there(void *main_thread)
{
    L4_Receive_Timeout(L4_ThreadIdOf(*(const L4_Word_t *)main_thread), PATIENCE);
    served = serve(L4_ProcessorNo() ? TAG_CROSS : 0);
}

/* A handler in a thread of its own; it ends, and with it what it was to be told. */
static void another_handler(uint32_t cpu)
{
    struct thread thread;
    L4_Word_t me = L4_Myself().raw;
    L4_ThreadId_t from;

    served = false;
    thread_run(&thread, serve_there, &me, cpu, THREAD_PRIORITY + 1);
    tap_is(L4_AssociateInterrupt(line, L4_ThreadIdOf(thread.id)), 1, "another thread handles it");
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(L4_ThreadIdOf(thread.id));
    clock_read(REG_C);
    for (unsigned i = 0; i < 100 && !served; i++)
        guest_sleep(20000);
    tap_ok(served, "and gets its interrupts");
    thread_join(&thread);
    guest_sleep(100000);
    failed(L4_Wait_Timeout(L4_ZeroTime, &from), IPC_ERROR(IPC_TIMEOUT, IPC_RECEIVE_PHASE),
           "when it has gone nobody gets them");
    tap_is(L4_AssociateInterrupt(line, L4_Myself()), 1, "the line can be associated again");
    clock_read(REG_C);
    tap_ok(serve(0), "and tells its new handler");
}

static void ends(void)
{
    slot_t notification = guest_slot();

    exo_notification_create(SLOT_MEMORY, PFN_ANY, notification);
    tap_is(exo_irq_bind(SLOT_IRQ, 8, notification, 1), ERR_IN_USE,
           "a line that is associated is not bound");
    tap_is(L4_DeassociateInterrupt(line), 1, "it is deassociated");
    failed(L4_Receive_Timeout(line, L4_ZeroTime), IPC_ERROR(IPC_NO_PARTNER, IPC_RECEIVE_PHASE),
           "and is nobody's partner");
    tap_is(exo_irq_bind(SLOT_IRQ, 8, notification, 1), ERR_OK, "now it is bound");
    refused(L4_AssociateInterrupt(line, L4_Myself()), CALL_ERROR_THREAD, "and not associated");
    exo_irq_bind(SLOT_IRQ, 8, SLOT_NONE, 0);
    tap_is(L4_AssociateInterrupt(line, L4_Myself()), 1, "it is associated once more");
    tap_is(exo_cap_delete(kmem), ERR_OK, "the kernel memory is taken back");
    failed(L4_Receive_Timeout(line, L4_ZeroTime), IPC_ERROR(IPC_NO_PARTNER, IPC_RECEIVE_PHASE),
           "the association went with it");
    clock_run(false);
}

int main(void)
{
    guest_begin();
    errors();
    interrupts();
    pending();
    another_handler(THREAD_CPU_HERE);
    if (L4_NumProcessors(L4_GetKernelInterface()) > 1)
        another_handler(1);
    ends();
    return tap_done();
}

/* A level-triggered interrupt line: a serial port in loopback mode holds it until its byte is read.
 * By IPC, whose handler's answer releases the line, and by a notification, which binding it again
 * does. */
#include <l4/arch.h>
#include <l4/kip.h>
#include <l4/schedule.h>
#include <l4/sigma0.h>
#include <l4/thread.h>

#include "exo/abi/cap.h"
#include "exo/abi/l4.h"
#include "libos/book.h"
#include "libos/call.h"
#include "libos/clock.h"
#include "libos/notify.h"
#include "libos/region.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define LINE        10u
#define UART        0x2e8u
#define IER         1u
#define FIFO        2u
#define MODEM       4u
#define LOOP        0x1bu /* its output is its input; interrupts go out */
#define KMEM_FRAMES 2u    /* the line's thread, the ports */
#define BIT         4u
#define OTHER_BIT   8u
#define PATIENCE    (L4_TimePeriod(2000000))
#define PAUSE       (L4_TimePeriod(50000))
#define ASKED       5u

static const L4_ThreadId_t line = {.raw = (L4_Word_t)LINE << 32 | 1};
static slot_t note;

static void uart_write(uint16_t reg, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "d"((uint16_t)(UART + reg)));
}

/* Raises the line, until the byte is read. */
static void put(uint8_t byte)
{
    uart_write(0, byte);
}

static uint8_t get(void)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"((uint16_t)UART));
    return value;
}

/* I/O instructions of a thread that takes no exceptions are the kernel's. */
static void use_instructions(void)
{
    book_utcb()->entry[UPCALL_EXCEPTION] = 0;
}

static void prepare(void)
{
    slot_t kmem = guest_slot();
    pfn_t first;

    exo_env_privilege(SLOT_ENV, SLOT_MACHINE);
    region_promise(KMEM_FRAMES, &first);
    exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, first, KMEM_FRAMES);
    exo_env_kmem(SLOT_ENV, kmem);
    L4_ThreadId_t sigma1 = L4_GlobalId(L4_ThreadIdUserBase(L4_GetKernelInterface()) + 1, 1);
    L4_Fpage_t ports = L4_IoFpageLog2(UART, 3);
    tap_ok(!L4_IsNilFpage(L4_Sigma0_GetPage_RcvWindow(sigma1, ports, ports)),
           "the port's registers");
    use_instructions();
    uart_write(FIFO, 0);
    uart_write(MODEM, LOOP);
    uart_write(IER, 1);
}

static void silent(L4_MsgTag_t tag, const char *what)
{
    if (!tap_ok(L4_IpcFailed(tag) && L4_ErrorCode() == IPC_ERROR(IPC_TIMEOUT, IPC_RECEIVE_PHASE),
                what))
        tap_note("tag %lx, error %lx", tag.raw, L4_ErrorCode());
}

static bool told(L4_Time_t patience, bool answers)
{
    L4_ThreadId_t from;

    L4_Set_MsgTag(L4_Niltag);
    L4_MsgTag_t tag =
        answers ? L4_ReplyWait_Timeout(line, patience, &from) : L4_Wait_Timeout(patience, &from);
    return L4_IpcSucceeded(tag) && from.raw == line.raw &&
           (tag.raw & ~TAG_CROSS) == TAG_MAKE(LABEL_INTERRUPT, 0, 0);
}

static L4_MsgTag_t answer_and_wait(void)
{
    L4_ThreadId_t from;

    L4_Set_MsgTag(L4_Niltag);
    return L4_ReplyWait_Timeout(line, PAUSE, &from);
}

static void by_ipc(void)
{
    L4_ThreadId_t from;
    bool again = true;

    tap_is(L4_AssociateInterrupt(line, L4_Myself()), 1, "the line is associated");
    silent(L4_Wait_Timeout(PAUSE, &from), "it is low");
    put('a');
    tap_ok(told(PATIENCE, false), "a byte comes: it is told");
    silent(L4_Wait_Timeout(PAUSE, &from), "once, though it stays high");
    for (unsigned i = 0; i < ASKED; i++)
        again &= told(PATIENCE, true);
    tap_ok(again, "an answer that has not served the device: it is told again and again");
    tap_is((long)get(), 'a', "the byte is read");
    silent(answer_and_wait(), "after the answer it is silent");
    for (unsigned i = 0; i < 100; i++) {
        put((uint8_t)i);
        again = told(PATIENCE, false) && get() == i && again;
        L4_Set_MsgTag(L4_Niltag);
        again &= L4_IpcSucceeded(L4_Reply(line));
    }
    tap_ok(again, "a hundred bytes, each an interrupt");
    put('b');
    tap_ok(told(PATIENCE, false), "one more, which is not answered");
    tap_is(L4_DeassociateInterrupt(line), 1, "the line is deassociated");
}

static volatile bool served;

static void serve_there(void *unused)
{
    (void)unused;
    use_instructions();
    served = told(PATIENCE, false) && get() == 'b';
    L4_Set_MsgTag(L4_Niltag);
    L4_Reply(line);
    served = served && told(PATIENCE, false) && get() == 'c';
}

/* As `level_smp` on the other CPU. */
static void by_another_thread(uint32_t cpu)
{
    struct thread thread;

    served = false;
    put('b'); /* nobody listens; the first time it was there already */
    thread_run(&thread, serve_there, NULL, cpu, THREAD_PRIORITY + 1);
    tap_is(L4_AssociateInterrupt(line, L4_ThreadIdOf(thread.id)), 1, "another thread handles it");
    guest_sleep(100000);
    put('c');
    for (unsigned i = 0; i < 100 && !served; i++)
        guest_sleep(20000);
    tap_ok(served, "it is told of the byte that was there, and of the next");
    thread_join(&thread);
    put('d');
    guest_sleep(50000);
    tap_is(L4_AssociateInterrupt(line, L4_Myself()), 1, "when it has gone the line is associated");
    tap_ok(told(PATIENCE, false), "and told to its new handler");
    get();
    silent(answer_and_wait(), "who serves it");
    tap_is(L4_DeassociateInterrupt(line), 1, "deassociated");
}

static bool raised(uint64_t patience)
{
    return notify_until(note, BIT, clock_deadline(patience), NULL) == ERR_OK;
}

static void by_notification(void)
{
    bool again = true;

    notify_new(&note);
    tap_is(exo_irq_bind(SLOT_IRQ, LINE, note, BIT), ERR_OK, "the line is bound to a notification");
    tap_ok(!raised(50000), "it is low");
    put('e');
    tap_ok(raised(2000000), "a byte comes: it is raised");
    tap_ok(!raised(50000), "once");
    for (unsigned i = 0; i < ASKED; i++)
        again &= exo_irq_bind(SLOT_IRQ, LINE, note, BIT) == ERR_OK && raised(2000000);
    tap_ok(again, "bound just so again: it is raised again");
    tap_is((long)get(), 'e', "the byte is read");
    tap_is(exo_irq_bind(SLOT_IRQ, LINE, note, BIT), ERR_OK, "bound again");
    tap_ok(!raised(50000), "it is silent");
    put('f');
    tap_ok(raised(2000000), "another byte");
    tap_is(exo_irq_bind(SLOT_IRQ, LINE, SLOT_NONE, 0), ERR_OK, "unbound as it is high");
    tap_is(exo_irq_bind(SLOT_IRQ, LINE, note, OTHER_BIT), ERR_OK, "and bound with other bits");
    tap_is(notify_until(note, OTHER_BIT, clock_deadline(2000000), NULL), ERR_OK,
           "which are raised at once");
    get();
}

int main(void)
{
    guest_begin();
    prepare();
    by_ipc();
    by_another_thread(THREAD_CPU_HERE);
    if (L4_NumProcessors(L4_GetKernelInterface()) > 1)
        by_another_thread(1);
    by_notification();
    return tap_done();
}

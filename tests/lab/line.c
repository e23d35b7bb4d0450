/* Experiment: an interrupt, from the instruction that it interrupts to its handler, a thread of
 * higher priority that waits for it by L4 IPC. */
#include <l4/ipc.h>
#include <l4/thread.h>

#include "libos/call.h"
#include "libos/region.h"
#include "libos/slots.h"
#include "libos/thread.h"
#include "tests/lab/lab.h"

#define KEY "ipc.irq"

/* The battery clock. Once a second it notes that it has counted on; when its interrupt is allowed
 * after that it comes at once. */
#define LINE    8u
#define INDEX   0x70u
#define DATA    0x71u
#define REG_B   0x0bu
#define REG_C   0x0cu
#define UPDATED 0x10u
#define SECOND  (L4_TimePeriod(1100000))

static struct lab_series plain, series;
static uint64_t before; /* the interrupted thread is about to write */
static uint32_t allow;  /* what it writes                           */
static uint32_t wrote;  /* and how long that took                   */

static word_t clock_read(uint32_t reg)
{
    word_t value = 0;

    exo_port_write(SLOT_PORTS, INDEX, 1, reg);
    exo_port_read_get(SLOT_PORTS, DATA, 1, &value);
    return value;
}

/* The thread that is interrupted, where the call that makes the line fire returns. */
static void interrupted(void *main_thread)
{
    L4_ThreadId_t main_id = L4_ThreadIdOf(*(const uint64_t *)main_thread);

    for (;;) {
        L4_Receive(main_id);
        before = lab_stamp();
        exo_port_write(SLOT_PORTS, DATA, 1, allow);
        wrote = (uint32_t)(lab_stamp() - before);
    }
}

/* One round; the ticks from the thread's stamp to ours. */
static uint64_t round_ticks(L4_ThreadId_t line, L4_ThreadId_t other, bool fires)
{
    uint32_t mode = (uint32_t)clock_read(REG_B) & ~UPDATED;

    L4_Sleep(SECOND);
    clock_read(REG_B); /* so that this register is the one that is written */
    allow = fires ? mode | UPDATED : mode;
    L4_Set_MsgTag(L4_Niltag);
    L4_Send(other);
    if (!fires) {
        L4_Sleep(L4_TimePeriod(100));
        return wrote;
    }
    L4_ThreadId_t from;
    L4_Set_MsgTag(L4_Niltag);
    L4_MsgTag_t tag = L4_ReplyWait(line, &from);
    uint64_t after = lab_stamp();
    if (L4_IpcFailed(tag) || !L4_IsThreadEqual(from, line))
        lab_fail(KEY, ERR_BAD_STATE);
    exo_port_write(SLOT_PORTS, DATA, 1, mode);
    clock_read(REG_C);
    return after - before;
}

static void associate(L4_ThreadId_t line)
{
    slot_t kmem = SLOT_NONE;
    pfn_t first;
    enum err e = slot_take(&kmem);

    if (e == ERR_OK)
        e = region_find(1, &first);
    if (e == ERR_OK)
        e = exo_cap_copy(SLOT_ENV, kmem, SLOT_MEMORY, RIGHT_ALL, first, 1);
    if (e == ERR_OK)
        e = exo_env_kmem(SLOT_ENV, kmem);
    if (e == ERR_OK)
        e = exo_env_privilege(SLOT_ENV, SLOT_MACHINE);
    if (e == ERR_OK && !L4_AssociateInterrupt(line, L4_Myself()))
        e = ERR_BAD_STATE;
    if (e)
        lab_fail(KEY, e);
}

void lab_line(const struct archive *a)
{
    L4_ThreadId_t line = L4_GlobalId(LINE, 1);
    uint64_t own = L4_MyGlobalId().raw;
    struct thread thread;

    (void)a;
    associate(line);
    enum err e = thread_run(&thread, interrupted, &own, THREAD_CPU_HERE, THREAD_PRIORITY - 1);
    if (e)
        lab_fail(KEY, e);
    L4_Sleep(L4_TimePeriod(1000)); /* it waits */
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample counters = lab_counters();
        lab_keep(&plain, i, round_ticks(line, L4_ThreadIdOf(thread.id), false), counters);
    }
    for (uint32_t i = 0; i < LAB_WARM + LAB_ROUNDS; i++) {
        struct lab_sample counters = lab_counters();
        lab_keep(&series, i, round_ticks(line, L4_ThreadIdOf(thread.id), true), counters);
    }
    lab_report(KEY, &series, lab_median(&plain), 1, 1);
    L4_DeassociateInterrupt(line);
    thread_destroy(&thread);
}

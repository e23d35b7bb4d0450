/* What an IPC between two CPUs costs, on a machine of two: run_lab.py says how that is counted. */
#include <l4/ipc.h>

#include "libos/libos.h"
#include "libos/log.h"
#include "libos/thread.h"
#include "tests/lab/lab.h"

#define THERE 1u

static struct lab_series series;

static void echo_thread(void *client)
{
    lab_echo_closed(*(const uint64_t *)client);
}

static void set_tag(void *argument, uint32_t round)
{
    (void)argument, (void)round;
    L4_Set_MsgTag(L4_Niltag);
}

CPU_INLINE void call_once(void *argument, uint32_t round)
{
    (void)round;
    L4_Call(L4_ThreadIdOf(*(const uint64_t *)argument));
}

int main(void)
{
    uint64_t own = L4_MyGlobalId().raw;
    struct thread thread;
    enum err e = libos_setup();

    if (e == ERR_OK)
        e = thread_run(&thread, echo_thread, &own, THERE, THREAD_PRIORITY);
    if (e)
        lab_fail("ipc.cross.0", e);
    uint64_t empty = lab_empty();
    lab_measure(&series, set_tag, call_once, &thread.id);
    if (L4_IpcFailed(L4_MsgTag()))
        lab_fail("ipc.cross.0", ERR_BAD_STATE);
    lab_report("ipc.cross.0", &series, empty, 2, 2);
    log_line("end");
    return 0;
}

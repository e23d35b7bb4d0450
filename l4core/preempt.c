/* Preemption messages: to a thread's scheduler when its quantum is used up, and to its exception
 * handler when it has delayed its preemption for too long. L4 X.2 reference manual, "Preemption
 * protocol". */
#include "exo/abi/l4.h"
#include "exo/abi/utcb.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"
#include "exo/env/meter.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/ipc.h"
#include "l4core/time.h"

void hook_preempted(struct thread *t)
{
    const bool quantum = t->due & DUE_QUANTUM;
    const word_t to = quantum ? t->scheduler : *thread_mr(t, TCR_EXC_HANDLER);

    t->due &= (uint8_t) ~(quantum ? DUE_QUANTUM : DUE_DELAY);
    if (quantum)
        t->quantum_left = t->meter.quantum;
    bool tells = ipc_call_for(t, to, IPC_PREEMPTION, TAG_MAKE(LABEL_PREEMPTION, 2, 0), l4_clock());
    cpu_this()->chosen = NULL; /* whoever is told runs when its priority says so */
    if (quantum && !tells)     /* nobody gives it more time */
        sched_block(t, THREAD_STOPPED);
}

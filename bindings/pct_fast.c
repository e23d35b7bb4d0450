/* The common protected control transfers: to the callee of last time, which waits, and back from
 * it. Everything else is left to the calls. */
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"

word_t hook_pct_call(word_t slot)
{
    struct thread *caller = (struct thread *)CPU_GET(current), *callee = caller->pct_target;

    if (slot != caller->pct_slot || caller->pct_epoch != thread_epoch ||
        CPU_GET(awaits_transfer) != callee->readiness)
        return 0;
    callee->pct_caller = caller;
    caller->state = THREAD_PCT_CALLING;
    sched_direct(caller, callee);
    return arch_pct_enter(&callee->arch, callee->pct_caller->global_id);
}

word_t hook_pct_return(void)
{
    struct thread *callee = (struct thread *)CPU_GET(current), *client = callee->pct_caller;

    if (!client || client->events || client->kind != callee->kind)
        return 0;
    callee->pct_caller = NULL;
    callee->state = THREAD_PCT_IDLE;
    sched_direct(callee, client);
    return arch_pct_return(&client->arch);
}

/* The L4 calls: from the link of the kernel interface page to what it does. */
#include "exo/abi/kip.h"
#include "exo/abi/l4.h"
#include "exo/entry/main.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"
#include "l4core/control.h"
#include "l4core/ipc.h"
#include "l4core/map.h"
#include "l4core/partner.h"
#include "l4core/time.h"

static void call_ipc(struct thread *t, struct regs *r)
{
    ipc_do(t, r->rsi, r->rdx, r->r8);
}

static void call_thread_switch(struct thread *t, struct regs *r)
{
    bool walks = ipc_find_walks(r->rdi);

    if (walks && !forest_lock_for(t))
        return;
    struct thread *p = r->rdi ? ipc_find(t, r->rdi) : NULL;
    if (walks)
        forest_unlock();
    sched_yield();
    if (p && p->cpu == t->cpu && p->state == THREAD_READY)
        sched_handoff(p);
}

static void call_system_clock(struct thread *t, struct regs *r)
{
    (void)t;
    r->rax = l4_clock();
}

/* Frequencies and voltages are the firmware's: whatever is asked for must be so already. */
static void call_processor_control(struct thread *t, struct regs *r)
{
    const uint64_t khz = arch_tick_khz();
    bool as_it_is = (!r->rsi || r->rsi == khz) && (!r->rdx || r->rdx == khz) && !r->r8;

    if (!t->env->privileged)
        control_answer(t, CALL_ERROR_NO_PRIVILEGE);
    else
        control_answer(t, r->rdi < cpu_count && as_it_is ? 0 : CALL_ERROR_PARAMETER);
}

static void (*const calls[LINK_COUNT])(struct thread *, struct regs *) = {
    [LINK_IPC] = call_ipc,
    [LINK_LIPC] = call_ipc,
    [LINK_THREAD_SWITCH] = call_thread_switch,
    [LINK_SYSTEM_CLOCK] = call_system_clock,
    [LINK_UNMAP] = unmap_do,
    [LINK_THREAD_CONTROL] = thread_control_do,
    [LINK_SPACE_CONTROL] = space_control_do,
    [LINK_EXCHANGE_REGISTERS] = exregs_do,
    [LINK_SCHEDULE] = schedule_do,
    [LINK_PROCESSOR_CONTROL] = call_processor_control,
    [LINK_MEMORY_CONTROL] = memory_control_do,
};

void hook_l4_call(struct thread *t, unsigned link)
{
    if (link < LINK_COUNT)
        calls[link](t, thread_regs(t));
}

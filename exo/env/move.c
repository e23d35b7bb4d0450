/* Moving a thread to another CPU, whatever it does: decision 12. */
#include "exo/abi/syscall.h"
#include "exo/arch/cpu.h"
#include "exo/base/assert.h"
#include "exo/env/cpu.h"
#include "exo/env/hooks.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"

struct move {
    struct thread *thread;
    uint32_t cpu;
    uint8_t priority;
    bool self;                /* the thread's own call, which is not made again              */
    bool refused;             /* it is in a protected control transfer                       */
    uint8_t state;            /* to have there; THREAD_READY: to be queued                   */
    uint64_t deadline, timer; /* FOREVER: none is set                                        */
};

static bool runs(const struct thread *t)
{
    return t->state == THREAD_RUNNING || t->state == THREAD_READY;
}

/* Takes the thread out of all that is this CPU's. One that runs and came by a call can only be
 * waiting for the forest lock, which the mover holds: the call has not begun. */
static void depart_here(void *argument)
{
    struct move *m = argument;
    struct thread *t = m->thread;

    m->refused = t->pct_caller || t->pct_callee;
    if (m->refused)
        return;
    if (m->cpu != t->cpu)
        hook_thread_moving(t);
    if (t->state == THREAD_RUNNING && !m->self && thread_regs(t)->vector == VECTOR_CALL)
        regs_call_again(thread_regs(t));
    m->deadline = list_is_empty(&t->sleep_link) ? FOREVER : t->deadline;
    sched_clear_deadline(t);
    m->timer = sched_set_timer(t, FOREVER, 0);
    m->state = runs(t) ? THREAD_READY : t->state;
    sched_release(t);
}

static void arrive_here(void *argument)
{
    const struct move *m = argument;
    struct thread *t = m->thread;

    t->cpu = (uint16_t)m->cpu;
    t->priority = m->priority;
    *thread_mr(t, TCR_PROCESSOR) = m->cpu;
    if (m->timer != FOREVER)
        sched_set_timer(t, m->timer, t->timer_bits);
    if (m->deadline != FOREVER)
        sched_set_deadline(t, m->deadline);
    if (m->state == THREAD_READY)
        sched_wake(t);
    else
        t->state = m->state;
}

bool thread_move(struct thread *t, uint32_t cpu, uint8_t priority, bool self)
{
    struct move m = {.thread = t, .cpu = cpu, .priority = priority, .self = self};

    ASSERT(t->state != THREAD_DEAD && cpu < cpu_count);
    cpu_call(t->cpu, depart_here, &m);
    if (m.refused)
        return false;
    cpu_call(cpu, arrive_here, &m);
    return true;
}

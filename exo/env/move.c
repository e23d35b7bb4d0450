/* Moving a thread to another CPU, whatever it does: decision 12. */
#include "exo/abi/error.h"
#include "exo/abi/syscall.h"
#include "exo/arch/cpu.h"
#include "exo/base/assert.h"
#include "exo/env/counts.h"
#include "exo/env/cpu.h"
#include "exo/env/meter.h"
#include "exo/env/sched.h"
#include "exo/env/thread.h"

struct move {
    struct thread *thread;
    uint16_t cpu;
    uint8_t priority;
    bool by_itself; /* by a call of the thread's own                               */
    int error;
    uint8_t state;            /* to have there; THREAD_READY: to be queued                   */
    uint64_t deadline, timer; /* FOREVER: none is set                                        */
};

static bool runs(const struct thread *t)
{
    return t->state == THREAD_RUNNING || t->state == THREAD_READY;
}

/* One that runs and is not interrupted is in a call of its own: it waits for the forest lock, which
 * the mover holds, and its registers may not be saved. Those of who was interrupted there are. */
static bool is_in_call(const struct thread *t)
{
    return t->state == THREAD_RUNNING && t->arch.regs.vector == VECTOR_CALL && !thread_goes_on(t);
}

int thread_may_move(const struct thread *t, bool by_itself)
{
    if (t->pct_caller || t->state == THREAD_PCT_CALLING)
        return ERR_BAD_STATE;
    return is_in_call(t) && !by_itself ? CALL_AGAIN : ERR_OK;
}

/* Takes the thread out of all that is this CPU's. */
static void depart_here(void *argument)
{
    struct move *m = argument;
    struct thread *t = m->thread;

    m->error = thread_may_move(t, m->by_itself);
    if (m->error)
        return;
    m->deadline = list_is_empty(&t->sleep_link) ? FOREVER : t->deadline;
    sched_clear_deadline(t);
    m->timer = sched_set_timer(t, FOREVER, 0);
    m->state = runs(t) ? THREAD_READY : t->state;
    sched_release(t);
    t->cpu = CPU_NONE;
}

static void arrive_here(void *argument)
{
    const struct move *m = argument;
    struct thread *t = m->thread;

    t->cpu = m->cpu;
    t->counts = counts_at(t->env ? t->env->number : 0, m->cpu);
    t->priority = m->priority;
    thread_apply_counters(t);
    meter_set_guard(t);
    if (t->utcb)
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

int thread_move(struct thread *t, uint32_t cpu, uint8_t priority, bool by_itself)
{
    struct move m = {
        .thread = t, .cpu = (uint16_t)cpu, .priority = priority, .by_itself = by_itself};

    ASSERT(t->state != THREAD_DEAD && cpu < cpu_count);
    cpu_call(t->cpu, depart_here, &m);
    if (m.error == ERR_OK)
        cpu_call(cpu, arrive_here, &m);
    return m.error;
}

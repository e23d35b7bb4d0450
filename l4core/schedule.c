/* Schedule: priority and processor of a thread, by its scheduler. L4 X.2 reference manual. Time is
 * given out by the slice vectors: a thread's own slice and quantum are endless. */
#include "exo/abi/error.h"
#include "exo/abi/l4.h"
#include "exo/abi/syscall.h"
#include "exo/env/cpu.h"
#include "exo/env/env.h"
#include "exo/env/sched.h"
#include "exo/env/slice.h"
#include "exo/env/thread.h"
#include "l4core/control.h"

#define TIME_ENDLESS 0u /* slice and quantum: never */

struct schedule {
    struct thread *caller, *thread;
    word_t time, processor, priority, preemption;
};

/* A scheduler that is gone, or was never named: whoever is in the thread's own space. */
static bool may_schedule(const struct env *e, const struct thread *t)
{
    const struct thread *scheduler = control_find(t->scheduler);

    return e->privileged || e == (scheduler ? scheduler->env : t->env);
}

static word_t state_of(const struct thread *t)
{
    if (t->transfer_with)
        return t->transfer_sends ? SCHEDULE_SENDING : SCHEDULE_RECEIVING;
    switch (t->state) {
    case THREAD_DEAD:
        return SCHEDULE_DEAD;
    case THREAD_STOPPED:
        return SCHEDULE_INACTIVE;
    case THREAD_READY:
    case THREAD_RUNNING:
        return SCHEDULE_RUNNING;
    case THREAD_IPC_SEND:
        return SCHEDULE_PENDING_SEND;
    default:
        return SCHEDULE_WAITING;
    }
}

static struct thread *find(const struct env *e, word_t id)
{
    struct thread *t = thread_by_number((uint32_t)(id >> 32));

    return L4_IS_LOCAL(id) ? control_find_own(e, id) : t && t->global_id == id ? t : NULL;
}

static bool is_unchanged(word_t word, word_t what_it_is)
{
    return word == SCHEDULE_UNCHANGED || word == what_it_is;
}

static unsigned check(struct schedule *s, word_t dest)
{
    s->thread = find(s->caller->env, dest);
    if (!s->thread)
        return CALL_ERROR_THREAD;
    const struct thread *t = s->thread;
    if (!may_schedule(s->caller->env, t))
        return CALL_ERROR_NO_PRIVILEGE;
    if (s->priority == SCHEDULE_UNCHANGED)
        s->priority = t->priority;
    else if (s->priority < PRIORITIES && s->priority > s->caller->priority &&
             !s->caller->env->privileged)
        return CALL_ERROR_NO_PRIVILEGE;
    if (s->processor == SCHEDULE_UNCHANGED)
        s->processor = t->cpu;
    bool good = s->priority < PRIORITIES && s->processor < cpu_count &&
                is_unchanged(s->time, TIME_ENDLESS) && is_unchanged(s->preemption, 0) &&
                (s->processor == t->cpu || !slice_is_had(t));
    return good ? 0 : CALL_ERROR_PARAMETER;
}

static void answer(struct regs *r, word_t result)
{
    r->rax = result;
    r->rdx = TIME_ENDLESS;
}

/* Who moves himself has his answer before, for he may run elsewhere at once. */
static int perform(const struct schedule *s)
{
    struct thread *t = s->thread;

    answer(thread_regs(s->caller), state_of(t));
    if (t->state == THREAD_DEAD || (s->processor == t->cpu && s->priority == t->priority))
        return ERR_OK;
    return thread_move(t, (uint32_t)s->processor, (uint8_t)s->priority, t == s->caller);
}

/* One attempt. CALL_AGAIN: the thread waits for the lock, and gets it before the next. */
static int attempt(struct thread *caller, struct schedule s, word_t dest)
{
    if (!forest_lock_for(caller))
        return ERR_OK;
    s.caller = caller;
    unsigned error = check(&s, dest);
    int moved = error ? ERR_OK : perform(&s);
    if (moved == ERR_BAD_STATE) /* in a protected control transfer */
        error = CALL_ERROR_PARAMETER;
    if (error) {
        *thread_mr(caller, TCR_ERROR) = error;
        answer(thread_regs(caller), SCHEDULE_ERROR);
    }
    forest_unlock();
    return moved;
}

void schedule_do(struct thread *caller, struct regs *r)
{
    const struct schedule wanted = {
        .time = r->rdx, .processor = r->r8, .priority = r->rsi, .preemption = r->r9};
    const word_t dest = r->rdi;

    while (attempt(caller, wanted, dest) == CALL_AGAIN)
        ;
}
